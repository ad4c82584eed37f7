/*
 * route.c
 *		The table of endpoints: method, path, name for faults and counters, rate limit, handler.
 *
 * Taken from the vendor's API description. A path that is not here answers 404 in LINE's form. Rates are LINE's
 *published ones; those not named by LINE are its general 2,000 per second.
 */
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>

#define SEC 1000
#define MIN 60000
#define HOUR 3600000
#define SENDS (ROUTE_SEND | ROUTE_RETRY_KEY | ROUTE_JSON)

static const Route routes[] = {
    {"POST", "/v2/bot/message/push", "push", handle_send, SENDS, 2000, SEC},
    {"POST", "/v2/bot/message/multicast", "multicast", handle_send, SENDS, 200, SEC},
    {"POST", "/v2/bot/message/reply", "reply", handle_send, ROUTE_SEND | ROUTE_JSON, 2000, SEC},
    {"POST", "/v2/bot/message/narrowcast", "narrowcast", handle_send, SENDS, 60, HOUR},
    {"POST", "/v2/bot/message/broadcast", "broadcast", handle_send, SENDS, 60, HOUR},
    {"POST", "/v2/bot/message/validate/{}", "validate", handle_validate, ROUTE_JSON, 2000, SEC},
    {"GET", "/v2/bot/message/progress/narrowcast", "progress", handle_progress, 0, 2000, SEC},
    {"GET", "/v2/bot/message/quota", "quota", handle_quota, 0, 2000, SEC},
    {"GET", "/v2/bot/message/quota/consumption", "consumption", handle_consumption, 0, 2000, SEC},
    {"GET", "/v2/bot/message/delivery/{}", "delivery_count", handle_delivery_count, 0, 2000, SEC},
    {"GET", "/v2/bot/message/aggregation/{}", "aggregation", handle_units, 0, 2000, SEC},
    {"POST", "/v2/bot/chat/loading/start", "loading", handle_loading, ROUTE_JSON, 100, SEC},
    {"POST", "/v2/bot/chat/markAsRead", "mark_as_read", handle_mark_as_read, ROUTE_JSON, 2000, SEC},
    {"GET", "/v2/bot/profile/{}", "profile", handle_profile, 0, 2000, SEC},
    {"GET", "/v2/bot/followers/ids", "followers", handle_followers, 0, 2000, SEC},
    {"GET", "/v2/bot/info", "info", handle_info, 0, 2000, SEC},
    {"GET", "/v2/bot/group/{}/summary", "group_summary", handle_group_summary, 0, 2000, SEC},
    {"GET", "/v2/bot/group/{}/members/count", "group_count", handle_group_count, 0, 2000, SEC},
    {"GET", "/v2/bot/group/{}/members/ids", "group_members", handle_group_members, 0, 2000, SEC},
    {"GET", "/v2/bot/group/{}/member/{}", "group_member", handle_group_member, 0, 2000, SEC},
    {"POST", "/v2/bot/group/{}/leave", "group_leave", handle_leave, 0, 2000, SEC},
    {"GET", "/v2/bot/room/{}/members/count", "room_count", handle_group_count, 0, 2000, SEC},
    {"GET", "/v2/bot/room/{}/members/ids", "room_members", handle_group_members, 0, 2000, SEC},
    {"GET", "/v2/bot/room/{}/member/{}", "room_member", handle_group_member, 0, 2000, SEC},
    {"POST", "/v2/bot/room/{}/leave", "room_leave", handle_leave, 0, 2000, SEC},
    {"POST", "/v2/bot/user/{}/linkToken", "link_token", handle_link_token, 0, 2000, SEC},
    {"PUT", "/v2/bot/channel/webhook/endpoint", "webhook_set", handle_webhook_set, ROUTE_JSON, 1000, MIN},
    {"GET", "/v2/bot/channel/webhook/endpoint", "webhook_get", handle_webhook_get, 0, 1000, MIN},
    {"POST", "/v2/bot/channel/webhook/test", "webhook_test", handle_webhook_test, 0, 60, HOUR},
    {"POST", "/oauth2/v3/token", "token_v3", handle_token, ROUTE_OPEN | ROUTE_FORM, 2000, SEC},
    {"POST", "/oauth2/v2.1/token", "token_v2.1", handle_token, ROUTE_OPEN | ROUTE_FORM, 2000, SEC},
    {"POST", "/v2/oauth/accessToken", "token_v2", handle_token, ROUTE_OPEN | ROUTE_FORM, 370, SEC},
    {"GET", "/oauth2/v2.1/verify", "token_verify", handle_token_verify, ROUTE_OPEN, 2000, SEC},
    {"POST", "/v2/oauth/verify", "token_verify_v2", handle_token_verify, ROUTE_OPEN | ROUTE_FORM, 2000, SEC},
    {"POST", "/oauth2/v2.1/revoke", "token_revoke", handle_token_revoke, ROUTE_OPEN | ROUTE_FORM, 2000, SEC},
    {"POST", "/v2/oauth/revoke", "token_revoke_v2", handle_token_revoke, ROUTE_OPEN | ROUTE_FORM, 2000, SEC},
    {"GET", "/oauth2/v2.1/tokens/kid", "token_kids", handle_token_kids, ROUTE_OPEN, 2000, SEC},
    {"POST", "/v2/bot/richmenu", "richmenu_create", handle_richmenu, ROUTE_JSON, 100, HOUR},
    {"POST", "/v2/bot/richmenu/validate", "richmenu_validate", handle_richmenu, ROUTE_JSON, 2000, SEC},
    {"GET", "/v2/bot/richmenu/list", "richmenu_list", handle_richmenu, 0, 10, SEC},
    {"POST", "/v2/bot/richmenu/bulk/link", "richmenu_bulk_link", handle_richmenu, ROUTE_JSON, 2000, SEC},
    {"POST", "/v2/bot/richmenu/bulk/unlink", "richmenu_bulk_unlink", handle_richmenu, ROUTE_JSON, 2000, SEC},
    {"POST", "/v2/bot/richmenu/{}/content", "richmenu_image", handle_richmenu, 0, 2000, SEC},
    {"GET", "/v2/bot/richmenu/{}", "richmenu_get", handle_richmenu, 0, 2000, SEC},
    {"DELETE", "/v2/bot/richmenu/{}", "richmenu_delete", handle_richmenu, 0, 100, HOUR},
    {"POST", "/v2/bot/user/{}/richmenu/{}", "richmenu_link", handle_richmenu, 0, 2000, SEC},
    {"GET", "/v2/bot/user/{}/richmenu", "richmenu_of_user", handle_richmenu, 0, 2000, SEC},
    {"DELETE", "/v2/bot/user/{}/richmenu", "richmenu_unlink", handle_richmenu, 0, 2000, SEC},
    {"*", "/sandbox/accepted", "sandbox", handle_report, ROUTE_OPEN | ROUTE_CONTROL, 0, 0},
    {"*", "/sandbox/summary", "sandbox", handle_report, ROUTE_OPEN | ROUTE_CONTROL, 0, 0},
    {"*", "/sandbox/duplicates", "sandbox", handle_report, ROUTE_OPEN | ROUTE_CONTROL, 0, 0},
    {"*", "/sandbox/{}", "sandbox", handle_control, ROUTE_OPEN | ROUTE_CONTROL, 0, 0},
};

#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))
_Static_assert(ROUTE_COUNT <= MAX_ROUTES, "channels keep a bucket for each route");

static bool
matches(const char *path, const char *url, const char *arg_at[2], size_t arg_len[2])
{
	int args = 0;

	while (*path && *url)
	{
		if (path[0] == '{')
		{
			arg_at[args] = url;
			arg_len[args] = strcspn(url, "/");
			if (arg_len[args] == 0)
				return false;
			url += arg_len[args++];
			path += 2;
		}
		else if (*path++ != *url++)
			return false;
	}
	return *path == *url;
}

const Route *
route_find(const char *method, const char *url, char *arg[2])
{
	for (size_t i = 0; i < ROUTE_COUNT; i++)
	{
		const char *at[2] = {NULL, NULL};
		size_t len[2];

		if (routes[i].method[0] != '*' && strcmp(routes[i].method, method) != 0)
			continue;
		if (!matches(routes[i].path, url, at, len))
			continue;
		for (int k = 0; k < 2 && at[k]; k++)
		{
			arg[k] = must_alloc(len[k] + 1);
			memcpy(arg[k], at[k], len[k]);
		}
		return &routes[i];
	}
	return NULL;
}

int
route_number(const Route *route)
{
	return (int) (route - routes);
}

const Route *
route_by_name(const char *name)
{
	for (size_t i = 0; i < ROUTE_COUNT; i++)
		if (strcmp(routes[i].name, name) == 0)
			return &routes[i];
	return NULL;
}

const Route *
route_at(int number)
{
	return number >= 0 && (size_t) number < ROUTE_COUNT ? &routes[number] : NULL;
}
