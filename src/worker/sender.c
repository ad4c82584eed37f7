/*
 * sender.c
 *		The process that sends: claim, HTTP, record. Read this file first.
 *
 * One sender works on the queue of one database. Its loop has three steps, and no two of them overlap:
 *
 *   claim    one short transaction leases what may go out now and makes that durable (outbox_claim.c)
 *   HTTP     no transaction, no snapshot; hundreds of requests are open at the same time (flight.c, http.c)
 *   record   one short transaction writes what became of up to a hundred requests (outbox_record.c)
 *
 * Between claim and record a request exists in the outbox, leased, and in this process. Whatever dies in between, the
 * row says enough to go on: since when LINE may have taken it, and the key with which asking again is harmless.
 *
 *   killed before the claim's commit    nothing was sent
 *   killed after it                     the next sender sends the same bytes with the same key; LINE answers 409 if it had it
 *   a record is lost or fails           the same; results stay here and are recorded again while the process lives
 *   no key exists for the request       it ends as unknown, a person decides
 *
 * An error in a database step ends that step, never the process: a hundred answers in its hands must not be lost to a
 * lock time-out. It is tried again with back-off, while the requests in flight go on.
 *
 * Nothing is sent while the installation guard says that this queue may be another server's (_check_installation). An
 * idle sender sleeps until something is due: one statement every ten minutes, its heartbeat, is all it runs.
 *
 * SIGTERM is held back during database steps; between them the loop sees it, claims no more, gives requests in flight
 * linecrm.shutdown_grace to end, and records them. Errors thrown here outside of database steps end the process.
 */
#include "postgres.h"

#include <signal.h>

#include "compat.h"
#include "guc.h"
#include "miscadmin.h"
#include "storage/procsignal.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/http.h"
#include "worker/launcher.h"
#include "worker/sender.h"
#include "worker/storm.h"
#include "worker/token.h"
#include "worker/worker.h"

#define MAX_WISHES 64
#define RECORD_AT_ONCE 100
#define RECORD_AFTER_MS 20
#define HEARTBEAT_MS (10 * 60 * 1000)
#define CLOCK_GAP_MS (60 * 1000) /* a loop that was away this long was asleep, cloned or stepped in time */
#define FIRST_BACKOFF_MS 100
#define LONGEST_BACKOFF_MS 10000

/* When a database step may be tried again after an error. */
typedef struct LcBackoff
{
	int failures;
	TimestampTz until;
} LcBackoff;

/* What the loop knows between its turns. */
typedef struct LcSender
{
	MemoryContext turn; /* reset before each claim */
	bool may_send;		/* the installation guard's word */
	TimestampTz guard_at;
	TimestampTz barrier_at;
	int64 go_back_to;
	bool look;	 /* something arrived, or may have */
	bool attend; /* somebody changed a hold, cancelled... */
	TimestampTz attend_after;
	LcArrivals arrivals;
	LcBackoff claim_backoff;
	LcBackoff record_backoff;
	TimestampTz last_turn;
} LcSender;

/* Of one claim step. */
typedef struct LcClaimStep
{
	LcSender *sender;
	LcWish wishes[MAX_WISHES];
	int wish_count;
	bool barrier;
	LcClaim *claims;
	int64 moved;
} LcClaimStep;

static void start(LcSender *sender);
static void become_the_only_one(void);
static void take_news(LcSender *sender);
static void guard_turn(LcSender *sender);
static void claim_turn(LcSender *sender);
static void record_turn(LcSender *sender, bool all);
static void note_next_attempts(LcSender *sender, const LcResult *results);
static long sleep_time(LcSender *sender);
static void finish_and_leave(LcSender *sender);
static void lock_step(void *arg);
static void guard_step(void *arg);
static void claim_step(void *arg);
static void record_step(void *arg);
static bool database_step(const char *what, LcStep step, void *arg, LcBackoff *backoff);
static bool is_past(TimestampTz time);
static long until(TimestampTz time);

void
linecrm_sender_main(Datum main_arg)
{
	LcSender sender = {0};

	worker_start(main_arg, LC_SENDER);
	start(&sender);
	for (;;)
	{
		if (worker_must_leave())
			finish_and_leave(&sender);
		worker_reload();
		CHECK_FOR_INTERRUPTS();

		take_news(&sender);
		guard_turn(&sender);
		claim_turn(&sender);
		http_wait(sleep_time(&sender));
		flight_land();
		record_turn(&sender, false);
	}
}

static void
start(LcSender *sender)
{
	static const char *const settings[][2] = {{"enable_seqscan", "off"},
											  {"enable_bitmapscan", "off"},
											  {"enable_hashjoin", "off"},
											  {"enable_mergejoin", "off"},
											  {"plan_cache_mode", "force_generic_plan"}};

	/*
	 * Every statement of the sender touches few rows by key, in tables that grow from nothing to millions (outbox.c): one
	 * plan is right for all times, and planning over all those partitions would cost more than the statements do.
	 */
	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_OVERRIDE);
	become_the_only_one();
	outbox_epoch = GetCurrentTimestamp();
	http_start();
	channels_start();
	flight_start();
	storm_start();
	sender->turn = AllocSetContextCreate(TopMemoryContext, "linecrm claim", ALLOCSET_DEFAULT_SIZES);
	sender->go_back_to = PG_INT64_MAX;
	sender->look = sender->attend = true;
	sender->arrivals.next_due = DT_NOEND;
	sender->last_turn = GetCurrentTimestamp();
}

/* Waits until no other session is this database's sender, such as one that has lost its launcher. */
static void
become_the_only_one(void)
{
	bool locked = false;

	while (!worker_transaction("become the sender of this database", lock_step, &locked) || !locked)
	{
		if (worker_must_leave())
			worker_leave();
		worker_wait(1000);
	}
}

/* What commits told since the last turn, and what the clock says. */
static void
take_news(LcSender *sender)
{
	LcDatabaseSlot *slot = my_database_slot;
	TimestampTz now = GetCurrentTimestamp();

	if (worker_take_pending(LC_SENDER))
	{
		uint64 lowest = pg_atomic_exchange_u64(&slot->low_outbox_id, PG_UINT64_MAX);

		sender->look = true;
		if (lowest < (uint64) sender->go_back_to)
			sender->go_back_to = (int64) lowest;
		if (pg_atomic_exchange_u32(&slot->attention, 0) != 0)
			sender->attend = true;
	}
	if (sender->attend)
		sender->guard_at = sender->may_send ? sender->guard_at : 0;
	if (now < sender->last_turn || TimestampDifferenceExceeds(sender->last_turn, now, CLOCK_GAP_MS))
	{
		sender->guard_at = 0;
		sender->may_send = false;
		sender->look = sender->attend = true;
	}
	sender->last_turn = now;
}

/* Asks whose queue this is: at the start, with each heartbeat, after a gap of the clock, and when told that it changed. */
static void
guard_turn(LcSender *sender)
{
	bool may_send = false;

	if (!is_past(sender->guard_at) || !is_past(sender->claim_backoff.until))
		return;
	if (!database_step("look whose queue this is", guard_step, &may_send, &sender->claim_backoff))
		return;
	if (may_send && !sender->may_send)
		sender->look = true;
	sender->may_send = may_send;
	sender->guard_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HEARTBEAT_MS);
}

/* Claims what may go out now and launches it. */
static void
claim_turn(LcSender *sender)
{
	LcClaimStep step = {sender};
	bool due = is_past(sender->arrivals.next_due);
	bool attend = sender->attend && is_past(sender->attend_after);

	if (!sender->may_send || !is_past(sender->claim_backoff.until))
		return;
	step.wish_count = channels_wishes(step.wishes, MAX_WISHES, http_capacity(), http_in_flight());
	step.barrier = is_past(sender->barrier_at) && (sender->arrivals.undecided || sender->look);
	if (step.wish_count == 0 && !sender->look && !attend && !due && !step.barrier)
		return;
	MemoryContextReset(sender->turn);
	if (!database_step("claim requests", claim_step, &step, &sender->claim_backoff))
	{
		storm_settle(false);
		/* What the step took note of may have been rolled back with it. */
		sender->look = sender->attend = true;
		return;
	}
	storm_settle(true);
	for (int i = 0; i < step.wish_count; i++)
		channel_looked(&step.wishes[i]);
	for (LcClaim *claim = step.claims; claim != NULL; claim = claim->next)
		flight_launch(claim);
	/* More may have come to light than was wished for. */
	if (step.moved > 0 || sender->arrivals.more)
		sender->look = true;
}

/* Records what waits for it: when it is enough, or old enough, or at the end. */
static void
record_turn(LcSender *sender, bool all)
{
	while (flight_results() > 0)
	{
		LcResult *results;

		/* Nothing to wait for when nothing else is in flight. */
		if (!all && http_in_flight() > 0 && flight_results() < RECORD_AT_ONCE &&
			until(flight_first_result_at()) + RECORD_AFTER_MS > 0)
			return;
		if (!is_past(sender->record_backoff.until))
			return;
		results = flight_take_results(RECORD_AT_ONCE);
		if (!database_step("record answers", record_step, results, &sender->record_backoff))
		{
			flight_put_back(results);
			return;
		}
		shmem_note_work(my_worker);
		note_next_attempts(sender, results);
		flight_recorded(results);
	}
}

/* What was just put into outbox_waiting falls due sooner, perhaps, than what was known to wait. */
static void
note_next_attempts(LcSender *sender, const LcResult *results)
{
	for (const LcResult *result = results; result != NULL; result = result->next)
	{
		LcVerdict verdict = result->outcome.verdict;

		if (verdict == LC_WAIT_RATE || verdict == LC_RETRY || verdict == LC_RETRY_AMBIGUOUS)
			sender->arrivals.next_due = Min(sender->arrivals.next_due, result->retry_at);
		if (!result->outcome.counted)
			storm_taken_back(result->claim);
	}
}

/* How long nothing can be due, in milliseconds, if no latch and no socket says otherwise. */
static long
sleep_time(LcSender *sender)
{
	long time = lc_poll_interval;

	if (flight_results() > 0)
		time = Min(time, Max(until(flight_first_result_at()) + RECORD_AFTER_MS, until(sender->record_backoff.until)));
	if (!sender->may_send)
		return Max(time, 0L);
	if (!is_past(sender->claim_backoff.until))
		time = Min(time, until(sender->claim_backoff.until));
	else
	{
		LcWish wish;

		if (sender->look || channels_wishes(&wish, 1, http_capacity(), http_in_flight()) > 0)
			return 0;
		time = Min(time, until(channels_next_opening()));
		time = Min(time, until(sender->arrivals.next_due));
		if (sender->attend)
			time = Min(time, until(sender->attend_after));
	}
	return Max(time, 0L);
}

/* The end: no new requests; those in flight get their time, and what is known is recorded. */
static void
finish_and_leave(LcSender *sender)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), lc_shutdown_grace);
	bool die_pending = ProcDiePending;

	/* A second SIGTERM ends it at once. */
	ProcDiePending = false;
	while (http_in_flight() > 0 && !is_past(deadline) && !ProcDiePending)
	{
		http_wait(Min(until(deadline), 100));
		flight_land();
		record_turn(sender, false);
		if (ProcSignalBarrierPending)
			ProcessProcSignalBarrier();
	}
	flight_land();
	sender->record_backoff.until = 0;
	record_turn(sender, true);
	if (die_pending)
	{
		ProcDiePending = true;
		InterruptPending = true;
	}
	worker_leave();
}

static void
lock_step(void *arg)
{
	*(bool *) arg = outbox_lock();
}

static void
guard_step(void *arg)
{
	const char *why = outbox_check_installation();

	*(bool *) arg = why == NULL;
	if (why == NULL)
		outbox_heartbeat();
	else if (why[0] != '\0') /* empty: there is no channel yet */
		ereport(LOG, (errmsg("linecrm sends nothing from this database: %s", why),
					  errhint("Decide what becomes of its queue: SELECT linecrm.adopt_database(queue => 'cancel'), or 'send'.")));
}

/* One transaction: news into the channels' lanes, then the front of the lanes into leases. */
static void
claim_step(void *arg)
{
	LcClaimStep *step = arg;
	LcSender *sender = step->sender;
	bool prepared = pg_atomic_read_u32(&my_database_slot->prepared) != 0;

	step->moved = 0;
	if (sender->attend && is_past(sender->attend_after))
	{
		TimestampTz begun = GetCurrentTimestamp();
		TimestampTz now;

		step->moved += outbox_attend();
		now = GetCurrentTimestamp();
		/* Looking through what waits may take its time: at most a twentieth of ours. */
		sender->attend = step->moved > 0;
		sender->attend_after = now + (now - begun) * 20;
		sender->look = true;
	}
	if (is_past(sender->arrivals.next_due))
		step->moved += outbox_move_due();
	if (sender->look || step->barrier || step->moved > 0)
	{
		outbox_read_arrivals(sender->go_back_to, step->barrier, step->barrier && prepared, &sender->arrivals);
		sender->go_back_to = PG_INT64_MAX;
		sender->look = false;
		if (step->barrier)
		{
			sender->barrier_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), lc_poll_interval);
			if (prepared && !sender->arrivals.undecided)
				pg_atomic_write_u32(&my_database_slot->prepared, 0);
		}
		step->wish_count = channels_wishes(step->wishes, MAX_WISHES, http_capacity(), http_in_flight());
	}
	step->claims = NULL;
	if (step->wish_count == 0)
		return;
	step->claims = outbox_claim(step->wishes, step->wish_count, sender->turn);
	for (LcClaim *claim = step->claims; claim != NULL; claim = claim->next)
		token_refresh(claim->channel, claim->credential_version);
}

static void
record_step(void *arg)
{
	outbox_record(arg);
}

/* A database step with SIGTERM held back, so that a shutdown finds the loop between two steps with its hands free. */
static bool
database_step(const char *what, LcStep step, void *arg, LcBackoff *backoff)
{
	sigset_t terminate;
	sigset_t before;
	bool done;

	sigemptyset(&terminate);
	sigaddset(&terminate, SIGTERM);
	sigprocmask(SIG_BLOCK, &terminate, &before);
	done = worker_transaction(what, step, arg);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (done)
		memset(backoff, 0, sizeof(*backoff));
	else
	{
		long delay = Min((long) FIRST_BACKOFF_MS << Min(backoff->failures, 10), (long) LONGEST_BACKOFF_MS);

		backoff->failures++;
		backoff->until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), delay);
	}
	return done;
}

static bool
is_past(TimestampTz time)
{
	return time <= GetCurrentTimestamp();
}

/* Milliseconds until then, negative when it is past, a long time for never. */
static long
until(TimestampTz time)
{
	TimestampTz now = GetCurrentTimestamp();

	if (time == DT_NOEND || time - now > INT64CONST(86400000000))
		return 86400000L;
	return (long) ((time - now + (time > now ? 999 : 0)) / 1000);
}
