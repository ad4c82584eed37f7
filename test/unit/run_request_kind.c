/* request_kind.c, request_path.c: the table is consistent, the rows people rely on are LINE's, and paths cannot be bent. */
#include "check.h"

#include <stdlib.h>

#include "line/request_kind.h"

#define USER "U8e742f61d673b39c7fff3cecb7536ef0"

static void
test_table(void)
{
	for (int i = 0; i < lc_request_kind_count; i++)
	{
		const LcRequestKind *kind = &lc_request_kinds[i];

		CHECK_ROW(lc_request_kind(kind->name) == kind, kind->name); /* no name stands twice */
		CHECK_INT(lc_request_kind_index(kind), i);
		CHECK_ROW(kind->path[0] == '/' && kind->path[strlen(kind->path) - 1] != '/', kind->name);
		CHECK_ROW(kind->success == 200 || kind->success == 202, kind->name);
		CHECK_ROW(kind->rate.requests > 0 && kind->rate.seconds > 0, kind->name);
		CHECK_ROW(kind->answer_max >= 65536, kind->name);
		/* reading is always safe to repeat, and has no body */
		CHECK_ROW(kind->method != LC_GET || (kind->body == LC_BODY_NONE && lc_kind_has(kind, LC_KIND_IDEMPOTENT)),
				  kind->name);
		/* the retry key makes it safe to repeat; only sends take one */
		CHECK_ROW(!lc_kind_has(kind, LC_KIND_RETRY_KEY) ||
					  (lc_kind_has(kind, LC_KIND_IDEMPOTENT) && lc_kind_has(kind, LC_KIND_SEND)),
				  kind->name);
		CHECK_ROW(kind->target == LC_TARGET_NONE || kind->body == LC_BODY_MESSAGES, kind->name);
		CHECK_ROW(lc_kind_has(kind, LC_KIND_NO_BEARER) == (strncmp(kind->name, "token_", 6) == 0), kind->name);
		/* no two kinds are one endpoint: each has a bucket of its own, as LINE has */
		for (int j = 0; j < i; j++)
			CHECK_ROW(lc_request_kinds[j].method != kind->method || strcmp(lc_request_kinds[j].path, kind->path) != 0 ||
						  lc_request_kinds[j].host != kind->host,
					  kind->name);
	}
	CHECK(lc_request_kind("pusch") == NULL);
	CHECK(lc_request_kind("") == NULL);
	CHECK(lc_request_kind_n("pushed", 4) == lc_request_kind("push"));
	CHECK(lc_request_kind_n("pus", 3) == NULL);
}

/* From LINE's table of endpoints and of rate limits. */
static const struct
{
	const char *name;
	const char *method;
	const char *path;
	int requests, seconds, success;
	bool retry_key, counted;
} rows[] = {
	{"push", "POST", "/v2/bot/message/push", 2000, 1, 200, true, true},
	{"multicast", "POST", "/v2/bot/message/multicast", 200, 1, 200, true, true},
	{"reply", "POST", "/v2/bot/message/reply", 2000, 1, 200, false, false},
	{"narrowcast", "POST", "/v2/bot/message/narrowcast", 60, 3600, 202, true, true},
	{"broadcast", "POST", "/v2/bot/message/broadcast", 60, 3600, 200, true, true},
	{"validate_multicast", "POST", "/v2/bot/message/validate/multicast", 2000, 1, 200, false, false},
	{"loading", "POST", "/v2/bot/chat/loading/start", 100, 1, 202, false, false},
	{"quota", "GET", "/v2/bot/message/quota", 2000, 1, 200, false, false},
	{"bot_info", "GET", "/v2/bot/info", 2000, 1, 200, false, false},
	{"webhook_set", "PUT", "/v2/bot/channel/webhook/endpoint", 1000, 60, 200, false, false},
	{"webhook_test", "POST", "/v2/bot/channel/webhook/test", 60, 3600, 200, false, false},
	{"richmenu_create", "POST", "/v2/bot/richmenu", 100, 3600, 200, false, false},
	{"richmenu_bulk_link", "POST", "/v2/bot/richmenu/bulk/link", 2000, 1, 202, false, false},
	{"richmenu_batch", "POST", "/v2/bot/richmenu/batch", 3, 3600, 202, false, false},
	{"richmenu_list", "GET", "/v2/bot/richmenu/list", 10, 1, 200, false, false},
	{"token_short", "POST", "/v2/oauth/accessToken", 370, 1, 200, false, false},
	{"token_stateless", "POST", "/oauth2/v3/token", 2000, 1, 200, false, false},
	{"audience_create", "POST", "/v2/bot/audienceGroup/upload", 60, 60, 202, false, false},
	{"insight_demographic", "GET", "/v2/bot/insight/demographic", 60, 3600, 200, false, false},
	{"coupon_create", "POST", "/v2/bot/coupon", 200, 1, 200, false, false},
};

static void
test_rows(void)
{
	int with_key = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		const LcRequestKind *kind = lc_request_kind(rows[i].name);
		char path[LC_PATH_MAX];

		CHECK_ROW(kind != NULL, rows[i].name);
		if (kind == NULL)
			continue;
		CHECK_TEXT(lc_method_name(kind->method), rows[i].method);
		CHECK_INT_ROW(lc_request_path(kind, NULL, 0, path, sizeof(path), NULL, NULL), LC_PATH_OK, rows[i].name);
		CHECK_TEXT(path, rows[i].path);
		CHECK_INT_ROW(kind->rate.requests, rows[i].requests, rows[i].name);
		CHECK_INT_ROW(kind->rate.seconds, rows[i].seconds, rows[i].name);
		CHECK_INT_ROW(kind->success, rows[i].success, rows[i].name);
		CHECK_INT_ROW(lc_kind_has(kind, LC_KIND_RETRY_KEY), rows[i].retry_key, rows[i].name);
		CHECK_INT_ROW(lc_kind_has(kind, LC_KIND_COUNTED), rows[i].counted, rows[i].name);
	}
	/* "usable on exactly four calls" */
	for (int i = 0; i < lc_request_kind_count; i++)
		with_key += lc_kind_has(&lc_request_kinds[i], LC_KIND_RETRY_KEY);
	CHECK_INT(with_key, 4);
	CHECK(!lc_kind_has(lc_request_kind("reply"), LC_KIND_IDEMPOTENT));
	CHECK_INT(lc_request_kind("content")->host, LC_HOST_API_DATA);
	CHECK_INT(lc_request_kind("richmenu_image")->host, LC_HOST_API_DATA);
	CHECK_INT(lc_request_kind("profile")->host, LC_HOST_API);
}

static const struct
{
	const char *kind;
	const char *params; /* JSON, NULL for none */
	LcPathStatus status;
	const char *path;
} paths[] = {
	{"profile", "{\"userId\":\"" USER "\"}", LC_PATH_OK, "/v2/bot/profile/" USER},
	{"profile", NULL, LC_PATH_MISSING_PARAMETER, ""},
	{"profile", "{}", LC_PATH_MISSING_PARAMETER, ""},
	{"profile", "{\"userid\":\"" USER "\"}", LC_PATH_UNKNOWN_PARAMETER, ""},
	{"profile", "{\"userId\":\"\"}", LC_PATH_BAD_VALUE, ""},
	{"profile", "{\"userId\":\".\"}", LC_PATH_BAD_VALUE, ""},
	{"profile", "{\"userId\":\"..\"}", LC_PATH_BAD_VALUE, ""},
	{"profile", "{\"userId\":\"...\"}", LC_PATH_OK, "/v2/bot/profile/..."},
	{"profile", "{\"userId\":\"../message/push?x=1#y\"}", LC_PATH_OK, "/v2/bot/profile/..%2Fmessage%2Fpush%3Fx%3D1%23y"},
	{"profile", "{\"userId\":\"a\\r\\nHost: evil\"}", LC_PATH_OK, "/v2/bot/profile/a%0D%0AHost%3A%20evil"},
	{"profile", "{\"userId\":\"100%\"}", LC_PATH_OK, "/v2/bot/profile/100%25"},
	{"profile", "{\"userId\":\"\xe7\x8c\xab\"}", LC_PATH_OK, "/v2/bot/profile/%E7%8C%AB"},
	{"profile", "{\"userId\":\"a\\u0000b\"}", LC_PATH_BAD_JSON, ""},
	{"profile", "{\"userId\":true}", LC_PATH_BAD_JSON, ""},
	{"profile", "{\"userId\":\"a\",\"userId\":\"b\"}", LC_PATH_BAD_JSON, ""},
	{"profile", "[]", LC_PATH_BAD_JSON, ""},
	{"profile", "", LC_PATH_BAD_JSON, ""},
	{"profile", "{\"userId\":-5}", LC_PATH_OK, "/v2/bot/profile/-5"},
	{"followers", NULL, LC_PATH_OK, "/v2/bot/followers/ids"},
	{"followers", "{\"limit\":1000}", LC_PATH_OK, "/v2/bot/followers/ids?limit=1000"},
	{"followers", "{\"start\":\"a+b/c=\"}", LC_PATH_OK, "/v2/bot/followers/ids?start=a%2Bb%2Fc%3D"},
	{"followers", "{\"start\":\"x\",\"limit\":9}", LC_PATH_OK, "/v2/bot/followers/ids?limit=9&start=x"},
	{"followers", "{\"strat\":\"x\"}", LC_PATH_UNKNOWN_PARAMETER, ""},
	{"narrowcast_progress", "{\"requestId\":\"5b59509c\"}", LC_PATH_OK, "/v2/bot/message/progress/narrowcast?requestId=5b59509c"},
	{"narrowcast_progress", "{}", LC_PATH_MISSING_PARAMETER, ""},
	{"audience_list", "{\"page\":1,\"status\":\"READY\"}", LC_PATH_OK, "/v2/bot/audienceGroup/list?page=1&status=READY"},
	{"insight_richmenu", "{\"richMenuId\":\"richmenu-1\",\"from\":\"20260101\",\"to\":\"20260131\"}", LC_PATH_OK,
	 "/v2/bot/insight/richmenu/richmenu-1/summary?from=20260101&to=20260131"},
	{"group_member_profile", "{\"groupId\":\"C1\",\"userId\":\"U1\"}", LC_PATH_OK, "/v2/bot/group/C1/member/U1"},
	{"richmenu_link", "{\"userId\":\"U1\",\"richMenuId\":\"r1\"}", LC_PATH_OK, "/v2/bot/user/U1/richmenu/r1"},
	{"push", "{\"to\":\"x\"}", LC_PATH_UNKNOWN_PARAMETER, ""},
	{"quota", "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1}",
	 LC_PATH_BAD_JSON, ""},
};

static void
test_paths(void)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
	{
		char path[LC_PATH_MAX] = "left over";
		const char *params = paths[i].params;

		CHECK_INT_ROW(lc_request_path_json(lc_request_kind(paths[i].kind), params, params == NULL ? 0 : strlen(params), path,
										   sizeof(path)),
					  paths[i].status, params == NULL ? paths[i].kind : params);
		CHECK_TEXT(path, paths[i].path);
		CHECK(lc_path_status_text(paths[i].status)[0] != '\0');
	}
}

/* Values that JSON cannot carry, buffers that are too small, and who is to blame. */
static void
test_buffers(void)
{
	const LcRequestKind *profile = lc_request_kind("profile");
	LcPathParam nul = {"userId", "a\0b", 3};
	LcPathParam wrong = {"userID", "a", 1};
	char *long_value = calloc(LC_PATH_VALUE_MAX + 2, 1);
	LcPathParam param = {"userId", long_value, LC_PATH_VALUE_MAX};
	char path[LC_PATH_MAX];
	const char *problem;
	size_t size;

	CHECK_INT(lc_request_path(profile, &nul, 1, path, sizeof(path), &problem, &size), LC_PATH_BAD_VALUE);
	CHECK(size == 6 && memcmp(problem, "userId", 6) == 0);
	CHECK_INT(lc_request_path(profile, &wrong, 1, path, sizeof(path), &problem, &size), LC_PATH_UNKNOWN_PARAMETER);
	CHECK(size == 6 && memcmp(problem, "userID", 6) == 0);

	memset(long_value, ' ', LC_PATH_VALUE_MAX + 1);
	CHECK_INT(lc_request_path(profile, &param, 1, path, sizeof(path), NULL, NULL), LC_PATH_OK);
	CHECK_INT(strlen(path), 16 + 3 * LC_PATH_VALUE_MAX);
	/* exactly enough room, and one byte too few */
	CHECK_INT(lc_request_path(profile, &param, 1, path, 16 + 3 * LC_PATH_VALUE_MAX + 1, NULL, NULL), LC_PATH_OK);
	CHECK_INT(lc_request_path(profile, &param, 1, path, 16 + 3 * LC_PATH_VALUE_MAX, NULL, NULL), LC_PATH_TOO_LONG);
	CHECK_TEXT(path, "");
	CHECK_INT(lc_request_path(profile, &param, 1, path, 0, NULL, NULL), LC_PATH_TOO_LONG);
	param.value_size++;
	CHECK_INT(lc_request_path(profile, &param, 1, path, sizeof(path), NULL, NULL), LC_PATH_BAD_VALUE);
	free(long_value);
}

int
main(void)
{
	test_table();
	test_rows();
	test_paths();
	test_buffers();
	CHECK_TEXT(lc_body_content_type(LC_BODY_MESSAGES), "application/json");
	CHECK_TEXT(lc_body_content_type(LC_BODY_FORM), "application/x-www-form-urlencoded");
	CHECK(lc_body_content_type(LC_BODY_NONE) == NULL && lc_body_content_type(LC_BODY_IMAGE) == NULL);
	CHECK_TEXT(lc_image_type("\x89PNG\r\n\x1a\nxx", 10), "image/png");
	CHECK_TEXT(lc_image_type("\xff\xd8\xff\xe0", 4), "image/jpeg");
	CHECK(lc_image_type("GIF89a", 6) == NULL && lc_image_type("\x89PNG", 4) == NULL && lc_image_type("", 0) == NULL);
	return check_summary();
}
