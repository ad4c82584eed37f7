/*
 * friendset_format.c
 *		Checks and reads a friendset's bytes in place: Roaring's portable serialisation.
 *
 * A set is a header and up to 65,536 containers, one for each value of an id's upper half that occurs. All numbers are
 * little endian:
 *
 *		without runs	12346, containers (32 bits each)
 *		with runs		12347 | (containers - 1) << 16; one bit a container: is it runs?
 *		both			per container key and cardinality - 1 (16 bits each)
 *		offsets			32 bits a container, from the start; left out with runs and fewer than four containers
 *		containers		runs: their count, then (start, length - 1) each; up to 4,096 ids: their lower halves, ascending;
 *						more: 65,536 bits
 *
 * Foreign bytes go through lc_friendset_check(), which reads nothing that it has not proved to be there and accepts a
 * set only if it says everything in one way: readers elsewhere accept unsorted values, false counts and bytes behind
 * the end. What has passed is written again by friendset_build.c, so that equal sets are equal bytes. Friend ids start
 * at 1: a set with 0 in it is refused.
 *
 * Plain C, no allocation, no globals, runs in any process and throws nothing.
 */
#include "line/friendset_format.h"

#include <string.h>

#define COOKIE_PLAIN 12346
#define COOKIE_RUNS 12347
#define OFFSETS_FROM 4 /* with runs, the offsets are there from so many containers on */

static const char *check_containers(const LcFriendset *set);
static const char *check_container(const LcContainer *container);
static const char *check_array(const LcContainer *container);
static const char *check_bitset(const LcContainer *container);
static const char *check_runs(const LcContainer *container);
static bool header_fits(const uint8_t *bytes, size_t size);
static void describe(const LcFriendset *set, uint32_t index, const uint8_t *data, LcContainer *container);
static bool next_bits(LcSpans *spans, uint32_t *first, uint32_t *last);

/*
 * The only door for bytes from outside. NULL when they are a set, else what is wrong, to be shown as a detail. Never
 * reads at or behind bytes + size.
 */
const char *
lc_friendset_check(const uint8_t *bytes, size_t size)
{
	LcFriendset set;
	uint32_t cookie;

	if (size < 8)
		return "the header is cut off";
	cookie = lc_read32(bytes);
	if (cookie != COOKIE_PLAIN && (cookie & 0xffff) != COOKIE_RUNS)
		return "it does not start like a Roaring bitmap in the portable format";
	if (cookie == COOKIE_PLAIN && lc_read32(bytes + 4) > LC_FRIENDSET_MAX_CONTAINERS)
		return "it claims more than 65536 containers";
	if (!header_fits(bytes, size))
		return "the header is cut off";
	lc_friendset_open(&set, bytes, size);
	if (cookie != COOKIE_PLAIN && (set.containers & 7) != 0 &&
	    set.run_flags[set.containers / 8] >> (set.containers & 7) != 0)
		return "a run flag behind the last container is set";
	return check_containers(&set);
}

/* Keys ascending, each container where its offset says and right behind the one before, the last one at the end. */
static const char *
check_containers(const LcFriendset *set)
{
	const uint8_t *end = set->bytes + set->size;
	const uint8_t *data = set->data;

	for (uint32_t index = 0; index < set->containers; index++)
	{
		LcContainer container;
		const char *problem;
		bool runs = set->run_flags != NULL && (set->run_flags[index / 8] >> (index & 7) & 1) != 0;

		if (index > 0 && lc_read16(set->keys + 4 * index) <= lc_read16(set->keys + 4 * (index - 1)))
			return "the containers' keys do not ascend";
		if (set->offsets != NULL && lc_read32(set->offsets + 4 * index) != (size_t) (data - set->bytes))
			return "an offset does not point at its container";
		if (runs && end - data < 2)
			return "a container is cut off";
		describe(set, index, data, &container);
		if (container.size > (size_t) (end - container.data))
			return "a container is cut off";
		problem = check_container(&container);
		if (problem != NULL)
			return problem;
		data = container.data + container.size;
	}
	return data == end ? NULL : "bytes follow the last container";
}

static const char *
check_container(const LcContainer *container)
{
	const char *problem;

	switch (container->kind)
	{
		case LC_CONTAINER_RUNS:
			problem = check_runs(container);
			break;
		case LC_CONTAINER_BITSET:
			problem = check_bitset(container);
			break;
		default:
			problem = check_array(container);
			break;
	}
	if (problem == NULL && container->key == 0 && lc_container_contains(container, 0))
		return "0 is not a friend id";
	return problem;
}

static const char *
check_array(const LcContainer *container)
{
	for (uint32_t i = 1; i < container->cardinality; i++)
		if (lc_read16(container->data + 2 * i) <= lc_read16(container->data + 2 * (i - 1)))
			return "the values of an array container do not ascend";
	return NULL;
}

static const char *
check_bitset(const LcContainer *container)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < LC_FRIENDSET_WORDS; i++)
		bits += lc_popcount(lc_read64(container->data + 8 * i));
	return bits == container->cardinality ? NULL : "a bitset container holds another number of ids than it claims";
}

/* Runs that touch are legal, the next writer joins them; runs that overlap are not. */
static const char *
check_runs(const LcContainer *container)
{
	uint32_t ids = 0;
	uint32_t free_from = 0;

	for (uint32_t i = 0; i < container->runs; i++)
	{
		uint32_t start = lc_read16(container->data + 4 * i);
		uint32_t more = lc_read16(container->data + 4 * i + 2);

		if (start < free_from)
			return "the runs of a container do not ascend or overlap";
		if (start + more > 0xffff)
			return "a run reaches beyond its container";
		ids += more + 1;
		free_from = start + more + 1;
	}
	return ids == container->cardinality ? NULL : "a run container holds another number of ids than it claims";
}

/* Is everything before the first container there? The cookie and the count have been read. */
static bool
header_fits(const uint8_t *bytes, size_t size)
{
	uint32_t cookie = lc_read32(bytes);
	size_t containers = cookie == COOKIE_PLAIN ? lc_read32(bytes + 4) : (cookie >> 16) + 1;

	if (cookie == COOKIE_PLAIN)
		return size >= 8 + 8 * containers;
	return size >= 4 + (containers + 7) / 8 + 4 * containers + (containers < OFFSETS_FROM ? 0 : 4 * containers);
}

/* Reads the header of checked bytes. */
void
lc_friendset_open(LcFriendset *set, const uint8_t *bytes, size_t size)
{
	uint32_t cookie = lc_read32(bytes);
	bool plain = cookie == COOKIE_PLAIN;

	set->bytes = bytes;
	set->size = size;
	set->containers = plain ? lc_read32(bytes + 4) : (cookie >> 16) + 1;
	set->run_flags = plain ? NULL : bytes + 4;
	set->keys = plain ? bytes + 8 : bytes + 4 + (set->containers + 7) / 8;
	set->data = set->keys + 4 * (size_t) set->containers;
	set->offsets = plain || set->containers >= OFFSETS_FROM ? set->data : NULL;
	if (set->offsets != NULL)
		set->data += 4 * (size_t) set->containers;
}

/* From the header alone: the containers are not read. */
uint64_t
lc_friendset_cardinality(const LcFriendset *set)
{
	uint64_t ids = set->containers;

	for (uint32_t index = 0; index < set->containers; index++)
		ids += lc_read16(set->keys + 4 * index + 2);
	return ids;
}

bool
lc_friendset_contains(const LcFriendset *set, uint32_t id)
{
	LcContainer container;
	uint32_t index = lc_friendset_find(set, id >> 16);

	if (index == set->containers || lc_read16(set->keys + 4 * index) != id >> 16)
		return false;
	lc_friendset_container(set, index, &container);
	return lc_container_contains(&container, (uint16_t) id);
}

/* The smallest and the greatest id; false for the empty set. */
bool
lc_friendset_bounds(const LcFriendset *set, uint32_t *first, uint32_t *last)
{
	LcContainer container;
	LcSpans spans;
	uint32_t low;
	uint32_t high;

	if (set->containers == 0)
		return false;
	lc_friendset_container(set, 0, &container);
	lc_spans_begin(&spans, &container);
	lc_spans_next(&spans, &low, &high);
	*first = (uint32_t) container.key << 16 | low;
	lc_friendset_container(set, set->containers - 1, &container);
	switch (container.kind)
	{
		case LC_CONTAINER_RUNS:
			high = lc_read16(container.data + 4 * (container.runs - 1)) +
			       lc_read16(container.data + 4 * (container.runs - 1) + 2);
			break;
		case LC_CONTAINER_BITSET:
			for (high = 0xffff; !lc_container_contains(&container, (uint16_t) high);)
				high--;
			break;
		default:
			high = lc_read16(container.data + 2 * (container.cardinality - 1));
			break;
	}
	*last = (uint32_t) container.key << 16 | high;
	return true;
}

/* The container at a place in the order of keys; without offsets there are at most three to walk over. */
void
lc_friendset_container(const LcFriendset *set, uint32_t index, LcContainer *container)
{
	if (set->offsets != NULL)
		describe(set, index, set->bytes + lc_read32(set->offsets + 4 * (size_t) index), container);
	else
	{
		const uint8_t *data = set->data;

		for (uint32_t i = 0; i <= index; i++)
		{
			describe(set, i, data, container);
			data = container->data + container->size;
		}
	}
}

static void
describe(const LcFriendset *set, uint32_t index, const uint8_t *data, LcContainer *container)
{
	container->key = (uint16_t) lc_read16(set->keys + 4 * (size_t) index);
	container->cardinality = lc_read16(set->keys + 4 * (size_t) index + 2) + 1;
	container->runs = 0;
	container->data = data;
	if (set->run_flags != NULL && (set->run_flags[index / 8] >> (index & 7) & 1) != 0)
	{
		container->kind = LC_CONTAINER_RUNS;
		container->runs = lc_read16(data);
		container->data = data + 2;
		container->size = 4 * (size_t) container->runs;
	}
	else if (container->cardinality <= LC_FRIENDSET_MAX_ARRAY)
	{
		container->kind = LC_CONTAINER_ARRAY;
		container->size = 2 * (size_t) container->cardinality;
	}
	else
	{
		container->kind = LC_CONTAINER_BITSET;
		container->size = LC_FRIENDSET_BITSET_SIZE;
	}
}

/* The place of the first container whose key is at least this; the number of containers when there is none. */
uint32_t
lc_friendset_find(const LcFriendset *set, uint32_t key)
{
	uint32_t low = 0;
	uint32_t high = set->containers;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (lc_read16(set->keys + 4 * (size_t) middle) < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
lc_container_contains(const LcContainer *container, uint16_t value)
{
	uint32_t step = container->kind == LC_CONTAINER_RUNS ? 4 : 2;
	uint32_t low = 0;
	uint32_t high = container->kind == LC_CONTAINER_RUNS ? container->runs : container->cardinality;

	if (container->kind == LC_CONTAINER_BITSET)
		return (container->data[value >> 3] >> (value & 7) & 1) != 0;
	while (low < high) /* the first that starts behind the value */
	{
		uint32_t middle = low + (high - low) / 2;

		if (lc_read16(container->data + step * middle) <= value)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	if (container->kind == LC_CONTAINER_ARRAY)
		return lc_read16(container->data + 2 * (low - 1)) == value;
	return value - lc_read16(container->data + 4 * (low - 1)) <= lc_read16(container->data + 4 * (low - 1) + 2);
}

/* Any container as 65,536 bits. */
void
lc_container_words(const LcContainer *container, uint64_t *words)
{
	LcSpans spans;
	uint32_t first;
	uint32_t last;

	if (container->kind == LC_CONTAINER_BITSET)
	{
		for (uint32_t i = 0; i < LC_FRIENDSET_WORDS; i++)
			words[i] = lc_read64(container->data + 8 * i);
		return;
	}
	memset(words, 0, LC_FRIENDSET_BITSET_SIZE);
	lc_spans_begin(&spans, container);
	while (lc_spans_next(&spans, &first, &last))
		lc_words_fill(words, first, last);
}

/* Sets the bits first .. last. */
void
lc_words_fill(uint64_t *words, uint32_t first, uint32_t last)
{
	uint64_t head = ~UINT64_C(0) << (first & 63);
	uint64_t tail = ~UINT64_C(0) >> (63 - (last & 63));

	if (first >> 6 == last >> 6)
	{
		words[first >> 6] |= head & tail;
		return;
	}
	words[first >> 6] |= head;
	for (uint32_t i = (first >> 6) + 1; i < last >> 6; i++)
		words[i] = ~UINT64_C(0);
	words[last >> 6] |= tail;
}

void
lc_spans_begin(LcSpans *spans, const LcContainer *container)
{
	spans->container = *container;
	spans->next = 0;
}

/* The next range of lower halves; neighbours are joined except in a run container that came from elsewhere. */
bool
lc_spans_next(LcSpans *spans, uint32_t *first, uint32_t *last)
{
	const LcContainer *container = &spans->container;

	if (container->kind == LC_CONTAINER_BITSET)
		return next_bits(spans, first, last);
	if (container->kind == LC_CONTAINER_RUNS)
	{
		if (spans->next >= container->runs)
			return false;
		*first = lc_read16(container->data + 4 * spans->next);
		*last = *first + lc_read16(container->data + 4 * spans->next + 2);
		spans->next++;
		return true;
	}
	if (spans->next >= container->cardinality)
		return false;
	*first = *last = lc_read16(container->data + 2 * spans->next);
	while (++spans->next < container->cardinality && lc_read16(container->data + 2 * spans->next) == *last + 1)
		++*last;
	return true;
}

/* The next stretch of set bits. */
static bool
next_bits(LcSpans *spans, uint32_t *first, uint32_t *last)
{
	const uint8_t *data = spans->container.data;
	uint32_t at = spans->next;
	uint64_t word;

	if (at > 0xffff)
		return false;
	word = lc_read64(data + 8 * (at >> 6)) >> (at & 63) << (at & 63);
	for (at >>= 6; word == 0; word = lc_read64(data + 8 * at))
		if (++at == LC_FRIENDSET_WORDS)
			return false;
	*first = at << 6 | (uint32_t) __builtin_ctzll(word);
	word = ~word & ~UINT64_C(0) << (*first & 63);
	while (word == 0 && ++at < LC_FRIENDSET_WORDS)
		word = ~lc_read64(data + 8 * at);
	spans->next = word == 0 ? 0x10000 : (at << 6 | (uint32_t) __builtin_ctzll(word));
	*last = spans->next - 1;
	return true;
}

void
lc_ranges_begin(LcRanges *ranges, const LcFriendset *set)
{
	ranges->set = set;
	ranges->next = 0;
	ranges->spans.container.kind = LC_CONTAINER_ARRAY;
	ranges->spans.container.cardinality = 0;
	ranges->spans.container.key = 0;
	ranges->spans.next = 0;
}

bool
lc_ranges_next(LcRanges *ranges, uint32_t *first, uint32_t *last)
{
	while (!lc_spans_next(&ranges->spans, first, last))
	{
		LcContainer container;

		if (ranges->next == ranges->set->containers)
			return false;
		lc_friendset_container(ranges->set, ranges->next++, &container);
		lc_spans_begin(&ranges->spans, &container);
	}
	*first |= (uint32_t) ranges->spans.container.key << 16;
	*last |= (uint32_t) ranges->spans.container.key << 16;
	return true;
}
