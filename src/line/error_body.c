/*
 * error_body.c
 *		Reads the error bodies of LINE, and of whatever stands between LINE and us.
 *
 *		Everything in here is hostile input: bounded size, fixed buffers, jansson's own depth limit, no throw. Texts end
 *		up in tables and in front of people, so they are valid UTF-8 without control characters, whatever came in.
 *		LINE asks not to rely on its texts ("Development guidelines") and gives no other way to tell its two kinds of
 *		429 apart or to learn which part of the body it dislikes; properties are looked at first, then the known texts.
 */
#include "error_body.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>
#include <unistr.h>

static void read_object(json_t *root, LcErrorBody *error);
static void read_details(json_t *details, LcErrorBody *error);
static void copy_text(char *out, size_t room, const char *text, size_t size);
static void copy_json_text(char *out, size_t room, json_t *text);
static void classify_property(const char *property, LcErrorBody *error);
static void classify_message(LcErrorBody *error);
static bool contains(const char *text, const char *part);

void
lc_error_body_parse(const char *body, size_t size, LcErrorBody *error)
{
	json_t *root = NULL;

	memset(error, 0, sizeof(*error));
	if (size > LC_ERROR_BODY_MAX)
		size = LC_ERROR_BODY_MAX;
	if (size > 0)
		root = json_loadb(body, size, JSON_ALLOW_NUL, NULL);
	if (json_is_object(root))
	{
		error->is_json = true;
		read_object(root, error);
	}
	else if (size > 0)
		copy_text(error->message, sizeof(error->message), body, size);
	json_decref(root);
	classify_message(error);
}

static void
read_object(json_t *root, LcErrorBody *error)
{
	json_t *message = json_object_get(root, "message");

	if (!json_is_string(message))
	{
		/* the code first, then what it means: "invalid_request" alone helps nobody */
		message = json_object_get(root, "error_description");
		if (!json_is_string(message))
			message = json_object_get(root, "error");
	}
	copy_json_text(error->message, sizeof(error->message), message);
	read_details(json_object_get(root, "details"), error);
}

/* All details are classified, the first ones kept. */
static void
read_details(json_t *details, LcErrorBody *error)
{
	size_t i;
	json_t *item;

	json_array_foreach(details, i, item)
	{
		LcErrorDetail detail;

		memset(&detail, 0, sizeof(detail));
		copy_json_text(detail.message, sizeof(detail.message), json_object_get(item, "message"));
		copy_json_text(detail.property, sizeof(detail.property), json_object_get(item, "property"));
		classify_property(detail.property, error);
		if (error->detail_count < LC_ERROR_DETAILS && (detail.message[0] != '\0' || detail.property[0] != '\0'))
			error->details[error->detail_count++] = detail;
	}
}

static void
copy_json_text(char *out, size_t room, json_t *text)
{
	if (json_is_string(text))
		copy_text(out, room, json_string_value(text), json_string_length(text));
}

/* Valid UTF-8 characters only, control characters become spaces, other bytes '?'; whole characters, then a NUL. */
static void
copy_text(char *out, size_t room, const char *text, size_t size)
{
	size_t done = 0;

	for (size_t i = 0; i < size;)
	{
		ucs4_t character;
		int length = u8_mbtoucr(&character, (const uint8_t *) text + i, size - i);
		char replacement = length < 0                                                      ? '?'
		                   : (character < 0x20 || (character >= 0x7f && character < 0xa0)) ? ' '
		                                                                                   : '\0';

		if (length < 0)
			length = 1;
		if (done + (replacement != '\0' ? 1 : (size_t) length) >= room)
			break;
		if (replacement != '\0')
			out[done++] = replacement;
		else
		{
			memcpy(out + done, text + i, (size_t) length);
			done += (size_t) length;
		}
		i += (size_t) length;
	}
	out[done] = '\0';
}

/* "messages[0].text", "messages", "to[3]", "to": the first step of the path decides. */
static void
classify_property(const char *property, LcErrorBody *error)
{
	size_t step = strcspn(property, ".[/ ,");

	if (step == 0)
		return;
	if (step == 8 && memcmp(property, "messages", 8) == 0)
		error->names_messages = true;
	else if (step == 2 && memcmp(property, "to", 2) == 0)
		error->names_to = true;
	else
		error->names_other = true;
}

/* The texts of the "Error messages" section. */
static void
classify_message(LcErrorBody *error)
{
	static const char property_text[] = "The property, ";

	if (strncmp(error->message, property_text, sizeof(property_text) - 1) == 0)
		classify_property(error->message + sizeof(property_text) - 1, error);
	error->monthly_limit = contains(error->message, "monthly limit");
	error->one_user = contains(error->message, "user") && !contains(error->message, "rate limit");
	error->bad_reply_token = contains(error->message, "invalid reply token");
}

/* Without case, in ASCII; part is lower case. */
static bool
contains(const char *text, const char *part)
{
	size_t length = strlen(part);

	for (; *text != '\0'; text++)
	{
		size_t i = 0;

		while (i < length && tolower((unsigned char) text[i]) == part[i])
			i++;
		if (i == length)
			return true;
	}
	return false;
}
