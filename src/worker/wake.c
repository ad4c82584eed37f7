/*
 * wake.c
 *		"There is work": from the commit of any backend to the worker that cares.
 *
 * A function that queues something sets a bit in this backend's memory (_wake, _wake_outbox). At commit, when the rows
 * are visible, the callback sets the worker's flag in shared memory and, if it was clear, its latch: a thousand commits
 * in a burst cost one latch. An abort drops the bits, so a rolled back transaction wakes nobody. NOTIFY would do the
 * same at the price of a lock that every committing transaction of the database takes.
 *
 * Beside its bit an enqueuer leaves the smallest outbox id that it drew. Ids become visible in the order of commits, not
 * in their own; so the sender, which reads on from the last id it saw, is told how far to go back (sender.c).
 *
 * PREPARE TRANSACTION drops the bits too: nobody can say when, or whether, it will be committed, and COMMIT PREPARED
 * knows nothing of them. The sender is told to look every now and then while prepared transactions exist.
 *
 * The callback is registered once in each process that loads the library. At COMMIT it must not throw or allocate: it
 * touches atomics and latches only. Without preload there are no workers, and all of this does nothing.
 */
#include "postgres.h"

#include "access/xact.h"
#include "compat.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "worker/wake.h"

static int wake_mask = 0;
static uint64 lowest_outbox_id = PG_UINT64_MAX;

static void at_transaction_end(XactEvent event, void *arg);
static void apply_wakes(void);
static void lower_to(pg_atomic_uint64 *shared, uint64 value);
static void ask_for_probe(Oid database);
static void note_prepared(void);

PG_FUNCTION_INFO_V1(linecrm_wake);
PG_FUNCTION_INFO_V1(linecrm_wake_outbox);

void
wake_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
}

void
wake_at_commit(int mask)
{
	wake_mask |= mask;
}

/*
 * linecrm_internal._wake(worker text): sender, clerk, planner or launcher, when this transaction commits. For the sender
 * it means that something other than new requests wants attention: a hold, a cancellation, a credential.
 */
Datum
linecrm_wake(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	for (LcRole role = 0; role < LC_ROLES; role++)
		if (strcmp(name, lc_role_names[role]) == 0)
		{
			wake_at_commit(role == LC_SENDER ? LC_WAKE_SENDER | LC_WAKE_ATTENTION : 1 << role);
			PG_RETURN_VOID();
		}
	if (strcmp(name, "launcher") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no worker \"%s\"", name),
						errhint("The workers are sender, clerk, planner and launcher.")));
	wake_at_commit(LC_WAKE_LAUNCHER);
	PG_RETURN_VOID();
}

/* linecrm_internal._wake_outbox(lowest bigint): the sender, and the smallest outbox id that this statement drew. */
Datum
linecrm_wake_outbox(PG_FUNCTION_ARGS)
{
	uint64 id = (uint64) PG_GETARG_INT64(0);

	if (id < lowest_outbox_id)
		lowest_outbox_id = id;
	wake_at_commit(LC_WAKE_SENDER);
	PG_RETURN_VOID();
}

/* Raises a worker's flag and its latch if the flag was down. Never throws. */
void
wake_role(LcDatabaseSlot *slot, LcRole role)
{
	int number;

	if (pg_atomic_exchange_u32(&slot->pending[role], 1) != 0)
		return;
	number = *(volatile int *) &slot->worker[role].proc_number;
	if (number >= 0)
		SetLatch(LC_PROC_LATCH(number));
}

void
wake_launcher(void)
{
	uint32 number;

	if (lc_shared == NULL)
		return;
	pg_atomic_write_u32(&lc_shared->launcher_pending, 1);
	pg_memory_barrier();
	number = pg_atomic_read_u32(&lc_shared->launcher_proc_number);
	if (number != UINT32_MAX)
		SetLatch(LC_PROC_LATCH(number));
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (wake_mask == 0)
		return;
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			if (lc_shared != NULL)
				apply_wakes();
			break;
		case XACT_EVENT_PREPARE:
			if (lc_shared != NULL)
				note_prepared();
			break;
		case XACT_EVENT_ABORT:
			break;
		default: /* before the end, or a parallel worker: functions that wake are not parallel safe */
			return;
	}
	wake_mask = 0;
	lowest_outbox_id = PG_UINT64_MAX;
}

static void
apply_wakes(void)
{
	LcDatabaseSlot *slot = shmem_find_database(MyDatabaseId);

	if (wake_mask & LC_WAKE_LAUNCHER)
		ask_for_probe(MyDatabaseId);
	if (slot == NULL)
		return;
	/* First where to look, then that there is something. */
	if (lowest_outbox_id != PG_UINT64_MAX)
		lower_to(&slot->low_outbox_id, lowest_outbox_id);
	if (wake_mask & LC_WAKE_ATTENTION)
		pg_atomic_write_u32(&slot->attention, 1);
	for (LcRole role = 0; role < LC_ROLES; role++)
		if (wake_mask & (1 << role))
			wake_role(slot, role);
}

static void
lower_to(pg_atomic_uint64 *shared, uint64 value)
{
	uint64 present = pg_atomic_read_u64(shared);

	while (value < present && !pg_atomic_compare_exchange_u64(shared, &present, value))
		;
}

/* Remembers that this database has a new extension, or when there is no room, that all are to be looked at. */
static void
ask_for_probe(Oid database)
{
	for (int i = 0; i < LC_PROBE_SLOTS; i++)
	{
		uint32 present = 0;

		if (pg_atomic_compare_exchange_u32(&lc_shared->probe[i], &present, database) || present == database)
		{
			wake_launcher();
			return;
		}
	}
	pg_atomic_write_u32(&lc_shared->probe[0], LC_PROBE_ALL);
	wake_launcher();
}

static void
note_prepared(void)
{
	LcDatabaseSlot *slot = shmem_find_database(MyDatabaseId);

	if (slot == NULL || !(wake_mask & LC_WAKE_SENDER))
		return;
	pg_atomic_write_u32(&slot->prepared, 1);
	wake_role(slot, LC_SENDER);
}
