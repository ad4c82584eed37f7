/*
 * run_query.c
 *		What SQL calls to run a stored query: as a set of friends, as rows with variables, or only to check it.
 *
 *   _run_query(author, search_path, text, timeout_ms, cost_limit, what, time_zone) -> (members, rows, nulls, invalid)
 *   _run_rows(...)    -> setof (friend_id, vars): the other columns as one jsonb object, NULLs kept
 *   _check_query(...) -> the names of the other columns
 *
 * The friend's column is the one named friend_id, or the only one there is, though what is checked to be saved has to
 * name it: numbers of members would be taken for other people's. A single column of type friendset is as good as its
 * members. NULL is nobody. Ids that no friend can have (outside 1 to 2^32 - 1) are counted, not an error.
 *
 * Only the extension's owner may execute these functions. All running is in run_as.c; here are three takers of rows.
 * What they keep lives in the memory context of the call, outside the gate's subtransaction.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "crm/friendset.h"
#include "crm/run_as.h"
#include "fmgr.h"
#include "funcapi.h"
#include "line/friendset_collect.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "catalog/namespace.h"

PG_FUNCTION_INFO_V1(linecrm__run_query);
PG_FUNCTION_INFO_V1(linecrm__run_rows);
PG_FUNCTION_INFO_V1(linecrm__check_query);

/* Which column names the friend, and how to read it. */
typedef struct LcFriendColumn
{
	int index; /* from 0 */
	Oid type;  /* int2, int4, int8 or friendset */
	bool is_set;
} LcFriendColumn;

/* Takes a set. */
typedef struct LcSetTaker
{
	LcRowTaker taker;
	const char *what;
	MemoryContext context;
	LcFriendColumn column;
	LcCollector collector;
	int64 rows;
	int64 nulls;
	int64 invalid;
} LcSetTaker;

/* Takes rows. The variables are made by to_jsonb() of a row without the friend's column. */
typedef struct LcRowsTaker
{
	LcRowTaker taker;
	const char *what;
	MemoryContext context;
	LcFriendColumn column;
	TupleDesc variables;
	FmgrInfo to_jsonb;
	Tuplestorestate *store;
	TupleDesc result;
} LcRowsTaker;

/* Takes names of columns. */
typedef struct LcNamesTaker
{
	LcRowTaker taker;
	const char *what;
	MemoryContext context;
	ArrayType *names;
} LcNamesTaker;

static LcQuery query_of_arguments(FunctionCallInfo fcinfo);
static void set_begin(LcRowTaker *taker, TupleDesc columns);
static void set_row(LcRowTaker *taker, TupleTableSlot *slot);
static void rows_begin(LcRowTaker *taker, TupleDesc columns);
static void rows_row(LcRowTaker *taker, TupleTableSlot *slot);
static Datum variables_of(LcRowsTaker *taker, TupleTableSlot *slot);
static void names_begin(LcRowTaker *taker, TupleDesc columns);
static void names_row(LcRowTaker *taker, TupleTableSlot *slot);
static LcFriendColumn friend_column(TupleDesc columns, const char *what);
static int find_friend_column(TupleDesc columns, const char *what);
static TupleDesc other_columns(TupleDesc columns, int friend_index, const char *what);
static int64 read_id(Datum value, Oid type);

Datum
linecrm__run_query(PG_FUNCTION_ARGS)
{
	LcQuery query = query_of_arguments(fcinfo);
	LcSetTaker taker = {{set_begin, set_row}, query.what, CurrentMemoryContext};
	const LcCollectedSet *members;
	TupleDesc result;
	Datum values[4];
	bool nulls[4] = {false, false, false, false};

	if (get_call_result_type(fcinfo, NULL, &result) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "_run_query must return a row");
	lc_collect_begin(&taker.collector, &friendset_host);
	run_as_execute(&query, &taker.taker);
	members = lc_collect_result(&taker.collector);
	values[0] = friendset_of_bytes(members->bytes, members->size);
	lc_collect_free(&taker.collector);
	values[1] = Int64GetDatum(taker.rows);
	values[2] = Int64GetDatum(taker.nulls);
	values[3] = Int64GetDatum(taker.invalid);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(result), values, nulls)));
}

Datum
linecrm__run_rows(PG_FUNCTION_ARGS)
{
	LcQuery query = query_of_arguments(fcinfo);
	LcRowsTaker taker = {{rows_begin, rows_row}, query.what};
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	taker.context = CurrentMemoryContext;
	taker.store = set->setResult;
	taker.result = set->setDesc;
	fmgr_info(F_TO_JSONB, &taker.to_jsonb);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(makeNullConst(RECORDOID, -1, InvalidOid)),
	                                         InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL),
	                   &taker.to_jsonb);
	run_as_execute(&query, &taker.taker);
	return (Datum) 0;
}

Datum
linecrm__check_query(PG_FUNCTION_ARGS)
{
	LcQuery query = query_of_arguments(fcinfo);
	LcNamesTaker taker = {{names_begin, names_row}, query.what, CurrentMemoryContext};

	run_as_check(&query, &taker.taker);
	PG_RETURN_ARRAYTYPE_P(taker.names);
}

/* author name, search_path text, text text, timeout_ms integer, cost_limit float8, what text, time_zone text */
static LcQuery
query_of_arguments(FunctionCallInfo fcinfo)
{
	LcQuery query = {.what = "the query"};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
		        (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a query needs an author, a search_path and a text")));
	query.author = NameStr(*PG_GETARG_NAME(0));
	query.search_path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	query.text = text_to_cstring(PG_GETARG_TEXT_PP(2));
	if (!PG_ARGISNULL(3))
		query.timeout_ms = PG_GETARG_INT32(3);
	if (!PG_ARGISNULL(4))
		query.cost_limit = PG_GETARG_FLOAT8(4);
	if (!PG_ARGISNULL(5))
		query.what = text_to_cstring(PG_GETARG_TEXT_PP(5));
	if (!PG_ARGISNULL(6))
		query.time_zone = text_to_cstring(PG_GETARG_TEXT_PP(6));
	return query;
}

static void
set_begin(LcRowTaker *taker, TupleDesc columns)
{
	LcSetTaker *self = (LcSetTaker *) taker;

	self->column = friend_column(columns, self->what);
}

static void
set_row(LcRowTaker *taker, TupleTableSlot *slot)
{
	LcSetTaker *self = (LcSetTaker *) taker;
	bool isnull;
	Datum value = slot_getattr(slot, self->column.index + 1, &isnull);
	MemoryContext context;

	self->rows++;
	if (isnull)
	{
		self->nulls++;
		return;
	}
	if (self->column.is_set)
	{
		LcFriendset set;

		friendset_open(value, &set);
		context = MemoryContextSwitchTo(self->context);
		lc_collect_set(&self->collector, &set);
	}
	else
	{
		int64 id = read_id(value, self->column.type);

		context = MemoryContextSwitchTo(self->context);
		if (id < 1 || id > PG_UINT32_MAX)
			self->invalid++;
		else
			lc_collect_id(&self->collector, (uint32_t) id);
	}
	MemoryContextSwitchTo(context);
}

static void
rows_begin(LcRowTaker *taker, TupleDesc columns)
{
	LcRowsTaker *self = (LcRowsTaker *) taker;

	self->column = friend_column(columns, self->what);
	self->variables = BlessTupleDesc(other_columns(columns, self->column.index, self->what));
}

/* A single friendset stands for its members, which have no variables; ids that are none are passed on as they are. */
static void
rows_row(LcRowTaker *taker, TupleTableSlot *slot)
{
	LcRowsTaker *self = (LcRowsTaker *) taker;
	bool isnull;
	Datum value = slot_getattr(slot, self->column.index + 1, &isnull);
	Datum row[2];
	bool nulls[2] = {false, false};
	LcFriendset set;
	LcRanges ranges;
	uint32_t first, last;

	if (isnull)
		return;
	row[1] = variables_of(self, slot);
	if (!self->column.is_set)
	{
		row[0] = Int64GetDatum(read_id(value, self->column.type));
		tuplestore_putvalues(self->store, self->result, row, nulls);
		return;
	}
	friendset_open(value, &set);
	lc_ranges_begin(&ranges, &set);
	while (lc_ranges_next(&ranges, &first, &last))
		for (int64 id = first; id <= last; id++)
		{
			CHECK_FOR_INTERRUPTS();
			row[0] = Int64GetDatum(id);
			tuplestore_putvalues(self->store, self->result, row, nulls);
		}
}

/* Runs inside the gate: to_jsonb() may call casts to json that the author wrote. */
static Datum
variables_of(LcRowsTaker *taker, TupleTableSlot *slot)
{
	TupleDesc shape = taker->variables;
	Datum *values = palloc(sizeof(Datum) * Max(shape->natts, 1));
	bool *nulls = palloc(sizeof(bool) * Max(shape->natts, 1));

	slot_getallattrs(slot);
	for (int from = 0, to = 0; to < shape->natts; from++)
	{
		if (from == taker->column.index)
			continue;
		values[to] = slot->tts_values[from];
		nulls[to++] = slot->tts_isnull[from];
	}
	return FunctionCall1(&taker->to_jsonb, heap_copy_tuple_as_datum(heap_form_tuple(shape, values, nulls), shape));
}

static void
names_begin(LcRowTaker *taker, TupleDesc columns)
{
	LcNamesTaker *self = (LcNamesTaker *) taker;
	LcFriendColumn column = friend_column(columns, self->what);
	TupleDesc others = other_columns(columns, column.index, self->what);
	MemoryContext context = MemoryContextSwitchTo(self->context);
	Datum *names = palloc(sizeof(Datum) * Max(others->natts, 1));
	const char *name = NameStr(TupleDescAttr(columns, column.index)->attname);

	if (!column.is_set && strcmp(name, "friend_id") != 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("%s yields \"%s\", not friend_id", self->what, name),
		                errhint("Of your own members: JOIN linecrm.member_link l ON l.member_no = ... and select l.friend_id. "
		                        "If it is friends' numbers: AS friend_id.")));
	for (int i = 0; i < others->natts; i++)
		names[i] = CStringGetTextDatum(NameStr(TupleDescAttr(others, i)->attname));
	self->names = construct_array(names, others->natts, TEXTOID, -1, false, TYPALIGN_INT);
	MemoryContextSwitchTo(context);
}

static void
names_row(LcRowTaker *taker, TupleTableSlot *slot)
{
	elog(ERROR, "a query that is only checked has no rows");
}

static LcFriendColumn
friend_column(TupleDesc columns, const char *what)
{
	LcFriendColumn column = {find_friend_column(columns, what)};
	Form_pg_attribute attribute = TupleDescAttr(columns, column.index);
	Oid namespace = get_namespace_oid("linecrm", false);

	column.type = getBaseType(attribute->atttypid);
	column.is_set = columns->natts == 1 &&
	                column.type == GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("friendset"),
	                                               ObjectIdGetDatum(namespace));
	if (!column.is_set && column.type != INT2OID && column.type != INT4OID && column.type != INT8OID)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
		                errmsg("%s yields \"%s\" of type %s, not bigint", what, NameStr(attribute->attname),
		                       format_type_be(attribute->atttypid)),
		                errhint("Yield friend_id from linecrm.friend (or from linecrm.member_link for a member), or "
		                        "cast it: friend_id::bigint.")));
	return column;
}

/* By its name, or the only one. */
static int
find_friend_column(TupleDesc columns, const char *what)
{
	int found = -1;

	for (int i = 0; i < columns->natts; i++)
	{
		if (strcmp(NameStr(TupleDescAttr(columns, i)->attname), "friend_id") != 0)
			continue;
		if (found >= 0)
			ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_COLUMN), errmsg("%s yields two columns friend_id", what)));
		found = i;
	}
	if (found < 0 && columns->natts == 1)
		found = 0;
	if (found < 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("%s yields no column friend_id", what),
		                errhint("Select friend_id; further columns become variables of the template.")));
	return found;
}

/* The variables: each name once. */
static TupleDesc
other_columns(TupleDesc columns, int friend_index, const char *what)
{
	TupleDesc others = CreateTemplateTupleDesc(columns->natts - 1);

	for (int from = 0, to = 1; from < columns->natts; from++)
	{
		if (from == friend_index)
			continue;
		for (int i = 1; i < to; i++)
			if (strcmp(NameStr(TupleDescAttr(others, i - 1)->attname),
			           NameStr(TupleDescAttr(columns, from)->attname)) == 0)
				ereport(ERROR,
				        (errcode(ERRCODE_DUPLICATE_COLUMN),
				         errmsg("%s yields two columns \"%s\"", what, NameStr(TupleDescAttr(columns, from)->attname)),
				         errhint("Name them apart with AS.")));
		TupleDescCopyEntry(others, to++, columns, from + 1);
	}
	return others;
}

static int64
read_id(Datum value, Oid type)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		default:
			return DatumGetInt64(value);
	}
}
