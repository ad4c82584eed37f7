/*
 * friendset_algebra.h
 *		Union, intersection, difference and comparison of serialised friendsets.
 */
#ifndef LINECRM_FRIENDSET_ALGEBRA_H
#define LINECRM_FRIENDSET_ALGEBRA_H

#include "line/friendset_build.h"

typedef enum LcSetOperation
{
	LC_UNION,
	LC_INTERSECTION,
	LC_DIFFERENCE
} LcSetOperation;

/* The result is added to a builder that is empty. */
extern void lc_friendset_combine(LcBuilder *builder, LcSetOperation operation, const LcFriendset *left,
                                 const LcFriendset *right);

/* The ids that are in at least so many of the sets; at_least is 1 or more. */
extern void lc_friendset_at_least(LcBuilder *builder, uint32_t at_least, const LcFriendset *sets, uint32_t count);

extern bool lc_friendset_overlap(const LcFriendset *left, const LcFriendset *right);
extern bool lc_friendset_includes(const LcFriendset *set, const LcFriendset *part);

#endif
