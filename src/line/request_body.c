/*
 * request_body.c
 *		Puts the target into the stored bytes. The sender calls it once per attempt, for up to 200 multicasts of 500 ids
 *		a second: two copies and a hexadecimal loop, no parsing. That the content is valid JSON without a target of its
 *		own was checked when it was stored; here only its braces are looked at.
 */
#include "request_body.h"

#include <string.h>

static LcBodyStatus append_target(LcBuffer *out, LcTargetKind kind, const LcTarget *target);
static void append_users(LcBuffer *out, const LcTarget *target);
static size_t skip_space(const char *text, size_t size, size_t from);

LcBodyStatus
lc_request_body(LcBuffer *out, const LcRequestKind *kind, const char *content, size_t content_size,
                const LcTarget *target)
{
	LcBodyStatus status;

	lc_buffer_reset(out);
	if (kind->body == LC_BODY_NONE)
		return LC_BODY_OK;
	if (content_size > LC_BODY_MAX)
		return LC_BODY_TOO_LARGE;
	if (kind->body == LC_BODY_MESSAGES)
	{
		if (content_size < 2 || content[0] != '{' || content[content_size - 1] != '}')
			return LC_BODY_BAD_CONTENT;
		if (kind->target != LC_TARGET_NONE)
		{
			lc_buffer_append(out, "{", 1);
			status = append_target(out, kind->target, target);
			if (status != LC_BODY_OK)
			{
				lc_buffer_reset(out);
				return status;
			}
			/* nothing may follow the comma in an object that was empty */
			if (skip_space(content, content_size, 1) < content_size - 1)
				lc_buffer_append(out, ",", 1);
			content++;
			content_size--;
		}
	}
	lc_buffer_append(out, content, content_size);
	if (!out->failed && out->size <= LC_BODY_MAX)
		return LC_BODY_OK;
	lc_buffer_reset(out);
	return LC_BODY_TOO_LARGE;
}

const char *
lc_body_status_text(LcBodyStatus status)
{
	switch (status)
	{
		case LC_BODY_OK:
			return "ok";
		case LC_BODY_BAD_CONTENT:
			return "the content is not a JSON object";
		case LC_BODY_BAD_TARGET:
			return "the target does not fit the kind of request";
		case LC_BODY_TOO_LARGE:
			return "the body would be larger than 2 MB";
	}
	return "unknown";
}

/* Writes "to":... or "replyToken":... without a comma. */
static LcBodyStatus
append_target(LcBuffer *out, LcTargetKind kind, const LcTarget *target)
{
	if (target == NULL || target->user_count < 0)
		return LC_BODY_BAD_TARGET;
	switch (kind)
	{
		case LC_TARGET_NONE:
			break;
		case LC_TARGET_ONE:
			lc_buffer_append_text(out, "\"to\":");
			if (target->user_count == 1)
				append_users(out, target);
			else if (target->user_count == 0 && lc_chat_id_kind(target->text, target->text_size, NULL) != LC_CHAT_NONE)
				lc_json_string(out, target->text, target->text_size);
			else
				return LC_BODY_BAD_TARGET;
			break;
		case LC_TARGET_MANY:
			if (target->user_count < 1 || target->user_count > LC_MULTICAST_MAX)
				return LC_BODY_BAD_TARGET;
			lc_buffer_append_text(out, "\"to\":[");
			append_users(out, target);
			lc_buffer_append(out, "]", 1);
			break;
		case LC_TARGET_REPLY_TOKEN:
			if (target->text_size < 1 || target->text_size > LC_REPLY_TOKEN_MAX)
				return LC_BODY_BAD_TARGET;
			lc_buffer_append_text(out, "\"replyToken\":");
			lc_json_string(out, target->text, target->text_size);
			break;
	}
	return LC_BODY_OK;
}

/* "U...","U...",... */
static void
append_users(LcBuffer *out, const LcTarget *target)
{
	const size_t step = LC_ID_TEXT_SIZE + 3; /* two quotes and a comma */
	size_t size = (size_t) target->user_count * step - 1;
	char *place = lc_buffer_reserve(out, size);

	if (place == NULL)
		return;
	for (int i = 0; i < target->user_count; i++)
	{
		if (i > 0)
			*place++ = ',';
		*place++ = '"';
		lc_user_id_format(target->users[i], place);
		place += LC_ID_TEXT_SIZE;
		*place++ = '"';
	}
	out->size += size;
}

/* First position from `from` on that is not JSON white space. */
static size_t
skip_space(const char *text, size_t size, size_t from)
{
	while (from < size && memchr(" \t\r\n", text[from], 4) != NULL)
		from++;
	return from;
}
