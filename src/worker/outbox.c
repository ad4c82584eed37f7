/*
 * outbox.c
 *		The sender's view of the queue as a whole: what has arrived, what falls due, whose queue it is.
 *
 * Arrivals. Outbox ids are drawn before transactions commit, so a small id may appear after a larger one was sent. Three
 * things together find every row once it is visible:
 *   - `seen`: the highest id read so far. What is new above it is read in order of ids.
 *   - commits tell the smallest id that they drew (wake.c); the sender goes back to it. That alone finds all rows that
 *     ordinary transactions write.
 *   - a barrier for the rest (COMMIT PREPARED tells nobody): every enqueuer takes its transaction id before it draws
 *     outbox ids. So if S is the sequence's value and X the next transaction id, read after it, then once a snapshot's
 *     xmin has reached X every id up to S is decided: visible or never. Then all between the last barrier and
 *     S is read once more. While a prepared transaction may be open, that is done at each look, until a barrier that
 *     was set after it was prepared is passed; then it has ended.
 * A row that this process has leased is not new; its fate is in the hands of claim and record.
 *
 * Statements are prepared once and kept. The session's planner settings allow index scans and nested loops only: the
 * tables grow from nothing to millions under a plan, and every statement here is meant to touch a few rows by key.
 *
 * Runs in the sender, inside a step of worker_transaction; may throw.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"
#include "worker/outbox.h"
#include "worker/worker.h"

#define ARRIVALS_AT_ONCE 20000
#define DUE_AT_ONCE 2000
#define ADVISORY_CLASS 0x4c43524d /* "LCRM" */

int64 outbox_epoch = 0;

static SPIPlanPtr plans[LC_PLANS];

/* Of arrivals; they live as long as the process. */
static int64 seen = 0;
static int64 decided = 0;

static struct
{
	bool stands;
	bool passed; /* all up to it is being read for the last time */
	int64 id;	 /* S */
	FullTransactionId next_xid; /* X */
} barrier_set;

/* A prepared transaction: just heard of, or older than the barrier that stands. */
static bool prepared_new = false;
static bool prepared_known = false;

static bool read_above(int64 from, int64 *highest);
static bool barrier_is_passed(void);
static void set_barrier(void);
static int64 read_int64(int column);

/* One sender a database, whatever happens: true if this is it now. The lock lasts as long as the session. */
bool
outbox_lock(void)
{
	Oid types[] = {INT4OID};
	Datum values[] = {Int32GetDatum(ADVISORY_CLASS)};
	bool isnull;

	outbox_run(LC_PLAN_LOCK, "SELECT pg_try_advisory_lock($1, 1)", 1, types, values, NULL, SPI_OK_SELECT);
	return DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* Somebody prepared a transaction that may concern the sender. */
void
outbox_note_prepared(void)
{
	prepared_new = true;
}

bool
outbox_prepared(void)
{
	return prepared_new || prepared_known;
}

/*
 * Tells channels.c what waits. go_back_to: the smallest id that commits told since the last call, PG_INT64_MAX if none.
 * barrier: look after the barrier too.
 */
void
outbox_read_arrivals(int64 go_back_to, bool barrier, LcArrivals *arrivals)
{
	static bool unguarded = false; /* something was read since a barrier was last thought of */
	bool isnull;
	Datum due;

	if (go_back_to <= seen)
		seen = go_back_to - 1;
	if (barrier && prepared_new)
		barrier_set.stands = false; /* it is no older than that barrier: another one is set below */
	if (barrier && barrier_set.stands && barrier_is_passed())
	{
		barrier_set.stands = false;
		barrier_set.passed = true;
		seen = Min(seen, decided);
	}
	else if (barrier && outbox_prepared() && !barrier_set.passed)
		seen = Min(seen, decided);
	arrivals->more = read_above(seen, &seen);
	if (!arrivals->more && barrier_set.passed)
	{
		barrier_set.passed = false;
		prepared_known = false;
		decided = Max(decided, barrier_set.id);
		seen = Max(seen, decided);
	}
	unguarded = true;
	if (barrier && !barrier_set.stands && !barrier_set.passed)
	{
		set_barrier();
		unguarded = false;
	}
	arrivals->undecided = barrier_set.stands || barrier_set.passed || unguarded;

	outbox_run(LC_PLAN_NEXT_DUE,
			   "SELECT min(due_at) FROM linecrm_internal.outbox_waiting WHERE due_at < 'infinity'", 0, NULL, NULL, NULL,
			   SPI_OK_SELECT);
	due = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	arrivals->next_due = isnull ? DT_NOEND : DatumGetTimestampTz(due);
}

/* Moves what is due into the ring, where claims find it as something that just arrived. Returns how many. */
int64
outbox_move_due(void)
{
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(DUE_AT_ONCE)};

	outbox_run(LC_PLAN_MOVE_DUE, "SELECT linecrm_internal._move_due($1)", 1, types, values, NULL, SPI_OK_SELECT);
	return read_int64(1);
}

/* Looks after what people did: resumed, cancelled, adopted. Returns how many rows it moved or finished. */
int64
outbox_attend(void)
{
	outbox_run(LC_PLAN_ATTEND, "SELECT linecrm_internal._attend()", 0, NULL, NULL, NULL, SPI_OK_SELECT);
	return read_int64(1);
}

/* The wall clock was put back: what waits a moment must not wait for hours now, nor a doubt last longer than a key. */
void
outbox_clock_put_back(int64 microseconds)
{
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(microseconds / 1000)};

	outbox_run(LC_PLAN_PUT_BACK, "SELECT linecrm_internal._clock_put_back($1)", 1, types, values, NULL, SPI_OK_SELECT);
}

/* NULL if this server may send, else why not (empty: there is no channel yet). In the memory of the step. */
const char *
outbox_check_installation(void)
{
	outbox_run(LC_PLAN_INSTALLATION, "SELECT linecrm_internal._check_installation()", 0, NULL, NULL, NULL, SPI_OK_SELECT);
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

void
outbox_heartbeat(void)
{
	outbox_run(LC_PLAN_HEARTBEAT, "UPDATE linecrm_internal.installation SET heartbeat_at = clock_timestamp()", 0, NULL, NULL,
			   NULL, SPI_OK_UPDATE);
}

/* Runs a kept plan, made at first use, and checks what came of it. Returns SPI_processed. */
uint64
outbox_run(LcOutboxPlan plan, const char *sql, int argument_count, Oid *types, Datum *values, const char *nulls,
		   int expected)
{
	int result;

	if (plans[plan] == NULL)
	{
		SPIPlanPtr made = SPI_prepare(sql, argument_count, types);

		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "linecrm could not prepare a statement: %s", SPI_result_code_string(SPI_result));
		plans[plan] = made;
	}
	result = SPI_execute_plan(plans[plan], values, nulls, false, 0);
	if (result != expected)
		elog(ERROR, "linecrm got %s from a statement", SPI_result_code_string(result));
	return SPI_processed;
}

/*
 * How this transaction's commit waits. Durable: until it is on this server's disk; standbys are never waited for, or a
 * standby that is down would stop all sending. Not durable: lost in a crash at worst, and then found out again.
 */
void
outbox_commit_mode(bool durable)
{
	(void) set_config_option("synchronous_commit", durable ? "local" : "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/* Before the first token of a slow kind is taken: when was its last request? */
void
outbox_learn_use(const LcClaim *claim, TimestampTz now)
{
	Oid types[] = {INT8OID, TEXTOID};
	Datum values[] = {Int64GetDatum(claim->channel_id), (Datum) 0};

	if (channel_knows_use(claim->channel, claim->kind))
		return;
	values[1] = CStringGetTextDatum(claim->kind->name);
	outbox_run(LC_PLAN_LAST_USE,
			   "SELECT max(last_at) FROM linecrm_internal.slow_kind WHERE channel_id = $1 AND kind = $2",
			   2, types, values, NULL, SPI_OK_SELECT);
	channel_set_use(claim->channel, claim->kind, read_int64(1), now);
}

void
outbox_note_use(const LcClaim *claim, TimestampTz now)
{
	Oid types[] = {INT8OID, TEXTOID, TIMESTAMPTZOID};
	Datum values[] = {Int64GetDatum(claim->channel_id), (Datum) 0, TimestampTzGetDatum(now)};

	if (claim->kind->rate.seconds <= 1)
		return;
	values[1] = CStringGetTextDatum(claim->kind->name);
	outbox_run(LC_PLAN_NOTE_USE,
			   "INSERT INTO linecrm_internal.slow_kind (channel_id, kind, last_at) VALUES ($1, $2, $3)"
			   " ON CONFLICT (channel_id, kind) DO UPDATE SET last_at = excluded.last_at",
			   3, types, values, NULL, SPI_OK_INSERT);
}

/* Records who was dropped from a request, so that every later attempt leaves out the same people. */
void
outbox_exclude(const LcClaim *claim, const char *reason, Datum friend_ids)
{
	Oid types[] = {INT2OID, INT8OID, INT2OID, INT8OID, INT8OID, TEXTOID, INT8ARRAYOID};
	Datum values[] = {Int16GetDatum(claim->request_slot),  Int64GetDatum(claim->channel_id),
					  Int16GetDatum(claim->delivery_slot), Int64GetDatum(claim->delivery_id),
					  Int64GetDatum(claim->request_id),	   CStringGetTextDatum(reason),
					  friend_ids};

	/* In doubt they may have got it, and the outcome counts them. */
	if (claim->delivery_id == 0 || claim->doubt_before != 0)
		return;
	outbox_run(LC_PLAN_EXCLUDE,
			   "INSERT INTO linecrm_internal.exclusion (slot, channel_id, delivery_slot, delivery_id, request_id, reason, members)"
			   " VALUES ($1, $2, $3, $4, $5, $6, linecrm.friendset($7))",
			   7, types, values, NULL, SPI_OK_INSERT);
}

/* For what would rather be tried again than keep the sender from everything else. */
void
outbox_wait_briefly(void)
{
	(void) set_config_option("lock_timeout", "200ms", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

/* Reads a stretch of ids above from. True if there may be more behind it. */
static bool
read_above(int64 from, int64 *highest)
{
	static const char sql[] =
		"SELECT channel_id, lane, min(outbox_id), max(outbox_id), count(*), min(outbox_id) FILTER (WHERE fresh)"
		" FROM (SELECT channel_id, lane, outbox_id, epoch IS DISTINCT FROM $3 AS fresh FROM linecrm_internal.outbox"
		"       WHERE outbox_id + 0 > $1 ORDER BY outbox_id + 0 LIMIT $2) AS stretch"
		" GROUP BY channel_id, lane";
	Oid types[] = {INT8OID, INT8OID, INT8OID};
	Datum values[] = {Int64GetDatum(from), Int64GetDatum(ARRIVALS_AT_ONCE), Int64GetDatum(outbox_epoch)};
	int64 rows = 0;

	outbox_run(LC_PLAN_ARRIVALS, sql, 3, types, values, NULL, SPI_OK_SELECT);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool isnull;
		int64 channel_id = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
		int lane = DatumGetInt16(SPI_getbinval(tuple, desc, 2, &isnull));
		int64 fresh;

		*highest = Max(*highest, DatumGetInt64(SPI_getbinval(tuple, desc, 4, &isnull)));
		rows += DatumGetInt64(SPI_getbinval(tuple, desc, 5, &isnull));
		fresh = DatumGetInt64(SPI_getbinval(tuple, desc, 6, &isnull));
		if (!isnull)
			channel_arrived(channel_id, lane, fresh);
	}
	return rows == ARRIVALS_AT_ONCE;
}

static bool
barrier_is_passed(void)
{
	bool isnull;
	Datum xmin;

	outbox_run(LC_PLAN_XMIN, "SELECT pg_snapshot_xmin(pg_current_snapshot())", 0, NULL, NULL, NULL, SPI_OK_SELECT);
	xmin = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return FullTransactionIdFollowsOrEquals(DatumGetFullTransactionId(xmin), barrier_set.next_xid);
}

/*
 * When ids were drawn that are not decided, or something was prepared: notes up to where, and which transactions must
 * have ended for that.
 */
static void
set_barrier(void)
{
	int64 last;

	outbox_run(LC_PLAN_SEQUENCE,
			   "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM linecrm_internal.outbox_id_seq", 0, NULL, NULL, NULL,
			   SPI_OK_SELECT);
	last = read_int64(1);
	if (last <= decided && !prepared_new)
		return;
	/*
	 * Read after the sequence: who drew an id up to there has a number below this. Not the snapshot's xmax, which is
	 * one more than the last transaction that ended, and may be the number of one that is still open.
	 */
	barrier_set.next_xid = ReadNextFullTransactionId();
	barrier_set.id = last;
	barrier_set.stands = true;
	prepared_known |= prepared_new;
	prepared_new = false;
}

static int64
read_int64(int column)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}
