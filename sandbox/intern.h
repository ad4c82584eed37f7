/*
 * intern.h
 *		Numbers for byte strings of one fixed length: 0, 1, 2... in the order they were first seen.
 *
 * Everything the sandbox remembers about millions of recipients and keys is an array indexed by such a number, so that
 *a recipient of a delivery costs four bytes.
 */
#ifndef SANDBOX_INTERN_H
#define SANDBOX_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOT_FOUND UINT32_MAX

typedef struct Intern
{
	size_t keylen;
	uint8_t *keys;   /* count * keylen */
	uint32_t *slots; /* number + 1, 0 = free */
	uint32_t count;
	uint32_t room; /* keys allocated */
	uint32_t mask;
} Intern;

extern void intern_init(Intern *in, size_t keylen);
extern uint32_t intern(Intern *in, const void *key, bool *created);
extern void intern_many(Intern *in, const uint8_t *keys, size_t n, uint32_t *out);
extern uint32_t intern_find(const Intern *in, const void *key);
extern void intern_clear(Intern *in);

static inline const uint8_t *
intern_key(const Intern *in, uint32_t number)
{
	return in->keys + (size_t) number * in->keylen;
}

#endif
