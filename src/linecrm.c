/*
 * linecrm.c
 *		The library's entry: module magic and _PG_init. And the map of the house:
 *
 *   src/line/    what LINE defines, in plain C that knows no PostgreSQL: codecs, request kinds, message limits, what an
 *                answer means, retry policy, token bucket.
 *   src/crm/     functions that SQL calls: types (line_user_id, friendset, moment), signatures and webhook intake,
 *                credentials, access, and the one gate through which users' SQL runs. Never talks to the network.
 *   src/worker/  the processes. Read sender.c first: claim, HTTP, record. http.c knows no SQL, outbox.c knows no HTTP;
 *                wake.c brings commits to the workers, launcher.c keeps them running, shmem.c is what they share,
 *                worker.c what they have in common; clerk.c and planner.c call SQL functions and little else.
 *   sql/         the schema, in numbered parts: business rules are SQL and PL/pgSQL, and reach the network only by
 *                putting a row into the outbox.
 *
 * In:  LINE -> gateway -> receive_webhook(): inbox -> clerk -> friends, chats, tags
 * Out: segment -> delivery, request, outbox -> sender -> outcome -> clerk
 *
 * The postmaster runs _PG_init when the library is preloaded, every other process when it first calls one of our
 * functions. It only registers things: no allocation that grows, no file, no thread, no OpenSSL or curl.
 */
#include "postgres.h"

#include "crm/fence.h"
#include "fmgr.h"
#include "guc.h"
#include "miscadmin.h"
#include "worker/launcher.h"
#include "worker/shmem.h"
#include "worker/wake.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	fence_init();
	guc_init();
	shmem_init();
	wake_init();
	if (process_shared_preload_libraries_in_progress && !IsBinaryUpgrade)
		launcher_init();
}
