/*
 * shmem.h
 *		What the processes of linecrm tell each other: one slot a database, fixed size, keyed by database OID.
 */
#ifndef LINECRM_SHMEM_H
#define LINECRM_SHMEM_H

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/lwlock.h"

typedef enum LcRole
{
	LC_SENDER,
	LC_CLERK,
	LC_PLANNER
} LcRole;
#define LC_ROLES 3

typedef enum LcWorkerState
{
	LC_STOPPED, /* no process; the launcher starts one at start_after */
	LC_STARTING,
	LC_RUNNING
} LcWorkerState;

/* One worker process. Written by the launcher and by the worker under the lock. */
typedef struct LcWorkerSlot
{
	LcWorkerState state;
	int pid;
	int proc_number; /* -1: none */
	int failures;	 /* in a row */
	TimestampTz started_at;
	TimestampTz start_after;
	TimestampTz active_at; /* end of the last turn that did something */
	TimestampTz error_at;
	char error[256];
} LcWorkerSlot;

/* What only the sender counts; read without a lock. */
typedef struct LcSenderCounters
{
	pg_atomic_uint64 requests;	/* put on the wire */
	pg_atomic_uint64 finished;	/* got an outcome */
	pg_atomic_uint64 retried;	/* went to back-off */
	pg_atomic_uint64 throttled; /* 429 of a rate limit */
	pg_atomic_uint32 in_flight;
} LcSenderCounters;

typedef struct LcDatabaseSlot
{
	pg_atomic_uint32 database; /* OID; 0: free. Atomic: the commit callback reads it without the lock */
	Oid extension;
	Oid owner;
	bool probe_again; /* a worker found that the extension is not what it was */
	bool blocked;	  /* no worker may start; their error says why. Probed again each minute */
	pg_atomic_uint32 pending[LC_ROLES];	  /* "there is work", test-and-set by commits */
	pg_atomic_uint64 low_outbox_id;		  /* smallest outbox id of commits not yet looked at; max: none */
	pg_atomic_uint32 attention;			  /* somebody resumed, cancelled, set a credential... */
	pg_atomic_uint32 prepared;			  /* a prepared transaction may hold outbox rows */
	LcWorkerSlot worker[LC_ROLES];
	LcSenderCounters sender;
} LcDatabaseSlot;

#define LC_PROBE_SLOTS 16
#define LC_PROBE_ALL UINT32_MAX /* not a database OID that ever exists */

typedef struct LcShared
{
	LWLock *lock;
	int launcher_pid;
	pg_atomic_uint32 launcher_proc_number; /* UINT32_MAX: none */
	pg_atomic_uint32 launcher_pending;
	pg_atomic_uint32 probe[LC_PROBE_SLOTS]; /* databases in which CREATE EXTENSION was committed */
	int max_databases;
	LcDatabaseSlot database[FLEXIBLE_ARRAY_MEMBER];
} LcShared;

/* NULL when the library was not preloaded. */
extern LcShared *lc_shared;

extern const char *const lc_role_names[LC_ROLES];

extern void shmem_init(void);
extern LcDatabaseSlot *shmem_find_database(Oid database);
extern void shmem_note_error(LcWorkerSlot *worker, const char *message);
extern void shmem_note_work(LcWorkerSlot *worker);

#endif
