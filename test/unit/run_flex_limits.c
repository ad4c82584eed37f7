/* flex_limits.c: sizes in bytes at the boundary, places of components, depth. */
#include "check.h"

#include <stdlib.h>

#include "line/message_limits.h"

#define TEXT "{\"type\":\"text\",\"text\":\"t\"}"
#define BOX(contents) "{\"type\":\"box\",\"layout\":\"vertical\",\"contents\":[" contents "]}"
#define BUBBLE(body) "{\"type\":\"bubble\",\"body\":" BOX(body) "}"
#define SIZED(size) "{\"type\":\"bubble\",\"size\":\"" size "\",\"body\":" BOX(TEXT) "}"
#define VIDEO "{\"type\":\"video\",\"url\":\"https://a\",\"previewUrl\":\"https://a\",\"altContent\":{\"type\":\"image\",\"url\":\"https://a\"}}"
#define IMAGE(more) "{\"type\":\"image\",\"url\":\"https://a\"" more "}"
#define ANIMATED IMAGE(",\"animated\":true")
#define FLEX(contents) "[{\"type\":\"flex\",\"altText\":\"x\",\"contents\":" contents "}]"

static char found[4096];
static LcProblem last;

static void
collect(void *arg, const LcProblem *problem)
{
	size_t used = strlen(found);

	(void) arg;
	snprintf(found + used, sizeof(found) - used, "%s%s: %s", used > 0 ? "; " : "", problem->path, problem->problem);
	last = *problem;
}

static const char *
check(const char *json)
{
	found[0] = '\0';
	lc_check_messages(json, strlen(json), 0, collect, NULL);
	return found;
}

/* Expected paths leave out "messages[0].contents". */
static const struct
{
	const char *contents;
	const char *expected;
} cases[] = {
	{BUBBLE(TEXT), ""},
	{"{\"type\":\"bubble\"}", ""},
	{BUBBLE("{\"type\":\"button\",\"action\":{\"type\":\"uri\",\"label\":\"l\",\"uri\":\"https://a\"}},{\"type\":\"separator\"},{\"type\":\"filler\"}"), ""},
	{"{\"type\":\"prism\"}", ".type: unknown value"},
	{BUBBLE("{\"type\":\"button\",\"action\":{\"type\":\"uri\",\"uri\":\"https://a\"}}"), ".body.contents[0].action.label: missing"},
	{BUBBLE("{\"type\":\"text\",\"text\":\"t\",\"action\":{\"type\":\"uri\",\"uri\":\"https://a\"}}"), ""},
	{BUBBLE("{\"type\":\"button\"}"), ".body.contents[0].action: missing"},
	{BUBBLE("{\"type\":\"text\"}"), ".body.contents[0].text: missing"},
	{BUBBLE("{\"type\":\"text\",\"contents\":[{\"type\":\"span\",\"text\":\"s\"}]}"), ""},
	{BUBBLE("{\"type\":\"text\",\"contents\":[" TEXT "]}"), ".body.contents[0].contents[0]: not a span"},
	{BUBBLE("{\"type\":\"span\",\"text\":\"s\"}"), ".body.contents[0].type: a span stands in the contents of a text only"},
	{BUBBLE("{\"type\":\"icon\",\"url\":\"https://a\"}"), ".body.contents[0].type: an icon stands in a baseline box only"},
	{BUBBLE("{\"type\":\"box\",\"layout\":\"baseline\",\"contents\":[{\"type\":\"icon\",\"url\":\"https://a\"}," TEXT "]}"), ""},
	{BUBBLE("{\"type\":\"box\",\"contents\":[]}"), ".body.contents[0].layout: missing"},
	{BUBBLE("{\"type\":\"box\",\"layout\":\"diagonal\"}"), ".body.contents[0].layout: unknown value; .body.contents[0].contents: missing"},
	{BUBBLE("{\"type\":\"gadget\"}"), ".body.contents[0].type: unknown type of component"},
	{BUBBLE("4"), ".body.contents[0]: not an object"},
	{BUBBLE(IMAGE(",\"aspectRatio\":\"1:3\"")), ""},
	{BUBBLE(IMAGE(",\"aspectRatio\":\"100000:100000\"")), ""},
	{BUBBLE(IMAGE(",\"aspectRatio\":\"1:4\"")), ".body.contents[0].aspectRatio: height is more than three times the width"},
	{BUBBLE(IMAGE(",\"aspectRatio\":\"100001:1\"")), ".body.contents[0].aspectRatio: not width:height with numbers from 1 to 100000"},
	{BUBBLE(IMAGE(",\"aspectRatio\":\"0:1\"")), ".body.contents[0].aspectRatio: not width:height with numbers from 1 to 100000"},
	{BUBBLE(IMAGE(",\"aspectRatio\":\"20:13:1\"")), ".body.contents[0].aspectRatio: not width:height with numbers from 1 to 100000"},
	{BUBBLE(IMAGE(",\"aspectRatio\":\"99999999999999999999:1\"")), ".body.contents[0].aspectRatio: not width:height with numbers from 1 to 100000"},
	{BUBBLE(IMAGE(",\"animated\":\"yes\"")), ".body.contents[0].animated: not true or false"},
	{"{\"type\":\"bubble\",\"body\":" TEXT "}", ".body.type: this block must be a box"},
	{"{\"type\":\"bubble\",\"hero\":" TEXT "}", ".hero.type: unknown value"},
	{"{\"type\":\"bubble\",\"hero\":" IMAGE("") "}", ""},
	{"{\"type\":\"bubble\",\"hero\":" VIDEO "}", ""},
	{"{\"type\":\"bubble\",\"size\":\"giga\",\"hero\":" VIDEO "}", ""},
	{"{\"type\":\"bubble\",\"size\":\"micro\",\"hero\":" VIDEO "}", ".hero.type: a video needs a single bubble of size kilo, mega or giga"},
	{"{\"type\":\"carousel\",\"contents\":[{\"type\":\"bubble\",\"hero\":" VIDEO "}]}",
	 ".contents[0].hero.type: a video needs a single bubble of size kilo, mega or giga"},
	{BUBBLE(VIDEO), ".body.contents[0].type: a video stands in the hero block only"},
	{"{\"type\":\"bubble\",\"hero\":{\"type\":\"video\",\"url\":\"https://a\",\"previewUrl\":\"https://a\"}}", ".hero.altContent: missing"},
	{"{\"type\":\"bubble\",\"size\":\"tera\"}", ".size: unknown value"},
	{"{\"type\":\"carousel\",\"contents\":[]}", ".contents: too few elements"},
	{"{\"type\":\"carousel\",\"contents\":[" TEXT "]}", ".contents[0]: not a bubble"},
	{"{\"type\":\"carousel\",\"contents\":[" BUBBLE(TEXT) "," SIZED("mega") "]}", ""},
	{"{\"type\":\"carousel\",\"contents\":[" SIZED("kilo") "," BUBBLE(TEXT) "]}", ".contents[1].size: not the size of the first bubble"},
	{BUBBLE(ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED), ""},
	{BUBBLE(ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED "," ANIMATED),
	 ": too many animated images"},
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		static const char prefix[] = "messages[0].contents";
		char json[8192];
		char expected[1024] = "";
		const char *from = cases[i].expected;

		snprintf(json, sizeof(json), FLEX("%s"), cases[i].contents);
		/* the prefix goes before each report */
		while (*from != '\0')
		{
			const char *end = strstr(from, "; ");
			size_t length = end == NULL ? strlen(from) : (size_t) (end - from) + 2;

			strcat(expected, prefix);
			strncat(expected, from, length);
			from += length;
		}
		CHECK_TEXT(check(json), expected);
	}
}

/* A bubble of exactly so many bytes. */
static char *
bubble_of(size_t size, const char *open, const char *close)
{
	char *bubble = malloc(size + 1);
	size_t head = strlen(open);
	size_t tail = strlen(close);

	memcpy(bubble, open, head);
	memset(bubble + head, 'a', size - head - tail);
	memcpy(bubble + size - tail, close, tail + 1);
	return bubble;
}

static const char *
check_wrapped(const char *before, const char *bubble, const char *after)
{
	char *json = malloc(strlen(before) + strlen(bubble) + strlen(after) + 1);

	sprintf(json, "%s%s%s", before, bubble, after);
	check(json);
	free(json);
	return found;
}

static void
test_sizes(void)
{
	static const char before[] = "[{\"type\":\"flex\",\"altText\":\"x\",\"contents\":";
	static const char spaced[] = "[{\"type\": \"flex\", \"altText\": \"x\", \"contents\": ";
	char *bubble = bubble_of(30000, "{\"type\":\"bubble\",\"body\":{\"type\":\"box\",\"layout\":\"vertical\",\"contents\":[{\"type\":\"text\",\"text\":\"", "\"}]}}");
	char *carousel;

	CHECK_TEXT(check_wrapped(before, bubble, "}]"), "");
	/* as jsonb is written, with spaces, the same bubble is larger */
	CHECK_TEXT(check_wrapped(spaced, bubble, "}]"), "messages[0].contents: too large, in bytes of JSON");
	free(bubble);
	bubble = bubble_of(30001, "{\"type\":\"bubble\",\"body\":{\"type\":\"box\",\"layout\":\"vertical\",\"contents\":[{\"type\":\"text\",\"text\":\"", "\"}]}}");
	CHECK_TEXT(check_wrapped(before, bubble, "}]"), "messages[0].contents: too large, in bytes of JSON");
	CHECK_INT(last.limit, 30000);
	CHECK_INT(last.actual, 30001);
	free(bubble);

	/* two bubbles of 24,983 bytes and 34 around them make 50,000 */
	for (int extra = 0; extra < 2; extra++)
	{
		char *one = bubble_of(24983, "{\"type\":\"bubble\",\"body\":{\"type\":\"box\",\"layout\":\"vertical\",\"contents\":[{\"type\":\"text\",\"text\":\"", "\"}]}}");
		char *two = bubble_of(24983 + (size_t) extra, "{\"type\":\"bubble\",\"body\":{\"type\":\"box\",\"layout\":\"vertical\",\"contents\":[{\"type\":\"text\",\"text\":\"", "\"}]}}");

		carousel = malloc(60000);
		sprintf(carousel, "{\"type\":\"carousel\",\"contents\":[%s,%s]}", one, two);
		CHECK_INT(strlen(carousel), 50000 + extra);
		CHECK_TEXT(check_wrapped(before, carousel, "}]"),
				   extra == 0 ? "" : "messages[0].contents: too large, in bytes of JSON");
		free(carousel);
		free(one);
		free(two);
	}
}

static void
test_bubbles(int count, const char *expected)
{
	char *json = malloc(200 + (size_t) count * 20);

	strcpy(json, "[{\"type\":\"flex\",\"altText\":\"x\",\"contents\":{\"type\":\"carousel\",\"contents\":[{\"type\":\"bubble\"}");
	for (int i = 1; i < count; i++)
		strcat(json, ",{\"type\":\"bubble\"}");
	strcat(json, "]}}]");
	CHECK_TEXT(check(json), expected);
	free(json);
}

/* Boxes in boxes: 32 pass; thousands neither crash nor take long. */
static void
test_depth(int depth, const char *expected)
{
	static const char open[] = "{\"type\":\"box\",\"layout\":\"vertical\",\"contents\":[";
	char *json = malloc(200 + (size_t) depth * (sizeof(open) + 2));
	char *end = json + sprintf(json, "[{\"type\":\"flex\",\"altText\":\"x\",\"contents\":{\"type\":\"bubble\",\"body\":");

	for (int i = 0; i < depth; i++)
		end += sprintf(end, "%s", open);
	for (int i = 0; i < depth; i++)
		end += sprintf(end, "]}");
	sprintf(end, "}}]");
	check(json);
	CHECK_ROW(expected[0] == '\0' ? found[0] == '\0' : strstr(found, expected) != NULL, found);
	free(json);
}

int
main(void)
{
	test_cases();
	test_sizes();
	test_bubbles(12, "");
	test_bubbles(13, "messages[0].contents.contents: too many elements");
	test_depth(32, "");
	test_depth(33, "too many boxes inside each other");
	test_depth(900, "too many boxes inside each other");
	test_depth(5000, "messages: nested too deeply");
	return check_summary();
}
