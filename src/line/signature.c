/*
 * signature.c
 *		Verification of webhook signatures with OpenSSL's EVP_MAC. Called in backends, once per webhook.
 *
 *		The keyed context is made once per secret and started again for each body: the one-shot call fetches the
 *		algorithm and hashes the key every time, which costs as much again as the signature of a small webhook. The
 *		memory is OpenSSL's; the owner of a key frees it with lc_signature_key_free, which wipes the secret. Nothing
 *		throws.
 */
#include "signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

struct LcSignatureKey
{
	EVP_MAC_CTX *context;
};

static bool compute(LcSignatureKey *key, const void *body, size_t body_size, uint8_t out[LC_SIGNATURE_SIZE]);
static int base64_value(char c);

LcSignatureKey *
lc_signature_key_new(const void *secret, size_t secret_size)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	                       OSSL_PARAM_construct_end()};
	LcSignatureKey *key;
	EVP_MAC *mac;

	if (secret_size == 0)
		return NULL;
	key = calloc(1, sizeof(*key));
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (key != NULL && mac != NULL)
		key->context = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac); /* the context holds its own reference */
	if (key != NULL && key->context != NULL && EVP_MAC_init(key->context, secret, secret_size, params) == 1)
		return key;
	lc_signature_key_free(key);
	return NULL;
}

void
lc_signature_key_free(LcSignatureKey *key)
{
	if (key == NULL)
		return;
	EVP_MAC_CTX_free(key->context);
	free(key);
}

LcSignatureResult
lc_signature_verify(LcSignatureKey *key, const void *body, size_t body_size, const char *signature,
                    size_t signature_size)
{
	uint8_t given[LC_SIGNATURE_SIZE];
	uint8_t right[LC_SIGNATURE_SIZE];

	if (!lc_signature_decode(signature, signature_size, given))
		return LC_SIGNATURE_MALFORMED;
	if (!compute(key, body, body_size, right))
		return LC_SIGNATURE_ERROR;
	return CRYPTO_memcmp(given, right, LC_SIGNATURE_SIZE) == 0 ? LC_SIGNATURE_VALID : LC_SIGNATURE_MISMATCH;
}

/* 43 characters carry 258 bits: ten groups of three bytes, then two bytes with two bits over, which must be zero. */
bool
lc_signature_decode(const char *text, size_t size, uint8_t out[LC_SIGNATURE_SIZE])
{
	uint32_t bits = 0;
	int count = 0;
	size_t done = 0;

	if (size != LC_SIGNATURE_TEXT_SIZE || text[LC_SIGNATURE_TEXT_SIZE - 1] != '=')
		return false;
	for (int i = 0; i < LC_SIGNATURE_TEXT_SIZE - 1; i++)
	{
		int value = base64_value(text[i]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (uint32_t) value) & 0xffff;
		count += 6;
		if (count >= 8)
		{
			count -= 8;
			out[done++] = (uint8_t) (bits >> count);
		}
	}
	return (bits & ((1u << count) - 1)) == 0;
}

static bool
compute(LcSignatureKey *key, const void *body, size_t body_size, uint8_t out[LC_SIGNATURE_SIZE])
{
	size_t size = 0;

	return EVP_MAC_init(key->context, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(key->context, body_size > 0 ? body : "", body_size) == 1 &&
	       EVP_MAC_final(key->context, out, &size, LC_SIGNATURE_SIZE) == 1 && size == LC_SIGNATURE_SIZE;
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}
