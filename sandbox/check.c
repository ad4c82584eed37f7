/*
 * check.c
 *		The documented limits of message objects: counts, lengths, required fields.
 *
 * Lengths are UTF-16 units, except for those texts that LINE counts as people see them (labels, template texts): these
 *are counted here in code points without joiners and combining marks, which is never stricter than LINE by much. What
 *the documents leave open (unknown keys, the look of flex components) passes. Works on a parsed tree, needs no lock.
 */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH 160

typedef enum FieldKind
{
	TEXT, /* UTF-16 units */
	SEEN, /* characters as seen */
	URL,
	NUMBER,
	OBJECT,
	LIST
} FieldKind;

typedef struct Field
{
	const char *type; /* of message, template or action */
	const char *name;
	FieldKind kind;
	bool required;
	long max; /* 0: no limit */
} Field;

static const Field message_fields[] = {{"text", "text", TEXT, true, 5000},
                                       {"text", "emojis", LIST, false, 20},
                                       {"textV2", "text", TEXT, true, 5000},
                                       {"sticker", "packageId", TEXT, true, 0},
                                       {"sticker", "stickerId", TEXT, true, 0},
                                       {"image", "originalContentUrl", URL, true, 2000},
                                       {"image", "previewImageUrl", URL, true, 2000},
                                       {"video", "originalContentUrl", URL, true, 2000},
                                       {"video", "previewImageUrl", URL, true, 2000},
                                       {"video", "trackingId", TEXT, false, 100},
                                       {"audio", "originalContentUrl", URL, true, 2000},
                                       {"audio", "duration", NUMBER, true, 0},
                                       {"location", "title", TEXT, true, 100},
                                       {"location", "address", TEXT, true, 100},
                                       {"location", "latitude", NUMBER, true, 0},
                                       {"location", "longitude", NUMBER, true, 0},
                                       {"coupon", "couponId", TEXT, true, 0},
                                       {"coupon", "deliveryTag", TEXT, false, 30},
                                       {"imagemap", "baseUrl", URL, true, 2000},
                                       {"imagemap", "altText", TEXT, true, 1500},
                                       {"imagemap", "baseSize", OBJECT, true, 0},
                                       {"imagemap", "actions", LIST, true, 50},
                                       {"template", "altText", TEXT, true, 1500},
                                       {"template", "template", OBJECT, true, 0},
                                       {"flex", "altText", TEXT, true, 1500},
                                       {"flex", "contents", OBJECT, true, 0},
                                       {NULL}};

static const Field template_fields[] = {{"buttons", "text", SEEN, true, 160},
                                        {"buttons", "title", SEEN, false, 40},
                                        {"buttons", "thumbnailImageUrl", URL, false, 2000},
                                        {"buttons", "actions", LIST, true, 4},
                                        {"confirm", "text", SEEN, true, 240},
                                        {"confirm", "actions", LIST, true, 2},
                                        {"carousel", "columns", LIST, true, 10},
                                        {"image_carousel", "columns", LIST, true, 10},
                                        {"column", "text", SEEN, true, 120},
                                        {"column", "title", SEEN, false, 40},
                                        {"column", "thumbnailImageUrl", URL, false, 2000},
                                        {"column", "actions", LIST, true, 3},
                                        {"image_column", "imageUrl", URL, true, 2000},
                                        {"image_column", "action", OBJECT, true, 0},
                                        {NULL}};

static const Field action_fields[] = {{"postback", "data", TEXT, true, 300},
                                      {"postback", "displayText", SEEN, false, 300},
                                      {"postback", "fillInText", SEEN, false, 300},
                                      {"message", "text", SEEN, true, 300},
                                      {"uri", "uri", TEXT, true, 1000},
                                      {"datetimepicker", "data", TEXT, true, 300},
                                      {"datetimepicker", "mode", TEXT, true, 0},
                                      {"camera", "label", SEEN, true, 20},
                                      {"cameraRoll", "label", SEEN, true, 20},
                                      {"location", "label", SEEN, true, 20},
                                      {"richmenuswitch", "richMenuAliasId", TEXT, true, 32},
                                      {"richmenuswitch", "data", TEXT, true, 300},
                                      {"clipboard", "clipboardText", TEXT, true, 1000},
                                      {NULL}};

void
check_error(json_t *errors, const char *message, const char *fmt, ...)
{
	char property[PATH * 2];
	va_list args;

	va_start(args, fmt);
	vsnprintf(property, sizeof(property), fmt, args);
	va_end(args);
	json_array_append_new(errors, json_pack("{s:s, s:s}", "message", message, "property", property));
}

void
check_range(json_t *errors, const char *what, long low, long high, const char *property)
{
	char message[80];

	snprintf(message, sizeof(message), "%s must be between %ld and %ld", what, low, high);
	check_error(errors, message, "%s", property);
}

/* Length of a UTF-8 string in UTF-16 units, or in characters as seen. */
static long
length(const json_t *value, bool seen)
{
	const unsigned char *s = (const unsigned char *) json_string_value(value);
	size_t len = json_string_length(value);
	long n = 0;

	for (size_t i = 0; i < len; i++)
	{
		if ((s[i] & 0xc0) == 0x80)
			continue;
		if (!seen)
			n += s[i] >= 0xf0 ? 2 : 1;
		else if (s[i] == 0xcc || (s[i] == 0xe2 && s[i + 1] == 0x80 && s[i + 2] == 0x8d) ||
		         (s[i] == 0xef && s[i + 1] == 0xb8))
			continue;
		else
			n++;
	}
	return n;
}

static void
check_field(json_t *object, const Field *f, const char *path, json_t *errors)
{
	json_t *value = json_object_get(object, f->name);
	char place[PATH * 2];
	bool text = f->kind == TEXT || f->kind == SEEN || f->kind == URL;

	snprintf(place, sizeof(place), "%s.%s", path, f->name);
	if (!value || json_is_null(value))
	{
		if (f->required)
			check_error(errors, "May not be empty", "%s", place);
		return;
	}
	if ((text && !json_is_string(value)) || (f->kind == NUMBER && !json_is_number(value)) ||
	    (f->kind == OBJECT && !json_is_object(value)) || (f->kind == LIST && !json_is_array(value)))
		check_error(errors, "Invalid type", "%s", place);
	else if (text && f->required && json_string_length(value) == 0)
		check_error(errors, "May not be empty", "%s", place);
	else if (text && f->max && length(value, f->kind == SEEN) > f->max)
		check_range(errors, "Length", 0, f->max, place);
	else if (f->kind == URL && strncmp(json_string_value(value), "https://", 8) != 0 && json_string_length(value) > 0)
		check_error(errors, "must be https", "%s", place);
	else if (f->kind == LIST && f->max && json_array_size(value) > (size_t) f->max)
		check_range(errors, "Size", f->required ? 1 : 0, f->max, place);
}

/* All fields listed for type; false: the type is not in the table. */
static bool
check_fields(json_t *object, const Field *fields, const char *type, const char *path, json_t *errors)
{
	bool known = false;

	for (const Field *f = fields; f->type; f++)
	{
		if (strcmp(f->type, type) != 0)
			continue;
		known = true;
		check_field(object, f, path, errors);
	}
	return known;
}

/* label_max: how long this place lets the label be; label_needed: it must be there. */
static void
check_action(json_t *action, long label_max, bool label_needed, const char *path, json_t *errors)
{
	const char *type = json_string_value(json_object_get(action, "type"));
	const char *uri = json_string_value(json_object_get(action, "uri"));
	Field label = {"", "label", SEEN, label_needed, label_max};

	if (!json_is_object(action) || !type)
	{
		check_error(errors, "May not be empty", "%s.type", path);
		return;
	}
	if (!check_fields(action, action_fields, type, path, errors))
		check_error(errors, "Unknown action type", "%s.type", path);
	check_field(action, &label, path, errors);
	if (strcmp(type, "uri") == 0 && uri && strncmp(uri, "https://", 8) != 0 && strncmp(uri, "http://", 7) != 0 &&
	    strncmp(uri, "tel:", 4) != 0 && strncmp(uri, "line:", 5) != 0)
		check_error(errors, "invalid uri scheme", "%s.uri", path);
}

static void
check_actions(json_t *owner, const char *path, json_t *errors)
{
	json_t *actions = json_object_get(owner, "actions"), *action;
	size_t i;

	if (json_is_array(actions) && json_array_size(actions) == 0)
		check_error(errors, "May not be empty", "%s.actions", path);
	json_array_foreach(actions, i, action)
	{
		char place[PATH];

		snprintf(place, sizeof(place), "%.120s.actions[%zu]", path, i);
		check_action(action, 20, true, place, errors);
	}
}

/* Text above or beside a picture or title may only be 60 long. */
static void
check_short_text(json_t *object, const char *path, json_t *errors)
{
	json_t *text = json_object_get(object, "text");
	char place[PATH * 2];

	if (!json_is_string(text) || (!json_object_get(object, "title") && !json_object_get(object, "thumbnailImageUrl")))
		return;
	snprintf(place, sizeof(place), "%s.text", path);
	if (length(text, true) > 60)
		check_range(errors, "Length", 0, 60, place);
}

static void
check_columns(json_t *columns, bool image, const char *path, json_t *errors)
{
	json_t *column;
	size_t i, buttons = 0;

	if (json_is_array(columns) && json_array_size(columns) == 0)
		check_error(errors, "May not be empty", "%s.columns", path);
	json_array_foreach(columns, i, column)
	{
		char place[PATH];
		size_t here = json_array_size(json_object_get(column, "actions"));

		snprintf(place, sizeof(place), "%.120s.columns[%zu]", path, i);
		check_fields(column, template_fields, image ? "image_column" : "column", place, errors);
		if (image)
		{
			snprintf(place, sizeof(place), "%.120s.columns[%zu].action", path, i);
			check_action(json_object_get(column, "action"), 12, false, place, errors);
			continue;
		}
		check_short_text(column, place, errors);
		check_actions(column, place, errors);
		if (i > 0 && here != buttons)
			check_error(errors, "The number of actions must be the same in all columns", "%s.actions", place);
		buttons = here;
	}
}

static void
check_template(json_t *template, const char *path, json_t *errors)
{
	const char *type = json_string_value(json_object_get(template, "type"));

	if (!type || !check_fields(template, template_fields, type, path, errors))
	{
		check_error(errors, "Must be one of the following values: [buttons, carousel, confirm, image_carousel]",
		            "%s.type", path);
		return;
	}
	if (strstr(type, "carousel"))
	{
		check_columns(json_object_get(template, "columns"), strcmp(type, "carousel") != 0, path, errors);
		return;
	}
	if (strcmp(type, "buttons") == 0)
		check_short_text(template, path, errors);
	check_actions(template, path, errors);
	if (strcmp(type, "confirm") == 0 && json_array_size(json_object_get(template, "actions")) == 1)
		check_error(errors, "Size must be 2", "%s.actions", path);
}

static void
check_flex(json_t *contents, const char *path, json_t *errors)
{
	const char *type = json_string_value(json_object_get(contents, "type"));
	json_t *bubbles = json_object_get(contents, "contents");
	char *text = json_dumps(contents, JSON_COMPACT);
	size_t size = text ? strlen(text) : 0;
	bool carousel = type && strcmp(type, "carousel") == 0;

	free(text);
	if (!type || (!carousel && strcmp(type, "bubble") != 0))
		check_error(errors, "Must be one of the following values: [bubble, carousel]", "%s.type", path);
	else if (size > (carousel ? 50000 : 30000))
		check_error(errors, "The size of the flex message is too large", "%s", path);
	if (carousel && (json_array_size(bubbles) < 1 || json_array_size(bubbles) > 12))
	{
		char place[PATH * 2];

		snprintf(place, sizeof(place), "%s.contents", path);
		check_range(errors, "Size", 1, 12, place);
	}
}

static void
check_quick_reply(json_t *message, const char *path, json_t *errors)
{
	json_t *items = json_object_get(json_object_get(message, "quickReply"), "items"), *item;
	char place[PATH];
	size_t i;

	if (!json_object_get(message, "quickReply"))
		return;
	if (!json_is_array(items) || json_array_size(items) < 1 || json_array_size(items) > 13)
	{
		snprintf(place, sizeof(place), "%.100s.quickReply.items", path);
		check_range(errors, "Size", 1, 13, place);
		return;
	}
	json_array_foreach(items, i, item)
	{
		snprintf(place, sizeof(place), "%.100s.quickReply.items[%zu].action", path, i);
		check_action(json_object_get(item, "action"), 20, true, place, errors);
	}
}

static void
check_message(json_t *message, const char *path, json_t *errors)
{
	static const Field name = {"", "name", TEXT, false, 20}, icon = {"", "iconUrl", URL, false, 2000};
	const char *type = json_string_value(json_object_get(message, "type"));
	json_t *sender = json_object_get(message, "sender");
	char place[PATH];

	if (!type || !check_fields(message, message_fields, type, path, errors))
	{
		check_error(errors,
		            "Must be one of the following values: [text, textV2, sticker, image, video, audio, location, "
		            "coupon, imagemap, template, flex]",
		            "%s.type", path);
		return;
	}
	if (strcmp(type, "template") == 0 && json_is_object(json_object_get(message, "template")))
	{
		snprintf(place, sizeof(place), "%.100s.template", path);
		check_template(json_object_get(message, "template"), place, errors);
	}
	if (strcmp(type, "flex") == 0 && json_is_object(json_object_get(message, "contents")))
	{
		snprintf(place, sizeof(place), "%.100s.contents", path);
		check_flex(json_object_get(message, "contents"), place, errors);
	}
	check_quick_reply(message, path, errors);
	if (sender)
	{
		snprintf(place, sizeof(place), "%.100s.sender", path);
		check_field(sender, &name, place, errors);
		check_field(sender, &icon, place, errors);
	}
}

void
check_messages(json_t *messages, json_t *errors)
{
	json_t *message;
	size_t i;

	if (!messages || json_is_null(messages))
		check_error(errors, "May not be empty", "messages");
	else if (!json_is_array(messages))
		check_error(errors, "Invalid type", "messages");
	else if (json_array_size(messages) < 1 || json_array_size(messages) > 5)
		check_range(errors, "Size", 1, 5, "messages");
	else
		json_array_foreach(messages, i, message)
		{
			char path[PATH];

			snprintf(path, sizeof(path), "messages[%zu]", i);
			check_message(message, path, errors);
		}
}
