/*
 * launcher.c
 *		Keeps a sender, a clerk and a planner running in each database that has the extension.
 *
 * Three layers, as nobody can see into a database from outside:
 *   launcher  one for the server, static, connected to the shared catalogues only. Restarted by the postmaster.
 *   prober    a short process per database that looks whether the extension is there and who owns it, and takes a slot.
 *   worker    three per slot. Started by the launcher, never by the postmaster, so that the back-off is ours.
 *
 * What happens, and what follows:
 *   server start, promotion            every connectable database that is no template is probed (nothing on a standby)
 *   CREATE EXTENSION commits           its script calls _wake('launcher'): that database is probed
 *   DROP EXTENSION commits             the workers see it within a poll interval and leave; probed again, slot freed
 *   either is rolled back              nothing was started or stopped
 *   DROP / RENAME / TEMPLATE database  the workers see the lock and leave; the launcher waits for the lock
 *   a database is made from a template found by the look around each minute
 *   a worker ends or is killed         started again after 1 s, 2 s, 4 s... 60 s; five good minutes reset that
 *   a worker crashes (kill -9)         the postmaster restarts all; shared memory is new; as server start
 *   no worker slot is free             one WARNING with the setting's name, tried again every few seconds
 *
 * State is in shared memory; a restarted launcher takes over what runs. It never waits for a process: the prober is
 * started and looked at again at the next turn of the loop.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "compat.h"
#include "guc.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"
#include "worker/launcher.h"
#include "worker/wake.h"
#include "worker/worker.h"

#define LOOK_AROUND_MS (60 * 1000)
#define START_TIMEOUT_MS (60 * 1000) /* a worker that was registered and never appeared */
#define SHORT_MS 200
#define NO_SLOT_MS 5000

static const char *const main_functions[LC_ROLES] = {"linecrm_sender_main", "linecrm_clerk_main", "linecrm_planner_main"};

/* Databases to probe, in a memory context of the launcher that is rebuilt at each look around. */
static List *to_probe = NIL;
static BackgroundWorkerHandle *prober = NULL;
static int64 last_look_around = 0; /* by worker_clock() */
static int64 last_warning = 0;

static void register_launcher(void);
static void on_launcher_exit(int code, Datum arg);
static void look_around(void);
static void take_probe_requests(void);
static bool probe_next(void);
static bool keep_workers(void);
static void keep_worker(LcDatabaseSlot *slot, LcRole role, bool *soon);
static bool clock_went_back(TimestampTz planned, TimestampTz now);
static bool start_worker(LcDatabaseSlot *slot, LcRole role);
static void stop_slot(LcDatabaseSlot *slot);
static List *connectable_databases(void);
static bool is_wanted(const char *name);
static bool database_is_free(Oid database);
static bool database_exists(Oid database);
static void want_probe(Oid database);
static void fill_worker(BackgroundWorker *worker, const char *type, const char *function);
static void warn_no_slots(void);

void
launcher_init(void)
{
	register_launcher();
}

static void
register_launcher(void)
{
	BackgroundWorker worker;

	fill_worker(&worker, "linecrm launcher", "linecrm_launcher_main");
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 5;
	RegisterBackgroundWorker(&worker);
}

void
linecrm_launcher_main(Datum main_arg)
{
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	before_shmem_exit(on_launcher_exit, (Datum) 0);
	lc_shared->launcher_pid = MyProcPid;
	pg_atomic_write_u32(&lc_shared->launcher_proc_number, LC_MY_PROC_NUMBER);
	pgstat_report_activity(STATE_IDLE, NULL);

	for (;;)
	{
		bool soon = false;

		worker_check_interrupts();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			last_look_around = 0;
		}
		pg_atomic_write_u32(&lc_shared->launcher_pending, 0);
		pg_memory_barrier();
		if (last_look_around == 0 || worker_clock() > last_look_around + LOOK_AROUND_MS * INT64CONST(1000))
			look_around();
		take_probe_requests();
		soon |= probe_next();
		soon |= keep_workers();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, soon ? SHORT_MS : LOOK_AROUND_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

static void
on_launcher_exit(int code, Datum arg)
{
	pg_atomic_write_u32(&lc_shared->launcher_proc_number, UINT32_MAX);
	lc_shared->launcher_pid = 0;
}

/*
 * Compares what should be worked on with the slots. Databases without a slot are probed; slots whose database is gone,
 * became a template or is no longer in linecrm.databases are emptied.
 */
static void
look_around(void)
{
	List *wanted;
	ListCell *cell;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	wanted = connectable_databases();
	for (int i = 0; i < lc_shared->max_databases; i++)
	{
		LcDatabaseSlot *slot = &lc_shared->database[i];
		Oid database = pg_atomic_read_u32(&slot->database);

		if (OidIsValid(database) && !list_member_oid(wanted, database))
			stop_slot(slot);
	}
	foreach (cell, wanted)
	{
		LcDatabaseSlot *slot = shmem_find_database(lfirst_oid(cell));

		if (slot == NULL || slot->blocked)
			want_probe(lfirst_oid(cell));
	}
	CommitTransactionCommand();
	last_look_around = worker_clock();
}

/* What CREATE EXTENSION's commit and leaving workers asked for. */
static void
take_probe_requests(void)
{
	for (int i = 0; i < LC_PROBE_SLOTS; i++)
	{
		uint32 database = pg_atomic_exchange_u32(&lc_shared->probe[i], 0);

		if (database == LC_PROBE_ALL)
			look_around();
		else if (database != 0)
		{
			bool wanted;

			StartTransactionCommand();
			wanted = list_member_oid(connectable_databases(), database);
			CommitTransactionCommand();
			if (wanted)
				want_probe(database);
		}
	}
	for (int i = 0; i < lc_shared->max_databases; i++)
	{
		LcDatabaseSlot *slot = &lc_shared->database[i];

		if (!slot->probe_again)
			continue;
		slot->probe_again = false;
		want_probe(pg_atomic_read_u32(&slot->database));
	}
}

/* Starts the next prober when none runs. True while there is something to come back for soon. */
static bool
probe_next(void)
{
	BackgroundWorker worker;
	Oid database;
	pid_t pid;

	if (prober != NULL)
	{
		if (GetBackgroundWorkerPid(prober, &pid) != BGWH_STOPPED)
			return true;
		pfree(prober);
		prober = NULL;
	}
	if (to_probe == NIL)
		return false;
	database = linitial_oid(to_probe);
	to_probe = list_delete_first(to_probe);
	if (!database_is_free(database))
	{
		want_probe(database);
		return true;
	}
	fill_worker(&worker, "linecrm prober", "linecrm_prober_main");
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = MyProcPid;
	MemoryContextSwitchTo(TopMemoryContext);
	if (!RegisterDynamicBackgroundWorker(&worker, &prober))
	{
		prober = NULL;
		warn_no_slots(); /* the next look around asks again */
		return false;
	}
	return true;
}

/* Starts what should run and does not. True while something is to be looked at again soon. */
static bool
keep_workers(void)
{
	bool soon = false;

	for (int i = 0; i < lc_shared->max_databases; i++)
	{
		LcDatabaseSlot *slot = &lc_shared->database[i];

		if (!OidIsValid(pg_atomic_read_u32(&slot->database)))
			continue;
		if (!OidIsValid(slot->extension))
		{
			stop_slot(slot);
			soon = true;
			continue;
		}
		for (LcRole role = 0; role < LC_ROLES && !slot->blocked; role++)
			keep_worker(slot, role, &soon);
	}
	return soon;
}

static void
keep_worker(LcDatabaseSlot *slot, LcRole role, bool *soon)
{
	LcWorkerSlot *worker = &slot->worker[role];
	TimestampTz now = GetCurrentTimestamp();

	if (worker->state == LC_RUNNING)
		return;
	*soon = true;
	LWLockAcquire(lc_shared->lock, LW_EXCLUSIVE);
	if (worker->state == LC_STARTING && worker->pid == 0 &&
		(TimestampDifferenceExceeds(worker->started_at, now, START_TIMEOUT_MS) || clock_went_back(worker->started_at, now)))
		worker->state = LC_STOPPED;
	LWLockRelease(lc_shared->lock);
	if (worker->state != LC_STOPPED || (worker->start_after > now && !clock_went_back(worker->start_after, now)))
		return;
	if (!database_is_free(pg_atomic_read_u32(&slot->database)))
		return;
	if (!database_exists(pg_atomic_read_u32(&slot->database)))
	{
		slot->extension = InvalidOid; /* dropped: the next turn frees the slot */
		return;
	}
	if (!start_worker(slot, role))
	{
		worker->start_after = TimestampTzPlusMilliseconds(now, NO_SLOT_MS);
		warn_no_slots();
	}
}

/* These times are of the wall clock, for people to read. None of them is ever planned further ahead than this. */
static bool
clock_went_back(TimestampTz planned, TimestampTz now)
{
	return planned > TimestampTzPlusMilliseconds(now, 2 * START_TIMEOUT_MS);
}

static bool
start_worker(LcDatabaseSlot *slot, LcRole role)
{
	BackgroundWorker worker;
	char type[BGW_MAXLEN];
	LcWorkerSlot *place = &slot->worker[role];
	bool started;

	snprintf(type, sizeof(type), "linecrm %s", lc_role_names[role]);
	fill_worker(&worker, type, main_functions[role]);
	worker.bgw_main_arg = Int32GetDatum((int32) (slot - lc_shared->database));
	worker.bgw_notify_pid = MyProcPid;
	LWLockAcquire(lc_shared->lock, LW_EXCLUSIVE);
	place->state = LC_STARTING;
	place->started_at = GetCurrentTimestamp();
	LWLockRelease(lc_shared->lock);
	started = RegisterDynamicBackgroundWorker(&worker, NULL);
	if (!started)
	{
		LWLockAcquire(lc_shared->lock, LW_EXCLUSIVE);
		place->state = LC_STOPPED;
		LWLockRelease(lc_shared->lock);
	}
	return started;
}

/* Sends the workers of a slot home, and frees it when the last one is gone. */
static void
stop_slot(LcDatabaseSlot *slot)
{
	bool empty = true;

	LWLockAcquire(lc_shared->lock, LW_EXCLUSIVE);
	for (LcRole role = 0; role < LC_ROLES; role++)
	{
		LcWorkerSlot *worker = &slot->worker[role];

		if (worker->pid != 0)
			kill(worker->pid, SIGTERM);
		if (worker->pid != 0 || worker->state == LC_STARTING)
			empty = false;
	}
	slot->extension = InvalidOid;
	if (empty)
	{
		pg_atomic_write_u32(&slot->database, 0);
		for (LcRole role = 0; role < LC_ROLES; role++)
		{
			memset(&slot->worker[role], 0, sizeof(LcWorkerSlot));
			slot->worker[role].proc_number = -1;
		}
	}
	LWLockRelease(lc_shared->lock);
}

/* OIDs of the databases to work on, in the caller's memory. Needs a transaction. */
static List *
connectable_databases(void)
{
	List *result = NIL;
	Relation relation = table_open(DatabaseRelationId, AccessShareLock);
	TableScanDesc scan = table_beginscan_catalog(relation, 0, NULL);
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database row = (Form_pg_database) GETSTRUCT(tuple);

		if (row->datallowconn && !row->datistemplate && row->datconnlimit != -2 && is_wanted(NameStr(row->datname)))
			result = lappend_oid(result, row->oid);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	return result;
}

static bool
is_wanted(const char *name)
{
	char *copy = pstrdup(lc_databases);
	List *names;
	ListCell *cell;

	if (!SplitIdentifierString(copy, ',', &names))
		return false;
	if (names == NIL)
		return true;
	foreach (cell, names)
	{
		if (strcmp((char *) lfirst(cell), name) == 0)
			return true;
	}
	return false;
}

/* Nobody is dropping, renaming or copying the database: a process that connects would not stand and wait. */
static bool
database_is_free(Oid database)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
	if (LockAcquire(&tag, RowExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	LockRelease(&tag, RowExclusiveLock, true);
	return true;
}

static bool
database_exists(Oid database)
{
	bool exists;

	StartTransactionCommand();
	exists = SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database));
	CommitTransactionCommand();
	return exists;
}

static void
want_probe(Oid database)
{
	MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);

	if (OidIsValid(database))
		to_probe = list_append_unique_oid(to_probe, database);
	MemoryContextSwitchTo(previous);
}

static void
fill_worker(BackgroundWorker *worker, const char *type, const char *function)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "linecrm", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, sizeof(worker->bgw_function_name));
	strlcpy(worker->bgw_name, type, sizeof(worker->bgw_name));
	strlcpy(worker->bgw_type, type, sizeof(worker->bgw_type));
}

static void
warn_no_slots(void)
{
	if (last_warning != 0 && worker_clock() < last_warning + 10 * LOOK_AROUND_MS * INT64CONST(1000))
		return;
	last_warning = worker_clock();
	ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					  errmsg("linecrm has no free background worker slot, some of its workers do not run"),
					  errhint("Increase max_worker_processes; linecrm needs one, and three for each database.")));
}
