/*
 * friendset_build.h
 *		Writes friendsets: ascending ranges and containers in, the one canonical serialisation out.
 */
#ifndef LINECRM_FRIENDSET_BUILD_H
#define LINECRM_FRIENDSET_BUILD_H

#include "line/friendset_format.h"

/* What this code needs from its host. Each may throw (longjmp): nothing is held that the host does not know of. */
typedef struct LcFriendsetHost
{
	void *(*grow)(void *memory, size_t size); /* like realloc, but never NULL */
	void (*release)(void *memory);
	void (*breathe)(void); /* called between containers, to look for interrupts */
} LcFriendsetHost;

typedef struct LcRun
{
	uint16_t first;
	uint16_t last;
} LcRun;

/* A finished container: its bytes lie at data + start. */
typedef struct LcBuiltContainer
{
	uint16_t key;
	uint16_t more; /* cardinality - 1 */
	uint32_t start;
	bool runs;
} LcBuiltContainer;

typedef struct LcBuilder
{
	const LcFriendsetHost *host;
	LcBuiltContainer *containers;
	uint32_t used;
	uint32_t room;
	bool any_runs;
	uint8_t *data; /* finished containers, one behind the other */
	size_t data_used;
	size_t data_room;
	LcRun *runs; /* the container at work, from lc_build_range() */
	uint32_t runs_used;
	uint32_t runs_room;
	uint32_t runs_key;
	uint64_t next; /* the smallest id that a range may still bring */
} LcBuilder;

extern void lc_build_begin(LcBuilder *builder, const LcFriendsetHost *host);
extern void lc_build_reset(LcBuilder *builder);
extern void lc_build_free(LcBuilder *builder);

/* In ascending order of keys; ranges in ascending order of their first id, they may overlap. */
extern void lc_build_range(LcBuilder *builder, uint32_t first, uint32_t last);
extern void lc_build_copy(LcBuilder *builder, const LcContainer *container);
extern void lc_build_array(LcBuilder *builder, uint16_t key, const uint16_t *values, uint32_t count);
extern void lc_build_words(LcBuilder *builder, uint16_t key, const uint64_t *words);

/* How many bytes the set takes, and the bytes. */
extern size_t lc_build_size(LcBuilder *builder);
extern void lc_build_write(LcBuilder *builder, uint8_t *bytes);

/* A set in memory of the host's: *size tells how many bytes. */
extern uint8_t *lc_build_take(LcBuilder *builder, size_t prefix, size_t *size);

#endif
