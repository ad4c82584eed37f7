/*
 * webhook_key.c
 *		Channel secrets ready for checking signatures, kept by this backend.
 *
 * A keyed HMAC context halves the price of a check, and opening the secret (a table, a file, AES) costs a hundred
 *checks; so each backend keeps one context a channel. It holds for one credential_version, which set_credential() draws
 * from a sequence: a version is never used again, not even after a rollback, so a context cannot outlive its secret.
 * Nor can it outlive the extension, which would draw the same versions when it is created again: the table's oid is
 *kept too. The clear secret itself is wiped as soon as the context is made.
 *
 * The contexts are OpenSSL's memory, the table is a small hash in TopMemoryContext; both live as long as the backend.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "crm/credential.h"
#include "crm/webhook_key.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"

typedef struct LcKeptKey
{
	int64 channel_id; /* the hash key: first */
	int64 version;
	Oid table;
	LcSignatureKey *key;
} LcKeptKey;

static HTAB *kept_keys = NULL;

static LcKeptKey *kept_entry(int64 channel_id);
static Oid credential_table(void);

LcSignatureKey *
webhook_key_kept(int64 channel_id, int64 version)
{
	LcKeptKey *entry = kept_keys == NULL ? NULL : hash_search(kept_keys, &channel_id, HASH_FIND, NULL);

	return entry != NULL && entry->version == version && entry->table == credential_table() ? entry->key : NULL;
}

LcSignatureKey *
webhook_key_open(int64 channel_id, int64 version)
{
	LcKeptKey *entry = kept_entry(channel_id);
	LcSecret secret;

	lc_signature_key_free(entry->key);
	entry->key = NULL;
	if (!credential_open(channel_id, LC_CREDENTIAL_CHANNEL_SECRET, &secret))
		return NULL;
	entry->key = lc_signature_key_new(secret.value, secret.length);
	entry->version = version;
	entry->table = credential_table();
	credential_wipe(&secret);
	if (entry->key == NULL)
		ereport(ERROR,
		        (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("OpenSSL could not make a key for checking signatures")));
	return entry->key;
}

static LcKeptKey *
kept_entry(int64 channel_id)
{
	LcKeptKey *entry;
	bool found;

	if (kept_keys == NULL)
	{
		HASHCTL control = {.keysize = sizeof(int64), .entrysize = sizeof(LcKeptKey)};

		kept_keys = hash_create("linecrm webhook keys", 16, &control, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(kept_keys, &channel_id, HASH_ENTER, &found);
	if (!found)
	{
		entry->version = -1;
		entry->table = InvalidOid;
		entry->key = NULL;
	}
	return entry;
}

static Oid
credential_table(void)
{
	return get_relname_relid("credential", get_namespace_oid("linecrm_internal", false));
}
