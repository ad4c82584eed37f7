/*
 * message_check.c
 *		The tools of the message checks: a path, a report, and one function per kind of value.
 *
 *		Runs in backends on what people type, so input may be anything that parses as JSON. No recursion here; memory
 *		only inside lc_grapheme_count. The path holds our own key names and numbers, never text of the input (keys of a
 *		substitution only after their characters were checked), so it is always printable.
 */
#include "message_check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "utf16.h"

#define VARIABLE_MAX 400 /* bytes of {{name|default}} */

static void append_path(LcCheck *check, const char *text);
static json_t *member(LcCheck *check, json_t *parent, const char *key, LcNeed need);
static int64_t text_length(LcCheck *check, const char *text, size_t size, LcUnit unit);
static size_t variable_size(LcCheck *check, const char *text, size_t size);
static const char *url_problem(LcCheck *check, const char *url, size_t size, LcUrlKind kind);
static bool starts_with(const char *text, size_t size, const char *prefix);

size_t
lc_check_enter(LcCheck *check, const char *key)
{
	size_t mark = check->path_size;

	if (mark > 0)
		append_path(check, ".");
	append_path(check, key);
	return mark;
}

size_t
lc_check_enter_index(LcCheck *check, size_t index)
{
	size_t mark = check->path_size;
	char text[32];

	snprintf(text, sizeof(text), "[%zu]", index);
	append_path(check, text);
	return mark;
}

void
lc_check_leave(LcCheck *check, size_t mark)
{
	check->path_size = mark;
	check->path[mark] = '\0';
}

void
lc_check_problem(LcCheck *check, const char *key, const char *problem, int64_t limit, int64_t actual)
{
	size_t mark = check->path_size;
	LcProblem report = {check->path, problem, limit, actual};

	if (check->problems++ >= LC_PROBLEMS_MAX)
		return;
	if (key != NULL)
		lc_check_enter(check, key);
	check->report(check->arg, &report);
	lc_check_leave(check, mark);
}

json_t *
lc_check_object(LcCheck *check, json_t *parent, const char *key, LcNeed need)
{
	json_t *value = member(check, parent, key, need);

	if (value == NULL || json_is_object(value))
		return value;
	lc_check_problem(check, key, "not an object", -1, -1);
	return NULL;
}

json_t *
lc_check_array(LcCheck *check, json_t *parent, const char *key, LcNeed need, size_t min, size_t max)
{
	json_t *value = member(check, parent, key, need);
	size_t count;

	if (value == NULL)
		return NULL;
	if (!json_is_array(value))
	{
		lc_check_problem(check, key, "not an array", -1, -1);
		return NULL;
	}
	count = json_array_size(value);
	if (count < min)
		lc_check_problem(check, key, "too few elements", (int64_t) min, (int64_t) count);
	if (count > max)
		lc_check_problem(check, key, "too many elements", (int64_t) max, (int64_t) count);
	return value;
}

json_t *
lc_check_string(LcCheck *check, json_t *parent, const char *key, LcNeed need)
{
	json_t *value = member(check, parent, key, need);

	if (value == NULL)
		return NULL;
	if (!json_is_string(value))
	{
		lc_check_problem(check, key, "not a string", -1, -1);
		return NULL;
	}
	if (memchr(json_string_value(value), '\0', json_string_length(value)) != NULL)
		lc_check_problem(check, key, "contains the character U+0000", -1, -1);
	if (need == LC_REQUIRED && json_string_length(value) == 0)
		lc_check_problem(check, key, "empty", 1, 0);
	return value;
}

void
lc_check_boolean(LcCheck *check, json_t *parent, const char *key)
{
	json_t *value = member(check, parent, key, LC_OPTIONAL);

	if (value != NULL && !json_is_boolean(value))
		lc_check_problem(check, key, "not true or false", -1, -1);
}

/* Required. */
void
lc_check_number(LcCheck *check, json_t *parent, const char *key, double min, double max)
{
	json_t *value = member(check, parent, key, LC_REQUIRED);

	if (value == NULL)
		return;
	if (!json_is_number(value))
		lc_check_problem(check, key, "not a number", -1, -1);
	else if (json_number_value(value) < min || json_number_value(value) > max)
		lc_check_problem(check, key, "out of range", -1, -1);
}

bool
lc_check_integer(LcCheck *check, json_t *parent, const char *key, LcNeed need, int64_t min, int64_t *value)
{
	json_t *found = member(check, parent, key, need);

	if (found == NULL)
		return false;
	if (!json_is_integer(found))
	{
		lc_check_problem(check, key, "not a whole number", -1, -1);
		return false;
	}
	if (json_integer_value(found) < min)
	{
		lc_check_problem(check, key, "too small", min, json_integer_value(found));
		return false;
	}
	if (value != NULL)
		*value = json_integer_value(found);
	return true;
}

json_t *
lc_check_text(LcCheck *check, json_t *parent, const char *key, LcNeed need, LcUnit unit, int64_t max)
{
	json_t *value = lc_check_string(check, parent, key, need);
	int64_t length;

	if (value == NULL)
		return NULL;
	length = text_length(check, json_string_value(value), json_string_length(value), unit);
	if (length < 0)
		lc_check_problem(check, key, "cannot be measured: out of memory", -1, -1);
	else if (length > max)
		lc_check_problem(check, key,
		                 unit == LC_UTF16 ? "too long, counted in UTF-16 code units"
		                                  : "too long, counted in grapheme clusters",
		                 max, length);
	return value;
}

void
lc_check_charset(LcCheck *check, json_t *parent, const char *key, LcNeed need, const char *more, int64_t max)
{
	json_t *value = lc_check_text(check, parent, key, need, LC_UTF16, max);
	const char *text = value == NULL ? "" : json_string_value(value);
	size_t size = value == NULL ? 0 : json_string_length(value);

	for (size_t i = 0; i < size;)
	{
		size_t variable = variable_size(check, text + i, size - i);
		char c = text[i];

		if (variable > 0)
			i += variable;
		else if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		         (c != '\0' && strchr(more, c) != NULL))
			i++;
		else
		{
			lc_check_problem(check, key, "contains a character that is not allowed", -1, -1);
			return;
		}
	}
}

const char *
lc_check_word(LcCheck *check, json_t *parent, const char *key, LcNeed need, const char *const *words)
{
	json_t *value = lc_check_string(check, parent, key, need);

	if (value == NULL)
		return NULL;
	for (; *words != NULL; words++)
		if (strlen(*words) == json_string_length(value) && strcmp(*words, json_string_value(value)) == 0)
			return *words;
	if (json_string_length(value) > 0)
		lc_check_problem(check, key, "unknown value", -1, -1);
	return NULL;
}

void
lc_check_url(LcCheck *check, json_t *parent, const char *key, LcNeed need, LcUrlKind kind, int64_t max)
{
	json_t *value = lc_check_text(check, parent, key, need, LC_UTF16, max);
	const char *problem;

	/* an empty one was reported if it is required, and is no URL if it is not */
	if (value == NULL || (need == LC_REQUIRED && json_string_length(value) == 0))
		return;
	problem = url_problem(check, json_string_value(value), json_string_length(value), kind);
	if (problem != NULL)
		lc_check_problem(check, key, problem, -1, -1);
}

void
lc_check_aspect_ratio(LcCheck *check, json_t *parent)
{
	json_t *value = lc_check_string(check, parent, "aspectRatio", LC_OPTIONAL);
	int64_t sides[2] = {0, 0};
	int side = 0;

	if (value == NULL)
		return;
	for (size_t i = 0; i < json_string_length(value); i++)
	{
		char c = json_string_value(value)[i];

		if (c == ':' && side == 0)
			side = 1;
		else if (c >= '0' && c <= '9' && sides[side] <= 100000)
			sides[side] = sides[side] * 10 + (c - '0');
		else
			side = 2;
		if (side == 2)
			break;
	}
	if (side != 1 || sides[0] < 1 || sides[1] < 1 || sides[0] > 100000 || sides[1] > 100000)
		lc_check_problem(check, "aspectRatio", "not width:height with numbers from 1 to 100000", -1, -1);
	else if (sides[1] > 3 * sides[0])
		lc_check_problem(check, "aspectRatio", "height is more than three times the width", 3 * sides[0], sides[1]);
}

void
lc_check_area(LcCheck *check, json_t *parent, LcNeed need)
{
	json_t *area = lc_check_object(check, parent, "area", need);
	size_t mark;

	if (area == NULL)
		return;
	mark = lc_check_enter(check, "area");
	lc_check_integer(check, area, "x", LC_REQUIRED, 0, NULL);
	lc_check_integer(check, area, "y", LC_REQUIRED, 0, NULL);
	lc_check_integer(check, area, "width", LC_REQUIRED, 1, NULL);
	lc_check_integer(check, area, "height", LC_REQUIRED, 1, NULL);
	lc_check_leave(check, mark);
}

/* What does not fit is left out; the depth limit keeps that from happening in practice. */
static void
append_path(LcCheck *check, const char *text)
{
	size_t size = strlen(text);

	if (size >= sizeof(check->path) - check->path_size)
		return;
	memcpy(check->path + check->path_size, text, size + 1);
	check->path_size += size;
}

/* Properties without a value may be left out or null. */
static json_t *
member(LcCheck *check, json_t *parent, const char *key, LcNeed need)
{
	json_t *value = json_object_get(parent, key);

	if (value != NULL && !json_is_null(value))
		return value;
	if (need == LC_REQUIRED)
		lc_check_problem(check, key, "missing", -1, -1);
	return NULL;
}

/* Of a template, the parts between variables. */
static int64_t
text_length(LcCheck *check, const char *text, size_t size, LcUnit unit)
{
	int64_t length = 0;
	size_t start = 0;

	for (size_t i = 0; i <= size;)
	{
		size_t variable = i < size ? variable_size(check, text + i, size - i) : 0;
		int64_t part;

		if (i < size && variable == 0)
		{
			i++;
			continue;
		}
		part = unit == LC_UTF16 ? lc_utf16_length(text + start, i - start) : lc_grapheme_count(text + start, i - start);
		if (part < 0)
			return -1;
		length += part;
		if (i == size)
			break;
		i += variable;
		start = i;
	}
	return length;
}

/* Bytes of the {{variable}} that starts here, 0 when none does. */
static size_t
variable_size(LcCheck *check, const char *text, size_t size)
{
	if (!(check->flags & LC_CHECK_TEMPLATE) || size < 4 || text[0] != '{' || text[1] != '{')
		return 0;
	/* bounded, so that a text of braces only does not take the square of its length */
	for (size_t i = 2; i + 1 < size && i < VARIABLE_MAX && text[i] != '\n'; i++)
		if (text[i] == '}' && text[i + 1] == '}')
			return i + 2;
	return 0;
}

/* Scheme, something behind it, and only characters that a percent-encoded URL has. */
static const char *
url_problem(LcCheck *check, const char *url, size_t size, LcUrlKind kind)
{
	bool variable_first = variable_size(check, url, size) > 0;

	if (kind == LC_URL_HTTPS && !variable_first && (!starts_with(url, size, "https://") || size == 8))
		return "not a URL that starts with https://";
	if (kind == LC_URL_ACTION && !variable_first && !starts_with(url, size, "https://") &&
	    !starts_with(url, size, "http://") && !starts_with(url, size, "line:") && !starts_with(url, size, "tel:"))
		return "not a URI with one of the schemes http, https, line and tel";
	for (size_t i = 0; i < size;)
	{
		size_t variable = variable_size(check, url + i, size - i);
		unsigned char c = (unsigned char) url[i];

		if (variable == 0 && (c <= 0x20 || c >= 0x7f))
			return "not percent-encoded: a URL has no spaces and only ASCII characters";
		i += variable > 0 ? variable : 1;
	}
	return NULL;
}

static bool
starts_with(const char *text, size_t size, const char *prefix)
{
	size_t length = strlen(prefix);

	return size >= length && strncasecmp(text, prefix, length) == 0;
}
