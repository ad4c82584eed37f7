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
 * lock time-out. It is tried again with back-off, while the requests in flight go on. One result that cannot be recorded
 * (somebody keeps the channel's row locked that it has to hold) is set apart, so that the others can; and while many
 * wait to be recorded nothing is claimed, for each of them takes memory.
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
#define UNRECORDED_MAX 1000
#define HEARTBEAT_MS (10 * 60 * 1000)
#define NO_CHANNEL_MS (5 * 1000) /* a dump is being restored, perhaps */
#define MAY_NOT_MS (60 * 1000)
#define PUT_BACK_MS (10 * 1000)
#define CLOCK_GAP_MS (60 * 1000) /* a loop that was away this long was asleep, cloned or stepped in time */
#define FIRST_BACKOFF_MS 100
#define LONGEST_BACKOFF_MS 10000

/* When a database step may be tried again after an error. */
typedef struct LcBackoff
{
	int failures;
	int64 until; /* by worker_clock(), as all times here but last_turn and what is due in tables */
} LcBackoff;

/* What the loop knows between its turns. */
typedef struct LcSender
{
	MemoryContext turn; /* reset before each claim */
	bool may_send;		/* the installation guard's word */
	int64 guard_at;
	int64 barrier_at;
	int64 go_back_to;
	bool look;	 /* something arrived, or may have */
	bool attend; /* somebody changed a hold, cancelled... */
	int64 attend_after;
	LcArrivals arrivals;
	LcBackoff claim_backoff;
	LcBackoff record_backoff;
	LcBackoff apart_backoff;
	int one_by_one; /* so many results are recorded singly, for one of them failed */
	TimestampTz last_turn;
	int64 put_back; /* microseconds by which the wall clock was, and the tables do not know yet */
} LcSender;

/* Of one look whose queue it is. */
typedef struct LcGuard
{
	bool may_send;
	int again_ms;
} LcGuard;

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
static bool record(LcSender *sender, LcResult *results, LcStep step, LcBackoff *backoff);
static LcResult *set_holds_apart(LcResult *results);
static void note_next_attempts(LcSender *sender, const LcResult *results);
static bool may_claim(LcSender *sender);
static long sleep_time(LcSender *sender);
static void finish_and_leave(LcSender *sender);
static void lock_step(void *arg);
static void guard_step(void *arg);
static void claim_step(void *arg);
static void record_step(void *arg);
static void record_apart_step(void *arg);
static bool database_step(const char *what, LcStep step, void *arg, LcBackoff *backoff);
static bool is_past(int64 time);
static long until(int64 time);
static long until_due(TimestampTz due);
static long milliseconds(int64 microseconds);
static int64 after(int64 milliseconds);

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
		if (!ProcDiePending)
			worker_check_interrupts();

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
											  {"plan_cache_mode", "force_generic_plan"},
											  {"synchronous_commit", "local"}};

	/*
	 * Every statement of the sender touches few rows by key, in tables that grow from nothing to millions (outbox.c): one
	 * plan is right for all times, and planning over all those partitions would cost more than the statements do. No step
	 * waits for a standby: one that is away would stop all sending.
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
	outbox_note_prepared(); /* there may be some from before */
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
		{
			sender->attend = true;
			if (!sender->may_send)
				sender->guard_at = 0;
		}
	}
	if (now < sender->last_turn || TimestampDifferenceExceeds(sender->last_turn, now, CLOCK_GAP_MS))
	{
		sender->guard_at = 0;
		sender->may_send = false;
		sender->look = sender->attend = true;
	}
	if (now < sender->last_turn)
		sender->put_back += sender->last_turn - now;
	sender->last_turn = now;
}

/* Asks whose queue this is: at the start, with each heartbeat, after a gap of the clock, and when told that it changed. */
static void
guard_turn(LcSender *sender)
{
	LcGuard guard = {false, NO_CHANNEL_MS};

	if (!is_past(sender->guard_at) || !is_past(sender->claim_backoff.until))
		return;
	if (!database_step("look whose queue this is", guard_step, &guard, &sender->claim_backoff))
		return;
	if (guard.may_send && !sender->may_send)
		sender->look = true;
	sender->may_send = guard.may_send;
	sender->guard_at = after(guard.again_ms);
}

/* Claims what may go out now and launches it. */
static void
claim_turn(LcSender *sender)
{
	LcClaimStep step = {sender};
	bool due = until_due(sender->arrivals.next_due) <= 0;
	bool attend = sender->attend && is_past(sender->attend_after);

	if (!may_claim(sender))
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
	if (sender->put_back > PUT_BACK_MS * INT64CONST(1000))
		sender->put_back = 0;
	for (int i = 0; i < step.wish_count; i++)
		channel_looked(&step.wishes[i]);
	for (LcClaim *claim = step.claims; claim != NULL; claim = claim->next)
		flight_launch(claim);
	/* More may have come to light than was wished for. */
	if (step.moved > 0 || sender->arrivals.more)
		sender->look = true;
}

static bool
may_claim(LcSender *sender)
{
	return sender->may_send && is_past(sender->claim_backoff.until) && flight_results() + flight_apart() < UNRECORDED_MAX;
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
			break;
		if (!is_past(sender->record_backoff.until))
			break;
		results = flight_take_results(sender->one_by_one > 0 ? 1 : RECORD_AT_ONCE);
		if (flight_apart() > 0)
			results = set_holds_apart(results);
		if (results == NULL)
			continue;
		if (record(sender, results, record_step, &sender->record_backoff))
		{
			sender->one_by_one = Max(sender->one_by_one - 1, 0);
			continue;
		}
		if (results->next == NULL)
			flight_set_apart(results);
		else
		{
			results = set_holds_apart(results);
			if (results != NULL)
				flight_put_back(results);
			if (flight_apart() == 0)
				sender->one_by_one = RECORD_AT_ONCE;
		}
		break;
	}
	while (flight_apart() > 0 && is_past(sender->apart_backoff.until))
	{
		LcResult *result = flight_take_apart();

		if (!record(sender, result, record_apart_step, &sender->apart_backoff))
		{
			flight_set_apart(result);
			break;
		}
	}
}

/* True: they are in the tables, and gone from here. */
static bool
record(LcSender *sender, LcResult *results, LcStep step, LcBackoff *backoff)
{
	if (!database_step("record answers", step, results, backoff))
		return false;
	shmem_note_work(my_worker);
	note_next_attempts(sender, results);
	flight_recorded(results);
	return true;
}

/* Those that write rows which anybody may have locked, a channel's or a delivery's. Returns the others. */
static LcResult *
set_holds_apart(LcResult *results)
{
	LcResult **link = &results;

	while (*link != NULL)
	{
		LcResult *result = *link;
		LcVerdict verdict = result->outcome.verdict;

		if (verdict != LC_HOLD_TOKEN && verdict != LC_HOLD_MONTHLY_LIMIT && verdict != LC_HOLD_DELIVERY)
		{
			link = &result->next;
			continue;
		}
		*link = result->next;
		result->next = NULL;
		flight_set_apart(result);
	}
	return results;
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
		/* What it waits for may have happened while it was in flight: cancelled, another token. */
		else if (verdict == LC_HOLD_TOKEN || verdict == LC_HOLD_MONTHLY_LIMIT || verdict == LC_HOLD_DELIVERY)
			sender->attend = true;
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
	if (flight_apart() > 0)
		time = Min(time, until(sender->apart_backoff.until));
	if (!sender->may_send)
		time = Min(time, until(Max(sender->guard_at, sender->claim_backoff.until)));
	else if (!is_past(sender->claim_backoff.until))
		time = Min(time, until(sender->claim_backoff.until));
	else if (may_claim(sender))
	{
		LcWish wish;

		if (sender->look || channels_wishes(&wish, 1, http_capacity(), http_in_flight()) > 0)
			return 0;
		time = Min(time, until(channels_next_opening()));
		time = Min(time, until_due(sender->arrivals.next_due));
		if (sender->attend)
			time = Min(time, until(sender->attend_after));
	}
	return Max(time, 0L);
}

/* The end: no new requests; those in flight get their time, and what is known is recorded. */
static void
finish_and_leave(LcSender *sender)
{
	int64 deadline = after(lc_shutdown_grace);
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
	sender->record_backoff.until = sender->apart_backoff.until = 0;
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
	static char told[256];
	LcGuard *guard = arg;
	const char *why = outbox_check_installation();

	guard->may_send = why == NULL;
	if (why == NULL)
	{
		guard->again_ms = HEARTBEAT_MS;
		outbox_heartbeat();
	}
	else if (why[0] != '\0') /* empty: there is no channel yet */
	{
		guard->again_ms = MAY_NOT_MS;
		if (strncmp(told, why, sizeof(told) - 1) != 0)
			ereport(LOG,
					(errmsg("linecrm sends nothing from this database: %s", why),
					 errhint("Decide what becomes of its queue: SELECT linecrm.adopt_database(queue => 'cancel'), or 'send'.")));
	}
	strlcpy(told, why == NULL ? "" : why, sizeof(told));
}

/* One transaction: news into the channels' lanes, then the front of the lanes into leases. */
static void
claim_step(void *arg)
{
	LcClaimStep *step = arg;
	LcSender *sender = step->sender;
	bool due = until_due(sender->arrivals.next_due) <= 0;

	step->moved = 0;
	if (sender->attend && is_past(sender->attend_after))
	{
		int64 begun = worker_clock();
		int64 now;

		step->moved += outbox_attend();
		now = worker_clock();
		/* Looking through what waits may take its time: at most a twentieth of ours, a fifth while it finds something. */
		sender->attend = step->moved > 0;
		sender->attend_after = now + (now - begun) * (step->moved > 0 ? 4 : 20);
		sender->look = true;
	}
	if (sender->put_back > PUT_BACK_MS * INT64CONST(1000))
		outbox_clock_put_back(sender->put_back);
	if (due)
		step->moved += outbox_move_due();
	/* Also when nothing was due after all: then another time is the next. */
	if (sender->look || step->barrier || due || step->moved > 0)
	{
		if (step->barrier && pg_atomic_exchange_u32(&my_database_slot->prepared, 0) != 0)
			outbox_note_prepared();
		/* COMMIT PREPARED tells nobody: neither of new rows nor of a hold that ended. */
		if (step->barrier && outbox_prepared())
			sender->attend = true;
		outbox_read_arrivals(sender->go_back_to, step->barrier, &sender->arrivals);
		sender->go_back_to = PG_INT64_MAX;
		sender->look = false;
		if (step->barrier)
			sender->barrier_at = after(lc_poll_interval);
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

static void
record_apart_step(void *arg)
{
	outbox_wait_briefly();
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
		backoff->until = after(delay);
	}
	return done;
}

static bool
is_past(int64 time)
{
	return time <= worker_clock();
}

/* Milliseconds until then, negative when it is past, a long time for never. */
static long
until(int64 time)
{
	return time == PG_INT64_MAX ? milliseconds(USECS_PER_DAY) : milliseconds(time - worker_clock());
}

/* The same of a time in a table. */
static long
until_due(TimestampTz due)
{
	return due == DT_NOEND ? milliseconds(USECS_PER_DAY) : milliseconds(due - GetCurrentTimestamp());
}

static long
milliseconds(int64 microseconds)
{
	return (long) ((Min(microseconds, USECS_PER_DAY) + (microseconds > 0 ? 999 : 0)) / 1000);
}

static int64
after(int64 milliseconds)
{
	return worker_clock() + milliseconds * 1000;
}
