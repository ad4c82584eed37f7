/*
 * intern.c
 *		An open-addressing hash table from fixed-length keys to small numbers.
 *
 * Keys are never removed one by one; intern_clear() forgets all. The caller holds the state lock. Growth doubles, at
 *half load, so that looking up 500 recipients stays a matter of microseconds with a million friends.
 */
#include "intern.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

static uint64_t
hash_key(const uint8_t *key, size_t len)
{
	uint64_t h = 0x2545f4914f6cdd1du ^ len;

	while (len > 0)
	{
		uint64_t part = 0;
		size_t n = len < 8 ? len : 8;

		memcpy(&part, key, n);
		h = (h ^ part) * 0x9fb21c651e98df25u;
		h ^= h >> 35;
		key += n;
		len -= n;
	}
	h *= 0xd6e8feb86659fd93u;
	return h ^ (h >> 32);
}

void
intern_init(Intern *in, size_t keylen)
{
	memset(in, 0, sizeof(*in));
	in->keylen = keylen;
	in->mask = 1023;
	in->slots = must_alloc((in->mask + 1) * sizeof(uint32_t));
}

static void
grow_slots(Intern *in)
{
	uint32_t mask = in->mask * 2 + 1;
	uint32_t *slots = must_alloc(((size_t) mask + 1) * sizeof(uint32_t));

	for (uint32_t i = 0; i < in->count; i++)
	{
		uint32_t at = (uint32_t) hash_key(intern_key(in, i), in->keylen) & mask;

		while (slots[at])
			at = (at + 1) & mask;
		slots[at] = i + 1;
	}
	free(in->slots);
	in->slots = slots;
	in->mask = mask;
}

uint32_t
intern_find(const Intern *in, const void *key)
{
	uint32_t at = (uint32_t) hash_key(key, in->keylen) & in->mask;

	while (in->slots[at])
	{
		if (memcmp(intern_key(in, in->slots[at] - 1), key, in->keylen) == 0)
			return in->slots[at] - 1;
		at = (at + 1) & in->mask;
	}
	return NOT_FOUND;
}

uint32_t
intern(Intern *in, const void *key, bool *created)
{
	uint32_t found = intern_find(in, key);
	uint32_t at;

	if (created)
		*created = found == NOT_FOUND;
	if (found != NOT_FOUND)
		return found;
	if (in->count == in->room)
	{
		in->room = in->room ? in->room * 2 : 1024;
		in->keys = must_realloc(in->keys, (size_t) in->room * in->keylen);
	}
	if (in->count >= in->mask / 2)
		grow_slots(in);
	memcpy(in->keys + (size_t) in->count * in->keylen, key, in->keylen);
	at = (uint32_t) hash_key(key, in->keylen) & in->mask;
	while (in->slots[at])
		at = (at + 1) & in->mask;
	in->slots[at] = ++in->count;
	return in->count - 1;
}

void
intern_clear(Intern *in)
{
	size_t keylen = in->keylen;

	free(in->keys);
	free(in->slots);
	intern_init(in, keylen);
}

/* Many at once: the tables are far larger than the caches, so what the next keys need is fetched ahead. */
void
intern_many(Intern *in, const uint8_t *keys, size_t n, uint32_t *out)
{
	enum
	{
		FAR = 16,
		NEAR = 8
	};

	for (size_t i = 0; i < n + FAR; i++)
	{
		if (i < n)
			__builtin_prefetch(&in->slots[hash_key(keys + i * in->keylen, in->keylen) & in->mask]);
		if (i >= NEAR && i - NEAR < n)
		{
			uint32_t slot = in->slots[hash_key(keys + (i - NEAR) * in->keylen, in->keylen) & in->mask];

			if (slot)
				__builtin_prefetch(intern_key(in, slot - 1));
		}
		if (i >= FAR)
			out[i - FAR] = intern(in, keys + (i - FAR) * in->keylen, NULL);
	}
}
