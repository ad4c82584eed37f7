/*
 * moment.c
 *		The type moment: a point in time as people give it to a function, a wall clock or an instant.
 *
 * '2026-12-01 10:00' is what the clock on the wall of the channel's zone shows, whatever the session's TimeZone; with a
 * zone it is that instant. PostgreSQL's own parser reads the text. It does not tell whether a zone was given, so the
 * text is read under two session zones that never agree: if the offset stays the same, the text named it. 'now' is an
 * instant. today, tomorrow and yesterday would be counted in the session's zone and are refused; so are infinity,
 * epoch and years before 1.
 *
 * Moments are arguments: no operators, no columns; _resolve() makes a timestamptz of one.
 *
 * Runs in any backend, takes no locks. Throws: malformed input (22007, 22008, 22P03); the session's zone is put back
 * on the way out of an error too.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "compat.h"

#define LC_MOMENT_WALL_CLOCK 0
#define LC_MOMENT_INSTANT 1

/* A wall clock's time is a timestamp, an instant's a timestamptz. */
typedef struct LcMoment
{
	int64 time;
	int64 kind;
} LcMoment;

PG_FUNCTION_INFO_V1(linecrm_moment_in);
PG_FUNCTION_INFO_V1(linecrm_moment_out);
PG_FUNCTION_INFO_V1(linecrm_moment_recv);
PG_FUNCTION_INFO_V1(linecrm_moment_send);
PG_FUNCTION_INFO_V1(linecrm_moment_from_timestamptz);
PG_FUNCTION_INFO_V1(linecrm_moment_from_timestamp);
PG_FUNCTION_INFO_V1(linecrm_moment_from_date);
PG_FUNCTION_INFO_V1(linecrm_resolve);

/* A text cut into fields, and what they say. */
typedef struct LcMomentText
{
	const char *text;
	char buffer[MAXDATELEN + MAXDATEFIELDS];
	char *field[MAXDATEFIELDS];
	int type[MAXDATEFIELDS];
	int fields;
	int kind; /* DTK_DATE, or a special value */
	struct pg_tm time;
	fsec_t fraction;
	int offset;
} LcMomentText;

static void read_text(LcMomentText *input, pg_tz *zone);
static void decode(LcMomentText *input);
static bool is_now(const LcMomentText *input);
static Datum make(int64 time, int64 kind);
static const char *problem_of(int64 time, int64 kind);

Datum
linecrm_moment_in(PG_FUNCTION_ARGS)
{
	LcMomentText input = {.text = PG_GETARG_CSTRING(0)};
	Timestamp time;
	int offset;
	bool instant;

	read_text(&input, pg_tzset_offset(0));
	if (is_now(&input))
		return make(GetCurrentTransactionStartTimestamp(), LC_MOMENT_INSTANT);
	if (input.kind != DTK_DATE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_DATETIME_FORMAT), errmsg("\"%s\" is no moment", input.text),
		                errhint("Write a date and a time, like 2026-12-01 10:00.")));
	offset = input.offset;
	read_text(&input, pg_tzset_offset(5 * SECS_PER_HOUR));
	instant = input.offset == offset; /* else the session's: 0, then five hours */
	if (tm2timestamp(&input.time, input.fraction, instant ? &offset : NULL, &time) != 0)
		ereport(ERROR,
		        (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("moment out of range: \"%s\"", input.text)));
	return make(time, instant ? LC_MOMENT_INSTANT : LC_MOMENT_WALL_CLOCK);
}

/* Reads the text as if the session were in the zone. */
static void
read_text(LcMomentText *input, pg_tz *zone)
{
	pg_tz *session = session_timezone;

	PG_TRY();
	{
		session_timezone = zone;
		decode(input);
	}
	PG_FINALLY();
	{
		session_timezone = session;
	}
	PG_END_TRY();
}

static void
decode(LcMomentText *input)
{
	LcDateTimeProblem problem;
	int code = ParseDateTime(input->text, input->buffer, sizeof(input->buffer), input->field, input->type,
	                         MAXDATEFIELDS, &input->fields);

	if (code == 0)
		code = LC_DECODE_DATETIME(input->field, input->type, input->fields, &input->kind, &input->time,
		                          &input->fraction, &input->offset, &problem);
	if (code != 0)
		LC_DATETIME_PARSE_ERROR(code, &problem, input->text, "moment");
}

/* Refuses the words whose day depends on where the session is. The parser has made all letters lower case. */
static bool
is_now(const LcMomentText *input)
{
	for (int i = 0; i < input->fields; i++)
	{
		const char *word = input->field[i];

		if (strcmp(word, "today") == 0 || strcmp(word, "tomorrow") == 0 || strcmp(word, "yesterday") == 0)
			ereport(
			    ERROR,
			    (errcode(ERRCODE_INVALID_DATETIME_FORMAT),
			     errmsg("\"%s\" is no moment: which day \"%s\" is depends on the time zone", input->text, word),
			     errhint("Write the date, like 2026-12-01 10:00, or compute it: current_date + 1 + time '10:00'.")));
		if (strcmp(word, "now") == 0)
		{
			if (input->fields == 1)
				return true;
			ereport(ERROR, (errcode(ERRCODE_INVALID_DATETIME_FORMAT), errmsg("\"%s\" is no moment", input->text),
			                errhint("\"now\" stands alone; for a later time: now() + interval '1 hour'.")));
		}
	}
	return false;
}

/* 2026-12-01 10:00 for a wall clock, 2026-12-01 01:00Z for an instant; seconds if there are any. */
Datum
linecrm_moment_out(PG_FUNCTION_ARGS)
{
	const LcMoment *moment = (const LcMoment *) PG_GETARG_POINTER(0);
	struct pg_tm time;
	fsec_t fraction;
	char *text = palloc(MAXDATELEN + 2);

	if (timestamp2tm(moment->time, NULL, &time, &fraction, NULL, NULL) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("moment out of range")));
	EncodeDateTime(&time, fraction, false, 0, NULL, USE_ISO_DATES, text);
	if (time.tm_sec == 0 && fraction == 0)
		text[strlen(text) - 3] = '\0';
	if (moment->kind == LC_MOMENT_INSTANT)
		strcat(text, "Z");
	PG_RETURN_CSTRING(text);
}

/* Eight bytes of time, one of kind. */
Datum
linecrm_moment_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int64 time = pq_getmsgint64(message);
	int64 kind = pq_getmsgbyte(message);
	const char *problem = problem_of(time, kind);

	if (problem != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid binary form of a moment"),
		                errdetail("%s", problem)));
	return make(time, kind);
}

Datum
linecrm_moment_send(PG_FUNCTION_ARGS)
{
	const LcMoment *moment = (const LcMoment *) PG_GETARG_POINTER(0);
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendint64(&out, moment->time);
	pq_sendbyte(&out, (uint8) moment->kind);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

Datum
linecrm_moment_from_timestamptz(PG_FUNCTION_ARGS)
{
	return make(PG_GETARG_TIMESTAMPTZ(0), LC_MOMENT_INSTANT);
}

Datum
linecrm_moment_from_timestamp(PG_FUNCTION_ARGS)
{
	return make(PG_GETARG_TIMESTAMP(0), LC_MOMENT_WALL_CLOCK);
}

/* Midnight. */
Datum
linecrm_moment_from_date(PG_FUNCTION_ARGS)
{
	return make(DatumGetTimestamp(DirectFunctionCall1(date_timestamp, PG_GETARG_DATUM(0))), LC_MOMENT_WALL_CLOCK);
}

/*
 * The instant, given the zone that wall clocks mean. What a clock never shows or shows twice is read as AT TIME ZONE
 * reads it: by standard time.
 */
Datum
linecrm_resolve(PG_FUNCTION_ARGS)
{
	const LcMoment *moment = (const LcMoment *) PG_GETARG_POINTER(0);

	if (moment->kind == LC_MOMENT_INSTANT)
		PG_RETURN_TIMESTAMPTZ(moment->time);
	return DirectFunctionCall2(timestamp_zone, PG_GETARG_DATUM(1), TimestampGetDatum(moment->time));
}

static Datum
make(int64 time, int64 kind)
{
	LcMoment *moment;
	const char *problem = problem_of(time, kind);

	if (problem != NULL)
		ereport(ERROR,
		        (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("moment out of range"), errdetail("%s", problem),
		         TIMESTAMP_NOT_FINITE(time) ? errhint("For no limit, leave the argument out.") : 0));
	moment = palloc(sizeof(LcMoment));
	moment->time = time;
	moment->kind = kind;
	PG_RETURN_POINTER(moment);
}

static const char *
problem_of(int64 time, int64 kind)
{
	struct pg_tm fields;
	fsec_t fraction;

	if (kind != LC_MOMENT_WALL_CLOCK && kind != LC_MOMENT_INSTANT)
		return "It is neither a wall clock nor an instant.";
	if (TIMESTAMP_NOT_FINITE(time))
		return "It is infinite.";
	if (!IS_VALID_TIMESTAMP(time) || timestamp2tm(time, NULL, &fields, &fraction, NULL, NULL) != 0)
		return "No calendar reaches that far.";
	if (fields.tm_year < 1)
		return "It is before the year 1.";
	return NULL;
}
