/*
 * First byte: the kind; second: how many users (times two); then users or, with none, up to a NUL the text of the
 * target; the rest is content. If the content is a JSON object, so is the body, with one member more.
 */
#include "entry.h"

#include <jansson.h>
#include <string.h>

#include "line/request_body.h"

static void check_body(const LcRequestKind *kind, const LcBuffer *out, const char *content, size_t content_size);

void
fuzz_request_body(const uint8_t *data, size_t size)
{
	const LcRequestKind *kind;
	LcTarget target;
	LcBuffer out;
	const char *content;

	if (size < 2)
		return;
	memset(&target, 0, sizeof(target));
	kind = &lc_request_kinds[data[0] % lc_request_kind_count];
	target.user_count = data[1] * 2;
	data += 2;
	size -= 2;
	if ((size_t) target.user_count > size / LC_USER_ID_SIZE)
		target.user_count = (int) (size / LC_USER_ID_SIZE);
	target.users = (const uint8_t (*)[LC_USER_ID_SIZE]) data;
	data += target.user_count * LC_USER_ID_SIZE;
	size -= (size_t) target.user_count * LC_USER_ID_SIZE;
	if (target.user_count == 0)
	{
		const uint8_t *end = memchr(data, '\0', size);

		target.text = (const char *) data;
		target.text_size = end == NULL ? size : (size_t) (end - data);
		data += end == NULL ? size : target.text_size + 1;
		size -= end == NULL ? size : target.text_size + 1;
	}
	content = (const char *) data;

	lc_buffer_init(&out, 65536);
	if (lc_request_body(&out, kind, content, size, &target) == LC_BODY_OK)
		check_body(kind, &out, content, size);
	else
		MUST(out.size == 0 && !out.failed);
	lc_buffer_free(&out);
}

static void
check_body(const LcRequestKind *kind, const LcBuffer *out, const char *content, size_t content_size)
{
	json_t *before = json_loadb(content, content_size, JSON_REJECT_DUPLICATES, NULL);
	json_t *after = json_loadb(out->data == NULL ? "" : out->data, out->size, 0, NULL);

	if (kind->target == LC_TARGET_NONE)
		MUST(out->size == (kind->body == LC_BODY_NONE ? 0 : content_size) &&
			 (out->size == 0 || memcmp(out->data, content, content_size) == 0));
	else if (json_is_object(before) && json_object_get(before, "to") == NULL &&
			 json_object_get(before, "replyToken") == NULL)
	{
		/* a reply token that is no UTF-8 makes no JSON */
		MUST(kind->target == LC_TARGET_REPLY_TOKEN || json_is_object(after));
		MUST(after == NULL || json_object_size(after) == json_object_size(before) + 1);
	}
	json_decref(before);
	json_decref(after);
}
