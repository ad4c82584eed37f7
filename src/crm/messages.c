/*
 * messages.c
 *		Asks src/line whether LINE would take messages, for SQL and for rendering; counts pushes of a transaction.
 *
 * The checker calls back for each problem while it holds memory of its own, so the callback must not throw: it copies
 * into room that was allocated before. Runs in any backend, reads no table, takes no lock.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "crm/template.h"
#include "line/message_limits.h"

PG_FUNCTION_INFO_V1(linecrm_validate_messages);
PG_FUNCTION_INFO_V1(linecrm_count_push);

#define LC_PROBLEM_PATH_MAX 512
#define LC_PROBLEM_TEXT_MAX 512

typedef struct LcFoundProblem
{
	char path[LC_PROBLEM_PATH_MAX];
	char problem[LC_PROBLEM_TEXT_MAX];
} LcFoundProblem;

typedef struct LcFoundProblems
{
	int count;
	int room;
	LcFoundProblem *items;
} LcFoundProblems;

static void collect_problem(void *arg, const LcProblem *problem);
static void cut_utf8(char *text);

/*
 * linecrm.validate_messages(messages jsonb) returns table (path text, problem text)
 *
 * Variables are allowed: what stands between the braces counts as nothing, and the rendered result is checked again.
 */
Datum
linecrm_validate_messages(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	LcFoundProblems found = {0, LC_PROBLEMS_MAX, NULL};
	const char *json = "null";

	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(0))
	{
		Jsonb *messages = PG_GETARG_JSONB_P(0);

		json = JsonbToCString(NULL, &messages->root, VARSIZE(messages));
	}
	found.items = palloc(sizeof(LcFoundProblem) * found.room);
	lc_check_messages(json, strlen(json), LC_CHECK_TEMPLATE, collect_problem, &found);
	for (int i = 0; i < found.count; i++)
	{
		Datum values[2] = {CStringGetTextDatum(found.items[i].path), CStringGetTextDatum(found.items[i].problem)};
		bool nulls[2] = {false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

char *
lc_first_problem(const char *body, int length)
{
	LcFoundProblem item;
	LcFoundProblems found = {0, 1, &item};

	if (lc_check_content(body, length, 0, collect_problem, &found) == 0)
		return NULL;
	return psprintf("%s: %s", item.path, item.problem);
}

/*
 * linecrm_internal._count_push() returns bigint: how many pushes this transaction has made, this one included. A GUC
 * would be simpler and could be set by the person whom the limit protects.
 */
Datum
linecrm_count_push(PG_FUNCTION_ARGS)
{
	static LocalTransactionId counted = InvalidLocalTransactionId;
	static int64 pushes = 0;

	if (counted != LC_MY_LOCAL_XID)
	{
		counted = LC_MY_LOCAL_XID;
		pushes = 0;
	}
	PG_RETURN_INT64(++pushes);
}

static void
collect_problem(void *arg, const LcProblem *problem)
{
	LcFoundProblems *found = arg;
	LcFoundProblem *item;

	if (found->count >= found->room)
		return;
	item = &found->items[found->count++];
	strlcpy(item->path, problem->path, sizeof(item->path));
	if (problem->limit >= 0 && problem->actual >= 0)
		snprintf(item->problem, sizeof(item->problem), "%s: " INT64_FORMAT ", the limit is " INT64_FORMAT,
		         problem->problem, problem->actual, problem->limit);
	else if (problem->limit >= 0)
		snprintf(item->problem, sizeof(item->problem), "%s: the limit is " INT64_FORMAT, problem->problem,
		         problem->limit);
	else
		strlcpy(item->problem, problem->problem, sizeof(item->problem));
	cut_utf8(item->path);
	cut_utf8(item->problem);
}

/* A copy that was cut in the middle of a character ends before it. */
static void
cut_utf8(char *text)
{
	int length = strlen(text);
	int last = length;

	while (last > 0 && ((unsigned char) text[last - 1] & 0xC0) == 0x80)
		last--;
	if (last > 0)
	{
		unsigned char lead = text[last - 1];
		int size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

		if (last - 1 + size > length)
			text[last - 1] = '\0';
	}
}
