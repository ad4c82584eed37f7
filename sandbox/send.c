/*
 * send.c
 *		The five calls that send. This is the heart of the sandbox: who was promised what, exactly once in the log.
 *
 * The order of things: rate limit, fault, form of the request, retry key, reply token, people, quota, acceptance. A
 *request that LINE has accepted is written to the log before any answer leaves, with all its recipients, and then the
 *answer may be spoiled by a fault. So the log knows what the client may not. Everything after send_read() happens under
 *the state lock, and the line is in the file (one write, no fsync) before the lock is given back: killing the sandbox
 *loses no accepted delivery whose answer was seen.
 */
#include "send.h"
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
answer_sent_messages(Request *r, int status, const char *message, int64_t first, int count, int quotable)
{
	answer_json(r, status, "{");
	if (message)
		buf_printf(&r->answer.body, "\"message\":\"%s\",", message);
	buf_str(&r->answer.body, "\"sentMessages\":[");
	for (int i = 0; i < count; i++)
	{
		buf_printf(&r->answer.body, "%s{\"id\":\"%lld\"", i ? "," : "", (long long) first + i);
		if (quotable & (1 << i))
			buf_printf(&r->answer.body, ",\"quoteToken\":\"sandbox-quote-%lld\"", (long long) first + i);
		buf_str(&r->answer.body, "}");
	}
	buf_str(&r->answer.body, "]}");
}

/* Takes note of the key and counts the attempt; a key older than its life begins anew. */
static void
note_key(Request *r, Send *s, bool read)
{
	bool created;
	KeyRecord *k;

	s->attempt = 1;
	s->key_number = NOT_FOUND;
	if (!s->has_key)
		return;
	k = key_record(r->channel, s->key, &created, &s->key_number);
	if (!created && k->first_ms + options.key_life_ms <= s->ms)
	{
		s->violation = "expired_key";
		memset(k, 0, sizeof(*k));
		created = true;
	}
	if (created)
	{
		k->first_ms = s->ms;
		k->route = (uint8_t) route_number(r->route);
	}
	else if ((k->body_known && read && memcmp(k->body_sha, s->body_sha, 32) != 0) || k->route != route_number(r->route))
		s->violation = "different_body";
	if (read && !k->body_known)
	{
		k->body_known = true;
		memcpy(k->body_sha, s->body_sha, 32);
	}
	s->attempt = ++k->attempts;
}

static void
find_people(Request *r, Send *s)
{
	if (s->count == 0)
		return;
	s->people = must_alloc(s->count * sizeof(uint32_t));
	s->delivered = must_alloc(s->count);
	intern_many(&state.people, s->ids, s->count, s->people);
}

/* Rate limit and faults; true: the answer is decided. */
static bool
arrive(Request *r, Send *s)
{
	Channel *c = &state.channels[r->channel];
	FaultCase fc = {.route = r->route,
	                .channel = c->name,
	                .attempt = s->attempt,
	                .people = s->people,
	                .people_count = s->count,
	                .body = r->body.data,
	                .body_len = r->body.len};
	const FaultKind *kind;

	if (!r->fault_picked)
	{
		r->fault_picked = true;
		if (!channel_take(c, route_number(r->route), r->route, s->ms))
		{
			answer_message(r, 429, "The API rate limit has been exceeded. Try again later.");
			return true;
		}
		fault_pick(&fc, &r->fault);
		if (r->fault.delay_before > 0)
		{
			r->stage = STAGE_DELAYED;
			return true;
		}
	}
	kind = r->fault.kind;
	if (!kind || kind->accepts)
		return false;
	if (kind->act == ACT_ANSWER || kind->act == ACT_HTML)
		fault_answer(r, &r->fault, r->fault.index);
	return true;
}

/* An earlier attempt with this key was accepted. */
static bool
already_accepted(Request *r, Send *s)
{
	KeyRecord *k = s->has_key ? &state.key_records[s->key_number] : NULL;
	char first[37];

	if (!k || !k->accepted)
		return false;
	if (k->message_id)
		answer_sent_messages(r, 409, "The retry key is already accepted", k->message_id, k->message_count, k->quotable);
	else
		answer_message(r, 409, "The retry key is already accepted");
	uuid_text(k->request_id, first);
	answer_header(r, "X-Line-Accepted-Request-Id", first);
	return true;
}

static bool
foreign(PersonStatus status)
{
	return status == PERSON_FOREIGN || (status == PERSON_UNLISTED && options.unlisted_foreign);
}

/* Who of them gets it; false: LINE refuses the whole call. */
static bool
sort_people(Request *r, Send *s)
{
	Channel *c = &state.channels[r->channel];

	s->reach = 0;
	for (size_t i = 0; i < s->count; i++)
	{
		PersonStatus status = channel_status(c, s->people[i]);
		bool user = intern_key(&state.people, s->people[i])[0] == 'U';

		if (user && foreign(status) && route_is(r, "push"))
		{
			answer_message(r, 400, "Failed to send messages");
			return false;
		}
		if (user && foreign(status) && options.multicast_foreign && route_is(r, "multicast"))
		{
			answer_message(r, 400, "The property, to[%zu], in the request body is invalid (line: -, column: -)", i);
			return false;
		}
		s->delivered[i] = !user || status == PERSON_FOLLOWING || (status == PERSON_UNLISTED && !foreign(status));
		s->reach += s->delivered[i] ? (user ? 1 : options.group_members) : 0;
	}
	return true;
}

/* Tokens of the webhook generator carry their user: "rt", 32 hex digits, anything. */
static uint32_t
person_of_token(const char *token)
{
	uint8_t id[LINE_ID_KEY] = {'U'};

	if (strlen(token) < 34 || strncmp(token, "rt", 2) != 0 || !hex_decode(token + 2, 32, id + 1))
		return NOT_FOUND;
	return person_find_or_make(id);
}

static bool
use_reply_token(Request *r, Send *s)
{
	bool created;
	ReplyToken *t = reply_token(r->channel, s->reply_token, &created);

	if (t->used || (t->expires_ms && t->expires_ms <= s->ms))
	{
		answer_message(r, 400, "Invalid reply token");
		return false;
	}
	if (t->person == NOT_FOUND)
		t->person = person_of_token(s->reply_token);
	t->used = true;
	s->people = must_alloc(sizeof(uint32_t));
	s->delivered = must_alloc(1);
	if (t->person != NOT_FOUND)
	{
		s->people[0] = t->person;
		s->delivered[0] = 1;
		s->count = 1;
	}
	return true;
}

static bool
within_quota(Request *r, Send *s)
{
	Channel *c = &state.channels[r->channel];

	if (route_is(r, "reply") || c->quota < 0 || c->used + c->reserved + s->reach <= c->quota)
		return true;
	answer_message(r, 429, "You have reached your monthly limit.");
	return false;
}

/* The same person twice in one call. */
static void
note_repeated(Send *s)
{
	static uint32_t *stamps, room, stamp;

	stamp++;
	for (size_t i = 0; i < s->count; i++)
	{
		if (s->people[i] >= room)
		{
			uint32_t more = s->people[i] * 2 + 1024;

			stamps = must_realloc(stamps, more * sizeof(uint32_t));
			memset(stamps + room, 0, (more - room) * sizeof(uint32_t));
			room = more;
		}
		if (stamps[s->people[i]] == stamp)
		{
			state.duplicate_in_request++;
			s->violation = "duplicate_recipient";
		}
		stamps[s->people[i]] = stamp;
	}
}

static void
take_on(Request *r, Send *s)
{
	Channel *c = &state.channels[r->channel];
	int route = route_number(r->route);
	Accepted *a = accept_begin(r->channel, route, s->content_sha, s->key_number, r->id, s->ms);
	bool ids = route_is(r, "push") || route_is(r, "reply");

	for (size_t i = 0; i < s->count; i++)
		accept_person(a, s->people[i], s->delivered[i]);
	note_repeated(s);
	if (!route_is(r, "reply"))
		c->used += s->reach;
	c->stats[route].accepted++;
	c->stats[route].recipients += (int64_t) s->count;
	if (ids)
	{
		s->message_id = state.next_message_id;
		state.next_message_id += s->message_count;
	}
	if (s->has_key)
	{
		KeyRecord *k = &state.key_records[s->key_number];

		k->accepted = 1;
		k->message_id = s->message_id;
		k->message_count = s->message_count;
		k->quotable = s->quotable;
		memcpy(k->request_id, r->id, 16);
	}
	s->accepted = true;
	if (ids)
		answer_sent_messages(r, 200, NULL, s->message_id, s->message_count, s->quotable);
	else
		answer_json(r, route_is(r, "narrowcast") ? 202 : 200, "{}");
}

/* Everything that LINE itself looks at, in its order. */
static void
decide(Request *r, Send *s, bool readable)
{
	bool narrowcast = route_is(r, "narrowcast");
	bool failing = narrowcast && r->fault.kind && r->fault.kind->act == ACT_NARROWCAST;

	if (!readable || already_accepted(r, s))
		return;
	if (s->reply_token && !use_reply_token(r, s))
		return;
	if (narrowcast || route_is(r, "broadcast"))
		send_to_everybody(r, s);
	if (failing)
		s->count = 0;
	if (!sort_people(r, s) || !within_quota(r, s))
		return;
	take_on(r, s);
	if (narrowcast)
		narrowcast_start(r->channel, r->id, s->ms, (int64_t) s->count,
		                 failing ? (r->fault.status ? r->fault.status : 1) : 0);
}

/* The status that the client will see; 0: none. */
static int
shown_status(const Request *r)
{
	const FaultKind *kind = r->fault.kind;

	if (!kind)
		return r->answer.status;
	if (kind->act == ACT_SILENCE || kind->act == ACT_RESET)
		return 0;
	if (kind->accepts && kind->status)
		return r->fault.status;
	return r->answer.status;
}

static void
decide_and_log(Request *r, Send *s, bool readable)
{
	int status;

	s->ms = now_ms();
	channel_month(&state.channels[r->channel], s->ms);
	find_people(r, s);
	if (!r->fault_picked)
		note_key(r, s, true);
	else
	{
		bool created;

		s->key_number = NOT_FOUND;
		if (s->has_key)
			s->attempt = key_record(r->channel, s->key, &created, &s->key_number)->attempts;
	}
	if (!arrive(r, s))
		decide(r, s, readable);
	if (r->stage == STAGE_DELAYED)
		return;
	status = shown_status(r);
	channel_count_status(&state.channels[r->channel], route_number(r->route), status);
	if (s->violation)
		violation_add(s->violation, r, s->has_key ? s->key_text : NULL);
	if (!log_send(r, s, status))
		answer_message(r, 500, "Internal server error");
}

void
handle_send(Request *r)
{
	Send s = {0};
	bool readable = send_read(r, &s);

	state_lock();
	decide_and_log(r, &s, readable);
	state_unlock();
	send_free(&s);
}

bool
send_early(Request *r)
{
	Channel *c = &state.channels[r->channel < 0 ? 0 : r->channel];
	const char *text = request_header(r, "X-Line-Retry-Key");
	Send s = {.ms = now_ms(), .attempt = 1};
	KeyRecord *k;
	FaultCase fc = {.route = r->route, .channel = c->name, .headers_only = true};

	s.has_key = text && (r->route->flags & ROUTE_RETRY_KEY) && uuid_parse(text, s.key);
	k = s.has_key ? key_peek(r->channel, s.key) : NULL;
	fc.attempt = k ? k->attempts + 1 : 1;
	fault_pick(&fc, &r->fault);
	if (!r->fault.kind)
		return false;
	fault_answer(r, &r->fault, -1);
	channel_count_status(c, route_number(r->route), r->answer.status);
	if (!(r->route->flags & ROUTE_SEND))
		return true;
	if (s.has_key)
		uuid_text(s.key, s.key_text);
	note_key(r, &s, false);
	log_send(r, &s, r->answer.status);
	return true;
}

/* The validate calls look at the message objects and at nothing else. */
void
handle_validate(Request *r)
{
	Send s = {0};
	Request copy = *r;
	static const Route plain = {"POST", "", "validate_only", NULL, 0, 0, 0};

	copy.route = &plain;
	copy.answer = (Answer){0};
	if (send_read(&copy, &s))
		answer_json(&copy, 200, "{}");
	r->answer = copy.answer;
	send_free(&s);
}
