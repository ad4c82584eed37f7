-- The type line_user_id: forms, order, indexes, row-level security.
\set VERBOSITY default
SET client_min_messages = warning; DROP EXTENSION IF EXISTS linecrm CASCADE; CREATE EXTENSION linecrm; RESET client_min_messages;
BEGIN;
SET LOCAL search_path = public, linecrm;

-- text and binary form
SELECT 'U0123456789abcdef0123456789abcdef'::line_user_id AS user_id,
	'U0123456789abcdef0123456789abcdef'::line_user_id::uuid AS uuid,
	'01234567-89ab-cdef-0123-456789abcdef'::uuid::line_user_id AS from_uuid,
	line_user_id_bytes AS bytes, pg_column_size('U0123456789abcdef0123456789abcdef'::line_user_id) AS size
	FROM linecrm_internal._line_user_id_send('U0123456789abcdef0123456789abcdef') AS line_user_id_bytes;
SELECT 'U00000000000000000000000000000000'::line_user_id, 'Uffffffffffffffffffffffffffffffff'::line_user_id;
SELECT NULL::line_user_id IS NULL AS null_stays_null;

-- malformed text: each error says what it is
\set VERBOSITY terse
\set ON_ERROR_ROLLBACK on
SELECT ''::line_user_id;
SELECT 'U'::line_user_id;
\set VERBOSITY default
SELECT 'U0123456789abcdef0123456789abcde'::line_user_id;
SELECT 'U0123456789abcdef0123456789abcdef0'::line_user_id;
SELECT 'U0123456789abcdef0123456789abcdeg'::line_user_id;
SELECT 'U0123456789ABCDEF0123456789ABCDEF'::line_user_id;
SELECT 'u0123456789abcdef0123456789abcdef'::line_user_id;
SELECT 'C0123456789abcdef0123456789abcdef'::line_user_id;
SELECT 'R0123456789abcdef0123456789abcdef'::line_user_id;
SELECT ' U0123456789abcdef0123456789abcdef'::line_user_id;
SELECT repeat('会員', 1000)::line_user_id;
\set VERBOSITY terse
SELECT '01234567-89ab-cdef-0123-456789abcdef'::line_user_id;

-- text that may be anything
SELECT given, try_line_user_id(given) FROM (VALUES ('U0123456789abcdef0123456789abcdef'), ('U0123456789abcdef0123456789abcde'),
	('C0123456789abcdef0123456789abcdef'), ('U0123456789ABCDEF0123456789abcdef'), (''), ('U'), ('会員'), (NULL)) AS v (given);
SELECT try_line_user_id(repeat('U', 10000000)) IS NULL AS long_text_is_no_id;

-- casts to and from text on assignment; to uuid only when asked for
CREATE TABLE letter (id line_user_id, note text);
INSERT INTO letter SELECT 'Uaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'::text, 'Ubbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'::line_user_id;
SELECT * FROM letter;
INSERT INTO letter SELECT 'nobody'::text;
INSERT INTO letter SELECT gen_random_uuid();
SELECT * FROM letter WHERE id = 'Uaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'::text;

-- binary input through COPY: right, a byte short, a byte long, empty
\set VERBOSITY default
CREATE FUNCTION copy_binary(type_name text, body bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	path text := current_setting('data_directory') || '/linecrm_copy_test.bin';
	result text;
BEGIN
	EXECUTE format('CREATE TEMP TABLE received (value %s)', type_name);
	PERFORM lo_import_bytes(path, '\x5047434f50590aff0d0a000000000000000000'::bytea || '\x0001'::bytea || int4send(length(body)) || body || '\xffff'::bytea);
	BEGIN
		EXECUTE format('COPY received FROM %L (FORMAT binary)', path);
		EXECUTE 'SELECT value::text FROM received' INTO result;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS result = PG_EXCEPTION_DETAIL;
		result := SQLSTATE || ' ' || SQLERRM || ': ' || result;
	END;
	DROP TABLE received;
	RETURN result;
END $$;
CREATE FUNCTION lo_import_bytes(path text, body bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	large oid := lo_from_bytea(0, body);
BEGIN
	PERFORM lo_export(large, path);
	PERFORM lo_unlink(large);
END $$;
SELECT copy_binary('line_user_id', '\x0123456789abcdef0123456789abcdef');
SELECT copy_binary('line_user_id', '\x0123456789abcdef0123456789abcd');
SELECT copy_binary('line_user_id', '\x0123456789abcdef0123456789abcdef00');
SELECT copy_binary('line_user_id', '');

-- order, min and max, sorting, hashing, arrays
CREATE TABLE person (user_id line_user_id PRIMARY KEY, n integer);
INSERT INTO person SELECT ('U' || md5(i::text))::line_user_id, i FROM generate_series(1, 20000) AS i;
ANALYZE person;
SELECT min(user_id), max(user_id), count(DISTINCT user_id) FROM person;
SELECT min(user_id) IS NULL AS no_rows FROM person WHERE n < 0;
SELECT bool_and(text_order = id_order) AS order_is_that_of_the_text FROM (SELECT row_number() OVER (ORDER BY user_id) AS id_order,
	row_number() OVER (ORDER BY user_id::text COLLATE "C") AS text_order FROM person) AS both_orders;
SELECT a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt
	FROM (VALUES ('U0000000000000000000000000000000a'::line_user_id, 'U0000000000000000000000000000000b'::line_user_id),
		('U0000000000000000000000000000000b', 'U0000000000000000000000000000000b'),
		('Uf0000000000000000000000000000000', 'U0fffffffffffffffffffffffffffffff')) AS v (a, b);
SELECT array_agg(user_id ORDER BY user_id) @> ARRAY[('U' || md5('1'))::line_user_id] AS array_works FROM person WHERE n < 10;
SELECT n FROM person WHERE user_id = ANY (ARRAY[('U' || md5('7'))::line_user_id, ('U' || md5('8'))::line_user_id]) ORDER BY n;

-- the planner may hash, merge and use the index; also min() through the index
SET LOCAL enable_nestloop = off;
SET LOCAL enable_mergejoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM person AS a JOIN person AS b USING (user_id);
SELECT count(*) FROM person AS a JOIN person AS b USING (user_id);
SET LOCAL enable_mergejoin = on;
SET LOCAL enable_hashjoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM person AS a JOIN person AS b USING (user_id);
SELECT count(*) FROM person AS a JOIN person AS b USING (user_id);
EXPLAIN (COSTS OFF) SELECT min(user_id) FROM person;
CREATE INDEX person_hash ON person USING hash (user_id);
SELECT n FROM person WHERE user_id = ('U' || md5('4711'))::line_user_id;

-- under row-level security an index is used only with leakproof operators
DROP INDEX person_hash;
CREATE ROLE regress_linecrm_clerk;
GRANT USAGE ON SCHEMA linecrm TO regress_linecrm_clerk;
GRANT EXECUTE ON FUNCTION linecrm_internal._line_user_id_eq(line_user_id, line_user_id), linecrm_internal._line_user_id_in(cstring) TO regress_linecrm_clerk;
GRANT SELECT ON person TO regress_linecrm_clerk;
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON person USING (n % 2 = 0 AND n > pg_backend_pid() * 0);
SET LOCAL ROLE regress_linecrm_clerk;
EXPLAIN (COSTS OFF) SELECT n FROM person WHERE user_id = 'Uc4ca4238a0b923820dcc509a6f75849b';
SELECT count(*) FROM person WHERE user_id IN (('U' || md5('7'))::line_user_id, ('U' || md5('8'))::line_user_id);
RESET ROLE;

-- the operators that row-level security must not distrust
SELECT proname FROM pg_proc WHERE pronamespace = 'linecrm_internal'::regnamespace AND proname ~ '^_line_user_id_(eq|ne|lt|le|gt|ge|cmp|hash|hash_extended)$'
	AND NOT proleakproof;
ROLLBACK;
