/* request_body.c and json_writer.c: exact bytes for each kind of target, what is refused, limits, and speed. */
#include "check.h"

#include <stdlib.h>
#include <time.h>

#include "line/request_body.h"

#define CONTENT "{\"messages\":[{\"type\":\"text\",\"text\":\"\xe7\x8c\xab\"}],\"notificationDisabled\":true}"
#define REST "\"messages\":[{\"type\":\"text\",\"text\":\"\xe7\x8c\xab\"}],\"notificationDisabled\":true}"

static const uint8_t users[][LC_USER_ID_SIZE] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8, 0xf7, 0xf6, 0xf5, 0xf4, 0xf3, 0xf2, 0xf1, 0xf0},
};

#define FIRST "U000102030405060708090a0b0c0d0e0f"
#define SECOND "Ufffefdfcfbfaf9f8f7f6f5f4f3f2f1f0"
#define GROUP "C8e742f61d673b39c7fff3cecb7536ef0"

static const struct
{
	const char *kind;
	const char *content;
	LcTarget target;
	LcBodyStatus status;
	const char *body;
} cases[] = {
	{"push", CONTENT, {users, 1, NULL, 0}, LC_BODY_OK, "{\"to\":\"" FIRST "\"," REST},
	{"push", CONTENT, {NULL, 0, GROUP, 33}, LC_BODY_OK, "{\"to\":\"" GROUP "\"," REST},
	{"push", CONTENT, {NULL, 0, FIRST, 33}, LC_BODY_OK, "{\"to\":\"" FIRST "\"," REST},
	{"push", CONTENT, {users, 2, NULL, 0}, LC_BODY_BAD_TARGET, ""},
	{"push", CONTENT, {NULL, 0, "C8E742F61D673B39C7FFF3CECB7536EF0", 33}, LC_BODY_BAD_TARGET, ""},
	{"push", CONTENT, {NULL, 0, "\",\"x\":\"", 7}, LC_BODY_BAD_TARGET, ""},
	{"push", CONTENT, {NULL, 0, NULL, 0}, LC_BODY_BAD_TARGET, ""},
	{"push", CONTENT, {users, -1, NULL, 0}, LC_BODY_BAD_TARGET, ""},
	{"multicast", CONTENT, {users, 2, NULL, 0}, LC_BODY_OK, "{\"to\":[\"" FIRST "\",\"" SECOND "\"]," REST},
	{"multicast", CONTENT, {users, 1, NULL, 0}, LC_BODY_OK, "{\"to\":[\"" FIRST "\"]," REST},
	{"multicast", CONTENT, {users, 0, NULL, 0}, LC_BODY_BAD_TARGET, ""},
	{"multicast", CONTENT, {NULL, 0, GROUP, 33}, LC_BODY_BAD_TARGET, ""},
	{"reply", CONTENT, {NULL, 0, "nHuyWiB7yP5Zw52FIkcQobQuGDXCTA", 30}, LC_BODY_OK, "{\"replyToken\":\"nHuyWiB7yP5Zw52FIkcQobQuGDXCTA\"," REST},
	{"reply", CONTENT, {NULL, 0, "a\"\\\n\x01", 5}, LC_BODY_OK, "{\"replyToken\":\"a\\\"\\\\\\n\\u0001\"," REST},
	{"reply", CONTENT, {NULL, 0, "", 0}, LC_BODY_BAD_TARGET, ""},
	{"broadcast", CONTENT, {NULL, 0, NULL, 0}, LC_BODY_OK, CONTENT},
	{"narrowcast", CONTENT, {users, 2, NULL, 0}, LC_BODY_OK, CONTENT}, /* takes no target: none goes in */
	{"validate_push", CONTENT, {NULL, 0, NULL, 0}, LC_BODY_OK, CONTENT},
	{"webhook_set", "{\"endpoint\":\"https://a\"}", {NULL, 0, NULL, 0}, LC_BODY_OK, "{\"endpoint\":\"https://a\"}"},
	{"token_stateless", "grant_type=client_credentials", {NULL, 0, NULL, 0}, LC_BODY_OK, "grant_type=client_credentials"},
	{"profile", "ignored", {NULL, 0, NULL, 0}, LC_BODY_OK, ""},
	/* an object without members gets no comma */
	{"push", "{}", {users, 1, NULL, 0}, LC_BODY_OK, "{\"to\":\"" FIRST "\"}"},
	{"push", "{ \n}", {users, 1, NULL, 0}, LC_BODY_OK, "{\"to\":\"" FIRST "\" \n}"},
	{"push", "", {users, 1, NULL, 0}, LC_BODY_BAD_CONTENT, ""},
	{"push", "{", {users, 1, NULL, 0}, LC_BODY_BAD_CONTENT, ""},
	{"push", "[]", {users, 1, NULL, 0}, LC_BODY_BAD_CONTENT, ""},
	{"push", " {}", {users, 1, NULL, 0}, LC_BODY_BAD_CONTENT, ""},
	{"push", "{} ", {users, 1, NULL, 0}, LC_BODY_BAD_CONTENT, ""},
	{"broadcast", "x", {NULL, 0, NULL, 0}, LC_BODY_BAD_CONTENT, ""},
};

static void
test_cases(void)
{
	LcBuffer out;

	lc_buffer_init(&out, LC_BODY_MAX);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char row[32];

		snprintf(row, sizeof(row), "(case %zu)", i);
		CHECK_INT_ROW(lc_request_body(&out, lc_request_kind(cases[i].kind), cases[i].content, strlen(cases[i].content),
									  &cases[i].target),
					  cases[i].status, row);
		CHECK_INT_ROW(out.size, strlen(cases[i].body), row);
		CHECK_ROW(out.size == strlen(cases[i].body) && (out.size == 0 || memcmp(out.data, cases[i].body, out.size) == 0), row);
		CHECK(lc_body_status_text(cases[i].status)[0] != '\0');
	}
	CHECK_INT(lc_request_body(&out, lc_request_kind("push"), "{}", 2, NULL), LC_BODY_BAD_TARGET);
	CHECK_INT(lc_request_body(&out, lc_request_kind("quota"), NULL, 0, NULL), LC_BODY_OK);
	lc_buffer_free(&out);
}

static void
test_sizes(void)
{
	const LcRequestKind *multicast = lc_request_kind("multicast");
	static uint8_t many[LC_MULTICAST_MAX + 1][LC_USER_ID_SIZE];
	LcTarget target = {(const uint8_t (*)[LC_USER_ID_SIZE]) many, LC_MULTICAST_MAX, NULL, 0};
	/* 7 of {"to":[, then 500 ids with quotes and 499 commas, ], and a comma */
	size_t with_500 = 7 + 500 * 35 + 499 + 2;
	char *content = malloc(LC_BODY_MAX + 1);
	char *token = malloc(LC_REPLY_TOKEN_MAX + 1);
	LcTarget reply = {NULL, 0, token, LC_REPLY_TOKEN_MAX};
	LcBuffer out;

	lc_buffer_init(&out, LC_BODY_MAX * 2);
	CHECK_INT(lc_request_body(&out, multicast, CONTENT, strlen(CONTENT), &target), LC_BODY_OK);
	CHECK_INT(out.size, with_500 + strlen(CONTENT) - 1);
	target.user_count++;
	CHECK_INT(lc_request_body(&out, multicast, CONTENT, strlen(CONTENT), &target), LC_BODY_BAD_TARGET);
	CHECK_INT(out.size, 0);

	/* the whole body may have 2,000,000 bytes */
	target.user_count = 500;
	memset(content, ' ', LC_BODY_MAX + 1);
	content[0] = '{';
	content[1] = '"';
	content[LC_BODY_MAX - with_500] = '}';
	CHECK_INT(lc_request_body(&out, multicast, content, LC_BODY_MAX - with_500 + 1, &target), LC_BODY_OK);
	CHECK_INT(out.size, LC_BODY_MAX);
	content[LC_BODY_MAX - with_500] = ' ';
	content[LC_BODY_MAX - with_500 + 1] = '}';
	CHECK_INT(lc_request_body(&out, multicast, content, LC_BODY_MAX - with_500 + 2, &target), LC_BODY_TOO_LARGE);
	content[LC_BODY_MAX] = '}';
	CHECK_INT(lc_request_body(&out, lc_request_kind("broadcast"), content, LC_BODY_MAX + 1, NULL), LC_BODY_TOO_LARGE);
	lc_buffer_free(&out);

	/* the buffer's own ceiling; and it is good for the next body afterwards */
	lc_buffer_init(&out, 100);
	CHECK_INT(lc_request_body(&out, multicast, CONTENT, strlen(CONTENT), &target), LC_BODY_TOO_LARGE);
	target.user_count = 1;
	CHECK_INT(lc_request_body(&out, multicast, "{}", 2, &target), LC_BODY_OK);
	memset(token, 'a', LC_REPLY_TOKEN_MAX + 1);
	lc_buffer_free(&out);
	lc_buffer_init(&out, LC_BODY_MAX);
	CHECK_INT(lc_request_body(&out, lc_request_kind("reply"), "{}", 2, &reply), LC_BODY_OK);
	reply.text_size++;
	CHECK_INT(lc_request_body(&out, lc_request_kind("reply"), "{}", 2, &reply), LC_BODY_BAD_TARGET);
	lc_buffer_free(&out);
	free(content);
	free(token);
}

/* 500 ids are a matter of microseconds; with sanitizers and on a busy machine, far below a millisecond. */
static void
test_speed(void)
{
	static uint8_t many[LC_MULTICAST_MAX][LC_USER_ID_SIZE];
	LcTarget target = {(const uint8_t (*)[LC_USER_ID_SIZE]) many, LC_MULTICAST_MAX, NULL, 0};
	LcBuffer out;
	clock_t start = clock();
	double microseconds;

	lc_buffer_init(&out, LC_BODY_MAX);
	for (int i = 0; i < 200; i++)
		CHECK_INT(lc_request_body(&out, lc_request_kind("multicast"), CONTENT, strlen(CONTENT), &target), LC_BODY_OK);
	microseconds = (double) (clock() - start) * 1e6 / CLOCKS_PER_SEC / 200;
	printf("a body with 500 ids takes %.1f microseconds of processor time\n", microseconds);
	CHECK(microseconds < 5000);
	lc_buffer_free(&out);
}

static void
test_buffer(void)
{
	LcBuffer buffer;
	char all[256];

	lc_buffer_init(&buffer, 10);
	lc_buffer_append(&buffer, "", 0);
	CHECK_INT(buffer.size, 0);
	lc_buffer_append_text(&buffer, "0123456789");
	CHECK(!buffer.failed && buffer.size == 10);
	lc_buffer_append_text(&buffer, "a");
	CHECK(buffer.failed && buffer.size == 10);
	lc_buffer_append_text(&buffer, ""); /* failure is remembered */
	CHECK(buffer.failed && lc_buffer_reserve(&buffer, 0) == NULL);
	lc_buffer_reset(&buffer);
	CHECK(!buffer.failed && buffer.size == 0);
	lc_buffer_free(&buffer);
	lc_buffer_free(&buffer); /* twice does no harm */

	/* every byte, as JSON */
	for (int i = 0; i < 256; i++)
		all[i] = (char) i;
	lc_buffer_init(&buffer, 4096);
	lc_json_string(&buffer, all, 128);
	CHECK_INT(buffer.size, 2 + 96 + 2 + 3 * 2 + 29 * 6 + 6 - 1);
	lc_buffer_reset(&buffer);
	lc_json_string(&buffer, "", 0);
	CHECK(buffer.size == 2 && memcmp(buffer.data, "\"\"", 2) == 0);
	lc_buffer_reset(&buffer);
	lc_json_string(&buffer, "\xe7\x8c\xab\xf0\x9f\x9a\x80/", 8);
	CHECK(buffer.size == 10 && memcmp(buffer.data, "\"\xe7\x8c\xab\xf0\x9f\x9a\x80/\"", 10) == 0);
	lc_buffer_free(&buffer);
}

int
main(void)
{
	test_cases();
	test_sizes();
	test_speed();
	test_buffer();
	return check_summary();
}
