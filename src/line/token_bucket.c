/*
 * token_bucket.c
 *		Token buckets in whole numbers. The sender owns one per channel and endpoint, in its own memory; nothing here
 *		allocates, throws or looks at a clock.
 *
 *		A clock that goes back gives nothing and takes nothing: the bucket goes on from the new time. Products stay
 *		inside 64 bits because elapsed time is cut to what fills the bucket before it is multiplied.
 */
#include "token_bucket.h"

#define MICROSECONDS INT64_C(1000000)

static void fill(LcTokenBucket *bucket, int64_t now);
static void set_rate(LcTokenBucket *bucket, LcRate rate);

void
lc_bucket_init(LcTokenBucket *bucket, LcRate rate, int64_t empty_since)
{
	set_rate(bucket, rate);
	bucket->credit = 0;
	bucket->filled_at = empty_since;
	bucket->paused_until = 0;
}

int
lc_bucket_take(LcTokenBucket *bucket, int wanted, int64_t now)
{
	int level = lc_bucket_level(bucket, now);
	int taken = wanted < level ? wanted : level;

	if (taken <= 0)
		return 0;
	bucket->credit -= taken * bucket->period;
	return taken;
}

void
lc_bucket_give_back(LcTokenBucket *bucket, int tokens)
{
	if (tokens <= 0)
		return;
	if (tokens >= (bucket->capacity - bucket->credit) / bucket->period)
		bucket->credit = bucket->capacity;
	else
		bucket->credit += tokens * bucket->period;
}

int
lc_bucket_level(LcTokenBucket *bucket, int64_t now)
{
	fill(bucket, now);
	if (bucket->paused_until != 0)
		return 0;
	return (int) (bucket->credit / bucket->period);
}

int64_t
lc_bucket_wait(LcTokenBucket *bucket, int64_t now)
{
	int64_t pause = 0;
	int64_t missing;

	fill(bucket, now);
	if (bucket->paused_until != 0)
		pause = bucket->paused_until - now;
	missing = bucket->period - bucket->credit;
	if (missing <= 0)
		return pause;
	return pause + (missing + bucket->requests - 1) / bucket->requests;
}

void
lc_bucket_pause(LcTokenBucket *bucket, int64_t until, int64_t now)
{
	fill(bucket, now);
	bucket->credit = 0;
	if (until > now && until > bucket->paused_until)
		bucket->paused_until = until;
}

/* Adds what time has brought since the last look, and ends a pause that is over. */
static void
fill(LcTokenBucket *bucket, int64_t now)
{
	int64_t elapsed;

	if (bucket->paused_until != 0)
	{
		if (now < bucket->paused_until)
			return;
		bucket->filled_at = bucket->paused_until;
		bucket->paused_until = 0;
	}
	if (now <= bucket->filled_at)
	{
		bucket->filled_at = now;
		return;
	}
	/* the difference of two far-apart times could overflow a signed number */
	elapsed = (uint64_t) now - (uint64_t) bucket->filled_at > (uint64_t) bucket->capacity
	              ? bucket->capacity
	              : (int64_t) ((uint64_t) now - (uint64_t) bucket->filled_at);
	if (elapsed >= (bucket->capacity - bucket->credit + bucket->requests - 1) / bucket->requests)
		bucket->credit = bucket->capacity;
	else
		bucket->credit += elapsed * bucket->requests;
	bucket->filled_at = now;
}

static void
set_rate(LcTokenBucket *bucket, LcRate rate)
{
	int64_t seconds = rate.seconds < 1 ? 1 : rate.seconds;
	int64_t tokens;

	bucket->requests = rate.requests < 1 ? 1 : rate.requests;
	bucket->period = seconds * MICROSECONDS;
	tokens = bucket->requests / seconds;
	bucket->capacity = (tokens < 1 ? 1 : tokens) * bucket->period;
}
