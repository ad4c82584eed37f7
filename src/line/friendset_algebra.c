/*
 * friendset_algebra.c
 *		Set algebra on friendsets as they lie in the table: container by container, nothing is unpacked as a whole.
 *
 * Two containers of the same key meet in one of three ways: two arrays are merged; if one is a bitset, both become
 * 65,536 bits; else both are walked as ranges. A container that the other set lacks is copied as it is. The result goes
 * to friendset_build.c, which chooses the kind of each container anew.
 *
 * Why not libroaring: its operations need both sets unpacked into malloc'ed containers, one allocation each, and its
 * result packed again, which costs more than the operation; it has no memory hook, so that an error in the backend
 * leaks and a failed malloc crashes the server; and it does not promise one form for equal sets. It is the oracle
 * that the unit test and the fuzzer compare this file with.
 *
 * Plain C, no globals, runs in any process; throws what the host's functions throw (see friendset_build.h).
 */
#include "line/friendset_algebra.h"

#include <string.h>

#define CHANGES_SIZE ((0x10000 + 1) * sizeof(int32_t))

static void combine_containers(LcBuilder *builder, LcSetOperation operation, const LcContainer *left,
                               const LcContainer *right);
static void combine_arrays(LcBuilder *builder, LcSetOperation operation, const LcContainer *left,
                           const LcContainer *right);
static bool combine_by_lookup(LcBuilder *builder, LcSetOperation operation, const LcContainer *left,
                              const LcContainer *right);
static void combine_words(LcBuilder *builder, LcSetOperation operation, const LcContainer *left,
                          const LcContainer *right);
static void combine_spans(LcBuilder *builder, LcSetOperation operation, const LcContainer *left,
                          const LcContainer *right);
static void unite_spans(LcBuilder *builder, const LcContainer *left, const LcContainer *right);
static bool containers_overlap(const LcContainer *left, const LcContainer *right);
static bool container_includes(const LcContainer *container, const LcContainer *part);
static void count_container(LcBuilder *builder, int32_t *changes, uint32_t at_least, uint32_t key,
                            const LcFriendset *sets, uint32_t count);
static void add_counts(int32_t *changes, const LcContainer *container);

/* Merges the two orders of containers. */
void
lc_friendset_combine(LcBuilder *builder, LcSetOperation operation, const LcFriendset *left, const LcFriendset *right)
{
	uint32_t i = 0;
	uint32_t j = 0;

	while (i < left->containers && (j < right->containers || operation != LC_INTERSECTION))
	{
		uint32_t left_key = lc_read16(left->keys + 4 * (size_t) i);
		uint32_t right_key = j < right->containers ? lc_read16(right->keys + 4 * (size_t) j) : UINT32_MAX;
		LcContainer left_container;
		LcContainer right_container;

		if (left_key <= right_key)
			lc_friendset_container(left, i++, &left_container);
		if (right_key <= left_key)
			lc_friendset_container(right, j++, &right_container);
		if (left_key == right_key)
			combine_containers(builder, operation, &left_container, &right_container);
		else if (left_key < right_key && operation != LC_INTERSECTION)
			lc_build_copy(builder, &left_container);
		else if (left_key > right_key && operation == LC_UNION)
			lc_build_copy(builder, &right_container);
	}
	for (; operation == LC_UNION && j < right->containers; j++)
	{
		LcContainer container;

		lc_friendset_container(right, j, &container);
		lc_build_copy(builder, &container);
	}
}

static void
combine_containers(LcBuilder *builder, LcSetOperation operation, const LcContainer *left, const LcContainer *right)
{
	builder->host->breathe();
	if (left->kind == LC_CONTAINER_ARRAY && right->kind == LC_CONTAINER_ARRAY)
		combine_arrays(builder, operation, left, right);
	else if (combine_by_lookup(builder, operation, left, right))
		return;
	else if (left->kind == LC_CONTAINER_BITSET || right->kind == LC_CONTAINER_BITSET)
		combine_words(builder, operation, left, right);
	else
		combine_spans(builder, operation, left, right);
}

/* A merge of two ascending lists. */
static void
combine_arrays(LcBuilder *builder, LcSetOperation operation, const LcContainer *left, const LcContainer *right)
{
	uint16_t values[2 * LC_FRIENDSET_MAX_ARRAY];
	uint32_t used = 0;
	uint32_t i = 0;
	uint32_t j = 0;
	bool keep_left = operation != LC_INTERSECTION;
	bool keep_right = operation == LC_UNION;
	bool keep_both = operation != LC_DIFFERENCE;

	while (i < left->cardinality && j < right->cardinality)
	{
		uint32_t a = lc_read16(left->data + 2 * i);
		uint32_t b = lc_read16(right->data + 2 * j);

		/* branches on random values cost more than writing what is not kept */
		values[used] = (uint16_t) (a <= b ? a : b);
		used += a < b ? keep_left : (a > b ? keep_right : keep_both);
		i += a <= b;
		j += b <= a;
	}
	for (; keep_left && i < left->cardinality; i++)
		values[used++] = (uint16_t) lc_read16(left->data + 2 * i);
	for (; keep_right && j < right->cardinality; j++)
		values[used++] = (uint16_t) lc_read16(right->data + 2 * j);
	lc_build_array(builder, left->key, values, used);
}

/* An array against a bitset or runs: its values are looked up, the result is no longer than it. */
static bool
combine_by_lookup(LcBuilder *builder, LcSetOperation operation, const LcContainer *left, const LcContainer *right)
{
	uint16_t values[LC_FRIENDSET_MAX_ARRAY];
	const LcContainer *array = left;
	const LcContainer *other = right;
	uint32_t used = 0;

	if (operation == LC_INTERSECTION && right->kind == LC_CONTAINER_ARRAY)
	{
		array = right;
		other = left;
	}
	if (array->kind != LC_CONTAINER_ARRAY || operation == LC_UNION)
		return false;
	for (uint32_t i = 0; i < array->cardinality; i++)
	{
		uint16_t value = (uint16_t) lc_read16(array->data + 2 * i);

		values[used] = value;
		used += lc_container_contains(other, value) == (operation == LC_INTERSECTION);
	}
	lc_build_array(builder, array->key, values, used);
	return true;
}

static void
combine_words(LcBuilder *builder, LcSetOperation operation, const LcContainer *left, const LcContainer *right)
{
	uint64_t a[LC_FRIENDSET_WORDS];
	uint64_t b[LC_FRIENDSET_WORDS];

	lc_container_words(left, a);
	lc_container_words(right, b);
	switch (operation)
	{
		case LC_UNION:
			for (uint32_t i = 0; i < LC_FRIENDSET_WORDS; i++)
				a[i] |= b[i];
			break;
		case LC_INTERSECTION:
			for (uint32_t i = 0; i < LC_FRIENDSET_WORDS; i++)
				a[i] &= b[i];
			break;
		default:
			for (uint32_t i = 0; i < LC_FRIENDSET_WORDS; i++)
				a[i] &= ~b[i];
			break;
	}
	lc_build_words(builder, left->key, a);
}

/* Intersection and difference by ranges: each range of the left is cut by those of the right. */
static void
combine_spans(LcBuilder *builder, LcSetOperation operation, const LcContainer *left, const LcContainer *right)
{
	uint32_t base = (uint32_t) left->key << 16;
	LcSpans left_spans;
	LcSpans right_spans;
	uint32_t first;
	uint32_t last;
	uint32_t cut_first;
	uint32_t cut_last;
	bool cut;

	if (operation == LC_UNION)
	{
		unite_spans(builder, left, right);
		return;
	}
	lc_spans_begin(&left_spans, left);
	lc_spans_begin(&right_spans, right);
	cut = lc_spans_next(&right_spans, &cut_first, &cut_last);
	while (lc_spans_next(&left_spans, &first, &last))
	{
		while (cut && cut_last < first)
			cut = lc_spans_next(&right_spans, &cut_first, &cut_last);
		for (; cut && cut_first <= last; cut = lc_spans_next(&right_spans, &cut_first, &cut_last))
		{
			uint32_t shared = cut_first > first ? cut_first : first;

			if (operation == LC_INTERSECTION)
				lc_build_range(builder, base | shared, base | (cut_last < last ? cut_last : last));
			else if (shared > first)
				lc_build_range(builder, base | first, base | (shared - 1));
			first = cut_last + 1;
			if (cut_last >= last)
				break;
		}
		if (operation == LC_DIFFERENCE && first <= last)
			lc_build_range(builder, base | first, base | last);
	}
}

/* The builder joins ranges that overlap: it is enough to bring them in the order of their starts. */
static void
unite_spans(LcBuilder *builder, const LcContainer *left, const LcContainer *right)
{
	uint32_t base = (uint32_t) left->key << 16;
	LcSpans spans[2];
	uint32_t first[2];
	uint32_t last[2];
	bool more[2];

	lc_spans_begin(&spans[0], left);
	lc_spans_begin(&spans[1], right);
	for (int i = 0; i < 2; i++)
		more[i] = lc_spans_next(&spans[i], &first[i], &last[i]);
	while (more[0] || more[1])
	{
		int i = more[0] && (!more[1] || first[0] <= first[1]) ? 0 : 1;

		lc_build_range(builder, base | first[i], base | last[i]);
		more[i] = lc_spans_next(&spans[i], &first[i], &last[i]);
	}
}

/* Is there an id in both? Stops at the first. */
bool
lc_friendset_overlap(const LcFriendset *left, const LcFriendset *right)
{
	uint32_t i = 0;
	uint32_t j = 0;

	while (i < left->containers && j < right->containers)
	{
		LcContainer left_container;
		LcContainer right_container;

		lc_friendset_container(left, i, &left_container);
		lc_friendset_container(right, j, &right_container);
		if (left_container.key == right_container.key && containers_overlap(&left_container, &right_container))
			return true;
		i += left_container.key <= right_container.key;
		j += right_container.key <= left_container.key;
	}
	return false;
}

static bool
containers_overlap(const LcContainer *left, const LcContainer *right)
{
	LcSpans spans;
	LcSpans other;
	uint32_t first;
	uint32_t last;
	uint32_t other_first;
	uint32_t other_last;

	if (left->kind == LC_CONTAINER_BITSET && right->kind == LC_CONTAINER_BITSET)
	{
		for (uint32_t i = 0; i < LC_FRIENDSET_WORDS; i++)
			if ((lc_read64(left->data + 8 * i) & lc_read64(right->data + 8 * i)) != 0)
				return true;
		return false;
	}
	lc_spans_begin(&spans, left);
	lc_spans_begin(&other, right);
	if (!lc_spans_next(&spans, &first, &last) || !lc_spans_next(&other, &other_first, &other_last))
		return false;
	while (last < other_first || other_last < first)
		if (last < other_first ? !lc_spans_next(&spans, &first, &last)
		                       : !lc_spans_next(&other, &other_first, &other_last))
			return false;
	return true;
}

/* Is every id of the part in the set? */
bool
lc_friendset_includes(const LcFriendset *set, const LcFriendset *part)
{
	uint32_t at = 0;

	if (part->containers > set->containers)
		return false;
	for (uint32_t i = 0; i < part->containers; i++, at++)
	{
		LcContainer container;
		LcContainer part_container;

		lc_friendset_container(part, i, &part_container);
		while (at < set->containers && lc_read16(set->keys + 4 * (size_t) at) < part_container.key)
			at++;
		if (at == set->containers)
			return false;
		lc_friendset_container(set, at, &container);
		if (container.key != part_container.key || !container_includes(&container, &part_container))
			return false;
	}
	return true;
}

static bool
container_includes(const LcContainer *container, const LcContainer *part)
{
	LcSpans spans;
	LcSpans part_spans;
	uint32_t first = 0;
	uint32_t last = 0;
	uint32_t part_first;
	uint32_t part_last;
	bool more;

	if (part->cardinality > container->cardinality)
		return false;
	if (container->kind == LC_CONTAINER_BITSET && part->kind == LC_CONTAINER_BITSET)
	{
		for (uint32_t i = 0; i < LC_FRIENDSET_WORDS; i++)
			if ((lc_read64(part->data + 8 * i) & ~lc_read64(container->data + 8 * i)) != 0)
				return false;
		return true;
	}
	lc_spans_begin(&spans, container);
	lc_spans_begin(&part_spans, part);
	more = lc_spans_next(&spans, &first, &last);
	while (lc_spans_next(&part_spans, &part_first, &part_last))
	{
		while (more && last < part_first)
			more = lc_spans_next(&spans, &first, &last);
		if (!more || first > part_first || last < part_last)
			return false;
	}
	return true;
}

/* Key by key; a key that fewer sets have than asked for is passed over. */
void
lc_friendset_at_least(LcBuilder *builder, uint32_t at_least, const LcFriendset *sets, uint32_t count)
{
	int32_t *changes = builder->host->grow(NULL, CHANGES_SIZE);
	uint32_t key = 0;

	while (key < LC_FRIENDSET_MAX_CONTAINERS)
	{
		uint32_t next = LC_FRIENDSET_MAX_CONTAINERS;
		uint32_t have = 0;

		for (uint32_t i = 0; i < count; i++)
		{
			uint32_t at = lc_friendset_find(&sets[i], key);
			uint32_t found = at < sets[i].containers ? lc_read16(sets[i].keys + 4 * (size_t) at) : next;

			have = found < next ? 1 : have + (found == next && at < sets[i].containers);
			next = found < next ? found : next;
		}
		if (have >= at_least)
			count_container(builder, changes, at_least, next, sets, count);
		key = next + 1;
	}
	builder->host->release(changes);
}

/* How the count changes at each id, summed up. */
static void
count_container(LcBuilder *builder, int32_t *changes, uint32_t at_least, uint32_t key, const LcFriendset *sets,
                uint32_t count)
{
	uint64_t words[LC_FRIENDSET_WORDS];
	int64_t sum = 0;

	builder->host->breathe();
	memset(changes, 0, CHANGES_SIZE);
	memset(words, 0, sizeof(words));
	for (uint32_t i = 0; i < count; i++)
	{
		LcContainer container;
		uint32_t at = lc_friendset_find(&sets[i], key);

		if (at == sets[i].containers)
			continue;
		lc_friendset_container(&sets[i], at, &container);
		if (container.key == key)
			add_counts(changes, &container);
	}
	for (uint32_t value = 0; value < 0x10000; value++)
	{
		sum += changes[value];
		words[value >> 6] |= (uint64_t) (sum >= (int64_t) at_least) << (value & 63);
	}
	lc_build_words(builder, (uint16_t) key, words);
}

static void
add_counts(int32_t *changes, const LcContainer *container)
{
	LcSpans spans;
	uint32_t first;
	uint32_t last;

	lc_spans_begin(&spans, container);
	while (lc_spans_next(&spans, &first, &last))
	{
		changes[first]++;
		changes[last + 1]--;
	}
}
