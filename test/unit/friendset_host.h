/*
 * friendset_host.h
 *		A host for the friendset code outside a server: malloc, and nobody to interrupt it.
 */
#ifndef FRIENDSET_HOST_H
#define FRIENDSET_HOST_H

#include <stdlib.h>

#include "line/friendset_build.h"

static inline void *
host_grow(void *memory, size_t size)
{
	void *grown = realloc(memory, size);

	if (grown == NULL)
		abort();
	return grown;
}

static inline void
host_breathe(void)
{
}

static const LcFriendsetHost host = {host_grow, free, host_breathe};

/* Foreign bytes in canonical form, as the server does it; to be freed. */
static inline uint8_t *
canonical(const uint8_t *bytes, size_t size, size_t *canonical_size)
{
	LcFriendset set;
	LcRanges ranges;
	LcBuilder builder;
	uint32_t first;
	uint32_t last;

	lc_friendset_open(&set, bytes, size);
	lc_build_begin(&builder, &host);
	lc_ranges_begin(&ranges, &set);
	while (lc_ranges_next(&ranges, &first, &last))
		lc_build_range(&builder, first, last);
	return lc_build_take(&builder, 0, canonical_size);
}

#endif
