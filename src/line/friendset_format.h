/*
 * friendset_format.h
 *		The bytes of a friendset: Roaring's portable serialisation, checked and read in place.
 */
#ifndef LINECRM_FRIENDSET_FORMAT_H
#define LINECRM_FRIENDSET_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LC_FRIENDSET_WORDS 1024       /* 64-bit words of a bitset container */
#define LC_FRIENDSET_BITSET_SIZE 8192 /* and its bytes */
#define LC_FRIENDSET_MAX_ARRAY 4096   /* an array container holds at most this many */
#define LC_FRIENDSET_MAX_CONTAINERS 65536
#define LC_FRIENDSET_MAX_ID UINT32_C(4294967295)

typedef enum LcContainerKind
{
	LC_CONTAINER_ARRAY,
	LC_CONTAINER_BITSET,
	LC_CONTAINER_RUNS
} LcContainerKind;

/* A serialised set whose header has been read. The bytes stay where they are. */
typedef struct LcFriendset
{
	const uint8_t *bytes;
	size_t size;
	uint32_t containers;
	const uint8_t *run_flags; /* one bit a container, or NULL: no run containers */
	const uint8_t *keys;      /* per container: key, cardinality - 1, 16 bits each */
	const uint8_t *offsets;   /* 32 bits a container, or NULL: fewer than four containers, with runs */
	const uint8_t *data;      /* the first container */
} LcFriendset;

/* The ids key * 65536 .. key * 65536 + 65535 that are in the set. */
typedef struct LcContainer
{
	uint16_t key;
	LcContainerKind kind;
	uint32_t cardinality;
	uint32_t runs;       /* of a run container */
	const uint8_t *data; /* values, words or runs: behind the count of runs */
	size_t size;         /* bytes from data on */
} LcContainer;

/* Walks over a container's maximal ranges, ascending. */
typedef struct LcSpans
{
	LcContainer container;
	uint32_t next; /* value, bit or run to look at next */
} LcSpans;

/* Walks over a whole set's ranges, ascending; neighbours in two containers are not joined. */
typedef struct LcRanges
{
	const LcFriendset *set;
	uint32_t next; /* container */
	LcSpans spans;
} LcRanges;

/* Everything that is wrong with foreign bytes, or NULL. Only checked bytes may be given to the functions below. */
extern const char *lc_friendset_check(const uint8_t *bytes, size_t size);

extern void lc_friendset_open(LcFriendset *set, const uint8_t *bytes, size_t size);
extern uint64_t lc_friendset_cardinality(const LcFriendset *set);
extern bool lc_friendset_contains(const LcFriendset *set, uint32_t id);
extern bool lc_friendset_bounds(const LcFriendset *set, uint32_t *first, uint32_t *last);

extern void lc_friendset_container(const LcFriendset *set, uint32_t index, LcContainer *container);
extern uint32_t lc_friendset_find(const LcFriendset *set, uint32_t key);
extern bool lc_container_contains(const LcContainer *container, uint16_t low);
extern void lc_container_words(const LcContainer *container, uint64_t *words);
extern void lc_words_fill(uint64_t *words, uint32_t first, uint32_t last);

extern void lc_spans_begin(LcSpans *spans, const LcContainer *container);
extern bool lc_spans_next(LcSpans *spans, uint32_t *first, uint32_t *last);
extern void lc_ranges_begin(LcRanges *ranges, const LcFriendset *set);
extern bool lc_ranges_next(LcRanges *ranges, uint32_t *first, uint32_t *last);

static inline uint32_t
lc_read16(const uint8_t *bytes)
{
	return (uint32_t) bytes[0] | (uint32_t) bytes[1] << 8;
}

static inline uint32_t
lc_read32(const uint8_t *bytes)
{
	return lc_read16(bytes) | lc_read16(bytes + 2) << 16;
}

static inline uint64_t
lc_read64(const uint8_t *bytes)
{
	return (uint64_t) lc_read32(bytes) | (uint64_t) lc_read32(bytes + 4) << 32;
}

static inline void
lc_write16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t) value;
	bytes[1] = (uint8_t) (value >> 8);
}

static inline void
lc_write32(uint8_t *bytes, uint32_t value)
{
	lc_write16(bytes, value);
	lc_write16(bytes + 2, value >> 16);
}

static inline void
lc_write64(uint8_t *bytes, uint64_t value)
{
	lc_write32(bytes, (uint32_t) value);
	lc_write32(bytes + 4, (uint32_t) (value >> 32));
}

/* Without the processor's own instruction, which the baseline of x86-64 lacks, the library call is slower than this. */
static inline uint32_t
lc_popcount(uint64_t word)
{
	word -= (word >> 1) & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) + ((word >> 2) & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t) ((word * UINT64_C(0x0101010101010101)) >> 56);
}

#endif
