/*
 * template.c
 *		A message with variables, taken apart once (compile) and filled in many times (fill).
 *
 * Compiling writes the body {"messages":[...]} as we will send it, in jsonb's key order and without spaces, and cuts
 * it where a variable {{name}} or {{name|default}} stands inside a string. Filling is copying literals and escaping
 * values for their place, so that a million recipients cost a second. Whether the result keeps LINE's limits is known
 * from the lengths of the strings with variables alone: each has a number of UTF-16 units up to which nothing can
 * break; only a longer one asks for the full check.
 *
 * Runs in any backend, reads no table, takes no lock. Memory is the caller's context; throws on lack of memory and on
 * JSON nested too deeply.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "crm/template.h"

/* Up to so many units a string is fine under any key that has a limit at all (image carousel labels have 12). */
#define LC_SAFE_UNITS_ANYWHERE 12
#define LC_MAX_VARIABLE_NAME 200

typedef struct LcSafeKey
{
	const char *key;
	int units;
} LcSafeKey;

/* The tightest documented limit of each key, wherever it stands; from the message reference. */
static const LcSafeKey safe_keys[] = {
    {"altText", 1500},
    {"title", 40},
    {"text", 60},
    {"data", 300},
    {"displayText", 300},
    {"fillInText", 300},
    {"uri", 1000},
    {"linkUri", 1000},
    {"originalContentUrl", 2000},
    {"previewImageUrl", 2000},
    {"url", 1000},
    {"imageUrl", 1000},
    {"thumbnailImageUrl", 1000},
};

static void compile_value(LcTemplate *template, JsonbValue *value, const char *key, int depth, bool text_v2);
static void compile_container(LcTemplate *template, JsonbContainer *container, int depth);
static void compile_string(LcTemplate *template, const char *bytes, int length, const char *key, int depth,
                           bool text_v2);
static bool next_variable(const char *bytes, int length, int from, int *start, int *stop);
static void add_variable(LcTemplate *template, const char *inside, int length, LcPlace place, int string_number);
static int variable_number(LcTemplate *template, const char *name, int length);
static void close_piece(LcTemplate *template, int variable, LcPlace place, int string_number);
static bool is_url_key(const char *key);
static bool is_text_message(JsonbContainer *container, const char *type);
static int open_string(LcTemplate *template, const char *key, int depth, bool starts_with_variable_url);
static int safe_units(const char *key, int depth);
static void append_value(StringInfo out, const char *bytes, int length, LcPlace place, int *units);
static void append_json(StringInfo out, const char *bytes, int length);
static void append_percent(StringInfo out, unsigned char byte);
static int utf16_units(const char *bytes, int length);
static bool value_text(Jsonb *vars, LcVariable *variable, const char **bytes, int *length);

LcTemplate *
lc_template_compile(Jsonb *messages)
{
	LcTemplate *template = palloc0(sizeof(LcTemplate));

	initStringInfo(&template->literals);
	appendStringInfoString(&template->literals, "{\"messages\":");
	compile_container(template, &messages->root, 0);
	appendStringInfoChar(&template->literals, '}');
	close_piece(template, -1, LC_PLACE_TEXT, 0);
	return template;
}

/* Writes the body with the values of vars, as far as it comes. */
LcFill
lc_template_fill(LcTemplate *template, Jsonb *vars, StringInfo out, int *missing)
{
	int *units = palloc(sizeof(int) * Max(template->string_count, 1));
	LcFill result = LC_FILL_OK;

	for (int i = 0; i < template->string_count; i++)
		units[i] = template->strings[i].literal_units;
	for (int i = 0; i < template->piece_count; i++)
	{
		LcPiece *piece = &template->pieces[i];
		const char *bytes;
		int length;

		appendBinaryStringInfo(out, template->literals.data + piece->literal_start, piece->literal_length);
		if (piece->variable < 0)
			continue;
		if (!value_text(vars, &template->variables[piece->variable], &bytes, &length))
		{
			if (piece->fallback == NULL)
			{
				*missing = piece->variable;
				return LC_FILL_MISSING;
			}
			bytes = piece->fallback;
			length = piece->fallback_length;
		}
		append_value(out, bytes, length, piece->place, &units[piece->string_number]);
	}
	for (int i = 0; i < template->string_count; i++)
	{
		LcTemplateString *string = &template->strings[i];

		if (units[i] > string->safe_units || units[i] == 0 || string->starts_with_variable_url)
			result = LC_FILL_DOUBTFUL;
	}
	pfree(units);
	return result;
}

static void
compile_container(LcTemplate *template, JsonbContainer *container, int depth)
{
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue value;
	bool text_v2 = is_text_message(container, "textV2");
	bool first = true;
	char *key = NULL;

	check_stack_depth();
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		switch (token)
		{
			case WJB_BEGIN_OBJECT:
				appendStringInfoChar(&template->literals, '{');
				break;
			case WJB_END_OBJECT:
				appendStringInfoChar(&template->literals, '}');
				break;
			case WJB_BEGIN_ARRAY:
				if (!value.val.array.rawScalar)
					appendStringInfoChar(&template->literals, '[');
				break;
			case WJB_END_ARRAY:
				if (!JsonContainerIsScalar(container))
					appendStringInfoChar(&template->literals, ']');
				break;
			case WJB_KEY:
				if (!first)
					appendStringInfoChar(&template->literals, ',');
				first = false;
				key = pnstrdup(value.val.string.val, value.val.string.len);
				appendStringInfoChar(&template->literals, '"');
				append_json(&template->literals, value.val.string.val, value.val.string.len);
				appendStringInfoString(&template->literals, "\":");
				break;
			case WJB_ELEM:
				if (!first)
					appendStringInfoChar(&template->literals, ',');
				first = false;
				compile_value(template, &value, "", depth, false);
				break;
			case WJB_VALUE:
				compile_value(template, &value, key, depth, text_v2);
				break;
			default:
				elog(ERROR, "unexpected token %d in jsonb", (int) token);
		}
	}
}

static void
compile_value(LcTemplate *template, JsonbValue *value, const char *key, int depth, bool text_v2)
{
	switch (value->type)
	{
		case jbvNull:
			appendStringInfoString(&template->literals, "null");
			break;
		case jbvBool:
			appendStringInfoString(&template->literals, value->val.boolean ? "true" : "false");
			break;
		case jbvNumeric:
			appendStringInfoString(&template->literals, DatumGetCString(DirectFunctionCall1(
			                                                numeric_out, NumericGetDatum(value->val.numeric))));
			break;
		case jbvString:
			compile_string(template, value->val.string.val, value->val.string.len, key, depth, text_v2);
			break;
		case jbvBinary:
			compile_container(template, value->val.binary.data, depth + 1);
			break;
		default:
			elog(ERROR, "unexpected value of type %d in jsonb", (int) value->type);
	}
}

/* A string: literals and variables in turn. depth 1 is a message object itself. */
static void
compile_string(LcTemplate *template, const char *bytes, int length, const char *key, int depth, bool text_v2)
{
	bool url = is_url_key(key);
	LcPlace place = url ? LC_PLACE_URL_PART : LC_PLACE_TEXT;
	int from = 0;
	int start;
	int stop;
	int number = -1;

	if (text_v2 && strcmp(key, "text") == 0)
		place = LC_PLACE_TEXT_V2;
	appendStringInfoChar(&template->literals, '"');
	while (next_variable(bytes, length, from, &start, &stop))
	{
		if (number < 0)
			number = open_string(template, key, depth, url && start == 0);
		append_json(&template->literals, bytes + from, start - from);
		template->strings[number].literal_units += utf16_units(bytes + from, start - from);
		add_variable(template, bytes + start + 2, stop - start - 4, url && start == 0 ? LC_PLACE_URL_START : place,
		             number);
		from = stop;
	}
	append_json(&template->literals, bytes + from, length - from);
	if (number >= 0)
		template->strings[number].literal_units += utf16_units(bytes + from, length - from);
	appendStringInfoChar(&template->literals, '"');
}

/* A new entry in strings; returns its number. */
static int
open_string(LcTemplate *template, const char *key, int depth, bool starts_with_variable_url)
{
	if (template->string_count == template->string_room)
	{
		template->string_room = Max(8, template->string_room * 2);
		template->strings = template->strings == NULL
		                        ? palloc(sizeof(LcTemplateString) * template->string_room)
		                        : repalloc(template->strings, sizeof(LcTemplateString) * template->string_room);
	}
	template->strings[template->string_count] =
	    (LcTemplateString){.safe_units = safe_units(key, depth), .starts_with_variable_url = starts_with_variable_url};
	return template->string_count++;
}

/*
 * Finds the next {{name}} or {{name|default}}: the name has no brace, bar, quote or control character and something
 * besides spaces. Anything else between braces is text.
 */
static bool
next_variable(const char *bytes, int length, int from, int *start, int *stop)
{
	for (int i = from; i + 4 < length; i++)
	{
		bool name_ends = false;
		bool named = false;

		if (bytes[i] != '{' || bytes[i + 1] != '{' || bytes[i + 2] == '{')
			continue;
		for (int j = i + 2; j + 1 < length; j++)
		{
			unsigned char c = bytes[j];

			if (c == '}' && bytes[j + 1] == '}' && named)
			{
				*start = i;
				*stop = j + 2;
				return true;
			}
			if (c == '{' || c == '}' || (!name_ends && (c < 0x20 || c == '"' || j - i > LC_MAX_VARIABLE_NAME)))
				break;
			if (c == '|' && !named)
				break;
			if (c == '|')
				name_ends = true;
			else if (c != ' ')
				named = true;
		}
	}
	return false;
}

/* inside is what stands between the braces. */
static void
add_variable(LcTemplate *template, const char *inside, int length, LcPlace place, int string_number)
{
	const char *bar = memchr(inside, '|', length);
	int name_length = bar ? bar - inside : length;
	const char *name = inside;
	int variable;
	LcPiece *piece;

	while (name_length > 0 && *name == ' ')
		name++, name_length--;
	while (name_length > 0 && name[name_length - 1] == ' ')
		name_length--;
	variable = variable_number(template, name, name_length);
	close_piece(template, variable, place, string_number);
	piece = &template->pieces[template->piece_count - 1];
	if (bar)
	{
		piece->fallback_length = length - (bar + 1 - inside);
		piece->fallback = pnstrdup(bar + 1, piece->fallback_length);
	}
	else
		template->variables[variable].required = true;
}

static int
variable_number(LcTemplate *template, const char *name, int length)
{
	LcVariable *variable;

	for (int i = 0; i < template->variable_count; i++)
	{
		variable = &template->variables[i];
		if (variable->name_length == length && memcmp(variable->name, name, length) == 0)
			return i;
	}
	if (template->variable_count == template->variable_room)
	{
		template->variable_room = Max(8, template->variable_room * 2);
		template->variables = template->variables == NULL
		                          ? palloc(sizeof(LcVariable) * template->variable_room)
		                          : repalloc(template->variables, sizeof(LcVariable) * template->variable_room);
	}
	variable = &template->variables[template->variable_count];
	variable->name = pnstrdup(name, length);
	variable->name_length = length;
	variable->required = false;
	return template->variable_count++;
}

/* Everything written to literals since the last piece, and the variable that follows it. */
static void
close_piece(LcTemplate *template, int variable, LcPlace place, int string_number)
{
	LcPiece *piece;
	int start = 0;

	if (template->piece_count > 0)
		start = template->pieces[template->piece_count - 1].literal_start +
		        template->pieces[template->piece_count - 1].literal_length;
	if (template->piece_count == template->piece_room)
	{
		template->piece_room = Max(8, template->piece_room * 2);
		template->pieces = template->pieces == NULL
		                       ? palloc(sizeof(LcPiece) * template->piece_room)
		                       : repalloc(template->pieces, sizeof(LcPiece) * template->piece_room);
	}
	piece = &template->pieces[template->piece_count++];
	*piece = (LcPiece){.literal_start = start,
	                   .literal_length = template->literals.len - start,
	                   .variable = variable,
	                   .place = place,
	                   .string_number = string_number};
}

static bool
is_url_key(const char *key)
{
	size_t length = strlen(key);

	if (strcmp(key, "desktop") == 0)
		return true;
	return length >= 3 && (pg_strcasecmp(key + length - 3, "url") == 0 || pg_strcasecmp(key + length - 3, "uri") == 0);
}

static bool
is_text_message(JsonbContainer *container, const char *type)
{
	JsonbValue value;

	if (!JsonContainerIsObject(container) || getKeyJsonValueFromContainer(container, "type", 4, &value) == NULL)
		return false;
	return value.type == jbvString && value.val.string.len == strlen(type) &&
	       memcmp(value.val.string.val, type, value.val.string.len) == 0;
}

/* The text of a message object has 5,000 units; every other key is as tight as its tightest place. */
static int
safe_units(const char *key, int depth)
{
	if (depth == 1 && strcmp(key, "text") == 0)
		return 5000;
	for (int i = 0; i < lengthof(safe_keys); i++)
	{
		if (strcmp(key, safe_keys[i].key) == 0)
			return safe_keys[i].units;
	}
	return LC_SAFE_UNITS_ANYWHERE;
}

/* The value of a variable as text. False: there is none. A number or boolean as in JSON, an object as its JSON. */
static bool
value_text(Jsonb *vars, LcVariable *variable, const char **bytes, int *length)
{
	JsonbValue value;

	if (vars == NULL || !JB_ROOT_IS_OBJECT(vars) ||
	    getKeyJsonValueFromContainer(&vars->root, variable->name, variable->name_length, &value) == NULL)
		return false;
	switch (value.type)
	{
		case jbvNull:
			return false;
		case jbvString:
			*bytes = value.val.string.val;
			*length = value.val.string.len;
			return true;
		case jbvBool:
			*bytes = value.val.boolean ? "true" : "false";
			break;
		case jbvNumeric:
			*bytes = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
			break;
		default:
			*bytes = JsonbToCString(NULL, value.val.binary.data, value.val.binary.len);
			break;
	}
	*length = strlen(*bytes);
	return true;
}

/* Appends a value escaped for its place and adds its length as LINE counts it to units. */
static void
append_value(StringInfo out, const char *bytes, int length, LcPlace place, int *units)
{
	int before = out->len;

	if (place == LC_PLACE_TEXT)
	{
		append_json(out, bytes, length);
		*units += utf16_units(bytes, length);
		return;
	}
	if (place == LC_PLACE_TEXT_V2)
	{
		for (int i = 0; i < length; i++)
		{
			if (bytes[i] == '{' || bytes[i] == '}')
			{
				appendStringInfoChar(out, bytes[i]);
				*units += 1;
			}
			append_json(out, bytes + i, 1);
		}
		*units += utf16_units(bytes, length);
		return;
	}
	for (int i = 0; i < length; i++)
	{
		unsigned char c = bytes[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		             (c != 0 && strchr("-._~", c) != NULL) ||
		             (place == LC_PLACE_URL_START && c != 0 && strchr(":/?#[]@!$&'()*+,;=%", c) != NULL);

		if (plain)
			appendStringInfoChar(out, c);
		else
			append_percent(out, c);
	}
	*units += out->len - before;
}

static void
append_percent(StringInfo out, unsigned char byte)
{
	static const char digits[] = "0123456789ABCDEF";

	appendStringInfoChar(out, '%');
	appendStringInfoChar(out, digits[byte >> 4]);
	appendStringInfoChar(out, digits[byte & 15]);
}

/* The inside of a JSON string. UTF-8 stays as it is: LINE reads it, and it is shorter. */
static void
append_json(StringInfo out, const char *bytes, int length)
{
	int from = 0;

	for (int i = 0; i < length; i++)
	{
		unsigned char c = bytes[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		appendBinaryStringInfo(out, bytes + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\')
		{
			appendStringInfoChar(out, '\\');
			appendStringInfoChar(out, c);
		}
		else if (c == '\n')
			appendStringInfoString(out, "\\n");
		else if (c == '\r')
			appendStringInfoString(out, "\\r");
		else if (c == '\t')
			appendStringInfoString(out, "\\t");
		else
			appendStringInfo(out, "\\u%04x", c);
	}
	appendBinaryStringInfo(out, bytes + from, length - from);
}

/* UTF-16 units of valid UTF-8: one for each lead byte, two for those of four bytes. */
static int
utf16_units(const char *bytes, int length)
{
	int units = 0;

	for (int i = 0; i < length; i++)
	{
		unsigned char c = bytes[i];

		if ((c & 0xC0) != 0x80)
			units += c >= 0xF0 ? 2 : 1;
	}
	return units;
}
