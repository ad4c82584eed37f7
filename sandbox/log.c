/*
 * log.c
 *		The log: one JSON line per call of a send endpoint, written with one write() before the answer leaves.
 *
 * It is what losses and duplicates are counted from, so it must be true even when the sandbox is killed: no user-space
 *buffer outlives a request. No fsync: a crash of the machine is not what is tested here. Every line of an accepted call
 *names all its recipients ("to", or "dropped" for those whom LINE would silently leave out). Under the state lock.
 */
#include "send.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int log_fd = -1;
static Buf line;

bool
log_open(void)
{
	if (!options.log_path)
		return true;
	log_fd = open(options.log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (options.fresh ? O_TRUNC : 0), 0644);
	if (log_fd < 0)
		fprintf(stderr, "linecrm-sandbox: could not open log \"%s\": %s\n", options.log_path, strerror(errno));
	return log_fd >= 0;
}

bool
log_write(const char *data, size_t len)
{
	while (log_fd >= 0 && len > 0)
	{
		ssize_t n = write(log_fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
		{
			fprintf(stderr, "linecrm-sandbox: could not write the log: %s\n", strerror(errno));
			return false;
		}
		data += n;
		len -= (size_t) n;
	}
	return true;
}

void
log_truncate(void)
{
	if (log_fd >= 0 && ftruncate(log_fd, 0) < 0)
		fprintf(stderr, "linecrm-sandbox: could not truncate the log: %s\n", strerror(errno));
}

static void
add_people(const Send *s, const char *name, bool delivered)
{
	const char *comma = "";

	buf_printf(&line, ",\"%s\":[", name);
	for (size_t i = 0; i < s->count; i++)
	{
		char *p;

		if ((bool) s->delivered[i] != delivered)
			continue;
		buf_need(&line, 40);
		p = line.data + line.len;
		if (*comma)
			*p++ = ',';
		*p++ = '"';
		line_id_text(s->people[i], p);
		p[33] = '"';
		line.len = (size_t) (p + 34 - line.data);
		comma = ",";
	}
	buf_str(&line, "]");
}

static void
add_text(const char *name, const char *value)
{
	buf_printf(&line, ",\"%s\":", name);
	if (value)
		buf_json(&line, value, strlen(value));
	else
		buf_str(&line, "null");
}

bool
log_send(Request *r, const Send *s, int status)
{
	char at[32];

	if (log_fd < 0)
		return true;
	iso_time(s->ms, at);
	line.len = 0;
	buf_printf(&line, "{\"at\":\"%s\",\"ms\":%lld", at, (long long) s->ms);
	add_text("channel", state.channels[r->channel].name);
	add_text("endpoint", r->route->name);
	add_text("key", s->has_key ? s->key_text : NULL);
	buf_printf(&line, ",\"attempt\":%u", s->attempt);
	add_text("request_id", r->id_text);
	buf_printf(&line, ",\"status\":%d,\"accepted\":%s", status, s->accepted ? "true" : "false");
	add_text("fault", r->fault.kind                                   ? r->fault.kind->name
	                  : r->fault.delay_after || r->fault.delay_before ? "delay"
	                                                                  : NULL);
	add_text("violation", s->violation);
	buf_str(&line, ",\"content\":\"");
	buf_hex(&line, s->content_sha, 32);
	buf_str(&line, "\",\"body\":\"");
	buf_hex(&line, s->body_sha, 32);
	buf_printf(&line, "\",\"recipients\":%zu", s->count);
	if (s->reply_token)
		add_text("reply_token", s->reply_token);
	if (s->accepted && s->message_id)
		buf_printf(&line, ",\"message_id\":%lld,\"messages\":%d,\"quotable\":%d", (long long) s->message_id,
		           s->message_count, s->quotable);
	if (s->accepted)
	{
		buf_printf(&line, ",\"reach\":%lld", (long long) s->reach);
		add_people(s, "to", true);
		if (s->count > 0 && memchr(s->delivered, 0, s->count))
			add_people(s, "dropped", false);
	}
	else if (r->answer.header_name && status == 409)
		add_text("accepted_request_id", r->answer.header_value);
	buf_str(&line, "}\n");
	return log_write(line.data, line.len);
}
