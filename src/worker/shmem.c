/*
 * shmem.c
 *		The shared memory of linecrm, and the view into it.
 *
 * Holds nothing that the tables do not know better: after a crash restart it is new and empty, and the launcher fills
 * it again. No pointers, latches or file descriptors of a process are kept here; a process is found by its number, and
 * waking the wrong one after a restart costs it one look at nothing.
 *
 * One LWLock guards all but the atomics. It is held for a few instructions, never over an allocation or an I/O.
 * Texts are cut to fit. SQL-callable: linecrm_internal._worker_status(), for sender_status and doctor().
 */
#include "postgres.h"

#include "compat.h"
#include "funcapi.h"
#include "guc.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "worker/shmem.h"

LcShared *lc_shared = NULL;

const char *const lc_role_names[LC_ROLES] = {"sender", "clerk", "planner"};

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void request_shmem(void);
static void startup_shmem(void);
static Size shmem_size(void);
static void init_shared(void);
static void put_worker_row(ReturnSetInfo *result, LcDatabaseSlot *slot, LcRole role);

PG_FUNCTION_INFO_V1(linecrm_worker_status);

/* Only of use while the postmaster loads the library; later there is no room to ask for. */
void
shmem_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

/* The slot of a database, or NULL. Needs no lock: a slot never changes its database while workers of it run. */
LcDatabaseSlot *
shmem_find_database(Oid database)
{
	if (lc_shared == NULL || !OidIsValid(database))
		return NULL;
	for (int i = 0; i < lc_shared->max_databases; i++)
		if (pg_atomic_read_u32(&lc_shared->database[i].database) == database)
			return &lc_shared->database[i];
	return NULL;
}

/* Keeps the last trouble of a worker for doctor(). Cut at a character boundary. */
void
shmem_note_error(LcWorkerSlot *worker, const char *message)
{
	int length = pg_mbcliplen(message, strlen(message), sizeof(worker->error) - 1);

	LWLockAcquire(lc_shared->lock, LW_EXCLUSIVE);
	memcpy(worker->error, message, length);
	worker->error[length] = '\0';
	worker->error_at = GetCurrentTimestamp();
	LWLockRelease(lc_shared->lock);
}

/* A turn that did something has ended: how old that is tells somebody who looks whether a worker is stuck. */
void
shmem_note_work(LcWorkerSlot *worker)
{
	LWLockAcquire(lc_shared->lock, LW_EXCLUSIVE);
	worker->active_at = GetCurrentTimestamp();
	LWLockRelease(lc_shared->lock);
}

/*
 * linecrm_internal._worker_status(): one row for each worker that the launcher has, of all databases.
 * No row at all means that the library is not in shared_preload_libraries.
 */
Datum
linecrm_worker_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	if (lc_shared == NULL)
		return (Datum) 0;
	for (int i = 0; i < lc_shared->max_databases; i++)
		for (LcRole role = 0; role < LC_ROLES; role++)
			put_worker_row(result, &lc_shared->database[i], role);
	return (Datum) 0;
}

static void
put_worker_row(ReturnSetInfo *result, LcDatabaseSlot *slot, LcRole role)
{
	static const char *const states[] = {"stopped", "starting", "running"};
	LcWorkerSlot worker;
	Oid database;
	Datum values[16] = {0};
	bool nulls[16] = {0};

	LWLockAcquire(lc_shared->lock, LW_SHARED);
	database = pg_atomic_read_u32(&slot->database);
	worker = slot->worker[role];
	LWLockRelease(lc_shared->lock);
	if (!OidIsValid(database))
		return;

#define PUT_TIME(i, value) (nulls[i] = (value) == 0, values[i] = TimestampTzGetDatum(value))
	values[0] = ObjectIdGetDatum(database);
	values[1] = CStringGetTextDatum(lc_role_names[role]);
	values[2] = CStringGetTextDatum(states[worker.state]);
	values[3] = Int32GetDatum(worker.pid);
	nulls[3] = worker.pid == 0;
	PUT_TIME(4, worker.started_at);
	PUT_TIME(5, worker.start_after);
	PUT_TIME(6, worker.active_at);
	values[7] = Int32GetDatum(worker.failures);
	PUT_TIME(8, worker.error_at);
	values[9] = CStringGetTextDatum(worker.error);
	nulls[9] = worker.error[0] == '\0';
	values[10] = Int64GetDatum((int64) pg_atomic_read_u64(&slot->sender.requests));
	values[11] = Int64GetDatum((int64) pg_atomic_read_u64(&slot->sender.finished));
	values[12] = Int64GetDatum((int64) pg_atomic_read_u64(&slot->sender.retried));
	values[13] = Int64GetDatum((int64) pg_atomic_read_u64(&slot->sender.throttled));
	values[14] = Int32GetDatum((int32) pg_atomic_read_u32(&slot->sender.in_flight));
	values[15] = ObjectIdGetDatum(slot->owner);
#undef PUT_TIME
	for (int i = 10; i <= 14; i++)
		nulls[i] = role != LC_SENDER;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
request_shmem(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(shmem_size());
	RequestNamedLWLockTranche("linecrm", 1);
}

static void
startup_shmem(void)
{
	bool found;

	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	lc_shared = ShmemInitStruct("linecrm", shmem_size(), &found);
	if (!found)
		init_shared();
	LWLockRelease(AddinShmemInitLock);
}

static Size
shmem_size(void)
{
	return add_size(offsetof(LcShared, database), mul_size(lc_max_databases, sizeof(LcDatabaseSlot)));
}

static void
init_shared(void)
{
	memset(lc_shared, 0, shmem_size());
	lc_shared->lock = &(GetNamedLWLockTranche("linecrm"))->lock;
	lc_shared->max_databases = lc_max_databases;
	pg_atomic_init_u32(&lc_shared->launcher_proc_number, UINT32_MAX);
	pg_atomic_init_u32(&lc_shared->launcher_pending, 0);
	for (int i = 0; i < LC_PROBE_SLOTS; i++)
		pg_atomic_init_u32(&lc_shared->probe[i], 0);
	for (int i = 0; i < lc_shared->max_databases; i++)
	{
		LcDatabaseSlot *slot = &lc_shared->database[i];

		pg_atomic_init_u32(&slot->database, 0);
		pg_atomic_init_u64(&slot->low_outbox_id, PG_UINT64_MAX);
		pg_atomic_init_u32(&slot->attention, 0);
		pg_atomic_init_u32(&slot->prepared, 0);
		pg_atomic_init_u64(&slot->sender.requests, 0);
		pg_atomic_init_u64(&slot->sender.finished, 0);
		pg_atomic_init_u64(&slot->sender.retried, 0);
		pg_atomic_init_u64(&slot->sender.throttled, 0);
		pg_atomic_init_u32(&slot->sender.in_flight, 0);
		for (LcRole role = 0; role < LC_ROLES; role++)
		{
			pg_atomic_init_u32(&slot->pending[role], 0);
			slot->worker[role].proc_number = -1;
		}
	}
}
