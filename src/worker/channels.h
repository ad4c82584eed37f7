/*
 * channels.h
 *		The sender's memory of channels: what they have queued, what they may send now, what they have in flight.
 */
#ifndef LINECRM_CHANNELS_H
#define LINECRM_CHANNELS_H

#include "datatype/timestamp.h"
#include "line/request_kind.h"
#include "line/token_bucket.h"

#define LC_LANES 4
#define LC_LANE_MARKETING 3
#define LC_NOTHING PG_INT64_MAX

/* The requests of one channel and lane that wait in the outbox. */
typedef struct LcLane
{
	int64 next_id;			/* look from this outbox id on; LC_NOTHING: nothing is known to wait */
	int64 blocked_until; /* no token was left for the front of it; by worker_clock(), as all times here */
	const LcRequestKind *front; /* what kind that was; NULL: not known */
} LcLane;

typedef struct LcChannel
{
	int64 channel_id; /* the hash key */
	LcLane lanes[LC_LANES];
	int in_flight;
	int marketing_in_flight;
	int pending_holds; /* answers that will hold this channel once they are recorded */
	bool listed; /* in the round */
	struct LcChannel *next;
	int64 credential_version;
	char *token; /* malloc'ed; NULL: not opened yet */
	LcTokenBucket *buckets[1]; /* by kind; really lc_request_kind_count of them */
} LcChannel;

/* "So many of this channel and lane, from this id on." */
typedef struct LcWish
{
	LcChannel *channel;
	int lane;
	int64 next_id;
	int credit;
	bool spends_all; /* the credit is all tokens that there are */
	/* what the claim found, to be applied when it is committed: where the lane goes on, and from when */
	int64 found_next_id;
	int64 found_blocked_until;
	const LcRequestKind *found_front;
} LcWish;

extern void channels_start(void);
extern LcChannel *channel_get(int64 channel_id);
extern void channel_arrived(int64 channel_id, int lane, int64 outbox_id);
extern int channels_wishes(LcWish *wishes, int max_wishes, int capacity, int in_flight);
extern int64 channels_next_opening(void);
extern void channel_looked(const LcWish *wish);
extern bool channel_take_token(LcChannel *channel, const LcRequestKind *kind);
extern void channel_give_token_back(LcChannel *channel, const LcRequestKind *kind);
extern int64 channel_token_at(LcChannel *channel, const LcRequestKind *kind);
extern bool channel_knows_use(const LcChannel *channel, const LcRequestKind *kind);
extern void channel_set_use(LcChannel *channel, const LcRequestKind *kind, TimestampTz last_at, TimestampTz now);
extern void channel_pause(LcChannel *channel, const LcRequestKind *kind, int milliseconds);
extern void channel_launched(LcChannel *channel, int lane);
extern void channel_landed(LcChannel *channel, int lane);
extern void channel_set_token(LcChannel *channel, const char *token, int64 version);

#endif
