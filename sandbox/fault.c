/*
 * fault.c
 *		The kinds of faults, and the rules that say which request is hit.
 *
 * The first rule that matches wins; delays of other matching rules are added. "Before" kinds answer instead of handling
 *the request: nothing was accepted. The kinds that "accept" handle the request (which may of course be refused for
 *reasons of its own) and then spoil the answer: the client cannot know what happened, and only the log does. Everything
 *here runs under the state lock.
 */
#include "fault.h"
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FAULTS 256

typedef struct Rule
{
	int id;
	char *spec;
	const FaultKind *kind;
	char *route; /* name, or * */
	char *channel;
	char *words; /* in the body */
	uint8_t user[LINE_ID_KEY];
	bool has_user;
	double p;
	long nth;   /* the nth matching request only */
	long every; /* each nth */
	long attempt;
	long count;       /* -1: no limit */
	int64_t until_ms; /* real time, 0: no limit */
	long seen;
	long hits;
	int status;
	int64_t ms;
	int index;
	bool details;
} Rule;

static const FaultKind kinds[] = {
    {"429_rate", false, ACT_ANSWER, 429, "The API rate limit has been exceeded. Try again later."},
    {"429_monthly", false, ACT_ANSWER, 429, "You have reached your monthly limit."},
    {"429_user", false, ACT_ANSWER, 429, "Too many messages have been sent to this user."},
    {"400_to", false, ACT_ANSWER, 400, NULL},
    {"400_messages", false, ACT_ANSWER, 400, NULL},
    {"400_plain", false, ACT_ANSWER, 400, "Failed to send messages"},
    {"400_reply_token", false, ACT_ANSWER, 400, "Invalid reply token"},
    {"401", false, ACT_ANSWER, 401,
     "Authentication failed due to the following reason: invalid token. Confirm that the access token in the "
     "authorization header is valid."},
    {"403", false, ACT_ANSWER, 403, "Access to this API is not available for your account"},
    {"404", false, ACT_ANSWER, 404, "Not found"},
    {"408", false, ACT_ANSWER, 408, "Request timeout"},
    {"410", false, ACT_ANSWER, 410, "Gone"},
    {"413", false, ACT_ANSWER, 413, "Payload too large"},
    {"415", false, ACT_ANSWER, 415, "The content type, text/plain, is not supported"},
    {"redirect", false, ACT_ANSWER, 307, "Temporary redirect"},
    {"500_before", false, ACT_ANSWER, 500, "Internal server error"},
    {"502_before", false, ACT_HTML, 502, "Bad Gateway"},
    {"503_before", false, ACT_HTML, 503, "Service Unavailable"},
    {"504_before", false, ACT_HTML, 504, "Gateway Time-out"},
    {"silence_before", false, ACT_SILENCE, 0, NULL},
    {"reset_before", false, ACT_RESET, 0, NULL},
    {"early_answer", false, ACT_EARLY, 500, "Internal server error"},
    {"500_after", true, ACT_ANSWER, 500, "Internal server error"},
    {"502_after", true, ACT_HTML, 502, "Bad Gateway"},
    {"503_after", true, ACT_HTML, 503, "Service Unavailable"},
    {"504_after", true, ACT_HTML, 504, "Gateway Time-out"},
    {"silence_after", true, ACT_SILENCE, 0, NULL},
    {"reset_after", true, ACT_RESET, 0, NULL},
    {"cut_body", true, ACT_CUT, 0, NULL},
    {"wrong_length", true, ACT_LENGTH, 0, NULL},
    {"slow_drip", true, ACT_DRIP, 0, NULL},
    {"huge_body", true, ACT_HUGE, 0, NULL},
    {"not_json", true, ACT_NOT_JSON, 0, NULL},
    {"empty_200", true, ACT_EMPTY, 200, NULL},
    {"409_without_header", true, ACT_NO_HEADER, 409, "The retry key is already accepted"},
    {"delay", true, ACT_DELAY, 0, NULL},
    {"delay_before", false, ACT_DELAY, 0, NULL},
    {"narrowcast_failed", true, ACT_NARROWCAST, 0, NULL},
};

static Rule rules[MAX_FAULTS];
static int rule_count;
static int next_rule_id = 1;

static bool
set_kind(Rule *rule, char *value)
{
	char *number = strchr(value, '=');

	if (number)
		*number++ = '\0';
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, value) == 0)
			rule->kind = &kinds[i];
	if (!rule->kind)
		return false;
	if (number && rule->kind->act == ACT_DELAY)
		rule->ms = atol(number);
	else if (number)
		rule->status = atoi(number);
	return true;
}

/* One name=value; false: not understood. */
static bool
set_word(Rule *rule, const char *name, char *value)
{
	if (strcmp(name, "kind") == 0)
		return set_kind(rule, value);
	if (strcmp(name, "p") == 0)
		rule->p = atof(value);
	else if (strcmp(name, "nth") == 0)
		rule->nth = atol(value);
	else if (strcmp(name, "every") == 0)
		rule->every = atol(value);
	else if (strcmp(name, "attempt") == 0)
		rule->attempt = atol(value);
	else if (strcmp(name, "count") == 0)
		rule->count = atol(value);
	else if (strcmp(name, "for") == 0)
		rule->until_ms = real_ms() + (int64_t) (atof(value) * 1000);
	else if (strcmp(name, "ms") == 0)
		rule->ms = atol(value);
	else if (strcmp(name, "status") == 0)
		rule->status = atoi(value);
	else if (strcmp(name, "index") == 0)
		rule->index = atoi(value);
	else if (strcmp(name, "form") == 0)
		rule->details = strcmp(value, "details") == 0;
	else if (strcmp(name, "channel") == 0)
		rule->channel = must_strdup(value);
	else if (strcmp(name, "body") == 0)
		rule->words = must_strdup(value);
	else if (strcmp(name, "user") == 0)
		return rule->has_user = line_id_parse(value, strlen(value), rule->user);
	else
		return false;
	return true;
}

static void
free_rule(Rule *rule)
{
	free(rule->spec);
	free(rule->route);
	free(rule->channel);
	free(rule->words);
}

int
fault_add(const char *spec, char *error, size_t error_size)
{
	Rule rule = {.p = 1.0, .count = -1, .index = -1, .spec = must_strdup(spec)};
	char *copy = must_strdup(spec), *save = NULL;
	char *word = strtok_r(copy, ":", &save);

	error[0] = '\0';
	rule.route = must_strdup(word ? word : "");
	if (rule_count == MAX_FAULTS)
		snprintf(error, error_size, "too many faults: at most %d", MAX_FAULTS);
	else if (strcmp(rule.route, "*") != 0 && !route_by_name(rule.route))
		snprintf(error, error_size, "unknown endpoint \"%s\" in fault \"%s\"", rule.route, spec);
	while (!error[0] && (word = strtok_r(NULL, ":", &save)))
	{
		char *value = strchr(word, '=');

		if (!value)
			snprintf(error, error_size, "expected name=value, not \"%s\", in fault \"%s\"", word, spec);
		else
		{
			*value++ = '\0';
			if (!set_word(&rule, word, value))
				snprintf(error, error_size, "%s=%s is not understood in fault \"%s\"", word, value, spec);
		}
	}
	if (!error[0] && !rule.kind)
		snprintf(error, error_size, "fault \"%s\" has no kind=", spec);
	free(copy);
	if (error[0])
	{
		free_rule(&rule);
		return 0;
	}
	rule.id = next_rule_id++;
	rules[rule_count++] = rule;
	return rule.id;
}

/* {"endpoint":"push","kind":"500_after","p":0.1} is the spec push:kind=500_after:p=0.1; {"spec":...} is one as it is.
 */
int
fault_add_json(json_t *rule, char *error, size_t error_size)
{
	const char *spec = json_string_value(json_object_get(rule, "spec"));
	const char *endpoint = json_string_value(json_object_get(rule, "endpoint"));
	Buf b = {0};
	const char *name;
	json_t *value;
	int id;

	if (spec)
		return fault_add(spec, error, error_size);
	buf_str(&b, endpoint ? endpoint : "*");
	json_object_foreach(rule, name, value)
	{
		if (strcmp(name, "endpoint") == 0)
			continue;
		if (json_is_string(value))
			buf_printf(&b, ":%s=%s", name, json_string_value(value));
		else if (json_is_integer(value))
			buf_printf(&b, ":%s=%lld", name, (long long) json_integer_value(value));
		else if (json_is_real(value))
			buf_printf(&b, ":%s=%g", name, json_real_value(value));
		else
			buf_printf(&b, ":%s=?", name);
	}
	buf_add(&b, "", 1);
	id = fault_add(b.data, error, error_size);
	buf_free(&b);
	return id;
}

static int
find_user(const Rule *rule, const FaultCase *c)
{
	uint32_t wanted = intern_find(&state.people, rule->user);

	if (wanted == NOT_FOUND)
		return -1;
	for (size_t i = 0; i < c->people_count; i++)
		if (c->people[i] == wanted)
			return (int) i;
	return -1;
}

/* Is it this rule's business at all? place: where the user stands in "to". */
static bool
concerns(const Rule *rule, const FaultCase *c, int *place)
{
	if (c->headers_only != (rule->kind->act == ACT_EARLY))
		return false;
	if (strcmp(rule->route, "*") != 0 && strcmp(rule->route, c->route->name) != 0)
		return false;
	if (rule->channel && strcmp(rule->channel, c->channel) != 0)
		return false;
	if (rule->attempt && c->attempt != (uint32_t) rule->attempt)
		return false;
	if (rule->words && (!c->body || !memmem(c->body, c->body_len, rule->words, strlen(rule->words))))
		return false;
	if (rule->has_user)
	{
		*place = find_user(rule, c);
		return *place >= 0;
	}
	return true;
}

/* Counts the case for the rule and says whether it fires. */
static bool
fires(Rule *rule)
{
	if (rule->count == 0 || (rule->until_ms && real_ms() > rule->until_ms))
		return false;
	rule->seen++;
	if (rule->nth && rule->seen != rule->nth)
		return false;
	if (rule->every && rule->seen % rule->every != 0)
		return false;
	if (rule->p < 1.0 && random_unit() >= rule->p)
		return false;
	if (rule->count > 0)
		rule->count--;
	rule->hits++;
	return true;
}

void
fault_pick(const FaultCase *c, Fault *out)
{
	for (int i = 0; i < rule_count; i++)
	{
		Rule *rule = &rules[i];
		int place = -1;

		if (out->kind && rule->kind->act != ACT_DELAY)
			continue;
		if (!concerns(rule, c, &place) || !fires(rule))
			continue;
		if (rule->kind->act == ACT_DELAY && rule->kind->accepts)
			out->delay_after += rule->ms;
		else if (rule->kind->act == ACT_DELAY)
			out->delay_before += rule->ms;
		else
		{
			out->kind = rule->kind;
			out->status = rule->status ? rule->status : rule->kind->status;
			out->ms = rule->ms;
			out->details = rule->details;
			out->index = rule->index >= 0 ? rule->index : place;
		}
	}
}

json_t *
fault_list(void)
{
	json_t *list = json_array();

	for (int i = 0; i < rule_count; i++)
		json_array_append_new(list, json_pack("{s:i, s:s, s:I, s:I, s:I}", "id", rules[i].id, "spec", rules[i].spec,
		                                      "seen", (json_int_t) rules[i].seen, "hits", (json_int_t) rules[i].hits,
		                                      "left", (json_int_t) rules[i].count));
	return list;
}

bool
fault_remove(int id)
{
	for (int i = 0; i < rule_count; i++)
	{
		if (rules[i].id != id)
			continue;
		free_rule(&rules[i]);
		memmove(&rules[i], &rules[i + 1], (size_t) (rule_count - i - 1) * sizeof(Rule));
		rule_count--;
		return true;
	}
	return false;
}

void
fault_clear(void)
{
	while (rule_count > 0)
		free_rule(&rules[--rule_count]);
}

void
fault_kinds(Buf *out)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		buf_printf(out, "%s%s", i ? " " : "", kinds[i].name);
}

/* index: where the culprit stands, -1: the rule did not say. */
void
fault_answer(Request *r, const Fault *fault, int index)
{
	const FaultKind *kind = fault->kind;

	if (kind->act == ACT_HTML)
	{
		r->answer.status = fault->status;
		r->answer.content_type = "text/html";
		r->answer.body.len = 0;
		buf_printf(&r->answer.body, "<html><head><title>%d %s</title></head><body><h1>%d %s</h1></body></html>\n",
		           fault->status, kind->text, fault->status, kind->text);
	}
	else if (strcmp(kind->name, "400_to") == 0 && fault->details)
		answer_json(r, 400,
		            "{\"message\":\"The request body has 1 error(s)\",\"details\":[{\"message\":\"Invalid user "
		            "ID\",\"property\":\"to[%d]\"}]}",
		            index < 0 ? 0 : index);
	else if (strcmp(kind->name, "400_to") == 0)
		answer_message(r, 400, "The property, to[%d], in the request body is invalid (line: -, column: -)",
		               index < 0 ? 0 : index);
	else if (strcmp(kind->name, "400_messages") == 0)
		answer_json(r, 400,
		            "{\"message\":\"The request body has 1 error(s)\",\"details\":[{\"message\":\"Length must be "
		            "between 0 and 5000\",\"property\":\"messages[%d].text\"}]}",
		            index < 0 ? 0 : index);
	else
		answer_message(r, fault->status, "%s", kind->text ? kind->text : "");
	if (strcmp(kind->name, "redirect") == 0)
		answer_header(r, "Location", "/v2/bot/elsewhere");
}
