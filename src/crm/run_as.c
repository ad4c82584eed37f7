/*
 * run_as.c
 *		The gate: the only way in which SQL that users wrote is run. A segment sees what its author may see, no more.
 *
 * Inside, in this order: a subtransaction that is always rolled back, so that whatever should get past the rest is
 * undone, cursors are closed and every setting goes back; the author as current user with SECURITY_RESTRICTED_OPERATION
 * (no temporary tables, no prepared statements, no SET ROLE); settings of the author and of reading (read-only
 * transaction, his search_path with pg_temp last, so that nobody's temporary table stands in for his own, date order,
 * row security on); the fence (fence.c: volatile functions, utility statements, time). Then the text must be one SELECT
 * that neither writes nor locks, analysed with the author's eyes, and its planned cost within the limit.
 *
 * The callers' stack gets a frame for the author, so that my_channels() and public functions answer for him, also when
 * he is the extension's owner. The snapshot is the caller's active one. Parallel plans are allowed, as the fence is
 * there in workers too; the gate itself cannot be opened in a parallel worker, because of the subtransaction.
 *
 * Runs in any backend. Throws: everything that users' SQL can throw, with the query's name as context. Locks: those of
 * a SELECT, given back when the gate closes. Memory: the row taker's; the rest goes with the subtransaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "compat.h"
#include "crm/caller.h"
#include "crm/fence.h"
#include "crm/run_as.h"
#include "executor/executor.h"
#include "guc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

/* Gates inside gates: a segment may use others, in a circle it would go on for ever. */
#define LC_GATE_DEPTH 16

/* An open gate: what to go back to. */
typedef struct LcGate
{
	const LcQuery *query;
	LcFence fence;
	LcCaller caller;
	MemoryContext context;
	ResourceOwner owner;
	int timeout_ms;
} LcGate;

/* A destination of executed rows that hands them to a taker. */
typedef struct LcTakerDest
{
	DestReceiver pub;
	LcRowTaker *taker;
	MemoryContext row_context;
} LcTakerDest;

static void pass(const LcQuery *query, LcRowTaker *taker, bool execute);
static Oid author_of(const LcQuery *query);
static void open_gate(LcGate *gate, const LcQuery *query, Oid author);
static void close_gate(LcGate *gate);
static void set_for_gate(const char *name, const char *value);
static char *path_for_gate(const char *search_path);
static void refuse_overdue(const LcGate *gate);
static void describe_query(void *arg);
static PlannedStmt *plan_text(const LcQuery *query);
static RawStmt *parse_text(const LcQuery *query);
static bool writes_or_locks(Node *node, void *context);
static bool refuse_temporary(Node *node, void *context);
static void check_cost(const LcQuery *query, PlannedStmt *plan);
static void execute_plan(PlannedStmt *plan, const char *text, LcRowTaker *taker);
static void taker_startup(DestReceiver *self, int operation, TupleDesc columns);
static bool taker_receive(TupleTableSlot *slot, DestReceiver *self);
static void taker_nothing(DestReceiver *self);

void
run_as_execute(const LcQuery *query, LcRowTaker *taker)
{
	pass(query, taker, true);
}

void
run_as_check(const LcQuery *query, LcRowTaker *taker)
{
	pass(query, taker, false);
}

/* Opens the gate, plans and runs inside, and closes it, whatever happens. */
static void
pass(const LcQuery *query, LcRowTaker *taker, bool execute)
{
	LcGate gate;
	Oid author = author_of(query);
	ErrorData *volatile error = NULL;
	bool overdue;

	open_gate(&gate, query, author);
	PG_TRY();
	{
		ErrorContextCallback describe = {error_context_stack, describe_query, &gate};
		PlannedStmt *plan;

		error_context_stack = &describe;
		plan = plan_text(query);
		taker->begin(taker, ExecCleanTypeFromTL(plan->planTree->targetlist));
		check_cost(query, plan);
		if (execute)
			execute_plan(plan, query->text, taker);
		error_context_stack = describe.previous;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(gate.context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	overdue = fence_overdue(&gate.fence);
	close_gate(&gate);
	if (overdue && (error == NULL || error->sqlerrcode == ERRCODE_QUERY_CANCELED))
		refuse_overdue(&gate);
	if (error == NULL)
		return;
	if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE && error->hint == NULL)
		error->hint = psprintf(
		    "%s runs with the rights of role \"%s\": grant them to that role, or let somebody who has them save it.",
		    query->what, query->author);
	ReThrowError(error);
}

static Oid
author_of(const LcQuery *query)
{
	Oid author = get_role_oid(query->author, true);

	if (!OidIsValid(author))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
		                errmsg("%s cannot be run because its owner, role \"%s\", does not exist any more", query->what,
		                       query->author),
		                errhint("Somebody else must save it again, in his own name.")));
	return author;
}

static void
open_gate(LcGate *gate, const LcQuery *query, Oid author)
{
	Oid user;
	int sec_context;

	if (fence_depth() >= LC_GATE_DEPTH)
		ereport(ERROR, (errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
		                errmsg("%s cannot be run inside %d other stored queries", query->what, LC_GATE_DEPTH),
		                errdetail("They probably refer to each other in a circle.")));
	/*
	 * PL/pgSQL keeps prepared expressions for a transaction, without looking at their functions again: what was prepared
	 * outside must not be reused inside.
	 */
	if (fence_depth() == 0)
		ResetPlanCache();
	gate->query = query;
	gate->context = CurrentMemoryContext;
	gate->owner = CurrentResourceOwner;
	gate->timeout_ms = query->timeout_ms > 0 ? query->timeout_ms : lc_segment_timeout;
	gate->caller = (LcCaller){author, InvalidOid, query->search_path, caller_top};

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		GetUserIdAndSecContext(&user, &sec_context);
		SetUserIdAndSecContext(author, sec_context | SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE);
		set_for_gate("search_path", path_for_gate(query->search_path));
		if (query->time_zone != NULL)
			set_for_gate("TimeZone", query->time_zone);
		set_for_gate("transaction_read_only", "on");
		set_for_gate("row_security", "on");
		set_for_gate("DateStyle", "ISO, YMD");
		set_for_gate("standard_conforming_strings", "on");
		set_for_gate("transform_null_equals", "off");
		fence_raise(&gate->fence, author, gate->timeout_ms);
	}
	PG_CATCH();
	{
		RollbackAndReleaseCurrentSubTransaction();
		CurrentResourceOwner = gate->owner;
		PG_RE_THROW();
	}
	PG_END_TRY();
	caller_top = &gate->caller;
}

/* The rollback brings back user, settings and snapshots, and drops cursors. */
static void
close_gate(LcGate *gate)
{
	fence_lower(&gate->fence);
	caller_top = gate->caller.outer;
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(gate->context);
	CurrentResourceOwner = gate->owner;
}

static void
set_for_gate(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, ERROR, false);
}

/* The author's search_path without pg_temp, and pg_temp last: unnamed it would come first. */
static char *
path_for_gate(const char *search_path)
{
	StringInfoData path;
	List *schemas;
	ListCell *cell;

	initStringInfo(&path);
	if (!SplitIdentifierString(pstrdup(search_path), ',', &schemas))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("search_path \"%s\" is not a list of names", search_path)));
	foreach (cell, schemas)
		if (strcmp(lfirst(cell), "pg_temp") != 0)
			appendStringInfo(&path, "%s, ", quote_identifier(lfirst(cell)));
	appendStringInfoString(&path, "pg_temp");
	return path.data;
}

static void
refuse_overdue(const LcGate *gate)
{
	ereport(
	    ERROR,
	    (errcode(ERRCODE_QUERY_CANCELED),
	     errmsg("%s was stopped because it ran longer than %d ms", gate->query->what, gate->timeout_ms),
	     errhint(
	         "Make it quicker (EXPLAIN shows how it runs), or let an administrator raise linecrm.segment_timeout.")));
}

/* Errors inside point into the author's text, not into the statement that led here. */
static void
describe_query(void *arg)
{
	const LcQuery *query = ((LcGate *) arg)->query;
	int position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(query->text);
	}
	errcontext("%s of role \"%s\"", query->what, query->author);
}

static PlannedStmt *
plan_text(const LcQuery *query)
{
	RawStmt *raw = parse_text(query);
	Query *analysed = parse_analyze_fixedparams(raw, query->text, NULL, 0, NULL);
	List *rewritten;

	if (analysed->commandType != CMD_SELECT || analysed->utilityStmt != NULL ||
	    writes_or_locks((Node *) analysed, NULL))
		ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION), errmsg("%s must only read", query->what),
		                errdetail("INSERT, UPDATE, DELETE, MERGE, INTO and FOR UPDATE or FOR SHARE are refused, also "
		                          "inside WITH and sub-selects.")));
	refuse_temporary((Node *) analysed, (void *) query);
	rewritten = QueryRewrite(analysed);
	if (list_length(rewritten) != 1)
		elog(ERROR, "a SELECT was rewritten to %d queries", list_length(rewritten));
	return planner(linitial_node(Query, rewritten), query->text, CURSOR_OPT_PARALLEL_OK, NULL);
}

/* Exactly one SELECT (or VALUES, or a union of them). */
static RawStmt *
parse_text(const LcQuery *query)
{
	List *statements = raw_parser(query->text, RAW_PARSE_DEFAULT);
	RawStmt *raw;
	SelectStmt *first;

	if (list_length(statements) != 1)
		ereport(ERROR,
		        (errcode(ERRCODE_SYNTAX_ERROR),
		         errmsg("%s must be one SELECT, the text has %d statements", query->what, list_length(statements)),
		         errhint("Give one query that yields friend_id, without anything before or behind it.")));
	raw = linitial_node(RawStmt, statements);
	if (!IsA(raw->stmt, SelectStmt))
		ereport(ERROR,
		        (errcode(ERRCODE_SYNTAX_ERROR),
		         errmsg("%s must be a SELECT, not %s", query->what, GetCommandTagName(CreateCommandTag(raw->stmt))),
		         errhint("Give one query that yields friend_id.")));
	for (first = (SelectStmt *) raw->stmt; first->larg != NULL; first = first->larg)
		;
	if (first->intoClause != NULL)
		ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
		                errmsg("%s must only read, not SELECT INTO", query->what)));
	return raw;
}

/* At any depth: CTEs and sub-selects are Query nodes too. */
static bool
writes_or_locks(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query *query = (Query *) node;

		if (query->commandType != CMD_SELECT || query->hasModifyingCTE || query->rowMarks != NIL)
			return true;
		return query_tree_walker(query, writes_or_locks, context, 0);
	}
	return expression_tree_walker(node, writes_or_locks, context);
}

/* A temporary table is there in one session only, and not the same one in another. */
static bool
refuse_temporary(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *entry = (RangeTblEntry *) node;

		if (entry->rtekind == RTE_RELATION && get_rel_persistence(entry->relid) == RELPERSISTENCE_TEMP)
			ereport(ERROR,
			        (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
			         errmsg("%s cannot use the temporary table \"%s\"", ((const LcQuery *) context)->what,
			                get_rel_name(entry->relid)),
			         errdetail("Other sessions, and the planner that runs scheduled deliveries, do not have it.")));
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, refuse_temporary, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, refuse_temporary, context);
}

static void
check_cost(const LcQuery *query, PlannedStmt *plan)
{
	double limit = query->cost_limit > 0 ? query->cost_limit : lc_segment_cost_limit;

	if (limit > 0 && plan->planTree->total_cost > limit)
		ereport(ERROR, (errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
		                errmsg("%s is too expensive: the planner expects cost %.0f, the limit is %.0f", query->what,
		                       plan->planTree->total_cost, limit),
		                errhint("Look for a missing join condition or index (EXPLAIN), or let an administrator raise "
		                        "linecrm.segment_cost_limit.")));
}

static void
execute_plan(PlannedStmt *plan, const char *text, LcRowTaker *taker)
{
	LcTakerDest dest = {{taker_receive, taker_startup, taker_nothing, taker_nothing, DestNone}, taker, NULL};
	QueryDesc *execution;

	dest.row_context = AllocSetContextCreate(CurrentMemoryContext, "linecrm row", ALLOCSET_DEFAULT_SIZES);
	PushActiveSnapshot(GetActiveSnapshot());
	execution = CreateQueryDesc(plan, text, GetActiveSnapshot(), InvalidSnapshot, &dest.pub, NULL, NULL, 0);
	ExecutorStart(execution, 0);
	LC_EXECUTOR_RUN(execution);
	ExecutorFinish(execution);
	ExecutorEnd(execution);
	FreeQueryDesc(execution);
	PopActiveSnapshot();
}

static void
taker_startup(DestReceiver *self, int operation, TupleDesc columns)
{
}

static bool
taker_receive(TupleTableSlot *slot, DestReceiver *self)
{
	LcTakerDest *dest = (LcTakerDest *) self;
	MemoryContext context = MemoryContextSwitchTo(dest->row_context);

	CHECK_FOR_INTERRUPTS();
	dest->taker->row(dest->taker, slot);
	MemoryContextSwitchTo(context);
	MemoryContextReset(dest->row_context);
	return true;
}

static void
taker_nothing(DestReceiver *self)
{
}
