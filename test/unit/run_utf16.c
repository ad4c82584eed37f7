/* utf16.c: code units, offsets and grapheme clusters. */
#include "check.h"

#include "line/utf16.h"

#define FAMILY "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7\xe2\x80\x8d\xf0\x9f\x91\xa6"

static const struct
{
	const char *text;
	int64_t units;
	int64_t clusters;
} texts[] = {
	{"", 0, 0},
	{"abc", 3, 3},
	{"\xe3\x81\x82", 1, 1},											   /* hiragana a */
	{"\xe8\x91\x9b\xf3\xa0\x84\x80", 3, 1},							   /* kanji with a variation selector beyond the BMP */
	{"\xf0\xa0\xae\xb7", 2, 1},										   /* kanji beyond the BMP */
	{"\xf0\x9f\x9a\x80", 2, 1},										   /* rocket */
	{"\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd", 4, 1},						   /* thumb with a skin tone */
	{"\xf0\x9f\x87\xaf\xf0\x9f\x87\xb5\xf0\x9f\x87\xba\xf0\x9f\x87\xb8", 8, 2}, /* two flags */
	{FAMILY, 11, 1},
	{FAMILY FAMILY, 22, 2},
	{"1\xef\xb8\x8f\xe2\x83\xa3", 3, 1}, /* keycap */
	{"\xe3\x81\x8b\xe3\x82\x99", 2, 1},	 /* ka with a combining mark */
	{"e\xcc\x81\xcc\xa3", 3, 1},
	{"\r\n", 2, 1},
	{"\n\r", 2, 2},
	{"\xed\x95\x9c", 1, 1}, /* one syllable, composed */
	{"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 3, 1}, /* the same in three letters */
};

static void
test_lengths(void)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		CHECK_INT_ROW(lc_utf16_length(texts[i].text, strlen(texts[i].text)), texts[i].units, texts[i].text);
		CHECK_INT_ROW(lc_grapheme_count(texts[i].text, strlen(texts[i].text)), texts[i].clusters, texts[i].text);
	}
}

static void
test_positions(void)
{
	static const char text[] = "a\xf0\x9f\x9a\x80\xe3\x81\x82$"; /* a, rocket, hiragana, dollar */
	size_t size = sizeof(text) - 1;

	CHECK_INT(lc_utf16_position(text, size, 0), 0);
	CHECK_INT(lc_utf16_position(text, size, 1), 1);
	CHECK_INT(lc_utf16_position(text, size, 2), -1); /* inside the pair */
	CHECK_INT(lc_utf16_position(text, size, 3), 5);
	CHECK_INT(lc_utf16_position(text, size, 4), 8);
	CHECK_INT(text[8], '$');
	CHECK_INT(lc_utf16_position(text, size, 5), -1);
	CHECK_INT(lc_utf16_position(text, size, INT64_MAX), -1);
	CHECK_INT(lc_utf16_position(text, size, -1), -1);
	CHECK_INT(lc_utf16_position("", 0, 0), -1);
}

int
main(void)
{
	test_lengths();
	test_positions();
	return check_summary();
}
