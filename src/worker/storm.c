/*
 * storm.c
 *		The breakers. Asked by the claim for each request that is about to be sent for the first time:
 *
 *   storm    the same content would reach the same friend more than linecrm.storm_limit times in linecrm.storm_window
 *   volume   more people than linecrm.volume_limit would be sent to within an hour
 *
 * A no holds the channel (held_reason breaker) until a person resumes it. The sender is the one place that everything
 * passes in one order, so what was sent is remembered here and costs no statement; a restart forgets it.
 *
 * A friend is counted once a delivery, so that another attempt, a split, a claim that was rolled back and a decision to
 * send again count nothing. Content is the same when its bytes are, but for the delivery's own number, which buttons
 * carry. Where somebody got it is kept in two ways, both bounded (what is oldest is forgotten first):
 *   singles   a table by channel, content and friend, for pushes and small multicasts: the last deliveries and when
 *   copies    for larger multicasts a bitmap per content and delivery
 *
 * What was counted before a breaker tripped does not count after it: whoever resumes has seen it. Replies and sends to
 * groups are not counted by the first breaker.
 *
 * Runs in the sender, within claims; may throw when out of memory, which rolls the claim back.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "crm/friendset.h"
#include "guc.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/storm.h"

#define SINGLE_SETS 65536
#define SINGLE_WAYS 4
#define SMALL_MULTICAST 32
#define COPIES_AT_MOST ((Size) 64 * 1024 * 1024)
#define EXCERPT 80
#define VOLUME_MINUTES 60
#define SHARDS 65536

/* To whom, by hash of channel, content and friend: the last deliveries that brought it, the latest first. */
typedef struct LcSingle
{
	uint64 key;
	int64 delivery[LC_STORM_MAX];
	TimestampTz at[LC_STORM_MAX];
} LcSingle;

/* One delivery's copy of one content: a bitmap in pieces of 65536 friends. */
typedef struct LcCopy
{
	struct LcCopy *next;
	int64 delivery;
	TimestampTz last_at;
	Size bytes;
	int shards; /* room in bits */
	uint64 **bits;
} LcCopy;

typedef struct LcContent
{
	uint64 key; /* hash key: channel and content */
	LcCopy *copies;
	TimestampTz pardoned_at; /* what was before does not count */
	bool tripped;            /* in the claim that is under way */
} LcContent;

typedef struct LcVolume
{
	int64 channel_id; /* hash key */
	int64 minute;     /* of the newest bucket */
	int32 people[VOLUME_MINUTES];
	int64 pending; /* claimed, not committed */
	bool tripped;
} LcVolume;

/* Who brought it before, for the words of the refusal. */
typedef struct LcEarlier
{
	int count;
	int64 delivery[LC_STORM_MAX];
} LcEarlier;

static LcSingle *singles; /* SINGLE_SETS * SINGLE_WAYS; pages that nobody needs are never touched */
static bool any_single = false;
static MemoryContext memory;
static HTAB *contents;
static HTAB *volumes;
static Size copies_size = 0;
static TimestampTz swept_at = 0;
static bool any_tripped = false; /* in the claim that is under way */

static char *check_storm(const LcClaim *claim, int64 friend_id, Datum recipients, bool many, TimestampTz now);
static char *check_volume(const LcClaim *claim, TimestampTz now);
static void advance_volume(LcVolume *volume, TimestampTz now);
static uint64 content_key(const LcClaim *claim);
static LcContent *content_of(uint64 key);
static bool counts(const LcClaim *claim, uint64 key, const LcContent *content, uint32 friend_id, int64 delivery,
                   TimestampTz since, LcEarlier *earlier);
static void add_earlier(LcEarlier *earlier, int64 delivery);
static bool live_copies(const LcContent *content, int64 delivery, TimestampTz since);
static char *refusal(const LcClaim *claim, uint32 friend_id, const LcEarlier *earlier);
static LcSingle *single_of(uint64 key);
static void note_single(uint64 key, int64 delivery, TimestampTz now);
static uint64 single_key(uint64 key, uint32 friend_id);
static void note_copy(uint64 key, int64 delivery, const LcFriendset *set, TimestampTz now);
static bool copy_has(const LcCopy *copy, uint32 friend_id);
static void copy_add(LcCopy *copy, uint32 first, uint32 last);
static void sweep(TimestampTz now);
static void forget_copies(TimestampTz before);

void
storm_start(void)
{
	HASHCTL control = {0};

	memory = AllocSetContextCreate(TopMemoryContext, "linecrm breakers", ALLOCSET_DEFAULT_SIZES);
	singles = calloc((size_t) SINGLE_SETS * SINGLE_WAYS, sizeof(LcSingle));
	if (singles == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	control.hcxt = memory;
	control.keysize = sizeof(uint64);
	control.entrysize = sizeof(LcContent);
	contents = hash_create("linecrm contents", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	control.entrysize = sizeof(LcVolume);
	volumes = hash_create("linecrm volumes", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * True: this request must not be sent, and its channel is held now. False: it may be, and is counted. friend_id: its one
 * friend, 0 if there is none; many: they are in recipients, a friendset.
 */
bool
storm_trips(const LcClaim *claim, int64 friend_id, Datum recipients, bool many, TimestampTz now)
{
	char *why;

	/* In doubt: it was counted when that began. */
	if (!lc_kind_has(claim->kind, LC_KIND_COUNTED) || claim->doubt_before != 0)
		return false;
	why = check_storm(claim, friend_id, recipients, many, now);
	if (why == NULL)
		why = check_volume(claim, now);
	if (why == NULL)
		return false;
	outbox_hold_channel(claim, "breaker", why);
	ereport(LOG, (errmsg("linecrm holds channel %lld: %s", (long long) claim->channel_id, why),
	              errhint("Cancel what should not go out, then SELECT linecrm.resume_channel(...).")));
	return true;
}

static char *
check_storm(const LcClaim *claim, int64 friend_id, Datum recipients, bool many, TimestampTz now)
{
	int64 delivery = claim->delivery_id != 0 ? claim->delivery_id : -claim->request_id;
	TimestampTz since = now - (int64) lc_storm_window * USECS_PER_SEC;
	uint64 key;
	LcContent *content;
	LcEarlier earlier;
	LcFriendset set;
	LcRanges ranges;
	uint32 first = (uint32) friend_id;
	uint32 last = first;
	bool small = true;

	if (lc_storm_limit == 0 || claim->content == NULL || (claim->kind->target == LC_TARGET_ONE && friend_id == 0))
		return NULL;
	key = content_key(claim);
	content = hash_search(contents, &key, HASH_FIND, NULL);
	if (content != NULL)
		since = Max(since, content->pardoned_at);
	if (many)
	{
		(void) friendset_open(recipients, &set);
		small = lc_friendset_cardinality(&set) <= SMALL_MULTICAST;
	}
	if (any_single || live_copies(content, delivery, since))
	{
		if (many)
			lc_ranges_begin(&ranges, &set);
		while (!many || lc_ranges_next(&ranges, &first, &last))
		{
			for (uint64 i = first; i <= last; i++)
				if (!counts(claim, key, content, (uint32) i, delivery, since, &earlier))
					return refusal(claim, (uint32) i, &earlier);
			if (!many)
				break;
		}
	}
	if (!small)
		note_copy(key, delivery, &set, now);
	else if (!many)
		note_single(single_key(key, first), delivery, now);
	else
	{
		lc_ranges_begin(&ranges, &set);
		while (lc_ranges_next(&ranges, &first, &last))
			for (uint64 i = first; i <= last; i++)
				note_single(single_key(key, (uint32) i), delivery, now);
	}
	return NULL;
}

/* After the claim. When the hold of a channel stands, what led to it is pardoned; when it does not, it comes again. */
void
storm_settle(bool committed)
{
	TimestampTz now = GetCurrentTimestamp();
	HASH_SEQ_STATUS all;
	LcContent *content;
	LcVolume *volume;

	if (any_tripped)
	{
		hash_seq_init(&all, contents);
		while ((content = hash_seq_search(&all)) != NULL)
		{
			if (content->tripped && committed)
				content->pardoned_at = now;
			content->tripped = false;
		}
		any_tripped = false;
	}
	hash_seq_init(&all, volumes);
	while ((volume = hash_seq_search(&all)) != NULL)
	{
		advance_volume(volume, now);
		if (committed && volume->tripped)
			memset(volume->people, 0, sizeof(volume->people));
		else if (committed)
			volume->people[volume->minute % VOLUME_MINUTES] += (int32) volume->pending;
		volume->pending = 0;
		volume->tripped = false;
	}
	sweep(now);
}

/* LINE did not look at it (a rate limit, no connection): it will be counted again. */
void
storm_taken_back(const LcClaim *claim)
{
	LcVolume *volume;

	if (!lc_kind_has(claim->kind, LC_KIND_COUNTED) || claim->doubt_before != 0)
		return;
	volume = hash_search(volumes, &claim->channel_id, HASH_FIND, NULL);
	if (volume != NULL)
		volume->people[volume->minute % VOLUME_MINUTES] -= claim->friends;
}

static char *
check_volume(const LcClaim *claim, TimestampTz now)
{
	bool found;
	LcVolume *volume;
	int64 people = 0;

	if (lc_volume_limit == 0)
		return NULL;
	volume = hash_search(volumes, &claim->channel_id, HASH_ENTER, &found);
	if (!found)
		memset((char *) volume + sizeof(int64), 0, sizeof(LcVolume) - sizeof(int64));
	advance_volume(volume, now);
	for (int i = 0; i < VOLUME_MINUTES; i++)
		people += volume->people[i];
	people += volume->pending;
	if (people + claim->friends > lc_volume_limit)
	{
		volume->tripped = true;
		return psprintf("%lld people were sent to within an hour, and delivery %lld with %d more would exceed "
		                "linecrm.volume_limit (%d)",
		                (long long) people, (long long) claim->delivery_id, claim->friends, lc_volume_limit);
	}
	volume->pending += claim->friends;
	return NULL;
}

static void
advance_volume(LcVolume *volume, TimestampTz now)
{
	int64 minute = now / USECS_PER_MINUTE;

	if (minute >= volume->minute + VOLUME_MINUTES)
		memset(volume->people, 0, sizeof(volume->people));
	else
		for (int64 i = volume->minute + 1; i <= minute; i++)
			volume->people[i % VOLUME_MINUTES] = 0;
	/* A clock that went back fills the newest bucket until it has caught up. */
	volume->minute = Max(volume->minute, minute);
}

/* The content and the channel; without the delivery's number where buttons carry it. */
static uint64
content_key(const LcClaim *claim)
{
	const char *at = claim->content;
	const char *end = at + claim->content_size;
	uint64 key = hash_bytes_extended((const unsigned char *) &claim->channel_id, sizeof(int64), 0);
	char number[40];
	size_t length = (size_t) snprintf(number, sizeof(number), "linecrm:%lld:", (long long) claim->delivery_id);

	while (at < end)
	{
		const char *found = claim->delivery_id == 0 ? NULL : memmem(at, end - at, number, length);
		const char *stop = found != NULL ? found : end;

		key = hash_bytes_extended((const unsigned char *) at, (int) (stop - at), key);
		at = found != NULL ? found + length : end;
	}
	return key;
}

/* False: this friend has had it often enough; earlier says from which deliveries. */
static bool
counts(const LcClaim *claim, uint64 key, const LcContent *content, uint32 friend_id, int64 delivery, TimestampTz since,
       LcEarlier *earlier)
{
	LcContent *tripped;
	const LcSingle *single = any_single ? single_of(single_key(key, friend_id)) : NULL;

	earlier->count = 0;
	if (single != NULL && single->key == single_key(key, friend_id))
		for (int i = 0; i < LC_STORM_MAX; i++)
			if (single->at[i] > since && single->delivery[i] != delivery)
				add_earlier(earlier, single->delivery[i]);
	for (const LcCopy *copy = content != NULL ? content->copies : NULL; copy != NULL; copy = copy->next)
		if (copy->last_at > since && copy->delivery != delivery && copy_has(copy, friend_id))
			add_earlier(earlier, copy->delivery);
	if (earlier->count < lc_storm_limit)
		return true;
	tripped = content_of(key);
	tripped->tripped = any_tripped = true;
	return false;
}

static void
add_earlier(LcEarlier *earlier, int64 delivery)
{
	if (earlier->count < LC_STORM_MAX)
		earlier->delivery[earlier->count++] = delivery;
}

static bool
live_copies(const LcContent *content, int64 delivery, TimestampTz since)
{
	for (const LcCopy *copy = content != NULL ? content->copies : NULL; copy != NULL; copy = copy->next)
		if (copy->last_at > since && copy->delivery != delivery)
			return true;
	return false;
}

static char *
refusal(const LcClaim *claim, uint32 friend_id, const LcEarlier *earlier)
{
	static const char opening[] = "{\"messages\":";
	const char *words = claim->content;
	int size = (int) claim->content_size;
	StringInfoData text;

	initStringInfo(&text);
	if (friend_id != 0)
		appendStringInfo(&text, "friend %u", friend_id);
	else
		appendStringInfoString(&text, "everybody");
	appendStringInfo(&text, " would get the same content %d times within %d s, with deliveries", earlier->count + 1,
	                 lc_storm_window);
	for (int i = earlier->count - 1; i >= 0; i--)
		appendStringInfo(&text, " %lld,", (long long) earlier->delivery[i]);
	appendStringInfo(&text, " and now %lld: ", (long long) claim->delivery_id);
	if (size > (int) strlen(opening) && memcmp(words, opening, strlen(opening)) == 0)
	{
		words += strlen(opening);
		size -= (int) strlen(opening) + 1;
	}
	appendBinaryStringInfo(&text, words, pg_mbcliplen(words, size, EXCERPT));
	if (size > EXCERPT)
		appendStringInfoString(&text, "...");
	return text.data;
}

/* The friend's place: its own, else the one that may be given to it. */
static LcSingle *
single_of(uint64 key)
{
	LcSingle *set = &singles[(key % SINGLE_SETS) * SINGLE_WAYS];
	LcSingle *oldest = set;

	for (int i = 0; i < SINGLE_WAYS; i++)
	{
		if (set[i].key == key)
			return &set[i];
		if (set[i].at[0] < oldest->at[0])
			oldest = &set[i];
	}
	return oldest;
}

static void
note_single(uint64 key, int64 delivery, TimestampTz now)
{
	LcSingle *single = single_of(key);

	if (single->key != key)
	{
		memset(single, 0, sizeof(*single));
		single->key = key;
	}
	any_single = true;
	for (int i = 0; i < LC_STORM_MAX; i++)
		if (single->at[i] != 0 && single->delivery[i] == delivery)
			return;
	memmove(&single->delivery[1], &single->delivery[0], (LC_STORM_MAX - 1) * sizeof(int64));
	memmove(&single->at[1], &single->at[0], (LC_STORM_MAX - 1) * sizeof(TimestampTz));
	single->delivery[0] = delivery;
	single->at[0] = now;
}

static uint64
single_key(uint64 key, uint32 friend_id)
{
	return hash_combine64(key, hash_bytes_uint32_extended(friend_id, key));
}

static LcContent *
content_of(uint64 key)
{
	bool found;
	LcContent *content = hash_search(contents, &key, HASH_ENTER, &found);

	if (!found)
		memset((char *) content + sizeof(uint64), 0, sizeof(LcContent) - sizeof(uint64));
	return content;
}

static void
note_copy(uint64 key, int64 delivery, const LcFriendset *set, TimestampTz now)
{
	LcContent *content = content_of(key);
	LcCopy *copy;
	LcRanges ranges;
	uint32 first;
	uint32 last;

	for (copy = content->copies; copy != NULL && copy->delivery != delivery; copy = copy->next)
		;
	if (copy == NULL)
	{
		copy = MemoryContextAllocZero(memory, sizeof(LcCopy));
		copy->delivery = delivery;
		copy->next = content->copies;
		content->copies = copy;
	}
	copy->last_at = now;
	lc_ranges_begin(&ranges, set);
	while (lc_ranges_next(&ranges, &first, &last))
		copy_add(copy, first, last);
}

static bool
copy_has(const LcCopy *copy, uint32 friend_id)
{
	int shard = (int) (friend_id >> 16);

	return shard < copy->shards && copy->bits[shard] != NULL &&
	       (copy->bits[shard][(friend_id & 0xffff) / 64] >> (friend_id % 64) & 1) != 0;
}

/* A range of one shard. */
static void
copy_add(LcCopy *copy, uint32 first, uint32 last)
{
	int shard = (int) (first >> 16);

	if (shard >= copy->shards)
	{
		int room = Min(SHARDS, Max(16, shard * 2));
		uint64 **bits = MemoryContextAllocZero(memory, room * sizeof(uint64 *));

		if (copy->bits != NULL)
		{
			memcpy(bits, copy->bits, copy->shards * sizeof(uint64 *));
			pfree(copy->bits);
		}
		copy->bytes += (room - copy->shards) * sizeof(uint64 *);
		copies_size += (room - copy->shards) * sizeof(uint64 *);
		copy->bits = bits;
		copy->shards = room;
	}
	if (copy->bits[shard] == NULL)
	{
		copy->bits[shard] = MemoryContextAllocZero(memory, LC_FRIENDSET_BITSET_SIZE);
		copy->bytes += LC_FRIENDSET_BITSET_SIZE;
		copies_size += LC_FRIENDSET_BITSET_SIZE;
	}
	lc_words_fill(copy->bits[shard], first & 0xffff, last & 0xffff);
}

/* Four times a window what is over is forgotten, and at any time what there is too much of, half of the window at first. */
static void
sweep(TimestampTz now)
{
	int64 window = (int64) lc_storm_window * USECS_PER_SEC;

	if (now < swept_at || now - swept_at > window / 4)
	{
		forget_copies(now - window);
		swept_at = now;
	}
	for (int i = 0; i < 20 && copies_size > COPIES_AT_MOST; i++)
	{
		window /= 2;
		forget_copies(now - window);
	}
}

static void
forget_copies(TimestampTz before)
{
	HASH_SEQ_STATUS all;
	LcContent *content;

	hash_seq_init(&all, contents);
	while ((content = hash_seq_search(&all)) != NULL)
	{
		for (LcCopy **link = &content->copies; *link != NULL;)
		{
			LcCopy *copy = *link;

			if (copy->last_at > before)
			{
				link = &copy->next;
				continue;
			}
			*link = copy->next;
			copies_size -= copy->bytes;
			for (int i = 0; i < copy->shards; i++)
				if (copy->bits[i] != NULL)
					pfree(copy->bits[i]);
			if (copy->bits != NULL)
				pfree(copy->bits);
			pfree(copy);
		}
		if (content->copies == NULL && content->pardoned_at <= before)
			(void) hash_search(contents, &content->key, HASH_REMOVE, NULL);
	}
}
