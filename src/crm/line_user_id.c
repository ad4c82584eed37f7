/*
 * line_user_id.c
 *		The type line_user_id: the 16 bytes of a LINE user id, written U and 32 lower-case hex digits.
 *
 * Layout, order and hash are those of uuid. Comparison is leakproof, which row-level security asks of an operator
 * before it lets an index be used with it; it is written here because uuid's own functions under other names are slow
 * to start (see 100_line_user_id.sql). Only sort support is uuid's, started once a sort.
 *
 * Runs in any backend, takes no locks. Throws: malformed input (22P02, 22P03).
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "compat.h"

#define LC_USER_ID_BYTES 16
#define LC_USER_ID_DIGITS 32
#define SHOWN 60 /* bytes of malformed input in a message */

typedef struct LcUserId
{
	unsigned char bytes[LC_USER_ID_BYTES];
} LcUserId;

PG_FUNCTION_INFO_V1(linecrm_line_user_id_in);
PG_FUNCTION_INFO_V1(linecrm_line_user_id_out);
PG_FUNCTION_INFO_V1(linecrm_line_user_id_recv);
PG_FUNCTION_INFO_V1(linecrm_line_user_id_send);
PG_FUNCTION_INFO_V1(linecrm_line_user_id_smaller);
PG_FUNCTION_INFO_V1(linecrm_line_user_id_larger);
PG_FUNCTION_INFO_V1(linecrm_try_line_user_id);

static LcUserId *parse(const char *text, size_t length);
static _Noreturn void refuse(const char *text);
static bool is_id(const char *text, char kind, bool any_case);
static int digit(char c);

Datum
linecrm_line_user_id_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	LcUserId *id = parse(text, strlen(text));

	if (id == NULL)
		refuse(text);
	PG_RETURN_POINTER(id);
}

/* The same for text of unknown quality: NULL instead of an error. */
Datum
linecrm_try_line_user_id(PG_FUNCTION_ARGS)
{
	text *given = PG_GETARG_TEXT_PP(0);
	LcUserId *id = parse(VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));

	PG_FREE_IF_COPY(given, 0);
	if (id == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(id);
}

/* NULL when it is no user id. */
static LcUserId *
parse(const char *text, size_t length)
{
	LcUserId *id;

	if (length != LC_USER_ID_DIGITS + 1 || text[0] != 'U')
		return NULL;
	id = palloc(sizeof(LcUserId));
	for (int i = 0; i < LC_USER_ID_BYTES; i++)
	{
		int high = digit(text[1 + 2 * i]);
		int low = digit(text[2 + 2 * i]);

		if (high < 0 || low < 0)
		{
			pfree(id);
			return NULL;
		}
		id->bytes[i] = (unsigned char) (high << 4 | low);
	}
	return id;
}

/* Says what is wrong; what looks like another LINE id is called by its name. */
static void
refuse(const char *text)
{
	size_t length = strlen(text);
	const char *detail = "A LINE user id is U and 32 lower-case hexadecimal digits, 33 characters.";
	const char *hint = "Take the userId of a webhook event. With doubtful text, try_line_user_id(text) gives NULL "
	                   "instead of this error.";

	if (is_id(text, 'C', true))
	{
		detail = "This is a group id: it starts with C.";
		hint = "A group is not a friend; send to it with push_chat().";
	}
	else if (is_id(text, 'R', true))
	{
		detail = "This is a room id: it starts with R.";
		hint = "A room is not a friend; send to it with push_chat().";
	}
	else if (is_id(text, 'U', true))
	{
		detail = "A LINE user id is U and 32 lower-case hexadecimal digits; this one has letters of the other case.";
		hint = "LINE compares ids byte by byte. If something on the way changed the case: 'U' || lower(substr(id, 2)).";
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
	                errmsg("invalid input syntax for type %s: \"%.*s%s\"", "line_user_id",
	                       pg_mbcliplen(text, (int) length, SHOWN), text, length > SHOWN ? "..." : ""),
	                errdetail("%s", detail), errhint("%s", hint)));
}

/* Kind and 32 digits? */
static bool
is_id(const char *text, char kind, bool any_case)
{
	if (strlen(text) != LC_USER_ID_DIGITS + 1 ||
	    (any_case ? pg_ascii_toupper((unsigned char) text[0]) : text[0]) != kind)
		return false;
	for (const char *at = text + 1; *at != '\0'; at++)
		if (digit(any_case ? (char) pg_ascii_tolower((unsigned char) *at) : *at) < 0)
			return false;
	return true;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

Datum
linecrm_line_user_id_out(PG_FUNCTION_ARGS)
{
	static const char digits[] = "0123456789abcdef";
	const LcUserId *id = (const LcUserId *) PG_GETARG_POINTER(0);
	char *text = palloc(LC_USER_ID_DIGITS + 2);

	text[0] = 'U';
	for (int i = 0; i < LC_USER_ID_BYTES; i++)
	{
		text[1 + 2 * i] = digits[id->bytes[i] >> 4];
		text[2 + 2 * i] = digits[id->bytes[i] & 15];
	}
	text[LC_USER_ID_DIGITS + 1] = '\0';
	PG_RETURN_CSTRING(text);
}

/* Exactly 16 bytes: fewer or more are refused here, not by a reader that fell out of step. */
Datum
linecrm_line_user_id_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int length = message->len - message->cursor;
	LcUserId *id;

	if (length != LC_USER_ID_BYTES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid binary form of a line_user_id"),
		                errdetail("It has %d bytes instead of %d.", length, LC_USER_ID_BYTES),
		                errhint("Send the 16 bytes that the 32 hexadecimal digits stand for, without the U.")));
	id = palloc(sizeof(LcUserId));
	memcpy(id, pq_getmsgbytes(message, LC_USER_ID_BYTES), LC_USER_ID_BYTES);
	PG_RETURN_POINTER(id);
}

Datum
linecrm_line_user_id_send(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendbytes(&out, PG_GETARG_POINTER(0), LC_USER_ID_BYTES);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

Datum
linecrm_line_user_id_smaller(PG_FUNCTION_ARGS)
{
	Pointer a = PG_GETARG_POINTER(0);
	Pointer b = PG_GETARG_POINTER(1);

	PG_RETURN_POINTER(memcmp(a, b, LC_USER_ID_BYTES) <= 0 ? a : b);
}

Datum
linecrm_line_user_id_larger(PG_FUNCTION_ARGS)
{
	Pointer a = PG_GETARG_POINTER(0);
	Pointer b = PG_GETARG_POINTER(1);

	PG_RETURN_POINTER(memcmp(a, b, LC_USER_ID_BYTES) >= 0 ? a : b);
}

/* Order is that of the bytes, which is that of the text. */
#define LC_USER_ID_COMPARISON(name, compared)                                                                          \
	PG_FUNCTION_INFO_V1(linecrm_line_user_id_##name);                                                                  \
	Datum linecrm_line_user_id_##name(PG_FUNCTION_ARGS)                                                                \
	{                                                                                                                  \
		PG_RETURN_BOOL(memcmp(PG_GETARG_POINTER(0), PG_GETARG_POINTER(1), LC_USER_ID_BYTES) compared 0);               \
	}

LC_USER_ID_COMPARISON(eq, ==)
LC_USER_ID_COMPARISON(ne, !=)
LC_USER_ID_COMPARISON(lt, <)
LC_USER_ID_COMPARISON(le, <=)
LC_USER_ID_COMPARISON(gt, >)
LC_USER_ID_COMPARISON(ge, >=)

PG_FUNCTION_INFO_V1(linecrm_line_user_id_cmp);
PG_FUNCTION_INFO_V1(linecrm_line_user_id_hash);
PG_FUNCTION_INFO_V1(linecrm_line_user_id_hash_extended);

Datum
linecrm_line_user_id_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(memcmp(PG_GETARG_POINTER(0), PG_GETARG_POINTER(1), LC_USER_ID_BYTES));
}

Datum
linecrm_line_user_id_hash(PG_FUNCTION_ARGS)
{
	return hash_any((unsigned char *) PG_GETARG_POINTER(0), LC_USER_ID_BYTES);
}

Datum
linecrm_line_user_id_hash_extended(PG_FUNCTION_ARGS)
{
	return hash_any_extended((unsigned char *) PG_GETARG_POINTER(0), LC_USER_ID_BYTES, PG_GETARG_INT64(1));
}
