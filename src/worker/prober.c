/*
 * prober.c
 *		A short process that connects to one database and tells the launcher whether linecrm is there.
 *
 * Runs as the bootstrap superuser and touches nothing but system catalogues, by index scans in C: no SQL, no function of
 * the database's owner. Answers in shared memory: takes a slot for a database with the extension, updates it when the
 * extension was dropped and created again, and marks it when the extension is gone. The workers of such a slot compare
 * it with what they were started for, and leave.
 *
 * A library that is newer than the installed SQL is normal during an upgrade: versions that this library does not know
 * get no workers, and doctor() says why, until ALTER EXTENSION UPDATE wakes the launcher.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "guc.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "worker/launcher.h"
#include "worker/wake.h"

/* Versions of the SQL that this library's workers can work with. */
static const char *const known_versions[] = {LINECRM_VERSION};

typedef struct LcFound
{
	Oid extension; /* invalid: not there */
	Oid owner;
	char problem[200]; /* why no worker may start; empty: none */
} LcFound;

static void find_extension(LcFound *found);
static void judge_version(LcFound *found, const char *version);
static void judge_owner(LcFound *found);
static void report(const LcFound *found);
static LcDatabaseSlot *take_slot(void);

void
linecrm_prober_main(Datum main_arg)
{
	LcFound found = {0};

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(main_arg), InvalidOid, 0);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	find_extension(&found);
	CommitTransactionCommand();
	report(&found);
	wake_launcher();
	proc_exit(0);
}

static void
find_extension(LcFound *found)
{
	Relation relation = table_open(ExtensionRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("linecrm"));
	scan = systable_beginscan(relation, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_extension row = (Form_pg_extension) GETSTRUCT(tuple);
		bool isnull;
		Datum version = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(relation), &isnull);

		found->extension = row->oid;
		found->owner = row->extowner;
		judge_version(found, isnull ? "" : TextDatumGetCString(version));
		judge_owner(found);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
}

static void
judge_version(LcFound *found, const char *version)
{
	for (int i = 0; i < lengthof(known_versions); i++)
		if (strcmp(version, known_versions[i]) == 0)
			return;
	snprintf(found->problem, sizeof(found->problem),
			 "the installed version is %s, the library is %s: run ALTER EXTENSION linecrm UPDATE", version, LINECRM_VERSION);
}

/* A background worker cannot connect as a role that may not log in. */
static void
judge_owner(LcFound *found)
{
	HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(found->owner));

	if (!HeapTupleIsValid(tuple))
		return;
	if (!((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin)
		snprintf(found->problem, sizeof(found->problem),
				 "the extension's owner cannot log in: run ALTER ROLE \"%s\" LOGIN (a password is not needed)",
				 NameStr(((Form_pg_authid) GETSTRUCT(tuple))->rolname));
	ReleaseSysCache(tuple);
}

static void
report(const LcFound *found)
{
	LcDatabaseSlot *slot;

	LWLockAcquire(lc_shared->lock, LW_EXCLUSIVE);
	slot = shmem_find_database(MyDatabaseId);
	if (slot == NULL && OidIsValid(found->extension))
		slot = take_slot();
	if (slot != NULL)
	{
		slot->extension = found->extension;
		slot->owner = found->owner;
		for (LcRole role = 0; role < LC_ROLES && found->problem[0] != '\0'; role++)
		{
			strlcpy(slot->worker[role].error, found->problem, sizeof(slot->worker[role].error));
			slot->worker[role].error_at = GetCurrentTimestamp();
		}
		slot->blocked = found->problem[0] != '\0';
	}
	LWLockRelease(lc_shared->lock);
	if (slot == NULL && OidIsValid(found->extension))
		ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						  errmsg("linecrm's workers do not run in database \"%s\": all %d places are taken",
								 get_database_name(MyDatabaseId), lc_shared->max_databases),
						  errhint("Increase linecrm.max_databases and restart the server.")));
}

/* A free slot, made ours. The caller holds the lock; the OID is written last, readers need no lock. */
static LcDatabaseSlot *
take_slot(void)
{
	for (int i = 0; i < lc_shared->max_databases; i++)
	{
		LcDatabaseSlot *slot = &lc_shared->database[i];

		if (pg_atomic_read_u32(&slot->database) != 0)
			continue;
		pg_atomic_write_u64(&slot->low_outbox_id, PG_UINT64_MAX);
		pg_atomic_write_u32(&slot->prepared, 1); /* there may be some from before */
		pg_write_barrier();
		pg_atomic_write_u32(&slot->database, MyDatabaseId);
		return slot;
	}
	return NULL;
}
