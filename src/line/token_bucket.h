/*
 * token_bucket.h
 *		LINE's rate limits ("Rate limits": token buckets per channel and endpoint) kept from our side.
 */
#ifndef LC_TOKEN_BUCKET_H
#define LC_TOKEN_BUCKET_H

#include <stdint.h>

/* So many requests in so many seconds: {200, 1}, {60, 60}, {60, 3600}. */
typedef struct LcRate
{
	int32_t requests;
	int32_t seconds;
} LcRate;

/*
 * All arithmetic is in whole numbers: one token is `period` units of credit, and each microsecond adds `requests`
 * units. Times are microseconds of any one clock, passed in by the caller.
 */
typedef struct LcTokenBucket
{
	int64_t requests; /* units gained per microsecond */
	int64_t period;   /* microseconds of the rate's span = units per token */
	int64_t capacity; /* units, a whole number of tokens */
	int64_t credit;   /* units at `filled_at` */
	int64_t filled_at;
	int64_t paused_until; /* 0 = not paused */
} LcTokenBucket;

/*
 * Starts empty: LINE does not publish the size of its own bucket, and a sender that restarts must not get a second
 * helping. `empty_since` is normally now; for hourly limits it is the persisted time of the last request, so that a
 * restart does not cost an hour. The capacity is one second of the rate, at least 1 token.
 * A rate below one request or one second is taken as one.
 */
extern void lc_bucket_init(LcTokenBucket *bucket, LcRate rate, int64_t empty_since);

/* Takes up to `wanted` tokens and returns how many it took, 0 while paused. */
extern int lc_bucket_take(LcTokenBucket *bucket, int wanted, int64_t now);

/* Puts back tokens that were taken and not used. */
extern void lc_bucket_give_back(LcTokenBucket *bucket, int tokens);

/* Whole tokens there are now. */
extern int lc_bucket_level(LcTokenBucket *bucket, int64_t now);

/* Microseconds until one token is there; 0 when there is one. */
extern int64_t lc_bucket_wait(LcTokenBucket *bucket, int64_t now);

/*
 * After a 429: nothing is given before `until`, and the bucket fills from empty from then on. An earlier pause that
 * ends later stays.
 */
extern void lc_bucket_pause(LcTokenBucket *bucket, int64_t until, int64_t now);

#endif
