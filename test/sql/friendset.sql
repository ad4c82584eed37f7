-- The type friendset: forms, hostile input, operators, aggregates, parts, rows.
\set VERBOSITY default
SET client_min_messages = warning; DROP EXTENSION IF EXISTS linecrm CASCADE; CREATE EXTENSION linecrm; RESET client_min_messages;
BEGIN;
SET LOCAL search_path = public, linecrm;
\set ON_ERROR_ROLLBACK on

-- text form: any order, blanks, overlaps in; ascending, ranges from three on out
SELECT given, given::friendset FROM (VALUES ('{}'), (' { } '), ('{1}'), ('{4294967295}'), ('{2,1}'), ('{3,1,2}'), ('{1-2}'), ('{1-3}'),
	(E'\t{ 9 , 5 - 7 ,6-8,\n5} '), ('{007}'), ('{65535-65536}'), ('{65534-65537}'), ('{1-4294967295}'), ('{100-200,1-500,150-160,499-501}'),
	('{1-200000,5-10,300000,150000-199999}')) AS v (given);

-- what is refused, and what the message says
SELECT ''::friendset;
SELECT '1-5'::friendset;
SELECT '{1,}'::friendset;
SELECT '{1 2}'::friendset;
SELECT '{1-5'::friendset;
SELECT '{1-5}x'::friendset;
SELECT '{1--5}'::friendset;
SELECT '{-1}'::friendset;
SELECT '{1.5}'::friendset;
SELECT '{0}'::friendset;
SELECT '{4294967296}'::friendset;
SELECT '{99999999999999999999999999999999999999999999}'::friendset;
SELECT '{9-3}'::friendset;
SELECT ('{' || repeat('1,', 100) || '会員}')::friendset;

-- binary form: Roaring's portable serialisation, in canonical form
SELECT '{}'::friendset::bytea AS none, '{1,2}'::friendset::bytea AS two, '{1-3}'::friendset::bytea AS three, '{1-100}'::friendset::bytea AS hundred;
SELECT length('{1-4294967295}'::friendset::bytea) AS all_ids, pg_column_size('{1-4294967295}'::friendset) AS stored;
-- runs that touch, a run that should be an array, an array that should be a run: the same set is the same bytes
SELECT '\x3b300000010000630002000100000002006200'::friendset, '\x3b300000010000630002000100000002006200'::friendset = '{1-100}' AS same;
SELECT '\x3b30000001000001000100010001 00'::friendset::bytea = '{1,2}'::friendset::bytea AS same;
SELECT '\x3a3000000100000000000300100000000100020003000400'::friendset::bytea = '{1-4}'::friendset::bytea AS same;
-- hostile bytes: empty, cut, claims of all the world, unsorted, twice the same key, behind the end, zero
SELECT '\x'::friendset;
SELECT '\x3a300000'::friendset;
SELECT '\x3a300000ffffff7f'::friendset;
SELECT '\x3a30000001000000'::friendset;
SELECT '\x3b30ffffffffffff'::friendset;
SELECT '\x3a3000000100000000000100100000000200'::friendset;
SELECT '\x3a300000010000000000010010000000020001 00'::friendset;
SELECT '\x3a3000000100000000000000110000000100'::friendset;
SELECT '\x3a300000020000000100000001000000180000001a00000001000200'::friendset;
SELECT '\x3a30000000000000ff'::friendset;
SELECT '\x3a30000001000000000000001000000000 00'::friendset;
SELECT '\x3b300000010000010002000500000003000000'::friendset;
SELECT '\xzz'::friendset;
SELECT decode(repeat('ff', 100000), 'hex')::friendset;
SELECT NULL::friendset IS NULL AS null_stays_null;

-- the same door for COPY
CREATE FUNCTION copy_binary(body bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	path text := current_setting('data_directory') || '/linecrm_copy_test.bin';
	large oid := lo_from_bytea(0, '\x5047434f50590aff0d0a000000000000000000'::bytea || '\x0001'::bytea || int4send(length(body)) || body || '\xffff'::bytea);
	result text;
BEGIN
	PERFORM lo_export(large, path), lo_unlink(large);
	CREATE TEMP TABLE received (value friendset);
	BEGIN
		EXECUTE format('COPY received FROM %L (FORMAT binary)', path);
		SELECT value::text FROM received INTO result;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS result = PG_EXCEPTION_DETAIL;
		result := SQLSTATE || ' ' || SQLERRM || ': ' || result;
	END;
	DROP TABLE received;
	RETURN result;
END $$;
SELECT copy_binary('{1-100000,777777}'::friendset::bytea);
SELECT copy_binary(substr('{1-100000,777777}'::friendset::bytea, 1, 20));
SELECT copy_binary('{5}'::friendset::bytea || '\x00');
SELECT copy_binary('');

-- set algebra
SELECT a | b AS either, a & b AS both, a - b AS left_only, b - a AS right_only, a && b AS overlap, a @> b AS includes, a <@ b AS included, a = b AS same, a <> b AS other
	FROM (VALUES ('{1-10,20}'::friendset, '{5-15,20}'::friendset), ('{}', '{1}'), ('{1}', '{}'), ('{}', '{}'), ('{1-5}', '{2-4}'), ('{2-4}', '{1-5}'),
		('{1-5}', '{6-9}'), ('{1-70000}', '{65536}'), ('{1,70000}', '{2,140000}'), ('{4294967295}', '{1-4294967295}')) AS v (a, b);
SELECT '{1}'::friendset | NULL IS NULL AND '{1}'::friendset & NULL IS NULL AND '{1}'::friendset - NULL IS NULL AND ('{1}'::friendset @> NULL::bigint) IS NULL AS null_is_unknown;

-- the three kinds of containers against each other, compared with plain SQL
CREATE TEMP TABLE kind (name text, ids int8[]);
INSERT INTO kind SELECT 'array', array_agg(i) FROM generate_series(100, 60000, 37) AS i;
INSERT INTO kind SELECT 'bitset', array_agg(i) FROM generate_series(1, 65000) AS i WHERE i % 3 <> 0;
INSERT INTO kind SELECT 'runs', array_agg(i) FROM generate_series(1, 65535) AS i WHERE i % 10000 < 7000;
INSERT INTO kind SELECT 'two', array_agg(i) FROM generate_series(60000, 70000) AS i;
INSERT INTO kind SELECT 'far', array_agg(i * 99991::int8) FROM generate_series(1, 40000) AS i;
SELECT name, cardinality(ids::friendset) = array_length(ids, 1) AS counted, ids::friendset::int8[] = ids AS round_trip,
	ids::friendset::text::friendset = ids::friendset AND ids::friendset::bytea::friendset = ids::friendset AS forms FROM kind ORDER BY name;
SELECT a.name, b.name,
	(a.ids::friendset | b.ids::friendset)::int8[] = ARRAY(SELECT unnest(a.ids) UNION SELECT unnest(b.ids) ORDER BY 1) AS either,
	(a.ids::friendset & b.ids::friendset)::int8[] = ARRAY(SELECT unnest(a.ids) INTERSECT SELECT unnest(b.ids) ORDER BY 1) AS both,
	(a.ids::friendset - b.ids::friendset)::int8[] = ARRAY(SELECT unnest(a.ids) EXCEPT SELECT unnest(b.ids) ORDER BY 1) AS left_only,
	(a.ids::friendset && b.ids::friendset) = (a.ids && b.ids) AS overlap,
	(a.ids::friendset @> (a.ids::friendset & b.ids::friendset)) AS includes, (a.ids::friendset @> b.ids::friendset) = (a.name = b.name) AS includes_itself_only
	FROM kind AS a, kind AS b ORDER BY 1, 2;
SELECT a.name, count(*) FILTER (WHERE a.ids::friendset @> i <> (i = ANY (a.ids))) AS wrong FROM kind AS a, generate_series(1::int8, 71000, 997) AS i GROUP BY 1 ORDER BY 1;

-- membership of what no friend can be
SELECT '{1-4294967295}'::friendset @> 0, '{1-4294967295}'::friendset @> 4294967295, '{1-4294967295}'::friendset @> 4294967296, -1 <@ '{1-4294967295}'::friendset, 5 <@ '{5}'::friendset;
-- size and ends
SELECT s, cardinality(s), first_friend(s), last_friend(s) FROM (VALUES ('{}'::friendset), ('{7}'), ('{3,9-70000}'), ('{1-4294967295}'), (NULL)) AS v (s);

-- grouping, joining and hashing
SELECT s, count(*) FROM (VALUES ('{1-100}'::friendset), ('{1-50,51-100}'), ('{1-99}'), ('{1-100}'::friendset - '{}'), (('{1-101}'::friendset - '{101}'))) AS v (s) GROUP BY s ORDER BY 2;
SELECT count(*) FROM (SELECT DISTINCT s FROM (VALUES ('{1,2}'::friendset), ('{1-3}'::friendset - '{3}')) AS v (s)) AS d;
SET LOCAL enable_nestloop = off;
SELECT count(*) FROM (SELECT friendset(ARRAY[i, i + 1]) AS s FROM generate_series(1::int8, 1000) AS i) AS a JOIN (SELECT friendset(ARRAY[i + 1, i]) AS s FROM generate_series(1::int8, 1000) AS i) AS b USING (s);
RESET enable_nestloop;

-- arrays
SELECT friendset(ARRAY[5, 3, 5, 4]::int8[]), '{}'::int8[]::friendset, friendset(ARRAY[[1, 2], [3, 4]]::int8[]), friendset(NULL) IS NULL AS unknown, '{}'::friendset::int8[];
SELECT friendset(ARRAY[1, NULL]::int8[]);
SELECT friendset(ARRAY[1, 0]::int8[]);
SELECT friendset(ARRAY[-9223372036854775808, 9223372036854775807]);
SELECT '{1-4294967295}'::friendset::int8[];

-- aggregates: no rows, NULL, out of range, any order, groups, windows
SELECT friendset_agg(i) AS no_rows FROM generate_series(1::int8, 0) AS i;
SELECT friendset_agg(i) AS with_null FROM (VALUES (3::int8), (NULL), (1), (3)) AS v (i);
SELECT friendset_agg(NULL::int8) AS only_null;
SELECT friendset_agg(i) FROM (VALUES (1::int8), (0)) AS v (i);
SELECT friendset_agg(i) FROM (VALUES (1::int8), (4294967296)) AS v (i);
SELECT friendset_agg(i) FILTER (WHERE i BETWEEN 1 AND 4294967295) FROM (VALUES (1::int8), (0), (4294967296), (-5)) AS v (i);
SELECT friendset_agg(1 + i * 7919 % 1000003) = '{1-1000003}' AS whole FROM generate_series(0::int8, 1000002) AS i;
SELECT i % 3 AS rest, friendset_agg(i) FROM generate_series(1::int8, 12) AS i GROUP BY 1 ORDER BY 1;
SELECT i, friendset_agg(i) OVER (ORDER BY i) FROM generate_series(1::int8, 4) AS i;
SELECT friendset_union_agg(s) AS no_rows, friendset_intersect_agg(s) AS none FROM (SELECT '{1}'::friendset AS s WHERE false) AS v;
SELECT friendset_union_agg(s), friendset_intersect_agg(s) FROM (VALUES ('{1-10}'::friendset), (NULL), ('{5-20}'), ('{7,9,30}')) AS v (s);
SELECT friendset_union_agg(friendset(ARRAY[i, i * 1000])) = friendset_agg(i) | friendset_agg(i * 1000) AS same FROM generate_series(1::int8, 5000) AS i;

-- in parallel
CREATE TABLE crowd AS SELECT 1 + (i * 7919::int8) % 200003 AS friend_id, friendset(ARRAY[i::int8]) AS members FROM generate_series(1, 60000) AS i;
ANALYZE crowd;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT friendset_agg(friend_id), friendset_union_agg(members), friendset_intersect_agg(members) FROM crowd;
SELECT cardinality(friendset_agg(friend_id)) AS friends, friendset_union_agg(members) AS members, friendset_intersect_agg(members) AS common FROM crowd;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT cardinality(friendset_agg(friend_id)) AS friends, friendset_union_agg(members) AS members, friendset_intersect_agg(members) AS common FROM crowd;

-- rows
SELECT * FROM friend_ids('{3,5-7,70000}');
SELECT count(*) FROM friend_ids('{}');
SELECT count(*), sum(i) FROM friend_ids('{1-200000}') AS i;
SELECT friend_ids('{1-4294967295}') AS first_two LIMIT 2;
SELECT s, friend_ids(s) FROM (VALUES ('{1,2}'::friendset), ('{}'), (NULL), ('{9}')) AS v (s);
EXPLAIN SELECT * FROM friend_ids('{1-123456}');
EXPLAIN SELECT * FROM chunks('{1-123456}', 500);
SELECT * FROM chunks('{1-10,70000}', 4);
SELECT * FROM chunks('{1-10}', 10);
SELECT * FROM chunks('{}', 10);
SELECT count(*), min(cardinality(c)), max(cardinality(c)), friendset_union_agg(c) = '{1-123456}' AS complete FROM chunks('{1-123456}', 500) AS c;
SELECT bool_and(first_friend > last_before) AS ascending FROM (SELECT first_friend(c), lag(last_friend(c)) OVER (ORDER BY first_friend(c)) AS last_before
	FROM kind, chunks(ids::friendset, 500) AS c WHERE name = 'far') AS v;
SELECT * FROM chunks('{1}', 0);
SELECT cardinality(c) FROM chunks('{1-4294967295}', 2147483647) AS c;
SELECT * FROM shards('{1-10,65535-65536,4294967295}');
SELECT * FROM shards('{}');

-- parts
SELECT slice('{1-10,70000-70002}', 1, 3), slice('{1-10,70000-70002}', 9, 3), slice('{1-10,70000-70002}', 11, 100), slice('{1-10}', 11, 5), slice('{1-10}', 1, 0), slice('{}', 1, 1),
	slice('{1-4294967295}', 4294967295, 9223372036854775807), slice('{1-4294967295}', 9223372036854775807, 1);
SELECT bool_and(slice(ids::friendset, place, 501)::int8[] = ids[place:place + 500]) AS like_arrays FROM kind, unnest(ARRAY[1, 2, 500, 600, 7000]) AS place;
SELECT slice('{1-10}', 0, 1);
SELECT slice('{1-10}', 1, -1);
SELECT n, at_least(n, ARRAY['{1-10}', '{5-20}', NULL, '{8-9,100000}', '{9}']::friendset[]) FROM generate_series(1, 5) AS n;
SELECT at_least(1, '{}'::friendset[]), at_least(1, ARRAY[NULL]::friendset[]), at_least(1, NULL) IS NULL AS unknown;
SELECT (SELECT at_least(2, array_agg(ids::friendset)) FROM kind) =
	(SELECT friendset_agg(id) FROM (SELECT id FROM kind, unnest(ids) AS id GROUP BY id HAVING count(*) >= 2) AS twice) AS like_counting;
SELECT at_least(0, ARRAY['{1}']::friendset[]);

-- sample and split: these very friends, in every version, on every machine
SELECT sample('{1-1000}', 5, 'summer'), sample('{1-1000}', 5, 'winter'), sample('{1-1000}', 0, 'summer'), sample('{1-5}', 9, 'summer'), sample('{}', 3, '');
SELECT split('{1-30}', 'summer', 1, 3), split('{1-30}', 'summer', 2, 3), split('{1-30}', 'summer', 3, 3), split('{1-30}', '夏', 1, 3), split('{1-30}', '', 1, 1);
SELECT n, cardinality(sample('{1-1000}', n, 's')) = n AS exact, sample('{1-1000}', n, 's') @> sample('{1-1000}', n - 1, 's') AS contains_the_smaller FROM unnest(ARRAY[1, 2, 499, 500, 501, 502, 999, 1000]) AS n;
SELECT sample('{1-1000}', 100, 'a') & '{1-500}' = sample('{1-500}', cardinality(sample('{1-1000}', 100, 'a') & '{1-500}'), 'a') AS stays_when_others_leave;
SELECT cardinality(friendset_union_agg(s)), sum(cardinality(s)), min(cardinality(s)) > 9700 AND max(cardinality(s)) < 10300 AS even FROM (SELECT split('{1-100000}', 'test', part, 10) AS s FROM generate_series(1, 10) AS part) AS parts;
SELECT split('{1-100}', 'test', 2, 7) = split('{1-100000}', 'test', 2, 7) & '{1-100}' AS stable;
SELECT sample('{1}', -1, 'x');
SELECT split('{1}', 'x', 0, 2);
SELECT split('{1}', 'x', 3, 2);
SELECT split('{1}', 'x', 1, 0);

-- stored: out of line, not compressed again, the same when read back
CREATE TABLE stored (members friendset);
INSERT INTO stored SELECT ids::friendset FROM kind;
SELECT attstorage FROM pg_attribute WHERE attrelid = 'stored'::regclass AND attname = 'members';
SELECT count(*) FROM stored JOIN kind ON members = ids::friendset;
SELECT count(*) FROM stored WHERE members @> 60000;
-- many friends asked of each stored set, one set after the other and in turns
SELECT bool_and(asked = wanted) AS like_arrays FROM (SELECT count(*) FILTER (WHERE members @> i) AS asked, count(*) FILTER (WHERE i = ANY (ids)) AS wanted
	FROM stored JOIN kind ON members = ids::friendset, generate_series(1::int8, 70001, 700) AS i GROUP BY name) AS sums;
SELECT string_agg((members @> i)::int::text, '' ORDER BY i, cardinality(members)) AS in_turns FROM stored, generate_series(59998::int8, 60002) AS i;
UPDATE stored SET members = members | '{3000000000}';
SELECT sum(cardinality(members)) - (SELECT sum(array_length(ids, 1)) FROM kind) AS added FROM stored;

-- the script says what is what
SELECT oprname, oprleft::regtype, oprright::regtype FROM pg_operator WHERE oprnamespace = 'linecrm'::regnamespace AND obj_description(oid, 'pg_operator') IS NULL;
SELECT proname, provolatile, proparallel, proisstrict FROM pg_proc WHERE pronamespace = 'linecrm'::regnamespace AND 'friendset'::regtype = ANY (proargtypes)
	AND prokind = 'f' AND probin IS NOT NULL AND prosrc <> 'linecrm_call_inner' AND (provolatile <> 'i' OR proparallel <> 's' OR NOT proisstrict);
ROLLBACK;
