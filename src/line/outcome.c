/*
 * outcome.c
 *		From an answer to what happens next. The sender calls lc_outcome once per finished transfer, between HTTP and
 *		record; no memory of its own, nothing thrown, no clock: the 23 hours are the caller's (retry.h).
 *
 *		The rule behind every line: nobody gets a message twice. An attempt ends in one of three ways. LINE took it;
 *		LINE definitely did not (it never left, or a 4xx: "if an error is returned, no message was sent to anybody"); or
 *		we cannot know. What we cannot know is repeated only if repeating is harmless: with a retry key, or for
 *		idempotent kinds. A definite refusal speaks for its own attempt only. When an earlier attempt is still in doubt,
 *		a refusal may wait (429, 401, 403) but must not end as "rejected", be split or get another key, because that
 *		earlier attempt may have been taken: it ends as unknown.
 *
 *		Statuses that LINE does not document:
 *		1xx, 0	no final answer came: as a cut connection.
 *		2xx		any of them is acceptance; only content that is being prepared (202) is asked for again.
 *		3xx		LINE redirects nothing and redirects are not followed. Something in between answered, and 303 may
 *				follow a request that was carried out: as a 5xx for sends; final for others, since asking again
 *				changes nothing.
 *		408		a front server gave up waiting, perhaps behind our back: as a 5xx.
 *		600 on	not HTTP: as a 5xx.
 */
#include "outcome.h"

#include <curl/curl.h>
#include <string.h>

static void judge_send(const LcRequestKind *kind, const LcAnswer *answer, const LcSituation *situation, LcOutcome *out);
static void judge_refused_send(const LcRequestKind *kind, int status, const LcSituation *situation, LcOutcome *out);
static void judge_bad_request(const LcRequestKind *kind, const LcSituation *situation, LcOutcome *out);
static void judge_call(const LcRequestKind *kind, const LcAnswer *answer, LcOutcome *out);
static void unseen(const LcRequestKind *kind, LcOutcome *out);
static void again_later(LcOutcome *out, LcVerdict verdict, bool counted);
static bool no_answer(const LcAnswer *answer);

LcTransport
lc_transport_of_curl(int curl_code, bool may_have_sent)
{
	if (curl_code == CURLE_OK)
		return LC_TRANSPORT_OK;
	if (may_have_sent)
		return LC_TRANSPORT_PERHAPS_SENT;
	switch (curl_code)
	{
		/* these speak of a running exchange; if the caller says there was none, believe the worse of the two */
		case CURLE_WEIRD_SERVER_REPLY:
		case CURLE_HTTP2:
		case CURLE_PARTIAL_FILE:
		case CURLE_HTTP_RETURNED_ERROR:
		case CURLE_WRITE_ERROR:
		case CURLE_READ_ERROR:
		case CURLE_GOT_NOTHING:
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_SEND_FAIL_REWIND:
		case CURLE_CHUNK_FAILED:
		case CURLE_HTTP2_STREAM:
		case CURLE_HTTP3:
			return LC_TRANSPORT_PERHAPS_SENT;
		default:
			return LC_TRANSPORT_NOT_SENT;
	}
}

void
lc_outcome(const LcRequestKind *kind, const LcAnswer *answer, const LcSituation *situation, LcOutcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	outcome->counted = true;
	if (answer->transport == LC_TRANSPORT_NOT_SENT)
		again_later(outcome, LC_RETRY, true);
	else if (lc_kind_has(kind, LC_KIND_SEND))
		judge_send(kind, answer, situation, outcome);
	else
		judge_call(kind, answer, outcome);
}

const char *
lc_verdict_name(LcVerdict verdict)
{
	static const char *const names[] = {
	    [LC_ACCEPTED] = "accepted",
	    [LC_ACCEPTED_BEFORE] = "accepted_before",
	    [LC_DONE] = "done",
	    [LC_REJECTED] = "rejected",
	    [LC_UNKNOWN] = "unknown",
	    [LC_SPLIT] = "split",
	    [LC_HOLD_DELIVERY] = "hold_delivery",
	    [LC_HOLD_TOKEN] = "hold_token",
	    [LC_HOLD_MONTHLY_LIMIT] = "hold_monthly_limit",
	    [LC_WAIT_RATE] = "wait_rate",
	    [LC_RETRY] = "retry",
	    [LC_RETRY_AMBIGUOUS] = "retry_ambiguous",
	};

	return names[verdict];
}

bool
lc_verdict_is_final(LcVerdict verdict)
{
	return verdict <= LC_UNKNOWN;
}

static void
judge_send(const LcRequestKind *kind, const LcAnswer *answer, const LcSituation *situation, LcOutcome *out)
{
	int status = answer->status;
	bool success = status >= 200 && status <= 299;

	/*
	 * A transfer that was cut after a 2xx status line. With a retry key asking again costs nothing and brings the
	 * complete answer; a reply has none, and its status line is all the answer there will ever be.
	 */
	if (answer->transport == LC_TRANSPORT_PERHAPS_SENT && success && !lc_kind_has(kind, LC_KIND_RETRY_KEY))
	{
		out->verdict = LC_ACCEPTED;
		out->succeeded = true;
		return;
	}
	if (no_answer(answer))
	{
		unseen(kind, out);
		return;
	}
	if (success)
	{
		out->verdict = LC_ACCEPTED;
		out->succeeded = true;
		return;
	}
	lc_error_body_parse(answer->body, answer->body_size, &out->error);
	if (status < 400 || status > 499 || status == 408)
		unseen(kind, out);
	else if (status == 409 && lc_kind_has(kind, LC_KIND_RETRY_KEY))
	{
		out->verdict = LC_ACCEPTED_BEFORE;
		out->succeeded = true;
	}
	else
		judge_refused_send(kind, status, situation, out);
}

/* 4xx: this attempt reached nobody. */
static void
judge_refused_send(const LcRequestKind *kind, int status, const LcSituation *situation, LcOutcome *out)
{
	/* a narrowcast is also refused with 403 when its audience is too small, which is not the channel's fault */
	bool token = status == 401 || (status == 403 && strcmp(kind->name, "narrowcast") != 0);

	if (status == 429)
		again_later(out, out->error.monthly_limit ? LC_HOLD_MONTHLY_LIMIT : LC_WAIT_RATE, false);
	else if (token)
		again_later(out, LC_HOLD_TOKEN, false);
	else if (situation->in_doubt)
		out->verdict = LC_UNKNOWN;
	else if (status == 400)
		judge_bad_request(kind, situation, out);
	else
		out->verdict = LC_REJECTED;
}

/*
 * 400, no doubt. Whose fault? One id that LINE does not know can refuse a multicast of 500, so that is taken apart;
 * content (messages, or a property beside them) is not, since every part would be refused as well: it is held, for
 * somebody to read LINE's words. A reply is neither: its token would be dead before anybody has read anything.
 */
static void
judge_bad_request(const LcRequestKind *kind, const LcSituation *situation, LcOutcome *out)
{
	const LcErrorBody *error = &out->error;
	bool names_content = error->names_messages || (error->names_other && !error->names_to);
	bool names_nothing = !names_content && !error->names_to;

	out->verdict = LC_REJECTED;
	if (!lc_kind_has(kind, LC_KIND_RETRY_KEY))
		return;
	if (names_content)
		again_later(out, LC_HOLD_DELIVERY, true);
	else if (kind->target == LC_TARGET_MANY && situation->recipients > 1 &&
	         (error->names_to || (names_nothing && situation->content_validated)))
		again_later(out, LC_SPLIT, true);
}

/* Everything that sends no message. */
static void
judge_call(const LcRequestKind *kind, const LcAnswer *answer, LcOutcome *out)
{
	int status = answer->status;

	if (no_answer(answer))
	{
		unseen(kind, out);
		return;
	}
	if (status >= 200 && status <= 299)
	{
		if (status == 202 && lc_kind_has(kind, LC_KIND_PENDING_202))
			again_later(out, LC_RETRY, true);
		else
		{
			out->verdict = LC_DONE;
			out->succeeded = true;
		}
		return;
	}
	lc_error_body_parse(answer->body, answer->body_size, &out->error);
	if (status >= 500 || status == 408)
		unseen(kind, out);
	else if (status == 429)
		again_later(out, LC_WAIT_RATE, false);

	/*
	 * 401 is about the token. 403 is not: it also says "only verified accounts may list followers" and "the default
	 * rich menu was set elsewhere", which are answers.
	 */
	else if (status == 401 && !lc_kind_has(kind, LC_KIND_NO_BEARER))
		again_later(out, LC_HOLD_TOKEN, false);
	else
		out->verdict = LC_DONE;
}

/* We do not know whether it was done. */
static void
unseen(const LcRequestKind *kind, LcOutcome *out)
{
	if (lc_kind_has(kind, LC_KIND_RETRY_KEY))
	{
		out->verdict = LC_RETRY_AMBIGUOUS;
		out->sets_doubt = true;
	}
	else if (lc_kind_has(kind, LC_KIND_IDEMPOTENT))
		again_later(out, LC_RETRY, true);
	else
		out->verdict = LC_UNKNOWN;
}

/* Not finished, and this attempt leaves no trace at LINE. */
static void
again_later(LcOutcome *out, LcVerdict verdict, bool counted)
{
	out->verdict = verdict;
	out->counted = counted;
	out->restores_doubt = true;
}

/* No complete answer, or one that is none. */
static bool
no_answer(const LcAnswer *answer)
{
	return answer->transport != LC_TRANSPORT_OK || answer->status < 200;
}
