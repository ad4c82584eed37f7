/*
 * entry_friendset_format.c
 *		Arbitrary bytes as a friendset: whatever the check lets through must be readable, must mean the same to libroaring,
 *		and must survive set algebra.
 *
 * The input is two sets: two bytes with the length of the first, then both.
 */
#include "entry.h"

#include <roaring/roaring.h>
#include <string.h>

#include "../unit/friendset_host.h"
#include "line/friendset_algebra.h"

/* Canonical bytes of an accepted input, else NULL; libroaring must see the same ids. */
static uint8_t *
accept(const uint8_t *data, size_t size, size_t *canonical_size)
{
	uint8_t *exact = malloc(size == 0 ? 1 : size);
	uint8_t *bytes = NULL;
	roaring_bitmap_t *oracle;
	LcFriendset set;
	LcRanges ranges;
	uint32_t first;
	uint32_t last;
	uint64_t count = 0;

	memcpy(exact, data, size);
	if (lc_friendset_check(exact, size) == NULL)
	{
		oracle = roaring_bitmap_portable_deserialize_safe((const char *) exact, size);
		MUST(oracle != NULL);
		lc_friendset_open(&set, exact, size);
		lc_ranges_begin(&ranges, &set);
		while (lc_ranges_next(&ranges, &first, &last))
		{
			MUST(first > 0 && first <= last);
			MUST(roaring_bitmap_contains_range(oracle, first, (uint64_t) last + 1));
			MUST(lc_friendset_contains(&set, first) && lc_friendset_contains(&set, last));
			count += last - first + 1;
		}
		MUST(count == roaring_bitmap_get_cardinality(oracle) && count == lc_friendset_cardinality(&set));
		roaring_bitmap_free(oracle);
		bytes = canonical(exact, size, canonical_size);
		MUST(lc_friendset_check(bytes, *canonical_size) == NULL);
	}
	free(exact);
	return bytes;
}

/* The result's ids; it must be canonical. */
static uint64_t
combine(LcSetOperation operation, const LcFriendset *left, const LcFriendset *right)
{
	LcBuilder builder;
	LcFriendset set;
	size_t size;
	size_t again_size;
	uint8_t *bytes;
	uint8_t *again;
	uint64_t count;

	lc_build_begin(&builder, &host);
	lc_friendset_combine(&builder, operation, left, right);
	bytes = lc_build_take(&builder, 0, &size);
	MUST(lc_friendset_check(bytes, size) == NULL);
	again = canonical(bytes, size, &again_size);
	MUST(size == again_size && memcmp(bytes, again, size) == 0);
	lc_friendset_open(&set, bytes, size);
	count = lc_friendset_cardinality(&set);
	free(bytes);
	free(again);
	return count;
}

void
fuzz_friendset_format(const uint8_t *data, size_t size)
{
	size_t split = size < 2 ? 0 : lc_read16(data);
	size_t left_size = 0;
	size_t right_size = 0;
	uint8_t *left_bytes;
	uint8_t *right_bytes;

	if (size < 2)
		return;
	split = split > size - 2 ? size - 2 : split;
	left_bytes = accept(data + 2, split, &left_size);
	right_bytes = accept(data + 2 + split, size - 2 - split, &right_size);
	if (left_bytes != NULL && right_bytes != NULL)
	{
		LcFriendset left;
		LcFriendset right;
		uint64_t both;

		lc_friendset_open(&left, left_bytes, left_size);
		lc_friendset_open(&right, right_bytes, right_size);
		both = combine(LC_INTERSECTION, &left, &right);
		MUST(combine(LC_UNION, &left, &right) + both ==
		     lc_friendset_cardinality(&left) + lc_friendset_cardinality(&right));
		MUST(combine(LC_DIFFERENCE, &left, &right) + both == lc_friendset_cardinality(&left));
		MUST(lc_friendset_overlap(&left, &right) == (both > 0));
		MUST(lc_friendset_includes(&left, &right) == (both == lc_friendset_cardinality(&right)));
	}
	free(left_bytes);
	free(right_bytes);
}
