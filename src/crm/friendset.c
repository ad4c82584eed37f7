/*
 * friendset.c
 *		The type friendset: operators and what is asked of a set row by row.
 *
 * A datum is a varlena whose payload is the set in Roaring's portable serialisation, always in canonical form, so that
 * equal sets are equal bytes. Membership and cardinality read the bytes where they lie; set algebra goes from bytes to
 * bytes (src/line/friendset_*.c), all of it in palloc'ed memory of the current context, so that an error leaks nothing.
 * Temporary memory is freed at once, because a query may call these functions millions of times in one context.
 *
 * Runs in any backend, takes no locks. Throws: out of memory, cancel, ids out of range.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "crm/friendset.h"
#include "line/friendset_algebra.h"

PG_FUNCTION_INFO_V1(linecrm_friendset_union);
PG_FUNCTION_INFO_V1(linecrm_friendset_intersection);
PG_FUNCTION_INFO_V1(linecrm_friendset_difference);
PG_FUNCTION_INFO_V1(linecrm_friendset_has);
PG_FUNCTION_INFO_V1(linecrm_friend_in);
PG_FUNCTION_INFO_V1(linecrm_friendset_includes);
PG_FUNCTION_INFO_V1(linecrm_friendset_included);
PG_FUNCTION_INFO_V1(linecrm_friendset_overlaps);
PG_FUNCTION_INFO_V1(linecrm_friendset_eq);
PG_FUNCTION_INFO_V1(linecrm_friendset_ne);
PG_FUNCTION_INFO_V1(linecrm_friendset_hash);
PG_FUNCTION_INFO_V1(linecrm_friendset_hash_extended);
PG_FUNCTION_INFO_V1(linecrm_cardinality);
PG_FUNCTION_INFO_V1(linecrm_first_friend);
PG_FUNCTION_INFO_V1(linecrm_last_friend);

/* The stored set that a function call asked last. */
typedef struct LcKeptSet
{
	struct varatt_external stored;
	struct varlena *datum;
} LcKeptSet;

static Datum combine(FunctionCallInfo fcinfo, LcSetOperation operation);
static bool has(FunctionCallInfo fcinfo, Datum datum, int64 friend_id);
static Datum friendset_bound(FunctionCallInfo fcinfo, bool greatest);
static void open_once(FunctionCallInfo fcinfo, Datum datum, LcFriendset *set);
static bool includes(Datum set, Datum part);
static bool same_bytes(FunctionCallInfo fcinfo);
static void *host_grow(void *memory, size_t size);
static void host_release(void *memory);
static void host_breathe(void);

const LcFriendsetHost friendset_host = {host_grow, host_release, host_breathe};

Datum
linecrm_friendset_union(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, LC_UNION);
}

Datum
linecrm_friendset_intersection(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, LC_INTERSECTION);
}

Datum
linecrm_friendset_difference(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, LC_DIFFERENCE);
}

static Datum
combine(FunctionCallInfo fcinfo, LcSetOperation operation)
{
	LcFriendset left;
	LcFriendset right;
	LcBuilder builder;
	struct varlena *left_datum = friendset_open(PG_GETARG_DATUM(0), &left);
	struct varlena *right_datum = friendset_open(PG_GETARG_DATUM(1), &right);
	Datum result;

	lc_build_begin(&builder, &friendset_host);
	lc_friendset_combine(&builder, operation, &left, &right);
	result = friendset_result(&builder);
	PG_FREE_IF_COPY(left_datum, 0);
	PG_FREE_IF_COPY(right_datum, 1);
	return result;
}

/* friendset @> bigint: an id that no friend can have is in no set. */
Datum
linecrm_friendset_has(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(has(fcinfo, PG_GETARG_DATUM(0), PG_GETARG_INT64(1)));
}

Datum
linecrm_friend_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(has(fcinfo, PG_GETARG_DATUM(1), PG_GETARG_INT64(0)));
}

static bool
has(FunctionCallInfo fcinfo, Datum datum, int64 friend_id)
{
	LcFriendset set;
	struct varlena *detoasted = NULL;
	bool found;

	if (VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(datum)) && fcinfo->flinfo != NULL)
		open_once(fcinfo, datum, &set);
	else
		detoasted = friendset_open(datum, &set);
	found = friend_id > 0 && friend_id <= LC_FRIENDSET_MAX_ID && lc_friendset_contains(&set, (uint32_t) friend_id);
	if (detoasted != NULL && (Pointer) detoasted != DatumGetPointer(datum))
		pfree(detoasted);
	return found;
}

/*
 * A join asks one stored set about many friends. Reading it from its toast table each time costs 150 us a megabyte, so
 * the function call keeps the last one, known by where it is stored: such a value never changes, it is replaced.
 */
static void
open_once(FunctionCallInfo fcinfo, Datum datum, LcFriendset *set)
{
	LcKeptSet *kept = fcinfo->flinfo->fn_extra;
	struct varatt_external stored;

	VARATT_EXTERNAL_GET_POINTER(stored, (struct varlena *) DatumGetPointer(datum));
	if (kept == NULL)
		fcinfo->flinfo->fn_extra = kept = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(LcKeptSet));
	if (kept->datum == NULL || memcmp(&kept->stored, &stored, sizeof(stored)) != 0)
	{
		MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		if (kept->datum != NULL)
			pfree(kept->datum);
		kept->datum = NULL;
		kept->datum = pg_detoast_datum((struct varlena *) DatumGetPointer(datum));
		kept->stored = stored;
		MemoryContextSwitchTo(caller);
	}
	lc_friendset_open(set, (const uint8_t *) VARDATA(kept->datum), VARSIZE(kept->datum) - VARHDRSZ);
}

Datum
linecrm_friendset_includes(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(includes(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

Datum
linecrm_friendset_included(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(includes(PG_GETARG_DATUM(1), PG_GETARG_DATUM(0)));
}

static bool
includes(Datum set_datum, Datum part_datum)
{
	LcFriendset set;
	LcFriendset part;
	struct varlena *detoasted_set = friendset_open(set_datum, &set);
	struct varlena *detoasted_part = friendset_open(part_datum, &part);
	bool result = lc_friendset_includes(&set, &part);

	if ((Pointer) detoasted_set != DatumGetPointer(set_datum))
		pfree(detoasted_set);
	if ((Pointer) detoasted_part != DatumGetPointer(part_datum))
		pfree(detoasted_part);
	return result;
}

Datum
linecrm_friendset_overlaps(PG_FUNCTION_ARGS)
{
	LcFriendset left;
	LcFriendset right;
	struct varlena *left_datum = friendset_open(PG_GETARG_DATUM(0), &left);
	struct varlena *right_datum = friendset_open(PG_GETARG_DATUM(1), &right);
	bool result = lc_friendset_overlap(&left, &right);

	PG_FREE_IF_COPY(left_datum, 0);
	PG_FREE_IF_COPY(right_datum, 1);
	PG_RETURN_BOOL(result);
}

Datum
linecrm_friendset_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same_bytes(fcinfo));
}

Datum
linecrm_friendset_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same_bytes(fcinfo));
}

/* Canonical bytes: equal sets are equal in length first, which toasted values tell without being read. */
static bool
same_bytes(FunctionCallInfo fcinfo)
{
	LcFriendset left;
	LcFriendset right;
	struct varlena *left_datum;
	struct varlena *right_datum;
	bool same;

	if (toast_raw_datum_size(PG_GETARG_DATUM(0)) != toast_raw_datum_size(PG_GETARG_DATUM(1)))
		return false;
	left_datum = friendset_open(PG_GETARG_DATUM(0), &left);
	right_datum = friendset_open(PG_GETARG_DATUM(1), &right);
	same = left.size == right.size && memcmp(left.bytes, right.bytes, left.size) == 0;
	PG_FREE_IF_COPY(left_datum, 0);
	PG_FREE_IF_COPY(right_datum, 1);
	return same;
}

Datum
linecrm_friendset_hash(PG_FUNCTION_ARGS)
{
	LcFriendset set;
	struct varlena *datum = friendset_open(PG_GETARG_DATUM(0), &set);
	Datum hash = hash_any(set.bytes, (int) set.size);

	PG_FREE_IF_COPY(datum, 0);
	return hash;
}

Datum
linecrm_friendset_hash_extended(PG_FUNCTION_ARGS)
{
	LcFriendset set;
	struct varlena *datum = friendset_open(PG_GETARG_DATUM(0), &set);
	Datum hash = hash_any_extended(set.bytes, (int) set.size, PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(datum, 0);
	return hash;
}

Datum
linecrm_cardinality(PG_FUNCTION_ARGS)
{
	LcFriendset set;
	struct varlena *datum = friendset_open(PG_GETARG_DATUM(0), &set);
	uint64_t ids = lc_friendset_cardinality(&set);

	PG_FREE_IF_COPY(datum, 0);
	PG_RETURN_INT64((int64) ids);
}

/* The smallest id, NULL for the empty set. */
Datum
linecrm_first_friend(PG_FUNCTION_ARGS)
{
	return friendset_bound(fcinfo, false);
}

/* The greatest id, NULL for the empty set. */
Datum
linecrm_last_friend(PG_FUNCTION_ARGS)
{
	return friendset_bound(fcinfo, true);
}

static Datum
friendset_bound(FunctionCallInfo fcinfo, bool greatest)
{
	LcFriendset set;
	uint32_t first;
	uint32_t last;
	struct varlena *datum = friendset_open(PG_GETARG_DATUM(0), &set);
	bool any = lc_friendset_bounds(&set, &first, &last);

	PG_FREE_IF_COPY(datum, 0);
	if (!any)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) (greatest ? last : first));
}

struct varlena *
friendset_open(Datum datum, LcFriendset *set)
{
	struct varlena *detoasted = pg_detoast_datum_packed((struct varlena *) DatumGetPointer(datum));

	lc_friendset_open(set, (const uint8_t *) VARDATA_ANY(detoasted), VARSIZE_ANY_EXHDR(detoasted));
	return detoasted;
}

Datum
friendset_result(LcBuilder *builder)
{
	size_t size;
	uint8_t *datum = lc_build_take(builder, VARHDRSZ, &size);

	SET_VARSIZE(datum, VARHDRSZ + size);
	return PointerGetDatum(datum);
}

Datum
friendset_of_bytes(const uint8_t *bytes, size_t size)
{
	struct varlena *datum = palloc(VARHDRSZ + size);

	SET_VARSIZE(datum, VARHDRSZ + size);
	memcpy(VARDATA(datum), bytes, size);
	return PointerGetDatum(datum);
}

uint32_t
friendset_id(int64 friend_id)
{
	if (friend_id < 1 || friend_id > LC_FRIENDSET_MAX_ID)
		ereport(ERROR,
		        (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("%lld is not a friend id", (long long) friend_id),
		         errdetail("Friend ids are 1 to %u.", LC_FRIENDSET_MAX_ID),
		         errhint("Leave others out, for example: friendset_agg(id) FILTER (WHERE id BETWEEN 1 AND %u).",
		                 LC_FRIENDSET_MAX_ID)));
	return (uint32_t) friend_id;
}

Datum
friendset_from_foreign(const uint8_t *bytes, size_t size)
{
	const char *problem = lc_friendset_check(bytes, size);
	LcFriendset set;
	LcRanges ranges;
	LcBuilder builder;
	uint32_t first;
	uint32_t last;

	if (problem != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid binary form of a friendset"),
		                errdetail("In its %zu bytes, %s.", size, problem),
		                errhint("Give a Roaring bitmap of 32-bit ids from 1 on, in the portable serialisation.")));
	lc_friendset_open(&set, bytes, size);
	lc_build_begin(&builder, &friendset_host);
	lc_ranges_begin(&ranges, &set);
	while (lc_ranges_next(&ranges, &first, &last))
		lc_build_range(&builder, first, last);
	return friendset_result(&builder);
}

static void *
host_grow(void *memory, size_t size)
{
	return memory == NULL ? MemoryContextAllocHuge(CurrentMemoryContext, size) : repalloc_huge(memory, size);
}

static void
host_release(void *memory)
{
	pfree(memory);
}

static void
host_breathe(void)
{
	CHECK_FOR_INTERRUPTS();
}
