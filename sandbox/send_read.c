/*
 * send_read.c
 *		Reads a send call: headers, JSON, recipients, messages; finds what LINE would refuse.
 *
 * Runs before the state lock is taken, because it is where the time goes: hashing the body and reading up to five
 *hundred ids. Long "to" arrays of a push-the-limits multicast are read by scan.c; only the rest of the body goes
 *through the JSON parser.
 */
#include "send.h"
#include "check.h"
#include "scan.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MANY_IDS 300 /* bytes of "to" from which the quick way pays */

bool
route_is(const Request *r, const char *name)
{
	return strcmp(r->route->name, name) == 0;
}

static void
add_id(Send *s, const uint8_t id[LINE_ID_KEY])
{
	if (s->count == s->room)
	{
		s->room = s->room ? s->room * 2 : 8;
		s->ids = must_realloc(s->ids, s->room * LINE_ID_KEY);
	}
	memcpy(s->ids + s->count++ * LINE_ID_KEY, id, LINE_ID_KEY);
}

/* All ids of the span, if each is in order; otherwise false, and the slow way says what is wrong. */
static bool
scan_ids(Send *s, const char *at, size_t len)
{
	const char *p = at + 1, *end = at + len, *text;
	uint8_t id[LINE_ID_KEY];

	if (*at != '[')
		return false;
	for (;; p++)
	{
		if (!scan_id(&p, end, &text) || !line_id_parse(text, 33, id) || id[0] != 'U')
			return false;
		add_id(s, id);
		if (*p == ']')
			return s->count <= 500;
	}
}

/* The body with an empty "to", when the ids could be read already. */
static json_t *
parse_quickly(Request *r, Send *s, Span to)
{
	Buf rest = {0};
	json_t *root;

	if (to.len < MANY_IDS || !route_is(r, "multicast") || !scan_ids(s, r->body.data + to.at, to.len))
	{
		s->count = 0;
		return NULL;
	}
	buf_add(&rest, r->body.data, to.at);
	buf_str(&rest, "[]");
	buf_add(&rest, r->body.data + to.at + to.len, r->body.len - to.at - to.len);
	root = json_loadb(rest.data, rest.len, JSON_ALLOW_NUL, NULL);
	buf_free(&rest);
	if (!json_is_object(root))
	{
		json_decref(root);
		root = NULL;
		s->count = 0;
	}
	return root;
}

static bool
refuse_to(Request *r, int index)
{
	if (index < 0)
		answer_message(r, 400, "The property, to, in the request body is invalid (line: -, column: -)");
	else
		answer_message(r, 400, "The property, to[%d], in the request body is invalid (line: -, column: -)", index);
	return false;
}

static bool
read_push_to(Request *r, Send *s, json_t *errors)
{
	json_t *to = json_object_get(s->root, "to");
	uint8_t id[LINE_ID_KEY];

	if (!to || json_is_null(to))
	{
		check_error(errors, "May not be empty", "to");
		return true;
	}
	if (!json_is_string(to) || !line_id_parse(json_string_value(to), json_string_length(to), id))
		return refuse_to(r, -1);
	add_id(s, id);
	return true;
}

static bool
read_multicast_to(Request *r, Send *s, json_t *errors)
{
	json_t *to = json_object_get(s->root, "to"), *one;
	size_t i;

	if (s->count > 0)
		return true; /* read by scan_ids() */
	if (!to || json_is_null(to))
	{
		check_error(errors, "May not be empty", "to");
		return true;
	}
	if (!json_is_array(to))
		return refuse_to(r, -1);
	if (json_array_size(to) < 1 || json_array_size(to) > 500)
	{
		check_range(errors, "Size", 1, 500, "to");
		return true;
	}
	json_array_foreach(to, i, one)
	{
		uint8_t id[LINE_ID_KEY];

		if (!json_is_string(one) || !line_id_parse(json_string_value(one), json_string_length(one), id) || id[0] != 'U')
			return refuse_to(r, (int) i);
		add_id(s, id);
	}
	return true;
}

static bool
read_recipients(Request *r, Send *s, json_t *errors)
{
	json_t *token = json_object_get(s->root, "replyToken");

	if (route_is(r, "push"))
		return read_push_to(r, s, errors);
	if (route_is(r, "multicast"))
		return read_multicast_to(r, s, errors);
	if (route_is(r, "reply"))
	{
		if (!json_is_string(token) || json_string_length(token) == 0)
			check_error(errors, "May not be empty", "replyToken");
		else
			s->reply_token = json_string_value(token);
	}
	return true;
}

static void
read_units(Request *r, Send *s, json_t *errors)
{
	json_t *units = json_object_get(s->root, "customAggregationUnits");

	if (units && (route_is(r, "push") || route_is(r, "multicast")) && json_array_size(units) > 1)
		check_range(errors, "Size", 0, 1, "customAggregationUnits");
}

static void
note_messages(Send *s)
{
	static const char *const quotable = " text textV2 sticker image video template flex ";
	json_t *message;
	size_t i;

	json_array_foreach(json_object_get(s->root, "messages"), i, message)
	{
		const char *type = json_string_value(json_object_get(message, "type"));

		if (type && strstr(quotable, type))
			s->quotable |= (uint8_t) (1 << i);
		s->message_count++;
	}
}

static bool
read_retry_key(Request *r, Send *s)
{
	const char *key = request_header(r, "X-Line-Retry-Key");

	if (!key)
		return true;
	if (!(r->route->flags & ROUTE_RETRY_KEY))
	{
		answer_message(r, 400, "The retry key is not supported for this endpoint");
		return false;
	}
	if (!uuid_parse(key, s->key))
	{
		answer_message(r, 400, "The retry key is invalid");
		return false;
	}
	s->has_key = true;
	uuid_text(s->key, s->key_text);
	return true;
}

bool
send_read(Request *r, Send *s)
{
	json_t *errors;
	Span to = {0}, messages = {0};
	bool ok;

	sha256(r->body.data, r->body.len, s->body_sha);
	if (!read_retry_key(r, s))
		return false;
	if (scan_body(r->body.data ? r->body.data : "", r->body.len, &to, &messages))
		s->root = parse_quickly(r, s, to);
	if (!s->root && !(s->root = request_json(r, &r->body)))
		return false;
	sha256(r->body.data + messages.at, messages.len, s->content_sha);
	errors = json_array();
	check_messages(json_object_get(s->root, "messages"), errors);
	read_units(r, s, errors);
	ok = read_recipients(r, s, errors);
	if (ok && json_array_size(errors) > 0)
	{
		char *details = json_dumps(errors, JSON_COMPACT);

		answer_json(r, 400, "{\"message\":\"The request body has %zu error(s)\",\"details\":%s}",
		            json_array_size(errors), details);
		free(details);
		ok = false;
	}
	json_decref(errors);
	if (ok)
		note_messages(s);
	return ok;
}

void
send_free(Send *s)
{
	json_decref(s->root);
	free(s->ids);
	free(s->people);
	free(s->delivered);
}
