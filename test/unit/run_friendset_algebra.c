/*
 * run_friendset_algebra.c
 *		Friendset algebra compared with libroaring, the independent implementation, on sets of all shapes.
 *
 * Each pair of sets is built in both; union, intersection, difference, comparison, collection and thresholds must agree
 * with it, every result must pass the check of foreign bytes and be in the one canonical form, and the bytes that
 * libroaring writes must be read as the same set.
 */
#include <roaring/roaring.h>

#include "check.h"
#include "friendset_host.h"
#include "line/friendset_algebra.h"
#include "line/friendset_collect.h"

#define KEYS 5
#define ROUNDS 100
#define SETS 6

typedef struct Pair
{
	roaring_bitmap_t *oracle;
	uint8_t *bytes;
	size_t size;
	LcFriendset set;
} Pair;

static uint64_t random_state = 42;

static uint32_t
random_below(uint32_t limit)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t) ((random_state >> 33) % limit);
}

/* Sparse, dense, striped, full or a few ranges. */
static void
fill_container(roaring_bitmap_t *oracle, uint32_t base)
{
	uint32_t count = 0;

	switch (random_below(7))
	{
		case 0:
			count = random_below(20);
			break;
		case 1:
			count = 3000 + random_below(3000);
			break;
		case 2:
			count = 20000 + random_below(30000);
			break;
		case 3:
			roaring_bitmap_add_range_closed(oracle, base, base + 65535);
			break;
		case 4:
			for (uint32_t i = random_below(30); i > 0; i--)
			{
				uint32_t first = random_below(65536);
				uint32_t last = first + random_below(i % 2 == 0 ? 4 : 9000);

				roaring_bitmap_add_range_closed(oracle, base + first, base + (last > 65535 ? 65535 : last));
			}
			break;
		case 5:
			for (uint32_t i = random_below(3); i < 65536; i += 2 + random_below(2) * 9)
				roaring_bitmap_add(oracle, base + i);
			break;
		default:
			break;
	}
	for (; count > 0; count--)
		roaring_bitmap_add(oracle, base + random_below(65536));
}

/* The oracle's set in canonical bytes; also by way of both kinds of bytes that it writes. */
static void
read_oracle(Pair *pair)
{
	size_t size;
	uint8_t *raw;

	roaring_bitmap_remove(pair->oracle, 0);
	for (int optimized = 0; optimized < 2; optimized++)
	{
		if (optimized == 1)
			roaring_bitmap_run_optimize(pair->oracle);
		size = roaring_bitmap_portable_size_in_bytes(pair->oracle);
		raw = malloc(size);
		CHECK_INT(roaring_bitmap_portable_serialize(pair->oracle, (char *) raw), size);
		CHECK(lc_friendset_check(raw, size) == NULL);
		if (optimized == 0)
			pair->bytes = canonical(raw, size, &pair->size);
		else
		{
			uint8_t *again = canonical(raw, size, &size);

			CHECK(size == pair->size && memcmp(again, pair->bytes, size) == 0);
			free(again);
		}
		free(raw);
	}
	CHECK(lc_friendset_check(pair->bytes, pair->size) == NULL);
	lc_friendset_open(&pair->set, pair->bytes, pair->size);
	CHECK_INT(lc_friendset_cardinality(&pair->set), roaring_bitmap_get_cardinality(pair->oracle));
}

static void
make_pair(Pair *pair)
{
	static const uint32_t keys[KEYS] = {0, 1, 2, 700, 65535};

	pair->oracle = roaring_bitmap_create();
	for (int i = 0; i < KEYS; i++)
		fill_container(pair->oracle, keys[i] << 16);
	read_oracle(pair);
}

static void
drop_pair(Pair *pair)
{
	roaring_bitmap_free(pair->oracle);
	free(pair->bytes);
}

/* Takes the builder's result and the oracle's; they must be the same set. */
static void
check_result(LcBuilder *builder, roaring_bitmap_t *oracle, const char *what)
{
	Pair wanted = {.oracle = oracle};
	size_t size;
	uint8_t *bytes = lc_build_take(builder, 0, &size);

	read_oracle(&wanted);
	CHECK_ROW(lc_friendset_check(bytes, size) == NULL, what);
	CHECK_ROW(size == wanted.size && memcmp(bytes, wanted.bytes, size) == 0, what);
	free(bytes);
	drop_pair(&wanted);
}

static void
test_pairs(void)
{
	for (int round = 0; round < ROUNDS; round++)
	{
		Pair a;
		Pair b;
		LcBuilder builder;

		make_pair(&a);
		make_pair(&b);
		lc_build_begin(&builder, &host);
		lc_friendset_combine(&builder, LC_UNION, &a.set, &b.set);
		check_result(&builder, roaring_bitmap_or(a.oracle, b.oracle), "union");
		lc_build_begin(&builder, &host);
		lc_friendset_combine(&builder, LC_INTERSECTION, &a.set, &b.set);
		check_result(&builder, roaring_bitmap_and(a.oracle, b.oracle), "intersection");
		lc_build_begin(&builder, &host);
		lc_friendset_combine(&builder, LC_DIFFERENCE, &a.set, &b.set);
		check_result(&builder, roaring_bitmap_andnot(a.oracle, b.oracle), "difference");
		CHECK_INT(lc_friendset_overlap(&a.set, &b.set), roaring_bitmap_intersect(a.oracle, b.oracle));
		CHECK_INT(lc_friendset_includes(&a.set, &b.set), roaring_bitmap_is_subset(b.oracle, a.oracle));
		for (int i = 0; i < 200; i++)
		{
			uint32_t id = random_below(3) << 16 | random_below(65536);

			if (lc_friendset_contains(&a.set, id) != roaring_bitmap_contains(a.oracle, id))
				CHECK_INT(id, -1);
		}
		drop_pair(&a);
		drop_pair(&b);
	}
}

/* A subset that lacks nothing, and one id too many. */
static void
test_includes(void)
{
	for (int round = 0; round < ROUNDS; round++)
	{
		Pair a;
		Pair part;
		uint32_t id = 1 + random_below(180000);

		make_pair(&a);
		part.oracle = roaring_bitmap_copy(a.oracle);
		for (int i = 0; i < 50; i++)
		{
			uint32_t first = random_below(200000);

			roaring_bitmap_remove_range_closed(part.oracle, first, first + random_below(3000));
		}
		if (round % 2 == 1)
			roaring_bitmap_add(part.oracle, id);
		read_oracle(&part);
		CHECK_INT(lc_friendset_includes(&a.set, &part.set), roaring_bitmap_is_subset(part.oracle, a.oracle));
		CHECK(lc_friendset_includes(&a.set, &a.set));
		drop_pair(&a);
		drop_pair(&part);
	}
}

/* How often each id occurs, counted one by one. */
static void
test_at_least(void)
{
	for (int round = 0; round < 15; round++)
	{
		Pair pairs[SETS];
		LcFriendset sets[SETS];
		LcBuilder builder;
		roaring_bitmap_t *all = roaring_bitmap_create();
		uint32_t at_least = 1 + random_below(SETS + 1);
		roaring_bitmap_t *wanted = roaring_bitmap_create();
		roaring_uint32_iterator_t *each;

		for (int i = 0; i < SETS; i++)
		{
			make_pair(&pairs[i]);
			sets[i] = pairs[i].set;
			roaring_bitmap_or_inplace(all, pairs[i].oracle);
		}
		for (each = roaring_create_iterator(all); each->has_value; roaring_advance_uint32_iterator(each))
		{
			uint32_t in = 0;

			for (int i = 0; i < SETS; i++)
				in += roaring_bitmap_contains(pairs[i].oracle, each->current_value);
			if (in >= at_least)
				roaring_bitmap_add(wanted, each->current_value);
		}
		roaring_free_uint32_iterator(each);
		lc_build_begin(&builder, &host);
		lc_friendset_at_least(&builder, at_least, sets, SETS);
		check_result(&builder, wanted, "at least");
		roaring_bitmap_free(all);
		for (int i = 0; i < SETS; i++)
			drop_pair(&pairs[i]);
	}
}

/* Ids in any order, more than the buffer holds, and sets between them. */
static void
test_collector(uint32_t ids, uint32_t range, uint32_t sets)
{
	LcCollector collector;
	roaring_bitmap_t *oracle = roaring_bitmap_create();
	Pair wanted = {.oracle = oracle};
	const LcCollectedSet *result;

	lc_collect_begin(&collector, &host);
	for (uint32_t i = 0; i < ids; i++)
	{
		uint32_t id = 1 + random_below(range);

		roaring_bitmap_add(oracle, id);
		lc_collect_id(&collector, id);
	}
	for (uint32_t i = 0; i < sets; i++)
	{
		Pair pair;

		make_pair(&pair);
		lc_collect_set(&collector, &pair.set);
		roaring_bitmap_or_inplace(oracle, pair.oracle);
		if (i % 7 == 0)
			lc_collect_result(&collector);
		drop_pair(&pair);
	}
	read_oracle(&wanted);
	for (int again = 0; again < 2; again++)
	{
		result = lc_collect_result(&collector);
		CHECK(lc_friendset_check(result->bytes, result->size) == NULL);
		CHECK(result->size == wanted.size && memcmp(result->bytes, wanted.bytes, result->size) == 0);
	}
	lc_collect_free(&collector);
	drop_pair(&wanted);
}

int
main(void)
{
	test_pairs();
	test_includes();
	test_at_least();
	test_collector(0, 1, 0);
	test_collector(20, 100, 0);
	test_collector(1000, 100000, 0);
	test_collector(700000, 3000000, 0);
	test_collector(300000, UINT32_C(4000000000) / 2, 3);
	test_collector(0, 1, 60);
	return check_summary();
}
