/*
 * json_writer.h
 *		A growing byte buffer with a ceiling, and JSON put into it.
 */
#ifndef LC_JSON_WRITER_H
#define LC_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Memory is malloc'ed and belongs to whoever called lc_buffer_init; it can be used again after lc_buffer_reset. Once
 * something did not fit (over max, or no memory) `failed` stays set until the reset and every append does nothing, so
 * that a caller looks once, at the end. The data is not NUL-terminated.
 */
typedef struct LcBuffer
{
	char *data;
	size_t size;
	size_t capacity;
	size_t max;
	bool failed;
} LcBuffer;

extern void lc_buffer_init(LcBuffer *buffer, size_t max);
extern void lc_buffer_reset(LcBuffer *buffer); /* empty again, memory kept */
extern void lc_buffer_free(LcBuffer *buffer);

extern void lc_buffer_append(LcBuffer *buffer, const void *bytes, size_t size);
extern void lc_buffer_append_text(LcBuffer *buffer, const char *text);

/*
 * Makes room for size more bytes and returns where they go, or NULL (and failed); the caller writes all of them and
 * then adds them to buffer->size.
 */
extern char *lc_buffer_reserve(LcBuffer *buffer, size_t size);

/*
 * A JSON string with its quotes: valid UTF-8 goes through as it is; quote, backslash and control characters are
 * escaped (also U+007F, which needs none, to keep logs readable). Always the same bytes for the same text.
 */
extern void lc_json_string(LcBuffer *buffer, const char *utf8, size_t size);

#endif
