/*
 * utf16.c
 *		Lengths of text as LINE counts them. No state; only lc_grapheme_count allocates, and frees before it returns.
 */
#include "utf16.h"

#include <stdlib.h>
#include <unigbrk.h>

/* Counts lead bytes: one unit per character, two if it takes four bytes in UTF-8. */
int64_t
lc_utf16_length(const char *utf8, size_t size)
{
	int64_t units = 0;

	for (size_t i = 0; i < size; i++)
	{
		unsigned char c = (unsigned char) utf8[i];

		units += (c & 0xc0) != 0x80;
		units += c >= 0xf0;
	}
	return units;
}

int64_t
lc_utf16_position(const char *utf8, size_t size, int64_t offset)
{
	size_t i = 0;

	while (i < size && offset > 0)
	{
		offset -= (unsigned char) utf8[i] >= 0xf0 ? 2 : 1;
		do
			i++;
		while (i < size && ((unsigned char) utf8[i] & 0xc0) == 0x80);
	}
	return offset == 0 && i < size ? (int64_t) i : -1;
}

int64_t
lc_grapheme_count(const char *utf8, size_t size)
{
	int64_t clusters = 0;
	char *breaks;

	if (size == 0)
		return 0;
	breaks = calloc(size, 1);
	if (breaks == NULL)
		return -1;
	/* not u8_grapheme_next, which looks at two characters at a time and takes families and flags apart */
	u8_grapheme_breaks((const uint8_t *) utf8, size, breaks);
	for (size_t i = 0; i < size; i++)
		clusters += breaks[i] != 0;
	free(breaks);
	return clusters;
}
