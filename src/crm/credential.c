/*
 * credential.c
 *		Secrets of channels: sealed before they reach a table, opened for the moment of use.
 *
 * AES-256-GCM under the key of key_file.c. What is bound into the seal (channel id and kind) makes a sealed value
 * worthless in another row. A sealed value is one byte of format, 12 bytes of random nonce, the text, 16 bytes of tag.
 *
 * set_credential() runs in the backend of whoever sets; credential_open() in backends that verify webhooks and in the
 * sender. A secret in clear is only ever in the caller's argument, in an LcSecret on a stack, and in OpenSSL's memory;
 * both of ours are wiped, and nothing throws between opening and wiping here.
 *
 * The value comes as text of a statement, which the server shows in places: pg_stat_activity, and the log with
 * log_min_duration_statement or when the statement fails. The first thing that happens is that these see stars. What
 *was logged before we ran (log_statement) nobody can take back; the manual tells how not to type the secret at all.
 *
 * Throws on bad values without quoting them. Locks: one row of credential and channel. Memory: the caller's.
 */
#include "postgres.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "catalog/pg_type.h"
#include "compat.h"
#include "crm/credential.h"
#include "crm/key_file.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(linecrm_set_credential);

#define LC_SEAL_FORMAT 1
#define LC_NONCE_SIZE 12
#define LC_TAG_SIZE 16
#define LC_SEAL_OVERHEAD (1 + LC_NONCE_SIZE + LC_TAG_SIZE)

/* What a kind of credential is expected to look like; a value that does not is stored with a warning. */
typedef struct LcCredentialKind
{
	const char *name;
	size_t min_length;
	size_t max_length;
	bool hexadecimal;
	const char *form;
} LcCredentialKind;

static const LcCredentialKind kinds[] = {
    {LC_CREDENTIAL_CHANNEL_SECRET, 32, 32, true, "A channel secret has 32 hexadecimal digits."},
    {LC_CREDENTIAL_ACCESS_TOKEN, 100, LC_SECRET_MAX, false, "A channel access token has more than 100 characters."},
    {"login_channel_secret", 32, 32, true, "The secret of a LINE Login channel has 32 hexadecimal digits."},
};

static void conceal_statement(text *value);
static void trim(const char **value, size_t *length);
static const LcCredentialKind *find_kind(text *kind);
static void check_value(const LcCredentialKind *kind, const char *value, size_t length);
static int64 channel_of_name(NullableDatum name);
static void store(int64 channel_id, const LcCredentialKind *kind, bytea *sealed, const char *key_id);
static bytea *seal(const LcKey *key, int64 channel_id, const char *kind, const char *value, size_t length);
static bool unseal(const LcKey *key, int64 channel_id, const char *kind, bytea *sealed, LcSecret *secret);
static bool bind_context(EVP_CIPHER_CTX *context, int64 channel_id, const char *kind);

/*
 * linecrm_internal.set_credential(channel text, kind text, value text)
 */
Datum
linecrm_set_credential(PG_FUNCTION_ARGS)
{
	NullableDatum channel = fcinfo->args[0];
	const LcCredentialKind *kind;
	text *argument;
	const char *value;
	size_t length;
	int64 channel_id;
	LcKey key;
	bytea *sealed;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errhidestmt(true),
		                errmsg("a credential needs a kind and a value"),
		                errhint("SELECT linecrm.set_credential('CHANNEL', 'access_token', 'VALUE');")));
	argument = PG_GETARG_TEXT_PP(2);
	conceal_statement(argument);
	value = VARDATA_ANY(argument);
	length = VARSIZE_ANY_EXHDR(argument);
	trim(&value, &length);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect does not work");
	channel_id = channel_of_name(channel);
	kind = find_kind(PG_GETARG_TEXT_PP(1));
	check_value(kind, value, length);

	key_file_read_or_create(&key);
	sealed = seal(&key, channel_id, kind->name, value, length);
	OPENSSL_cleanse(key.bytes, LC_KEY_SIZE);
	if (sealed == NULL)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errhidestmt(true), errmsg("could not seal the credential"),
		                errdetail("OpenSSL has no memory, no random numbers or no AES-256-GCM.")));
	store(channel_id, kind, sealed, key.id);
	SPI_finish();
	PG_RETURN_VOID();
}

bool
credential_open(int64 channel_id, const char *kind, LcSecret *secret)
{
	static const char query[] =
	    "SELECT sealed, key_id FROM linecrm_internal.credential WHERE channel_id OPERATOR(pg_catalog.=) $1 "
	    "AND kind OPERATOR(pg_catalog.=) $2";
	Oid types[] = {INT8OID, TEXTOID};
	Datum values[] = {Int64GetDatum(channel_id), CStringGetTextDatum(kind)};
	SPITupleTable *table;
	LcKey key;
	bytea *sealed;
	char *key_id;
	bool isnull;
	bool good;
	bool other_key;

	if (SPI_execute_with_args(query, 2, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the credential \"%s\" of channel " INT64_FORMAT, kind, channel_id);
	table = SPI_tuptable;
	if (SPI_processed == 0)
		return false;
	sealed = DatumGetByteaPP(SPI_getbinval(table->vals[0], table->tupdesc, 1, &isnull));
	key_id = SPI_getvalue(table->vals[0], table->tupdesc, 2);

	key_file_read(&key);
	other_key = strcmp(key.id, key_id) != 0;
	good = !other_key && unseal(&key, channel_id, kind, sealed, secret);
	key_file_wipe(&key);
	if (!good)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("could not open the credential \"%s\" of channel %lld", kind, (long long) channel_id),
		                other_key ? errdetail("It was sealed under another key than the one in the key file.")
		                          : errdetail("The stored value was changed, or belongs to another channel or kind."),
		                errhint("Put the right key file back (linecrm.key_file), or set the credential again with "
		                        "linecrm.set_credential().")));
	SPI_freetuptable(table);
	return true;
}

void
credential_wipe(LcSecret *secret)
{
	OPENSSL_cleanse(secret, sizeof(LcSecret));
}

/*
 * Overwrites the value in the text of the client's statement, and the statement in pg_stat_activity.
 *
 * The text of a client backend's statement lies in memory of this backend that nobody reads again to find out what to
 * do: it has been parsed, and what remains are log lines and statistics. In other processes debug_query_string may be a
 * constant of the program, so there it is left alone.
 */
static void
conceal_statement(text *value)
{
	char *statement = MyBackendType == B_BACKEND ? unconstify(char *, debug_query_string) : NULL;
	char *secret = text_to_cstring(value);
	size_t length = strlen(secret);

	if (statement != NULL && length > 0)
	{
		char *found = statement;

		while ((found = strstr(found, secret)) != NULL)
		{
			memset(found, '*', length);
			found += length;
		}
	}
	OPENSSL_cleanse(secret, length);
	pfree(secret);
	pgstat_report_activity(STATE_RUNNING, "SELECT linecrm.set_credential(...)");
}

/* White space around a value comes from copying it out of a console or a file. */
static void
trim(const char **value, size_t *length)
{
	while (*length > 0 && strchr(" \t\r\n", **value) != NULL)
	{
		(*value)++;
		(*length)--;
	}
	while (*length > 0 && strchr(" \t\r\n", (*value)[*length - 1]) != NULL)
		(*length)--;
}

static const LcCredentialKind *
find_kind(text *kind)
{
	char *name = text_to_cstring(kind);

	for (int i = 0; i < lengthof(kinds); i++)
		if (strcmp(name, kinds[i].name) == 0)
			return &kinds[i];
	/* The arguments may have been swapped, so the unknown kind is not repeated: it could be the secret. */
	ereport(ERROR,
	        (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errhidestmt(true), errmsg("there is no such kind of credential"),
	         errdetail("The kinds are channel_secret, access_token and login_channel_secret."),
	         errhint("SELECT linecrm.set_credential('CHANNEL', 'access_token', 'VALUE');")));
}

/*
 * Refuses what cannot be a credential (it goes into an HTTP header), warns of what does not look like one: LINE may
 * change the form of its tokens, and a warning costs less than a credential that cannot be set.
 */
static void
check_value(const LcCredentialKind *kind, const char *value, size_t length)
{
	bool plausible = length >= kind->min_length && length <= kind->max_length;

	if (length == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the credential \"%s\" is empty", kind->name),
		                errhint("Copy it from the channel's page in the LINE Developers console.")));
	if (length > LC_SECRET_MAX)
		ereport(ERROR,
		        (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errhidestmt(true),
		         errmsg("the credential \"%s\" has %zu characters, more than %d", kind->name, length, LC_SECRET_MAX)));
	for (size_t i = 0; i < length; i++)
	{
		if (value[i] <= ' ' || value[i] > '~')
			ereport(ERROR,
			        (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errhidestmt(true),
			         errmsg("the credential \"%s\" has a space, a line break or another character that none can have",
			                kind->name),
			         errdetail("It is character %zu of %zu.", i + 1, length), errhint("Copy it again, in one piece.")));
		if (kind->hexadecimal && strchr("0123456789abcdef", value[i]) == NULL)
			plausible = false;
	}
	if (!plausible)
		ereport(WARNING, (errmsg("the value does not look like a credential of kind \"%s\"", kind->name),
		                  errdetail("%s The value that was set has %zu characters.", kind->form, length),
		                  errhint("If it was copied in part, set it again.")));
}

/* The channel's id by its name; NULL is the only one the caller may use. Checks that he may. */
static int64
channel_of_name(NullableDatum name)
{
	Oid types[] = {TEXTOID};
	char nulls[] = {name.isnull ? 'n' : ' ', '\0'};
	bool isnull;

	if (SPI_execute_with_args("SELECT linecrm_internal._channel_id($1)", 1, types, &name.value, nulls, false, 1) !=
	        SPI_OK_SELECT ||
	    SPI_processed != 1)
		elog(ERROR, "could not look up the channel");
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

static void
store(int64 channel_id, const LcCredentialKind *kind, bytea *sealed, const char *key_id)
{
	Oid types[] = {INT8OID, TEXTOID, BYTEAOID, TEXTOID};
	Datum values[] = {Int64GetDatum(channel_id), CStringGetTextDatum(kind->name), PointerGetDatum(sealed),
	                  CStringGetTextDatum(key_id)};

	if (SPI_execute_with_args("SELECT linecrm_internal._store_credential($1, $2, $3, $4)", 4, types, values, NULL,
	                          false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not store the credential");
}

/* NULL when OpenSSL does not do it. Allocates before it starts, so that nothing throws while the context is open. */
static bytea *
seal(const LcKey *key, int64 channel_id, const char *kind, const char *value, size_t length)
{
	bytea *sealed = palloc(VARHDRSZ + LC_SEAL_OVERHEAD + length);
	unsigned char *format = (unsigned char *) VARDATA(sealed);
	unsigned char *nonce = format + 1;
	unsigned char *text = nonce + LC_NONCE_SIZE;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int written;
	bool good;

	*format = LC_SEAL_FORMAT;
	good = context != NULL && pg_strong_random(nonce, LC_NONCE_SIZE) &&
	       EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key->bytes, nonce) == 1 &&
	       bind_context(context, channel_id, kind) &&
	       EVP_EncryptUpdate(context, text, &written, (const unsigned char *) value, (int) length) == 1 &&
	       EVP_EncryptFinal_ex(context, text + length, &written) == 1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, LC_TAG_SIZE, text + length) == 1;
	EVP_CIPHER_CTX_free(context);
	SET_VARSIZE(sealed, VARHDRSZ + LC_SEAL_OVERHEAD + length);
	return good ? sealed : NULL;
}

/* False when it is not what seal() made for this channel and kind; then the secret is empty. */
static bool
unseal(const LcKey *key, int64 channel_id, const char *kind, bytea *sealed, LcSecret *secret)
{
	const unsigned char *format = (const unsigned char *) VARDATA_ANY(sealed);
	const unsigned char *nonce = format + 1;
	const unsigned char *text = nonce + LC_NONCE_SIZE;
	unsigned char tag[LC_TAG_SIZE];
	int length = (int) VARSIZE_ANY_EXHDR(sealed) - LC_SEAL_OVERHEAD;
	EVP_CIPHER_CTX *context;
	int written;
	bool good;

	if (length < 0 || length > LC_SECRET_MAX || *format != LC_SEAL_FORMAT)
		return false;
	context = EVP_CIPHER_CTX_new();
	memcpy(tag, text + length, LC_TAG_SIZE);
	good = context != NULL && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key->bytes, nonce) == 1 &&
	       bind_context(context, channel_id, kind) &&
	       EVP_DecryptUpdate(context, (unsigned char *) secret->value, &written, text, length) == 1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, LC_TAG_SIZE, tag) == 1 &&
	       EVP_DecryptFinal_ex(context, (unsigned char *) secret->value + length, &written) == 1;
	EVP_CIPHER_CTX_free(context);
	secret->length = good ? length : 0;
	if (good)
		secret->value[length] = '\0';
	else
		credential_wipe(secret);
	return good;
}

/* What the seal is bound to besides the key. */
static bool
bind_context(EVP_CIPHER_CTX *context, int64 channel_id, const char *kind)
{
	uint64 id = pg_hton64((uint64) channel_id);
	int written;

	/* EVP_CipherUpdate goes the way the context was set up. */
	return EVP_CipherUpdate(context, NULL, &written, (const unsigned char *) &id, sizeof(id)) == 1 &&
	       EVP_CipherUpdate(context, NULL, &written, (const unsigned char *) kind, (int) strlen(kind)) == 1;
}
