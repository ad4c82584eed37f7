/*
 * worker.c
 *		The common part of sender, clerk and planner: how such a process starts, works, notices that it is in the way, and
 *		ends.
 *
 * A worker belongs to one database slot of shared memory, given to it by the launcher, and connects as the extension's
 * owner. It ends by proc_exit(); the launcher, not the postmaster, starts it again (launcher.c).
 *
 * Each unit of work is one transaction through worker_transaction(). It begins by taking a share lock on the extension
 * without waiting: DROP EXTENSION and ALTER EXTENSION UPDATE therefore wait for at most one unit, and a unit never finds
 * half of the tables. An error inside is logged, kept for doctor() and ends the transaction, not the process.
 *
 * A connected worker would keep DROP DATABASE, ALTER DATABASE RENAME and CREATE DATABASE TEMPLATE from working, which
 * wait five seconds for other sessions to go. So it looks each linecrm.poll_interval whether somebody holds the lock
 * that those commands take, and leaves; the launcher starts it again when the lock is free and the database still there.
 *
 * The only signal handlers are PostgreSQL's own: die() for SIGTERM, so that waits for synchronous standbys end too. A
 * cancel request ends the statement that runs and never the process.
 *
 * What a worker plans for itself (back-off, the next look) goes by worker_clock(), which nobody can set: a server whose
 * clock is put back an hour would otherwise stand still for an hour. Times in tables are of the wall clock.
 */
#include "postgres.h"

#include <time.h>

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "compat.h"
#include "executor/spi.h"
#include "guc.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/launcher.h"
#include "worker/wake.h"
#include "worker/worker.h"

/* A worker that ran this long was healthy: its next failure is its first. */
#define HEALTHY_MS (5 * 60 * 1000)
#define LONGEST_BACKOFF_MS (60 * 1000)

LcDatabaseSlot *my_database_slot = NULL;
LcWorkerSlot *my_worker = NULL;

static Oid my_extension = InvalidOid;
static bool extension_gone = false; /* dropped, or dropped and created anew */
static bool left_politely = false;
static int64 last_look = 0;
static emit_log_hook_type previous_log_hook = NULL;

static void attach(int slot_number, LcRole role);
static void detach(int code, Datum arg);
static void keep_error(ErrorData *error);
static void set_session_settings(LcRole role);
static bool lock_extension(void);
static bool database_wanted_by_others(void);
static void look_for_extension(void);
static void log_error_of(const char *what, ErrorData *error);

/* First call in a worker's main function: returns connected, with signals open and the latch listening. */
void
worker_start(Datum main_arg, LcRole role)
{
	Oid database;
	Oid owner;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	/* Before connecting, so that a refused connection too frees the slot and is seen by the launcher. */
	attach(DatumGetInt32(main_arg), role);
	database = pg_atomic_read_u32(&my_database_slot->database);
	owner = my_database_slot->owner;
	my_extension = my_database_slot->extension;
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, owner, 0);
	set_session_settings(role);
	LWLockAcquire(lc_shared->lock, LW_EXCLUSIVE);
	my_worker->state = LC_RUNNING;
	LWLockRelease(lc_shared->lock);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/*
 * Runs step in a transaction of its own with SPI connected. True: committed. False: rolled back, the error is in the log
 * and in shared memory, or the extension is being changed just now; the caller tries again later.
 */
bool
worker_transaction(const char *what, LcStep step, void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool done = false;

	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, what);
	PG_TRY();
	{
		StartTransactionCommand();
		if (lock_extension())
		{
			PushActiveSnapshot(GetTransactionSnapshot());
			SPI_connect();
			step(arg);
			SPI_finish();
			PopActiveSnapshot();
			done = true;
		}
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		ErrorData *error;

		done = false;
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		RESUME_INTERRUPTS();
		log_error_of(what, error);
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	return done;
}

/*
 * Whether this process should end: the server stops or an administrator said so, the extension is gone, or somebody
 * wants the database for himself. Cheap; looks at most once per poll interval.
 */
bool
worker_must_leave(void)
{
	if (ProcDiePending || extension_gone)
		return true;
	if (worker_clock() < last_look + lc_poll_interval * INT64CONST(1000))
		return false;
	last_look = worker_clock();
	if (database_wanted_by_others())
	{
		left_politely = true;
		return true;
	}
	look_for_extension();
	return extension_gone;
}

/* Ends the process: by the pending SIGTERM if there is one, else quietly; the launcher knows what to do. */
void
worker_leave(void)
{
	worker_check_interrupts();
	if (extension_gone)
	{
		LWLockAcquire(lc_shared->lock, LW_EXCLUSIVE);
		my_database_slot->probe_again = true;
		LWLockRelease(lc_shared->lock);
		left_politely = true;
	}
	proc_exit(left_politely ? 0 : 1);
}

/* Takes this worker's flag down; true if it was up. Work is looked for after this, so nothing falls between. */
bool
worker_take_pending(LcRole role)
{
	return pg_atomic_exchange_u32(&my_database_slot->pending[role], 0) != 0;
}

/* Sleeps until the latch, or the time-out; at most until the next look-up is due. */
void
worker_wait(long timeout_ms)
{
	long limit = Min(timeout_ms, (long) lc_poll_interval);

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Max(limit, 0L), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	worker_check_interrupts();
	worker_reload();
}

/*
 * Between two steps, where nothing runs that could be cancelled: pg_cancel_backend came too late, and so did a lock
 * time-out whose lock was granted at that moment.
 */
void
worker_check_interrupts(void)
{
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
}

/* Microseconds that never go back nor leap, since some time in the past. */
int64
worker_clock(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64CONST(1000000) + time.tv_nsec / 1000;
}

void
worker_reload(void)
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
}

static void
attach(int slot_number, LcRole role)
{
	my_database_slot = &lc_shared->database[slot_number];
	LWLockAcquire(lc_shared->lock, LW_EXCLUSIVE);
	if (my_database_slot->worker[role].pid != 0)
	{
		/* The launcher lost count, as after a restart of its own. One worker of a kind is enough. */
		LWLockRelease(lc_shared->lock);
		proc_exit(0);
	}
	my_worker = &my_database_slot->worker[role];
	my_worker->pid = MyProcPid;
	my_worker->proc_number = LC_MY_PROC_NUMBER;
	my_worker->started_at = GetCurrentTimestamp();
	LWLockRelease(lc_shared->lock);
	before_shmem_exit(detach, (Datum) 0);
	previous_log_hook = emit_log_hook;
	emit_log_hook = keep_error;
}

/* However the process ends: frees its place and says when the next one may start. */
static void
detach(int code, Datum arg)
{
	TimestampTz now = GetCurrentTimestamp();
	long delay = 1000;

	emit_log_hook = previous_log_hook;
	LWLockAcquire(lc_shared->lock, LW_EXCLUSIVE);
	if (left_politely || TimestampDifferenceExceeds(my_worker->started_at, now, HEALTHY_MS))
		my_worker->failures = 0;
	if (!left_politely)
	{
		my_worker->failures++;
		delay = Min(1000L << Min(my_worker->failures - 1, 10), LONGEST_BACKOFF_MS);
	}
	my_worker->pid = 0;
	my_worker->proc_number = -1;
	my_worker->state = LC_STOPPED;
	my_worker->start_after = TimestampTzPlusMilliseconds(now, delay);
	LWLockRelease(lc_shared->lock);
	wake_launcher();
}

/* emit_log_hook: the last words of a worker, above all those of a connection that was refused, for doctor(). */
static void
keep_error(ErrorData *error)
{
	if (previous_log_hook)
		previous_log_hook(error);
	if (error->elevel >= ERROR && error->message != NULL && !LWLockHeldByMe(lc_shared->lock))
		shmem_note_error(my_worker, error->message);
}

static void
set_session_settings(LcRole role)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"jit", "off"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"idle_in_transaction_session_timeout", "0"},
		{"statement_timeout", "0"},
		{"row_security", "on"},
		{"DateStyle", "ISO, YMD"},
		{"IntervalStyle", "postgres"},
	};

	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_OVERRIDE);
	/* The sender would rather try again than stand in a queue with a hundred answers in its hands. */
	SetConfigOption("lock_timeout", role == LC_SENDER ? "2s" : "30s", PGC_USERSET, PGC_S_OVERRIDE);
	if (role == LC_SENDER)
		SetConfigOption("max_parallel_workers_per_gather", "0", PGC_USERSET, PGC_S_OVERRIDE);
}

/*
 * A share lock on the extension until the end of the transaction. False when somebody is dropping or changing it at this
 * moment, or when it is no longer the one that this worker was started for.
 */
static bool
lock_extension(void)
{
	if (!ConditionalLockDatabaseObject(ExtensionRelationId, my_extension, 0, AccessShareLock))
		return false;
	AcceptInvalidationMessages();
	if (get_extension_oid("linecrm", true) == my_extension)
		return true;
	extension_gone = true;
	return false;
}

static void
look_for_extension(void)
{
	if (my_database_slot->extension != my_extension || pg_atomic_read_u32(&my_database_slot->database) != MyDatabaseId)
	{
		extension_gone = true;
		return;
	}
	StartTransactionCommand();
	(void) lock_extension();
	CommitTransactionCommand();
}

/* Whether the lock that a session holds while it connects is refused: somebody drops, renames or copies the database. */
static bool
database_wanted_by_others(void)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	if (LockAcquire(&tag, RowExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	LockRelease(&tag, RowExclusiveLock, true);
	return false;
}

/* The same trouble again within a minute is told to doctor() only. */
static void
log_error_of(const char *what, ErrorData *error)
{
	static char last_message[256];
	static int64 last_logged = 0;
	int64 now = worker_clock();
	bool same = strncmp(last_message, error->message, sizeof(last_message) - 1) == 0;

	shmem_note_error(my_worker, error->message);
	if (same && now < last_logged + 60 * USECS_PER_SEC)
		return;
	strlcpy(last_message, error->message, sizeof(last_message));
	last_logged = now;
	ereport(LOG, (errcode(error->sqlerrcode), errmsg("linecrm could not %s: %s", what, error->message),
				  error->detail ? errdetail_internal("%s", error->detail) : 0,
				  error->hint ? errhint("%s", error->hint) : 0,
				  error->context ? errcontext("%s", error->context) : 0));
}
