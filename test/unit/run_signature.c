/* signature.c: the vendor's vector, what is not base64, and that a key can be used again. */
#include "check.h"

#include "line/signature.h"

/* published in "Verify webhook signature" */
static const char secret[] = "8c570fa6dd201bb328f1c1eac23a96d8";
static const char body[] = "{\"destination\":\"U8e742f61d673b39c7fff3cecb7536ef0\",\"events\":[]}";
static const char signature[] = "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs=";

static LcSignatureResult
verify(LcSignatureKey *key, const char *text, const char *header)
{
	return lc_signature_verify(key, text, strlen(text), header, strlen(header));
}

static void
test_vector(void)
{
	LcSignatureKey *key = lc_signature_key_new(secret, strlen(secret));
	char changed[sizeof(body)];

	CHECK(key != NULL);
	CHECK_INT(verify(key, body, signature), LC_SIGNATURE_VALID);
	CHECK_INT(verify(key, "{}", signature), LC_SIGNATURE_MISMATCH);
	CHECK_INT(verify(key, "", signature), LC_SIGNATURE_MISMATCH);
	/* the key is the same after failures, and after an empty body */
	CHECK_INT(verify(key, body, signature), LC_SIGNATURE_VALID);
	CHECK_INT(lc_signature_verify(key, NULL, 0, signature, strlen(signature)), LC_SIGNATURE_MISMATCH);
	/* the signature of an empty body, computed with another program */
	CHECK_INT(verify(key, "", "zRDCg4BD0u9sqoHIHu1GnS8FJQFuGy/NV9JFnZWUpMg="), LC_SIGNATURE_VALID);

	for (size_t i = 0; i < sizeof(body) - 1; i++)
	{
		memcpy(changed, body, sizeof(body));
		changed[i] ^= 1;
		CHECK_INT(lc_signature_verify(key, changed, sizeof(body) - 1, signature, strlen(signature)),
				  LC_SIGNATURE_MISMATCH);
	}
	lc_signature_key_free(key);
}

/* A signature that is right but for one bit, in each of its 256. */
static void
test_each_bit(void)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	LcSignatureKey *key = lc_signature_key_new(secret, strlen(secret));
	char changed[sizeof(signature)];

	for (int bit = 0; bit < 256; bit++)
	{
		int at = bit / 6;

		memcpy(changed, signature, sizeof(signature));
		changed[at] = letters[(strchr(letters, signature[at]) - letters) ^ (32 >> bit % 6)];
		CHECK_INT_ROW(verify(key, body, changed), LC_SIGNATURE_MISMATCH, changed);
	}
	lc_signature_key_free(key);
}

static void
test_other_secrets(void)
{
	LcSignatureKey *key = lc_signature_key_new("8c570fa6dd201bb328f1c1eac23a96d9", 32);

	CHECK_INT(verify(key, body, signature), LC_SIGNATURE_MISMATCH);
	lc_signature_key_free(key);
	CHECK(lc_signature_key_new("", 0) == NULL);
	lc_signature_key_free(NULL);
}

static void
test_malformed(void)
{
	static const char *const headers[] = {
		"", "=", "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs", /* no padding */
		"GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs==",			/* too much */
		"GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDL==",				/* 31 bytes */
		"GhRKmvmHys4Pi8DxkF4-EayaH0OqtJtaZxgTD9fMDLs=",				/* the URL alphabet */
		"GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLt=",				/* same 32 bytes, unused bits set */
		" GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs",				/* white space */
		"GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs ",
		"GhRKmvmHys4Pi8Dx\nF4+EayaH0OqtJtaZxgTD9fMDLs=",
		"GhRKmvmHys4Pi8Dx=F4+EayaH0OqtJtaZxgTD9fMDLs=",
		"GhRKmvmHys4Pi8Dx\xe3\x81\x82+EayaH0OqtJtaZxgTD9fMD=",
	};
	LcSignatureKey *key = lc_signature_key_new(secret, strlen(secret));
	uint8_t out[LC_SIGNATURE_SIZE];

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		CHECK_INT_ROW(verify(key, body, headers[i]), LC_SIGNATURE_MALFORMED, headers[i]);
	lc_signature_key_free(key);

	CHECK(!lc_signature_decode("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0", 44, out));
	CHECK(lc_signature_decode("//////////////////////////////////////////8=", 44, out));
	for (int i = 0; i < LC_SIGNATURE_SIZE; i++)
		CHECK_INT(out[i], 0xff);
	CHECK(lc_signature_decode("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 44, out));
	for (int i = 0; i < LC_SIGNATURE_SIZE; i++)
		CHECK_INT(out[i], i);
}

int
main(void)
{
	test_vector();
	test_each_bit();
	test_other_secrets();
	test_malformed();
	return check_summary();
}
