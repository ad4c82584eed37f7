/* Up to 44 bytes of header, then the body: nothing but the right signature passes, and decoding is canonical. */
#include "entry.h"

#include <openssl/evp.h>
#include <string.h>

#include "line/signature.h"

void
fuzz_signature(const uint8_t *data, size_t size)
{
	static LcSignatureKey *key;
	size_t header = size < LC_SIGNATURE_TEXT_SIZE ? size : LC_SIGNATURE_TEXT_SIZE;
	uint8_t bytes[LC_SIGNATURE_SIZE];
	uint8_t text[LC_SIGNATURE_TEXT_SIZE + 1];
	bool decoded = lc_signature_decode((const char *) data, header, bytes);
	LcSignatureResult result;

	if (key == NULL)
		key = lc_signature_key_new("8c570fa6dd201bb328f1c1eac23a96d8", 32);
	MUST(key != NULL);
	result = lc_signature_verify(key, data + header, size - header, (const char *) data, header);
	MUST(decoded == (result != LC_SIGNATURE_MALFORMED) && result != LC_SIGNATURE_ERROR);
	if (!decoded)
		return;
	/* OpenSSL's encoder gives the same text, so that each signature has one */
	EVP_EncodeBlock(text, bytes, LC_SIGNATURE_SIZE);
	MUST(memcmp(text, data, LC_SIGNATURE_TEXT_SIZE) == 0);
}
