/*
 * access.c
 *		Who may use which channel: my_channels(), my_stores(), _require_channel().
 *
 * The answer is a function of the table linecrm_internal.access (role, profile, channel, store) and of nothing that
 * a session can set. A row counts for every role that has the privileges of its role_name. Superusers and the
 * extension's owner have all channels; an unknown role has none.
 *
 * EXECUTE is granted per database, access per channel: a role that is operator of one channel and reader of another
 * can execute hold() at all. So inside a public function only rows count whose profile includes that function (view
 * linecrm_internal.profile_grant); outside, where row-level security asks, rows whose profile includes reading.
 *
 * Row-level security calls my_channels() for each row, so the answer is kept, for one statement: it is valid while the
 * transaction, its command counter and the client's statement are the same. That needs no invalidation that somebody
 * could forget to send, and a revoked right ends with the statement. The tables are read directly under a catalogue
 * snapshot (never an old one), not through SPI, because planner and parallel workers ask too; SPI is used only for
 * the profiles of a public function. Locks: AccessShareLock on access and channel. Memory: one context, reset when the
 * answer is no longer valid; callers get copies.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "crm/access.h"
#include "crm/caller.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(linecrm_my_channels);
PG_FUNCTION_INFO_V1(linecrm__my_stores);
PG_FUNCTION_INFO_V1(linecrm__my_store_channels);
PG_FUNCTION_INFO_V1(linecrm__require_channel);

/* Profiles as bits. What a profile includes is in included_profiles(). */
#define LC_READER 0x01
#define LC_ANALYST 0x02
#define LC_MARKETER 0x04
#define LC_OPERATOR 0x08
#define LC_ADMIN 0x10
#define LC_APP 0x20
#define LC_GATEWAY 0x40

/* Columns of linecrm_internal.access and channel, in the order of their definition. */
#define LC_ACCESS_ROLE_NAME 2
#define LC_ACCESS_PROFILE 3
#define LC_ACCESS_CHANNEL_ID 4
#define LC_ACCESS_STORE_ID 5
#define LC_CHANNEL_ID 1
#define LC_CHANNEL_NAME 2

typedef struct LcIds
{
	int64 *ids;
	int count;
	int space;
} LcIds;

/* The kept answer, and what it is the answer to. */
static struct
{
	bool valid;
	Oid role;
	Oid function;
	LocalTransactionId transaction;
	CommandId command;
	TimestampTz statement;
	LcIds channels;       /* whole channels */
	LcIds stores;         /* single stores of other channels */
	LcIds store_channels; /* the channels of those stores */
} answer;

static MemoryContext answer_context;

static void refresh_answer(void);
static void compute_answer(Oid role, Oid function);
static void read_access(Oid role, int wanted, bool *all);
static void read_channels(void);
static char *channel_name(int64 channel_id);
static int profiles_of_function(Oid function);
static int profile_bit(const char *profile);
static int included_profiles(const char *profile);
static void add_id(LcIds *list, int64 id);
static bool has_id(const LcIds *list, int64 id);
static Datum ids_array(const LcIds *list);

/* linecrm.my_channels(): the channels the current user may see; inside a public function, those its caller may use. */
Datum
linecrm_my_channels(PG_FUNCTION_ARGS)
{
	refresh_answer();
	return ids_array(&answer.channels);
}

/* linecrm_internal._my_stores(): stores the current user may see although not their whole channel. */
Datum
linecrm__my_stores(PG_FUNCTION_ARGS)
{
	refresh_answer();
	return ids_array(&answer.stores);
}

/* linecrm_internal._my_store_channels(): the channels of my_stores(), whose names may be seen. */
Datum
linecrm__my_store_channels(PG_FUNCTION_ARGS)
{
	refresh_answer();
	return ids_array(&answer.store_channels);
}

/* linecrm_internal._require_channel(channel_id): an error unless the caller may use the channel. */
Datum
linecrm__require_channel(PG_FUNCTION_ARGS)
{
	const char *role;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the channel is missing")));
	if (access_may_use(PG_GETARG_INT64(0)))
		PG_RETURN_VOID();
	role = GetUserNameFromId(caller_role(), false);
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
	                errmsg("role \"%s\" may not do this on channel \"%s\"", role, channel_name(PG_GETARG_INT64(0))),
	                errdetail("No row of its access includes this function on that channel."),
	                errhint("an administrator grants it with linecrm.grant_access(%s, PROFILE, channel => %s)",
	                        quote_literal_cstr(role), quote_literal_cstr(channel_name(PG_GETARG_INT64(0))))));
}

bool
access_may_use(int64 channel_id)
{
	refresh_answer();
	return has_id(&answer.channels, channel_id);
}

/* Makes the kept answer one to the present question. */
static void
refresh_answer(void)
{
	LcCaller *frame = caller_frame();
	Oid role = frame ? frame->role : GetUserId();
	Oid function = frame ? frame->function : InvalidOid;

	if (answer.valid && answer.role == role && answer.function == function && answer.transaction == LC_MY_LOCAL_XID &&
	    answer.command == GetCurrentCommandId(false) && answer.statement == GetCurrentStatementStartTimestamp())
		return;
	if (frame == NULL && IsParallelWorker() && role == caller_extension_owner())
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		                errmsg("a parallel worker does not know who called the function it works for"),
		                errhint("Take linecrm.my_channels() into a variable before the query.")));
	compute_answer(role, function);
	answer.role = role;
	answer.function = function;
	answer.transaction = LC_MY_LOCAL_XID;
	answer.command = GetCurrentCommandId(false);
	answer.statement = GetCurrentStatementStartTimestamp();
	answer.valid = true;
}

static void
compute_answer(Oid role, Oid function)
{
	bool all = superuser_arg(role) || role == caller_extension_owner();
	int wanted = LC_READER;

	answer.valid = false;
	if (OidIsValid(function) && !all)
		wanted = profiles_of_function(function);
	if (answer_context == NULL)
		answer_context = AllocSetContextCreate(TopMemoryContext, "linecrm access", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(answer_context);
	memset(&answer.channels, 0, sizeof(LcIds));
	memset(&answer.stores, 0, sizeof(LcIds));
	memset(&answer.store_channels, 0, sizeof(LcIds));
	if (!all)
		read_access(role, wanted, &all);
	if (all)
		read_channels();
}

/* Collects what the rows of the role's roles give; a row without channel gives all channels. */
static void
read_access(Oid role, int wanted, bool *all)
{
	Oid relid = get_relname_relid("access", get_namespace_oid("linecrm_internal", false));
	Relation relation = table_open(relid, AccessShareLock);
	TupleDesc shape = RelationGetDescr(relation);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool any_channel, any_store, isnull;
		Datum role_name = heap_getattr(tuple, LC_ACCESS_ROLE_NAME, shape, &isnull);
		Datum profile = heap_getattr(tuple, LC_ACCESS_PROFILE, shape, &isnull);
		Datum channel_id = heap_getattr(tuple, LC_ACCESS_CHANNEL_ID, shape, &any_channel);
		Datum store_id = heap_getattr(tuple, LC_ACCESS_STORE_ID, shape, &any_store);
		Oid granted_to = get_role_oid(NameStr(*DatumGetName(role_name)), true);

		if (!OidIsValid(granted_to) || !has_privs_of_role(role, granted_to) ||
		    (included_profiles(text_to_cstring(DatumGetTextPP(profile))) & wanted) == 0)
			continue;
		if (any_channel)
			*all = true;
		else if (any_store)
			add_id(&answer.channels, DatumGetInt64(channel_id));
		else
		{
			add_id(&answer.stores, DatumGetInt64(store_id));
			add_id(&answer.store_channels, DatumGetInt64(channel_id));
		}
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
}

static void
read_channels(void)
{
	Oid relid = get_relname_relid("channel", get_namespace_oid("linecrm_internal", false));
	Relation relation = table_open(relid, AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	HeapTuple tuple;
	bool isnull;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		add_id(&answer.channels,
		       DatumGetInt64(heap_getattr(tuple, LC_CHANNEL_ID, RelationGetDescr(relation), &isnull)));
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
}

/* For messages; the number when there is no such channel. */
static char *
channel_name(int64 channel_id)
{
	Oid relid = get_relname_relid("channel", get_namespace_oid("linecrm_internal", false));
	Relation relation = table_open(relid, AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	TupleDesc shape = RelationGetDescr(relation);
	char *name = psprintf("%lld", (long long) channel_id);
	HeapTuple tuple;
	bool isnull;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		if (DatumGetInt64(heap_getattr(tuple, LC_CHANNEL_ID, shape, &isnull)) == channel_id)
			name = TextDatumGetCString(heap_getattr(tuple, LC_CHANNEL_NAME, shape, &isnull));
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return name;
}

/*
 * The profiles that a public function is listed for; none when only the owner may call it. Remembered for the last
 * function, as the list changes only with the extension's version.
 */
static int
profiles_of_function(Oid function)
{
	static Oid known = InvalidOid;
	static int known_profiles;
	Oid types[1] = {OIDOID};
	Datum values[1] = {ObjectIdGetDatum(function)};
	int profiles = 0;

	if (known == function)
		return known_profiles;
	if (SPI_connect() != SPI_OK_CONNECT || SPI_execute_with_args("SELECT p FROM linecrm_internal._profiles_of($1) AS p",
	                                                             1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the profiles of function %u", function);
	for (uint64 i = 0; i < SPI_processed; i++)
		profiles |= profile_bit(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	known = function;
	known_profiles = profiles;
	return profiles;
}

static int
profile_bit(const char *profile)
{
	static const struct
	{
		const char *name;
		int bit;
	} profiles[] = {{"reader", LC_READER},     {"analyst", LC_ANALYST}, {"marketer", LC_MARKETER},
	                {"operator", LC_OPERATOR}, {"admin", LC_ADMIN},     {"app", LC_APP},
	                {"gateway", LC_GATEWAY}};

	for (int i = 0; i < lengthof(profiles); i++)
		if (strcmp(profile, profiles[i].name) == 0)
			return profiles[i].bit;
	return 0;
}

/* reader < analyst < marketer < operator < admin, each with all below it; admin also has app and gateway. */
static int
included_profiles(const char *profile)
{
	int bit = profile_bit(profile);

	if (bit == LC_ADMIN)
		return LC_READER | LC_ANALYST | LC_MARKETER | LC_OPERATOR | LC_ADMIN | LC_APP | LC_GATEWAY;
	if (bit == LC_APP || bit == LC_GATEWAY)
		return bit;
	return bit | (bit - 1);
}

/* Keeps the list ascending, so that answers look the same everywhere. */
static void
add_id(LcIds *list, int64 id)
{
	int at = list->count;

	if (has_id(list, id))
		return;
	if (list->count == list->space)
	{
		int space = Max(8, list->space * 2);
		int64 *ids = MemoryContextAlloc(answer_context, space * sizeof(int64));

		if (list->count > 0)
			memcpy(ids, list->ids, list->count * sizeof(int64));
		list->ids = ids;
		list->space = space;
	}
	for (; at > 0 && list->ids[at - 1] > id; at--)
		list->ids[at] = list->ids[at - 1];
	list->ids[at] = id;
	list->count++;
}

static bool
has_id(const LcIds *list, int64 id)
{
	for (int i = 0; i < list->count; i++)
		if (list->ids[i] == id)
			return true;
	return false;
}

/* A copy in the caller's memory: the kept answer may be replaced while he still looks at it. */
static Datum
ids_array(const LcIds *list)
{
	Datum *items = palloc(Max(list->count, 1) * sizeof(Datum));

	for (int i = 0; i < list->count; i++)
		items[i] = Int64GetDatum(list->ids[i]);
	return PointerGetDatum(construct_array(items, list->count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
