/*
 * fence.c
 *		What a query in the gate (run_as.c) cannot do, at any depth; and the clock that ends it.
 *
 * A read-only transaction is not enough: lo_*, pg_notify, advisory locks, dblink and many more work in it, also from
 * inside the author's own functions. So while a gate is open
 *  - every function that the executor prepares to call is looked at (object_access_hook), wherever it stands: in the
 *    text, in a view, a policy, an operator, an aggregate, or in a function's body. Volatile ones are refused, but for a
 *    short list that only looks at the clock or draws random numbers;
 *  - every utility statement but reading a cursor is refused (ProcessUtility_hook): what reaches a function's body
 *    without passing the executor, such as a cast to json, still cannot NOTIFY, SET, COPY, CALL or DO;
 *  - a clock runs. It cancels, and again each 100 ms, since a function can catch that; one that goes on catching loses
 *    its session. statement_timeout cannot be used: set inside a statement it has no effect.
 *
 * Parallel workers know of the gate by the setting linecrm.gate, which PostgreSQL copies to them; nobody can SET it.
 * Nested gates stack. Everything is backend-local; the signal handler only sets flags.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "compat.h"
#include "crm/fence.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

/* How often an author's function may catch our cancel before its session ends. */
#define LC_FENCE_PATIENCE 20
#define LC_FENCE_REPEAT_MS 100

static LcFence *innermost = NULL;
static bool changing_setting = false;
static char *gate_setting;

static TimeoutId clock_id = MAX_TIMEOUTS;
static volatile sig_atomic_t clock_ran_out = false;
static volatile sig_atomic_t cancels = 0;

static object_access_hook_type next_access_hook;
static ProcessUtility_hook_type next_utility_hook;

static bool check_gate_setting(char **newval, void **extra, GucSource source);
static void look_at_function(ObjectAccessType access, Oid classId, Oid objectId, int subId, void *arg);
static bool is_harmless(Oid function);
static void look_at_utility(PlannedStmt *statement, const char *text, bool read_only_tree,
                            ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
                            DestReceiver *dest, QueryCompletion *completion);
static void start_clock(TimestampTz deadline);
static void stop_clock(void);
static void clock_handler(void);

void
fence_init(void)
{
	DefineCustomStringVariable("linecrm.gate", "Author of the query that runs in the gate; for parallel workers.", NULL,
	                           &gate_setting, "", PGC_USERSET,
	                           GUC_NO_SHOW_ALL | GUC_NO_RESET_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
	                           check_gate_setting, NULL, NULL);
	next_access_hook = object_access_hook;
	object_access_hook = look_at_function;
	next_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = look_at_utility;
}

void
fence_raise(LcFence *fence, Oid author, int timeout_ms)
{
	char value[16];

	snprintf(value, sizeof(value), "%u", author);
	changing_setting = true;
	PG_TRY();
	{
		(void) set_config_option("linecrm.gate", value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, ERROR,
		                         false);
	}
	PG_FINALLY();
	{
		changing_setting = false;
	}
	PG_END_TRY();

	fence->author = author;
	fence->deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);
	fence->outer = innermost;
	if (innermost != NULL)
		fence->deadline = Min(fence->deadline, innermost->deadline);
	else
		cancels = 0;
	innermost = fence;
	start_clock(fence->deadline);
}

/* The setting goes back with the subtransaction; the clock of the gate around this one goes on. */
void
fence_lower(LcFence *fence)
{
	stop_clock();
	innermost = fence->outer;
	if (innermost != NULL)
		start_clock(innermost->deadline);
}

bool
fence_overdue(const LcFence *fence)
{
	return clock_ran_out && GetCurrentTimestamp() >= fence->deadline;
}

int
fence_depth(void)
{
	int depth = 0;

	for (LcFence *fence = innermost; fence != NULL; fence = fence->outer)
		depth++;
	return depth;
}

Oid
fence_author(void)
{
	if (innermost != NULL)
		return innermost->author;
	if (IsParallelWorker() && gate_setting != NULL && gate_setting[0] != '\0')
		return (Oid) strtoul(gate_setting, NULL, 10);
	return InvalidOid;
}

static bool
check_gate_setting(char **newval, void **extra, GucSource source)
{
	if (changing_setting || InitializingParallelWorker || (source == PGC_S_DEFAULT && **newval == '\0'))
		return true;
	GUC_check_errdetail("This setting belongs to linecrm alone.");
	return false;
}

/* Called for each function that the executor prepares to call. */
static void
look_at_function(ObjectAccessType access, Oid classId, Oid objectId, int subId, void *arg)
{
	const char *name;

	if (next_access_hook)
		next_access_hook(access, classId, objectId, subId, arg);
	if (access != OAT_FUNCTION_EXECUTE || !OidIsValid(fence_author()) || is_harmless(objectId))
		return;
	name = format_procedure_qualified(objectId);
	ereport(ERROR,
	        (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
	         errmsg("function %s may change something and cannot be called here", name),
	         errdetail(
	             "Segments and other stored queries only read; functions that are VOLATILE are refused at any depth."),
	         objectId >= FirstNormalObjectId ? errhint("If it only reads: ALTER FUNCTION %s STABLE;", name) : 0));
}

/*
 * What is not volatile cannot write: SPI refuses it in its body. The few volatile ones here do not either, and those
 * that draw a transaction id are not worth the id.
 */
static bool
is_harmless(Oid function)
{
	switch (function)
	{
		case LC_F_RANDOM:
		case F_CLOCK_TIMESTAMP:
		case F_TIMEOFDAY:
		case F_GEN_RANDOM_UUID:
			return true;
		case F_TXID_CURRENT:
		case F_PG_CURRENT_XACT_ID:
			return false;
		default:
			return func_volatile(function) != PROVOLATILE_VOLATILE;
	}
}

static void
look_at_utility(PlannedStmt *statement, const char *text, bool read_only_tree, ProcessUtilityContext context,
                ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	Node *node = statement->utilityStmt;

	if (OidIsValid(fence_author()) && !IsA(node, VariableShowStmt) && !IsA(node, DeclareCursorStmt) &&
	    !IsA(node, FetchStmt) && !IsA(node, ClosePortalStmt))
		ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
		                errmsg("%s cannot be used here", GetCommandTagName(CreateCommandTag(node))),
		                errdetail("Segments and other stored queries only read.")));
	if (next_utility_hook)
		next_utility_hook(statement, text, read_only_tree, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(statement, text, read_only_tree, context, params, environment, dest, completion);
}

static void
start_clock(TimestampTz deadline)
{
	if (clock_id == MAX_TIMEOUTS)
		clock_id = RegisterTimeout(USER_TIMEOUT, clock_handler);
	clock_ran_out = false;
	enable_timeout_every(clock_id, deadline, LC_FENCE_REPEAT_MS);
}

/* A cancel of ours that nobody has noticed yet must not hit what comes after. */
static void
stop_clock(void)
{
	disable_timeout(clock_id, false);
	if (clock_ran_out)
		QueryCancelPending = false;
}

/* Runs in the signal handler. That the last cancel is no longer pending means that somebody has caught it. */
static void
clock_handler(void)
{
	clock_ran_out = true;
	if (!QueryCancelPending)
		cancels++;
	if (cancels > LC_FENCE_PATIENCE)
		ProcDiePending = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}
