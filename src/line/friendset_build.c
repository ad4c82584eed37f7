/*
 * friendset_build.c
 *		Writes friendsets, always in the one canonical form, so that equal sets are equal bytes.
 *
 * Canonical means: each container is of the smallest kind. Runs if 2 + 4 * runs bytes are fewer than what the ids would
 * take otherwise, else an array up to 4,096 ids, else a bitset; runs never touch. (libroaring's run_optimize leaves a
 * tie as it came, so that two equal sets could differ.) The header is the one of the portable format, see
 * friendset_format.c; it comes before the containers but depends on them, so containers gather in a buffer and the set
 * is put together at the end.
 *
 * Memory is the host's: a backend gives palloc, which throws, so nothing else may be held here. Ids come ascending.
 *
 * Plain C, no globals, runs in any process.
 */
#include "line/friendset_build.h"

#include <string.h>

#define COOKIE_PLAIN 12346
#define COOKIE_RUNS 12347
#define OFFSETS_FROM 4

static void flush_runs(LcBuilder *builder);
static void add_run(LcBuilder *builder, uint32_t first, uint32_t last);
static uint8_t *add_container(LcBuilder *builder, uint16_t key, uint32_t cardinality, uint32_t runs);
static LcContainerKind smallest_kind(uint32_t cardinality, uint32_t runs, size_t *size);
static void put_words(uint8_t *bytes, const uint64_t *words);
static void put_spans(uint8_t *bytes, const uint64_t *words, LcContainerKind kind);
static size_t header_size(const LcBuilder *builder);

void
lc_build_begin(LcBuilder *builder, const LcFriendsetHost *host)
{
	memset(builder, 0, sizeof(*builder));
	builder->host = host;
}

/* Empties the builder and keeps its memory for the next set. */
void
lc_build_reset(LcBuilder *builder)
{
	builder->used = 0;
	builder->any_runs = false;
	builder->data_used = 0;
	builder->runs_used = 0;
	builder->next = 0;
}

void
lc_build_free(LcBuilder *builder)
{
	if (builder->containers != NULL)
		builder->host->release(builder->containers);
	if (builder->data != NULL)
		builder->host->release(builder->data);
	if (builder->runs != NULL)
		builder->host->release(builder->runs);
	lc_build_begin(builder, builder->host);
}

/*
 * Adds first .. last. What an earlier range covered is skipped: as ranges ascend by their first id, everything from
 * there to the greatest id so far is in the set already.
 */
void
lc_build_range(LcBuilder *builder, uint32_t first, uint32_t last)
{
	if (last < builder->next)
		return;
	if (first < builder->next)
		first = (uint32_t) builder->next;
	builder->next = (uint64_t) last + 1;
	for (uint32_t key = first >> 16;; key++)
	{
		uint32_t low = key == first >> 16 ? first & 0xffff : 0;
		uint32_t high = key == last >> 16 ? last & 0xffff : 0xffff;

		if (builder->runs_used > 0 && builder->runs_key != key)
			flush_runs(builder);
		builder->runs_key = key;
		add_run(builder, low, high);
		if (key == last >> 16)
			break;
	}
}

static void
add_run(LcBuilder *builder, uint32_t first, uint32_t last)
{
	if (builder->runs_used > 0 && builder->runs[builder->runs_used - 1].last + 1U == first)
	{
		builder->runs[builder->runs_used - 1].last = (uint16_t) last;
		return;
	}
	if (builder->runs_used == builder->runs_room)
	{
		uint32_t room = builder->runs_room == 0 ? 32 : builder->runs_room * 2;

		builder->runs = builder->host->grow(builder->runs, room * sizeof(LcRun));
		builder->runs_room = room;
	}
	builder->runs[builder->runs_used].first = (uint16_t) first;
	builder->runs[builder->runs_used].last = (uint16_t) last;
	builder->runs_used++;
}

/* Ends the container that ranges were added to. */
static void
flush_runs(LcBuilder *builder)
{
	uint64_t words[LC_FRIENDSET_WORDS];
	uint32_t cardinality = 0;
	uint32_t count = builder->runs_used;
	uint8_t *bytes;
	size_t size;

	if (count == 0)
		return;
	for (uint32_t i = 0; i < count; i++)
		cardinality += builder->runs[i].last - builder->runs[i].first + 1U;
	bytes = add_container(builder, (uint16_t) builder->runs_key, cardinality, count);
	builder->runs_used = 0;
	switch (smallest_kind(cardinality, count, &size))
	{
		case LC_CONTAINER_RUNS:
			lc_write16(bytes, count);
			for (uint32_t i = 0; i < count; i++)
			{
				lc_write16(bytes + 2 + 4 * i, builder->runs[i].first);
				lc_write16(bytes + 4 + 4 * i, builder->runs[i].last - builder->runs[i].first);
			}
			break;
		case LC_CONTAINER_BITSET:
			memset(words, 0, sizeof(words));
			for (uint32_t i = 0; i < count; i++)
				lc_words_fill(words, builder->runs[i].first, builder->runs[i].last);
			put_words(bytes, words);
			break;
		default:
			for (uint32_t i = 0; i < count; i++)
				for (uint32_t value = builder->runs[i].first; value <= builder->runs[i].last; value++, bytes += 2)
					lc_write16(bytes, value);
			break;
	}
}

/* A container of another set as it is; its bytes are canonical when the set was written here. */
void
lc_build_copy(LcBuilder *builder, const LcContainer *container)
{
	uint8_t *bytes;

	flush_runs(builder);
	if (container->kind != LC_CONTAINER_RUNS)
	{
		/* no runs to count: asking for too many makes add_container() keep the kind */
		bytes = add_container(builder, container->key, container->cardinality, container->cardinality);
		memcpy(bytes, container->data, container->size);
		return;
	}
	bytes = add_container(builder, container->key, container->cardinality, container->runs);
	lc_write16(bytes, container->runs);
	memcpy(bytes + 2, container->data, container->size);
}

/* Ascending lower halves, up to 65,536 of them; none adds no container. */
void
lc_build_array(LcBuilder *builder, uint16_t key, const uint16_t *values, uint32_t count)
{
	uint32_t runs = 1;
	uint8_t *bytes;
	size_t size;

	if (count == 0)
		return;
	for (uint32_t i = 1; i < count; i++)
		runs += values[i] != values[i - 1] + 1U;
	if (smallest_kind(count, runs, &size) != LC_CONTAINER_ARRAY)
	{
		uint64_t words[LC_FRIENDSET_WORDS];

		memset(words, 0, sizeof(words));
		for (uint32_t i = 0; i < count; i++)
			words[values[i] >> 6] |= UINT64_C(1) << (values[i] & 63);
		lc_build_words(builder, key, words);
		return;
	}
	flush_runs(builder);
	bytes = add_container(builder, key, count, runs);
	for (uint32_t i = 0; i < count; i++)
		lc_write16(bytes + 2 * i, values[i]);
}

/* 65,536 bits; none set adds no container. */
void
lc_build_words(LcBuilder *builder, uint16_t key, const uint64_t *words)
{
	uint32_t cardinality = 0;
	uint32_t runs = 0;
	uint64_t carry = 0;
	uint8_t *bytes;
	size_t size;
	LcContainerKind kind;

	for (uint32_t i = 0; i < LC_FRIENDSET_WORDS; i++)
	{
		cardinality += lc_popcount(words[i]);
		runs += lc_popcount(words[i] & ~(words[i] << 1 | carry));
		carry = words[i] >> 63;
	}
	if (cardinality == 0)
		return;
	flush_runs(builder);
	kind = smallest_kind(cardinality, runs, &size);
	bytes = add_container(builder, key, cardinality, runs);
	if (kind == LC_CONTAINER_BITSET)
		put_words(bytes, words);
	else
	{
		if (kind == LC_CONTAINER_RUNS)
			lc_write16(bytes, runs);
		put_spans(bytes + (kind == LC_CONTAINER_RUNS ? 2 : 0), words, kind);
	}
}

/* The set bits as runs or as an array. */
static void
put_spans(uint8_t *bytes, const uint64_t *words, LcContainerKind kind)
{
	LcContainer container = {.kind = LC_CONTAINER_BITSET};
	uint8_t copy[LC_FRIENDSET_BITSET_SIZE];
	LcSpans spans;
	uint32_t first;
	uint32_t last;

	put_words(copy, words);
	container.data = copy;
	lc_spans_begin(&spans, &container);
	while (lc_spans_next(&spans, &first, &last))
	{
		if (kind == LC_CONTAINER_RUNS)
		{
			lc_write16(bytes, first);
			lc_write16(bytes + 2, last - first);
			bytes += 4;
		}
		else
			for (; first <= last; first++, bytes += 2)
				lc_write16(bytes, first);
	}
}

/* Room for one more container; the caller writes its bytes at the returned place at once. */
static uint8_t *
add_container(LcBuilder *builder, uint16_t key, uint32_t cardinality, uint32_t runs)
{
	LcBuiltContainer *container;
	size_t size;
	LcContainerKind kind = smallest_kind(cardinality, runs, &size);

	builder->host->breathe();
	if (builder->used == builder->room)
	{
		uint32_t room = builder->room == 0 ? 4 : builder->room * 2;

		builder->containers = builder->host->grow(builder->containers, room * sizeof(LcBuiltContainer));
		builder->room = room;
	}
	if (builder->data_room - builder->data_used < size)
	{
		size_t room = (builder->data_used + size) * 2;

		builder->data = builder->host->grow(builder->data, room);
		builder->data_room = room;
	}
	container = &builder->containers[builder->used++];
	container->key = key;
	container->more = (uint16_t) (cardinality - 1);
	container->start = (uint32_t) builder->data_used;
	container->runs = kind == LC_CONTAINER_RUNS;
	builder->any_runs |= container->runs;
	builder->data_used += size;
	return builder->data + container->start;
}

static LcContainerKind
smallest_kind(uint32_t cardinality, uint32_t runs, size_t *size)
{
	LcContainerKind kind = cardinality <= LC_FRIENDSET_MAX_ARRAY ? LC_CONTAINER_ARRAY : LC_CONTAINER_BITSET;

	*size = kind == LC_CONTAINER_ARRAY ? 2 * (size_t) cardinality : LC_FRIENDSET_BITSET_SIZE;
	if (2 + 4 * (size_t) runs >= *size)
		return kind;
	*size = 2 + 4 * (size_t) runs;
	return LC_CONTAINER_RUNS;
}

static void
put_words(uint8_t *bytes, const uint64_t *words)
{
	for (uint32_t i = 0; i < LC_FRIENDSET_WORDS; i++)
		lc_write64(bytes + 8 * i, words[i]);
}

static size_t
header_size(const LcBuilder *builder)
{
	size_t count = builder->used;

	if (!builder->any_runs)
		return 8 + 8 * count;
	return 4 + (count + 7) / 8 + 4 * count + (count < OFFSETS_FROM ? 0 : 4 * count);
}

size_t
lc_build_size(LcBuilder *builder)
{
	flush_runs(builder);
	return header_size(builder) + builder->data_used;
}

/* Exactly lc_build_size() bytes. */
void
lc_build_write(LcBuilder *builder, uint8_t *bytes)
{
	uint32_t count = builder->used;
	size_t header = header_size(builder);
	uint8_t *at = bytes;

	if (builder->any_runs)
	{
		lc_write32(at, COOKIE_RUNS | (count - 1) << 16);
		at += 4;
		memset(at, 0, (count + 7) / 8);
		for (uint32_t i = 0; i < count; i++)
			at[i / 8] |= (uint8_t) (builder->containers[i].runs << (i & 7));
		at += (count + 7) / 8;
	}
	else
	{
		lc_write32(at, COOKIE_PLAIN);
		lc_write32(at + 4, count);
		at += 8;
	}
	for (uint32_t i = 0; i < count; i++, at += 4)
	{
		lc_write16(at, builder->containers[i].key);
		lc_write16(at + 2, builder->containers[i].more);
	}
	if (!builder->any_runs || count >= OFFSETS_FROM)
		for (uint32_t i = 0; i < count; i++, at += 4)
			lc_write32(at, (uint32_t) (header + builder->containers[i].start));
	if (builder->data_used > 0)
		memcpy(at, builder->data, builder->data_used);
}

/* The set behind so many bytes for the host's own header, and the builder freed. */
uint8_t *
lc_build_take(LcBuilder *builder, size_t prefix, size_t *size)
{
	uint8_t *memory;

	*size = lc_build_size(builder);
	memory = builder->host->grow(NULL, prefix + *size);
	lc_build_write(builder, memory + prefix);
	lc_build_free(builder);
	return memory;
}
