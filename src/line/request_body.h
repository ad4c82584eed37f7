/*
 * request_body.h
 *		The body of a request that sends messages: stored content plus target.
 */
#ifndef LC_REQUEST_BODY_H
#define LC_REQUEST_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "id.h"
#include "json_writer.h"
#include "request_kind.h"

/* Whom a message is for: users; or with user_count 0 a text, which is a chat's id or a reply token. */
typedef struct LcTarget
{
	const uint8_t (*users)[LC_USER_ID_SIZE]; /* go out in the order given */
	int user_count;                          /* LC_TARGET_MANY: 1 to 500; LC_TARGET_ONE: 1, or 0 and a chat's id */
	const char *text;                        /* U, C or R form of a chat's id; or the reply token */
	size_t text_size;
} LcTarget;

typedef enum LcBodyStatus
{
	LC_BODY_OK,
	LC_BODY_BAD_CONTENT, /* the content is not an object: does not start with '{' and end with '}' */
	LC_BODY_BAD_TARGET,  /* nobody, more than 500, a malformed chat id, an empty or overlong reply token */
	LC_BODY_TOO_LARGE    /* over LC_BODY_MAX or the buffer's max, or no memory */
} LcBodyStatus;

#define LC_REPLY_TOKEN_MAX 512

/*
 * Resets out and writes the body into it. The content is the stored text of a complete JSON object without target, for
 * example {"messages":[...],"notificationDisabled":true}; its bytes go out unchanged, with
 *
 *		"to":"U...",  or  "to":["U...",...],  or  "replyToken":"...",
 *
 * put directly after the opening brace. Same arguments, same bytes, in every version: LINE asks for an identical body
 * on every attempt with one retry key ("Retry failed API requests").
 * For kinds with another body (LC_BODY_JSON...) or without target the content is copied as it is; target may be NULL.
 */
extern LcBodyStatus lc_request_body(LcBuffer *out, const LcRequestKind *kind, const char *content, size_t content_size,
                                    const LcTarget *target);

extern const char *lc_body_status_text(LcBodyStatus status);

#endif
