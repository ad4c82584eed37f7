/*
 * answer.c
 *		Answers in LINE's form, and reading a JSON body with LINE's words for what is wrong with it.
 */
#include "sandbox.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
start(Request *r, int status)
{
	r->answer.status = status;
	r->answer.content_type = "application/json";
	r->answer.body.len = 0;
}

void
answer_json(Request *r, int status, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	int n;

	start(r, status);
	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n > 0)
		buf_add(&r->answer.body, text, (size_t) n);
	free(text);
}

/* Takes the object over. */
void
answer_object(Request *r, int status, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	start(r, status);
	if (text)
		buf_str(&r->answer.body, text);
	free(text);
	json_decref(object);
}

/* {"message": ...} */
void
answer_message(Request *r, int status, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	int n;

	start(r, status);
	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	buf_str(&r->answer.body, "{\"message\":");
	buf_json(&r->answer.body, n > 0 ? text : "", n > 0 ? (size_t) n : 0);
	buf_str(&r->answer.body, "}");
	free(text);
}

void
answer_not_found(Request *r)
{
	answer_message(r, 404, "Not found");
}

void
answer_header(Request *r, const char *name, const char *value)
{
	r->answer.header_name = name;
	snprintf(r->answer.header_value, sizeof(r->answer.header_value), "%s", value);
}

/* The body as a JSON object; otherwise NULL, and the answer is made. */
json_t *
request_json(Request *r, Buf *body)
{
	json_error_t error;
	json_t *root = json_loadb(body->data ? body->data : "", body->len, JSON_ALLOW_NUL, &error);

	if (!root)
	{
		answer_message(r, 400, "The request body could not be parsed as JSON (line: %d, column: %d)",
		               error.line < 1 ? 1 : error.line, error.column < 1 ? 1 : error.column);
		return NULL;
	}
	if (!json_is_object(root))
	{
		json_decref(root);
		answer_message(r, 400, "The request body could not be parsed as JSON (line: 1, column: 1)");
		return NULL;
	}
	return root;
}
