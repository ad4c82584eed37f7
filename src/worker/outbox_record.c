/*
 * outbox_record.c
 *		Record: what became of requests, from the sender's memory into the tables.
 *
 * One transaction for up to a hundred results. A finished request loses its queue row and gets its outcome; one that goes
 * on moves to outbox_waiting with the time of its next attempt. Only a row that was still there is replaced, so recording
 * the same result twice changes nothing.
 *
 * The commit is asynchronous: what a crash loses is found out again by sending with the same key, which LINE answers
 * with 409. Only when a request without such a key is among them is the commit durable.
 *
 * The verdicts come from line/outcome.c; this file turns them into rows:
 *   accepted, done, rejected, unknown   finished
 *   split          new requests with new keys for the halves, the old one finished as split
 *   hold_...       the delivery or the channel is held with LINE's words, the request waits for whoever lifts that
 *   rate, retry    the request waits; attempts that were none are taken back, and so is doubt that a refusal disproved
 *
 * Runs in the sender, inside a step of worker_transaction; may throw, and then the results are recorded later.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "line/retry.h"
#include "line/sent_messages.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "worker/columns.h"
#include "worker/outbox.h"
#include "worker/wake.h"

#define CAMPAIGN_SLOT (-1) /* of table delivery */

typedef struct LcRecording
{
	LcColumns finished;
	LcColumns waiting;
	LcColumns complete;
} LcRecording;

static void record_one(LcRecording *recording, LcResult *result);
static void record_final(LcRecording *recording, LcResult *result, const char *outcome, const char *reason);
static void record_waiting(LcRecording *recording, LcResult *result, const char *reason, TimestampTz due_at);
static void record_retry(LcRecording *recording, LcResult *result);
static void record_content_refused(LcRecording *recording, LcResult *result);
static void record_split(LcRecording *recording, LcResult *result);
static void keep_answer(LcRecording *recording, LcResult *result);
static void write_waiting(LcRecording *recording);
static void write_completions(LcRecording *recording);
static void hold_delivery(const LcClaim *claim, const char *detail);
static const char *words_of(const LcResult *result);

static bool remove_row(const LcClaim *claim);
static bool row_is_there(const LcClaim *claim);
static void set_identity(LcColumns *columns, const LcClaim *claim);

/* Columns of rows for outcome and for outbox_waiting; the first five are the same. */
enum
{
	COLUMN_SLOT,
	COLUMN_REQUEST_ID,
	COLUMN_CHANNEL_ID,
	COLUMN_DELIVERY_SLOT,
	COLUMN_DELIVERY_ID,
	FINISH_OUTCOME,
	FINISH_REASON,
	FINISH_DETAIL,
	FINISH_STATUS,
	FINISH_LINE_REQUEST_ID,
	FINISH_FRIENDS,
	FINISH_ATTEMPTS,
	FINISH_MESSAGE_IDS,
	WAIT_LANE = FINISH_OUTCOME,
	WAIT_DUE_AT,
	WAIT_REASON,
	WAIT_ATTEMPTS,
	WAIT_AMBIGUOUS_SINCE
};

static const Oid finish_types[] = {INT2OID, INT8OID, INT8OID, INT2OID, INT8OID, TEXTOID, TEXTOID,
								   TEXTOID, INT4OID, TEXTOID, INT4OID, INT4OID, TEXTOID, InvalidOid};

void
outbox_record(LcResult *results)
{
	static const Oid waiting_types[] = {INT2OID,		INT8OID, INT8OID, INT2OID,		  INT8OID,	 INT2OID,
										TIMESTAMPTZOID, TEXTOID, INT4OID, TIMESTAMPTZOID, InvalidOid};
	static const Oid complete_types[] = {INT2OID, INT8OID, INT8OID, TEXTOID, INT4OID, BYTEAOID, InvalidOid};
	LcRecording recording;
	bool durable = false;

	outbox_finish_columns(&recording.finished, 100);
	columns_init(&recording.waiting, 8, waiting_types);
	columns_init(&recording.complete, 8, complete_types);
	for (LcResult *result = results; result != NULL; result = result->next)
	{
		if (!lc_kind_has(result->claim->kind, LC_KIND_RETRY_KEY | LC_KIND_IDEMPOTENT))
			durable = true;
		record_one(&recording, result);
	}
	outbox_commit_mode(durable);
	outbox_finish(&recording.finished);
	write_waiting(&recording);
	write_completions(&recording);
}

/* Rows for outbox_finish(). */
void
outbox_finish_columns(LcColumns *columns, int room)
{
	columns_init(columns, room, finish_types);
}

/*
 * One request that ends: its queue row goes, its outcome is put into columns; status, LINE's id and message ids can be set
 * afterwards. False, and no row, when the queue row was gone already: its outcome was written by somebody else.
 */
bool
outbox_finish_row(LcColumns *columns, const LcClaim *claim, const char *outcome, const char *reason, const char *detail)
{
	bool nobody = reason != NULL && strcmp(reason, "no_recipients") == 0;

	if (!remove_row(claim))
		return false;
	/* A campaign may end with this one; the planner sees to it. */
	if (claim->delivery_slot == CAMPAIGN_SLOT)
		wake_at_commit(LC_WAKE_PLANNER);
	set_identity(columns, claim);
	columns_set_text(columns, FINISH_OUTCOME, outcome);
	columns_set_text(columns, FINISH_REASON, reason);
	columns_set_text(columns, FINISH_DETAIL, detail);
	/* Without a body that was just made: those of the request who were not left out at an earlier claim. */
	if (nobody || claim->recipients > 0)
		columns_set(columns, FINISH_FRIENDS, Int32GetDatum(nobody ? 0 : claim->recipients));
	columns_set(columns, FINISH_ATTEMPTS, Int32GetDatum(claim->attempts));
	return true;
}

/* The outcomes of rows that were removed in this transaction. */
void
outbox_finish(LcColumns *columns)
{
	static const char sql[] =
		"INSERT INTO linecrm_internal.outcome (slot, request_id, channel_id, delivery_slot, delivery_id, outcome, reason,"
		"       detail, http_status, line_request_id, friends, attempts, message_ids, finished_at)"
		" SELECT slot, request_id, channel_id, delivery_slot, delivery_id, outcome, reason, detail, http_status,"
		"       line_request_id, coalesce(friends, linecrm_internal._people_left(slot, request_id)), attempts,"
		"       message_ids::text[], clock_timestamp()"
		" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS u(slot, request_id, channel_id, delivery_slot,"
		"       delivery_id, outcome, reason, detail, http_status, line_request_id, friends, attempts, message_ids)";
	Oid types[] = {INT2ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT2ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				   TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID};
	Datum values[13];

	if (columns->rows == 0)
		return;
	columns_arrays(columns, values);
	outbox_run(LC_PLAN_FINISH, sql, 13, types, values, NULL, SPI_OK_INSERT);
}

/* One statement a row: by key it touches one partition, while a join with an array may be planned from the wrong end. */
static bool
remove_row(const LcClaim *claim)
{
	Oid types[] = {INT2OID, INT8OID, INT2OID, INT8OID};
	Datum values[] = {Int16GetDatum(claim->slot), Int64GetDatum(claim->channel_id), Int16GetDatum(claim->lane),
					  Int64GetDatum(claim->outbox_id)};

	return outbox_run(LC_PLAN_REMOVE,
					  "DELETE FROM linecrm_internal.outbox WHERE slot = $1 AND channel_id = $2 AND lane = $3 AND outbox_id = $4",
					  4, types, values, NULL, SPI_OK_DELETE) == 1;
}

static bool
row_is_there(const LcClaim *claim)
{
	Oid types[] = {INT2OID, INT8OID, INT2OID, INT8OID};
	Datum values[] = {Int16GetDatum(claim->slot), Int64GetDatum(claim->channel_id), Int16GetDatum(claim->lane),
					  Int64GetDatum(claim->outbox_id)};

	return outbox_run(LC_PLAN_ROW,
					  "SELECT 1 FROM linecrm_internal.outbox WHERE slot = $1 AND channel_id = $2 AND lane = $3"
					  " AND outbox_id = $4 FOR UPDATE",
					  4, types, values, NULL, SPI_OK_SELECT) == 1;
}

static void
set_identity(LcColumns *columns, const LcClaim *claim)
{
	columns_add_row(columns);
	columns_set(columns, COLUMN_SLOT, Int16GetDatum(claim->request_slot));
	columns_set(columns, COLUMN_REQUEST_ID, Int64GetDatum(claim->request_id));
	columns_set(columns, COLUMN_CHANNEL_ID, Int64GetDatum(claim->channel_id));
	if (claim->delivery_id == 0)
		return;
	columns_set(columns, COLUMN_DELIVERY_SLOT, Int16GetDatum(claim->delivery_slot));
	columns_set(columns, COLUMN_DELIVERY_ID, Int64GetDatum(claim->delivery_id));
}

static void
record_one(LcRecording *recording, LcResult *result)
{
	const LcClaim *claim = result->claim;

	switch (result->outcome.verdict)
	{
		case LC_ACCEPTED:
			record_final(recording, result, "accepted", NULL);
			break;
		case LC_ACCEPTED_BEFORE:
			record_final(recording, result, "accepted", "accepted_before");
			break;
		case LC_DONE:
			record_final(recording, result, result->outcome.succeeded ? "accepted" : "rejected", NULL);
			keep_answer(recording, result);
			break;
		case LC_REJECTED:
			record_final(recording, result, "rejected", "refused");
			break;
		case LC_UNKNOWN:
			/* In doubt because of an earlier attempt; what LINE says of this one is in the detail. */
			record_final(recording, result, "unknown",
						 result->status >= 400 && result->status <= 499 && result->status != 408 ? "refused" : "no_answer");
			break;
		case LC_SPLIT:
			record_split(recording, result);
			break;
		case LC_HOLD_DELIVERY:
			record_content_refused(recording, result);
			break;
		case LC_HOLD_TOKEN:
			outbox_hold_channel(claim, "token", words_of(result));
			record_waiting(recording, result, "channel_held", DT_NOEND);
			break;
		case LC_HOLD_MONTHLY_LIMIT:
			outbox_hold_channel(claim, "monthly_limit", words_of(result));
			record_waiting(recording, result, "channel_held", DT_NOEND);
			break;
		case LC_WAIT_RATE:
			record_waiting(recording, result, "rate", result->retry_at);
			break;
		case LC_RETRY:
		case LC_RETRY_AMBIGUOUS:
			record_retry(recording, result);
			break;
	}
}

static void
record_final(LcRecording *recording, LcResult *result, const char *outcome, const char *reason)
{
	LcColumns *columns = &recording->finished;
	bool success = strcmp(outcome, "accepted") == 0;
	char ids[LC_SENT_MESSAGES_TEXT];

	if (!outbox_finish_row(columns, result->claim, outcome, reason, success ? NULL : words_of(result)))
		return;
	if (result->status != 0)
		columns_set(columns, FINISH_STATUS, Int32GetDatum(result->status));
	columns_set_text(columns, FINISH_LINE_REQUEST_ID, result->line_request_id);
	/* LINE works it off later, and is asked how it ended. */
	if (success && lc_kind_has(result->claim->kind, LC_KIND_SEND) && result->claim->kind->success == 202)
		keep_answer(recording, result);
	if (success && lc_kind_has(result->claim->kind, LC_KIND_SEND) &&
		lc_sent_messages(result->answer, result->answer_size, ids))
		columns_set_text(columns, FINISH_MESSAGE_IDS, ids);
}

static void
record_waiting(LcRecording *recording, LcResult *result, const char *reason, TimestampTz due_at)
{
	LcColumns *columns = &recording->waiting;
	const LcClaim *claim = result->claim;
	TimestampTz doubt = claim->doubt_before;

	/* What the claim wrote as the beginning of doubt stands only if this attempt may have been taken. */
	if (doubt == 0 && result->outcome.sets_doubt)
		doubt = claim->leased_at;
	if (!remove_row(claim))
		return;
	set_identity(columns, claim);
	columns_set(columns, WAIT_LANE, Int16GetDatum(claim->lane));
	columns_set(columns, WAIT_DUE_AT, TimestampTzGetDatum(due_at));
	columns_set_text(columns, WAIT_REASON, reason);
	columns_set(columns, WAIT_ATTEMPTS, Int32GetDatum(claim->attempts - (result->outcome.counted ? 0 : 1)));
	if (doubt != 0)
		columns_set(columns, WAIT_AMBIGUOUS_SINCE, TimestampTzGetDatum(doubt));
}

/* Again later, unless it would then be too late for the retry key to protect anybody. */
static void
record_retry(LcRecording *recording, LcResult *result)
{
	TimestampTz doubt = result->claim->doubt_before ? result->claim->doubt_before : result->claim->leased_at;

	if (result->outcome.sets_doubt && lc_retry_over(doubt, result->retry_at))
		record_final(recording, result, "unknown", "retry_limit");
	else
		record_waiting(recording, result, "backoff", result->retry_at);
}

/* LINE does not like the messages: every other request of the delivery would be refused too. */
static void
record_content_refused(LcRecording *recording, LcResult *result)
{
	if (result->claim->delivery_id == 0)
	{
		record_final(recording, result, "rejected", "content");
		return;
	}
	hold_delivery(result->claim, words_of(result));
	record_waiting(recording, result, "delivery_held", DT_NOEND);
}

static void
record_split(LcRecording *recording, LcResult *result)
{
	Oid types[] = {INT2OID, INT8OID};
	Datum values[] = {Int16GetDatum(result->claim->request_slot), Int64GetDatum(result->claim->request_id)};
	bool isnull;
	Datum halves;

	if (!row_is_there(result->claim))
		return; /* somebody else ended it: its people are not to go out again */
	outbox_run(LC_PLAN_SPLIT, "SELECT linecrm_internal._split_request($1, $2)", 2, types, values, NULL, SPI_OK_SELECT);
	halves = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull || DatumGetInt32(halves) == 0)
		record_final(recording, result, "rejected", "refused");
	else
		record_final(recording, result, "split", "recipient_refused");
}

/* Answers of calls go to the clerk, to the function named for their kind. Those with secrets are never stored. */
static void
keep_answer(LcRecording *recording, LcResult *result)
{
	LcColumns *columns = &recording->complete;
	const LcClaim *claim = result->claim;

	if (lc_kind_has(claim->kind, LC_KIND_SECRET))
		return;
	columns_add_row(columns);
	columns_set(columns, 0, Int16GetDatum(claim->request_slot));
	columns_set(columns, 1, Int64GetDatum(claim->request_id));
	columns_set(columns, 2, Int64GetDatum(claim->channel_id));
	columns_set_text(columns, 3, claim->kind->name);
	columns_set(columns, 4, Int32GetDatum(result->status));
	columns_set(columns, 5, PointerGetDatum(cstring_to_text_with_len(result->answer ? result->answer : "",
																	 (int) result->answer_size)));
}

static void
write_waiting(LcRecording *recording)
{
	static const char sql[] =
		"INSERT INTO linecrm_internal.outbox_waiting (request_slot, request_id, channel_id, delivery_slot, delivery_id, lane,"
		"       due_at, reason, attempts, ambiguous_since)"
		" SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
	Oid types[] = {INT2ARRAYOID, INT8ARRAYOID,		  INT8ARRAYOID, INT2ARRAYOID, INT8ARRAYOID,
				   INT2ARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID};
	Datum values[10];

	if (recording->waiting.rows == 0)
		return;
	columns_arrays(&recording->waiting, values);
	outbox_run(LC_PLAN_WAIT, sql, 10, types, values, NULL, SPI_OK_INSERT);
}

static void
write_completions(LcRecording *recording)
{
	static const char sql[] =
		"INSERT INTO linecrm_internal.completion (slot, request_id, channel_id, kind, http_status, answer)"
		" SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
	Oid types[] = {INT2ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, INT4ARRAYOID, BYTEAARRAYOID};
	Datum values[6];

	if (recording->complete.rows == 0)
		return;
	columns_arrays(&recording->complete, values);
	outbox_run(LC_PLAN_COMPLETE, sql, 6, types, values, NULL, SPI_OK_INSERT);
	wake_at_commit(LC_WAKE_CLERK);
}

/*
 * Held with the reason of the first that found out; who holds it already is not overruled. What LINE said about a token
 * that was replaced in the meantime says nothing about the new one.
 */
void
outbox_hold_channel(const LcClaim *claim, const char *reason, const char *detail)
{
	Oid types[] = {INT8OID, TEXTOID, TEXTOID, INT8OID};
	Datum values[] = {Int64GetDatum(claim->channel_id), CStringGetTextDatum(reason), CStringGetTextDatum(detail),
					  Int64GetDatum(claim->credential_version)};

	outbox_run(LC_PLAN_HOLD_CHANNEL,
			   "UPDATE linecrm_internal.channel SET held_reason = $2, held_detail = $3, held_by = current_user,"
			   " held_at = clock_timestamp() WHERE channel_id = $1 AND held_reason IS NULL"
			   " AND ($2 <> 'token' OR credential_version = $4)",
			   4, types, values, NULL, SPI_OK_UPDATE);
}

static void
hold_delivery(const LcClaim *claim, const char *detail)
{
	Oid types[] = {INT2OID, INT8OID, TEXTOID};
	Datum values[] = {Int16GetDatum(claim->delivery_slot), Int64GetDatum(claim->delivery_id), CStringGetTextDatum(detail)};

	outbox_run(LC_PLAN_HOLD_DELIVERY,
			   "UPDATE linecrm_internal.delivery SET held_reason = 'content', held_detail = $3, held_by = current_user,"
			   " held_at = clock_timestamp() WHERE slot = $1 AND delivery_id = $2 AND held_reason IS NULL",
			   3, types, values, NULL, SPI_OK_UPDATE);
}

/* LINE's words, or those of the transport; what a person reads. Never invalid in this database. */
static const char *
words_of(const LcResult *result)
{
	const LcErrorBody *error = &result->outcome.error;
	StringInfoData words;

	initStringInfo(&words);
	if (result->status != 0)
		appendStringInfo(&words, "LINE answered %d", result->status);
	if (result->problem != NULL)
		appendStringInfo(&words, "%s%s", words.len ? "; " : "", result->problem);
	if (error->message[0] != '\0')
		appendStringInfo(&words, "%s%s", words.len ? ": " : "", error->message);
	for (int i = 0; i < error->detail_count; i++)
		appendStringInfo(&words, "%s%s %s", i ? ", " : " (", error->details[i].property, error->details[i].message);
	if (error->detail_count > 0)
		appendStringInfoChar(&words, ')');
	if (!pg_verifymbstr(words.data, words.len, true))
		return "LINE's words are not valid text";
	return words.data;
}
