/*
 * fault.h
 *		Faults on demand. A rule says where (endpoint, channel, recipient, words in the body), when (probability, every
 *nth, nth attempt of a retry key, how often, for how long) and what (a kind of fault.c's table).
 *
 * A rule is written as ENDPOINT:name=value:name=value..., on the command line or to /sandbox/faults.
 */
#ifndef SANDBOX_FAULT_H
#define SANDBOX_FAULT_H

#include "sandbox.h"

/* What a rule may look at. */
typedef struct FaultCase
{
	const Route *route;
	const char *channel;
	uint32_t attempt;
	const uint32_t *people;
	size_t people_count;
	const char *body;
	size_t body_len;
	bool headers_only; /* the body is not read yet: only early answers */
} FaultCase;

/* Expect the state lock to be held. */
extern int fault_add(const char *spec, char *error, size_t error_size);
extern int fault_add_json(json_t *rule, char *error, size_t error_size);
extern void fault_pick(const FaultCase *c, Fault *out);
extern json_t *fault_list(void);
extern bool fault_remove(int id);
extern void fault_clear(void);
extern void fault_kinds(Buf *out);

/* Makes the answer of a fault that does not accept. */
extern void fault_answer(Request *r, const Fault *fault, int index);

#endif
