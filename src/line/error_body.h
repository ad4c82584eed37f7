/*
 * error_body.h
 *		What LINE says when it refuses.
 */
#ifndef LC_ERROR_BODY_H
#define LC_ERROR_BODY_H

#include <stdbool.h>
#include <stddef.h>

#define LC_ERROR_DETAILS 4      /* so many details are kept; the body has the rest */
#define LC_ERROR_TEXT 512       /* bytes with the terminating NUL; longer texts are cut between characters */
#define LC_ERROR_PROPERTY 128   /* the same for a property */
#define LC_ERROR_BODY_MAX 65536 /* bytes of a body that are parsed; an error of LINE has a few hundred */

typedef struct LcErrorDetail
{
	char message[LC_ERROR_TEXT];
	char property[LC_ERROR_PROPERTY]; /* "messages[0].text", "to[1]"; empty when not given */
} LcErrorDetail;

/*
 * Both forms of LINE: {"message":...,"details":[{"message":...,"property":...}]} ("Error responses") and
 * {"error":...,"error_description":...} (channel access token reference). Everything may be missing or null.
 * When the body is no JSON object (cut, HTML of a proxy, empty) the message is its beginning, made printable.
 */
typedef struct LcErrorBody
{
	bool is_json;
	char message[LC_ERROR_TEXT]; /* UTF-8, no control characters; empty when there is none */
	int detail_count;            /* as many as are kept */
	LcErrorDetail details[LC_ERROR_DETAILS];
	bool names_messages;  /* a property or the text points into "messages" */
	bool names_to;        /* ... into "to" */
	bool names_other;     /* ... at something else */
	bool monthly_limit;   /* the text of the monthly limit */
	bool one_user;        /* a limit, not of the endpoint: "too many messages to this user" (no text is documented) */
	bool bad_reply_token; /* "Invalid reply token" */
} LcErrorBody;

/* body may be NULL when size is 0. Never fails: what cannot be read is left empty. */
extern void lc_error_body_parse(const char *body, size_t size, LcErrorBody *error);

#endif
