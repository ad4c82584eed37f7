/*
 * request_kind.h
 *		What the Messaging API offers: one row of data per endpoint.
 */
#ifndef LC_REQUEST_KIND_H
#define LC_REQUEST_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "token_bucket.h"

typedef enum LcMethod
{
	LC_GET,
	LC_POST,
	LC_PUT,
	LC_DELETE
} LcMethod;

typedef enum LcHost
{
	LC_HOST_API,     /* api.line.me, setting linecrm.api_base_url */
	LC_HOST_API_DATA /* api-data.line.me, setting linecrm.api_data_base_url */
} LcHost;

/* Where the body of the HTTP request comes from. */
typedef enum LcBodyKind
{
	LC_BODY_NONE,     /* no body at all */
	LC_BODY_MESSAGES, /* stored content with the target put in by lc_request_body; application/json */
	LC_BODY_JSON,     /* stored content as it is; application/json */
	LC_BODY_FORM,     /* stored content as it is; application/x-www-form-urlencoded */
	LC_BODY_IMAGE     /* stored bytes as they are; image/jpeg or image/png by lc_image_type() */
} LcBodyKind;

/* What lc_request_body puts into an LC_BODY_MESSAGES body. */
typedef enum LcTargetKind
{
	LC_TARGET_NONE,       /* nothing: broadcast, narrowcast, validate */
	LC_TARGET_ONE,        /* "to":"U..." (or C..., R...) */
	LC_TARGET_MANY,       /* "to":["U...",...], 1 to 500 users */
	LC_TARGET_REPLY_TOKEN /* "replyToken":"..." */
} LcTargetKind;

enum
{
	LC_KIND_SEND = 1,         /* hands messages to people: the answer is accepted/rejected/unknown, never "done" */
	LC_KIND_RETRY_KEY = 2,    /* takes X-Line-Retry-Key; on any other endpoint the header itself is answered with 400 */
	LC_KIND_IDEMPOTENT = 4,   /* doing it twice harms nobody (or the retry key makes it so): may be repeated blindly */
	LC_KIND_COUNTED = 8,      /* counts against the monthly quota of messages */
	LC_KIND_PENDING_202 = 16, /* 202 means "not ready, ask again", not success */
	LC_KIND_NO_BEARER = 32,   /* carries its credential in the body or query: no Authorization header */
	LC_KIND_SECRET = 64       /* body or answer holds a secret: neither is ever stored or shown in clear */
};

typedef struct LcRequestKind
{
	const char *name; /* the text used in the database */
	LcMethod method;
	LcHost host;
	const char *path; /* with {required} and, in the query only, {optional?} parameters */
	LcBodyKind body;
	LcTargetKind target;
	LcRate rate;       /* LINE's limit per channel for this endpoint */
	int32_t success;   /* the documented status of success */
	uint32_t flags;    /* LC_KIND_... */
	size_t answer_max; /* bytes of the answer worth keeping; a longer answer is cut there */
} LcRequestKind;

/* One parameter of a path; value need not be NUL-terminated, and is UTF-8 before percent-encoding. */
typedef struct LcPathParam
{
	const char *name;
	const char *value;
	size_t value_size;
} LcPathParam;

typedef enum LcPathStatus
{
	LC_PATH_OK,
	LC_PATH_MISSING_PARAMETER, /* a {required} one has no value */
	LC_PATH_UNKNOWN_PARAMETER, /* the template has no such name */
	LC_PATH_BAD_VALUE,         /* empty, "." or "..", a NUL, or longer than LC_PATH_VALUE_MAX */
	LC_PATH_TOO_LONG,          /* does not fit the buffer */
	LC_PATH_BAD_JSON           /* lc_request_path_json only: not an object of strings and integers */
} LcPathStatus;

#define LC_PATH_VALUE_MAX 2000 /* bytes of one parameter before encoding */
#define LC_PATH_MAX 8192       /* a buffer of this size holds every path this table can make in practice */
#define LC_MULTICAST_MAX 500   /* user ids of one multicast, "Send multicast message" */
#define LC_BODY_MAX 2000000    /* bytes of a request body; LINE says 2 MB without saying which, "Status codes" (413) */

/* The whole table, for tests and for the view that shows it. */
extern const LcRequestKind lc_request_kinds[];
extern const int lc_request_kind_count;

/* NULL when there is no kind of that name. The result is static, so its address identifies the kind. */
extern const LcRequestKind *lc_request_kind(const char *name);
extern const LcRequestKind *lc_request_kind_n(const char *name, size_t name_size);

/* Position in the table, 0 .. lc_request_kind_count - 1: an index for arrays of buckets. Not stable across versions. */
extern int lc_request_kind_index(const LcRequestKind *kind);

static inline bool
lc_kind_has(const LcRequestKind *kind, uint32_t flag)
{
	return (kind->flags & flag) != 0;
}

extern const char *lc_method_name(LcMethod method);

/* The Content-Type of a body of this kind; NULL for none and for LC_BODY_IMAGE (see lc_image_type). */
extern const char *lc_body_content_type(LcBodyKind body);

/* "image/png", "image/jpeg" by the first bytes, or NULL: LINE takes nothing else ("Upload rich menu image"). */
extern const char *lc_image_type(const void *bytes, size_t size);

/*
 * Expands the path of a kind, starting with "/" and including the query, percent-encoded (everything but RFC 3986
 * unreserved characters), NUL-terminated, into out. On failure out is an empty string (if out_size > 0), and
 * *problem (may be NULL) points at the name of the parameter concerned: into the template (then it ends at the first
 * '}' or '?') or at the caller's own name; its length is in *problem_size.
 */
extern LcPathStatus lc_request_path(const LcRequestKind *kind, const LcPathParam *params, int param_count, char *out,
                                    size_t out_size, const char **problem, size_t *problem_size);

/* The same with the parameters as the text of a JSON object of strings and integers; NULL text means none. */
extern LcPathStatus lc_request_path_json(const LcRequestKind *kind, const char *json, size_t json_size, char *out,
                                         size_t out_size);

extern const char *lc_path_status_text(LcPathStatus status);

#endif
