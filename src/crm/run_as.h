/*
 * run_as.h
 *		The gate: the only way in which SQL that users wrote is run.
 */
#ifndef LINECRM_RUN_AS_H
#define LINECRM_RUN_AS_H

#include "access/tupdesc.h"
#include "executor/tuptable.h"

/* A query that somebody saved. */
typedef struct LcQuery
{
	const char *what;        /* how messages call it: segment "vip" */
	const char *author;      /* the role whose rights it runs with */
	const char *search_path; /* what his names meant when he saved it */
	const char *time_zone;   /* NULL: the session's */
	const char *text;
	int timeout_ms;    /* 0: linecrm.segment_timeout */
	double cost_limit; /* 0: linecrm.segment_cost_limit */
} LcQuery;

/*
 * Who takes the rows. begin() is told the columns once the query is planned, before it runs, and may refuse them; row()
 * gets each row. Both are called inside the gate, as the author, in a short-lived memory context.
 */
typedef struct LcRowTaker
{
	void (*begin)(struct LcRowTaker *taker, TupleDesc columns);
	void (*row)(struct LcRowTaker *taker, TupleTableSlot *slot);
} LcRowTaker;

/* Runs the query; an error if anything about it is wrong. What it has done but read is undone. */
extern void run_as_execute(const LcQuery *query, LcRowTaker *taker);

/* All of it but running: text, rights, columns, cost. */
extern void run_as_check(const LcQuery *query, LcRowTaker *taker);

#endif
