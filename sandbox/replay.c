/*
 * replay.c
 *		A sandbox that was killed comes back with its memory: the log is read again at start.
 *
 * LINE does not forget accepted retry keys because one of its servers died, so neither does the sandbox. A last line
 *without its newline was never answered and is cut off. Runs once, before the server listens.
 */
#include "send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *
text_of(json_t *line, const char *name)
{
	return json_string_value(json_object_get(line, name));
}

static int64_t
number_of(json_t *line, const char *name)
{
	return json_integer_value(json_object_get(line, name));
}

static KeyRecord *
replay_key(json_t *line, int channel, int route, uint32_t *number)
{
	const char *key = text_of(line, "key"), *body = text_of(line, "body"), *fault = text_of(line, "fault");
	uint8_t bytes[16];
	bool created;
	KeyRecord *k;
	int64_t ms = number_of(line, "ms");

	*number = NOT_FOUND;
	if (!key || !uuid_parse(key, bytes))
		return NULL;
	k = key_record(channel, bytes, &created, number);
	if (!created && k->first_ms + options.key_life_ms <= ms)
		memset(k, 0, sizeof(*k));
	if (k->attempts == 0)
	{
		k->first_ms = ms;
		k->route = (uint8_t) route;
		if (body && strlen(body) == 64 && !(fault && strcmp(fault, "early_answer") == 0))
			k->body_known = hex_decode(body, 64, k->body_sha);
	}
	k->attempts = (uint32_t) number_of(line, "attempt");
	return k;
}

static int64_t
replay_people(Accepted *a, json_t *list, bool delivered)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		uint8_t id[LINE_ID_KEY];

		if (json_is_string(one) && line_id_parse(json_string_value(one), json_string_length(one), id))
			accept_person(a, person_find_or_make(id), delivered);
	}
	return (int64_t) json_array_size(list);
}

static void
replay_accepted(json_t *line, Channel *c, int channel, int route, KeyRecord *k, uint32_t key_number)
{
	const char *content = text_of(line, "content"), *id = text_of(line, "request_id");
	int64_t message_id = number_of(line, "message_id"), count;
	uint8_t content_sha[32] = {0}, request_id[16] = {0};
	Accepted *a;

	if (content && strlen(content) == 64)
		hex_decode(content, 64, content_sha);
	if (id)
		uuid_parse(id, request_id);
	a = accept_begin(channel, route, content_sha, key_number, request_id, number_of(line, "ms"));
	count = replay_people(a, json_object_get(line, "to"), true);
	count += replay_people(a, json_object_get(line, "dropped"), false);
	c->stats[route].accepted++;
	c->stats[route].recipients += count;
	channel_month(c, number_of(line, "ms"));
	if (strcmp(route_at(route)->name, "reply") != 0)
		c->used += number_of(line, "reach");
	if (message_id)
		state.next_message_id = message_id + number_of(line, "messages");
	if (strcmp(route_at(route)->name, "narrowcast") == 0)
		narrowcast_start(channel, request_id, number_of(line, "ms"), count, 0);
	if (!k)
		return;
	k->accepted = 1;
	k->message_id = message_id;
	k->message_count = (uint8_t) number_of(line, "messages");
	k->quotable = (uint8_t) number_of(line, "quotable");
	memcpy(k->request_id, request_id, 16);
}

/* Control events that outlive the process: the shifted clock and issued tokens. */
static void
replay_event(json_t *line, const char *event)
{
	if (strcmp(event, "time") == 0)
		clock_set_shift(number_of(line, "shift_ms"));
	else if (strcmp(event, "token") == 0)
	{
		int channel = channel_make(text_of(line, "channel"));

		if (channel >= 0 && text_of(line, "token"))
			token_add(text_of(line, "token"), channel, "v2.1", number_of(line, "expires_ms"));
	}
}

static void
replay_line(json_t *line)
{
	const char *event = text_of(line, "event"), *name = text_of(line, "channel"),
	           *violation = text_of(line, "violation");
	const Route *route = text_of(line, "endpoint") ? route_by_name(text_of(line, "endpoint")) : NULL;
	uint32_t number;
	int channel;
	KeyRecord *k;

	if (event)
		replay_event(line, event);
	if (event || !name || !route || (channel = channel_make(name)) < 0)
		return;
	channel_count_status(&state.channels[channel], route_number(route), (int) number_of(line, "status"));
	k = replay_key(line, channel, route_number(route), &number);
	if (violation)
		violation_add(violation, NULL, text_of(line, "key"));
	if (!json_is_true(json_object_get(line, "accepted")))
		return;
	if (text_of(line, "reply_token"))
	{
		bool created;

		reply_token(channel, text_of(line, "reply_token"), &created)->used = true;
	}
	replay_accepted(line, &state.channels[channel], channel, route_number(route), k, number);
}

bool
log_replay(void)
{
	FILE *f = options.log_path && !options.fresh ? fopen(options.log_path, "r") : NULL;
	char *text = NULL;
	size_t room = 0;
	ssize_t len;
	off_t good = 0;

	if (!f)
		return true;
	while ((len = getline(&text, &room, f)) > 0 && text[len - 1] == '\n')
	{
		json_t *line = json_loadb(text, (size_t) len, 0, NULL);

		if (!json_is_object(line))
		{
			fprintf(stderr,
			        "linecrm-sandbox: \"%s\" is not a log of the sandbox (at byte %lld); use another file or --fresh\n",
			        options.log_path, (long long) good);
			json_decref(line);
			fclose(f);
			free(text);
			return false;
		}
		replay_line(line);
		json_decref(line);
		good += len;
	}
	free(text);
	fclose(f);
	if (truncate(options.log_path, good) < 0)
		perror("linecrm-sandbox: could not cut the log");
	return true;
}
