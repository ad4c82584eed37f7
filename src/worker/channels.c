/*
 * channels.c
 *		The sender's memory of channels: what they have queued, what they may send now, what they have in flight.
 *
 * Fairness lives here. Inside a channel the lanes are strict: while a reply waits, nothing behind it is claimed. Between
 * channels it is round robin, and while others wait one channel gets a quarter of the room at most. Marketing of all
 * channels together never takes more than half of it, so that a shipping notice finds a free place at once. And nobody
 * ever takes all that is free: a channel may have seven times in flight what it leaves for others. One whose requests
 * all hang thus fills seven eighths of the room, the second one seven eighths of the rest; a third still gets through.
 *
 * Only channels with something to claim are in the round, a ring list: with five thousand channels a turn costs what
 * the busy ones cost. Where a lane goes on is known from outbox_read_arrivals(); claims move it forward, late arrivals back.
 *
 * Runs in the sender, outside of transactions as well; memory lives as long as the process. Nothing here touches the
 * database. May throw when out of memory only while a channel or a bucket is seen for the first time.
 */
#include "postgres.h"

#include <stdlib.h>

#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/channels.h"
#include "worker/worker.h"

static HTAB *channels = NULL;
static LcChannel *last_in_round = NULL; /* of a ring list; its next is the first to be asked */
static int round_size = 0;
static int marketing_in_flight = 0;

static void enter_round(LcChannel *channel);
static int fair_share(int free_room, int in_flight);
static int best_lane(const LcChannel *channel, int64 now, bool marketing);
static bool has_queue(const LcChannel *channel);
static LcTokenBucket *bucket_of(LcChannel *channel, const LcRequestKind *kind, int64 now);

void
channels_start(void)
{
	HASHCTL control = {0};

	control.keysize = sizeof(int64);
	control.entrysize = offsetof(LcChannel, buckets) + lc_request_kind_count * sizeof(LcTokenBucket *);
	control.hcxt = TopMemoryContext;
	channels = hash_create("linecrm channels", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

LcChannel *
channel_get(int64 channel_id)
{
	bool found;
	LcChannel *channel = hash_search(channels, &channel_id, HASH_ENTER, &found);

	if (!found)
	{
		memset((char *) channel + sizeof(int64), 0,
			   offsetof(LcChannel, buckets) + lc_request_kind_count * sizeof(LcTokenBucket *) - sizeof(int64));
		for (int lane = 0; lane < LC_LANES; lane++)
			channel->lanes[lane].next_id = LC_NOTHING;
		channel->credential_version = -1;
	}
	return channel;
}

/* A request waits in the outbox that was not known before; perhaps with a smaller id than what was claimed already. */
void
channel_arrived(int64 channel_id, int lane, int64 outbox_id)
{
	LcChannel *channel = channel_get(channel_id);

	if (lane < 0 || lane >= LC_LANES)
		lane = LC_LANE_MARKETING;
	if (outbox_id < channel->lanes[lane].next_id)
		channel->lanes[lane].next_id = outbox_id;
	enter_round(channel);
}

/*
 * What to claim now, the first in the round first, at most one lane a channel. The credits together are at most the free
 * room, so that everything claimed can be launched.
 */
int
channels_wishes(LcWish *wishes, int max_wishes, int capacity, int in_flight)
{
	int64 now = worker_clock();
	int free_room = capacity - in_flight;
	int free_marketing = Max(1, capacity / 2) - marketing_in_flight;
	int others = round_size; /* asked at most once each */
	int count = 0;

	while (others-- > 0 && last_in_round != NULL && free_room > 0 && count < max_wishes)
	{
		LcChannel *channel = last_in_round->next;
		int share = Min(round_size > 1 ? Max(1, capacity / 4) - channel->in_flight : free_room,
						fair_share(free_room, channel->in_flight));
		int lane = best_lane(channel, now, free_marketing > 0);
		bool spends_all = false;
		int credit = Min(share, Max(1, free_room / Min(others + 1, max_wishes - count)));

		if (!has_queue(channel))
		{
			if (channel == last_in_round)
				last_in_round = NULL;
			else
				last_in_round->next = channel->next;
			channel->listed = false;
			round_size--;
			continue;
		}
		last_in_round = channel; /* the next one is first next time */
		if (lane == LC_LANE_MARKETING)
			credit = Min(credit, fair_share(free_marketing, channel->marketing_in_flight));
		if (lane < 0 || credit <= 0)
			continue;
		/* Rows for which there will be no token need not be looked at. */
		if (channel->lanes[lane].front != NULL)
		{
			int tokens = Max(1, lc_bucket_level(bucket_of(channel, channel->lanes[lane].front, now), now));

			spends_all = tokens <= credit;
			credit = Min(credit, tokens);
		}
		wishes[count++] = (LcWish){channel, lane, channel->lanes[lane].next_id, credit, spends_all, LC_NOTHING, 0, NULL};
		free_room -= credit;
		if (lane == LC_LANE_MARKETING)
			free_marketing -= credit;
	}
	return count;
}

/* When the next blocked lane opens; PG_INT64_MAX when none is blocked. */
int64
channels_next_opening(void)
{
	LcChannel *channel = last_in_round;
	int64 now = worker_clock();
	int64 next = PG_INT64_MAX;

	for (int i = 0; i < round_size; i++, channel = channel->next)
	{
		for (int lane = 0; lane < LC_LANES; lane++)
		{
			const LcLane *state = &channel->lanes[lane];

			if (state->next_id != LC_NOTHING && state->blocked_until > now)
				next = Min(next, state->blocked_until);
		}
	}
	return next;
}

/* Applies what a committed claim found out. What arrived in the meantime stays known. */
void
channel_looked(const LcWish *wish)
{
	wish->channel->lanes[wish->lane].next_id = wish->found_next_id;
	wish->channel->lanes[wish->lane].blocked_until = wish->found_blocked_until;
	wish->channel->lanes[wish->lane].front = wish->found_front;
}

bool
channel_take_token(LcChannel *channel, const LcRequestKind *kind)
{
	int64 now = worker_clock();

	return lc_bucket_take(bucket_of(channel, kind, now), 1, now) == 1;
}

void
channel_give_token_back(LcChannel *channel, const LcRequestKind *kind)
{
	lc_bucket_give_back(bucket_of(channel, kind, worker_clock()), 1);
}

int64
channel_token_at(LcChannel *channel, const LcRequestKind *kind)
{
	int64 now = worker_clock();

	return now + lc_bucket_wait(bucket_of(channel, kind, now), now);
}

/*
 * Kinds that are limited by the minute or hour: their bucket is not simply empty at the start, which might cost twenty
 * minutes, but empty since the last request. False: that has to be told first.
 */
bool
channel_knows_use(const LcChannel *channel, const LcRequestKind *kind)
{
	return kind->rate.seconds <= 1 || channel->buckets[lc_request_kind_index(kind)] != NULL;
}

/* last_at: 0 for never; a time of the wall clock, as now. One that lies ahead, of a clock that was set back, is now. */
void
channel_set_use(LcChannel *channel, const LcRequestKind *kind, TimestampTz last_at, TimestampTz now)
{
	int64 ago = last_at != 0 ? Max(now - last_at, 0) : (int64) kind->rate.seconds * USECS_PER_SEC;

	(void) bucket_of(channel, kind, worker_clock() - ago);
}

/* LINE said 429: nothing of this kind goes out for a while. */
void
channel_pause(LcChannel *channel, const LcRequestKind *kind, int milliseconds)
{
	int64 now = worker_clock();

	lc_bucket_pause(bucket_of(channel, kind, now), now + milliseconds * INT64CONST(1000), now);
}

void
channel_launched(LcChannel *channel, int lane)
{
	channel->in_flight++;
	if (lane != LC_LANE_MARKETING)
		return;
	channel->marketing_in_flight++;
	marketing_in_flight++;
}

void
channel_landed(LcChannel *channel, int lane)
{
	channel->in_flight--;
	if (lane != LC_LANE_MARKETING)
		return;
	channel->marketing_in_flight--;
	marketing_in_flight--;
}

/* Keeps an opened access token until the channel's credentials change. NULL forgets it. */
void
channel_set_token(LcChannel *channel, const char *token, int64 version)
{
	if (channel->token != NULL)
	{
		explicit_bzero(channel->token, strlen(channel->token));
		free(channel->token);
	}
	channel->token = token != NULL ? strdup(token) : NULL;
	channel->credential_version = channel->token != NULL ? version : -1;
}

static void
enter_round(LcChannel *channel)
{
	if (channel->listed)
		return;
	channel->listed = true;
	round_size++;
	if (last_in_round == NULL)
		channel->next = channel;
	else
	{
		channel->next = last_in_round->next;
		last_in_round->next = channel;
	}
	last_in_round = channel;
}

/* How many more a channel may take of what is free: see above. Whoever has nothing in flight gets one. */
static int
fair_share(int free_room, int in_flight)
{
	return in_flight == 0 ? Max(1, free_room * 7 / 8) : (free_room * 7 - in_flight) / 8;
}

/* The most urgent lane with something that may go now; a blocked lane does not hold up the next one. */
static int
best_lane(const LcChannel *channel, int64 now, bool marketing)
{
	/* What it sends would be refused too. */
	if (channel->pending_holds > 0)
		return -1;
	for (int lane = 0; lane < (marketing ? LC_LANES : LC_LANE_MARKETING); lane++)
		if (channel->lanes[lane].next_id != LC_NOTHING && channel->lanes[lane].blocked_until <= now)
			return lane;
	return -1;
}

static bool
has_queue(const LcChannel *channel)
{
	for (int lane = 0; lane < LC_LANES; lane++)
		if (channel->lanes[lane].next_id != LC_NOTHING)
			return true;
	return false;
}

static LcTokenBucket *
bucket_of(LcChannel *channel, const LcRequestKind *kind, int64 now)
{
	LcTokenBucket **bucket = &channel->buckets[lc_request_kind_index(kind)];

	if (*bucket == NULL)
	{
		*bucket = MemoryContextAlloc(TopMemoryContext, sizeof(LcTokenBucket));
		lc_bucket_init(*bucket, kind->rate, now);
	}
	return *bucket;
}
