/*
 * state.c
 *		The memory of the sandbox, made for millions of deliveries: people, contents and retry keys are numbers, an
 *accepted delivery is a row of numbers, and the audit (report.c) is computed from those rows when somebody asks.
 *
 * The lock is one mutex. It is held for the microseconds in which a request is decided and logged, not while bodies are
 * parsed, hashed or sent. KeyRecord and ReplyToken pointers are good until the lock is given back.
 */
#include "state.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

State state;
Options options;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define FIRST_MESSAGE_ID 460000000000000001

void
state_lock(void)
{
	pthread_mutex_lock(&lock);
}

void
state_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void
state_init(void)
{
	intern_init(&state.people, LINE_ID_KEY);
	intern_init(&state.contents, 33);
	intern_init(&state.keys, 18);
	intern_init(&state.reply_hashes, 18);
	intern_init(&state.token_hashes, 32);
	state.next_message_id = FIRST_MESSAGE_ID;
	state.violation_list = json_array();
}

/* Forgets deliveries, keys and counters; keeps channels, tokens, friends and faults. */
void
state_reset(void)
{
	intern_clear(&state.contents);
	intern_clear(&state.keys);
	intern_clear(&state.reply_hashes);
	state.accepted_count = 0;
	state.recipient_count = 0;
	state.violations = 0;
	state.duplicate_in_request = 0;
	json_array_clear(state.violation_list);
	for (int i = 0; i < state.channel_count; i++)
	{
		Channel *c = &state.channels[i];

		c->used = c->reserved = 0;
		memset(c->filled_at, 0, sizeof(c->filled_at));
		memset(c->stats, 0, sizeof(c->stats));
	}
}

/* U, C or R and 32 lower-case hex digits. */
bool
line_id_parse(const char *s, size_t len, uint8_t key[LINE_ID_KEY])
{
	if (len != 33 || (s[0] != 'U' && s[0] != 'C' && s[0] != 'R'))
		return false;
	key[0] = (uint8_t) s[0];
	return hex_decode(s + 1, 32, key + 1);
}

void
line_id_text(uint32_t person, char out[34])
{
	const uint8_t *key = intern_key(&state.people, person);

	out[0] = (char) key[0];
	hex_encode(key + 1, 16, out + 1);
	out[33] = '\0';
}

uint32_t
person_find_or_make(const uint8_t key[LINE_ID_KEY])
{
	return intern(&state.people, key, NULL);
}

static void
channel_key(int channel, const uint8_t key[16], uint8_t out[18])
{
	out[0] = (uint8_t) channel;
	out[1] = 0;
	memcpy(out + 2, key, 16);
}

/* A key counts for its channel, whatever the endpoint: LINE does not say, and a client should not depend on either. */
KeyRecord *
key_record(int channel, const uint8_t key[16], bool *created, uint32_t *number)
{
	uint8_t bytes[18];

	channel_key(channel, key, bytes);
	*number = intern(&state.keys, bytes, created);
	if (*number >= state.key_room)
	{
		state.key_room = state.key_room ? state.key_room * 2 : 1024;
		state.key_records = must_realloc(state.key_records, (size_t) state.key_room * sizeof(KeyRecord));
	}
	if (*created)
		memset(&state.key_records[*number], 0, sizeof(KeyRecord));
	return &state.key_records[*number];
}

KeyRecord *
key_peek(int channel, const uint8_t key[16])
{
	uint8_t bytes[18];
	uint32_t number;

	channel_key(channel, key, bytes);
	number = intern_find(&state.keys, bytes);
	return number == NOT_FOUND ? NULL : &state.key_records[number];
}

ReplyToken *
reply_token(int channel, const char *token, bool *created)
{
	uint8_t sha[32], bytes[18];
	uint32_t number;

	sha256(token, strlen(token), sha);
	channel_key(channel, sha, bytes);
	number = intern(&state.reply_hashes, bytes, created);
	if (number >= state.reply_room)
	{
		state.reply_room = state.reply_room ? state.reply_room * 2 : 1024;
		state.reply_tokens = must_realloc(state.reply_tokens, (size_t) state.reply_room * sizeof(ReplyToken));
	}
	if (*created)
		state.reply_tokens[number] = (ReplyToken){.person = NOT_FOUND};
	return &state.reply_tokens[number];
}

Accepted *
accept_begin(int channel, int route, const uint8_t content[32], uint32_t key, const uint8_t request_id[16], int64_t ms)
{
	uint8_t content_key[33] = {(uint8_t) channel};
	Accepted *a;

	memcpy(content_key + 1, content, 32);
	if (state.accepted_count == state.accepted_room)
	{
		state.accepted_room = state.accepted_room ? state.accepted_room * 2 : 1024;
		state.accepted = must_realloc(state.accepted, state.accepted_room * sizeof(Accepted));
	}
	a = &state.accepted[state.accepted_count++];
	memset(a, 0, sizeof(*a));
	a->ms = ms;
	a->start = state.recipient_count;
	a->key = key;
	a->content = intern(&state.contents, content_key, NULL);
	a->channel = (uint16_t) channel;
	a->route = (uint8_t) route;
	memcpy(a->request_id, request_id, 16);
	return a;
}

void
accept_person(Accepted *a, uint32_t person, bool delivered)
{
	if (state.recipient_count == state.recipient_room)
	{
		state.recipient_room = state.recipient_room ? state.recipient_room * 2 : 65536;
		state.recipients = must_realloc(state.recipients, state.recipient_room * sizeof(uint32_t));
	}
	state.recipients[state.recipient_count++] = delivered ? person : person | NOT_DELIVERED;
	a->count++;
}

/* Something that LINE forbids or that leads to double sending. r may be NULL (while a log is replayed). */
void
violation_add(const char *what, Request *r, const char *key)
{
	state.violations++;
	if (json_array_size(state.violation_list) >= 100)
		return;
	json_array_append_new(state.violation_list,
	                      json_pack("{s:s, s:s*, s:s*, s:s*}", "violation", what, "retry_key", key, "endpoint",
	                                r ? r->route->name : NULL, "request_id", r ? r->id_text : NULL));
}
