/*
 * control.c
 *		The sandbox's own interface under /sandbox: faults, clock, people, quota, reply tokens, log, reset.
 *
 * No token is needed: the server listens on this machine only. Bodies are JSON; faults and people are also taken as
 * plain lines. Every call answers JSON, with {"error": ...} and status 400 for what it does not understand.
 */
#include "state.h"
#include "fault.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
answer_error(Request *r, const char *text)
{
	answer_object(r, 400, json_pack("{s:s}", "error", text));
}

static json_t *
read_json(Request *r)
{
	json_error_t error;
	json_t *root = json_loadb(r->body.data ? r->body.data : "", r->body.len, 0, &error);

	if (!root)
		answer_error(r, error.text);
	return root;
}

static int64_t
int_of(json_t *root, const char *name, int64_t missing)
{
	json_t *value = json_object_get(root, name);

	return json_is_number(value) ? (int64_t) json_number_value(value) : missing;
}

/* "channel" in the body, or the first one; -1: no such channel. */
static int
channel_of(json_t *root)
{
	const char *name = json_string_value(json_object_get(root, "channel"));

	return name ? channel_find(name) : 0;
}

/* A spec, an object, or an array of both. */
static void
add_faults(Request *r)
{
	char error[300] = "";
	json_t *root = json_loadb(r->body.data ? r->body.data : "", r->body.len, JSON_DECODE_ANY, NULL), *one;
	size_t i;
	int id = 0;

	if (!root)
	{
		buf_add(&r->body, "", 1);
		r->body.data[strcspn(r->body.data, "\r\n")] = '\0';
		id = fault_add(r->body.data, error, sizeof(error));
	}
	else if (json_is_array(root))
	{
		json_array_foreach(root, i, one) if (!error[0]) id =
		    json_is_string(one) ? fault_add(json_string_value(one), error, sizeof(error))
		                        : fault_add_json(one, error, sizeof(error));
	}
	else
		id = json_is_string(root) ? fault_add(json_string_value(root), error, sizeof(error))
		                          : fault_add_json(root, error, sizeof(error));
	json_decref(root);
	if (error[0])
		answer_error(r, error);
	else
		answer_json(r, 200, "{\"id\":%d}", id);
}

static void
control_faults(Request *r)
{
	const char *id = request_query(r, "id");

	if (strcmp(r->method, "POST") == 0)
		add_faults(r);
	else if (strcmp(r->method, "DELETE") == 0 && id && !fault_remove(atoi(id)))
		answer_error(r, "no fault with this id");
	else if (strcmp(r->method, "DELETE") == 0)
	{
		if (!id)
			fault_clear();
		answer_json(r, 200, "{}");
	}
	else
		answer_object(r, 200, fault_list());
}

/* {"advance_seconds": n} moves the clock on; {"shift_seconds": n} sets how far it is from the real one. */
static void
control_time(Request *r)
{
	char at[32];
	Buf line = {0};

	if (strcmp(r->method, "POST") == 0)
	{
		json_t *root = read_json(r);
		int64_t shift;

		if (!root)
			return;
		shift = int_of(root, "shift_seconds", clock_shift() / 1000) * 1000 + int_of(root, "advance_seconds", 0) * 1000;
		json_decref(root);
		clock_set_shift(shift);
		buf_printf(&line, "{\"event\":\"time\",\"shift_ms\":%lld}\n", (long long) shift);
		log_write(line.data, line.len);
		buf_free(&line);
	}
	iso_time(now_ms(), at);
	answer_json(r, 200, "{\"now\":\"%s\",\"shift_seconds\":%lld}", at, (long long) clock_shift() / 1000);
}

/* One person: {"user_id", "status"?, "name"?, "channel"?}. */
static const char *
set_person(json_t *one)
{
	const char *id = json_string_value(json_object_get(one, "user_id"));
	const char *status = json_string_value(json_object_get(one, "status"));
	const char *name = json_string_value(json_object_get(one, "name"));
	uint8_t key[LINE_ID_KEY];
	int channel = channel_of(one);

	if (channel < 0)
		return "no such channel";
	if (!id || !line_id_parse(id, strlen(id), key))
		return "user_id is not a LINE id";
	if (status && status_by_name(status) == PERSON_UNLISTED)
		return "status is one of following, blocked, foreign, deleted";
	person_set(channel, key, status ? status_by_name(status) : PERSON_FOLLOWING, name);
	return NULL;
}

static void
control_users(Request *r)
{
	json_t *root = read_json(r), *one;
	const char *error = NULL;
	size_t i, n = 1;

	if (!root)
		return;
	if (json_is_array(root))
	{
		n = json_array_size(root);
		json_array_foreach(root, i, one) error = error ? error : set_person(one);
	}
	else
		error = set_person(root);
	json_decref(root);
	if (error)
		answer_error(r, error);
	else
		answer_json(r, 200, "{\"users\":%zu}", n);
}

/* {"channel"?, "limit": n or null, "used"?, "reserved"?} */
static void
control_quota(Request *r)
{
	json_t *root = read_json(r);
	int channel = root ? channel_of(root) : -1;
	Channel *c;

	if (root && channel < 0)
		answer_error(r, "no such channel");
	if (channel >= 0)
	{
		c = &state.channels[channel];
		channel_month(c, now_ms());
		if (json_object_get(root, "limit"))
			c->quota = int_of(root, "limit", -1);
		c->used = int_of(root, "used", c->used);
		c->reserved = int_of(root, "reserved", c->reserved);
		answer_json(r, 200, "{\"limit\":%lld,\"used\":%lld,\"reserved\":%lld}", (long long) c->quota,
		            (long long) c->used, (long long) c->reserved);
	}
	json_decref(root);
}

/* {"token", "user_id"?, "life_seconds"?, "channel"?}: a token as a webhook would bring it. */
static void
control_reply_tokens(Request *r)
{
	json_t *root = read_json(r);
	const char *token = json_string_value(json_object_get(root, "token"));
	const char *user = json_string_value(json_object_get(root, "user_id"));
	uint8_t key[LINE_ID_KEY];
	int channel = root ? channel_of(root) : -1;
	bool created;
	ReplyToken *t;

	if (!root)
		return;
	if (!token || channel < 0 || (user && !line_id_parse(user, strlen(user), key)))
		answer_error(r, "expected token, and user_id and channel if given to exist");
	else
	{
		t = reply_token(channel, token, &created);
		t->expires_ms = now_ms() + int_of(root, "life_seconds", options.reply_life_ms / 1000) * 1000;
		t->used = false;
		t->person = user ? person_find_or_make(key) : NOT_FOUND;
		answer_json(r, 200, "{}");
	}
	json_decref(root);
}

/* {"token", "channel"?, "life_seconds"?, "revoke"?: true} */
static void
control_tokens(Request *r)
{
	json_t *root = read_json(r);
	const char *token = json_string_value(json_object_get(root, "token"));
	int channel = root ? channel_of(root) : -1;
	int64_t life = int_of(root, "life_seconds", 0);
	uint32_t number;

	if (!root)
		return;
	if (!token || channel < 0)
		answer_error(r, "expected token, and channel if given to exist");
	else
	{
		number = token_add(token, channel, "static", life ? now_ms() + life * 1000 : 0);
		state.tokens[number].revoked = json_is_true(json_object_get(root, "revoke"));
		state.any_token = false;
		answer_json(r, 200, "{}");
	}
	json_decref(root);
}

/* The log from a byte on (?from=n), at most 16 MB. */
static void
control_log(Request *r)
{
	const char *from = request_query(r, "from");
	int fd = options.log_path ? open(options.log_path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = 0;
	off_t at = from ? atoll(from) : 0;

	if (fd < 0)
	{
		answer_error(r, "there is no log: start with --log FILE");
		return;
	}
	answer_json(r, 200, "%s", "");
	r->answer.content_type = "application/x-ndjson";
	buf_need(&r->answer.body, 16 << 20);
	while (r->answer.body.len < 16 << 20 &&
	       (n = pread(fd, r->answer.body.data + r->answer.body.len, (16 << 20) - r->answer.body.len, at)) > 0)
	{
		r->answer.body.len += (size_t) n;
		at += n;
	}
	close(fd);
}

static void
control_reset(Request *r)
{
	state_reset();
	narrowcast_forget();
	log_truncate();
	if (request_query(r, "faults"))
		fault_clear();
	answer_json(r, 200, "{}");
}

void
handle_control(Request *r)
{
	static const struct
	{
		const char *name;
		Handler handler;
	} table[] = {{"faults", control_faults}, {"time", control_time},     {"users", control_users},
	             {"quota", control_quota},   {"tokens", control_tokens}, {"reply-tokens", control_reply_tokens},
	             {"log", control_log}};

	state_lock();
	answer_not_found(r);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(r->arg[0], table[i].name) == 0)
			table[i].handler(r);
	if (strcmp(r->arg[0], "reset") == 0 && strcmp(r->method, "POST") == 0)
		control_reset(r);
	else if (strcmp(r->arg[0], "health") == 0)
		answer_json(r, 200, "{\"ok\":true}");
	state_unlock();
}
