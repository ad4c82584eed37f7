/*
 * turns.h
 *		SQL functions that a worker calls again and again until there is nothing left to do.
 */
#ifndef LINECRM_TURNS_H
#define LINECRM_TURNS_H

#include "datatype/timestamp.h"

/* One such function: linecrm_internal.NAME(), which returns how much it did, -1 when another process is at its work. */
typedef struct LcTurn
{
	const char *name;
	const char *what; /* completes "linecrm could not ..." */
	int failures;
	int64 not_before; /* after an error, by worker_clock() */
	bool left_to_others;    /* who may stop at any time and tells nobody: look again soon */
} LcTurn;

extern bool turns_run(LcTurn *turns, int count);
extern int64 turns_ask_time(const char *function);

#endif
