/*
 * sent_messages.c
 *		Reads "sentMessages" of the answer to a push or a reply (also of a 409 to a push). Apart from jansson's own
 *		parsing nothing is allocated; a malformed answer has no ids.
 */
#include "sent_messages.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define ID_MAX 64

static bool id_of(const json_t *id, char out[ID_MAX + 1]);

bool
lc_sent_messages(const char *answer, size_t size, char out[LC_SENT_MESSAGES_TEXT])
{
	json_t *parsed = answer != NULL && size > 0 ? json_loadb(answer, size, 0, NULL) : NULL;
	json_t *sent = json_object_get(parsed, "sentMessages");
	size_t length = 0;
	char id[ID_MAX + 1];

	for (size_t i = 0; i < json_array_size(sent) && i < LC_SENT_MESSAGES_MAX; i++)
	{
		if (id_of(json_object_get(json_array_get(sent, i), "id"), id))
			length += (size_t) snprintf(out + length, LC_SENT_MESSAGES_TEXT - length, "%c%s", length ? ',' : '{', id);
	}
	json_decref(parsed);
	if (length > 0)
		out[length++] = '}';
	out[length] = '\0';
	return length > 0;
}

static bool
id_of(const json_t *id, char out[ID_MAX + 1])
{
	const char *text = json_string_value(id);
	size_t length;

	if (json_is_integer(id))
	{
		snprintf(out, ID_MAX + 1, "%lld", (long long) json_integer_value(id));
		return true;
	}
	if (text == NULL)
		return false;
	length = strlen(text);
	if (length == 0 || length > ID_MAX ||
		strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != length)
		return false;
	memcpy(out, text, length + 1);
	return true;
}
