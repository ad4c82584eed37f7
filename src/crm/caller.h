/*
 * caller.h
 *		Who asked: the stack of callers that the trampoline (call_inner.c) and the gate (run_as.c) keep.
 */
#ifndef LINECRM_CALLER_H
#define LINECRM_CALLER_H

/*
 * One public function being executed, or one query being run for its author. Frames live on the C stack of whoever
 * pushed them, and are popped on every exit.
 */
typedef struct LcCaller
{
	Oid role;                /* who asked */
	Oid function;            /* the outermost public function he called; InvalidOid for a query in the gate */
	const char *search_path; /* his search_path as he called */
	struct LcCaller *outer;
} LcCaller;

extern LcCaller *caller_top;

/* The extension's owner: the role that inner functions run as. */
extern Oid caller_extension_owner(void);

/*
 * The frame that counts now: the top one while we run as the extension's owner, else NULL, because then the current
 * user himself is the one who asks.
 */
extern LcCaller *caller_frame(void);

/* The role that asks: the frame's, or the current user. */
extern Oid caller_role(void);

#endif
