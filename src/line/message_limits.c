/*
 * message_limits.c
 *		The entry of the message checks, the messages that consist of a few plain properties, and what all have in
 *		common. Texts are in text_limits.c, templates and imagemaps in template_limits.c, Flex in flex_limits.c, actions
 *		in action_limits.c; the tools in message_check.c.
 *
 *		Called in backends when content is saved, previewed and planned. Input is hostile: its size is bounded before it
 *		is parsed, its depth by jansson (2,048) and by ourselves, the number of reports by LC_PROBLEMS_MAX. Memory is
 *		jansson's, freed before the return; the callback must not jump.
 */
#include "message_limits.h"

#include <string.h>

#include "message_check.h"

#define URL_MAX 2000

static json_t *parse(LcCheck *check, const char *json, size_t size, const char *what);
static void start(LcCheck *check, int flags, LcProblemCallback report, void *arg);
static void check_array(LcCheck *check, json_t *messages);
static void check_message(LcCheck *check, json_t *message);
static void check_common(LcCheck *check, json_t *message);
static void check_quick_reply(LcCheck *check, json_t *message);
static void check_sender(LcCheck *check, json_t *message);
static void check_sticker(LcCheck *check, json_t *message);
static void check_image(LcCheck *check, json_t *message);
static void check_video(LcCheck *check, json_t *message);
static void check_audio(LcCheck *check, json_t *message);
static void check_location(LcCheck *check, json_t *message);
static void check_coupon(LcCheck *check, json_t *message);
static void check_units(LcCheck *check, json_t *content);

static const struct
{
	const char *type;
	void (*check)(LcCheck *check, json_t *message);
} message_types[] = {
    {"text", lc_check_text_message},
    {"textV2", lc_check_text_v2_message},
    {"sticker", check_sticker},
    {"image", check_image},
    {"video", check_video},
    {"audio", check_audio},
    {"location", check_location},
    {"coupon", check_coupon},
    {"imagemap", lc_check_imagemap_message},
    {"template", lc_check_template_message},
    {"flex", lc_check_flex_message},
};

int
lc_check_messages(const char *json, size_t size, int flags, LcProblemCallback report, void *arg)
{
	LcCheck check;
	json_t *root;

	start(&check, flags, report, arg);
	root = parse(&check, json, size, "messages");
	if (root != NULL)
	{
		lc_check_enter(&check, "messages");
		if (json_is_array(root))
			check_array(&check, root);
		else
			lc_check_problem(&check, NULL, "not an array of message objects", -1, -1);
	}
	json_decref(root);
	return check.problems;
}

int
lc_check_content(const char *json, size_t size, int flags, LcProblemCallback report, void *arg)
{
	LcCheck check;
	json_t *root;

	start(&check, flags, report, arg);
	root = parse(&check, json, size, NULL);
	if (root != NULL && !json_is_object(root))
		lc_check_problem(&check, NULL, "not an object", -1, -1);
	else if (root != NULL)
	{
		json_t *messages = lc_check_array(&check, root, "messages", LC_REQUIRED, 0, SIZE_MAX);
		size_t mark = lc_check_enter(&check, "messages");

		if (messages != NULL)
			check_array(&check, messages);
		lc_check_leave(&check, mark);
		lc_check_boolean(&check, root, "notificationDisabled");
		check_units(&check, root);
		if (json_object_get(root, "to") != NULL)
			lc_check_problem(&check, "to", "the recipients are not part of the content", -1, -1);
		if (json_object_get(root, "replyToken") != NULL)
			lc_check_problem(&check, "replyToken", "the reply token is not part of the content", -1, -1);
	}
	json_decref(root);
	return check.problems;
}

static void
start(LcCheck *check, int flags, LcProblemCallback report, void *arg)
{
	memset(check, 0, sizeof(*check));
	check->report = report;
	check->arg = arg;
	check->flags = flags;
}

/* NULL after a report. NULs are let through the parser, so that their place can be named. */
static json_t *
parse(LcCheck *check, const char *json, size_t size, const char *what)
{
	json_error_t error;
	json_t *root;

	if (size > LC_CONTENT_MAX)
	{
		lc_check_problem(check, what, "too large, in bytes", LC_CONTENT_MAX, (int64_t) size);
		return NULL;
	}
	root =
	    json_loadb(json == NULL ? "" : json, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
	if (root == NULL)
		lc_check_problem(check, what,
		                 json_error_code(&error) == json_error_duplicate_key    ? "a key stands twice in one object"
		                 : json_error_code(&error) == json_error_stack_overflow ? "nested too deeply"
		                                                                        : "not valid JSON",
		                 -1, error.position);
	else
		check->spaced = size > json_dumpb(root, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
	return root;
}

static void
check_array(LcCheck *check, json_t *messages)
{
	size_t count = json_array_size(messages);
	size_t i;
	json_t *message;

	if (count < 1)
		lc_check_problem(check, NULL, "too few elements", 1, 0);
	if (count > LC_MESSAGES_MAX)
		lc_check_problem(check, NULL, "too many elements", LC_MESSAGES_MAX, (int64_t) count);
	json_array_foreach(messages, i, message)
	{
		size_t mark = lc_check_enter_index(check, i);

		check_message(check, message);
		lc_check_leave(check, mark);
	}
}

static void
check_message(LcCheck *check, json_t *message)
{
	json_t *type;

	if (!json_is_object(message))
	{
		lc_check_problem(check, NULL, "not an object", -1, -1);
		return;
	}
	type = lc_check_string(check, message, "type", LC_REQUIRED);
	for (size_t i = 0; type != NULL && i < sizeof(message_types) / sizeof(message_types[0]); i++)
		if (strcmp(json_string_value(type), message_types[i].type) == 0)
		{
			message_types[i].check(check, message);
			type = NULL;
		}
	if (json_string_length(type) > 0)
		lc_check_problem(check, "type", "unknown type of message", -1, -1);
	check_common(check, message);
}

/* "Common properties for messages" */
static void
check_common(LcCheck *check, json_t *message)
{
	check_quick_reply(check, message);
	check_sender(check, message);
}

static void
check_quick_reply(LcCheck *check, json_t *message)
{
	static const char *const types[] = {"action", NULL};
	json_t *quick_reply = lc_check_object(check, message, "quickReply", LC_OPTIONAL);
	size_t mark;
	json_t *items;
	size_t i;
	json_t *item;

	if (quick_reply == NULL)
		return;
	mark = lc_check_enter(check, "quickReply");
	items = lc_check_array(check, quick_reply, "items", LC_REQUIRED, 1, 13);
	lc_check_enter(check, "items");
	json_array_foreach(items, i, item)
	{
		size_t inner = lc_check_enter_index(check, i);

		if (!json_is_object(item))
			lc_check_problem(check, NULL, "not an object", -1, -1);
		else
		{
			lc_check_word(check, item, "type", LC_OPTIONAL, types);
			lc_check_url(check, item, "imageUrl", LC_OPTIONAL, LC_URL_HTTPS, URL_MAX);
			lc_check_action_member(check, item, "action", LC_REQUIRED, LC_IN_QUICK_REPLY);
		}
		lc_check_leave(check, inner);
	}
	lc_check_leave(check, mark);
}

static void
check_sender(LcCheck *check, json_t *message)
{
	json_t *sender = lc_check_object(check, message, "sender", LC_OPTIONAL);
	size_t mark;

	if (sender == NULL)
		return;
	mark = lc_check_enter(check, "sender");
	lc_check_text(check, sender, "name", LC_OPTIONAL, LC_UTF16, 20);
	lc_check_url(check, sender, "iconUrl", LC_OPTIONAL, LC_URL_HTTPS, URL_MAX);
	lc_check_leave(check, mark);
}

/* Ids of stickers are strings, though they look like numbers. */
static void
check_sticker(LcCheck *check, json_t *message)
{
	lc_check_string(check, message, "packageId", LC_REQUIRED);
	lc_check_string(check, message, "stickerId", LC_REQUIRED);
	lc_check_string(check, message, "quoteToken", LC_OPTIONAL);
}

static void
check_image(LcCheck *check, json_t *message)
{
	lc_check_url(check, message, "originalContentUrl", LC_REQUIRED, LC_URL_HTTPS, URL_MAX);
	lc_check_url(check, message, "previewImageUrl", LC_REQUIRED, LC_URL_HTTPS, URL_MAX);
}

static void
check_video(LcCheck *check, json_t *message)
{
	check_image(check, message);
	lc_check_charset(check, message, "trackingId", LC_OPTIONAL, "-.=,+*()%$&;:@{}!?<>[]", 100);
}

static void
check_audio(LcCheck *check, json_t *message)
{
	lc_check_url(check, message, "originalContentUrl", LC_REQUIRED, LC_URL_HTTPS, URL_MAX);
	lc_check_integer(check, message, "duration", LC_REQUIRED, 1, NULL);
}

static void
check_location(LcCheck *check, json_t *message)
{
	lc_check_text(check, message, "title", LC_REQUIRED, LC_UTF16, 100);
	lc_check_text(check, message, "address", LC_REQUIRED, LC_UTF16, 100);
	lc_check_number(check, message, "latitude", -90, 90);
	lc_check_number(check, message, "longitude", -180, 180);
}

static void
check_coupon(LcCheck *check, json_t *message)
{
	lc_check_string(check, message, "couponId", LC_REQUIRED);
	lc_check_charset(check, message, "deliveryTag", LC_OPTIONAL, "_", 30);
}

/* At most one name; LINE drops a wrong one in silence, so it is a problem here. */
static void
check_units(LcCheck *check, json_t *content)
{
	json_t *units = lc_check_array(check, content, "customAggregationUnits", LC_OPTIONAL, 0, 1);
	json_t *holder;
	size_t i;
	json_t *unit;

	json_array_foreach(units, i, unit)
	{
		holder = json_pack("{}"); /* not json_object(): inside a server that name is PostgreSQL's own function */
		if (holder == NULL)
			return;
		json_object_set(holder, "customAggregationUnits", unit);
		lc_check_charset(check, holder, "customAggregationUnits", LC_REQUIRED, "_", 30);
		json_decref(holder);
	}
}
