/*
 * check.h
 *		Are these message objects what LINE would take?
 */
#ifndef SANDBOX_CHECK_H
#define SANDBOX_CHECK_H

#include "sandbox.h"

/* Appends {"message", "property"} objects to errors for everything found wrong. */
extern void check_messages(json_t *messages, json_t *errors);
extern void check_error(json_t *errors, const char *message, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
extern void check_range(json_t *errors, const char *what, long low, long high, const char *property);

#endif
