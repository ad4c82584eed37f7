/*
 * signature.h
 *		The x-line-signature of a webhook.
 *
 *		base64(HMAC-SHA256(key = channel secret, data = raw body)), standard alphabet with padding ("Verify webhook
 *		signature"). The key is the text of the secret as it is: it looks like hexadecimal and is not decoded. The data
 *		are the bytes as they were received.
 */
#ifndef LC_SIGNATURE_H
#define LC_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LC_SIGNATURE_SIZE 32      /* bytes */
#define LC_SIGNATURE_TEXT_SIZE 44 /* characters */

/* A secret made ready for many verifications; OpenSSL's memory, wiped when freed. One thread only. */
typedef struct LcSignatureKey LcSignatureKey;

typedef enum LcSignatureResult
{
	LC_SIGNATURE_VALID,
	LC_SIGNATURE_MISMATCH,  /* well-formed, of other bytes or another secret */
	LC_SIGNATURE_MALFORMED, /* not 44 characters of canonical base64 */
	LC_SIGNATURE_ERROR      /* OpenSSL refused (no memory): nothing is known, treat as not valid */
} LcSignatureResult;

/* NULL for an empty secret (anybody could sign with it), or when OpenSSL has no memory or no HMAC. */
extern LcSignatureKey *lc_signature_key_new(const void *secret, size_t secret_size);
extern void lc_signature_key_free(LcSignatureKey *key); /* NULL is fine */

/*
 * Checks the header's value (without white space around it) against the body. The comparison takes the same time
 * wherever the first difference is. A failed check leaves the key usable.
 */
extern LcSignatureResult lc_signature_verify(LcSignatureKey *key, const void *body, size_t body_size,
                                             const char *signature, size_t signature_size);

/* Strict standard base64: exactly 44 characters, one '=', unused bits zero, so that each signature has one text. */
extern bool lc_signature_decode(const char *text, size_t size, uint8_t out[LC_SIGNATURE_SIZE]);

#endif
