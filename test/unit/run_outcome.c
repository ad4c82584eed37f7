/* outcome.c: the whole answer table, row by row, with and without an earlier attempt in doubt. */
#include "check.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "line/outcome.h"

#define OK LC_TRANSPORT_OK
#define NOT_SENT LC_TRANSPORT_NOT_SENT
#define PERHAPS LC_TRANSPORT_PERHAPS_SENT

#define RATE "{\"message\":\"The API rate limit has been exceeded. Try again later.\"}"
#define MONTHLY "{\"message\":\"You have reached your monthly limit.\"}"
#define NAMES_TO "{\"message\":\"The property, to[1], in the request body is invalid (line: -, column: -)\"}"
#define NAMES_TO_DETAIL "{\"message\":\"The request body has 1 error(s)\",\"details\":[{\"message\":\"x\",\"property\":\"to[17]\"}]}"
#define NAMES_MESSAGES "{\"message\":\"The request body has 2 error(s)\",\"details\":[{\"message\":\"May not be empty\",\"property\":\"messages[0].text\"},{\"message\":\"x\",\"property\":\"messages[1].type\"}]}"
#define NAMES_BOTH "{\"message\":\"x\",\"details\":[{\"property\":\"to[0]\"},{\"property\":\"messages[0]\"}]}"
#define NAMES_OTHER "{\"message\":\"The property, 'notificationDisabled', in the request body is invalid\"}"
#define NAMES_UNIT "{\"message\":\"x\",\"details\":[{\"property\":\"customAggregationUnits[0]\"}]}"
#define NAMES_NOTHING "{\"message\":\"Failed to send messages\"}"
#define REPLY_TOKEN "{\"message\":\"Invalid reply token\"}"
#define DUPLICATE "{\"message\":\"The retry key is already accepted\",\"sentMessages\":[{\"id\":\"1\"}]}"

/* Situations */
#define NEW {false, false, 500}
#define VALIDATED {false, true, 500}
#define ONE {false, true, 1}
#define DOUBT {true, true, 500}

/* What follows for the queue row: c = counted, d = sets doubt, r = restores the earlier value, s = succeeded. */
static const struct
{
	const char *kind;
	LcTransport transport;
	int status;
	const char *body;
	LcSituation situation;
	LcVerdict verdict;
	const char *effects;
} cases[] = {
	/* taken */
	{"push", OK, 200, "{\"sentMessages\":[{\"id\":\"1\"}]}", NEW, LC_ACCEPTED, "cs"},
	{"push", OK, 200, "{}", DOUBT, LC_ACCEPTED, "cs"},
	{"push", OK, 200, "", NEW, LC_ACCEPTED, "cs"},
	{"push", OK, 200, "<html>", NEW, LC_ACCEPTED, "cs"},
	{"push", OK, 202, "", NEW, LC_ACCEPTED, "cs"}, /* not the documented one, and 2xx all the same */
	{"push", OK, 204, "", NEW, LC_ACCEPTED, "cs"},
	{"push", OK, 299, "", NEW, LC_ACCEPTED, "cs"},
	{"multicast", OK, 200, "{}", NEW, LC_ACCEPTED, "cs"},
	{"narrowcast", OK, 202, "{}", NEW, LC_ACCEPTED, "cs"},
	{"reply", OK, 200, "{\"sentMessages\":[]}", NEW, LC_ACCEPTED, "cs"},
	{"push", OK, 409, DUPLICATE, DOUBT, LC_ACCEPTED_BEFORE, "cs"},
	{"push", OK, 409, DUPLICATE, NEW, LC_ACCEPTED_BEFORE, "cs"}, /* a record was lost */
	{"multicast", OK, 409, "", DOUBT, LC_ACCEPTED_BEFORE, "cs"},

	/* waits, with or without doubt; not an attempt */
	{"multicast", OK, 429, RATE, NEW, LC_WAIT_RATE, "r"},
	{"multicast", OK, 429, RATE, DOUBT, LC_WAIT_RATE, "r"},
	{"push", OK, 429, "{\"message\":\"too many for this user, or another new text\"}", NEW, LC_WAIT_RATE, "r"},
	{"push", OK, 429, "", NEW, LC_WAIT_RATE, "r"},
	{"push", OK, 429, MONTHLY, NEW, LC_HOLD_MONTHLY_LIMIT, "r"},
	{"push", OK, 429, MONTHLY, DOUBT, LC_HOLD_MONTHLY_LIMIT, "r"},
	{"push", OK, 429, "{\"message\":\"YOU HAVE REACHED YOUR MONTHLY LIMIT\"}", NEW, LC_HOLD_MONTHLY_LIMIT, "r"},
	{"push", OK, 429, "{\"message\":\"You have reached your monthly limi", NEW, LC_WAIT_RATE, "r"},
	{"push", OK, 429, "{\"message\":\"You have reached your monthly limit", NEW, LC_HOLD_MONTHLY_LIMIT, "r"},
	{"push", OK, 401, "{\"message\":\"Authentication failed\"}", NEW, LC_HOLD_TOKEN, "r"},
	{"push", OK, 401, "", DOUBT, LC_HOLD_TOKEN, "r"},
	{"multicast", OK, 403, "{\"message\":\"Access to this API is not available for your account\"}", NEW, LC_HOLD_TOKEN, "r"},
	{"multicast", OK, 403, "", DOUBT, LC_HOLD_TOKEN, "r"},
	{"reply", OK, 401, "", NEW, LC_HOLD_TOKEN, "r"},
	{"reply", OK, 429, RATE, NEW, LC_WAIT_RATE, "r"},
	/* a narrowcast's 403 is about its audience */
	{"narrowcast", OK, 403, "{\"message\":\"Your account does not have enough friends\"}", NEW, LC_REJECTED, "c"},
	{"narrowcast", OK, 403, "", DOUBT, LC_UNKNOWN, "c"},

	/* perhaps taken: the same again */
	{"push", OK, 500, "{\"message\":\"Internal Server Error\"}", NEW, LC_RETRY_AMBIGUOUS, "cd"},
	{"push", OK, 502, "<html>Bad gateway</html>", DOUBT, LC_RETRY_AMBIGUOUS, "cd"},
	{"push", OK, 599, "", NEW, LC_RETRY_AMBIGUOUS, "cd"},
	{"push", OK, 600, "", NEW, LC_RETRY_AMBIGUOUS, "cd"},
	{"push", OK, 408, "", NEW, LC_RETRY_AMBIGUOUS, "cd"},
	{"push", OK, 301, "", NEW, LC_RETRY_AMBIGUOUS, "cd"},
	{"push", OK, 303, "", DOUBT, LC_RETRY_AMBIGUOUS, "cd"},
	{"push", OK, 100, "", NEW, LC_RETRY_AMBIGUOUS, "cd"},
	{"push", OK, 0, "", NEW, LC_RETRY_AMBIGUOUS, "cd"},
	{"push", OK, -1, "", NEW, LC_RETRY_AMBIGUOUS, "cd"},
	{"push", PERHAPS, 0, "", NEW, LC_RETRY_AMBIGUOUS, "cd"},
	{"push", PERHAPS, 200, "{\"sentMess", NEW, LC_RETRY_AMBIGUOUS, "cd"}, /* cut after the status line */
	{"push", PERHAPS, 400, NAMES_MESSAGES, NEW, LC_RETRY_AMBIGUOUS, "cd"},
	{"multicast", PERHAPS, 0, "", DOUBT, LC_RETRY_AMBIGUOUS, "cd"},
	{"broadcast", PERHAPS, 0, "", NEW, LC_RETRY_AMBIGUOUS, "cd"},
	/* never left: no doubt comes from that */
	{"push", NOT_SENT, 0, "", NEW, LC_RETRY, "cr"},
	{"push", NOT_SENT, 0, "", DOUBT, LC_RETRY, "cr"},
	{"reply", NOT_SENT, 0, "", NEW, LC_RETRY, "cr"},
	/* a reply has no key */
	{"reply", PERHAPS, 0, "", NEW, LC_UNKNOWN, "c"},
	{"reply", OK, 500, "", NEW, LC_UNKNOWN, "c"},
	{"reply", OK, 302, "", NEW, LC_UNKNOWN, "c"},
	{"reply", PERHAPS, 200, "{\"sent", NEW, LC_ACCEPTED, "cs"},
	{"reply", PERHAPS, 400, "", NEW, LC_UNKNOWN, "c"},

	/* 400 */
	{"multicast", OK, 400, NAMES_TO, NEW, LC_SPLIT, "cr"},
	{"multicast", OK, 400, NAMES_TO_DETAIL, VALIDATED, LC_SPLIT, "cr"},
	{"multicast", OK, 400, NAMES_TO, ONE, LC_REJECTED, "c"},
	{"multicast", OK, 400, NAMES_NOTHING, VALIDATED, LC_SPLIT, "cr"},
	{"multicast", OK, 400, "", VALIDATED, LC_SPLIT, "cr"},
	{"multicast", OK, 400, NAMES_NOTHING, NEW, LC_REJECTED, "c"},
	{"multicast", OK, 400, NAMES_NOTHING, ONE, LC_REJECTED, "c"},
	{"multicast", OK, 400, NAMES_MESSAGES, VALIDATED, LC_HOLD_DELIVERY, "cr"},
	{"multicast", OK, 400, NAMES_BOTH, VALIDATED, LC_HOLD_DELIVERY, "cr"},
	{"multicast", OK, 400, NAMES_OTHER, VALIDATED, LC_HOLD_DELIVERY, "cr"},
	{"multicast", OK, 400, NAMES_UNIT, VALIDATED, LC_HOLD_DELIVERY, "cr"},
	{"push", OK, 400, NAMES_MESSAGES, NEW, LC_HOLD_DELIVERY, "cr"},
	{"push", OK, 400, NAMES_TO, ONE, LC_REJECTED, "c"},
	{"push", OK, 400, NAMES_NOTHING, ONE, LC_REJECTED, "c"},
	{"reply", OK, 400, REPLY_TOKEN, NEW, LC_REJECTED, "c"},
	{"reply", OK, 400, REPLY_TOKEN, DOUBT, LC_UNKNOWN, "c"}, /* used up by the attempt that timed out, probably */
	{"reply", OK, 400, NAMES_MESSAGES, NEW, LC_REJECTED, "c"},
	{"reply", OK, 409, "", NEW, LC_REJECTED, "c"},
	/* in doubt nothing is split, held for its content or rejected */
	{"multicast", OK, 400, NAMES_TO, DOUBT, LC_UNKNOWN, "c"},
	{"multicast", OK, 400, NAMES_MESSAGES, DOUBT, LC_UNKNOWN, "c"},
	{"multicast", OK, 400, NAMES_NOTHING, DOUBT, LC_UNKNOWN, "c"},
	{"push", OK, 404, "", DOUBT, LC_UNKNOWN, "c"},
	{"push", OK, 413, "", DOUBT, LC_UNKNOWN, "c"},
	/* other 4xx */
	{"push", OK, 404, "{\"message\":\"Not found\"}", NEW, LC_REJECTED, "c"},
	{"push", OK, 413, "", NEW, LC_REJECTED, "c"},
	{"push", OK, 415, "", NEW, LC_REJECTED, "c"},
	{"push", OK, 422, "", NEW, LC_REJECTED, "c"},
	{"push", OK, 499, "", NEW, LC_REJECTED, "c"},

	/* what sends no message */
	{"profile", OK, 200, "{}", NEW, LC_DONE, "cs"},
	{"profile", OK, 404, "{\"message\":\"Not found\"}", NEW, LC_DONE, "c"},
	{"profile", OK, 400, "", NEW, LC_DONE, "c"},
	{"profile", OK, 500, "", NEW, LC_RETRY, "cr"},
	{"profile", OK, 302, "", NEW, LC_DONE, "c"},
	{"profile", OK, 401, "", NEW, LC_HOLD_TOKEN, "r"},
	{"profile", OK, 429, RATE, NEW, LC_WAIT_RATE, "r"},
	{"profile", OK, 429, MONTHLY, NEW, LC_WAIT_RATE, "r"}, /* no message, no monthly limit */
	{"profile", PERHAPS, 200, "{\"dis", NEW, LC_RETRY, "cr"},
	{"profile", PERHAPS, 0, "", DOUBT, LC_RETRY, "cr"},
	{"profile", NOT_SENT, 0, "", NEW, LC_RETRY, "cr"},
	{"followers", OK, 403, "{\"message\":\"Access to this API is not available for your account\"}", NEW, LC_DONE, "c"},
	{"webhook_get", OK, 404, "", NEW, LC_DONE, "c"},
	{"validate_push", OK, 400, NAMES_MESSAGES, NEW, LC_DONE, "c"},
	{"validate_push", OK, 200, "{}", NEW, LC_DONE, "cs"},
	{"content", OK, 202, "", NEW, LC_RETRY, "cr"}, /* being prepared */
	{"content", OK, 200, "bytes", NEW, LC_DONE, "cs"},
	{"content", OK, 410, "", NEW, LC_DONE, "c"},
	{"loading", OK, 202, "{}", NEW, LC_DONE, "cs"},
	{"richmenu_bulk_link", OK, 202, "{}", NEW, LC_DONE, "cs"},
	{"richmenu_create", OK, 500, "", NEW, LC_UNKNOWN, "c"}, /* a second one would be a second one */
	{"richmenu_create", PERHAPS, 0, "", NEW, LC_UNKNOWN, "c"},
	{"richmenu_create", NOT_SENT, 0, "", NEW, LC_RETRY, "cr"},
	{"richmenu_create", OK, 400, "", NEW, LC_DONE, "c"},
	{"richmenu_delete", PERHAPS, 0, "", NEW, LC_RETRY, "cr"},
	{"richmenu_alias_create", OK, 409, "", NEW, LC_DONE, "c"},
	{"token_stateless", OK, 401, "{\"error\":\"invalid_client\"}", NEW, LC_DONE, "c"}, /* not the channel's token */
	{"token_stateless", OK, 400, "", NEW, LC_DONE, "c"},
	{"token_v21", PERHAPS, 0, "", NEW, LC_UNKNOWN, "c"},
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *effects = cases[i].effects;
		LcAnswer answer = {cases[i].transport, cases[i].status, cases[i].body, strlen(cases[i].body)};
		LcOutcome outcome;
		char row[200];

		snprintf(row, sizeof(row), "(case %zu: %s %d %.100s)", i, cases[i].kind, cases[i].status, cases[i].body);
		lc_outcome(lc_request_kind(cases[i].kind), &answer, &cases[i].situation, &outcome);
		check_that(outcome.verdict == cases[i].verdict, __FILE__, __LINE__, lc_verdict_name(outcome.verdict), row);
		CHECK_INT_ROW(outcome.counted, strchr(effects, 'c') != NULL, row);
		CHECK_INT_ROW(outcome.sets_doubt, strchr(effects, 'd') != NULL, row);
		CHECK_INT_ROW(outcome.restores_doubt, strchr(effects, 'r') != NULL, row);
		CHECK_INT_ROW(outcome.succeeded, strchr(effects, 's') != NULL, row);
		CHECK_INT_ROW(lc_verdict_is_final(outcome.verdict), !outcome.sets_doubt && !outcome.restores_doubt, row);
	}
}

/* Promises that hold for every kind, status and situation, not only for the rows above. */
static void
test_promises(void)
{
	static const char *const bodies[] = {"", RATE, MONTHLY, NAMES_TO, NAMES_MESSAGES, NAMES_NOTHING, "[1", "<html>"};

	for (int k = 0; k < lc_request_kind_count; k++)
		for (int status = -1; status < 700; status++)
			for (size_t b = 0; b < sizeof(bodies) / sizeof(bodies[0]); b++)
				for (int t = 0; t < 12; t++)
				{
					const LcRequestKind *kind = &lc_request_kinds[k];
					bool send = lc_kind_has(kind, LC_KIND_SEND);
					LcSituation situation = {t % 2 == 1, t / 2 % 2 == 1, 2};
					LcAnswer answer = {(LcTransport) (t / 4), status, bodies[b], strlen(bodies[b])};
					LcOutcome outcome;
					bool fine;

					/* statuses differ at the edges; a few inside each class are enough */
					if (status > 102 && status % 100 > 30 && status % 100 < 99)
						continue;
					lc_outcome(kind, &answer, &situation, &outcome);
					fine = outcome.verdict != LC_DONE || !send;
					/* what sends is never "done", what does not is never accepted, split or held for its content */
					fine = fine && (send || outcome.verdict == LC_DONE || outcome.verdict == LC_UNKNOWN ||
									outcome.verdict == LC_HOLD_TOKEN || outcome.verdict == LC_WAIT_RATE ||
									outcome.verdict == LC_RETRY);
					/* in doubt, nothing that claims or assumes that nobody got it */
					fine = fine && !(send && situation.in_doubt &&
									 (outcome.verdict == LC_REJECTED || outcome.verdict == LC_SPLIT ||
									  outcome.verdict == LC_HOLD_DELIVERY));
					/* without a retry key nothing is repeated that may have been taken */
					fine = fine && (lc_kind_has(kind, LC_KIND_RETRY_KEY) || outcome.verdict != LC_RETRY_AMBIGUOUS);
					fine = fine && !(outcome.verdict == LC_RETRY && answer.transport == LC_TRANSPORT_PERHAPS_SENT &&
									 (send || !lc_kind_has(kind, LC_KIND_IDEMPOTENT)));
					/* what may have been taken leaves doubt or ends */
					fine = fine && !(send && answer.transport == LC_TRANSPORT_PERHAPS_SENT && outcome.restores_doubt);
					fine = fine && !(outcome.sets_doubt && outcome.restores_doubt);
					check_failed += !fine;
					check_passed += fine;
					if (!fine)
						printf("promise broken: %s %d %s transport %d doubt %d: %s\n", kind->name, status, bodies[b],
							   (int) answer.transport, situation.in_doubt, lc_verdict_name(outcome.verdict));
				}
}

static void
test_curl(void)
{
	static const int running[] = {8, 16, 18, 22, 23, 26, 52, 55, 56, 65, 88, 92, 95};

	CHECK_INT(lc_transport_of_curl(CURLE_OK, true), OK);
	CHECK_INT(lc_transport_of_curl(CURLE_OK, false), OK);
	/* no name, no connection, no TLS, and a time-out before there was one */
	CHECK_INT(lc_transport_of_curl(CURLE_COULDNT_RESOLVE_HOST, false), NOT_SENT);
	CHECK_INT(lc_transport_of_curl(CURLE_COULDNT_CONNECT, false), NOT_SENT);
	CHECK_INT(lc_transport_of_curl(CURLE_SSL_CONNECT_ERROR, false), NOT_SENT);
	CHECK_INT(lc_transport_of_curl(CURLE_PEER_FAILED_VERIFICATION, false), NOT_SENT);
	CHECK_INT(lc_transport_of_curl(CURLE_OPERATION_TIMEDOUT, false), NOT_SENT);
	/* curl connects again after a reused connection died: the request may have gone out on the first */
	CHECK_INT(lc_transport_of_curl(CURLE_COULDNT_CONNECT, true), PERHAPS);
	CHECK_INT(lc_transport_of_curl(CURLE_OPERATION_TIMEDOUT, true), PERHAPS);
	for (size_t i = 0; i < sizeof(running) / sizeof(running[0]); i++)
	{
		CHECK_INT(lc_transport_of_curl(running[i], true), PERHAPS);
		CHECK_INT(lc_transport_of_curl(running[i], false), PERHAPS);
	}
	for (int code = 1; code < 120; code++)
		CHECK_INT(lc_transport_of_curl(code, true), PERHAPS);
}

static void
test_error_kept(void)
{
	LcAnswer answer = {OK, 400, NAMES_MESSAGES, strlen(NAMES_MESSAGES)};
	LcSituation situation = NEW;
	LcOutcome outcome;

	lc_outcome(lc_request_kind("push"), &answer, &situation, &outcome);
	CHECK_TEXT(outcome.error.message, "The request body has 2 error(s)");
	CHECK_INT(outcome.error.detail_count, 2);
	CHECK_TEXT(outcome.error.details[0].property, "messages[0].text");
	CHECK_TEXT(outcome.error.details[0].message, "May not be empty");
	answer.status = 200;
	lc_outcome(lc_request_kind("push"), &answer, &situation, &outcome);
	CHECK_TEXT(outcome.error.message, "");
	for (int v = 0; v <= LC_RETRY_AMBIGUOUS; v++)
		CHECK(lc_verdict_name((LcVerdict) v) != NULL);
}

int
main(void)
{
	test_cases();
	test_promises();
	test_curl();
	test_error_kept();
	return check_summary();
}
