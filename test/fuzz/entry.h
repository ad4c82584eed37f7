/*
 * entry.h
 *		The fuzz targets, one function each: what libFuzzer calls, and what the unit test calls with every file of the
 *		corpus. They check what must hold for any input and abort when it does not.
 */
#ifndef ENTRY_H
#define ENTRY_H

#include <stddef.h>
#include <stdint.h>

extern void fuzz_id(const uint8_t *data, size_t size);
extern void fuzz_signature(const uint8_t *data, size_t size);
extern void fuzz_request_body(const uint8_t *data, size_t size);
extern void fuzz_request_path(const uint8_t *data, size_t size);
extern void fuzz_outcome(const uint8_t *data, size_t size);
extern void fuzz_friendset_format(const uint8_t *data, size_t size);
extern void fuzz_message_limits(const uint8_t *data, size_t size);

/* Unlike assert, never compiled away. */
#define MUST(condition) \
	do \
	{ \
		if (!(condition)) \
			__builtin_trap(); \
	} while (0)

#endif
