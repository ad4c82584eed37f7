/*
 * people.c
 *		Profiles, followers, groups, link tokens.
 *
 * Without --friends or --friends-file every well-formed user id is somebody with a made-up profile; whoever is listed
 *has the status that was given. 404 is what LINE answers for those who blocked the account, left, or belong to another
 *provider. Groups exist for every well-formed id and have --group-members members. Called with the state lock held.
 */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_LIFE_MS (INT64_C(24) * 3600 * 1000)

static bool
read_id(Request *r, const char *text, char letter, const char *what, uint8_t key[LINE_ID_KEY])
{
	if (text && line_id_parse(text, strlen(text), key) && key[0] == letter)
		return true;
	answer_message(r, 400, "The value for the '%s' parameter is invalid", what);
	return false;
}

static json_t *
profile_of(const char *id, const uint8_t key[LINE_ID_KEY])
{
	uint32_t person = intern_find(&state.people, key);
	char made[64], url[128];
	const char *name = person != NOT_FOUND && person < state.names_room ? state.names[person] : NULL;

	snprintf(url, sizeof(url), "https://profile.example/%s", id);
	return json_pack("{s:s, s:s, s:s}", "displayName", name ? name : made_name(key, made), "userId", id, "pictureUrl",
	                 url);
}

/* Can this channel see the person? */
static bool
visible(Request *r, const uint8_t key[LINE_ID_KEY])
{
	uint32_t person = intern_find(&state.people, key);
	PersonStatus status = person == NOT_FOUND ? PERSON_UNLISTED : channel_status(&state.channels[r->channel], person);

	return status == PERSON_FOLLOWING || (status == PERSON_UNLISTED && !options.unlisted_foreign);
}

void
handle_profile(Request *r)
{
	uint8_t key[LINE_ID_KEY];
	json_t *profile;

	if (!read_id(r, r->arg[0], 'U', "userId", key))
		return;
	if (!visible(r, key))
	{
		answer_not_found(r);
		return;
	}
	profile = profile_of(r->arg[0], key);
	json_object_set_new(profile, "language", json_string("ja"));
	if (key[3] % 4 == 0)
		json_object_set_new(profile, "statusMessage", json_string("よろしくお願いします"));
	answer_object(r, 200, profile);
}

/* A continuation token names the place and the hour it was given: it is good for a day. */
static bool
read_start(Request *r, uint32_t *from)
{
	const char *start = request_query(r, "start");
	unsigned long long ms = 0;
	unsigned place = 0;

	*from = 0;
	if (!start)
		return true;
	if (sscanf(start, "sandbox-next-%u-%llu", &place, &ms) != 2 || (int64_t) ms + TOKEN_LIFE_MS < now_ms())
	{
		answer_message(r, 400, "Invalid start");
		return false;
	}
	*from = place;
	return true;
}

void
handle_followers(Request *r)
{
	Channel *c = &state.channels[r->channel];
	const char *limit = request_query(r, "limit");
	long most = limit ? atol(limit) : 300;
	uint32_t i;
	long n = 0;

	if (!c->followers_allowed)
	{
		answer_message(r, 403, "Access to this API is not available for your account");
		return;
	}
	if (most < 1 || most > 1000)
	{
		answer_message(r, 400, "The value for the 'limit' parameter is invalid");
		return;
	}
	if (!read_start(r, &i))
		return;
	answer_json(r, 200, "{\"userIds\":[");
	for (; i < c->friend_count && n < most; i++)
	{
		char id[34];

		if (channel_status(c, c->friends[i]) != PERSON_FOLLOWING)
			continue;
		line_id_text(c->friends[i], id);
		buf_printf(&r->answer.body, "%s\"%s\"", n++ ? "," : "", id);
	}
	buf_str(&r->answer.body, "]");
	if (i < c->friend_count)
		buf_printf(&r->answer.body, ",\"next\":\"sandbox-next-%u-%lld\"", i, (long long) now_ms());
	buf_str(&r->answer.body, "}");
}

static char
group_letter(Request *r)
{
	return strncmp(r->route->name, "room", 4) == 0 ? 'R' : 'C';
}

void
handle_group_summary(Request *r)
{
	uint8_t key[LINE_ID_KEY];

	if (read_id(r, r->arg[0], 'C', "groupId", key))
		answer_object(r, 200,
		              json_pack("{s:s, s:s+, s:s}", "groupId", r->arg[0], "groupName", "グループ", r->arg[0] + 29,
		                        "pictureUrl", "https://profile.example/group"));
}

void
handle_group_count(Request *r)
{
	uint8_t key[LINE_ID_KEY];

	if (read_id(r, r->arg[0], group_letter(r), "groupId", key))
		answer_json(r, 200, "{\"count\":%d}", options.group_members);
}

void
handle_group_members(Request *r)
{
	uint8_t key[LINE_ID_KEY];

	if (!read_id(r, r->arg[0], group_letter(r), "groupId", key))
		return;
	answer_json(r, 200, "{\"memberIds\":[");
	for (int i = 0; i < options.group_members && i < 100; i++)
	{
		uint8_t member[LINE_ID_KEY];

		made_line_id(options.seed ^ key[1] << 16, (uint64_t) i, member);
		buf_printf(&r->answer.body, "%s\"U", i ? "," : "");
		buf_hex(&r->answer.body, member + 1, 16);
		buf_str(&r->answer.body, "\"");
	}
	buf_str(&r->answer.body, "]}");
}

void
handle_group_member(Request *r)
{
	uint8_t group[LINE_ID_KEY], key[LINE_ID_KEY];

	if (read_id(r, r->arg[0], group_letter(r), "groupId", group) && read_id(r, r->arg[1], 'U', "userId", key))
		answer_object(r, 200, profile_of(r->arg[1], key));
}

void
handle_leave(Request *r)
{
	uint8_t key[LINE_ID_KEY];

	if (read_id(r, r->arg[0], group_letter(r), "groupId", key))
		answer_json(r, 200, "{}");
}

void
handle_link_token(Request *r)
{
	uint8_t key[LINE_ID_KEY], token[16];

	if (!read_id(r, r->arg[0], 'U', "userId", key))
		return;
	if (!visible(r, key))
	{
		answer_message(r, 400, "Failed to get a link token");
		return;
	}
	uuid_random(token);
	answer_json(r, 200, "{\"linkToken\":\"");
	buf_hex(&r->answer.body, token, 16);
	buf_str(&r->answer.body, "\"}");
}
