/*
 * outbox_claim.c
 *		Claim: what may be sent now, leased to this process, with everything that sending it needs.
 *
 * One transaction, six statements at most, whatever the number of channels:
 *   look      the front of each wished lane, with request, content, delivery, channel and the one friend
 *   members   of multicasts: who is in it, minus those dropped at an earlier claim
 *   exclude   who may no longer be sent to: recorded once
 *   lease     the chosen rows: epoch, attempts, ambiguous_since
 *   finish    what ends without being sent: expired, nobody left, too long in doubt
 *   set aside what is held, cancelled or not validated yet, the whole delivery or channel at once
 *
 * The rule about doubt: while nothing is in doubt (ambiguous_since is null) nobody has got this request, so its people
 * are looked at afresh and may be dropped. Once it is in doubt the bytes are fixed: nobody is dropped any more, and if
 * somebody's row has vanished the request ends as unknown, because the same bytes cannot be made again.
 *
 * The commit is durable here before anything is sent: it makes ambiguous_since true after a crash. Of the sender's memory
 * only rate tokens change; what was found about lanes is applied by the sender after the commit. Memory: the turn's.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "compat.h"
#include "guc.h"
#include "line/retry.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/columns.h"
#include "worker/outbox.h"
#include "worker/storm.h"
#include "worker/worker.h"

#define RECIPIENTS_AT_ONCE 25000
#define GATHER_US 20000

/* Columns of the look, in the order of its SELECT list. */
enum
{
	LOOK_WISH = 1,
	LOOK_SLOT,
	LOOK_OUTBOX_ID,
	LOOK_REQUEST_SLOT,
	LOOK_REQUEST_ID,
	LOOK_DELIVERY_SLOT,
	LOOK_DELIVERY_ID,
	LOOK_ATTEMPTS,
	LOOK_AMBIGUOUS_SINCE,
	LOOK_KIND,
	LOOK_RETRY_KEY,
	LOOK_RECIPIENTS,
	LOOK_FRIEND_ID,
	LOOK_FRIENDS,
	LOOK_CHAT_ID,
	LOOK_REPLY_TOKEN,
	LOOK_PARAMS,
	LOOK_CONTENT,
	LOOK_VALIDATED,
	LOOK_NOT_AFTER,
	LOOK_DELIVERY_NOT_AFTER,
	LOOK_CANCELLED,
	LOOK_DELIVERY_WAITS,
	LOOK_CHANNEL_HELD,
	LOOK_CREDENTIAL_VERSION,
	LOOK_USER_ID,
	LOOK_SENDABLE
};

/* What is being put together during one claim. */
typedef struct LcClaiming
{
	LcWish *wishes;
	int wish_count;
	MemoryContext turn;
	TimestampTz now;
	LcClaim *first;
	LcClaim **end;
	int chosen;
	int recipients;
	LcColumns finished;
	SPITupleTable *looked;
	HeapTuple row; /* at hand */
} LcClaiming;

static void look(LcClaiming *claiming);
static void judge_rows(LcClaiming *claiming);
static bool judge_row(LcClaiming *claiming, LcWish *wish, LcClaim *claim);
static bool set_aside(LcClaiming *claiming, LcWish *wish, const LcClaim *claim);
static void set_aside_all(LcClaiming *claiming, LcWish *wish, const LcClaim *claim, const char *why, bool whole_channel);
static const char *reason_to_end(LcClaiming *claiming, const LcClaim *claim, const char **outcome);
static bool fill_target(LcClaiming *claiming, LcClaim *claim);
static bool one_friend(LcClaiming *claiming, LcClaim *claim);
static void end_without_people(LcClaiming *claiming, const LcClaim *claim);
static void many_friends(LcClaiming *claiming);
static void take_members(LcClaiming *claiming, LcClaim *claim, HeapTuple row, TupleDesc desc);
static void lease(LcClaiming *claiming);
static LcClaim *read_claim(LcClaiming *claiming, LcWish *wish);
static char *copy_text(LcClaiming *claiming, int column);
static Datum look_at(LcClaiming *claiming, int column, bool *isnull);
static bool look_bool(LcClaiming *claiming, int column);
static int64 look_int64(LcClaiming *claiming, int column);
static int compare_users(const void *a, const void *b);

/* Returns the claims, in order, in the memory of the turn; valid once the transaction has been committed. */
LcClaim *
outbox_claim(LcWish *wishes, int count, MemoryContext turn)
{
	LcClaiming claiming = {wishes, count, turn, GetCurrentTimestamp()};

	claiming.end = &claiming.first;
	outbox_commit_mode(true);
	outbox_finish_columns(&claiming.finished, 8);
	look(&claiming);
	judge_rows(&claiming);
	many_friends(&claiming);
	lease(&claiming);
	outbox_finish(&claiming.finished);
	return claiming.first;
}

/*
 * The front of each wished lane, in order. Rows that this process has leased already are in flight, not in the queue.
 * Each LIMIT 1 is a fence: the kept plan, made while tables are small, must go from the front of the queue outwards.
 */
static void
look(LcClaiming *claiming)
{
	static const char sql[] =
		"SELECT w.wish, o.slot, o.outbox_id, o.request_slot, o.request_id, o.delivery_slot, o.delivery_id, o.attempts,"
		"       o.ambiguous_since, r.kind, r.retry_key::text, r.recipients, r.friend_id,"
		"       r.friends, r.chat_id, r.reply_token, r.params::text, c.body, c.validated_at IS NOT NULL, r.not_after, d.not_after,"
		"       d.cancelled_at IS NOT NULL, CASE WHEN d.held_reason IS NOT NULL THEN 'delivery_held'"
		"       WHEN d.validating <> '{}' THEN 'validating' END, ch.held_reason, ch.credential_version, f.user_id,"
		"       f.status <> 'blocked' OR (d.kind = 'push' AND f.last_message_at > clock_timestamp() - interval '7 days')"
		" FROM unnest($1, $2, $3, $4, $5) AS w(wish, channel_id, lane, next_id, credit)"
		" CROSS JOIN LATERAL (SELECT q.* FROM linecrm_internal.outbox q"
		"       WHERE q.channel_id = w.channel_id AND q.lane = w.lane AND q.outbox_id >= w.next_id"
		"       AND q.epoch IS DISTINCT FROM $6 ORDER BY q.outbox_id LIMIT w.credit) AS o"
		" CROSS JOIN LATERAL (SELECT q.* FROM linecrm_internal.request q"
		"       WHERE q.slot = o.request_slot AND q.request_id = o.request_id LIMIT 1) AS r"
		" CROSS JOIN LATERAL (SELECT q.* FROM linecrm_internal.channel q WHERE q.channel_id = o.channel_id LIMIT 1) AS ch"
		" LEFT JOIN LATERAL (SELECT q.* FROM linecrm_internal.content q"
		"       WHERE q.slot = r.content_slot AND q.content_id = r.content_id LIMIT 1) AS c ON true"
		" LEFT JOIN LATERAL (SELECT q.* FROM linecrm_internal.delivery q"
		"       WHERE q.slot = o.delivery_slot AND q.delivery_id = o.delivery_id LIMIT 1) AS d ON true"
		" LEFT JOIN LATERAL (SELECT q.* FROM linecrm_internal.friend q WHERE q.friend_id = r.friend_id LIMIT 1) AS f ON true"
		" ORDER BY w.wish, o.outbox_id";
	static const Oid columns_types[] = {INT4OID, INT8OID, INT2OID, INT8OID, INT4OID, InvalidOid};
	Oid types[] = {INT4ARRAYOID, INT8ARRAYOID, INT2ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, INT8OID};
	Datum values[6];
	LcColumns columns;

	columns_init(&columns, claiming->wish_count, columns_types);
	for (int i = 0; i < claiming->wish_count; i++)
	{
		LcWish *wish = &claiming->wishes[i];

		columns_add_row(&columns);
		columns_set(&columns, 0, Int32GetDatum(i));
		columns_set(&columns, 1, Int64GetDatum(wish->channel->channel_id));
		columns_set(&columns, 2, Int16GetDatum((int16) wish->lane));
		columns_set(&columns, 3, Int64GetDatum(wish->next_id));
		columns_set(&columns, 4, Int32GetDatum(wish->credit));
		wish->found_next_id = LC_NOTHING;
		wish->found_blocked_until = 0;
		wish->found_front = wish->channel->lanes[wish->lane].front;
	}
	columns_arrays(&columns, values);
	values[5] = Int64GetDatum(outbox_epoch);
	outbox_run(LC_PLAN_LOOK, sql, 6, types, values, NULL, SPI_OK_SELECT);
	claiming->looked = SPI_tuptable;
}

static void
judge_rows(LcClaiming *claiming)
{
	uint64 rows = claiming->looked->numvals;
	int *count = palloc0(claiming->wish_count * sizeof(int));

	for (uint64 i = 0; i < rows; i++)
	{
		LcWish *wish;
		LcClaim *claim;
		bool isnull;

		claiming->row = claiming->looked->vals[i];
		wish = &claiming->wishes[DatumGetInt32(look_at(claiming, LOOK_WISH, &isnull))];
		/* Without a token the lane stops; what is behind is looked at again when there are some. */
		if (wish->found_blocked_until != 0)
			continue;
		count[wish - claiming->wishes]++;
		claim = read_claim(claiming, wish);
		if (judge_row(claiming, wish, claim))
		{
			*claiming->end = claim;
			claiming->end = &claim->next;
			claiming->chosen++;
		}
		/* A full look: there may be more behind its last row, unless the lane stops earlier anyway. */
		if (count[wish - claiming->wishes] == wish->credit && wish->found_next_id == LC_NOTHING)
		{
			wish->found_next_id = claim->outbox_id + 1;
			if (wish->spends_all)
				wish->found_blocked_until = worker_clock() + GATHER_US;
		}
	}
}

/*
 * Decides about one row. True: it is to be sent. False: it was finished or set aside, or it stays where it is, and then
 * the lane goes on from it.
 */
static bool
judge_row(LcClaiming *claiming, LcWish *wish, LcClaim *claim)
{
	const char *outcome;
	const char *reason;
	Datum recipients;
	bool none;

	if (set_aside(claiming, wish, claim))
		return false;
	reason = reason_to_end(claiming, claim, &outcome);
	if (reason != NULL)
	{
		(void) outbox_finish_row(&claiming->finished, claim, outcome, reason, NULL);
		return false;
	}
	if (claiming->recipients + claim->friends > RECIPIENTS_AT_ONCE && claiming->chosen > 0)
	{
		wish->found_next_id = Min(wish->found_next_id, claim->outbox_id);
		return false;
	}
	outbox_learn_use(claim, claiming->now);
	if (!channel_take_token(claim->channel, claim->kind))
	{
		wish->found_next_id = Min(wish->found_next_id, claim->outbox_id);
		/* A claim costs much the same for one row and for twenty: wait until there are some tokens. */
		wish->found_front = claim->kind;
		wish->found_blocked_until = Max(channel_token_at(claim->channel, claim->kind), worker_clock() + GATHER_US);
		return false;
	}
	if (!fill_target(claiming, claim))
	{
		channel_give_token_back(claim->channel, claim->kind);
		return false;
	}
	recipients = look_at(claiming, LOOK_RECIPIENTS, &none);
	if (storm_trips(claim, look_int64(claiming, LOOK_FRIEND_ID), recipients, !none, claiming->now))
	{
		channel_give_token_back(claim->channel, claim->kind);
		wish->found_next_id = Min(wish->found_next_id, claim->outbox_id);
		wish->found_blocked_until = worker_clock() + GATHER_US;
		return false;
	}
	claiming->recipients += Max(1, claim->friends);
	return true;
}

/* Held, cancelled, not validated, expired as a whole: the delivery's rows leave the lane together. True if it is so. */
static bool
set_aside(LcClaiming *claiming, LcWish *wish, const LcClaim *claim)
{
	char *held = SPI_getvalue(claiming->row, claiming->looked->tupdesc, LOOK_CHANNEL_HELD);
	char *waits = SPI_getvalue(claiming->row, claiming->looked->tupdesc, LOOK_DELIVERY_WAITS);
	TimestampTz not_after = look_int64(claiming, LOOK_DELIVERY_NOT_AFTER);

	if (look_bool(claiming, LOOK_CANCELLED))
		set_aside_all(claiming, wish, claim, "cancelled", false);
	else if (not_after != 0 && not_after < claiming->now)
		set_aside_all(claiming, wish, claim, "expired", false);
	else if (held != NULL &&
			 ((strcmp(held, "monthly_limit") != 0 && strcmp(held, "quota_reserved") != 0) ||
			  (claim->kind != NULL && lc_kind_has(claim->kind, LC_KIND_COUNTED))))
		set_aside_all(claiming, wish, claim, "channel_held", true);
	else if (waits != NULL)
		set_aside_all(claiming, wish, claim, waits, false);
	else
		return false;
	return true;
}

/* Once for each delivery or channel that is met: the function takes up to 10,000 rows, the next look finds the rest. */
static void
set_aside_all(LcClaiming *claiming, LcWish *wish, const LcClaim *claim, const char *why, bool whole_channel)
{
	Oid types[] = {TEXTOID, INT8OID, INT2OID, INT8OID, INT8OID, INT8OID, BOOLOID};
	Datum values[] = {CStringGetTextDatum(why),			 Int64GetDatum(claim->channel_id), Int16GetDatum(claim->lane),
					  Int64GetDatum(claim->outbox_id),	 Int64GetDatum(claim->delivery_id), Int64GetDatum(outbox_epoch),
					  BoolGetDatum(whole_channel)};
	char nulls[] = "       ";

	/* Rows behind it in this look belong to it too and are gone already; asking again for each would be slow. */
	static int64 last_delivery = 0;
	static int64 last_channel = 0;
	static TimestampTz last_at = 0;

	wish->found_next_id = Min(wish->found_next_id, claim->outbox_id);
	if (last_at == claiming->now && last_channel == claim->channel_id && last_delivery == claim->delivery_id)
		return;
	last_at = claiming->now;
	last_channel = claim->channel_id;
	last_delivery = claim->delivery_id;
	if (claim->delivery_id == 0)
		nulls[4] = 'n';
	outbox_run(LC_PLAN_SET_ASIDE, "SELECT linecrm_internal._set_aside($1, $2, $3, $4, $5, $6, $7)", 7, types, values, nulls,
			   SPI_OK_SELECT);
}

/* Why this row ends without being sent again; NULL: it does not. */
static const char *
reason_to_end(LcClaiming *claiming, const LcClaim *claim, const char **outcome)
{
	bool in_doubt = claim->doubt_before != 0;

	*outcome = in_doubt ? "unknown" : "rejected";
	if (claim->kind == NULL)
		return "unknown_kind";
	if (claim->not_after != 0 && claim->not_after < claiming->now)
	{
		*outcome = in_doubt ? "unknown" : "expired";
		return "not_after";
	}
	*outcome = "unknown";
	if (in_doubt && lc_retry_over(claim->doubt_before, claiming->now))
		return "retry_limit";
	/* Leased by a sender that is no more, and there is no key that would make a repetition harmless. */
	if (in_doubt && !lc_kind_has(claim->kind, LC_KIND_IDEMPOTENT | LC_KIND_RETRY_KEY))
		return "sender_stopped";
	return NULL;
}

/* Puts in whom it goes to. False: nobody is left, it was finished. Multicasts are filled by many_friends(). */
static bool
fill_target(LcClaiming *claiming, LcClaim *claim)
{
	bool none;

	switch (claim->kind->target)
	{
		case LC_TARGET_REPLY_TOKEN:
			claim->text_target = copy_text(claiming, LOOK_REPLY_TOKEN);
			break;
		case LC_TARGET_ONE:
			claim->text_target = copy_text(claiming, LOOK_CHAT_ID);
			if (claim->text_target == NULL)
				return one_friend(claiming, claim);
			break;
		case LC_TARGET_MANY:
			(void) look_at(claiming, LOOK_RECIPIENTS, &none);
			if (none)
				return one_friend(claiming, claim);
			break;
		case LC_TARGET_NONE:
			break;
	}
	return true;
}

static bool
one_friend(LcClaiming *claiming, LcClaim *claim)
{
	bool gone;
	Datum user_id = look_at(claiming, LOOK_USER_ID, &gone);

	if (gone || (claim->doubt_before == 0 && !look_bool(claiming, LOOK_SENDABLE)))
	{
		Datum friend_id = Int64GetDatum(look_int64(claiming, LOOK_FRIEND_ID));

		outbox_exclude(claim, gone ? "forgotten" : "blocked",
				PointerGetDatum(construct_array(&friend_id, 1, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE)));
		end_without_people(claiming, claim);
		return false;
	}
	claim->users = memcpy(MemoryContextAlloc(claiming->turn, LC_USER_ID_SIZE), DatumGetPointer(user_id), LC_USER_ID_SIZE);
	claim->recipients = 1;
	return true;
}

/* In doubt, somebody who was forgotten leaves bytes that cannot be made again; otherwise nobody is left to send to. */
static void
end_without_people(LcClaiming *claiming, const LcClaim *claim)
{
	(void) outbox_finish_row(&claiming->finished, claim, claim->doubt_before ? "unknown" : "cancelled",
							 claim->doubt_before ? "forgotten" : "no_recipients", NULL);
}

/* Fills all multicasts among the claims with one statement; those without anybody left are finished and unlinked. */
static void
many_friends(LcClaiming *claiming)
{
	static const char sql[] =
		"SELECT q.n, array_agg(f.user_id) FILTER (WHERE f.friend_id IS NOT NULL AND (q.doubt OR f.status <> 'blocked')),"
		"       array_agg(i.friend_id) FILTER (WHERE NOT q.doubt AND f.status = 'blocked'),"
		"       array_agg(i.friend_id) FILTER (WHERE f.friend_id IS NULL)"
		" FROM unnest($1, $2, $3, $4) AS q(n, slot, request_id, doubt)"
		" CROSS JOIN LATERAL (SELECT p.slot, p.request_id, p.recipients FROM linecrm_internal.request p"
		"       WHERE p.slot = q.slot AND p.request_id = q.request_id LIMIT 1) AS r"
		" LEFT JOIN LATERAL (SELECT linecrm.friendset_union_agg(e.members) AS members FROM linecrm_internal.exclusion e"
		"       WHERE e.slot = r.slot AND e.request_id = r.request_id) AS x ON true"
		" CROSS JOIN LATERAL linecrm.friend_ids(r.recipients OPERATOR(linecrm.-) x.members) AS i(friend_id)"
		" LEFT JOIN LATERAL (SELECT p.friend_id, p.user_id, p.status FROM linecrm_internal.friend p"
		"       WHERE p.friend_id = i.friend_id LIMIT 1) AS f ON true"
		" GROUP BY q.n";
	static const Oid columns_types[] = {INT4OID, INT2OID, INT8OID, BOOLOID, InvalidOid};
	Oid types[] = {INT4ARRAYOID, INT2ARRAYOID, INT8ARRAYOID, BOOLARRAYOID};
	Datum values[4];
	LcColumns columns;
	LcClaim **wanted = palloc(Max(1, claiming->chosen) * sizeof(LcClaim *));
	bool isnull;

	columns_init(&columns, claiming->chosen, columns_types);
	for (LcClaim *claim = claiming->first; claim != NULL; claim = claim->next)
	{
		if (claim->kind->target != LC_TARGET_MANY || claim->users != NULL)
			continue;
		columns_add_row(&columns);
		wanted[columns.rows - 1] = claim;
		columns_set(&columns, 0, Int32GetDatum(columns.rows - 1));
		columns_set(&columns, 1, Int16GetDatum(claim->request_slot));
		columns_set(&columns, 2, Int64GetDatum(claim->request_id));
		columns_set(&columns, 3, BoolGetDatum(claim->doubt_before != 0));
	}
	if (columns.rows > 0)
	{
		SPITupleTable *members;

		columns_arrays(&columns, values);
		outbox_run(LC_PLAN_MEMBERS, sql, 4, types, values, NULL, SPI_OK_SELECT);
		members = SPI_tuptable;
		for (uint64 i = 0; i < members->numvals; i++)
			take_members(claiming, wanted[DatumGetInt32(SPI_getbinval(members->vals[i], members->tupdesc, 1, &isnull))],
						 members->vals[i], members->tupdesc);
	}
	for (LcClaim **link = &claiming->first; *link != NULL;)
	{
		LcClaim *claim = *link;

		if (claim->kind->target != LC_TARGET_MANY || claim->recipients > 0)
		{
			link = &claim->next;
			continue;
		}
		end_without_people(claiming, claim);
		channel_give_token_back(claim->channel, claim->kind);
		*link = claim->next;
	}
}

static void
take_members(LcClaiming *claiming, LcClaim *claim, HeapTuple row, TupleDesc desc)
{
	static const char *const reasons[] = {"blocked", "forgotten"};
	bool gone = false;
	bool isnull;
	Datum users;
	ArrayType *array;
	int count;

	for (int i = 0; i < lengthof(reasons); i++)
	{
		Datum friend_ids = SPI_getbinval(row, desc, 3 + i, &isnull);

		if (isnull)
			continue;
		gone = true;
		outbox_exclude(claim, reasons[i], friend_ids);
	}
	users = SPI_getbinval(row, desc, 2, &isnull);
	if (isnull || (gone && claim->doubt_before != 0))
		return;
	array = DatumGetArrayTypeP(users);
	count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	/* line_user_id is 16 bytes with no alignment: the array's data are the ids one after the other. */
	claim->users = MemoryContextAlloc(claiming->turn, (Size) count * LC_USER_ID_SIZE);
	memcpy(claim->users, ARR_DATA_PTR(array), (Size) count * LC_USER_ID_SIZE);
	qsort(claim->users, count, LC_USER_ID_SIZE, compare_users);
	claim->recipients = count;
}

/*
 * From here on they may have been sent: the rows say so before the first byte goes out. One statement a row: by key it
 * touches one partition, while a join with an array may be planned from the wrong end.
 */
static void
lease(LcClaiming *claiming)
{
	static const char sql[] =
		"UPDATE linecrm_internal.outbox"
		" SET lease_until = $5, epoch = $6, attempts = attempts + 1, ambiguous_since = coalesce(ambiguous_since, $7)"
		" WHERE slot = $1 AND channel_id = $2 AND lane = $3 AND outbox_id = $4";
	Oid types[] = {INT2OID, INT8OID, INT2OID, INT8OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID};
	TimestampTz lease_until = TimestampTzPlusMilliseconds(claiming->now, 3L * lc_request_timeout);

	for (LcClaim *claim = claiming->first; claim != NULL; claim = claim->next)
	{
		Datum values[] = {Int16GetDatum(claim->slot),
						  Int64GetDatum(claim->channel_id),
						  Int16GetDatum(claim->lane),
						  Int64GetDatum(claim->outbox_id),
						  TimestampTzGetDatum(lease_until),
						  Int64GetDatum(outbox_epoch),
						  TimestampTzGetDatum(claiming->now)};

		outbox_note_use(claim, claiming->now);
		if (outbox_run(LC_PLAN_LEASE, sql, 7, types, values, NULL, SPI_OK_UPDATE) != 1)
			ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
							errmsg("a row of the outbox changed while it was being claimed")));
	}
}

/* A claim of the row at hand, in the memory of the turn. */
static LcClaim *
read_claim(LcClaiming *claiming, LcWish *wish)
{
	LcClaim *claim = MemoryContextAllocZero(claiming->turn, sizeof(LcClaim));
	char *kind = SPI_getvalue(claiming->row, claiming->looked->tupdesc, LOOK_KIND);
	char *retry_key = SPI_getvalue(claiming->row, claiming->looked->tupdesc, LOOK_RETRY_KEY);
	bool isnull;
	Datum content = look_at(claiming, LOOK_CONTENT, &isnull);

	claim->channel = wish->channel;
	claim->channel_id = wish->channel->channel_id;
	claim->lane = (int16) wish->lane;
	claim->slot = DatumGetInt16(look_at(claiming, LOOK_SLOT, &(bool){0}));
	claim->outbox_id = look_int64(claiming, LOOK_OUTBOX_ID);
	claim->request_slot = DatumGetInt16(look_at(claiming, LOOK_REQUEST_SLOT, &(bool){0}));
	claim->request_id = look_int64(claiming, LOOK_REQUEST_ID);
	claim->delivery_slot = DatumGetInt16(look_at(claiming, LOOK_DELIVERY_SLOT, &(bool){0}));
	claim->delivery_id = look_int64(claiming, LOOK_DELIVERY_ID);
	claim->attempts = DatumGetInt32(look_at(claiming, LOOK_ATTEMPTS, &(bool){0})) + 1;
	claim->doubt_before = look_int64(claiming, LOOK_AMBIGUOUS_SINCE);
	claim->leased_at = claiming->now;
	claim->friends = (int) look_int64(claiming, LOOK_FRIENDS);
	claim->content_validated = look_bool(claiming, LOOK_VALIDATED);
	claim->not_after = look_int64(claiming, LOOK_NOT_AFTER);
	claim->kind = lc_request_kind(kind);
	claim->credential_version = look_int64(claiming, LOOK_CREDENTIAL_VERSION);
	if (retry_key != NULL)
		strlcpy(claim->retry_key, retry_key, sizeof(claim->retry_key));
	claim->params = copy_text(claiming, LOOK_PARAMS);
	if (!isnull)
	{
		bytea *bytes = DatumGetByteaPP(content);

		claim->content_size = VARSIZE_ANY_EXHDR(bytes);
		claim->content = memcpy(MemoryContextAlloc(claiming->turn, claim->content_size + 1), VARDATA_ANY(bytes),
								claim->content_size);
	}
	return claim;
}

static char *
copy_text(LcClaiming *claiming, int column)
{
	char *text = SPI_getvalue(claiming->row, claiming->looked->tupdesc, column);

	return text == NULL ? NULL : MemoryContextStrdup(claiming->turn, text);
}

static Datum
look_at(LcClaiming *claiming, int column, bool *isnull)
{
	return SPI_getbinval(claiming->row, claiming->looked->tupdesc, column, isnull);
}

/* False for NULL. */
static bool
look_bool(LcClaiming *claiming, int column)
{
	bool isnull;
	Datum value = look_at(claiming, column, &isnull);

	return !isnull && DatumGetBool(value);
}

/* Also of columns that are an int4 or a time; 0 for NULL. */
static int64
look_int64(LcClaiming *claiming, int column)
{
	bool isnull;
	Datum value = look_at(claiming, column, &isnull);

	if (isnull)
		return 0;
	return SPI_gettypeid(claiming->looked->tupdesc, column) == INT4OID ? DatumGetInt32(value) : DatumGetInt64(value);
}

static int
compare_users(const void *a, const void *b)
{
	return memcmp(a, b, LC_USER_ID_SIZE);
}
