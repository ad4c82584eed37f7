/*
 * outcome.h
 *		What an attempt means: the answer table of the sender.
 */
#ifndef LC_OUTCOME_H
#define LC_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

#include "error_body.h"
#include "request_kind.h"

/* How the transfer itself ended, whatever the status was. */
typedef enum LcTransport
{
	LC_TRANSPORT_OK,          /* a complete answer */
	LC_TRANSPORT_NOT_SENT,    /* LINE cannot have seen it: no name, no connection, no TLS */
	LC_TRANSPORT_PERHAPS_SENT /* anything else: time-out, reset, answer cut off */
} LcTransport;

/*
 * From a CURLcode. may_have_sent: the transfer got as far as a usable connection, that is CURLINFO_PRETRANSFER_TIME_T > 0
 * or CURLINFO_REQUEST_SIZE > 0. Give it truly: a time-out while connecting is harmless, and "could not connect" may
 * follow a request that was sent. When a reused connection dies before the first byte of an answer, libcurl sends the
 * request again by itself on a new one; seen with 7.88: the server had read all of the first, the new connection was
 * refused, the code was CURLE_COULDNT_CONNECT with a request size above zero.
 * For kinds without a retry key that silent repetition must be prevented: a body given by CURLOPT_READFUNCTION without a
 * CURLOPT_SEEKFUNCTION cannot be sent twice, and the transfer ends with CURLE_SEND_FAIL_REWIND, which is "perhaps".
 */
extern LcTransport lc_transport_of_curl(int curl_code, bool may_have_sent);

typedef enum LcVerdict
{
	/* finished */
	LC_ACCEPTED,        /* sends: LINE took it (never call it delivered) */
	LC_ACCEPTED_BEFORE, /* sends, 409: an earlier attempt with this key was taken; a push's body has its messages */
	LC_DONE,            /* other kinds: there is a final answer, see `succeeded`; keep status and body */
	LC_REJECTED,        /* sends: LINE refused it for good, nobody got it */
	LC_UNKNOWN,         /* cannot be known, and must not be tried again by itself */
	/* goes on, in another shape or after somebody acted */
	LC_SPLIT,              /* nobody got it, somebody in "to" is the cause: new requests with new keys */
	LC_HOLD_DELIVERY,      /* nobody got it, the content is the cause: hold the delivery with LINE's words */
	LC_HOLD_TOKEN,         /* 401, 403: hold the channel until it has another token */
	LC_HOLD_MONTHLY_LIMIT, /* 429: hold the channel until there is quota */
	/* goes on by itself */
	LC_WAIT_RATE,      /* 429: pause the bucket of this channel and endpoint, then the same again */
	LC_RETRY,          /* nothing was done, or doing it twice is harmless: again after a back-off */
	LC_RETRY_AMBIGUOUS /* perhaps taken: same key, identical body, after a back-off, until 23 h after the first doubt */
} LcVerdict;

typedef struct LcAnswer
{
	LcTransport transport;
	int status;       /* HTTP status, 0 when none came */
	const char *body; /* as far as it came; may be NULL when body_size is 0 */
	size_t body_size;
} LcAnswer;

typedef struct LcSituation
{
	bool in_doubt;          /* ambiguous_since was set before this attempt was claimed */
	bool content_validated; /* the content passed LINE's validate endpoint */
	int recipients;         /* user ids in "to" of this attempt */
} LcSituation;

typedef struct LcOutcome
{
	LcVerdict verdict;
	bool succeeded;      /* LINE did what was asked, now or before */
	bool counted;        /* counts as an attempt (for the back-off and the record) */
	bool sets_doubt;     /* perhaps taken: ambiguous_since stays as the claim set it */
	bool restores_doubt; /* refused or never sent: ambiguous_since goes back to its value before this attempt */
	LcErrorBody error;   /* LINE's words; all empty after success */
} LcOutcome;

/*
 * Judges one finished attempt. Never fails and never throws. Of a finished request (first group of verdicts) neither
 * sets_doubt nor restores_doubt is set: its queue row is gone.
 */
extern void lc_outcome(const LcRequestKind *kind, const LcAnswer *answer, const LcSituation *situation,
                       LcOutcome *outcome);

/* "accepted", "accepted_before", "done", "rejected", "unknown", "split", "hold_delivery", "hold_token", ... */
extern const char *lc_verdict_name(LcVerdict verdict);

/* Of the first group: the request has its outcome row now. */
extern bool lc_verdict_is_final(LcVerdict verdict);

#endif
