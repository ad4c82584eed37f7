/*
 * options.h
 *		The command line of the server.
 */
#ifndef SANDBOX_OPTIONS_H
#define SANDBOX_OPTIONS_H

#include <stdbool.h>

/* Fills options and state; false: said what is wrong, or --help was asked. */
extern bool options_read(int argc, char **argv);

#endif
