/*
 * json_writer.c
 *		The buffer in which bodies of requests are built. Plain malloc, because the sender keeps one for its life and a
 *		thrown error must not find it half grown in a memory context that is gone. Nothing here throws.
 */
#include "json_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
lc_buffer_init(LcBuffer *buffer, size_t max)
{
	memset(buffer, 0, sizeof(*buffer));
	buffer->max = max;
}

void
lc_buffer_reset(LcBuffer *buffer)
{
	buffer->size = 0;
	buffer->failed = false;
}

void
lc_buffer_free(LcBuffer *buffer)
{
	free(buffer->data);
	lc_buffer_init(buffer, buffer->max);
}

char *
lc_buffer_reserve(LcBuffer *buffer, size_t size)
{
	size_t capacity = buffer->capacity == 0 ? 256 : buffer->capacity;
	char *grown;

	if (buffer->failed || size > buffer->max - buffer->size)
	{
		buffer->failed = true;
		return NULL;
	}
	if (buffer->data != NULL && size <= buffer->capacity - buffer->size)
		return buffer->data + buffer->size;
	while (capacity - buffer->size < size)
		capacity *= 2;
	grown = realloc(buffer->data, capacity);
	if (grown == NULL)
	{
		buffer->failed = true;
		return NULL;
	}
	buffer->data = grown;
	buffer->capacity = capacity;
	return buffer->data + buffer->size;
}

void
lc_buffer_append(LcBuffer *buffer, const void *bytes, size_t size)
{
	char *place;

	if (size == 0)
		return;
	place = lc_buffer_reserve(buffer, size);
	if (place == NULL)
		return;
	memcpy(place, bytes, size);
	buffer->size += size;
}

void
lc_buffer_append_text(LcBuffer *buffer, const char *text)
{
	lc_buffer_append(buffer, text, strlen(text));
}

/* Writes the escape for c into out and returns its length, or 0 when c needs none. */
static size_t
escape(unsigned char c, char out[7])
{
	const char *short_form = NULL;

	switch (c)
	{
		case '"':
			short_form = "\\\"";
			break;
		case '\\':
			short_form = "\\\\";
			break;
		case '\n':
			short_form = "\\n";
			break;
		case '\r':
			short_form = "\\r";
			break;
		case '\t':
			short_form = "\\t";
			break;
		default:
			if (c >= 0x20 && c != 0x7f)
				return 0;
			snprintf(out, 7, "\\u%04x", c);
			return 6;
	}
	memcpy(out, short_form, 2);
	return 2;
}

void
lc_json_string(LcBuffer *buffer, const char *utf8, size_t size)
{
	size_t done = 0;
	char out[7];

	lc_buffer_append(buffer, "\"", 1);
	for (size_t i = 0; i < size; i++)
	{
		size_t length = escape((unsigned char) utf8[i], out);

		if (length == 0)
			continue;
		lc_buffer_append(buffer, utf8 + done, i - done);
		lc_buffer_append(buffer, out, length);
		done = i + 1;
	}
	lc_buffer_append(buffer, utf8 + done, size - done);
	lc_buffer_append(buffer, "\"", 1);
}
