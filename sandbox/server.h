/*
 * server.h
 *		Starting and stopping the HTTP server.
 */
#ifndef SANDBOX_SERVER_H
#define SANDBOX_SERVER_H

#include <stdbool.h>

/* Returns the port, 0: could not start. */
extern int server_start(void);
extern void server_stop(void);

#endif
