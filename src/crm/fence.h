/*
 * fence.h
 *		What a query in the gate cannot do, at any depth; and the clock that ends it.
 */
#ifndef LINECRM_FENCE_H
#define LINECRM_FENCE_H

#include "datatype/timestamp.h"

/* One open gate. Lives on the C stack of run_as.c. */
typedef struct LcFence
{
	Oid author;
	TimestampTz deadline; /* the end of this query or of the one around it, whichever is first */
	struct LcFence *outer;
} LcFence;

/* Called once by _PG_init: hooks, and the setting that tells parallel workers that a gate is open. */
extern void fence_init(void);

/* Closes the fence around what runs from now on; inside a subtransaction, which fence_lower() does not end. */
extern void fence_raise(LcFence *fence, Oid author, int timeout_ms);
extern void fence_lower(LcFence *fence);

/* Has the clock of this fence run out? */
extern bool fence_overdue(const LcFence *fence);

/* How many gates are open in this process, one inside the other. */
extern int fence_depth(void);

/* The author of the innermost open gate, also in its parallel workers; InvalidOid when none is open. */
extern Oid fence_author(void);

#endif
