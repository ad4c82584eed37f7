/*
 * report.c
 *		What happened: totals, violations, and who was sent what, for the audit of losses and duplicates.
 *
 * Duplicates are computed when they are asked for, from a copy of the accepted rows, so that sending pays nothing for
 *it: all pairs (content, person) and (retry key, person) are sorted and equal neighbours counted. The list of accepted
 *deliveries is streamed, one line per recipient, ready for COPY.
 */
#include "fault.h"
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
compare_pairs(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

	return (x > y) - (x < y);
}

/* All pairs (content or key, person), sorted; with the lock. */
static uint64_t *
sorted_pairs(bool by_key, size_t *count)
{
	uint64_t *pairs = must_alloc((state.recipient_count + 1) * sizeof(uint64_t));
	size_t n = 0;

	for (size_t i = 0; i < state.accepted_count; i++)
	{
		const Accepted *a = &state.accepted[i];

		if (by_key && a->key == NOT_FOUND)
			continue;
		for (uint32_t k = 0; k < a->count; k++)
			pairs[n++] =
			    (uint64_t) (by_key ? a->key : a->content) << 31 | (state.recipients[a->start + k] & ~NOT_DELIVERED);
	}
	qsort(pairs, n, sizeof(uint64_t), compare_pairs);
	*count = n;
	return pairs;
}

static int64_t
count_duplicates(bool by_key)
{
	size_t n;
	uint64_t *pairs = sorted_pairs(by_key, &n);
	int64_t twice = 0;

	for (size_t i = 1; i < n; i++)
		twice += pairs[i] == pairs[i - 1];
	free(pairs);
	return twice;
}

static json_t *
stats_of(const Channel *c, int64_t totals[3])
{
	json_t *all = json_object();

	for (int i = 0; route_at(i); i++)
	{
		const RouteStats *s = &c->stats[i];
		json_t *statuses;

		if (s->requests == 0)
			continue;
		statuses = json_object();
		for (int k = 0; k < MAX_STATUSES && s->statuses[k].count; k++)
		{
			char name[16];

			snprintf(name, sizeof(name), "%d", s->statuses[k].status);
			json_object_set_new(statuses, s->statuses[k].status ? name : "none", json_integer(s->statuses[k].count));
		}
		json_object_set_new(all, route_at(i)->name,
		                    json_pack("{s:I, s:I, s:I, s:o}", "requests", (json_int_t) s->requests, "accepted",
		                              (json_int_t) s->accepted, "recipients", (json_int_t) s->recipients, "statuses",
		                              statuses));
		totals[0] += s->requests;
		totals[1] += s->accepted;
		totals[2] += s->recipients;
	}
	return all;
}

static json_t *
summary(void)
{
	int64_t totals[3] = {0};
	json_t *channels = json_object(), *root;
	uint64_t dropped = 0;

	for (uint64_t i = 0; i < state.recipient_count; i++)
		dropped += (state.recipients[i] & NOT_DELIVERED) != 0;
	for (int i = 0; i < state.channel_count; i++)
	{
		Channel *c = &state.channels[i];

		json_object_set_new(channels, c->name,
		                    json_pack("{s:o, s:I, s:I, s:I}", "endpoints", stats_of(c, totals), "quota",
		                              (json_int_t) c->quota, "used", (json_int_t) c->used, "friends",
		                              (json_int_t) c->friend_count));
	}
	root = json_pack("{s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I}, s:I, s:o, s:I, s:o, s:o}", "requests",
	                 (json_int_t) totals[0], "accepted_requests", (json_int_t) totals[1], "accepted_recipients",
	                 (json_int_t) totals[2], "not_delivered", (json_int_t) dropped, "duplicates", "same_key",
	                 (json_int_t) count_duplicates(true), "same_content", (json_int_t) count_duplicates(false),
	                 "in_one_request", (json_int_t) state.duplicate_in_request, "violations",
	                 (json_int_t) state.violations, "violation_list", json_deep_copy(state.violation_list),
	                 "unauthorized", (json_int_t) state.unauthorized, "faults", fault_list(), "channels", channels);
	return root;
}

/* channel, endpoint, retry key, request id, user id, SHA-256 of the messages */
static size_t
accepted_line(const Accepted *a, uint32_t recipient, char *out)
{
	char *p = out;
	const uint8_t *key = a->key == NOT_FOUND ? NULL : intern_key(&state.keys, a->key);

	p += sprintf(p, "%s\t%s\t", state.channels[a->channel].name, route_at(a->route)->name);
	if (key)
	{
		uuid_text(key + 2, p);
		p += 36;
	}
	else
		p = stpcpy(p, "\\N");
	*p++ = '\t';
	uuid_text(a->request_id, p);
	p += 36;
	*p++ = '\t';
	line_id_text(recipient & ~NOT_DELIVERED, p);
	p += 33;
	*p++ = '\t';
	hex_encode(intern_key(&state.contents, a->content) + 1, 32, p);
	p += 64;
	*p++ = '\n';
	return (size_t) (p - out);
}

#define LONGEST_LINE 320

static ssize_t
stream_accepted(Request *r, char *buf, size_t max)
{
	size_t *at = &r->cursor[0], *within = &r->cursor[1], n = 0;
	bool delivered_only = request_query(r, "delivered") != NULL;

	state_lock();
	while (*at < state.accepted_count && n + LONGEST_LINE <= max)
	{
		const Accepted *a = &state.accepted[*at];

		if (*within >= a->count)
		{
			(*at)++;
			*within = 0;
			continue;
		}
		if (!delivered_only || !(state.recipients[a->start + *within] & NOT_DELIVERED))
			n += accepted_line(a, state.recipients[a->start + *within], buf + n);
		(*within)++;
	}
	state_unlock();
	return (ssize_t) n;
}

/* Pairs accepted more than once: user id, content, how often. */
static void
list_duplicates(Request *r)
{
	size_t n, first = 0;
	uint64_t *pairs = sorted_pairs(false, &n);

	for (size_t i = 1; i <= n; i++)
	{
		char id[34], sha[65] = "";

		if (i < n && pairs[i] == pairs[first])
			continue;
		if (i - first > 1)
		{
			const uint8_t *content = intern_key(&state.contents, (uint32_t) (pairs[first] >> 31));

			line_id_text((uint32_t) (pairs[first] & 0x7fffffff), id);
			hex_encode(content + 1, 32, sha);
			buf_printf(&r->answer.body, "%s\t%s\t%s\t%zu\n", state.channels[content[0]].name, id, sha, i - first);
		}
		first = i;
	}
	free(pairs);
}

void
handle_report(Request *r)
{
	if (strcmp(r->route->path, "/sandbox/summary") == 0)
	{
		json_t *root;

		state_lock();
		root = summary();
		state_unlock();
		answer_object(r, 200, root);
		return;
	}
	answer_json(r, 200, "%s", "");
	r->answer.content_type = "text/tab-separated-values";
	if (strcmp(r->route->path, "/sandbox/accepted") == 0)
		r->stream = stream_accepted;
	else
	{
		state_lock();
		list_duplicates(r);
		state_unlock();
	}
}
