/*
 * template.h
 *		A message with variables, taken apart once and filled in many times.
 */
#ifndef LINECRM_TEMPLATE_H
#define LINECRM_TEMPLATE_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/* Where a variable stands decides how its value is escaped; JSON string escaping comes on top of each. */
typedef enum LcPlace
{
	LC_PLACE_TEXT,
	LC_PLACE_TEXT_V2,  /* braces are doubled */
	LC_PLACE_URL_PART, /* everything but unreserved characters is percent-encoded */
	LC_PLACE_URL_START /* the value is a URL of its own: only what no URL may hold is encoded */
} LcPlace;

typedef struct LcVariable
{
	char *name;
	int name_length;
	bool required; /* stands somewhere without a default */
} LcVariable;

/* Literal bytes, followed by a variable (or by nothing when variable is -1). */
typedef struct LcPiece
{
	int literal_start;
	int literal_length;
	int variable;
	LcPlace place;
	char *fallback; /* NULL: no default */
	int fallback_length;
	int string_number; /* which of the strings with variables it belongs to */
} LcPiece;

/* A string with variables: up to safe_units UTF-16 units no limit of LINE's can be broken by it. */
typedef struct LcTemplateString
{
	int literal_units;
	int safe_units;
	bool starts_with_variable_url;
} LcTemplateString;

typedef struct LcTemplate
{
	StringInfoData literals;
	LcPiece *pieces;
	int piece_count;
	int piece_room;
	LcVariable *variables;
	int variable_count;
	int variable_room;
	LcTemplateString *strings;
	int string_count;
	int string_room;
} LcTemplate;

typedef enum LcFill
{
	LC_FILL_OK,
	LC_FILL_MISSING, /* *missing names the variable */
	LC_FILL_DOUBTFUL /* rendered, but a length asks for the full check */
} LcFill;

extern LcTemplate *lc_template_compile(Jsonb *messages);
extern LcFill lc_template_fill(LcTemplate *template, Jsonb *vars, StringInfo out, int *missing);

/* messages.c: NULL, or the first limit of LINE's that a body {"messages":[...]} breaks, as "path: problem". */
extern char *lc_first_problem(const char *body, int length);

#endif
