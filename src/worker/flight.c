/*
 * flight.c
 *		From claim to result: makes an HTTP request of a claim and an outcome of its answer.
 *
 * The one place where the queue's words meet HTTP's. What a claim says is turned into a transfer: URL from the table of
 * request kinds, body from content and target, the channel's token, the retry key. When the transfer has ended,
 * line/outcome.c judges it, and the result waits here until it is recorded, however often recording fails. Results that
 * cannot be recorded while others can wait apart from them.
 *
 * A claim that cannot become a request (no token, content that is no JSON object, no memory) gets a result at once, as
 * if LINE could not be reached: it was never sent, and the claim's doubt is taken back when that is recorded.
 *
 * Runs in the sender outside of transactions. Memory: a context of its own for as long as a claim is unrecorded. Throws
 * only when PostgreSQL is out of memory.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "guc.h"
#include "line/request_body.h"
#include "line/retry.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/http.h"
#include "worker/sender.h"
#include "worker/worker.h"

/* LINE says nothing about when a limit of its own ends; the token bucket fills from then on. */
#define RATE_PAUSE_MS 1000
#define PERSON_PAUSE_MS 10000

/* A claim with all that belongs to it. The result points back to the claim. */
typedef struct LcFlight
{
	LcResult result; /* first: a result is its flight */
	LcClaim claim;
	char problem[256];
} LcFlight;

static MemoryContext flights;
static LcResult *results = NULL; /* not recorded yet, the oldest first */
static LcResult **results_end = &results;
static int result_count = 0;
static int64 first_result_at = 0; /* by worker_clock() */
static LcResult *apart = NULL;
static LcResult **apart_end = &apart;
static int apart_count = 0;

static bool fill_transfer(LcFlight *flight, LcTransfer *transfer, char *url, size_t url_size);
static void fail_at_once(LcFlight *flight, LcVerdict verdict, const char *problem);
static void judge(LcFlight *flight, const LcTransfer *transfer);
static void set_retry(LcFlight *flight);
static bool about_one_person(const LcFlight *flight);
static bool holds_channel(LcVerdict verdict);
static void add_result(LcResult *result);

void
flight_start(void)
{
	flights = AllocSetContextCreate(TopMemoryContext, "linecrm requests in flight", ALLOCSET_DEFAULT_SIZES);
}

/* Sends one claim. The claim is copied; what it points to is needed only until this returns. */
void
flight_launch(const LcClaim *claim)
{
	LcFlight *flight = MemoryContextAllocZero(flights, sizeof(LcFlight));
	LcTransfer *transfer = http_acquire();
	char url[LC_PATH_MAX + 256];

	flight->claim = *claim;
	flight->result.claim = &flight->claim;
	flight->claim.next = NULL;
	channel_launched(claim->channel, claim->lane);
	if (transfer == NULL)
	{
		fail_at_once(flight, LC_RETRY, "no memory for the request");
		return;
	}
	flight->result.transfer = transfer;
	if (!fill_transfer(flight, transfer, url, sizeof(url)))
		return;
	if (!http_launch(transfer))
		fail_at_once(flight, LC_RETRY, "no memory for the request");
	else
		pg_atomic_fetch_add_u64(&my_database_slot->sender.requests, 1);
	/* The data lived in the turn's memory. */
	flight->claim.users = NULL;
	flight->claim.text_target = flight->claim.params = flight->claim.content = NULL;
}

/* Turns transfers that have ended into results. */
void
flight_land(void)
{
	LcTransfer *transfer;

	while ((transfer = http_next_finished()) != NULL)
	{
		LcFlight *flight = transfer->owner;

		judge(flight, transfer);
		add_result(&flight->result);
	}
	pg_atomic_write_u32(&my_database_slot->sender.in_flight, http_in_flight());
}

int
flight_results(void)
{
	return result_count;
}

int64
flight_first_result_at(void)
{
	return first_result_at;
}

/* Up to max results, the oldest first; they belong to the caller until put back or recorded. */
LcResult *
flight_take_results(int max)
{
	LcResult *first = results;
	LcResult *last = first;
	int taken = 1;

	if (first == NULL)
		return NULL;
	for (; taken < max && last->next != NULL; taken++)
		last = last->next;
	results = last->next;
	last->next = NULL;
	if (results == NULL)
		results_end = &results;
	result_count -= taken;
	first_result_at = results != NULL ? worker_clock() : 0;
	return first;
}

/* Recording did not work: they are the next to be recorded again. */
void
flight_put_back(LcResult *first)
{
	LcResult *last = first;
	int count = 1;

	for (; last->next != NULL; count++)
		last = last->next;
	last->next = results;
	if (results == NULL)
		results_end = &last->next;
	results = first;
	result_count += count;
	if (first_result_at == 0)
		first_result_at = worker_clock();
}

/* These alone are what cannot be recorded at present; they queue up behind others of their sort. */
void
flight_set_apart(LcResult *first)
{
	for (LcResult *next; first != NULL; first = next)
	{
		next = first->next;
		first->next = NULL;
		*apart_end = first;
		apart_end = &first->next;
		apart_count++;
	}
}

int
flight_apart(void)
{
	return apart_count;
}

LcResult *
flight_take_apart(void)
{
	LcResult *first = apart;

	apart = first->next;
	if (apart == NULL)
		apart_end = &apart;
	apart_count--;
	first->next = NULL;
	return first;
}

/* They are in the tables now. */
void
flight_recorded(LcResult *first)
{
	while (first != NULL)
	{
		LcFlight *flight = (LcFlight *) first;
		LcVerdict verdict = first->outcome.verdict;

		first = first->next;
		if (holds_channel(verdict))
			flight->claim.channel->pending_holds--;
		if (lc_verdict_is_final(verdict))
			pg_atomic_fetch_add_u64(&my_database_slot->sender.finished, 1);
		else if (verdict == LC_WAIT_RATE)
			pg_atomic_fetch_add_u64(&my_database_slot->sender.throttled, 1);
		else
			pg_atomic_fetch_add_u64(&my_database_slot->sender.retried, 1);
		if (flight->result.transfer != NULL)
			http_release(flight->result.transfer);
		pfree(flight);
	}
}

/* False: it cannot be sent, and its result says why. */
static bool
fill_transfer(LcFlight *flight, LcTransfer *transfer, char *url, size_t url_size)
{
	const LcClaim *claim = &flight->claim;
	const LcRequestKind *kind = claim->kind;
	LcTarget target = {(const uint8_t(*)[LC_USER_ID_SIZE]) claim->users, claim->recipients, claim->text_target,
					   claim->text_target ? strlen(claim->text_target) : 0};
	LcBodyStatus body_status = LC_BODY_OK;
	LcPathStatus path_status;
	size_t base;

	strlcpy(url, kind->host == LC_HOST_API ? lc_api_base_url : lc_api_data_base_url, url_size);
	base = strlen(url);
	path_status = lc_request_path_json(kind, claim->params, claim->params ? strlen(claim->params) : 0, url + base,
									   url_size - base);
	if (kind->body != LC_BODY_NONE)
		body_status = lc_request_body(&transfer->body, kind, claim->content ? claim->content : "", claim->content_size, &target);
	if (path_status != LC_PATH_OK)
		fail_at_once(flight, LC_REJECTED, lc_path_status_text(path_status));
	else if (body_status != LC_BODY_OK)
		fail_at_once(flight, LC_REJECTED, lc_body_status_text(body_status));
	else if (claim->channel->token == NULL && !lc_kind_has(kind, LC_KIND_NO_BEARER))
		fail_at_once(flight, LC_HOLD_TOKEN, "the channel's access token is not set or cannot be opened: see linecrm.doctor()");
	else
	{
		transfer->method = lc_method_name(kind->method);
		transfer->url = url;
		transfer->bearer = lc_kind_has(kind, LC_KIND_NO_BEARER) ? NULL : claim->channel->token;
		transfer->content_type = kind->body == LC_BODY_IMAGE ? lc_image_type(transfer->body.data, transfer->body.size)
															 : lc_body_content_type(kind->body);
		transfer->only_once = !lc_kind_has(kind, LC_KIND_RETRY_KEY) && !lc_kind_has(kind, LC_KIND_IDEMPOTENT);
		transfer->retry_key =
			lc_kind_has(kind, LC_KIND_RETRY_KEY) && claim->retry_key[0] != '\0' ? claim->retry_key : NULL;
		transfer->answer_max = kind->answer_max;
		transfer->owner = flight;
		return true;
	}
	return false;
}

/* A result without a request: nothing was sent, so nothing is in doubt that was not before. */
static void
fail_at_once(LcFlight *flight, LcVerdict verdict, const char *problem)
{
	LcOutcome *outcome = &flight->result.outcome;

	memset(outcome, 0, sizeof(*outcome));
	outcome->verdict = verdict;
	/* What an earlier attempt left in doubt stays so, whatever hinders this one. */
	if (verdict == LC_REJECTED && flight->claim.doubt_before != 0)
		outcome->verdict = LC_UNKNOWN;
	outcome->restores_doubt = !lc_verdict_is_final(outcome->verdict);
	outcome->counted = verdict == LC_RETRY;
	strlcpy(flight->problem, problem, sizeof(flight->problem));
	flight->result.problem = flight->problem;
	set_retry(flight);
	add_result(&flight->result);
}

static void
judge(LcFlight *flight, const LcTransfer *transfer)
{
	LcResult *result = &flight->result;
	LcAnswer answer = {lc_transport_of_curl(transfer->curl_code, transfer->may_have_sent), transfer->status,
					   transfer->answer, transfer->answer_size};
	LcSituation situation = {flight->claim.doubt_before != 0, flight->claim.content_validated,
							 flight->claim.recipients};

	lc_outcome(flight->claim.kind, &answer, &situation, &result->outcome);
	result->status = transfer->status;
	result->answer = transfer->answer;
	result->answer_size = transfer->answer_size;
	result->problem = transfer->error[0] != '\0' ? transfer->error : NULL;
	result->line_request_id = transfer->request_id[0] != '\0' ? transfer->request_id : NULL;
	if (result->outcome.verdict == LC_ACCEPTED_BEFORE && transfer->accepted_request_id[0] != '\0')
		result->line_request_id = transfer->accepted_request_id;
	set_retry(flight);
	if (result->outcome.verdict == LC_WAIT_RATE && !about_one_person(flight))
		channel_pause(flight->claim.channel, flight->claim.kind, RATE_PAUSE_MS);
}

static void
set_retry(LcFlight *flight)
{
	TimestampTz now = GetCurrentTimestamp();

	if (flight->result.outcome.verdict == LC_WAIT_RATE)
		flight->result.retry_at =
			TimestampTzPlusMilliseconds(now, about_one_person(flight) ? PERSON_PAUSE_MS : RATE_PAUSE_MS);
	else
		flight->result.retry_at = now + lc_retry_delay(flight->claim.attempts, pg_prng_double(&pg_global_prng_state));
}

/* A push can be refused because this person got too much of late; then it is his alone that waits. */
static bool
about_one_person(const LcFlight *flight)
{
	return flight->claim.kind->target == LC_TARGET_ONE && flight->result.outcome.error.one_user;
}

/* Such an answer means that the next request of the channel would get it too. */
static bool
holds_channel(LcVerdict verdict)
{
	return verdict == LC_HOLD_TOKEN || verdict == LC_HOLD_MONTHLY_LIMIT;
}

static void
add_result(LcResult *result)
{
	if (holds_channel(result->outcome.verdict))
		result->claim->channel->pending_holds++;
	channel_landed(result->claim->channel, result->claim->lane);
	result->next = NULL;
	*results_end = result;
	results_end = &result->next;
	if (result_count++ == 0)
		first_result_at = worker_clock();
}
