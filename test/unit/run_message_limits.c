/*
 * message_limits.c and its helpers: for each limit the largest that passes and the smallest that does not. A case is
 * one message object; what is expected is "path: problem" of every report, joined by "; ".
 */
#include "check.h"

#include <stdlib.h>

#include "line/message_limits.h"

typedef struct Found
{
	char text[4096];
	LcProblem last;
	int calls;
} Found;

static void
collect(void *arg, const LcProblem *problem)
{
	Found *found = arg;
	size_t used = strlen(found->text);

	snprintf(found->text + used, sizeof(found->text) - used, "%s%s: %s", used > 0 ? "; " : "", problem->path,
			 problem->problem);
	found->last = *problem;
	found->calls++;
}

static Found
check(const char *json, int flags)
{
	Found found;
	int count;

	memset(&found, 0, sizeof(found));
	count = lc_check_messages(json, strlen(json), flags, collect, &found);
	CHECK_INT_ROW(count < LC_PROBLEMS_MAX ? count : LC_PROBLEMS_MAX, found.calls, "reports");
	return found;
}

/* The message in format, with %s replaced by count repetitions of unit. */
static Found
check_repeated(const char *format, const char *unit, int count)
{
	char *value = calloc((size_t) count + 1, strlen(unit));
	char *json = malloc(strlen(format) + strlen(unit) * (size_t) count + 3);
	Found found;

	for (int i = 0; i < count; i++)
		memcpy(value + (size_t) i * strlen(unit), unit, strlen(unit));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	sprintf(json, format, value);
#pragma GCC diagnostic pop
	found = check(json, 0);
	free(json);
	free(value);
	return found;
}

/* Single messages with no repetition in them. */
static const struct
{
	const char *message;
	const char *expected;
} messages[] = {
	{"{\"type\":\"text\",\"text\":\"hello\"}", ""},
	{"{\"type\":\"text\",\"text\":\"\"}", "messages[0].text: empty"},
	{"{\"type\":\"text\"}", "messages[0].text: missing"},
	{"{\"type\":\"text\",\"text\":null}", "messages[0].text: missing"},
	{"{\"type\":\"text\",\"text\":5}", "messages[0].text: not a string"},
	{"{\"type\":\"text\",\"text\":\"a\\u0000b\"}", "messages[0].text: contains the character U+0000"},
	{"{\"text\":\"hello\"}", "messages[0].type: missing"},
	{"{\"type\":\"\"}", "messages[0].type: empty"},
	{"{\"type\":\"hologram\"}", "messages[0].type: unknown type of message"},
	{"{\"type\":\"Text\",\"text\":\"x\"}", "messages[0].type: unknown type of message"},
	{"{\"type\":\"text\\u0000\",\"text\":\"x\"}", "messages[0].type: contains the character U+0000"},
	{"7", "messages[0]: not an object"},

	/* LINE emojis: the index counts UTF-16 units, so the one after a rocket is 3 and not 2 */
	{"{\"type\":\"text\",\"text\":\"$ \xf0\x9f\x9a\x80$\",\"emojis\":[{\"index\":0,\"productId\":\"p\",\"emojiId\":\"1\"},"
	 "{\"index\":4,\"productId\":\"p\",\"emojiId\":\"1\"}]}",
	 ""},
	{"{\"type\":\"text\",\"text\":\"$ \xf0\x9f\x9a\x80$\",\"emojis\":[{\"index\":3,\"productId\":\"p\",\"emojiId\":\"1\"}]}",
	 "messages[0].emojis[0].index: no $ at this position of the text, counted in UTF-16 code units"},
	{"{\"type\":\"text\",\"text\":\"$a\",\"emojis\":[{\"index\":1,\"productId\":\"p\",\"emojiId\":\"1\"}]}",
	 "messages[0].emojis[0].index: no $ at this position of the text, counted in UTF-16 code units"},
	{"{\"type\":\"text\",\"text\":\"$\",\"emojis\":[{\"index\":1,\"productId\":\"p\",\"emojiId\":\"1\"}]}",
	 "messages[0].emojis[0].index: no $ at this position of the text, counted in UTF-16 code units"},
	{"{\"type\":\"text\",\"text\":\"$\",\"emojis\":[{\"index\":-1,\"productId\":\"p\"}]}",
	 "messages[0].emojis[0].emojiId: missing; messages[0].emojis[0].index: too small"},
	{"{\"type\":\"text\",\"text\":\"$\",\"emojis\":[3]}", "messages[0].emojis[0]: not an object"},

	/* textV2 */
	{"{\"type\":\"textV2\",\"text\":\"{{literal}} {you}\",\"substitution\":{\"you\":{\"type\":\"mention\",\"mentionee\":"
	 "{\"type\":\"user\",\"userId\":\"U8e742f61d673b39c7fff3cecb7536ef0\"}}}}",
	 ""},
	{"{\"type\":\"textV2\",\"text\":\"{e}\",\"substitution\":{\"e\":{\"type\":\"emoji\",\"productId\":\"p\",\"emojiId\":\"1\"}}}",
	 ""},
	{"{\"type\":\"textV2\",\"text\":\"{all}\",\"substitution\":{\"all\":{\"type\":\"mention\",\"mentionee\":{\"type\":\"all\"}}}}",
	 ""},
	{"{\"type\":\"textV2\",\"text\":\"{e}\"}", "messages[0].text: a placeholder is not in the substitution"},
	{"{\"type\":\"textV2\",\"text\":\"a { b\"}",
	 "messages[0].text: a brace without its partner: write {{ and }} for the characters themselves"},
	{"{\"type\":\"textV2\",\"text\":\"a } b\"}",
	 "messages[0].text: a brace without its partner: write {{ and }} for the characters themselves"},
	{"{\"type\":\"textV2\",\"text\":\"}}{{\"}", ""},
	{"{\"type\":\"textV2\",\"text\":\"{{{e}}}\",\"substitution\":{\"e\":{\"type\":\"emoji\",\"productId\":\"p\",\"emojiId\":\"1\"}}}",
	 ""},
	{"{\"type\":\"textV2\",\"text\":\"{a-b}\"}",
	 "messages[0].text: between { and } stands no key of 1 to 20 letters, digits and underscores"},
	{"{\"type\":\"textV2\",\"text\":\"{}\"}",
	 "messages[0].text: between { and } stands no key of 1 to 20 letters, digits and underscores"},
	{"{\"type\":\"textV2\",\"text\":\"x\",\"substitution\":{\"a b\":{\"type\":\"emoji\"}}}",
	 "messages[0].substitution: a key is not made of 1 to 20 letters, digits and underscores"},
	{"{\"type\":\"textV2\",\"text\":\"x\",\"substitution\":{\"e\":{\"type\":\"picture\"}}}",
	 "messages[0].substitution.e.type: unknown value"},
	{"{\"type\":\"textV2\",\"text\":\"x\",\"substitution\":{\"m\":{\"type\":\"mention\",\"mentionee\":{\"type\":\"user\","
	 "\"userId\":\"U8E742F61D673B39C7FFF3CECB7536EF0\"}}}}",
	 "messages[0].substitution.m.mentionee.userId: not a user id: U and 32 lower-case hexadecimal digits"},

	/* media */
	{"{\"type\":\"sticker\",\"packageId\":\"446\",\"stickerId\":\"1988\"}", ""},
	{"{\"type\":\"sticker\",\"packageId\":446,\"stickerId\":\"\"}",
	 "messages[0].packageId: not a string; messages[0].stickerId: empty"},
	{"{\"type\":\"image\",\"originalContentUrl\":\"https://a.example/x.jpg\",\"previewImageUrl\":\"HTTPS://a.example/y.jpg\"}", ""},
	{"{\"type\":\"image\",\"originalContentUrl\":\"http://a.example/x.jpg\",\"previewImageUrl\":\"https://\"}",
	 "messages[0].originalContentUrl: not a URL that starts with https://; "
	 "messages[0].previewImageUrl: not a URL that starts with https://"},
	{"{\"type\":\"image\",\"originalContentUrl\":\"https://a.example/\xe7\x8c\xab.jpg\",\"previewImageUrl\":\"https://a.example/a b\"}",
	 "messages[0].originalContentUrl: not percent-encoded: a URL has no spaces and only ASCII characters; "
	 "messages[0].previewImageUrl: not percent-encoded: a URL has no spaces and only ASCII characters"},
	{"{\"type\":\"video\",\"originalContentUrl\":\"https://a/b\",\"previewImageUrl\":\"https://a/c\",\"trackingId\":\"a-.=,+*()%$&;:@{}!?<>[]Z9\"}", ""},
	{"{\"type\":\"video\",\"originalContentUrl\":\"https://a/b\",\"previewImageUrl\":\"https://a/c\",\"trackingId\":\"a_b\"}",
	 "messages[0].trackingId: contains a character that is not allowed"},
	{"{\"type\":\"audio\",\"originalContentUrl\":\"https://a/b\",\"duration\":60000}", ""},
	{"{\"type\":\"audio\",\"originalContentUrl\":\"https://a/b\",\"duration\":0.5}", "messages[0].duration: not a whole number"},
	{"{\"type\":\"audio\",\"originalContentUrl\":\"https://a/b\",\"duration\":0}", "messages[0].duration: too small"},
	{"{\"type\":\"location\",\"title\":\"t\",\"address\":\"a\",\"latitude\":35.6,\"longitude\":-180}", ""},
	{"{\"type\":\"location\",\"title\":\"t\",\"address\":\"a\",\"latitude\":91,\"longitude\":\"x\"}",
	 "messages[0].latitude: out of range; messages[0].longitude: not a number"},
	{"{\"type\":\"coupon\",\"couponId\":\"01H\",\"deliveryTag\":\"spring_26\"}", ""},
	{"{\"type\":\"coupon\",\"deliveryTag\":\"spring-26\"}",
	 "messages[0].couponId: missing; messages[0].deliveryTag: contains a character that is not allowed"},

	/* imagemap */
	{"{\"type\":\"imagemap\",\"baseUrl\":\"https://a/b\",\"altText\":\"x\",\"baseSize\":{\"width\":1040,\"height\":1},\"actions\":"
	 "[{\"type\":\"uri\",\"linkUri\":\"tel:0312345678\",\"area\":{\"x\":0,\"y\":0,\"width\":1,\"height\":1}},"
	 "{\"type\":\"message\",\"text\":\"t\",\"area\":{\"x\":0,\"y\":0,\"width\":1,\"height\":1}}]}",
	 ""},
	{"{\"type\":\"imagemap\",\"baseUrl\":\"https://a/b\",\"altText\":\"x\",\"baseSize\":{\"width\":1041,\"height\":1},\"actions\":"
	 "[{\"type\":\"uri\",\"linkUri\":\"ftp://x\",\"area\":{\"x\":-1,\"y\":0,\"width\":0}},{\"type\":\"message\",\"text\":\"t\"}],"
	 "\"video\":{\"originalContentUrl\":\"https://a/v\",\"externalLink\":{\"linkUri\":\"https://a/l\"}}}",
	 "messages[0].baseSize.width: must be 1040; messages[0].video.previewImageUrl: missing; messages[0].video.area: missing; "
	 "messages[0].video.externalLink.label: missing; messages[0].actions[0].area.x: too small; "
	 "messages[0].actions[0].area.width: too small; messages[0].actions[0].area.height: missing; "
	 "messages[0].actions[0].linkUri: not a URI with one of the schemes http, https, line and tel; "
	 "messages[0].actions[1].area: missing"},

	/* templates */
	{"{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"confirm\",\"text\":\"?\",\"actions\":"
	 "[{\"type\":\"message\",\"label\":\"y\",\"text\":\"y\"},{\"type\":\"message\",\"label\":\"n\",\"text\":\"n\"}]}}",
	 ""},
	{"{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"confirm\",\"text\":\"?\",\"actions\":"
	 "[{\"type\":\"message\",\"text\":\"y\"}]}}",
	 "messages[0].template.actions: too few elements; messages[0].template.actions[0].label: missing"},
	{"{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"pyramid\"}}",
	 "messages[0].template.type: unknown type of template"},
	{"{\"type\":\"template\",\"altText\":\"x\"}", "messages[0].template: missing"},
	{"{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"carousel\",\"columns\":["
	 "{\"text\":\"a\",\"actions\":[{\"type\":\"uri\",\"label\":\"l\",\"uri\":\"https://a\"}]},"
	 "{\"text\":\"b\",\"actions\":[{\"type\":\"uri\",\"label\":\"l\",\"uri\":\"https://a\"},{\"type\":\"uri\",\"label\":\"l\",\"uri\":\"line://x\"}]}"
	 "]}}",
	 "messages[0].template.columns[1].actions: not as many as in the first column"},
	{"{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"image_carousel\",\"columns\":["
	 "{\"imageUrl\":\"https://a\",\"action\":{\"type\":\"postback\",\"data\":\"d\"}},{\"imageUrl\":\"https://a\"}]}}",
	 "messages[0].template.columns[1].action: missing"},
	{"{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"buttons\",\"imageSize\":\"huge\",\"text\":\"t\","
	 "\"defaultAction\":{\"type\":\"uri\",\"uri\":\"https://a\"},\"actions\":[]}}",
	 "messages[0].template.imageSize: unknown value; messages[0].template.actions: too few elements"},

	/* what all have in common */
	{"{\"type\":\"text\",\"text\":\"x\",\"quickReply\":{\"items\":[{\"type\":\"action\",\"action\":{\"type\":\"camera\",\"label\":\"c\"}},"
	 "{\"type\":\"action\",\"imageUrl\":\"https://a/i.png\",\"action\":{\"type\":\"location\",\"label\":\"l\"}}]}}",
	 ""},
	{"{\"type\":\"text\",\"text\":\"x\",\"quickReply\":{\"items\":[]}}", "messages[0].quickReply.items: too few elements"},
	{"{\"type\":\"text\",\"text\":\"x\",\"quickReply\":{\"items\":[{\"action\":{\"type\":\"richmenuswitch\",\"label\":\"l\",\"data\":\"d\",\"richMenuAliasId\":\"a\"}},"
	 "{\"type\":\"x\"},3]}}",
	 "messages[0].quickReply.items[0].action.type: this action is for rich menus only; "
	 "messages[0].quickReply.items[1].type: unknown value; messages[0].quickReply.items[1].action: missing; "
	 "messages[0].quickReply.items[2]: not an object"},
	{"{\"type\":\"text\",\"text\":\"x\",\"sender\":{\"name\":\"Cony\",\"iconUrl\":\"http://a\"}}",
	 "messages[0].sender.iconUrl: not a URL that starts with https://"},
	{"{\"type\":\"text\",\"text\":\"x\",\"sender\":[]}", "messages[0].sender: not an object"},
};

static void
test_messages(void)
{
	char json[4096];

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
	{
		snprintf(json, sizeof(json), "[%s]", messages[i].message);
		CHECK_TEXT(check(json, 0).text, messages[i].expected);
	}
}

/* One action, in a quick reply. */
static const struct
{
	const char *action;
	const char *expected;
} actions[] = {
	{"{\"type\":\"postback\",\"label\":\"l\",\"data\":\"d\",\"displayText\":\"t\",\"inputOption\":\"openKeyboard\",\"fillInText\":\"f\"}", ""},
	{"{\"type\":\"postback\",\"label\":\"l\",\"data\":\"d\",\"displayText\":\"t\",\"text\":\"t\"}", ".text: cannot stand beside displayText"},
	{"{\"type\":\"postback\",\"label\":\"l\",\"data\":\"d\",\"inputOption\":\"openVoice\",\"fillInText\":\"f\"}",
	 ".fillInText: needs inputOption openKeyboard"},
	{"{\"type\":\"postback\",\"label\":\"l\"}", ".data: missing"},
	{"{\"type\":\"uri\",\"label\":\"l\",\"uri\":\"https://a\",\"altUri\":{\"desktop\":\"file:///a\"}}",
	 ".altUri.desktop: not a URI with one of the schemes http, https, line and tel"},
	{"{\"type\":\"uri\",\"label\":\"l\",\"uri\":\"javascript:alert(1)\"}", ".uri: not a URI with one of the schemes http, https, line and tel"},
	{"{\"type\":\"clipboard\",\"label\":\"l\",\"clipboardText\":\"\"}", ".clipboardText: empty"},
	{"{\"type\":\"dance\",\"label\":\"l\"}", ".type: unknown type of action"},
	{"{\"label\":\"l\"}", ".type: missing"},
	{"{\"type\":\"camera\"}", ".label: missing"},
	{"{\"type\":\"datetimepicker\",\"label\":\"l\",\"data\":\"d\",\"mode\":\"date\",\"min\":\"1900-01-01\",\"max\":\"2100-12-31\",\"initial\":\"2024-02-29\"}", ""},
	{"{\"type\":\"datetimepicker\",\"label\":\"l\",\"data\":\"d\",\"mode\":\"datetime\",\"min\":\"2026-01-01t00:00\",\"max\":\"2026-01-01T00:01\"}", ""},
	{"{\"type\":\"datetimepicker\",\"label\":\"l\",\"data\":\"d\",\"mode\":\"time\",\"min\":\"00:00\",\"max\":\"23:59\"}", ""},
	{"{\"type\":\"datetimepicker\",\"label\":\"l\",\"data\":\"d\",\"mode\":\"time\",\"min\":\"10:00\",\"max\":\"10:00\"}", ".max: not later than min"},
	{"{\"type\":\"datetimepicker\",\"label\":\"l\",\"data\":\"d\",\"mode\":\"date\",\"initial\":\"2025-02-29\"}",
	 ".initial: not a value of this mode, as 2026-12-31, 23:59 or 2026-12-31T23:59, from 1900 to 2100"},
	{"{\"type\":\"datetimepicker\",\"label\":\"l\",\"data\":\"d\",\"mode\":\"date\",\"max\":\"2101-01-01\"}",
	 ".max: not a value of this mode, as 2026-12-31, 23:59 or 2026-12-31T23:59, from 1900 to 2100"},
	{"{\"type\":\"datetimepicker\",\"label\":\"l\",\"data\":\"d\",\"mode\":\"time\",\"initial\":\"24:00\"}",
	 ".initial: not a value of this mode, as 2026-12-31, 23:59 or 2026-12-31T23:59, from 1900 to 2100"},
	{"{\"type\":\"datetimepicker\",\"label\":\"l\",\"data\":\"d\",\"mode\":\"datetime\",\"initial\":\"2026-01-01 00:00\"}",
	 ".initial: not a value of this mode, as 2026-12-31, 23:59 or 2026-12-31T23:59, from 1900 to 2100"},
	{"{\"type\":\"datetimepicker\",\"label\":\"l\",\"data\":\"d\",\"mode\":\"era\"}", ".mode: unknown value"},
};

static void
test_actions(void)
{
	char json[2048];
	char expected[512];

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
	{
		snprintf(json, sizeof(json), "[{\"type\":\"text\",\"text\":\"x\",\"quickReply\":{\"items\":[{\"action\":%s}]}}]",
				 actions[i].action);
		snprintf(expected, sizeof(expected), "%s%s", *actions[i].expected ? "messages[0].quickReply.items[0].action" : "",
				 actions[i].expected);
		CHECK_TEXT(check(json, 0).text, expected);
	}
}

#define ACTION "{\"type\":\"uri\",\"label\":\"l\",\"uri\":\"https://a\"}"
#define ROCKET "\xf0\x9f\x9a\x80"
/* man, woman, girl, boy joined: one grapheme, 11 UTF-16 units */
#define FAMILY "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7\xe2\x80\x8d\xf0\x9f\x91\xa6"
#define FLAG "\xf0\x9f\x87\xaf\xf0\x9f\x87\xb5"
#define BUTTONS(text, more) \
	"[{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"buttons\",\"text\":\"" text "\"," more "\"actions\":[" ACTION "]}}]"
#define LABEL(label) "[{\"type\":\"text\",\"text\":\"x\",\"quickReply\":{\"items\":[{\"action\":{\"type\":\"camera\",\"label\":\"" label "\"}}]}}]"

/* The number given passes, one more does not. */
static const struct
{
	const char *format;
	const char *unit;
	int limit;		 /* repetitions */
	int64_t reported; /* what the report must call the limit, */
	int64_t actual;	 /* and the length of one repetition too many */
} limits[] = {
	{"[{\"type\":\"text\",\"text\":\"%s\"}]", "a", 5000, 5000, 5001},
	{"[{\"type\":\"text\",\"text\":\"%s\"}]", "\xe3\x81\x82", 5000, 5000, 5001},
	{"[{\"type\":\"text\",\"text\":\"%s\"}]", ROCKET, 2500, 5000, 5002},
	{"[{\"type\":\"text\",\"text\":\"%s\"}]", "\\ud83d\\ude80", 2500, 5000, 5002},
	{"[{\"type\":\"text\",\"text\":\"%s\"}]", "\\r\\n", 2500, 5000, 5002},
	{"[{\"type\":\"textV2\",\"text\":\"%s\"}]", "a", 5000, 5000, 5001},
	{"[{\"type\":\"text\",\"text\":\"x\",\"sender\":{\"name\":\"%s\"}}]", "a", 20, 20, 21},
	{"[{\"type\":\"text\",\"text\":\"x\",\"sender\":{\"name\":\"%s\"}}]", ROCKET, 10, 20, 22},
	{"[{\"type\":\"text\",\"text\":\"x\",\"sender\":{\"iconUrl\":\"https://%s\"}}]", "a", 1992, 2000, 2001},
	{"[{\"type\":\"image\",\"originalContentUrl\":\"https://%s\",\"previewImageUrl\":\"https://a\"}]", "a", 1992, 2000, 2001},
	{"[{\"type\":\"location\",\"title\":\"%s\",\"address\":\"a\",\"latitude\":0,\"longitude\":0}]", "a", 100, 100, 101},
	{"[{\"type\":\"video\",\"originalContentUrl\":\"https://a\",\"previewImageUrl\":\"https://a\",\"trackingId\":\"%s\"}]", "a", 100, 100, 101},
	{"[{\"type\":\"coupon\",\"couponId\":\"a\",\"deliveryTag\":\"%s\"}]", "a", 30, 30, 31},
	/* grapheme clusters */
	{LABEL("%s"), "a", 20, 20, 21},
	{LABEL("%s"), FAMILY, 20, 20, 21},
	{LABEL("%s"), FLAG, 20, 20, 21},
	{LABEL("%s"), "\xe3\x81\x8b\xe3\x82\x99", 20, 20, 21}, /* ka and a combining voiced sound mark */
	{BUTTONS("%s", ""), "a", 160, 160, 161},
	{BUTTONS("%s", ""), FAMILY, 160, 160, 161},
	{BUTTONS("%s", "\"title\":\"t\","), "a", 60, 60, 61},
	{BUTTONS("%s", "\"thumbnailImageUrl\":\"https://a\","), "a", 60, 60, 61},
	{BUTTONS("t", "\"title\":\"%s\","), FAMILY, 40, 40, 41},
	{"[{\"type\":\"template\",\"altText\":\"%s\",\"template\":{\"type\":\"buttons\",\"text\":\"t\",\"actions\":[" ACTION "]}}]", "a", 1500, 1500, 1501},
	{"[{\"type\":\"template\",\"altText\":\"%s\",\"template\":{\"type\":\"buttons\",\"text\":\"t\",\"actions\":[" ACTION "]}}]", ROCKET, 750, 1500, 1502},
	{"[{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"confirm\",\"text\":\"%s\",\"actions\":[" ACTION "," ACTION "]}}]", FAMILY, 240, 240, 241},
	{"[{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"carousel\",\"columns\":[{\"text\":\"%s\",\"actions\":[" ACTION "]}]}}]", "a", 120, 120, 121},
	{"[{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"carousel\",\"columns\":[{\"title\":\"t\",\"text\":\"%s\",\"actions\":[" ACTION "]}]}}]", "a", 60, 60, 61},
	{"[{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"image_carousel\",\"columns\":[{\"imageUrl\":\"https://a\",\"action\":{\"type\":\"postback\",\"data\":\"d\",\"label\":\"%s\"}}]}}]", FAMILY, 12, 12, 13},
	{"[{\"type\":\"text\",\"text\":\"x\",\"quickReply\":{\"items\":[{\"action\":{\"type\":\"postback\",\"label\":\"l\",\"data\":\"%s\"}}]}}]", "a", 300, 300, 301},
	{"[{\"type\":\"text\",\"text\":\"x\",\"quickReply\":{\"items\":[{\"action\":{\"type\":\"postback\",\"label\":\"l\",\"data\":\"%s\"}}]}}]", ROCKET, 150, 300, 302},
	{"[{\"type\":\"text\",\"text\":\"x\",\"quickReply\":{\"items\":[{\"action\":{\"type\":\"message\",\"label\":\"l\",\"text\":\"%s\"}}]}}]", FAMILY, 300, 300, 301},
	{"[{\"type\":\"text\",\"text\":\"x\",\"quickReply\":{\"items\":[{\"action\":{\"type\":\"uri\",\"label\":\"l\",\"uri\":\"tel:%s\"}}]}}]", "1", 996, 1000, 1001},
	{"[{\"type\":\"text\",\"text\":\"x\",\"quickReply\":{\"items\":[{\"action\":{\"type\":\"clipboard\",\"label\":\"l\",\"clipboardText\":\"%s\"}}]}}]", "a", 1000, 1000, 1001},
	/* numbers of elements; the repeated part brings its comma, the first element stands in the format */
	{"[{\"type\":\"text\",\"text\":\"x\"}%s]", ",{\"type\":\"text\",\"text\":\"x\"}", 4, 5, 6},
	{"[{\"type\":\"text\",\"text\":\"x\",\"quickReply\":{\"items\":[{\"action\":" ACTION "}%s]}}]", ",{\"action\":" ACTION "}", 12, 13, 14},
	{"[{\"type\":\"text\",\"text\":\"$\",\"emojis\":[{\"index\":0,\"productId\":\"p\",\"emojiId\":\"1\"}%s]}]", ",{\"index\":0,\"productId\":\"p\",\"emojiId\":\"1\"}", 19, 20, 21},
	{"[{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"buttons\",\"text\":\"t\",\"actions\":[" ACTION "%s]}}]", "," ACTION, 3, 4, 5},
	{"[{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"confirm\",\"text\":\"t\",\"actions\":[" ACTION "," ACTION "%s]}}]", "," ACTION, 0, 2, 3},
	{"[{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"carousel\",\"columns\":[{\"text\":\"t\",\"actions\":[" ACTION "]}%s]}}]", ",{\"text\":\"t\",\"actions\":[" ACTION "]}", 9, 10, 11},
	{"[{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"carousel\",\"columns\":[{\"text\":\"t\",\"actions\":[" ACTION "%s]}]}}]", "," ACTION, 2, 3, 4},
	{"[{\"type\":\"template\",\"altText\":\"x\",\"template\":{\"type\":\"image_carousel\",\"columns\":[{\"imageUrl\":\"https://a\",\"action\":" ACTION "}%s]}}]", ",{\"imageUrl\":\"https://a\",\"action\":" ACTION "}", 9, 10, 11},
	{"[{\"type\":\"imagemap\",\"baseUrl\":\"https://a\",\"altText\":\"x\",\"baseSize\":{\"width\":1040,\"height\":1},\"actions\":[{\"type\":\"message\",\"text\":\"t\",\"area\":{\"x\":0,\"y\":0,\"width\":1,\"height\":1}}%s]}]",
	 ",{\"type\":\"message\",\"text\":\"t\",\"area\":{\"x\":0,\"y\":0,\"width\":1,\"height\":1}}", 49, 50, 51},
	{"[{\"type\":\"imagemap\",\"baseUrl\":\"https://a\",\"altText\":\"x\",\"baseSize\":{\"width\":1040,\"height\":1},\"actions\":[{\"type\":\"message\",\"text\":\"%s\",\"area\":{\"x\":0,\"y\":0,\"width\":1,\"height\":1}}]}]", "a", 400, 400, 401},
};

static void
test_limits(void)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
	{
		char row[32];
		Found found;

		snprintf(row, sizeof(row), "(limit %zu)", i);
		found = check_repeated(limits[i].format, limits[i].unit, limits[i].limit);
		CHECK_ROW(found.calls == 0, row);
		if (found.calls != 0)
			printf("%s\n", found.text);
		found = check_repeated(limits[i].format, limits[i].unit, limits[i].limit + 1);
		CHECK_INT_ROW(found.calls, 1, row);
		CHECK_INT_ROW(found.last.limit, limits[i].reported, row);
		CHECK_INT_ROW(found.last.actual, limits[i].actual, row);
	}
}

/* Documents that are no messages at all. */
static void
test_documents(void)
{
	static const char *const documents[][2] = {
		{"", "messages: not valid JSON"},
		{"[", "messages: not valid JSON"},
		{"[]x", "messages: not valid JSON"},
		{"[{\"type\":\"text\",\"text\":\"\\ud800\"}]", "messages: not valid JSON"},
		{"[{\"type\":\"text\",\"text\":\"\xff\"}]", "messages: not valid JSON"},
		{"[{\"type\":\"text\",\"text\":\"a\",\"text\":\"b\"}]", "messages: a key stands twice in one object"},
		{"[]", "messages: too few elements"},
		{"{}", "messages: not an array of message objects"},
		{"null", "messages: not an array of message objects"},
		{"\"text\"", "messages: not an array of message objects"},
	};
	char *deep = malloc(200001);
	char *large = malloc(LC_CONTENT_MAX + 2);
	Found found;

	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
		CHECK_TEXT(check(documents[i][0], 0).text, documents[i][1]);

	memset(deep, '[', 200000);
	deep[200000] = '\0';
	CHECK_TEXT(check(deep, 0).text, "messages: nested too deeply");
	free(deep);

	memset(large, ' ', LC_CONTENT_MAX + 1);
	memcpy(large, "[]", 2);
	large[LC_CONTENT_MAX + 1] = '\0';
	found = check(large, 0);
	CHECK_TEXT(found.text, "messages: too large, in bytes");
	CHECK_INT(found.last.actual, LC_CONTENT_MAX + 1);
	large[LC_CONTENT_MAX] = '\0';
	CHECK_TEXT(check(large, 0).text, "messages: too few elements");
	free(large);
}

static void
test_content(void)
{
	static const char *const contents[][2] = {
		{"{\"messages\":[{\"type\":\"text\",\"text\":\"x\"}],\"notificationDisabled\":true,\"customAggregationUnits\":[\"a_1\"]}", ""},
		{"{\"messages\":[{\"type\":\"text\",\"text\":\"\"}]}", "messages[0].text: empty"},
		{"{}", "messages: missing"},
		{"[]", ": not an object"},
		{"{\"messages\":[]}", "messages: too few elements"},
		{"{\"messages\":[{\"type\":\"text\",\"text\":\"x\"}],\"to\":\"U1\",\"replyToken\":\"r\",\"notificationDisabled\":1}",
		 "notificationDisabled: not true or false; to: the recipients are not part of the content; "
		 "replyToken: the reply token is not part of the content"},
		{"{\"messages\":[{\"type\":\"text\",\"text\":\"x\"}],\"customAggregationUnits\":[\"a-b\"]}",
		 "customAggregationUnits: contains a character that is not allowed"},
		{"{\"messages\":[{\"type\":\"text\",\"text\":\"x\"}],\"customAggregationUnits\":[\"a\",\"b\"]}",
		 "customAggregationUnits: too many elements"},
		{"{\"messages\":[{\"type\":\"text\",\"text\":\"x\"}],\"customAggregationUnits\":[\"1234567890123456789012345678901\"]}",
		 "customAggregationUnits: too long, counted in UTF-16 code units"},
	};

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
	{
		Found found;

		memset(&found, 0, sizeof(found));
		lc_check_content(contents[i][0], strlen(contents[i][0]), 0, collect, &found);
		CHECK_TEXT(found.text, contents[i][1]);
	}
}

/* {{variables}} of a template are not counted, and may be a URL or a time. */
static void
test_templates(void)
{
	static const char label[] = LABEL("{{nickname|some quite long default}}1234567890123456789");
	static const char url[] = "[{\"type\":\"image\",\"originalContentUrl\":\"{{photo}}\",\"previewImageUrl\":\"https://a/{{name|\xe7\x8c\xab}}.jpg\"}]";
	static const char literal[] = "[{\"type\":\"textV2\",\"text\":\"{{name}} and {e}\"}]";

	CHECK_TEXT(check(label, LC_CHECK_TEMPLATE).text, "");
	CHECK_INT(check(label, 0).calls, 1);
	CHECK_INT(check(LABEL("{{n}}123456789012345678901"), LC_CHECK_TEMPLATE).calls, 1);
	CHECK_INT(check(LABEL("{{unclosed 12345678901"), LC_CHECK_TEMPLATE).calls, 1);
	CHECK_TEXT(check(url, LC_CHECK_TEMPLATE).text, "");
	CHECK_INT(check(url, 0).calls, 2);
	CHECK_TEXT(check(literal, LC_CHECK_TEMPLATE).text, "messages[0].text: a placeholder is not in the substitution");
}

static void
test_many_problems(void)
{
	char json[4096] = "[{\"type\":\"text\",\"text\":\"x\",\"quickReply\":{\"items\":[0";
	Found found;

	for (int i = 0; i < 150; i++)
		strcat(json, ",0");
	strcat(json, "]}}]");
	memset(&found, 0, sizeof(found));
	CHECK_INT(lc_check_messages(json, strlen(json), 0, collect, &found), 152); /* 151 and "too many elements" */
	CHECK_INT(found.calls, LC_PROBLEMS_MAX);
}

/* Of too many emojis only as many are looked up as can be right: each costs a walk through the text. */
static void
test_many_emojis(void)
{
	char json[4096] = "[{\"type\":\"text\",\"text\":\"x\",\"emojis\":[";

	for (int i = 0; i < 60; i++)
		strcat(json, i == 0 ? "{\"index\":0,\"productId\":\"p\",\"emojiId\":\"1\"}"
							: ",{\"index\":0,\"productId\":\"p\",\"emojiId\":\"1\"}");
	strcat(json, "]}]");
	CHECK_INT(check(json, 0).calls, 21);
}

int
main(void)
{
	test_messages();
	test_actions();
	test_limits();
	test_documents();
	test_content();
	test_templates();
	test_many_problems();
	test_many_emojis();
	return check_summary();
}
