/*
 * names.c
 *		The nearest of known names to one that is unknown, for the hints of errors.
 *
 * Runs in any backend, reads nothing, throws only what PostgreSQL's edit distance throws. Memory is the caller's
 * context.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/varlena.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(linecrm_nearest);

/* varstr_levenshtein refuses longer strings; names have at most 100 characters of at most 4 bytes each. */
#define LC_NEAREST_MAX_CHARS 100

typedef struct LcNearName
{
	Datum name;
	int distance;
} LcNearName;

static int distance_to(text *name, text *candidate);
static int compare_near(const void *left, const void *right);

/*
 * linecrm_nearest(name text, candidates text[], at_most integer) returns text[]
 *
 * A candidate is near when the distance is at most half of the longer name: "vip" is not an answer to "osaka".
 */
Datum
linecrm_nearest(PG_FUNCTION_ARGS)
{
	text *name = PG_GETARG_TEXT_PP(0);
	ArrayType *candidates = PG_GETARG_ARRAYTYPE_P(1);
	int at_most = PG_GETARG_INT32(2);
	Datum *items;
	bool *nulls;
	int count;
	int near_count = 0;
	LcNearName *near;

	deconstruct_array(candidates, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &count);
	near = palloc(sizeof(LcNearName) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		int distance;

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			continue;
		distance = distance_to(name, DatumGetTextPP(items[i]));
		if (distance >= 0)
			near[near_count++] = (LcNearName) {items[i], distance};
	}
	qsort(near, near_count, sizeof(LcNearName), compare_near);
	near_count = Min(near_count, Max(at_most, 0));
	for (int i = 0; i < near_count; i++)
		items[i] = near[i].name;
	PG_RETURN_ARRAYTYPE_P(construct_array(items, near_count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The edit distance in characters, or -1 when the two are too far apart to be a slip of the hand. */
static int
distance_to(text *name, text *candidate)
{
	int name_bytes = VARSIZE_ANY_EXHDR(name);
	int candidate_bytes = VARSIZE_ANY_EXHDR(candidate);
	int name_chars = pg_mbstrlen_with_len(VARDATA_ANY(name), name_bytes);
	int candidate_chars = pg_mbstrlen_with_len(VARDATA_ANY(candidate), candidate_bytes);
	int limit = Max(name_chars, candidate_chars) / 2;
	int distance;

	if (name_chars > LC_NEAREST_MAX_CHARS || candidate_chars > LC_NEAREST_MAX_CHARS)
		return -1;
	distance = varstr_levenshtein_less_equal(VARDATA_ANY(name), name_bytes, VARDATA_ANY(candidate), candidate_bytes, 1,
											 1, 1, limit, true);
	return distance <= limit ? distance : -1;
}

static int
compare_near(const void *left, const void *right)
{
	const LcNearName *a = left;
	const LcNearName *b = right;

	return (a->distance > b->distance) - (a->distance < b->distance);
}
