/*
 * event_json.c
 *		From the bytes of an event to values that PostgreSQL can hold.
 *
 * A signed body may carry \u0000 and lone surrogates in its strings; jsonb and text refuse both, and a refusal would
 *make LINE redeliver for ever. The inbox keeps the bytes as they were; what is processed reads U+FFFD in their place. A
 * backslash occurs in JSON only inside strings, so the text need not be parsed to find escapes, and the replacement is
 * as long as what it replaces.
 *
 * Runs in any backend. Throws what jsonb's input throws (a number beyond numeric, deeper nesting than the stack): then
 *the event is kept with that error. Memory is the caller's context; no locks.
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "compat.h"
#include "crm/event_json.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(linecrm__event_json);

#define LC_ESCAPE_LENGTH 6 /* \uXXXX */

static int escaped_unit(const char *text, const char *end);

/* linecrm_internal._event_json(raw bytea) returns jsonb */
Datum
linecrm__event_json(PG_FUNCTION_ARGS)
{
	bytea *raw = PG_GETARG_BYTEA_PP(0);
	int length = VARSIZE_ANY_EXHDR(raw);
	char *json = pnstrdup(VARDATA_ANY(raw), length);

	pg_verify_mbstr(PG_UTF8, json, length, false);
	event_json_make_storable(json, length);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
}

void
event_json_make_storable(char *json, int length)
{
	char *end = json + length;
	char *at = json;

	while ((at = memchr(at, '\\', end - at)) != NULL)
	{
		int unit = escaped_unit(at, end);

		if (unit < 0)
		{
			at += 2; /* another escape: \" \\ \n ... */
			if (at >= end)
				return;
			continue;
		}
		if (unit >= 0xD800 && unit <= 0xDBFF)
		{
			int next = escaped_unit(at + LC_ESCAPE_LENGTH, end);

			if (next >= 0xDC00 && next <= 0xDFFF)
			{
				at += 2 * LC_ESCAPE_LENGTH;
				continue;
			}
		}
		if (unit == 0 || (unit >= 0xD800 && unit <= 0xDFFF))
			memcpy(at + 2, "fffd", 4);
		at += LC_ESCAPE_LENGTH;
	}
}

char *
event_json_string(const char *token, int length)
{
	JsonLexContext *lex;
	char *copy;

	if (memchr(token, '\\', length) == NULL)
		return pnstrdup(token + 1, length - 2);
	copy = pnstrdup(token, length);
	event_json_make_storable(copy, length);
	lex = LC_JSON_LEXER(copy, length, true);
	if (json_lex(lex) != JSON_SUCCESS)
		elog(ERROR, "a JSON string that was read once cannot be read again");
	return lex->strval->data;
}

/* The UTF-16 unit of a \uXXXX at this place, or -1 when there is none. */
static int
escaped_unit(const char *text, const char *end)
{
	int unit = 0;

	if (end - text < LC_ESCAPE_LENGTH || text[0] != '\\' || text[1] != 'u')
		return -1;
	for (int i = 2; i < LC_ESCAPE_LENGTH; i++)
	{
		char digit = text[i];

		if (digit >= '0' && digit <= '9')
			unit = unit * 16 + digit - '0';
		else if (digit >= 'a' && digit <= 'f')
			unit = unit * 16 + digit - 'a' + 10;
		else if (digit >= 'A' && digit <= 'F')
			unit = unit * 16 + digit - 'A' + 10;
		else
			return -1;
	}
	return unit;
}
