/*
 * channels.c
 *		Channels: each has its own tokens, quota, rate buckets, retry keys and friends, as with LINE.
 *
 * Rate limits are token buckets per channel and endpoint. LINE publishes the rates and not the depth of the buckets;
 *here a bucket holds one window's worth (--burst changes that). Buckets follow the sandbox's clock, so that
 * /sandbox/time refills them. The monthly count starts anew when the month changes in Japan; LINE does not say in which
 *zone it does.
 */
#include "state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int
channel_find(const char *name)
{
	for (int i = 0; i < state.channel_count; i++)
		if (strcmp(state.channels[i].name, name) == 0)
			return i;
	return -1;
}

/* Finds or makes; -1 when there are too many or the name is unusable. */
int
channel_make(const char *name)
{
	int found = channel_find(name);
	Channel *c;

	if (found >= 0)
		return found;
	if (state.channel_count == MAX_CHANNELS || !*name || strlen(name) >= sizeof(c->name) || strpbrk(name, "\t\n\"\\"))
		return -1;
	c = &state.channels[state.channel_count];
	memset(c, 0, sizeof(*c));
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->quota = -1;
	c->followers_allowed = true;
	return state.channel_count++;
}

void
channel_month(Channel *c, int64_t ms)
{
	time_t seconds = (time_t) (ms / 1000 + 9 * 3600);
	struct tm tm;
	int month;

	gmtime_r(&seconds, &tm);
	month = tm.tm_year * 12 + tm.tm_mon;
	if (month != c->month)
		c->used = 0;
	c->month = month;
}

/* Takes one token of the endpoint's bucket; false: none left. */
bool
channel_take(Channel *c, int route, const Route *def, int64_t ms)
{
	double depth;

	if (!options.rate_limits || def->rate == 0)
		return true;
	depth = fmax(1.0, def->rate * options.burst);
	if (c->filled_at[route] == 0)
		c->tokens[route] = depth;
	else if (ms > c->filled_at[route])
		c->tokens[route] =
		    fmin(depth, c->tokens[route] + (double) (ms - c->filled_at[route]) * def->rate / def->rate_window);
	c->filled_at[route] = ms;
	if (c->tokens[route] < 1.0)
		return false;
	c->tokens[route] -= 1.0;
	return true;
}

void
channel_count_status(Channel *c, int route, int status)
{
	RouteStats *stats = &c->stats[route];

	stats->requests++;
	for (int i = 0; i < MAX_STATUSES; i++)
	{
		StatusCount *s = &stats->statuses[i];

		if (s->count && s->status != status)
			continue;
		s->status = status;
		s->count++;
		return;
	}
}

PersonStatus
channel_status(Channel *c, uint32_t person)
{
	if (person >= c->status_room)
		return PERSON_UNLISTED;
	return c->status[person];
}

void
channel_set_status(Channel *c, uint32_t person, PersonStatus status)
{
	if (person >= c->status_room)
	{
		uint32_t room = (person + 1) * 2 + 1024;

		c->status = must_realloc(c->status, room);
		memset(c->status + c->status_room, PERSON_UNLISTED, room - c->status_room);
		c->status_room = room;
	}
	if (c->status[person] == PERSON_UNLISTED && intern_key(&state.people, person)[0] == 'U')
	{
		if (c->friend_count == c->friend_room)
		{
			c->friend_room = c->friend_room ? c->friend_room * 2 : 1024;
			c->friends = must_realloc(c->friends, c->friend_room * sizeof(uint32_t));
		}
		c->friends[c->friend_count++] = person;
	}
	c->status[person] = (uint8_t) status;
}

void
person_set(int channel, const uint8_t key[LINE_ID_KEY], PersonStatus status, const char *name)
{
	uint32_t person = person_find_or_make(key);

	channel_set_status(&state.channels[channel], person, status);
	if (!name || !*name)
		return;
	if (person >= state.names_room)
	{
		uint32_t room = (person + 1) * 2 + 1024;

		state.names = must_realloc(state.names, room * sizeof(char *));
		memset(state.names + state.names_room, 0, (room - state.names_room) * sizeof(char *));
		state.names_room = room;
	}
	free(state.names[person]);
	state.names[person] = must_strdup(name);
}

PersonStatus
status_by_name(const char *name)
{
	static const char *const names[] = {"", "following", "blocked", "foreign", "deleted"};

	for (int i = PERSON_FOLLOWING; i <= PERSON_DELETED; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return PERSON_UNLISTED;
}

uint32_t
token_add(const char *token, int channel, const char *kind, int64_t expires_ms)
{
	uint8_t sha[32];
	uint32_t number;

	sha256(token, strlen(token), sha);
	number = intern(&state.token_hashes, sha, NULL);
	if (number >= state.token_room)
	{
		state.token_room = state.token_room ? state.token_room * 2 : 256;
		state.tokens = must_realloc(state.tokens, state.token_room * sizeof(Token));
	}
	state.tokens[number] = (Token){.channel = channel, .kind = kind, .expires_ms = expires_ms};
	return number;
}

uint32_t
token_find(const char *token)
{
	uint8_t sha[32];

	sha256(token, strlen(token), sha);
	return intern_find(&state.token_hashes, sha);
}
