/*
 * friendset_collect.h
 *		Gathers ids and sets in any order into one friendset.
 */
#ifndef LINECRM_FRIENDSET_COLLECT_H
#define LINECRM_FRIENDSET_COLLECT_H

#include "line/friendset_build.h"

#define LC_COLLECT_DEPTH 64

typedef struct LcCollectedSet
{
	uint8_t *bytes;
	size_t size;
} LcCollectedSet;

typedef struct LcCollector
{
	const LcFriendsetHost *host;
	uint32_t *ids;
	uint32_t used;
	uint32_t room;
	bool ascending;
	uint32_t depth;
	LcCollectedSet sets[LC_COLLECT_DEPTH]; /* each at least twice as long as the next */
} LcCollector;

extern void lc_collect_begin(LcCollector *collector, const LcFriendsetHost *host);
extern void lc_collect_id(LcCollector *collector, uint32_t id);
extern void lc_collect_set(LcCollector *collector, const LcFriendset *set);

/* What has been gathered so far; the collector owns it and may go on. */
extern const LcCollectedSet *lc_collect_result(LcCollector *collector);
extern void lc_collect_free(LcCollector *collector);

#endif
