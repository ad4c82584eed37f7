/*
 * request_kind.c
 *		The endpoint table, copied by hand from the Messaging API reference and the channel access token reference;
 *		rates from "Rate limits" there, statuses from each endpoint's own section.
 *
 *		A new endpoint is a new row here; nothing else in the sender knows one endpoint from another. Left out: uploads
 *		of audience files (multipart), LIFF, modules, mission stickers and phone-number push (by contract only).
 *
 *		Idempotent means "may be repeated blindly after an attempt whose end we did not see": true for everything that
 *		reads, sets or removes, for validation, and for the four sends with a retry key; false for a reply (used up by
 *		the first attempt) and for what creates a thing or hands out one of a limited number of tokens.
 */
#include "request_kind.h"

#include <string.h>

/* clang-format off */
#define PER_SECOND(n) {(n), 1}
#define PER_MINUTE(n) {(n), 60}
#define PER_HOUR(n) {(n), 3600}

#define KIB ((size_t) 1024)
#define SMALL (64 * KIB)		/* an object, an error, a page of ids */
#define LARGE (1024 * KIB)		/* lists, statistics */
#define MEDIA (32 * 1024 * KIB) /* content sent by users: larger files are cut, and the row says so */
#define IMAGE (2 * 1024 * KIB)	/* rich menu images have at most 1 MB */

#define AGAIN LC_KIND_IDEMPOTENT
#define KEYED (LC_KIND_SEND | LC_KIND_RETRY_KEY | LC_KIND_IDEMPOTENT | LC_KIND_COUNTED)
#define TOKEN (LC_KIND_NO_BEARER | LC_KIND_SECRET)

#define V2 "/v2/bot"
#define MESSAGES(name, path, target, rate, success, answer, flags) \
	{name, LC_POST, LC_HOST_API, V2 path, LC_BODY_MESSAGES, target, rate, success, flags, answer}
#define GET(name, path, rate, answer) \
	{name, LC_GET, LC_HOST_API, path, LC_BODY_NONE, LC_TARGET_NONE, rate, 200, AGAIN, answer}
#define GET_DATA(name, path, answer, flags) \
	{name, LC_GET, LC_HOST_API_DATA, path, LC_BODY_NONE, LC_TARGET_NONE, PER_SECOND(2000), 200, AGAIN | flags, answer}
#define CALL(name, method, path, body, rate, success, flags) \
	{name, method, LC_HOST_API, path, body, LC_TARGET_NONE, rate, success, flags, SMALL}

const LcRequestKind lc_request_kinds[] = {
	/* "Messages": sending */
	MESSAGES("reply",      "/message/reply",      LC_TARGET_REPLY_TOKEN, PER_SECOND(2000), 200, SMALL, LC_KIND_SEND),
	MESSAGES("push",       "/message/push",       LC_TARGET_ONE,         PER_SECOND(2000), 200, SMALL, KEYED),
	MESSAGES("multicast",  "/message/multicast",  LC_TARGET_MANY,        PER_SECOND(200),  200, SMALL, KEYED),
	MESSAGES("narrowcast", "/message/narrowcast", LC_TARGET_NONE,        PER_HOUR(60),     202, SMALL, KEYED),
	MESSAGES("broadcast",  "/message/broadcast",  LC_TARGET_NONE,        PER_HOUR(60),     200, SMALL, KEYED),

	/* "Messages": validation of message objects */
	MESSAGES("validate_reply",      "/message/validate/reply",      LC_TARGET_NONE, PER_SECOND(2000), 200, SMALL, AGAIN),
	MESSAGES("validate_push",       "/message/validate/push",       LC_TARGET_NONE, PER_SECOND(2000), 200, SMALL, AGAIN),
	MESSAGES("validate_multicast",  "/message/validate/multicast",  LC_TARGET_NONE, PER_SECOND(2000), 200, SMALL, AGAIN),
	MESSAGES("validate_narrowcast", "/message/validate/narrowcast", LC_TARGET_NONE, PER_SECOND(2000), 200, SMALL, AGAIN),
	MESSAGES("validate_broadcast",  "/message/validate/broadcast",  LC_TARGET_NONE, PER_SECOND(2000), 200, SMALL, AGAIN),

	/* "Messages": around them */
	GET("narrowcast_progress", V2 "/message/progress/narrowcast?requestId={requestId}", PER_SECOND(2000), SMALL),
	CALL("loading",         LC_POST, V2 "/chat/loading/start",   LC_BODY_JSON, PER_SECOND(100),  202, AGAIN),
	CALL("mark_as_read",    LC_POST, V2 "/chat/markAsRead",      LC_BODY_JSON, PER_SECOND(2000), 200, AGAIN),
	CALL("mark_as_read_old", LC_POST, V2 "/message/markAsRead",  LC_BODY_JSON, PER_SECOND(2000), 200, AGAIN),
	GET("quota",              V2 "/message/quota",                         PER_SECOND(2000), SMALL),
	GET("consumption",        V2 "/message/quota/consumption",             PER_SECOND(2000), SMALL),
	GET("delivered_reply",     V2 "/message/delivery/reply?date={date}",     PER_SECOND(2000), SMALL),
	GET("delivered_push",      V2 "/message/delivery/push?date={date}",      PER_SECOND(2000), SMALL),
	GET("delivered_multicast", V2 "/message/delivery/multicast?date={date}", PER_SECOND(2000), SMALL),
	GET("delivered_broadcast", V2 "/message/delivery/broadcast?date={date}", PER_SECOND(2000), SMALL),
	GET("unit_usage", V2 "/message/aggregation/info",                                   PER_SECOND(2000), SMALL),
	GET("unit_names", V2 "/message/aggregation/list?limit={limit?}&start={start?}",     PER_SECOND(2000), SMALL),

	/* "Getting content": 202 while LINE still prepares a large file */
	GET_DATA("content",             V2 "/message/{messageId}/content",             MEDIA, LC_KIND_PENDING_202),
	GET_DATA("content_preview",     V2 "/message/{messageId}/content/preview",     IMAGE, LC_KIND_PENDING_202),
	GET_DATA("content_transcoding", V2 "/message/{messageId}/content/transcoding", SMALL, 0),

	/* "Webhook settings" */
	GET("webhook_get", V2 "/channel/webhook/endpoint", PER_MINUTE(1000), SMALL),
	CALL("webhook_set",  LC_PUT,  V2 "/channel/webhook/endpoint", LC_BODY_JSON, PER_MINUTE(1000), 200, AGAIN),
	CALL("webhook_test", LC_POST, V2 "/channel/webhook/test",     LC_BODY_JSON, PER_HOUR(60),     200, AGAIN),

	/* "Users", "Bot", "Account link" */
	GET("profile",   V2 "/profile/{userId}",                            PER_SECOND(2000), SMALL),
	GET("followers", V2 "/followers/ids?limit={limit?}&start={start?}", PER_SECOND(2000), 2 * SMALL),
	GET("bot_info",  V2 "/info",                                        PER_SECOND(2000), SMALL),
	CALL("link_token", LC_POST, V2 "/user/{userId}/linkToken", LC_BODY_NONE, PER_SECOND(2000), 200, AGAIN | LC_KIND_SECRET),

	/* "Group chats", "Multi-person chats" */
	GET("group_summary",        V2 "/group/{groupId}/summary",                    PER_SECOND(2000), SMALL),
	GET("group_member_count",   V2 "/group/{groupId}/members/count",              PER_SECOND(2000), SMALL),
	GET("group_members",        V2 "/group/{groupId}/members/ids?start={start?}", PER_SECOND(2000), SMALL),
	GET("group_member_profile", V2 "/group/{groupId}/member/{userId}",            PER_SECOND(2000), SMALL),
	CALL("group_leave", LC_POST, V2 "/group/{groupId}/leave", LC_BODY_NONE, PER_SECOND(2000), 200, AGAIN),
	GET("room_member_count",    V2 "/room/{roomId}/members/count",                PER_SECOND(2000), SMALL),
	GET("room_members",         V2 "/room/{roomId}/members/ids?start={start?}",   PER_SECOND(2000), SMALL),
	GET("room_member_profile",  V2 "/room/{roomId}/member/{userId}",              PER_SECOND(2000), SMALL),
	CALL("room_leave",  LC_POST, V2 "/room/{roomId}/leave",   LC_BODY_NONE, PER_SECOND(2000), 200, AGAIN),

	/* "Rich menu" */
	CALL("richmenu_create",   LC_POST, V2 "/richmenu",          LC_BODY_JSON, PER_HOUR(100),    200, 0),
	CALL("richmenu_validate", LC_POST, V2 "/richmenu/validate", LC_BODY_JSON, PER_SECOND(2000), 200, AGAIN),
	/* a second upload is refused with 400, it replaces nothing */
	{"richmenu_image", LC_POST, LC_HOST_API_DATA, V2 "/richmenu/{richMenuId}/content", LC_BODY_IMAGE, LC_TARGET_NONE,
	 PER_SECOND(2000), 200, AGAIN, SMALL},
	GET_DATA("richmenu_image_get", V2 "/richmenu/{richMenuId}/content", IMAGE, 0),
	GET("richmenu_get",  V2 "/richmenu/{richMenuId}", PER_SECOND(2000), SMALL),
	GET("richmenu_list", V2 "/richmenu/list",         PER_SECOND(10),   8 * LARGE),
	CALL("richmenu_delete", LC_DELETE, V2 "/richmenu/{richMenuId}", LC_BODY_NONE, PER_HOUR(100), 200, AGAIN),
	CALL("richmenu_default",       LC_POST,   V2 "/user/all/richmenu/{richMenuId}", LC_BODY_NONE, PER_SECOND(2000), 200, AGAIN),
	GET("richmenu_default_get",               V2 "/user/all/richmenu",                            PER_SECOND(2000), SMALL),
	CALL("richmenu_default_clear", LC_DELETE, V2 "/user/all/richmenu",              LC_BODY_NONE, PER_SECOND(2000), 200, AGAIN),
	CALL("richmenu_link",   LC_POST,   V2 "/user/{userId}/richmenu/{richMenuId}",   LC_BODY_NONE, PER_SECOND(2000), 200, AGAIN),
	GET("richmenu_of_user",            V2 "/user/{userId}/richmenu",                              PER_SECOND(2000), SMALL),
	CALL("richmenu_unlink", LC_DELETE, V2 "/user/{userId}/richmenu",                LC_BODY_NONE, PER_SECOND(2000), 200, AGAIN),
	CALL("richmenu_bulk_link",   LC_POST, V2 "/richmenu/bulk/link",   LC_BODY_JSON, PER_SECOND(2000), 202, AGAIN),
	CALL("richmenu_bulk_unlink", LC_POST, V2 "/richmenu/bulk/unlink", LC_BODY_JSON, PER_SECOND(2000), 202, AGAIN),
	/* operations are judged by the state before the request, and resumeRequestKey is its own retry device */
	CALL("richmenu_batch",          LC_POST, V2 "/richmenu/batch",          LC_BODY_JSON, PER_HOUR(3),      202, AGAIN),
	CALL("richmenu_batch_validate", LC_POST, V2 "/richmenu/validate/batch", LC_BODY_JSON, PER_SECOND(2000), 200, AGAIN),
	GET("richmenu_batch_progress", V2 "/richmenu/progress/batch?requestId={requestId}", PER_HOUR(100), SMALL),
	/* an alias that exists is refused, so that a repeated creation makes no second one */
	CALL("richmenu_alias_create", LC_POST,   V2 "/richmenu/alias",                   LC_BODY_JSON, PER_SECOND(2000), 200, AGAIN),
	CALL("richmenu_alias_set",    LC_POST,   V2 "/richmenu/alias/{richMenuAliasId}", LC_BODY_JSON, PER_SECOND(2000), 200, AGAIN),
	CALL("richmenu_alias_delete", LC_DELETE, V2 "/richmenu/alias/{richMenuAliasId}", LC_BODY_NONE, PER_HOUR(100),    200, AGAIN),
	GET("richmenu_alias_get",  V2 "/richmenu/alias/{richMenuAliasId}", PER_SECOND(2000), SMALL),
	GET("richmenu_alias_list", V2 "/richmenu/alias/list",              PER_SECOND(2000), LARGE),

	/* "Managing audience" */
	CALL("audience_create", LC_POST, V2 "/audienceGroup/upload", LC_BODY_JSON, PER_MINUTE(60), 202, 0),
	CALL("audience_add",    LC_PUT,  V2 "/audienceGroup/upload", LC_BODY_JSON, PER_MINUTE(60), 202, AGAIN),
	CALL("audience_click",  LC_POST, V2 "/audienceGroup/click",  LC_BODY_JSON, PER_MINUTE(60), 202, 0),
	CALL("audience_impression", LC_POST, V2 "/audienceGroup/imp", LC_BODY_JSON, PER_MINUTE(60), 202, 0),
	CALL("audience_rename", LC_PUT,    V2 "/audienceGroup/{audienceGroupId}/updateDescription", LC_BODY_JSON, PER_MINUTE(60), 200, AGAIN),
	CALL("audience_delete", LC_DELETE, V2 "/audienceGroup/{audienceGroupId}", LC_BODY_NONE, PER_MINUTE(60), 202, AGAIN),
	GET("audience_get",         V2 "/audienceGroup/{audienceGroupId}",        PER_MINUTE(60), SMALL),
	GET("audience_list",        V2 "/audienceGroup/list?page={page}&size={size?}&description={description?}&status={status?}"
		"&includesExternalPublicGroups={includesExternalPublicGroups?}&createRoute={createRoute?}", PER_MINUTE(60), LARGE),
	GET("audience_shared_get",  V2 "/audienceGroup/shared/{audienceGroupId}", PER_MINUTE(60), SMALL),
	GET("audience_shared_list", V2 "/audienceGroup/shared/list?page={page}&size={size?}&description={description?}&status={status?}"
		"&includesOwnedAudienceGroups={includesOwnedAudienceGroups?}&createRoute={createRoute?}", PER_MINUTE(60), LARGE),

	/* "Insight" */
	GET("insight_deliveries",   V2 "/insight/message/delivery?date={date}",        PER_HOUR(60), SMALL),
	GET("insight_followers",    V2 "/insight/followers?date={date}",               PER_HOUR(60), SMALL),
	GET("insight_demographic",  V2 "/insight/demographic",                         PER_HOUR(60), SMALL),
	GET("insight_event",        V2 "/insight/message/event?requestId={requestId}", PER_HOUR(60), LARGE),
	GET("insight_unit",         V2 "/insight/message/event/aggregation?customAggregationUnit={customAggregationUnit}&from={from}&to={to}", PER_HOUR(60), LARGE),
	GET("insight_richmenu",       V2 "/insight/richmenu/{richMenuId}/summary?from={from}&to={to}", PER_HOUR(60), LARGE),
	GET("insight_richmenu_daily", V2 "/insight/richmenu/{richMenuId}/daily?from={from}&to={to}",   PER_HOUR(60), LARGE),

	/* "Coupon", "Membership" */
	CALL("coupon_create", LC_POST, V2 "/coupon",                  LC_BODY_JSON, PER_SECOND(200), 200, 0),
	CALL("coupon_close",  LC_PUT,  V2 "/coupon/{couponId}/close", LC_BODY_NONE, PER_SECOND(200), 200, AGAIN),
	GET("coupon_get",  V2 "/coupon/{couponId}",                                        PER_SECOND(200), SMALL),
	GET("coupon_list", V2 "/coupon?status={status?}&start={start?}&limit={limit?}",    PER_SECOND(200), LARGE),
	GET("membership_of_user", V2 "/membership/subscription/{userId}",                  PER_SECOND(200), SMALL),
	GET("membership_list",    V2 "/membership/list",                                   PER_SECOND(200), SMALL),
	GET("membership_users",   V2 "/membership/{membershipId}/users/ids?limit={limit?}&start={start?}", PER_SECOND(200), 2 * SMALL),

	/* "Channel access token"; the body is made from sealed credentials when the request is sent */
	CALL("token_stateless",    LC_POST, "/oauth2/v3/token",      LC_BODY_FORM, PER_SECOND(2000), 200, AGAIN | TOKEN),
	CALL("token_v21",          LC_POST, "/oauth2/v2.1/token",    LC_BODY_FORM, PER_SECOND(2000), 200, TOKEN),
	CALL("token_v21_revoke",   LC_POST, "/oauth2/v2.1/revoke",   LC_BODY_FORM, PER_SECOND(2000), 200, AGAIN | TOKEN),
	CALL("token_v21_verify",   LC_GET,  "/oauth2/v2.1/verify?access_token={access_token}", LC_BODY_NONE, PER_SECOND(2000), 200, AGAIN | TOKEN),
	CALL("token_v21_list",     LC_GET,  "/oauth2/v2.1/tokens/kid?client_assertion_type={client_assertion_type}&client_assertion={client_assertion}", LC_BODY_NONE, PER_SECOND(2000), 200, AGAIN | TOKEN),
	CALL("token_short",        LC_POST, "/v2/oauth/accessToken", LC_BODY_FORM, PER_SECOND(370),  200, TOKEN),
	CALL("token_short_revoke", LC_POST, "/v2/oauth/revoke",      LC_BODY_FORM, PER_SECOND(2000), 200, AGAIN | TOKEN),
	CALL("token_verify",       LC_POST, "/v2/oauth/verify",      LC_BODY_FORM, PER_SECOND(2000), 200, AGAIN | TOKEN),
};
/* clang-format on */

const int lc_request_kind_count = (int) (sizeof(lc_request_kinds) / sizeof(lc_request_kinds[0]));

const LcRequestKind *
lc_request_kind(const char *name)
{
	return lc_request_kind_n(name, strlen(name));
}

/* About a hundred rows: a scan is quicker than the fmgr call around it, and a sender asks once per claimed row. */
const LcRequestKind *
lc_request_kind_n(const char *name, size_t name_size)
{
	for (int i = 0; i < lc_request_kind_count; i++)
	{
		const char *candidate = lc_request_kinds[i].name;

		if (strlen(candidate) == name_size && memcmp(candidate, name, name_size) == 0)
			return &lc_request_kinds[i];
	}
	return NULL;
}

int
lc_request_kind_index(const LcRequestKind *kind)
{
	return (int) (kind - lc_request_kinds);
}

const char *
lc_method_name(LcMethod method)
{
	static const char *const names[] = {"GET", "POST", "PUT", "DELETE"};

	return names[method];
}

const char *
lc_body_content_type(LcBodyKind body)
{
	switch (body)
	{
		case LC_BODY_MESSAGES:
		case LC_BODY_JSON:
			return "application/json";
		case LC_BODY_FORM:
			return "application/x-www-form-urlencoded";
		case LC_BODY_NONE:
		case LC_BODY_IMAGE:
			break;
	}
	return NULL;
}

const char *
lc_image_type(const void *bytes, size_t size)
{
	if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
		return "image/png";
	if (size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0)
		return "image/jpeg";
	return NULL;
}
