/*
 * scan.c
 *		A light walk over the top level of a JSON object.
 *
 * Two reasons: the content hash in the log is taken over the very bytes of "messages" as they were sent, so that it can
 *be compared with the bytes a CRM has stored; and five hundred ids are read here several times faster than through a
 *JSON tree. Whatever looks unusual makes scan_body() say no, and the caller goes the slow way. Validity of the rest is
 *the JSON parser's business.
 */
#include "scan.h"

#include <string.h>

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

/* p stands on the opening quote; returns what follows the closing one, NULL: none. */
static const char *
skip_string(const char *p, const char *end)
{
	for (p++; p < end; p++)
	{
		if (*p == '\\')
			p++;
		else if (*p == '"')
			return p + 1;
	}
	return NULL;
}

static const char *
skip_value(const char *p, const char *end)
{
	int depth = 0;

	while (p < end)
	{
		if (*p == '"')
		{
			p = skip_string(p, end);
			if (!p || depth == 0)
				return p;
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
		{
			if (depth == 0)
				return p;
			if (--depth == 0)
				return p + 1;
		}
		else if (depth == 0 && (*p == ',' || *p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
			return p;
		p++;
	}
	return NULL;
}

bool
scan_body(const char *body, size_t len, Span *to, Span *messages)
{
	const char *p = skip_space(body, body + len), *end = body + len;

	to->len = messages->len = 0;
	if (p == end || *p++ != '{')
		return false;
	for (;;)
	{
		const char *name, *value;
		size_t name_len;

		name = p = skip_space(p, end);
		if (p == end || *p != '"' || !(p = skip_string(p, end)))
			return false;
		name_len = (size_t) (p - name);
		p = skip_space(p, end);
		if (p == end || *p != ':')
			return false;
		value = skip_space(p + 1, end);
		if (!(p = skip_value(value, end)))
			return false;
		if (name_len == 4 && memcmp(name, "\"to\"", 4) == 0)
			*to = (Span){(size_t) (value - body), (size_t) (p - value)};
		else if (name_len == 10 && memcmp(name, "\"messages\"", 10) == 0)
			*messages = (Span){(size_t) (value - body), (size_t) (p - value)};
		p = skip_space(p, end);
		if (p < end && *p == ',')
			p++;
		else
			return p < end && *p == '}';
	}
}

/* The next plain string of an array, without its quotes (*p behind it, then a comma or the bracket); false: not one. */
bool
scan_id(const char **p, const char *end, const char **id)
{
	const char *s = skip_space(*p, end);

	if (end - s < 36 || s[0] != '"' || s[34] != '"' || memchr(s + 1, '"', 33) || memchr(s + 1, '\\', 33))
		return false;
	*id = s + 1;
	s = skip_space(s + 35, end);
	if (s >= end || (*s != ',' && *s != ']'))
		return false;
	*p = s;
	return true;
}
