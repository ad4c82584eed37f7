/*
 * scan.h
 *		Where the values of "to" and "messages" stand in a body, byte for byte.
 */
#ifndef SANDBOX_SCAN_H
#define SANDBOX_SCAN_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Span
{
	size_t at;
	size_t len; /* 0: absent */
} Span;

extern bool scan_body(const char *body, size_t len, Span *to, Span *messages);
extern bool scan_id(const char **p, const char *end, const char **id);

#endif
