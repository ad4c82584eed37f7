/*
 * run_friendset_format.c
 *		The check of foreign friendset bytes: what is refused and why, each cut, each changed byte; reading in place.
 *
 * Every call gets its bytes in a block of exactly their size, so that the sanitizer sees a read behind them.
 */
#include "check.h"
#include "friendset_host.h"
#include "line/friendset_format.h"

/* The answer about bytes given as hex, or "". */
static const char *
verdict(const char *hex)
{
	size_t size = strlen(hex) / 2;
	uint8_t *bytes = malloc(size == 0 ? 1 : size);
	const char *problem;

	for (size_t i = 0; i < size; i++)
	{
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			abort();
		bytes[i] = (uint8_t) byte;
	}
	problem = lc_friendset_check(bytes, size);
	free(bytes);
	return problem == NULL ? "" : problem;
}

static void
test_small_sets(void)
{
	/* {} */
	CHECK_TEXT(verdict("3a30000000000000"), "");
	/* {1} and {4294967295} */
	CHECK_TEXT(verdict("3a30000001000000"
	                   "00000000"
	                   "10000000"
	                   "0100"),
	           "");
	CHECK_TEXT(verdict("3a30000001000000"
	                   "ffff0000"
	                   "10000000"
	                   "ffff"),
	           "");
	/* {1-100} as a run, and as two runs that touch */
	CHECK_TEXT(verdict("3b300000"
	                   "01"
	                   "00006300"
	                   "0100"
	                   "01006300"),
	           "");
	CHECK_TEXT(verdict("3b300000"
	                   "01"
	                   "00006300"
	                   "0200"
	                   "01000000"
	                   "02006200"),
	           "");
	/* an array and a run; four containers, which have offsets */
	CHECK_TEXT(verdict("3b300100"
	                   "02"
	                   "00000000"
	                   "01000100"
	                   "0500"
	                   "0100"
	                   "00000100"),
	           "");
	CHECK_TEXT(verdict("3b300300"
	                   "01"
	                   "00000100"
	                   "01000000"
	                   "02000000"
	                   "03000000"
	                   "25000000"
	                   "2b000000"
	                   "2d000000"
	                   "2f000000"
	                   "0100"
	                   "01000100"
	                   "0900"
	                   "0900"
	                   "0900"),
	           "");
}

static void
test_broken_headers(void)
{
	CHECK_TEXT(verdict(""), "the header is cut off");
	CHECK_TEXT(verdict("3a300000000000"), "the header is cut off");
	CHECK_TEXT(verdict("3930000000000000"), "it does not start like a Roaring bitmap in the portable format");
	CHECK_TEXT(verdict("3a30010000000000"), "it does not start like a Roaring bitmap in the portable format");
	CHECK_TEXT(verdict("3a30000001000100"), "it claims more than 65536 containers");
	CHECK_TEXT(verdict("3a300000ffffffff"), "it claims more than 65536 containers");
	CHECK_TEXT(verdict("3a30000000000100"), "the header is cut off");
	CHECK_TEXT(verdict("3b30ffff00000000"), "the header is cut off");
	CHECK_TEXT(verdict("3a30000000000000"
	                   "00"),
	           "bytes follow the last container");
	CHECK_TEXT(verdict("3b300000"
	                   "03"
	                   "00006300"
	                   "0100"
	                   "01006300"),
	           "a run flag behind the last container is set");
}

static void
test_broken_offsets(void)
{
	/* offsets: too far, onto itself, with runs too */
	CHECK_TEXT(verdict("3a30000001000000"
	                   "00000000"
	                   "11000000"
	                   "0100"),
	           "an offset does not point at its container");
	CHECK_TEXT(verdict("3a30000001000000"
	                   "00000000"
	                   "00000000"
	                   "0100"),
	           "an offset does not point at its container");
	CHECK_TEXT(verdict("3b300300"
	                   "01"
	                   "00000100"
	                   "01000000"
	                   "02000000"
	                   "03000000"
	                   "25000000"
	                   "2b000000"
	                   "2d000000"
	                   "2d000000"
	                   "0100"
	                   "01000100"
	                   "0900"
	                   "0900"
	                   "0900"),
	           "an offset does not point at its container");
	/* keys: the same twice, descending */
	CHECK_TEXT(verdict("3a30000002000000"
	                   "01000000"
	                   "01000000"
	                   "18000000"
	                   "1a000000"
	                   "0100"
	                   "0200"),
	           "the containers' keys do not ascend");
	CHECK_TEXT(verdict("3a30000002000000"
	                   "02000000"
	                   "01000000"
	                   "18000000"
	                   "1a000000"
	                   "0100"
	                   "0200"),
	           "the containers' keys do not ascend");
}

static void
test_broken_containers(void)
{
	CHECK_TEXT(verdict("3a30000001000000"
	                   "00000000"
	                   "10000000"
	                   "0000"),
	           "0 is not a friend id");
	CHECK_TEXT(verdict("3b300000"
	                   "01"
	                   "00006300"
	                   "0100"
	                   "00006300"),
	           "0 is not a friend id");
	CHECK_TEXT(verdict("3a30000001000000"
	                   "01000000"
	                   "10000000"
	                   "0000"),
	           "");
	/* arrays: cut, unsorted, the same twice, more values than claimed */
	CHECK_TEXT(verdict("3a30000001000000"
	                   "00000100"
	                   "10000000"
	                   "0100"),
	           "a container is cut off");
	CHECK_TEXT(verdict("3a30000001000000"
	                   "00000100"
	                   "10000000"
	                   "0200"
	                   "0100"),
	           "the values of an array container do not ascend");
	CHECK_TEXT(verdict("3a30000001000000"
	                   "00000100"
	                   "10000000"
	                   "0200"
	                   "0200"),
	           "the values of an array container do not ascend");
	CHECK_TEXT(verdict("3a30000001000000"
	                   "00000000"
	                   "10000000"
	                   "0200"
	                   "0300"),
	           "bytes follow the last container");
}

static void
test_broken_runs(void)
{
	/* runs: none, no room for the count, cut, overlapping, descending, too long, false cardinality */
	CHECK_TEXT(verdict("3b300000"
	                   "01"
	                   "00000000"
	                   "0000"),
	           "a run container holds another number of ids than it claims");
	CHECK_TEXT(verdict("3b300000"
	                   "01"
	                   "00000000"
	                   "01"),
	           "a container is cut off");
	CHECK_TEXT(verdict("3b300000"
	                   "01"
	                   "00000000"
	                   "ffff"
	                   "01000000"),
	           "a container is cut off");
	CHECK_TEXT(verdict("3b300000"
	                   "01"
	                   "00000400"
	                   "0200"
	                   "01000200"
	                   "03000100"),
	           "the runs of a container do not ascend or overlap");
	CHECK_TEXT(verdict("3b300000"
	                   "01"
	                   "00000100"
	                   "0200"
	                   "05000000"
	                   "03000000"),
	           "the runs of a container do not ascend or overlap");
	CHECK_TEXT(verdict("3b300000"
	                   "01"
	                   "00000100"
	                   "0100"
	                   "ffff0100"),
	           "a run reaches beyond its container");
	CHECK_TEXT(verdict("3b300000"
	                   "01"
	                   "00006200"
	                   "0100"
	                   "01006300"),
	           "a run container holds another number of ids than it claims");
	/* a bitset is 8192 bytes, whatever is there */
	CHECK_TEXT(verdict("3a30000001000000"
	                   "0000ffff"
	                   "10000000"
	                   "ffff"),
	           "a container is cut off");
}

/* A set with a container of each kind: {3,5,9} {65536+...: 5000 odd ids} {131072-180000} {200000}. */
static uint8_t *
all_kinds(size_t *size)
{
	LcBuilder builder;

	lc_build_begin(&builder, &host);
	lc_build_range(&builder, 3, 3);
	lc_build_range(&builder, 5, 5);
	lc_build_range(&builder, 9, 9);
	for (uint32_t i = 0; i < 5000; i++)
		lc_build_range(&builder, 65537 + 2 * i, 65537 + 2 * i);
	lc_build_range(&builder, 131072, 180000);
	lc_build_range(&builder, 200000, 200000);
	return lc_build_take(&builder, 0, size);
}

/* Each prefix is refused; each changed bit is refused or gives another set. */
static void
test_cut_and_changed(void)
{
	size_t size;
	uint8_t *bytes = all_kinds(&size);
	int wrong = 0;

	CHECK(lc_friendset_check(bytes, size) == NULL);
	for (size_t cut = 0; cut < size; cut++)
	{
		uint8_t *part = malloc(cut == 0 ? 1 : cut);

		memcpy(part, bytes, cut);
		wrong += lc_friendset_check(part, cut) == NULL;
		free(part);
	}
	CHECK_INT(wrong, 0);
	for (size_t bit = 0; bit < 8 * size; bit++)
	{
		uint8_t *changed = malloc(size);

		memcpy(changed, bytes, size);
		changed[bit / 8] ^= (uint8_t) (1 << bit % 8);
		if (lc_friendset_check(changed, size) == NULL)
		{
			size_t again_size;
			uint8_t *again = canonical(changed, size, &again_size);

			wrong += again_size == size && memcmp(again, bytes, size) == 0;
			wrong += lc_friendset_check(again, again_size) != NULL;
			free(again);
		}
		free(changed);
	}
	CHECK_INT(wrong, 0);
	free(bytes);
}

static void
test_reading(void)
{
	size_t size;
	uint8_t *bytes = all_kinds(&size);
	LcFriendset set;
	LcContainer container;
	uint32_t first;
	uint32_t last;

	lc_friendset_open(&set, bytes, size);
	CHECK_INT(set.containers, 4);
	CHECK_INT(lc_friendset_cardinality(&set), 3 + 5000 + (180000 - 131072 + 1) + 1);
	lc_friendset_container(&set, 0, &container);
	CHECK_INT(container.kind, LC_CONTAINER_ARRAY);
	lc_friendset_container(&set, 1, &container);
	CHECK_INT(container.kind, LC_CONTAINER_BITSET);
	lc_friendset_container(&set, 2, &container);
	CHECK_INT(container.kind, LC_CONTAINER_RUNS);
	CHECK(lc_friendset_bounds(&set, &first, &last));
	CHECK_INT(first, 3);
	CHECK_INT(last, 200000);
	for (uint32_t id = 0; id < 300000; id++)
	{
		bool in = id == 3 || id == 5 || id == 9 || (id >= 65537 && id < 75537 && id % 2 == 1) ||
		          (id >= 131072 && id <= 180000) || id == 200000;

		if (lc_friendset_contains(&set, id) != in)
			CHECK_INT(id, -1);
	}
	CHECK(!lc_friendset_contains(&set, LC_FRIENDSET_MAX_ID));
	free(bytes);
}

/* The greatest set there is, and one of each 65,536 ids. */
static void
test_extremes(void)
{
	LcBuilder builder;
	LcFriendset set;
	uint8_t *bytes;
	size_t size;
	uint32_t first;
	uint32_t last;

	lc_build_begin(&builder, &host);
	lc_build_range(&builder, 1, LC_FRIENDSET_MAX_ID);
	bytes = lc_build_take(&builder, 0, &size);
	CHECK(lc_friendset_check(bytes, size) == NULL);
	lc_friendset_open(&set, bytes, size);
	CHECK_INT(lc_friendset_cardinality(&set), LC_FRIENDSET_MAX_ID);
	CHECK(lc_friendset_bounds(&set, &first, &last));
	CHECK_INT(first, 1);
	CHECK_INT(last, LC_FRIENDSET_MAX_ID);
	CHECK(lc_friendset_contains(&set, LC_FRIENDSET_MAX_ID));
	CHECK(!lc_friendset_contains(&set, 0));
	free(bytes);

	lc_build_begin(&builder, &host);
	for (uint32_t key = 0; key < LC_FRIENDSET_MAX_CONTAINERS; key++)
		lc_build_range(&builder, key << 16 | 7, key << 16 | 7);
	bytes = lc_build_take(&builder, 0, &size);
	CHECK_INT(size, 8 + 65536 * 10);
	CHECK(lc_friendset_check(bytes, size) == NULL);
	lc_friendset_open(&set, bytes, size);
	CHECK_INT(lc_friendset_cardinality(&set), 65536);
	free(bytes);
}

int
main(void)
{
	test_small_sets();
	test_broken_headers();
	test_broken_offsets();
	test_broken_containers();
	test_broken_runs();
	test_cut_and_changed();
	test_reading();
	test_extremes();
	return check_summary();
}
