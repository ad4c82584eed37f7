/*
 * friendset_collect.c
 *		Gathers ids and sets in any order into one friendset: the aggregates, and arrays of ids.
 *
 * Ids wait in a buffer that is sorted and becomes a set when it is full. Sets wait on a stack on which each is at least
 * twice as long as the one above it; a new one that breaks this is united with its neighbour. So each byte is copied a
 * logarithmic number of times, however many sets come, and a group of few ids costs a few hundred bytes.
 *
 * Plain C, no globals, runs in any process; memory is the host's, which may throw (see friendset_build.h): the
 * collector is consistent at every such point.
 */
#include "line/friendset_collect.h"
#include "line/friendset_algebra.h"

#include <string.h>

#define FIRST_ROOM 32
#define MAX_ROOM (256 * 1024) /* ids: 1 MB, which sorts in a processor's cache */

#define DIGIT_BITS 11
#define DIGITS (1 << DIGIT_BITS)

static void flush_ids(LcCollector *collector);
static void sort_ids(const LcFriendsetHost *host, uint32_t *ids, uint32_t count);
static void push_set(LcCollector *collector, uint8_t *bytes, size_t size);
static void unite_top(LcCollector *collector);

void
lc_collect_begin(LcCollector *collector, const LcFriendsetHost *host)
{
	memset(collector, 0, sizeof(*collector));
	collector->host = host;
	collector->ascending = true;
}

void
lc_collect_id(LcCollector *collector, uint32_t id)
{
	if (collector->used == collector->room)
	{
		if (collector->room == MAX_ROOM)
			flush_ids(collector);
		else
		{
			uint32_t room = collector->room == 0 ? FIRST_ROOM : collector->room * 2;

			collector->ids = collector->host->grow(collector->ids, room * sizeof(uint32_t));
			collector->room = room;
		}
	}
	if (collector->used > 0 && id < collector->ids[collector->used - 1])
		collector->ascending = false;
	collector->ids[collector->used++] = id;
}

void
lc_collect_set(LcCollector *collector, const LcFriendset *set)
{
	uint8_t *bytes;

	if (set->containers == 0)
		return;
	bytes = collector->host->grow(NULL, set->size);
	memcpy(bytes, set->bytes, set->size);
	push_set(collector, bytes, set->size);
}

const LcCollectedSet *
lc_collect_result(LcCollector *collector)
{
	flush_ids(collector);
	if (collector->depth == 0)
	{
		LcBuilder builder;
		LcCollectedSet *empty = &collector->sets[0];

		lc_build_begin(&builder, collector->host);
		empty->bytes = lc_build_take(&builder, 0, &empty->size);
		collector->depth = 1;
	}
	while (collector->depth > 1)
		unite_top(collector);
	return &collector->sets[0];
}

void
lc_collect_free(LcCollector *collector)
{
	while (collector->depth > 0)
		collector->host->release(collector->sets[--collector->depth].bytes);
	if (collector->ids != NULL)
		collector->host->release(collector->ids);
	lc_collect_begin(collector, collector->host);
}

/* The buffer becomes a set on the stack. */
static void
flush_ids(LcCollector *collector)
{
	LcBuilder builder;
	uint8_t *bytes;
	size_t size;

	if (collector->used == 0)
		return;
	if (!collector->ascending)
		sort_ids(collector->host, collector->ids, collector->used);
	collector->ascending = true;
	lc_build_begin(&builder, collector->host);
	for (uint32_t i = 0; i < collector->used; i++)
		lc_build_range(&builder, collector->ids[i], collector->ids[i]);
	bytes = lc_build_take(&builder, 0, &size);
	collector->used = 0;
	push_set(collector, bytes, size);
}

/* By three digits of 11 bits, the lowest first; short lists by insertion. */
static void
sort_ids(const LcFriendsetHost *host, uint32_t *ids, uint32_t count)
{
	uint32_t *from = ids;
	uint32_t *other;
	uint32_t *to;

	if (count <= 64)
	{
		for (uint32_t i = 1; i < count; i++)
		{
			uint32_t id = ids[i];
			uint32_t j = i;

			for (; j > 0 && ids[j - 1] > id; j--)
				ids[j] = ids[j - 1];
			ids[j] = id;
		}
		return;
	}
	to = other = host->grow(NULL, count * sizeof(uint32_t));
	for (int shift = 0; shift < 32; shift += DIGIT_BITS)
	{
		uint32_t places[DIGITS + 1] = {0};
		uint32_t *swap = from;

		for (uint32_t i = 0; i < count; i++)
			places[(from[i] >> shift & (DIGITS - 1)) + 1]++;
		for (uint32_t digit = 1; digit < DIGITS; digit++)
			places[digit] += places[digit - 1];
		for (uint32_t i = 0; i < count; i++)
			to[places[from[i] >> shift & (DIGITS - 1)]++] = from[i];
		from = to;
		to = swap;
	}
	memcpy(ids, other, count * sizeof(uint32_t)); /* after three passes it lies there */
	host->release(other);
}

/* Takes over memory of the host's. */
static void
push_set(LcCollector *collector, uint8_t *bytes, size_t size)
{
	collector->sets[collector->depth].bytes = bytes;
	collector->sets[collector->depth].size = size;
	collector->depth++;
	while (collector->depth > 1 &&
	       collector->sets[collector->depth - 2].size < 2 * collector->sets[collector->depth - 1].size)
		unite_top(collector);
}

/* The two sets on top become one. */
static void
unite_top(LcCollector *collector)
{
	LcCollectedSet *low = &collector->sets[collector->depth - 2];
	LcCollectedSet *top = &collector->sets[collector->depth - 1];
	LcFriendset low_set;
	LcFriendset top_set;
	LcBuilder builder;
	uint8_t *bytes;
	size_t size;

	lc_friendset_open(&low_set, low->bytes, low->size);
	lc_friendset_open(&top_set, top->bytes, top->size);
	lc_build_begin(&builder, collector->host);
	lc_friendset_combine(&builder, LC_UNION, &low_set, &top_set);
	bytes = lc_build_take(&builder, 0, &size);
	collector->host->release(low->bytes);
	collector->host->release(top->bytes);
	low->bytes = bytes;
	low->size = size;
	collector->depth--;
}
