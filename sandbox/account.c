/*
 * account.c
 *		The account itself: bot info, quota and counts, loading animation, read marks, webhook settings.
 *
 * Called with the state lock held.
 */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void
handle_info(Request *r)
{
	Channel *c = &state.channels[r->channel];
	uint8_t key[LINE_ID_KEY];
	char id[34] = "U", basic[16];

	made_line_id(0xb07, (uint64_t) r->channel, key);
	hex_encode(key + 1, 16, id + 1);
	snprintf(basic, sizeof(basic), "@%03d%.2s%.3s", r->channel, id + 1, id + 4);
	answer_object(r, 200,
	              json_pack("{s:s, s:s, s:s, s:s, s:s}", "userId", id, "basicId", basic, "displayName", c->name,
	                        "chatMode", "chat", "markAsReadMode", "manual"));
}

void
handle_quota(Request *r)
{
	Channel *c = &state.channels[r->channel];

	if (c->quota < 0)
		answer_json(r, 200, "{\"type\":\"none\"}");
	else
		answer_json(r, 200, "{\"type\":\"limited\",\"value\":%lld}", (long long) c->quota);
}

void
handle_consumption(Request *r)
{
	Channel *c = &state.channels[r->channel];

	channel_month(c, now_ms());
	answer_json(r, 200, "{\"totalUsage\":%lld}", (long long) c->used);
}

/* How many were sent on a day of Japan, counted from what was accepted. */
void
handle_delivery_count(Request *r)
{
	const char *date = request_query(r, "date");
	const Route *route = route_by_name(r->arg[0]);
	int64_t sent = 0;

	if (!route || !(route->flags & ROUTE_SEND) || strcmp(r->arg[0], "narrowcast") == 0)
	{
		answer_not_found(r);
		return;
	}
	if (!date || strlen(date) != 8 || strspn(date, "0123456789") != 8)
	{
		answer_message(r, 400, "The value for the 'date' parameter is invalid");
		return;
	}
	for (size_t i = 0; i < state.accepted_count; i++)
	{
		Accepted *a = &state.accepted[i];
		time_t seconds = (time_t) (a->ms / 1000 + 9 * 3600);
		struct tm tm;
		char day[16];

		if (a->channel != r->channel || a->route != route_number(route))
			continue;
		strftime(day, sizeof(day), "%Y%m%d", gmtime_r(&seconds, &tm));
		if (strcmp(day, date) == 0)
			sent += a->count;
	}
	answer_json(r, 200, "{\"status\":\"ready\",\"success\":%lld}", (long long) sent);
}

void
handle_units(Request *r)
{
	if (strcmp(r->arg[0], "info") == 0)
		answer_json(r, 200, "{\"numOfCustomAggregationUnits\":0}");
	else if (strcmp(r->arg[0], "list") == 0)
		answer_json(r, 200, "{\"customAggregationUnits\":[]}");
	else
		answer_not_found(r);
}

void
handle_loading(Request *r)
{
	json_t *root = request_json(r, &r->body), *seconds;
	const char *chat;
	uint8_t key[LINE_ID_KEY];

	if (!root)
		return;
	chat = json_string_value(json_object_get(root, "chatId"));
	seconds = json_object_get(root, "loadingSeconds");
	if (!chat || !line_id_parse(chat, strlen(chat), key) || key[0] != 'U')
		answer_message(r, 400, "The property, chatId, in the request body is invalid (line: -, column: -)");
	else if (seconds && (!json_is_integer(seconds) || json_integer_value(seconds) < 5 ||
	                     json_integer_value(seconds) > 60 || json_integer_value(seconds) % 5 != 0))
		answer_message(r, 400, "The property, loadingSeconds, in the request body is invalid (line: -, column: -)");
	else
		answer_json(r, 202, "{}");
	json_decref(root);
}

void
handle_mark_as_read(Request *r)
{
	json_t *root = request_json(r, &r->body);
	const char *token;

	if (!root)
		return;
	token = json_string_value(json_object_get(root, "markAsReadToken"));
	if (!token || !*token)
		answer_message(r, 400, "The property, markAsReadToken, in the request body is invalid (line: -, column: -)");
	else
		answer_json(r, 200, "{}");
	json_decref(root);
}

void
handle_webhook_set(Request *r)
{
	Channel *c = &state.channels[r->channel];
	json_t *root = request_json(r, &r->body);
	const char *url;

	if (!root)
		return;
	url = json_string_value(json_object_get(root, "endpoint"));
	if (!url || strncmp(url, "https://", 8) != 0 || strlen(url) > 500)
		answer_message(r, 400, "Invalid webhook endpoint URL");
	else
	{
		free(c->webhook_url);
		c->webhook_url = must_strdup(url);
		answer_json(r, 200, "{}");
	}
	json_decref(root);
}

void
handle_webhook_get(Request *r)
{
	Channel *c = &state.channels[r->channel];

	if (!c->webhook_url)
		answer_not_found(r);
	else
		answer_object(r, 200, json_pack("{s:s, s:b}", "endpoint", c->webhook_url, "active", 1));
}

/* The sandbox calls nobody: it says what a reachable server would have caused. linecrm-sandbox webhooks --post sends
 * real ones. */
void
handle_webhook_test(Request *r)
{
	char at[32];

	iso_time(now_ms(), at);
	if (!state.channels[r->channel].webhook_url && r->body.len == 0)
		answer_not_found(r);
	else
		answer_json(r, 200,
		            "{\"success\":true,\"timestamp\":\"%s\",\"statusCode\":200,\"reason\":\"OK\",\"detail\":\"200\"}",
		            at);
}
