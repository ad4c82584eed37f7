/*
 * friendset_rows.c
 *		Functions that give a friendset's content as rows: friend_ids, chunks, shards; and the planner's guess of how many.
 *
 * Each keeps a copy of the set and its place in it in the call's own memory context and makes one row per call, so a
 * caller who stops early pays for what was read. Rows are for joins with tables; set algebra needs none.
 *
 * Runs in any backend, takes no locks. Throws: out of memory, cancel, a chunk size below 1.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"

#include "compat.h"
#include "crm/friendset.h"

PG_FUNCTION_INFO_V1(linecrm_friend_ids);
PG_FUNCTION_INFO_V1(linecrm_chunks);
PG_FUNCTION_INFO_V1(linecrm_shards);
PG_FUNCTION_INFO_V1(linecrm_friendset_rows_support);

/* Where a call stands. The ids next .. last are what is left of the present range. */
typedef struct LcRowState
{
	LcFriendset set;
	LcRanges ranges;
	uint64_t next;
	uint64_t last;
	uint32_t container; /* of shards() */
	LcBuilder builder;  /* of chunks(): its memory serves one chunk after the other */
} LcRowState;

static FuncCallContext *first_call(FunctionCallInfo fcinfo);
static bool more_ids(LcRowState *state);
static void fill_chunk(LcRowState *state, uint64_t room);

Datum
linecrm_friend_ids(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	LcRowState *state;

	if (SRF_IS_FIRSTCALL())
		first_call(fcinfo);
	call = SRF_PERCALL_SETUP();
	state = call->user_fctx;
	if (!more_ids(state))
		SRF_RETURN_DONE(call);
	SRF_RETURN_NEXT(call, Int64GetDatum((int64) state->next++));
}

/* Sets of up to so many friends, in ascending order: what requests are cut from. */
Datum
linecrm_chunks(PG_FUNCTION_ARGS)
{
	int32 size = PG_GETARG_INT32(1);
	FuncCallContext *call;
	LcRowState *state;
	MemoryContext caller;
	struct varlena *chunk;
	size_t bytes;

	if (SRF_IS_FIRSTCALL())
	{
		if (size < 1)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a chunk cannot have %d friends", size),
			                errhint("Give a size of 1 or more.")));
		first_call(fcinfo);
	}
	call = SRF_PERCALL_SETUP();
	state = call->user_fctx;
	if (!more_ids(state))
		SRF_RETURN_DONE(call);
	caller = MemoryContextSwitchTo(call->multi_call_memory_ctx);
	fill_chunk(state, (uint64_t) size);
	bytes = lc_build_size(&state->builder);
	MemoryContextSwitchTo(caller);
	chunk = palloc(VARHDRSZ + bytes);
	SET_VARSIZE(chunk, VARHDRSZ + bytes);
	lc_build_write(&state->builder, (uint8_t *) VARDATA(chunk));
	lc_build_reset(&state->builder);
	SRF_RETURN_NEXT(call, PointerGetDatum(chunk));
}

static void
fill_chunk(LcRowState *state, uint64_t room)
{
	while (room > 0 && more_ids(state))
	{
		uint64_t last = Min(state->last, state->next + room - 1);

		lc_build_range(&state->builder, (uint32_t) state->next, (uint32_t) last);
		room -= last - state->next + 1;
		state->next = last + 1;
	}
}

/* One row for each stretch of 65,536 ids of which some are in the set. */
Datum
linecrm_shards(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	LcRowState *state;
	LcContainer container;
	LcBuilder builder;
	Datum values[2];
	bool nulls[2] = {false, false};

	if (SRF_IS_FIRSTCALL())
	{
		TupleDesc row;
		MemoryContext caller;

		call = first_call(fcinfo);
		caller = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "shards() does not return a row type");
		call->tuple_desc = BlessTupleDesc(row);
		MemoryContextSwitchTo(caller);
	}
	call = SRF_PERCALL_SETUP();
	state = call->user_fctx;
	if (state->container == state->set.containers)
		SRF_RETURN_DONE(call);
	lc_friendset_container(&state->set, state->container++, &container);
	lc_build_begin(&builder, &friendset_host);
	lc_build_copy(&builder, &container);
	values[0] = Int32GetDatum((int32) container.key);
	values[1] = friendset_result(&builder);
	SRF_RETURN_NEXT(call, HeapTupleGetDatum(heap_form_tuple(call->tuple_desc, values, nulls)));
}

/* Copies the set to where the state lives. */
static FuncCallContext *
first_call(FunctionCallInfo fcinfo)
{
	FuncCallContext *call = SRF_FIRSTCALL_INIT();
	MemoryContext caller = MemoryContextSwitchTo(call->multi_call_memory_ctx);
	LcRowState *state = palloc0(sizeof(LcRowState));

	friendset_open(PointerGetDatum(pg_detoast_datum_copy((struct varlena *) PG_GETARG_POINTER(0))), &state->set);
	lc_ranges_begin(&state->ranges, &state->set);
	state->next = 1;
	state->last = 0;
	lc_build_begin(&state->builder, &friendset_host);
	call->user_fctx = state;
	MemoryContextSwitchTo(caller);
	return call;
}

/* Is there an id at state->next? Goes on to the next range if need be. */
static bool
more_ids(LcRowState *state)
{
	uint32_t first;
	uint32_t last;

	if (state->next <= state->last)
		return true;
	if (!lc_ranges_next(&state->ranges, &first, &last))
		return false;
	state->next = first;
	state->last = last;
	return true;
}

/* The planner's question how many rows a call gives, answered when the set is known by then. */
Datum
linecrm_friendset_rows_support(PG_FUNCTION_ARGS)
{
	Node *question = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *request = (SupportRequestRows *) question;
	List *arguments;
	Node *set_argument;
	LcFriendset set;
	double rows;

	if (!IsA(question, SupportRequestRows) || !is_funcclause(request->node))
		PG_RETURN_POINTER(NULL);
	arguments = ((FuncExpr *) request->node)->args;
	set_argument = estimate_expression_value(request->root, linitial(arguments));
	if (!IsA(set_argument, Const) || ((Const *) set_argument)->constisnull)
		PG_RETURN_POINTER(NULL);
	friendset_open(((Const *) set_argument)->constvalue, &set);
	rows = (double) lc_friendset_cardinality(&set);
	if (list_length(arguments) == 2)
	{
		Node *size = estimate_expression_value(request->root, lsecond(arguments));

		if (!IsA(size, Const) || ((Const *) size)->constisnull || DatumGetInt32(((Const *) size)->constvalue) < 1)
			PG_RETURN_POINTER(NULL);
		rows = (rows + DatumGetInt32(((Const *) size)->constvalue) - 1) / DatumGetInt32(((Const *) size)->constvalue);
	}
	request->rows = Max(rows, 1);
	PG_RETURN_POINTER(request);
}
