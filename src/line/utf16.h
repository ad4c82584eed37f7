/*
 * utf16.h
 *		How LINE counts text ("Character counting in a text"): UTF-16 code units by default, grapheme clusters for
 *		labels, titles and the like.
 */
#ifndef LC_UTF16_H
#define LC_UTF16_H

#include <stddef.h>
#include <stdint.h>

/* Code units of valid UTF-8: 1 per character, 2 beyond U+FFFF. Bytes that are not UTF-8 count 1 each. */
extern int64_t lc_utf16_length(const char *utf8, size_t size);

/* The byte position of a UTF-16 offset, or -1 when it lies behind the end or inside a surrogate pair. */
extern int64_t lc_utf16_position(const char *utf8, size_t size, int64_t offset);

/*
 * Grapheme clusters of valid UTF-8 by Unicode's extended rules: a family joined by ZWJ, a flag, a letter with its marks
 * and CR LF are one each. -1 when there is no memory.
 */
extern int64_t lc_grapheme_count(const char *utf8, size_t size);

#endif
