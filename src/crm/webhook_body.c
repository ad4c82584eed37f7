/*
 * webhook_body.c
 *		The body of a webhook, taken apart into events without building a tree.
 *
 * PostgreSQL's own JSON lexer gives the tokens, without de-escaping, so that \u0000 and lone surrogates pass, and each
 * event is known by the place of its first and last byte: what the inbox stores is what LINE signed. The grammar over
 *the tokens is ours, because pg_parse_json() does not tell its actions where things begin, recurses without a bound of
 *its own, and copies every scalar. Nesting is bounded here, far above what LINE sends and far below the stack.
 *
 * Lenient where LINE may change (unknown members, missing ones, members of another type count as missing), strict where
 * nothing could be stored (not UTF-8, not JSON, no array of event objects). Of a repeated key the last one counts, as
 * in jsonb.
 *
 * Runs in any backend; throws only out of memory and interrupts. Memory: the caller's context. No locks.
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "compat.h"
#include "crm/event_json.h"
#include "crm/webhook_body.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#define LC_MAX_DEPTH 500

/* Ids and kinds are short; what is longer is no id of LINE's, and an index could not hold it. */
#define LC_MAX_TOKEN 200

typedef struct LcWalk
{
	JsonLexContext *lex;
	LcWebhookBody *body;
	bool events_seen;
	int depth;
	const char *problem;
} LcWalk;

/* Called on each member of an object with the value's first token current; reads the value. False: stop, it is wrong.
 */
typedef bool (*LcMember)(LcWalk *walk, const char *key, void *target);

static bool body_member(LcWalk *walk, const char *key, void *target);
static bool events_value(LcWalk *walk);
static LcEvent *new_event(LcWebhookBody *body);
static bool event_member(LcWalk *walk, const char *key, void *target);
static bool delivery_member(LcWalk *walk, const char *key, void *target);
static bool source_member(LcWalk *walk, const char *key, void *target);
static bool read_object(LcWalk *walk, LcMember member, void *target);
static bool read_string(LcWalk *walk, char **value);
static bool read_milliseconds(LcWalk *walk, int64 *value);
static bool skip_value(LcWalk *walk);
static bool skip_array(LcWalk *walk);
static bool skip_member(LcWalk *walk, const char *key, void *target);
static bool enter(LcWalk *walk);
static bool advance(LcWalk *walk);
static bool expect(LcWalk *walk, JsonTokenType type);
static bool wrong(LcWalk *walk, const char *problem);
static const char *known_key(LcWalk *walk);

const char *
webhook_body_read(const char *bytes, int length, LcWebhookBody *body)
{
	LcWalk walk = {0};
	int valid = pg_encoding_verifymbstr(PG_UTF8, bytes, length);

	memset(body, 0, sizeof(LcWebhookBody));
	if (valid != length)
		return psprintf("the body is not UTF-8 at byte %d", valid + 1);
	walk.lex = LC_JSON_LEXER(unconstify(char *, bytes), length, false);
	walk.body = body;
	if (!advance(&walk))
		return walk.problem;
	if (walk.lex->token_type != JSON_TOKEN_OBJECT_START)
		return "the body is not a JSON object";
	if (!read_object(&walk, body_member, NULL))
		return walk.problem;
	if (walk.lex->token_type != JSON_TOKEN_END)
	{
		wrong(&walk, NULL);
		return walk.problem;
	}
	return walk.events_seen ? NULL : "the body has no \"events\"";
}

static bool
body_member(LcWalk *walk, const char *key, void *target)
{
	if (strcmp(key, "destination") == 0)
		return read_string(walk, &walk->body->destination);
	if (strcmp(key, "events") == 0)
		return events_value(walk);
	return skip_value(walk);
}

static bool
events_value(LcWalk *walk)
{
	walk->events_seen = true;
	walk->body->event_count = 0;
	if (walk->lex->token_type != JSON_TOKEN_ARRAY_START)
		return wrong(walk, "\"events\" is not an array");
	if (!enter(walk))
		return false;
	while (walk->lex->token_type != JSON_TOKEN_ARRAY_END)
	{
		LcEvent *event;

		CHECK_FOR_INTERRUPTS();
		if (walk->body->event_count > 0 && !expect(walk, JSON_TOKEN_COMMA))
			return false;
		if (walk->lex->token_type != JSON_TOKEN_OBJECT_START)
			return wrong(walk, walk->lex->token_type == JSON_TOKEN_END
			                       ? NULL
			                       : psprintf("event %d is not an object", walk->body->event_count + 1));
		event = new_event(walk->body);
		event->raw = walk->lex->token_start;
		if (!read_object(walk, event_member, event))
			return false;
		event->raw_length = (int) (walk->lex->prev_token_terminator - event->raw);
	}
	walk->depth--;
	return advance(walk);
}

static LcEvent *
new_event(LcWebhookBody *body)
{
	LcEvent *event;

	if (body->event_count == body->event_space)
	{
		body->event_space = Max(4, body->event_space * 2);
		body->events = body->events == NULL ? palloc(body->event_space * sizeof(LcEvent))
		                                    : repalloc(body->events, body->event_space * sizeof(LcEvent));
	}
	event = &body->events[body->event_count++];
	memset(event, 0, sizeof(LcEvent));
	return event;
}

static bool
event_member(LcWalk *walk, const char *key, void *target)
{
	LcEvent *event = target;

	if (strcmp(key, "type") == 0)
		return read_string(walk, &event->type);
	if (strcmp(key, "timestamp") == 0)
		return read_milliseconds(walk, &event->timestamp_ms);
	if (strcmp(key, "webhookEventId") == 0)
		return read_string(walk, &event->event_id);
	if (strcmp(key, "deliveryContext") == 0)
	{
		event->redelivered = false;
		if (walk->lex->token_type == JSON_TOKEN_OBJECT_START)
			return read_object(walk, delivery_member, event);
	}
	if (strcmp(key, "source") == 0)
	{
		event->source_type = event->user_id = event->chat_id = NULL;
		if (walk->lex->token_type == JSON_TOKEN_OBJECT_START)
			return read_object(walk, source_member, event);
	}
	return skip_value(walk);
}

static bool
delivery_member(LcWalk *walk, const char *key, void *target)
{
	LcEvent *event = target;

	if (strcmp(key, "isRedelivery") == 0)
		event->redelivered = walk->lex->token_type == JSON_TOKEN_TRUE;
	return skip_value(walk);
}

static bool
source_member(LcWalk *walk, const char *key, void *target)
{
	LcEvent *event = target;

	if (strcmp(key, "type") == 0)
		return read_string(walk, &event->source_type);
	if (strcmp(key, "userId") == 0)
		return read_string(walk, &event->user_id);
	if (strcmp(key, "groupId") == 0 || strcmp(key, "roomId") == 0)
		return read_string(walk, &event->chat_id);
	return skip_value(walk);
}

/* From the opening brace to the token after the closing one. */
static bool
read_object(LcWalk *walk, LcMember member, void *target)
{
	bool first = true;

	if (!enter(walk))
		return false;
	while (walk->lex->token_type != JSON_TOKEN_OBJECT_END)
	{
		const char *key;

		if (!first && !expect(walk, JSON_TOKEN_COMMA))
			return false;
		first = false;
		if (walk->lex->token_type != JSON_TOKEN_STRING)
			return wrong(walk, NULL);
		key = member == skip_member ? "" : known_key(walk);
		if (!advance(walk) || !expect(walk, JSON_TOKEN_COLON) || !member(walk, key, target))
			return false;
	}
	walk->depth--;
	return advance(walk);
}

/* A string, or NULL for anything else and for what is too long to be an id. */
static bool
read_string(LcWalk *walk, char **value)
{
	int length = (int) (walk->lex->token_terminator - walk->lex->token_start);

	*value = NULL;
	if (walk->lex->token_type == JSON_TOKEN_STRING && length <= LC_MAX_TOKEN)
		*value = event_json_string(walk->lex->token_start, length);
	return skip_value(walk);
}

/* Digits only, up to year 9999; anything else counts as no time. */
static bool
read_milliseconds(LcWalk *walk, int64 *value)
{
	*value = 0;
	if (walk->lex->token_type == JSON_TOKEN_NUMBER && walk->lex->token_terminator - walk->lex->token_start <= 15)
		for (const char *at = walk->lex->token_start; at < walk->lex->token_terminator; at++)
		{
			if (*at < '0' || *at > '9')
			{
				*value = 0;
				break;
			}
			*value = *value * 10 + (*at - '0');
		}
	if (*value > INT64CONST(253402300799999))
		*value = 0;
	return skip_value(walk);
}

/* From a value's first token to the token after its last. */
static bool
skip_value(LcWalk *walk)
{
	switch (walk->lex->token_type)
	{
		case JSON_TOKEN_OBJECT_START:
			return read_object(walk, skip_member, NULL);
		case JSON_TOKEN_ARRAY_START:
			return skip_array(walk);
		case JSON_TOKEN_STRING:
		case JSON_TOKEN_NUMBER:
		case JSON_TOKEN_TRUE:
		case JSON_TOKEN_FALSE:
		case JSON_TOKEN_NULL:
			return advance(walk);
		default:
			return wrong(walk, NULL);
	}
}

static bool
skip_array(LcWalk *walk)
{
	bool first = true;

	if (!enter(walk))
		return false;
	while (walk->lex->token_type != JSON_TOKEN_ARRAY_END)
	{
		if ((!first && !expect(walk, JSON_TOKEN_COMMA)) || !skip_value(walk))
			return false;
		first = false;
	}
	walk->depth--;
	return advance(walk);
}

static bool
skip_member(LcWalk *walk, const char *key, void *target)
{
	return skip_value(walk);
}

/* Past an opening brace or bracket. */
static bool
enter(LcWalk *walk)
{
	if (++walk->depth > LC_MAX_DEPTH)
		return wrong(walk, psprintf("the body nests deeper than %d levels", LC_MAX_DEPTH));
	return advance(walk);
}

static bool
advance(LcWalk *walk)
{
	if (json_lex(walk->lex) == JSON_SUCCESS)
		return true;
	return wrong(walk, NULL);
}

static bool
expect(LcWalk *walk, JsonTokenType type)
{
	if (walk->lex->token_type != type)
		return wrong(walk, NULL);
	return advance(walk);
}

/* Says what is wrong, or that it is not JSON and where; the first problem counts. */
static bool
wrong(LcWalk *walk, const char *problem)
{
	JsonLexContext *lex = walk->lex;

	if (walk->problem != NULL)
		return false;
	if (problem != NULL)
		walk->problem = problem;
	else if (lex->token_start == NULL || lex->token_start >= lex->input + lex->input_length)
		walk->problem = psprintf("the body is not JSON: it ends too early, after %d bytes", (int) lex->input_length);
	else
		walk->problem = psprintf("the body is not JSON at byte %d", (int) (lex->token_start - lex->input) + 1);
	return false;
}

/* The key that is the current token, or "" for one too long to be any we know. */
static const char *
known_key(LcWalk *walk)
{
	int length = (int) (walk->lex->token_terminator - walk->lex->token_start);
	static char buffer[LC_MAX_TOKEN];

	if (length > LC_MAX_TOKEN)
		return "";
	if (memchr(walk->lex->token_start, '\\', length) != NULL)
		return event_json_string(walk->lex->token_start, length);
	memcpy(buffer, walk->lex->token_start + 1, length - 2);
	buffer[length - 2] = '\0';
	return buffer;
}
