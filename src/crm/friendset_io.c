/*
 * friendset_io.c
 *		The type friendset: text, binary and array forms.
 *
 * Text is {1-500,777}: ascending, ranges from three ids on. Input takes any order, overlaps and blanks, and, behind \x,
 * the hex of the binary form. Binary is Roaring's portable serialisation, the bytes that other programs write; whatever
 * comes from outside is checked completely and written again in canonical form.
 *
 * Runs in any backend, takes no locks. Throws: malformed input (22P02, 22P03), ids out of range (22003).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "crm/friendset.h"
#include "line/friendset_collect.h"

PG_FUNCTION_INFO_V1(linecrm_friendset_in);
PG_FUNCTION_INFO_V1(linecrm_friendset_out);
PG_FUNCTION_INFO_V1(linecrm_friendset_recv);
PG_FUNCTION_INFO_V1(linecrm_friendset_send);
PG_FUNCTION_INFO_V1(linecrm_friendset_from_bytea);
PG_FUNCTION_INFO_V1(linecrm_friendset);
PG_FUNCTION_INFO_V1(linecrm_friendset_to_array);

#define SHOWN 60 /* bytes of malformed input in a message */

typedef struct LcRangeText
{
	uint32_t first;
	uint32_t last;
} LcRangeText;

/* Input under way. */
typedef struct LcSetText
{
	const char *text;
	const char *at;
	LcRangeText *ranges;
	size_t used;
	size_t room;
	bool ascending;
} LcSetText;

static void parse_set(LcSetText *input);
static void parse_range(LcSetText *input);
static uint32_t parse_id(LcSetText *input);
static void skip_blanks(LcSetText *input);
static _Noreturn void refuse(LcSetText *input, const char *expected);
static int compare_ranges(const void *a, const void *b);
static Datum from_hex(const char *text, const char *hex);
static void put_range(StringInfo out, uint32_t first, uint32_t last);

Datum
linecrm_friendset_in(PG_FUNCTION_ARGS)
{
	LcSetText input = {.text = PG_GETARG_CSTRING(0), .at = PG_GETARG_CSTRING(0), .ascending = true};
	LcBuilder builder;

	skip_blanks(&input);
	if (input.at[0] == '\\' && input.at[1] == 'x')
		PG_RETURN_DATUM(from_hex(input.text, input.at));
	parse_set(&input);
	if (!input.ascending)
		qsort(input.ranges, input.used, sizeof(LcRangeText), compare_ranges);
	lc_build_begin(&builder, &friendset_host);
	for (size_t i = 0; i < input.used; i++)
		lc_build_range(&builder, input.ranges[i].first, input.ranges[i].last);
	if (input.ranges != NULL)
		pfree(input.ranges);
	PG_RETURN_DATUM(friendset_result(&builder));
}

static void
parse_set(LcSetText *input)
{
	if (*input->at != '{')
		refuse(input, "a { is expected");
	input->at++;
	skip_blanks(input);
	if (*input->at == '}')
		input->at++;
	else
		for (;;)
		{
			parse_range(input);
			if (*input->at != ',' && *input->at != '}')
				refuse(input, "a comma or a } is expected");
			if (*input->at++ == '}')
				break;
			skip_blanks(input);
		}
	skip_blanks(input);
	if (*input->at != '\0')
		refuse(input, "nothing more is expected");
}

/* One id or two with a hyphen, and the blanks behind. */
static void
parse_range(LcSetText *input)
{
	uint32_t first = parse_id(input);
	uint32_t last = first;

	if (*input->at == '-')
	{
		input->at++;
		skip_blanks(input);
		last = parse_id(input);
	}
	if (last < first)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
		                errmsg("range %u-%u of a friendset runs backwards", first, last),
		                errhint("Write %u-%u.", last, first)));
	if (input->used == input->room)
	{
		CHECK_FOR_INTERRUPTS();
		input->room = input->room == 0 ? 16 : input->room * 2;
		input->ranges = friendset_host.grow(input->ranges, input->room * sizeof(LcRangeText));
	}
	if (input->used > 0 && first < input->ranges[input->used - 1].first)
		input->ascending = false;
	input->ranges[input->used].first = first;
	input->ranges[input->used].last = last;
	input->used++;
}

static uint32_t
parse_id(LcSetText *input)
{
	const char *start = input->at;
	uint64_t id = 0;

	for (; *input->at >= '0' && *input->at <= '9'; input->at++)
		if (id <= LC_FRIENDSET_MAX_ID)
			id = id * 10 + (uint64_t) (*input->at - '0');
	if (input->at == start)
		refuse(input, "a friend id is expected");
	if (id < 1 || id > LC_FRIENDSET_MAX_ID)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
		                errmsg("%.*s is not a friend id", (int) Min(input->at - start, SHOWN), start),
		                errdetail("Friend ids are 1 to %u.", LC_FRIENDSET_MAX_ID)));
	skip_blanks(input);
	return (uint32_t) id;
}

static void
skip_blanks(LcSetText *input)
{
	while (*input->at == ' ' || (*input->at >= '\t' && *input->at <= '\r'))
		input->at++;
}

static void
refuse(LcSetText *input, const char *expected)
{
	size_t length = strlen(input->text);
	int shown = length > SHOWN ? pg_mbcliplen(input->text, (int) length, SHOWN) : (int) length;

	ereport(ERROR,
	        (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
	         errmsg("invalid input syntax for type %s: \"%.*s%s\"", "friendset", shown, input->text,
	                length > SHOWN ? "..." : ""),
	         errdetail("At position %zu %s.", (size_t) (input->at - input->text) + 1, expected),
	         errhint("Write friend ids and ranges like {1-500,777}, or the portable Roaring bytes like \\x3a30....")));
}

static int
compare_ranges(const void *a, const void *b)
{
	uint32_t first_a = ((const LcRangeText *) a)->first;
	uint32_t first_b = ((const LcRangeText *) b)->first;

	return (first_a > first_b) - (first_a < first_b);
}

/* PostgreSQL's own input of bytea reads the hex. */
static Datum
from_hex(const char *text, const char *hex)
{
	bytea *bytes = DatumGetByteaPP(DirectFunctionCall1(byteain, CStringGetDatum(hex)));
	Datum set = friendset_from_foreign((const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	pfree(bytes);
	return set;
}

Datum
linecrm_friendset_out(PG_FUNCTION_ARGS)
{
	LcFriendset set;
	LcRanges ranges;
	StringInfoData out;
	uint32_t first;
	uint32_t last;
	uint32_t next_first;
	uint32_t next_last;
	uint32_t turns = 0;
	struct varlena *datum = friendset_open(PG_GETARG_DATUM(0), &set);
	bool more;

	initStringInfo(&out);
	lc_ranges_begin(&ranges, &set);
	more = lc_ranges_next(&ranges, &first, &last);
	while (more)
	{
		more = lc_ranges_next(&ranges, &next_first, &next_last);
		if (more && next_first == last + 1)
			last = next_last;
		else
		{
			put_range(&out, first, last);
			first = next_first;
			last = next_last;
		}
		if ((++turns & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	if (out.len == 0)
		appendStringInfoChar(&out, '{');
	appendStringInfoChar(&out, '}');
	PG_FREE_IF_COPY(datum, 0);
	PG_RETURN_CSTRING(out.data);
}

/* With the brace or comma before it; two neighbours are no range. */
static void
put_range(StringInfo out, uint32_t first, uint32_t last)
{
	char text[24];
	int length = 0;

	text[length++] = out->len == 0 ? '{' : ',';
	length += pg_ultoa_n(first, text + length);
	if (last > first)
	{
		text[length++] = last == first + 1 ? ',' : '-';
		length += pg_ultoa_n(last, text + length);
	}
	appendBinaryStringInfo(out, text, length);
}

Datum
linecrm_friendset_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int size = message->len - message->cursor;

	PG_RETURN_DATUM(friendset_from_foreign((const uint8_t *) pq_getmsgbytes(message, size), (size_t) size));
}

/* Also the cast to bytea. */
Datum
linecrm_friendset_send(PG_FUNCTION_ARGS)
{
	LcFriendset set;
	struct varlena *datum = friendset_open(PG_GETARG_DATUM(0), &set);
	Datum bytes = friendset_of_bytes(set.bytes, set.size);

	PG_FREE_IF_COPY(datum, 0);
	PG_RETURN_DATUM(bytes);
}

Datum
linecrm_friendset_from_bytea(PG_FUNCTION_ARGS)
{
	bytea *bytes = PG_GETARG_BYTEA_PP(0);
	Datum set = friendset_from_foreign((const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	PG_FREE_IF_COPY(bytes, 0);
	PG_RETURN_DATUM(set);
}

/* friendset(bigint[]): any order, any number of times. */
Datum
linecrm_friendset(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const int64 *ids = (const int64 *) ARR_DATA_PTR(array);
	LcCollector collector;
	const LcCollectedSet *result;
	Datum set;

	if (array_contains_nulls(array))
		ereport(ERROR,
		        (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("an array of friend ids must not contain nulls"),
		         errhint("Leave them out: friendset(array_remove(ids, NULL)).")));
	lc_collect_begin(&collector, &friendset_host);
	for (int i = 0; i < count; i++)
		lc_collect_id(&collector, friendset_id(ids[i]));
	result = lc_collect_result(&collector);
	set = friendset_of_bytes(result->bytes, result->size);
	lc_collect_free(&collector);
	PG_FREE_IF_COPY(array, 0);
	PG_RETURN_DATUM(set);
}

Datum
linecrm_friendset_to_array(PG_FUNCTION_ARGS)
{
	LcFriendset set;
	LcRanges ranges;
	struct varlena *datum = friendset_open(PG_GETARG_DATUM(0), &set);
	uint64_t count = lc_friendset_cardinality(&set);
	size_t size = ARR_OVERHEAD_NONULLS(1) + count * sizeof(int64);
	ArrayType *array;
	int64 *ids;
	uint32_t first;
	uint32_t last;

	if (count == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT8OID));
	if (!AllocSizeIsValid(size))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
		                errmsg("%llu friend ids do not fit into an array", (unsigned long long) count),
		                errhint("Use friend_ids(set), which gives rows, or cut the set with slice() or chunks().")));
	array = palloc(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = (int) count;
	ARR_LBOUND(array)[0] = 1;
	ids = (int64 *) ARR_DATA_PTR(array);
	lc_ranges_begin(&ranges, &set);
	while (lc_ranges_next(&ranges, &first, &last))
		for (uint64_t id = first; id <= last; id++)
			*ids++ = (int64) id;
	PG_FREE_IF_COPY(datum, 0);
	PG_RETURN_ARRAYTYPE_P(array);
}
