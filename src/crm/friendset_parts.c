/*
 * friendset_parts.c
 *		Functions that give a part of a friendset: slice, sample, split; and at_least over many sets.
 *
 * sample() and split() decide by a number that is mixed from the friend's id and a text. It is written out here and
 * must never change: who was in the test group yesterday must be in it tomorrow, after an upgrade, on another machine.
 * It therefore owes nothing to the server's hash functions. The number is
 *
 *		mix(mix(FNV-1a of the text's UTF-8 bytes, 64 bits) + id * 0x9e3779b97f4a7c15)
 *
 * with mix() the finalizer of SplitMix64. split() puts a friend into part 1 + floor(number * parts / 2^64); sample()
 * takes the friends with the smallest numbers, so that a greater sample contains the smaller one.
 *
 * Runs in any backend, takes no locks. Throws: arguments out of range, out of memory, cancel.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "crm/friendset.h"
#include "line/friendset_algebra.h"
#include "line/friendset_collect.h"

PG_FUNCTION_INFO_V1(linecrm_slice);
PG_FUNCTION_INFO_V1(linecrm_sample);
PG_FUNCTION_INFO_V1(linecrm_split);
PG_FUNCTION_INFO_V1(linecrm_at_least);

/* A friend and its number. */
typedef struct LcDrawn
{
	uint64_t number;
	uint32_t id;
} LcDrawn;

/* The friends with the smallest numbers so far, the greatest of them on top: a heap. */
typedef struct LcDraw
{
	LcDrawn *heap;
	uint64_t used;
	uint64_t room;
} LcDraw;

static Datum draw_set(const LcFriendset *set, uint64_t count, const text *seed, bool smallest);
static void draw(LcDraw *drawn, LcDrawn one);
static void sift_down(LcDraw *drawn);
static uint64_t salt_number(const text *salt);
static uint64_t friend_number(uint64_t salt, uint32_t id);
static uint64_t mix(uint64_t number);

/* So many friends from a place in the ascending order on; places count from 1. What is not there is left out. */
Datum
linecrm_slice(PG_FUNCTION_ARGS)
{
	int64 place = PG_GETARG_INT64(1);
	int64 count = PG_GETARG_INT64(2);
	LcFriendset set;
	LcBuilder builder;
	uint64_t passed = 0;
	struct varlena *datum;
	Datum result;

	if (place < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("there is no place %lld in a friendset", (long long) place),
		                errhint("The first friend has place 1.")));
	if (count < 0)
		ereport(ERROR,
		        (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		         errmsg("a slice cannot have %lld friends", (long long) count), errhint("Give a count of 0 or more.")));
	datum = friendset_open(PG_GETARG_DATUM(0), &set);
	lc_build_begin(&builder, &friendset_host);
	for (uint32_t index = 0; index < set.containers && count > 0; index++)
	{
		LcContainer container;
		LcSpans spans;
		uint32_t first;
		uint32_t last;

		lc_friendset_container(&set, index, &container);
		if (passed + container.cardinality < (uint64_t) place)
		{
			passed += container.cardinality;
			continue;
		}
		lc_spans_begin(&spans, &container);
		while (count > 0 && lc_spans_next(&spans, &first, &last))
		{
			uint64_t skip = (uint64_t) place - 1 > passed ? (uint64_t) place - 1 - passed : 0;
			uint64_t ids = last - first + 1;

			passed += ids;
			if (skip >= ids)
				continue;
			ids = Min(ids - skip, (uint64_t) count);
			first = (uint32_t) (first + skip);
			lc_build_range(&builder, (uint32_t) container.key << 16 | first,
			               (uint32_t) container.key << 16 | (uint32_t) (first + ids - 1));
			count -= (int64) ids;
		}
	}
	result = friendset_result(&builder);
	PG_FREE_IF_COPY(datum, 0);
	return result;
}

/* The same friends for the same set and seed; all of them if there are no more. */
Datum
linecrm_sample(PG_FUNCTION_ARGS)
{
	int64 count = PG_GETARG_INT64(1);
	text *seed = PG_GETARG_TEXT_PP(2);
	LcFriendset set;
	LcFriendset drawn;
	LcBuilder builder;
	struct varlena *datum;
	uint64_t ids;
	Datum result;

	if (count < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("a sample cannot have %lld friends", (long long) count),
		                errhint("Give a number of 0 or more.")));
	datum = friendset_open(PG_GETARG_DATUM(0), &set);
	ids = lc_friendset_cardinality(&set);
	if ((uint64_t) count >= ids)
		result = friendset_of_bytes(set.bytes, set.size);
	else if ((uint64_t) count <= ids / 2)
		result = draw_set(&set, (uint64_t) count, seed, true);
	else
	{
		/* more than half: cheaper to draw those who are left out */
		Datum others = draw_set(&set, ids - (uint64_t) count, seed, false);

		friendset_open(others, &drawn);
		lc_build_begin(&builder, &friendset_host);
		lc_friendset_combine(&builder, LC_DIFFERENCE, &set, &drawn);
		result = friendset_result(&builder);
		pfree(DatumGetPointer(others));
	}
	PG_FREE_IF_COPY(datum, 0);
	PG_FREE_IF_COPY(seed, 2);
	return result;
}

/* The friends with the smallest or the greatest numbers; count is at most half of them. */
static Datum
draw_set(const LcFriendset *set, uint64_t count, const text *seed, bool smallest)
{
	uint64_t salt = salt_number(seed);
	LcDraw drawn = {.room = count};
	LcRanges ranges;
	LcCollector collector;
	const LcCollectedSet *collected;
	Datum result;
	uint32_t first;
	uint32_t last;
	uint32_t turns = 0;

	lc_collect_begin(&collector, &friendset_host);
	if (count > 0)
	{
		drawn.heap = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(LcDrawn));
		lc_ranges_begin(&ranges, set);
		while (lc_ranges_next(&ranges, &first, &last))
			for (uint64_t id = first; id <= last; id++)
			{
				uint64_t number = friend_number(salt, (uint32_t) id);

				draw(&drawn, (LcDrawn){.number = smallest ? number : ~number, .id = (uint32_t) id});
				if ((++turns & 0xffff) == 0)
					CHECK_FOR_INTERRUPTS();
			}
		for (uint64_t i = 0; i < drawn.used; i++)
			lc_collect_id(&collector, drawn.heap[i].id);
		pfree(drawn.heap);
	}
	collected = lc_collect_result(&collector);
	result = friendset_of_bytes(collected->bytes, collected->size);
	lc_collect_free(&collector);
	return result;
}

/* Numbers of two friends never agree for one salt, so the order is total. */
static void
draw(LcDraw *drawn, LcDrawn one)
{
	uint64_t at;

	if (drawn->used == drawn->room)
	{
		if (one.number < drawn->heap[0].number)
		{
			drawn->heap[0] = one;
			sift_down(drawn);
		}
		return;
	}
	for (at = drawn->used++; at > 0 && drawn->heap[(at - 1) / 2].number < one.number; at = (at - 1) / 2)
		drawn->heap[at] = drawn->heap[(at - 1) / 2];
	drawn->heap[at] = one;
}

static void
sift_down(LcDraw *drawn)
{
	LcDrawn one = drawn->heap[0];
	uint64_t at = 0;

	for (;;)
	{
		uint64_t child = 2 * at + 1;

		if (child + 1 < drawn->used && drawn->heap[child + 1].number > drawn->heap[child].number)
			child++;
		if (child >= drawn->used || drawn->heap[child].number <= one.number)
			break;
		drawn->heap[at] = drawn->heap[child];
		at = child;
	}
	drawn->heap[at] = one;
}

/* Part 1 to parts: each friend is in exactly one, the same one for ever. */
Datum
linecrm_split(PG_FUNCTION_ARGS)
{
	text *salt = PG_GETARG_TEXT_PP(1);
	int32 part = PG_GETARG_INT32(2);
	int32 parts = PG_GETARG_INT32(3);
	uint64_t number = salt_number(salt);
	LcFriendset set;
	LcRanges ranges;
	LcBuilder builder;
	uint32_t first;
	uint32_t last;
	uint32_t turns = 0;
	struct varlena *datum;
	Datum result;

	if (parts < 1 || part < 1 || part > parts)
		ereport(
		    ERROR,
		    (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no part %d of %d", part, parts),
		     errhint(
		         "Parts count from 1: split(friends, 'salt', 1, 2) and split(friends, 'salt', 2, 2) are the halves.")));
	datum = friendset_open(PG_GETARG_DATUM(0), &set);
	lc_build_begin(&builder, &friendset_host);
	lc_ranges_begin(&ranges, &set);
	while (lc_ranges_next(&ranges, &first, &last))
		for (uint64_t id = first; id <= last; id++)
		{
			unsigned __int128 place = (unsigned __int128) friend_number(number, (uint32_t) id) * (uint32_t) parts;

			if ((uint32_t) (place >> 64) == (uint32_t) part - 1)
				lc_build_range(&builder, (uint32_t) id, (uint32_t) id);
			if ((++turns & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
		}
	result = friendset_result(&builder);
	PG_FREE_IF_COPY(datum, 0);
	PG_FREE_IF_COPY(salt, 1);
	return result;
}

static uint64_t
salt_number(const text *salt)
{
	const unsigned char *at = (const unsigned char *) VARDATA_ANY(salt);
	uint64_t number = UINT64_C(0xcbf29ce484222325);

	for (size_t left = VARSIZE_ANY_EXHDR(salt); left > 0; left--)
		number = (number ^ *at++) * UINT64_C(0x100000001b3);
	return mix(number);
}

static uint64_t
friend_number(uint64_t salt, uint32_t id)
{
	return mix(salt + id * UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t
mix(uint64_t number)
{
	number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
	return number ^ (number >> 31);
}

/* Friends who are in at least so many of the sets; a NULL among them is no set. */
Datum
linecrm_at_least(PG_FUNCTION_ARGS)
{
	int32 at_least = PG_GETARG_INT32(0);
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(1);
	Datum *datums;
	bool *nulls;
	int count;
	uint32_t used = 0;
	LcFriendset *sets;
	LcBuilder builder;

	if (at_least < 1)
		ereport(ERROR,
		        (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("at least %d sets would be everybody", at_least),
		         errhint("Give a number of 1 or more.")));
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &datums, &nulls, &count);
	sets = palloc(Max(count, 1) * sizeof(LcFriendset));
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			friendset_open(datums[i], &sets[used++]);
	lc_build_begin(&builder, &friendset_host);
	if (used >= (uint32_t) at_least)
		lc_friendset_at_least(&builder, (uint32_t) at_least, sets, used);
	pfree(sets);
	pfree(datums);
	pfree(nulls);
	PG_FREE_IF_COPY(array, 1);
	PG_RETURN_DATUM(friendset_result(&builder));
}
