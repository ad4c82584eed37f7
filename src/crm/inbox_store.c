/*
 * inbox_store.c
 *		Events into the inbox, each once, however many receivers bring it at the same time.
 *
 * Runs in the backend of receive_webhook(s), in its transaction. One statement stores thousands of events of many
 * channels: arrays in, ON CONFLICT DO NOTHING, the new ones go on into inbox_waiting. Rows are inserted in the order of
 *the unique key, because two receivers that bring the same events in different orders would wait for each other in a
 *circle. inbox_id is drawn before, in the order of arrival, so that it decides between events of the same millisecond,
 *and so that a new row is known by it.
 *
 * Where an event goes (its slot) follows from its own time, which a redelivery does not change; times that cannot be,
 *or that lie outside what the ring holds, count as the time of arrival. An event without a usable id is known by the
 *hash of its bytes.
 *
 * Throws what SPI throws. Locks: RowExclusiveLock on inbox, its partitions and inbox_waiting. Memory: the caller's
 *context.
 */
#include "postgres.h"

#include <openssl/sha.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "crm/inbox_store.h"
#include "executor/spi.h"
#include "line/id.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#define LC_SLOTS 15            /* of the monthly ring; the same as in _month_slot() */
#define LC_RETENTION_MONTHS 13 /* decides which old events take the slot of their arrival */
#define LC_CHUNK_EVENTS 5000
#define LC_CHUNK_BYTES (32 * 1024 * 1024)
#define LC_MS_1970_TO_2000 INT64CONST(946684800000)

enum
{
	LC_COL_SLOT,
	LC_COL_CHANNEL_ID,
	LC_COL_EVENT_ID,
	LC_COL_INBOX_ID,
	LC_COL_EVENT_AT,
	LC_COL_TYPE,
	LC_COL_SOURCE_TYPE,
	LC_COL_USER_ID,
	LC_COL_CHAT_ID,
	LC_COL_REDELIVERED,
	LC_COL_RAW,
	LC_COLUMNS
};

/* The values of one statement, by column. */
typedef struct LcColumns
{
	Datum *values[LC_COLUMNS];
	bool *nulls[LC_COLUMNS];
} LcColumns;

static const char insert_query[] =
    "WITH added AS ("
    "INSERT INTO linecrm_internal.inbox (slot, channel_id, webhook_event_id, inbox_id, event_at, event_type, "
    "source_type, "
    "user_id, chat_id, redelivered, raw) "
    "SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
    "ON CONFLICT DO NOTHING RETURNING channel_id, event_at, inbox_id, slot, webhook_event_id), "
    "waiting AS (INSERT INTO linecrm_internal.inbox_waiting (channel_id, event_at, inbox_id, slot, webhook_event_id) "
    "SELECT a.channel_id, a.event_at, a.inbox_id, a.slot, a.webhook_event_id FROM added a) "
    "SELECT a.inbox_id FROM added a";

static void place(LcArrival *arrival, Oid sequence, TimestampTz now);
static int month_of(TimestampTz at);
static const char *hash_of(const LcEvent *event);
static int compare_key(const void *left, const void *right);
static void store_chunk(LcArrival **chunk, int count, LcArrival *arrivals, int all, int32 *new_events);
static void fill_row(LcColumns *columns, int row, const LcArrival *arrival);
static void set_text(LcColumns *columns, int column, int row, const char *value);
static Datum column_array(LcColumns *columns, int column, Oid type, int rows);
static SPIPlanPtr insert_plan(void);
static Oid column_type(int column);
static LcArrival *find_arrival(LcArrival *arrivals, int count, int64 inbox_id);

void
inbox_store(LcArrival *arrivals, int count, int32 *new_events)
{
	Oid sequence = get_relname_relid("inbox_id_seq", get_namespace_oid("linecrm_internal", false));
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	LcArrival **sorted = palloc(Max(count, 1) * sizeof(LcArrival *));
	int begin = 0;

	for (int i = 0; i < count; i++)
	{
		place(&arrivals[i], sequence, now);
		sorted[i] = &arrivals[i];
	}
	qsort(sorted, count, sizeof(LcArrival *), compare_key);
	while (begin < count)
	{
		int end = begin;
		Size bytes = 0;

		while (end < count && end - begin < LC_CHUNK_EVENTS && (end == begin || bytes < LC_CHUNK_BYTES))
			bytes += sorted[end++]->event->raw_length;
		store_chunk(sorted + begin, end - begin, arrivals, count, new_events);
		begin = end;
	}
}

/* Id, time and slot of one event. */
static void
place(LcArrival *arrival, Oid sequence, TimestampTz now)
{
	const LcEvent *event = arrival->event;
	TimestampTz at = now;

	CHECK_FOR_INTERRUPTS();
	arrival->inbox_id = nextval_internal(sequence, false);
	arrival->event_id = event->event_id != NULL && event->event_id[0] != '\0' ? event->event_id : hash_of(event);
	if (event->timestamp_ms > 0)
		at = (event->timestamp_ms - LC_MS_1970_TO_2000) * 1000;
	if (at > now + USECS_PER_DAY)
		at = now; /* a clock gone wrong must not outrank every later event of this person */
	arrival->event_at = at;
	arrival->slot = month_of(month_of(at) < month_of(now) - LC_RETENTION_MONTHS ? now : at) % LC_SLOTS;
}

/* Months since 1970-01, UTC. */
static int
month_of(TimestampTz at)
{
	static TimestampTz known_from = 1;
	static TimestampTz known_to = 0;
	static int known_month;
	struct pg_tm tm;
	fsec_t fsec;

	if (at >= known_from && at < known_to)
		return known_month;
	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	known_month = (tm.tm_year - 1970) * 12 + tm.tm_mon - 1;

	/* Nearly all events are of this day. */
	known_from = at - at % USECS_PER_DAY - (at < 0 ? USECS_PER_DAY : 0);
	known_to = known_from + USECS_PER_DAY;
	return known_month;
}

static const char *
hash_of(const LcEvent *event)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char *text = palloc(2 * SHA256_DIGEST_LENGTH + 1);

	SHA256((const unsigned char *) event->raw, event->raw_length, hash);
	for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	return text;
}

static int
compare_key(const void *left, const void *right)
{
	const LcArrival *a = *(LcArrival *const *) left;
	const LcArrival *b = *(LcArrival *const *) right;
	int order;

	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	if (a->channel_id != b->channel_id)
		return a->channel_id < b->channel_id ? -1 : 1;
	order = strcmp(a->event_id, b->event_id);
	if (order != 0)
		return order;
	return a->inbox_id < b->inbox_id ? -1 : 1; /* of two alike the first one is stored */
}

static void
store_chunk(LcArrival **chunk, int count, LcArrival *arrivals, int all, int32 *new_events)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "linecrm inbox chunk", ALLOCSET_DEFAULT_SIZES);
	MemoryContext outer = MemoryContextSwitchTo(context);
	LcColumns columns;
	Datum values[LC_COLUMNS];
	SPITupleTable *table;

	for (int i = 0; i < LC_COLUMNS; i++)
	{
		columns.values[i] = palloc(count * sizeof(Datum));
		columns.nulls[i] = palloc0(count * sizeof(bool));
	}
	for (int i = 0; i < count; i++)
		fill_row(&columns, i, chunk[i]);
	for (int i = 0; i < LC_COLUMNS; i++)
		values[i] = column_array(&columns, i, column_type(i), count);

	if (SPI_execute_plan(insert_plan(), values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not store events in the inbox");
	table = SPI_tuptable;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		int64 inbox_id = DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull));

		new_events[find_arrival(arrivals, all, inbox_id)->request]++;
	}
	SPI_freetuptable(table);
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(context);
}

static void
fill_row(LcColumns *columns, int row, const LcArrival *arrival)
{
	const LcEvent *event = arrival->event;
	uint8_t *user_id = palloc(LC_USER_ID_SIZE);

	columns->values[LC_COL_SLOT][row] = Int16GetDatum(arrival->slot);
	columns->values[LC_COL_CHANNEL_ID][row] = Int64GetDatum(arrival->channel_id);
	columns->values[LC_COL_INBOX_ID][row] = Int64GetDatum(arrival->inbox_id);
	columns->values[LC_COL_EVENT_AT][row] = TimestampTzGetDatum(arrival->event_at);
	columns->values[LC_COL_REDELIVERED][row] = BoolGetDatum(event->redelivered);
	columns->values[LC_COL_RAW][row] = PointerGetDatum(cstring_to_text_with_len(event->raw, event->raw_length));
	set_text(columns, LC_COL_EVENT_ID, row, arrival->event_id);
	set_text(columns, LC_COL_TYPE, row, event->type != NULL ? event->type : "");
	set_text(columns, LC_COL_SOURCE_TYPE, row, event->source_type);
	set_text(columns, LC_COL_CHAT_ID, row, event->chat_id);

	/* The type's value is the 16 bytes. What is no user id is in the raw event only. */
	columns->values[LC_COL_USER_ID][row] = PointerGetDatum(user_id);
	columns->nulls[LC_COL_USER_ID][row] =
	    event->user_id == NULL || lc_user_id_parse(event->user_id, strlen(event->user_id), user_id) != LC_ID_OK;
}

static void
set_text(LcColumns *columns, int column, int row, const char *value)
{
	columns->nulls[column][row] = value == NULL;
	columns->values[column][row] = value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

static Datum
column_array(LcColumns *columns, int column, Oid type, int rows)
{
	int dimensions[1] = {rows};
	int lower_bounds[1] = {1};
	int16 length;
	bool by_value;
	char alignment;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_md_array(columns->values[column], columns->nulls[column], 1, dimensions,
	                                          lower_bounds, type, length, by_value, alignment));
}

/*
 * Prepared once in each backend, and again when the extension was created anew, with a new type. Function and operator
 * names are safe: the inner functions pin their search_path.
 */
static SPIPlanPtr
insert_plan(void)
{
	static SPIPlanPtr plan = NULL;
	static Oid plan_user_id_type = InvalidOid;
	Oid types[LC_COLUMNS];
	Oid user_id_type = column_type(LC_COL_USER_ID);
	SPIPlanPtr prepared;

	if (plan != NULL && plan_user_id_type == user_id_type)
		return plan;
	for (int i = 0; i < LC_COLUMNS; i++)
		types[i] = get_array_type(column_type(i));
	prepared = SPI_prepare(insert_query, LC_COLUMNS, types);
	if (prepared == NULL)
		elog(ERROR, "could not prepare the statement that stores events: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(prepared);
	if (plan != NULL)
		SPI_freeplan(plan);
	plan = prepared; /* only now: preparing may throw */
	plan_user_id_type = user_id_type;
	return plan;
}

static Oid
column_type(int column)
{
	switch (column)
	{
		case LC_COL_SLOT:
			return INT2OID;
		case LC_COL_CHANNEL_ID:
		case LC_COL_INBOX_ID:
			return INT8OID;
		case LC_COL_EVENT_AT:
			return TIMESTAMPTZOID;
		case LC_COL_USER_ID:
			return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("line_user_id"),
			                       ObjectIdGetDatum(get_namespace_oid("linecrm", false)));
		case LC_COL_REDELIVERED:
			return BOOLOID;
		case LC_COL_RAW:
			return BYTEAOID;
		default:
			return TEXTOID;
	}
}

/* The ids were drawn in the array's order. */
static LcArrival *
find_arrival(LcArrival *arrivals, int count, int64 inbox_id)
{
	int low = 0;
	int high = count - 1;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (arrivals[middle].inbox_id < inbox_id)
			low = middle + 1;
		else
			high = middle;
	}
	return &arrivals[low];
}
