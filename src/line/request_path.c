/*
 * request_path.c
 *		Expands the path templates of request_kind.c.
 *
 *		Parameters come from users' data (an id out of an owner's table), so a value can never change which endpoint is
 *		called: everything but unreserved characters is percent-encoded, and "", "." and ".." are refused because curl
 *		and servers fold them into another path. No allocation, except by jansson in lc_request_path_json.
 */
#include "request_kind.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define MAX_PARAMS 16

typedef struct Output
{
	char *data;
	size_t size;
	size_t room; /* without the terminating NUL */
	bool full;
} Output;

/* One {name} or {name?} of a template. */
typedef struct PathSlot
{
	const char *name;
	size_t name_size;
	bool optional;
	const char *end; /* behind the brace */
} PathSlot;

static LcPathStatus expand(const char *template, const LcPathParam *params, int param_count, Output *out,
                           PathSlot *at);
static LcPathStatus put_value(Output *out, const LcPathParam *param);
static void put(Output *out, const char *bytes, size_t size);
static PathSlot read_path_slot(const char *brace);
static const LcPathParam *find_param(const LcPathParam *params, int count, const PathSlot *at);
static const LcPathParam *find_unknown(const char *template, const LcPathParam *params, int count);

LcPathStatus
lc_request_path(const LcRequestKind *kind, const LcPathParam *params, int param_count, char *out, size_t out_size,
                const char **problem, size_t *problem_size)
{
	Output output = {out, 0, out_size > 0 ? out_size - 1 : 0, out_size == 0};
	PathSlot at = {"", 0, false, NULL};
	const LcPathParam *unknown = find_unknown(kind->path, params, param_count);
	LcPathStatus status = LC_PATH_UNKNOWN_PARAMETER;

	if (unknown != NULL)
	{
		at.name = unknown->name;
		at.name_size = strlen(unknown->name);
	}
	else
		status = expand(kind->path, params, param_count, &output, &at);
	if (status == LC_PATH_OK && output.full)
		status = LC_PATH_TOO_LONG;
	if (out_size > 0)
		out[status == LC_PATH_OK ? output.size : 0] = '\0';
	if (problem != NULL)
		*problem = at.name;
	if (problem_size != NULL)
		*problem_size = at.name_size;
	return status;
}

LcPathStatus
lc_request_path_json(const LcRequestKind *kind, const char *json, size_t json_size, char *out, size_t out_size)
{
	LcPathParam params[MAX_PARAMS];
	char numbers[MAX_PARAMS][24];
	int count = 0;
	LcPathStatus status = LC_PATH_OK;
	/* not json_object(): inside a server that name is PostgreSQL's own function */
	json_t *root = json == NULL ? json_pack("{}") : json_loadb(json, json_size, JSON_REJECT_DUPLICATES, NULL);
	const char *name;
	json_t *value;

	if (out_size > 0)
		out[0] = '\0';
	if (!json_is_object(root))
	{
		json_decref(root);
		return LC_PATH_BAD_JSON;
	}
	json_object_foreach(root, name, value)
	{
		if (count == MAX_PARAMS || (!json_is_string(value) && !json_is_integer(value)))
		{
			status = LC_PATH_BAD_JSON;
			break;
		}
		params[count].name = name;
		params[count].value = json_is_string(value) ? json_string_value(value) : numbers[count];
		params[count].value_size = json_is_string(value)
		                               ? json_string_length(value)
		                               : (size_t) snprintf(numbers[count], sizeof(numbers[count]),
		                                                   "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		count++;
	}
	if (status == LC_PATH_OK)
		status = lc_request_path(kind, params, count, out, out_size, NULL, NULL);
	json_decref(root);
	return status;
}

const char *
lc_path_status_text(LcPathStatus status)
{
	switch (status)
	{
		case LC_PATH_OK:
			return "ok";
		case LC_PATH_MISSING_PARAMETER:
			return "a parameter of the path is missing";
		case LC_PATH_UNKNOWN_PARAMETER:
			return "the path has no such parameter";
		case LC_PATH_BAD_VALUE:
			return "a parameter of the path is empty, too long or not allowed";
		case LC_PATH_TOO_LONG:
			return "the path is too long";
		case LC_PATH_BAD_JSON:
			return "the parameters are not a JSON object of strings and integers";
	}
	return "unknown";
}

/* Copies the template; a query pair whose optional parameter is absent is left out with its separator. */
static LcPathStatus
expand(const char *template, const LcPathParam *params, int param_count, Output *out, PathSlot *at)
{
	const char *cursor = template;
	size_t pair = 0; /* where the present query pair starts in the output: at its separator */
	bool in_query = false;
	bool first_pair = true;

	while (*cursor != '\0')
	{
		const LcPathParam *param;
		LcPathStatus status;

		if (*cursor != '{')
		{
			if (*cursor == '?' || (in_query && *cursor == '&'))
			{
				in_query = true;
				pair = out->size;
				put(out, first_pair ? "?" : "&", 1);
			}
			else
				put(out, cursor, 1);
			cursor++;
			continue;
		}
		*at = read_path_slot(cursor);
		cursor = at->end;
		param = find_param(params, param_count, at);
		if (param == NULL && !at->optional)
			return LC_PATH_MISSING_PARAMETER;
		if (param == NULL)
		{
			out->size = pair;
			continue;
		}
		status = put_value(out, param);
		if (status != LC_PATH_OK)
			return status;
		first_pair = first_pair && !in_query;
	}
	return LC_PATH_OK;
}

static LcPathStatus
put_value(Output *out, const LcPathParam *param)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *value = param->value;
	size_t size = param->value_size;

	if (size == 0 || size > LC_PATH_VALUE_MAX || memchr(value, '\0', size) != NULL)
		return LC_PATH_BAD_VALUE;
	if (value[0] == '.' && (size == 1 || (size == 2 && value[1] == '.')))
		return LC_PATH_BAD_VALUE;
	for (size_t i = 0; i < size; i++)
	{
		unsigned char c = (unsigned char) value[i];
		char encoded[3] = {'%', digits[c >> 4], digits[c & 15]};

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c) != NULL)
			put(out, &value[i], 1);
		else
			put(out, encoded, 3);
	}
	return LC_PATH_OK;
}

static void
put(Output *out, const char *bytes, size_t size)
{
	if (out->full || size > out->room - out->size)
	{
		out->full = true;
		return;
	}
	memcpy(out->data + out->size, bytes, size);
	out->size += size;
}

static PathSlot
read_path_slot(const char *brace)
{
	PathSlot found = {brace + 1, strcspn(brace + 1, "?}"), false, NULL};

	found.optional = brace[1 + found.name_size] == '?';
	found.end = brace + 1 + found.name_size + (found.optional ? 2 : 1);
	return found;
}

static const LcPathParam *
find_param(const LcPathParam *params, int count, const PathSlot *at)
{
	for (int i = 0; i < count; i++)
		if (strlen(params[i].name) == at->name_size && memcmp(params[i].name, at->name, at->name_size) == 0)
			return &params[i];
	return NULL;
}

/* A misspelt optional parameter would otherwise be left out in silence. */
static const LcPathParam *
find_unknown(const char *template, const LcPathParam *params, int count)
{
	for (int i = 0; i < count; i++)
	{
		bool known = false;

		for (const char *brace = strchr(template, '{'); brace != NULL && !known; brace = strchr(brace + 1, '{'))
		{
			PathSlot at = read_path_slot(brace);

			known = strlen(params[i].name) == at.name_size && memcmp(params[i].name, at.name, at.name_size) == 0;
		}
		if (!known)
			return &params[i];
	}
	return NULL;
}
