/*
 * friendset_agg.c
 *		The aggregates friendset_agg, friendset_union_agg and friendset_intersect_agg.
 *
 * The state of the first two is a collector (src/line/friendset_collect.c) in the aggregate's memory context; every
 * allocation is made there, so the state vanishes with the group, also after an error. A state passes between parallel
 * workers as the bytes of its set. No rows give the empty set, except for the intersection: no rows restrict nothing,
 * which no set can say, so its answer is NULL.
 *
 * Runs in any backend and in parallel workers. Throws: ids out of range, out of memory, cancel.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "compat.h"
#include "crm/friendset.h"
#include "line/friendset_collect.h"

PG_FUNCTION_INFO_V1(linecrm_friendset_agg_add);
PG_FUNCTION_INFO_V1(linecrm_friendset_agg_unite);
PG_FUNCTION_INFO_V1(linecrm_friendset_agg_combine);
PG_FUNCTION_INFO_V1(linecrm_friendset_agg_serial);
PG_FUNCTION_INFO_V1(linecrm_friendset_agg_deserial);
PG_FUNCTION_INFO_V1(linecrm_friendset_agg_final);

static LcCollector *state_argument(FunctionCallInfo fcinfo, MemoryContext *aggregate);
static LcCollector *state_begin(MemoryContext aggregate);

/* friendset_agg: one id more; NULL is nobody. */
Datum
linecrm_friendset_agg_add(PG_FUNCTION_ARGS)
{
	MemoryContext aggregate;
	LcCollector *state = state_argument(fcinfo, &aggregate);
	MemoryContext caller;
	uint32_t id;

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);
	id = friendset_id(PG_GETARG_INT64(1));
	caller = MemoryContextSwitchTo(aggregate);
	lc_collect_id(state, id);
	MemoryContextSwitchTo(caller);
	PG_RETURN_POINTER(state);
}

/* friendset_union_agg: one set more. */
Datum
linecrm_friendset_agg_unite(PG_FUNCTION_ARGS)
{
	MemoryContext aggregate;
	LcCollector *state = state_argument(fcinfo, &aggregate);
	MemoryContext caller;
	struct varlena *datum;
	LcFriendset set;

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);
	datum = friendset_open(PG_GETARG_DATUM(1), &set);
	caller = MemoryContextSwitchTo(aggregate);
	lc_collect_set(state, &set);
	MemoryContextSwitchTo(caller);
	PG_FREE_IF_COPY(datum, 1);
	PG_RETURN_POINTER(state);
}

Datum
linecrm_friendset_agg_combine(PG_FUNCTION_ARGS)
{
	MemoryContext aggregate;
	LcCollector *state = state_argument(fcinfo, &aggregate);
	MemoryContext caller;
	const LcCollectedSet *other;
	LcFriendset set;

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);
	caller = MemoryContextSwitchTo(aggregate);
	other = lc_collect_result((LcCollector *) PG_GETARG_POINTER(1));
	lc_friendset_open(&set, other->bytes, other->size);
	lc_collect_set(state, &set);
	MemoryContextSwitchTo(caller);
	PG_RETURN_POINTER(state);
}

Datum
linecrm_friendset_agg_serial(PG_FUNCTION_ARGS)
{
	return linecrm_friendset_agg_final(fcinfo);
}

/* The bytes come from linecrm_friendset_agg_serial() in another process of this query. */
Datum
linecrm_friendset_agg_deserial(PG_FUNCTION_ARGS)
{
	bytea *bytes = PG_GETARG_BYTEA_PP(0);
	LcCollector *state;
	LcFriendset set;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
	state = state_begin(CurrentMemoryContext);
	lc_friendset_open(&set, (const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	lc_collect_set(state, &set);
	PG_RETURN_POINTER(state);
}

/* May be called more than once for a state: a window's frame grows behind it. */
Datum
linecrm_friendset_agg_final(PG_FUNCTION_ARGS)
{
	MemoryContext aggregate;
	LcCollector *state = state_argument(fcinfo, &aggregate);
	MemoryContext caller = MemoryContextSwitchTo(aggregate);
	const LcCollectedSet *result = lc_collect_result(state);

	MemoryContextSwitchTo(caller);
	PG_RETURN_DATUM(friendset_of_bytes(result->bytes, result->size));
}

/* The state, or a new one. */
static LcCollector *
state_argument(FunctionCallInfo fcinfo, MemoryContext *aggregate)
{
	if (!AggCheckCallContext(fcinfo, aggregate))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (!PG_ARGISNULL(0))
		return (LcCollector *) PG_GETARG_POINTER(0);
	return state_begin(*aggregate);
}

static LcCollector *
state_begin(MemoryContext aggregate)
{
	LcCollector *state = MemoryContextAlloc(aggregate, sizeof(LcCollector));

	lc_collect_begin(state, &friendset_host);
	return state;
}
