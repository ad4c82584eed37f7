/* error_body.c: LINE's two forms, what may be missing, and bodies that are nothing of the kind. */
#include "check.h"

#include <stdlib.h>
#include <unistr.h>

#include "line/error_body.h"

/* m = names messages, t = names to, o = names other, l = monthly limit, r = bad reply token, j = JSON */
static const struct
{
	const char *body;
	const char *message;
	const char *flags;
	int details;
	const char *property; /* of the first detail */
} cases[] = {
	{"{\"message\":\"Not found\"}", "Not found", "j", 0, ""},
	{"{\"message\":\"x\",\"details\":[]}", "x", "j", 0, ""},
	{"{\"message\":null}", "", "j", 0, ""},
	{"{\"message\":null,\"key\":null,\"stacktrace\":null}", "", "j", 0, ""},
	{"{\"message\":42,\"details\":7}", "", "j", 0, ""},
	{"{}", "", "j", 0, ""},
	{"{\"message\":\"x\",\"details\":[{\"message\":\"y\"}]}", "x", "j", 1, ""},
	{"{\"message\":\"x\",\"details\":[{\"property\":\"messages[0].text\"}]}", "x", "jm", 1, "messages[0].text"},
	{"{\"message\":\"x\",\"details\":[{},null,3,\"s\",{\"property\":\"to[1]\",\"message\":null}]}", "x", "jt", 1, "to[1]"},
	{"{\"message\":\"x\",\"details\":[{\"property\":\"messages\"},{\"property\":\"to\"},{\"property\":\"limit\"}]}", "x", "jmto", 3, "messages"},
	{"{\"message\":\"x\",\"details\":[{\"property\":\"tomatoes[0]\"}]}", "x", "jo", 1, "tomatoes[0]"},
	{"{\"message\":\"x\",\"details\":[{\"property\":\"/messages/0/text\"}]}", "x", "j", 1, "/messages/0/text"},
	/* the fifth is not kept, and still seen */
	{"{\"message\":\"x\",\"details\":[{\"property\":\"to[0]\"},{\"property\":\"to[1]\"},{\"property\":\"to[2]\"},{\"property\":\"to[3]\"},{\"property\":\"messages[0]\"}]}",
	 "x", "jmt", 4, "to[0]"},
	{"{\"message\":\"The property, to[1], in the request body is invalid (line: -, column: -)\"}",
	 "The property, to[1], in the request body is invalid (line: -, column: -)", "jt", 0, ""},
	{"{\"message\":\"The property, messages[0].text, in the request body is invalid\"}",
	 "The property, messages[0].text, in the request body is invalid", "jm", 0, ""},
	{"{\"message\":\"You have reached your monthly limit.\"}", "You have reached your monthly limit.", "jl", 0, ""},
	{"{\"message\":\"The API rate limit has been exceeded. Try again later.\"}",
	 "The API rate limit has been exceeded. Try again later.", "j", 0, ""},
	{"{\"message\":\"Invalid reply token\"}", "Invalid reply token", "jr", 0, ""},
	/* tokens */
	{"{\"error\":\"invalid_request\",\"error_description\":\"Invalid IdToken.\"}", "Invalid IdToken.", "j", 0, ""},
	{"{\"error\":\"invalid_client\"}", "invalid_client", "j", 0, ""},
	/* other things */
	{"", "", "", 0, ""},
	{"[]", "[]", "", 0, ""},
	{"null", "null", "", 0, ""},
	{"<html>\r\n\t<b>502</b>\x1b[31m</html>", "<html>   <b>502</b> [31m</html>", "", 0, ""},
	{"{\"message\":\"You have reached your monthly limit", "{\"message\":\"You have reached your monthly limit", "l", 0, ""},
	{"\xff\xfe\xe7\x8c\xab\xe7\x8c", "??\xe7\x8c\xab??", "", 0, ""},
	{"{\"message\":\"a\\u0000b\\u001b\\u009bc\"}", "a b  c", "j", 0, ""},
	{"{\"message\":\"\xe7\x8c\xab\"}", "\xe7\x8c\xab", "j", 0, ""},
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *flags = cases[i].flags;
		LcErrorBody error;

		lc_error_body_parse(cases[i].body, strlen(cases[i].body), &error);
		CHECK_TEXT(error.message, cases[i].message);
		CHECK_INT_ROW(error.detail_count, cases[i].details, cases[i].body);
		CHECK_TEXT(error.details[0].property, cases[i].property);
		CHECK_INT_ROW(error.is_json, strchr(flags, 'j') != NULL, cases[i].body);
		CHECK_INT_ROW(error.names_messages, strchr(flags, 'm') != NULL, cases[i].body);
		CHECK_INT_ROW(error.names_to, strchr(flags, 't') != NULL, cases[i].body);
		CHECK_INT_ROW(error.names_other, strchr(flags, 'o') != NULL, cases[i].body);
		CHECK_INT_ROW(error.monthly_limit, strchr(flags, 'l') != NULL, cases[i].body);
		CHECK_INT_ROW(error.bad_reply_token, strchr(flags, 'r') != NULL, cases[i].body);
	}
}

/* Long texts are cut between characters; large and deep bodies do no harm. */
static void
test_hostile(void)
{
	size_t size = 1000000;
	char *body = malloc(size);
	LcErrorBody error;

	lc_error_body_parse(NULL, 0, &error);
	CHECK_TEXT(error.message, "");

	for (size_t i = 0; i + 2 < size; i += 3)
		memcpy(body + i, "\xe7\x8c\xab", 3);
	lc_error_body_parse(body, 2000, &error);
	CHECK_INT(strlen(error.message), 510); /* 170 characters; 511 would cut one */
	CHECK(u8_check((const uint8_t *) error.message, strlen(error.message)) == NULL);

	memset(body, '[', size);
	lc_error_body_parse(body, size, &error);
	CHECK(!error.is_json);
	memcpy(body, "{\"message\":\"", 12);
	lc_error_body_parse(body, size, &error); /* cut at 64 KiB, so no JSON */
	CHECK(!error.is_json);
	free(body);
}

int
main(void)
{
	test_cases();
	test_hostile();
	return check_summary();
}
