/*
 * util.c
 *		The tools of util.h.
 *
 * Request ids are random and only have to be unlike each other, so they come from a generator seeded once from the
 *system; faults "by probability" draw from the same kind of generator, but from a sequence of their own that --seed
 *fixes, so that a run with faults can be repeated. All of it is called by server threads under the state lock or on
 *data of their own; the generator for request ids is thread local.
 */
#include "util.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static _Atomic int64_t shift_ms;
static uint64_t fault_random = 0x9e3779b97f4a7c15u;
static _Thread_local uint64_t id_random;

void *
must_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
	{
		fprintf(stderr, "linecrm-sandbox: out of memory\n");
		abort();
	}
	return p;
}

void *
must_realloc(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p)
	{
		fprintf(stderr, "linecrm-sandbox: out of memory\n");
		abort();
	}
	return p;
}

char *
must_strdup(const char *s)
{
	size_t len = strlen(s) + 1;

	return memcpy(must_alloc(len), s, len);
}

void
buf_need(Buf *b, size_t more)
{
	if (b->len + more <= b->cap)
		return;
	b->cap = (b->len + more) * 2 + 256;
	b->data = must_realloc(b->data, b->cap);
}

void
buf_add(Buf *b, const void *data, size_t len)
{
	buf_need(b, len);
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void
buf_str(Buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_printf(Buf *b, const char *fmt, ...)
{
	va_list args;
	int n;

	buf_need(b, 256);
	va_start(args, fmt);
	n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, args);
	va_end(args);
	if (n >= 0 && (size_t) n >= b->cap - b->len)
	{
		buf_need(b, (size_t) n + 1);
		va_start(args, fmt);
		n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, args);
		va_end(args);
	}
	if (n > 0)
		b->len += (size_t) n;
}

/* A JSON string with its quotes. The bytes are UTF-8 already or came from a header; control bytes are escaped. */
void
buf_json(Buf *b, const char *s, size_t len)
{
	buf_str(b, "\"");
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) s[i];

		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20)
			buf_printf(b, "\\u%04x", c);
		else
			buf_add(b, s + i, 1);
	}
	buf_str(b, "\"");
}

void
buf_hex(Buf *b, const uint8_t *data, size_t len)
{
	buf_need(b, len * 2);
	hex_encode(data, len, b->data + b->len);
	b->len += len * 2;
}

void
buf_free(Buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Lower-case digits only: that is what LINE's ids are made of. */
bool
hex_decode(const char *s, size_t digits, uint8_t *out)
{
	for (size_t i = 0; i < digits; i += 2)
	{
		int hi = hex_value(s[i]), lo = hi < 0 ? -1 : hex_value(s[i + 1]);

		if (lo < 0)
			return false;
		out[i / 2] = (uint8_t) (hi << 4 | lo);
	}
	return true;
}

void
hex_encode(const uint8_t *in, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++)
	{
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
}

/* 8-4-4-4-12 hex digits, either case, any version. */
bool
uuid_parse(const char *s, uint8_t out[16])
{
	char hex[33];
	size_t n = 0;

	if (strlen(s) != 36)
		return false;
	for (int i = 0; i < 36; i++)
	{
		char c = s[i];

		if (i == 8 || i == 13 || i == 18 || i == 23)
		{
			if (c != '-')
				return false;
			continue;
		}
		hex[n++] = c >= 'A' && c <= 'F' ? (char) (c - 'A' + 'a') : c;
	}
	return hex_decode(hex, 32, out);
}

void
uuid_text(const uint8_t in[16], char out[37])
{
	char hex[32];

	hex_encode(in, 16, hex);
	memcpy(out, hex, 8);
	memcpy(out + 9, hex + 8, 4);
	memcpy(out + 14, hex + 12, 4);
	memcpy(out + 19, hex + 16, 4);
	memcpy(out + 24, hex + 20, 12);
	out[8] = out[13] = out[18] = out[23] = '-';
	out[36] = '\0';
}

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void
uuid_random(uint8_t out[16])
{
	uint64_t parts[2];

	if (!id_random && getrandom(&id_random, sizeof(id_random), 0) < 0)
		id_random = (uint64_t) real_ms();
	parts[0] = next_random(&id_random);
	parts[1] = next_random(&id_random);
	memcpy(out, parts, 16);
	out[6] = (uint8_t) ((out[6] & 0x0f) | 0x40);
	out[8] = (uint8_t) ((out[8] & 0x3f) | 0x80);
}

void
sha256(const void *data, size_t len, uint8_t out[32])
{
	static _Thread_local EVP_MD_CTX *ctx;
	static _Thread_local EVP_MD *md;

	if (!ctx)
	{
		ctx = EVP_MD_CTX_new();
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	}
	EVP_DigestInit_ex2(ctx, md, NULL);
	EVP_DigestUpdate(ctx, data, len);
	EVP_DigestFinal_ex(ctx, out, NULL);
}

void
base64_encode(const uint8_t *in, size_t len, char *out)
{
	EVP_EncodeBlock((unsigned char *) out, in, (int) len);
}

void
random_seed(uint64_t seed)
{
	fault_random = seed * 0x9e3779b97f4a7c15u + 1;
}

uint64_t
random_u64(void)
{
	return next_random(&fault_random);
}

double
random_unit(void)
{
	return (double) (random_u64() >> 11) / 9007199254740992.0;
}

int64_t
real_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
now_ms(void)
{
	return real_ms() + atomic_load(&shift_ms);
}

int64_t
clock_shift(void)
{
	return atomic_load(&shift_ms);
}

void
clock_set_shift(int64_t ms)
{
	atomic_store(&shift_ms, ms);
}

void
iso_time(int64_t ms, char out[32])
{
	time_t seconds = (time_t) (ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, 32 - n, ".%03dZ", (int) (ms % 1000));
}
