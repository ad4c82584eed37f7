/*
 * turns.c
 *		SQL functions that clerk and planner call again and again until there is nothing left to do.
 *
 * Each call is one transaction. A function that fails is logged once, shown by doctor(), and called again with
 * back-off, up to a minute; the others go on. A function that does not exist is no error: the library may be newer than
 * the SQL that is installed, until ALTER EXTENSION UPDATE.
 *
 * Runs in clerk and planner. Throws nothing of its own.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "worker/turns.h"
#include "worker/worker.h"

#define FIRST_BACKOFF_MS 200
#define LONGEST_BACKOFF_MS 60000

typedef struct LcTurnStep
{
	const char *name;
	bool ask_time;
	int64 did;
	TimestampTz time;
} LcTurnStep;

static void turn_step(void *arg);
static bool function_exists(const char *name);

/* Calls each function once, unless it is in its back-off. True if any of them did something: call again. */
bool
turns_run(LcTurn *turns, int count)
{
	bool busy = false;

	for (int i = 0; i < count; i++)
	{
		LcTurn *turn = &turns[i];
		LcTurnStep step = {turn->name};

		if (turn->not_before > worker_clock())
			continue;
		worker_check_interrupts();
		if (worker_transaction(turn->what, turn_step, &step))
		{
			turn->failures = 0;
			turn->left_to_others = step.did < 0;
			busy |= step.did > 0;
			continue;
		}
		turn->not_before =
			worker_clock() + 1000 * Min((int64) FIRST_BACKOFF_MS << Min(turn->failures, 10), (int64) LONGEST_BACKOFF_MS);
		turn->failures++;
	}
	if (busy)
		shmem_note_work(my_worker);
	return busy;
}

/*
 * What a function without arguments says is the next time to look, by worker_clock(); PG_INT64_MAX for NULL, errors and a
 * missing function.
 */
int64
turns_ask_time(const char *function)
{
	LcTurnStep step = {function, true, 0, DT_NOEND};

	(void) worker_transaction("look for what falls due next", turn_step, &step);
	if (TIMESTAMP_NOT_FINITE(step.time))
		return step.time == DT_NOBEGIN ? 0 : PG_INT64_MAX;
	return worker_clock() + Min(step.time - GetCurrentTimestamp(), 365 * USECS_PER_DAY);
}

static void
turn_step(void *arg)
{
	LcTurnStep *step = arg;
	char sql[128];
	bool isnull;
	Datum value;

	if (!function_exists(step->name))
		return;
	snprintf(sql, sizeof(sql), step->ask_time ? "SELECT linecrm_internal.%s()" : "SELECT linecrm_internal.%s()::bigint",
			 step->name);
	if (SPI_execute(sql, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		return;
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		return;
	if (step->ask_time)
		step->time = DatumGetTimestampTz(value);
	else
		step->did = DatumGetInt64(value);
}

static bool
function_exists(const char *name)
{
	List *names = list_make2(makeString("linecrm_internal"), makeString(pstrdup(name)));

	return OidIsValid(LookupFuncName(names, 0, NULL, true));
}
