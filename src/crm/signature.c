/*
 * signature.c
 *		linecrm.verify_signature(): whether a webhook's body was signed with a channel secret.
 *
 * For those who keep the secret themselves, and for tests; receive_webhook() opens the stored one and keeps the keyed
 * context (webhook_key.c). Pure: the answer depends on the arguments only, so it is immutable and parallel safe. Never
 *an error for what comes from outside: whatever is missing, malformed or empty is simply not a valid signature.
 */
#include "postgres.h"

#include "fmgr.h"
#include "compat.h"
#include "line/signature.h"

PG_FUNCTION_INFO_V1(linecrm_verify_signature);

/* linecrm.verify_signature(body bytea, signature text, channel_secret text) returns boolean; never NULL */
Datum
linecrm_verify_signature(PG_FUNCTION_ARGS)
{
	bytea *body;
	text *signature;
	text *secret;
	LcSignatureKey *key;
	LcSignatureResult result;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_BOOL(false);
	body = PG_GETARG_BYTEA_PP(0);
	signature = PG_GETARG_TEXT_PP(1);
	secret = PG_GETARG_TEXT_PP(2);

	/* Nothing throws while the key exists: it is OpenSSL's memory. */
	key = lc_signature_key_new(VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret));
	if (key == NULL)
		PG_RETURN_BOOL(false);
	result = lc_signature_verify(key, VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), VARDATA_ANY(signature),
	                             VARSIZE_ANY_EXHDR(signature));
	lc_signature_key_free(key);
	PG_RETURN_BOOL(result == LC_SIGNATURE_VALID);
}
