/*
 * render.c
 *		SQL functions that turn a message with variables into the final bytes of a request's body.
 *
 *		_render(messages, vars) -> bytea            the body, or NULL when it cannot be sent
 *		_render_problem(messages, vars) -> text[]   why not: {reason, detail}; NULL when it can
 *		_template_variables(messages, required_only) -> text[]   names, sorted; or only those without a default
 *
 * Called once per recipient of a personalised delivery: the compiled template stays with the call site (fn_extra) as
 * long as the same messages come in. Runs in any backend; reads nothing but its arguments; throws on lack of memory.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "compat.h"
#include "crm/template.h"

PG_FUNCTION_INFO_V1(linecrm_render);
PG_FUNCTION_INFO_V1(linecrm_render_problem);
PG_FUNCTION_INFO_V1(linecrm_template_variables);

typedef struct LcTemplateCache
{
	MemoryContext context; /* child of fn_mcxt, holds this template */
	Jsonb *messages;
	LcTemplate *template;
} LcTemplateCache;

static LcTemplate *cached_template(FmgrInfo *function, Jsonb *messages);
static bytea *bytes_of(StringInfo body);
static Datum reason_and_detail(const char *reason, const char *detail, int length);
static int compare_names(const void *left, const void *right);

Datum
linecrm_render(PG_FUNCTION_ARGS)
{
	StringInfoData body;
	LcFill result;
	int missing;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	initStringInfo(&body);
	result = lc_template_fill(cached_template(fcinfo->flinfo, PG_GETARG_JSONB_P(0)),
	                          PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1), &body, &missing);
	if (result == LC_FILL_MISSING || (result == LC_FILL_DOUBTFUL && lc_first_problem(body.data, body.len) != NULL))
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(bytes_of(&body));
}

Datum
linecrm_render_problem(PG_FUNCTION_ARGS)
{
	StringInfoData body;
	LcTemplate *template;
	LcFill result;
	int missing;
	char *problem;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	initStringInfo(&body);
	template = cached_template(fcinfo->flinfo, PG_GETARG_JSONB_P(0));
	result = lc_template_fill(template, PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1), &body, &missing);
	if (result == LC_FILL_MISSING)
		return reason_and_detail("missing_value", template->variables[missing].name,
		                         template->variables[missing].name_length);
	if (result == LC_FILL_DOUBTFUL && (problem = lc_first_problem(body.data, body.len)) != NULL)
		return reason_and_detail("invalid_content", problem, strlen(problem));
	PG_RETURN_NULL();
}

Datum
linecrm_template_variables(PG_FUNCTION_ARGS)
{
	LcTemplate *template = lc_template_compile(PG_GETARG_JSONB_P(0));
	bool required_only = PG_GETARG_BOOL(1);
	Datum *names = palloc(sizeof(Datum) * Max(template->variable_count, 1));
	int count = 0;

	if (template->variable_count > 0)
		qsort(template->variables, template->variable_count, sizeof(LcVariable), compare_names);
	for (int i = 0; i < template->variable_count; i++)
	{
		LcVariable *variable = &template->variables[i];

		if (!required_only || variable->required)
			names[count++] = PointerGetDatum(cstring_to_text_with_len(variable->name, variable->name_length));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The compiled form of messages, kept as long as the next call brings the same bytes. */
static LcTemplate *
cached_template(FmgrInfo *function, Jsonb *messages)
{
	LcTemplateCache *cache = function->fn_extra;
	MemoryContext old_context;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(function->fn_mcxt, sizeof(LcTemplateCache));
		cache->context = AllocSetContextCreate(function->fn_mcxt, "linecrm template", ALLOCSET_SMALL_SIZES);
		function->fn_extra = cache;
	}
	if (cache->template != NULL && VARSIZE(cache->messages) == VARSIZE(messages) &&
	    memcmp(cache->messages, messages, VARSIZE(messages)) == 0)
		return cache->template;
	cache->template = NULL;
	MemoryContextReset(cache->context);
	old_context = MemoryContextSwitchTo(cache->context);
	cache->messages = palloc(VARSIZE(messages));
	memcpy(cache->messages, messages, VARSIZE(messages));
	cache->template = lc_template_compile(cache->messages);
	MemoryContextSwitchTo(old_context);
	return cache->template;
}

static bytea *
bytes_of(StringInfo body)
{
	bytea *result = palloc(VARHDRSZ + body->len);

	SET_VARSIZE(result, VARHDRSZ + body->len);
	memcpy(VARDATA(result), body->data, body->len);
	return result;
}

static Datum
reason_and_detail(const char *reason, const char *detail, int length)
{
	Datum items[2] = {CStringGetTextDatum(reason), PointerGetDatum(cstring_to_text_with_len(detail, length))};

	return PointerGetDatum(construct_array(items, 2, TEXTOID, -1, false, TYPALIGN_INT));
}

static int
compare_names(const void *left, const void *right)
{
	return strcmp(((const LcVariable *) left)->name, ((const LcVariable *) right)->name);
}
