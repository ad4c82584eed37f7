/*
 * util.h
 *		Small tools that every file of the sandbox uses: a growing byte buffer, hashes, hex, time and random numbers.
 *
 * Memory that cannot be had ends the program: this is a test server, and a half-answered request would only hide the
 *cause.
 */
#ifndef SANDBOX_UTIL_H
#define SANDBOX_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Buf
{
	char *data;
	size_t len;
	size_t cap;
} Buf;

extern void *must_alloc(size_t size);
extern void *must_realloc(void *p, size_t size);
extern char *must_strdup(const char *s);

extern void buf_need(Buf *b, size_t more);
extern void buf_add(Buf *b, const void *data, size_t len);
extern void buf_str(Buf *b, const char *s);
extern void buf_printf(Buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
extern void buf_json(Buf *b, const char *s, size_t len);
extern void buf_hex(Buf *b, const uint8_t *data, size_t len);
extern void buf_free(Buf *b);

extern bool hex_decode(const char *s, size_t digits, uint8_t *out);
extern void hex_encode(const uint8_t *in, size_t len, char *out);
extern bool uuid_parse(const char *s, uint8_t out[16]);
extern void uuid_text(const uint8_t in[16], char out[37]);
extern void uuid_random(uint8_t out[16]);
extern void sha256(const void *data, size_t len, uint8_t out[32]);
extern void base64_encode(const uint8_t *in, size_t len, char *out);

extern void random_seed(uint64_t seed);
extern uint64_t random_u64(void);
extern double random_unit(void);

/* Real time, and the sandbox's own clock, which /sandbox/time can shift. Milliseconds since 1970. */
extern int64_t real_ms(void);
extern int64_t now_ms(void);
extern int64_t clock_shift(void);
extern void clock_set_shift(int64_t ms);
extern void iso_time(int64_t ms, char out[32]);

#endif
