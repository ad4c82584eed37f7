\set VERBOSITY default
\set SHOW_CONTEXT always
SET client_min_messages = warning; DROP EXTENSION IF EXISTS linecrm CASCADE; CREATE EXTENSION linecrm; RESET client_min_messages;
-- What users' SQL can do through the gate, and everything it cannot.
-- try() runs a query as regress_author and says what came of it; the state of the world is compared after each attack.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS author_stuff CASCADE; DROP SCHEMA IF EXISTS other_stuff CASCADE; DROP SCHEMA IF EXISTS world CASCADE;
DROP ROLE IF EXISTS regress_author; DROP ROLE IF EXISTS regress_other;
RESET client_min_messages;
CREATE ROLE regress_author;
CREATE ROLE regress_other;
CREATE SCHEMA author_stuff AUTHORIZATION regress_author;
CREATE SCHEMA other_stuff AUTHORIZATION regress_other;
CREATE SCHEMA world;
CREATE SEQUENCE world.seq;
CREATE TABLE world.things (id bigint, note text);
INSERT INTO world.things VALUES (1, 'one'), (2, 'two'), (3, NULL);
CREATE TABLE world.secret (id bigint);
GRANT USAGE ON SCHEMA world TO regress_author;
GRANT ALL ON world.things TO regress_author;
GRANT ALL ON SEQUENCE world.seq TO regress_author;
GRANT CREATE ON SCHEMA world TO regress_author;

CREATE FUNCTION world.state() RETURNS text LANGUAGE sql AS $$
	SELECT format('things %s seq %s locks %s user %s path %s read_only %s role %s lo %s app %s zone %s gate %s',
		(SELECT string_agg(id || coalesce(note, '-'), ',' ORDER BY id) FROM world.things), (SELECT last_value || is_called::text FROM world.seq),
		(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), current_user,
		current_setting('search_path'), current_setting('transaction_read_only'), current_setting('role'),
		(SELECT count(*) FROM pg_largeobject_metadata), current_setting('application_name'), current_setting('TimeZone'),
		current_setting('linecrm.gate')) $$;
CREATE TABLE world.before (state text);
GRANT SELECT ON world.before TO PUBLIC;

CREATE FUNCTION world.try(query text, author name DEFAULT 'regress_author', path text DEFAULT 'author_stuff, world, public',
	timeout_ms int DEFAULT 5000, cost float8 DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record; answer text; detail text; hint text; changed text := '';
BEGIN
	BEGIN
		SELECT * INTO r FROM linecrm_internal._run_query(author, path, query, timeout_ms, cost, 'the query');
		answer := format('%s of %s rows, %s nulls, %s invalid', r.members, r.rows, r.nulls, r.invalid);
	EXCEPTION WHEN OTHERS OR query_canceled THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
		answer := format('%s %s%s%s', SQLSTATE, SQLERRM, E'\n  DETAIL ' || nullif(detail, ''), E'\n  HINT ' || nullif(hint, ''));
	END;
	IF world.state() <> (SELECT state FROM world.before) THEN changed := E'\n!! CHANGED: ' || world.state(); END IF;
	RETURN answer || changed;
END $$;
INSERT INTO world.before SELECT world.state();
\pset format unaligned
\pset tuples_only on

-- 1. What it is for
SELECT world.try('SELECT id AS friend_id FROM things');
SELECT world.try('SELECT id FROM things WHERE note IS NOT NULL;');
SELECT world.try('VALUES (5), (6), (NULL), (0), (4294967296), (4294967295), (-1)');
SELECT world.try('SELECT 1 AS a, 2::smallint AS friend_id, 3 AS b UNION ALL SELECT 3, 4, 5');
SELECT world.try('WITH RECURSIVE n (friend_id) AS (SELECT 1 UNION ALL SELECT friend_id + 1 FROM n WHERE friend_id < 70000) SELECT friend_id FROM n WHERE friend_id > 69990');
SELECT world.try($$SELECT '{3,1-2}'::linecrm.friendset$$);
SELECT world.try('SELECT id FROM things WHERE false');
SELECT world.try('SELECT 7 WHERE random() >= 0 AND clock_timestamp() IS NOT NULL');
SELECT * FROM linecrm_internal._run_rows('regress_author', 'world', 'SELECT id AS friend_id, note, id * 1.5 AS n, ARRAY[id] AS a FROM things UNION ALL SELECT NULL, ''x'', 1, NULL UNION ALL SELECT 0, NULL, NULL, NULL ORDER BY 1', NULL, NULL);
SELECT * FROM linecrm_internal._run_rows('regress_author', 'world', 'SELECT id FROM things', NULL, NULL);
SELECT linecrm_internal._check_query('regress_author', 'world', 'SELECT note, id AS friend_id, 1 AS "N x" FROM things', NULL, NULL);

-- 2. Not one SELECT that yields friend_id
SELECT world.try('');
SELECT world.try('SELECT 1; SELECT 2');
SELECT world.try('SELEC 1');
SELECT world.try('SELECT friend_id FROM nowhere');
SELECT world.try('SELECT id, note FROM things');
SELECT world.try('SELECT note AS friend_id FROM things');
SELECT world.try('SELECT id AS friend_id, id AS friend_id FROM things');
SELECT * FROM linecrm_internal._run_rows('regress_author', 'world', 'SELECT 1 AS friend_id, 2 AS a, 3 AS a', NULL, NULL);
SELECT world.try('SELECT $1');
SELECT world.try('EXPLAIN SELECT 1');
SELECT world.try('SELECT 1', 'regress_gone');
SELECT world.try('SELECT id FROM secret');
SELECT world.try('SELECT id FROM world.secret', 'regress_other');

-- 3. Writing
SELECT world.try('INSERT INTO things VALUES (9) RETURNING id');
SELECT world.try('UPDATE things SET note = 1');
SELECT world.try('DELETE FROM things');
SELECT world.try('TRUNCATE things');
SELECT world.try('CREATE TABLE t AS SELECT 1');
SELECT world.try('SELECT 1 AS friend_id INTO t');
SELECT world.try('SELECT 1 AS friend_id INTO t UNION SELECT 2');
SELECT world.try('WITH x AS (INSERT INTO things VALUES (9) RETURNING id) SELECT id FROM x');
SELECT world.try('WITH x AS (DELETE FROM things RETURNING id) SELECT 1 WHERE EXISTS (SELECT FROM x)');
SELECT world.try('SELECT (WITH x AS (UPDATE things SET note = 2 RETURNING id) SELECT max(id) FROM x)');
SELECT world.try('SELECT id FROM things FOR UPDATE');
SELECT world.try('SELECT id FROM (SELECT id FROM things FOR SHARE) t');
SELECT world.try('SELECT 1 WHERE EXISTS (SELECT FROM things FOR KEY SHARE)');
SELECT world.try('COPY things TO ''/tmp/x''');
SELECT world.try('DO $x$ BEGIN END $x$');
SELECT world.try('CALL p()');
SELECT world.try('NOTIFY linecrm');
SELECT world.try('SET ROLE postgres');
SELECT world.try('LOCK TABLE things');
SELECT world.try('TABLE things');
SELECT world.try('BEGIN');
SELECT world.try('DECLARE c CURSOR FOR SELECT 1');

-- 4. Functions with effects, called outright
SELECT world.try('SELECT nextval(''world.seq'')');
SELECT world.try('SELECT setval(''world.seq'', 99)');
SELECT world.try('SELECT lo_creat(-1)::bigint');
SELECT world.try('SELECT lo_from_bytea(0, ''x'')::bigint');
SELECT world.try('SELECT 1 WHERE pg_notify(''linecrm'', ''x'') IS NOT NULL');
SELECT world.try('SELECT 1 WHERE pg_try_advisory_lock(1)');
SELECT world.try('SELECT 1 WHERE pg_advisory_xact_lock(1) IS NOT NULL');
SELECT world.try('SELECT 1 WHERE set_config(''application_name'', ''evil'', false) IS NOT NULL');
SELECT world.try('SELECT 1 WHERE set_config(''role'', ''postgres'', true) IS NOT NULL');
SELECT world.try('SELECT 1 WHERE set_config(''transaction_read_only'', ''off'', true) IS NOT NULL');
SELECT world.try('SELECT 1 WHERE set_config(''linecrm.gate'', '''', true) IS NOT NULL');
SELECT world.try('SELECT 1 WHERE pg_sleep(100) IS NOT NULL');
SELECT world.try('SELECT 1 WHERE setseed(0.5) IS NOT NULL');
SELECT world.try('SELECT pg_current_xact_id()::text::bigint');
SELECT world.try('SELECT txid_current()');
SELECT world.try('SELECT 1 WHERE query_to_xml(''DELETE FROM things'', true, true, '''') IS NOT NULL');
SELECT world.try('SELECT 1 WHERE pg_terminate_backend(0)', 'postgres');
SELECT world.try('SELECT 1 WHERE pg_read_file(''PG_VERSION'') IS NOT NULL', 'postgres');
SELECT world.try('SELECT lo_import(''PG_VERSION'')::bigint', 'postgres');
SELECT world.try('SELECT 1 WHERE pg_reload_conf()', 'postgres');

-- 5. The same from inside: the author's own functions, operators, aggregates, casts, views, policies
SET client_min_messages = warning;
GRANT regress_other TO regress_author;
SET ROLE regress_author;
SET search_path = author_stuff, world, public;
CREATE FUNCTION liar(what text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN EXECUTE what; RETURN 1; END $$;
CREATE FUNCTION honest(what text) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$ BEGIN EXECUTE what; RETURN 1; END $$;
CREATE FUNCTION constant_liar() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM nextval('world.seq'); RETURN 1; END $$;
CREATE FUNCTION inlined() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT nextval('world.seq') $$;
CREATE FUNCTION inlined_rows() RETURNS SETOF bigint LANGUAGE sql STABLE AS $$ SELECT nextval('world.seq') $$;
CREATE FUNCTION sql_writer() RETURNS bigint LANGUAGE sql VOLATILE AS $$ INSERT INTO world.things VALUES (9) RETURNING id $$;
CREATE FUNCTION deep(n int) RETURNS bigint LANGUAGE plpgsql STABLE AS
$$ BEGIN IF n > 0 THEN RETURN author_stuff.deep(n - 1); END IF; RETURN lo_creat(-1)::bigint; END $$;
CREATE FUNCTION catcher(what text) RETURNS bigint LANGUAGE plpgsql STABLE AS
$$ BEGIN BEGIN EXECUTE what; EXCEPTION WHEN OTHERS THEN NULL; END; RETURN 1; END $$;
CREATE FUNCTION opens() RETURNS bigint LANGUAGE plpgsql STABLE AS
$$ DECLARE c refcursor := 'left_open'; BEGIN OPEN c FOR SELECT lo_creat(-1); RETURN 1; END $$;
CREATE FUNCTION opens_harmless() RETURNS bigint LANGUAGE plpgsql STABLE AS
$$ DECLARE c refcursor := 'left_open'; BEGIN OPEN c FOR SELECT 1; RETURN 1; END $$;
CREATE FUNCTION unfenced() RETURNS bigint LANGUAGE sql STABLE SET transaction_read_only = off AS $$ SELECT 1::bigint $$;
CREATE FUNCTION ungated() RETURNS bigint LANGUAGE sql STABLE SET linecrm.gate = '' AS $$ SELECT 1::bigint $$; -- refused at once
CREATE FUNCTION becomes_other() RETURNS bigint LANGUAGE sql STABLE SET role = 'regress_other' AS $$ SELECT 1::bigint $$;
CREATE FUNCTION quiet() RETURNS bigint LANGUAGE sql STABLE SET application_name = 'evil' AS $$ SELECT 1::bigint $$;
CREATE FUNCTION op_func(a bigint, b bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN PERFORM pg_notify('x', 'y'); RETURN true; END $$;
CREATE OPERATOR author_stuff.@@@ (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = op_func);
CREATE FUNCTION agg_step(state bigint, a bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$ BEGIN PERFORM pg_advisory_lock(77); RETURN 1; END $$;
CREATE AGGREGATE evil_agg(bigint) (SFUNC = agg_step, STYPE = bigint, INITCOND = '0');
CREATE TYPE mood AS ENUM ('fine');
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE plpgsql VOLATILE AS
$$ BEGIN EXECUTE (SELECT how FROM author_stuff.cast_does); RETURN '1'; END $$;
CREATE TABLE cast_does (how text);
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
CREATE DOMAIN checked AS bigint CHECK (author_stuff.honest('NOTIFY x') = VALUE);
CREATE VIEW evil_view AS SELECT nextval('world.seq') AS friend_id;
GRANT ALL ON ALL TABLES IN SCHEMA author_stuff TO regress_other;
GRANT USAGE ON SCHEMA author_stuff TO regress_other;
CREATE FUNCTION spin_stable() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN LOOP NULL; END LOOP; END $$;
CREATE FUNCTION spin_catch() RETURNS bigint LANGUAGE plpgsql STABLE AS
$$ BEGIN BEGIN LOOP NULL; END LOOP; EXCEPTION WHEN query_canceled THEN RETURN 1; END; END $$;
CREATE PROCEDURE proc() LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
RESET ROLE;
RESET search_path;
CREATE POLICY p ON world.secret USING (author_stuff.honest('SELECT 1') = 1);
GRANT SELECT ON world.secret TO regress_author;
ALTER TABLE world.secret ENABLE ROW LEVEL SECURITY;
INSERT INTO world.secret VALUES (1);
RESET client_min_messages;
TRUNCATE world.before; INSERT INTO world.before SELECT world.state();

SELECT world.try('SELECT honest(''SELECT 1'')');
SELECT world.try('SELECT liar(''INSERT INTO world.things VALUES (9)'')');
SELECT world.try('SELECT liar(''SELECT nextval(''''world.seq'''')'')');
SELECT world.try('SELECT liar(''NOTIFY x'')');
SELECT world.try('SELECT liar(''LISTEN x'')');
SELECT world.try('SELECT liar(''SET application_name = evil'')');
SELECT world.try('SELECT liar(''SET LOCAL transaction_read_only = off'')');
SELECT world.try('SELECT liar(''SET ROLE regress_other'')');
SELECT world.try('SELECT liar(''RESET ALL'')');
SELECT world.try('SELECT liar(''RESET linecrm.gate'')');
SELECT world.try('SELECT liar(''SET SESSION AUTHORIZATION DEFAULT'')');
SELECT world.try('SELECT liar(''CREATE TEMP TABLE t (a int)'')');
SELECT world.try('SELECT liar(''CREATE TABLE author_stuff.t (a int)'')');
SELECT world.try('SELECT liar(''DO $x$ BEGIN PERFORM nextval(''''world.seq''''); END $x$'')');
SELECT world.try('SELECT liar(''CALL author_stuff.proc()'')');
SELECT world.try('SELECT liar(''LOCK TABLE world.things'')');
SELECT world.try('SELECT liar(''PREPARE p AS SELECT 1'')');
SELECT world.try('SELECT liar(''DISCARD ALL'')');
SELECT world.try('SELECT liar(''COPY (SELECT 1) TO PROGRAM ''''true'''''')', 'postgres');
SELECT world.try('SELECT liar(''COMMIT'')');
SELECT world.try('SELECT liar(''SELECT 1 FROM world.things FOR UPDATE'')');
SELECT world.try('SELECT catcher(''SELECT lo_creat(-1)'')');
SELECT world.try('SELECT catcher(''NOTIFY x'')');
SELECT world.try('SELECT constant_liar()');
SELECT world.try('SELECT id FROM things WHERE constant_liar() = id');
SELECT world.try('SELECT inlined()');
SELECT world.try('SELECT * FROM inlined_rows()');
SELECT world.try('SELECT sql_writer()');
SELECT world.try('SELECT deep(5)');
SELECT world.try('SELECT opens()');
SELECT world.try('SELECT opens_harmless()'), (SELECT count(*) FROM pg_cursors WHERE name = 'left_open') AS left_open;
SELECT world.try('SELECT unfenced()');
SELECT world.try('SELECT quiet()');
SELECT world.try('SELECT becomes_other()');
SELECT world.try('SELECT id FROM things WHERE id @@@ id');
SELECT world.try('SELECT evil_agg(id) FROM things');
SELECT world.try('SELECT evil_agg(id) OVER () FROM things');
SELECT world.try('SELECT id FROM things ORDER BY lo_creat(-1)');
SELECT world.try('SELECT CASE WHEN id > 100 THEN lo_creat(-1)::bigint ELSE id END FROM things');
SELECT world.try('SELECT id FROM things LIMIT nextval(''world.seq'')');
SELECT world.try('SELECT id FROM things TABLESAMPLE bernoulli (100) REPEATABLE (nextval(''world.seq''))');
SELECT world.try('SELECT x FROM things, LATERAL nextval(''world.seq'') x');
SELECT world.try('SELECT ''1''::checked');
SELECT world.try('SELECT friend_id FROM evil_view');
SELECT world.try('SELECT friend_id FROM author_stuff.evil_view', 'regress_other');
SELECT world.try('SELECT id FROM secret');
-- casts to json, which to_jsonb() looks up and calls by itself, also when it makes the variables
INSERT INTO author_stuff.cast_does VALUES ('NOTIFY x');
SELECT world.try('SELECT 1 WHERE to_json(''fine''::mood) IS NOT NULL');
SELECT * FROM linecrm_internal._run_rows('regress_author', 'author_stuff', 'SELECT 1 AS friend_id, ''fine''::mood AS m', NULL, NULL);
-- a function that was warmed up outside the gate in the same transaction: its expressions are prepared already
SET client_min_messages = warning;
SET ROLE regress_author;
CREATE FUNCTION author_stuff.warm() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ DECLARE done boolean; BEGIN done := pg_try_advisory_xact_lock_shared(99); RETURN 1; END $$;
RESET ROLE;
RESET client_min_messages;
BEGIN;
SET LOCAL search_path = author_stuff, world, public, pg_temp;
SELECT author_stuff.warm() > 0 FROM generate_series(1, 2);
UPDATE world.before SET state = world.state();
SELECT world.try('SELECT warm()');
COMMIT;
-- other extensions: a volatile function that leaves the database, a stable one that runs whatever text it gets
SET client_min_messages = warning;
CREATE EXTENSION dblink SCHEMA world;
CREATE EXTENSION xml2 SCHEMA world;
RESET client_min_messages;
SELECT world.try('SELECT id FROM world.dblink(''dbname=postgres'', ''SELECT 1'') AS d (id int)');
SELECT world.try($$SELECT liar('SELECT world.dblink_connect(''dbname=postgres'')')$$, 'postgres');
SELECT world.try('SELECT id FROM world.xpath_table(''id'', ''note'', ''world.things; NOTIFY x; SELECT id, note FROM world.things'', ''/'', ''true'') AS x (id int, v text)');
SELECT world.try('SELECT id FROM world.xpath_table(''id'', ''note'', ''world.things; INSERT INTO world.things VALUES (9); SELECT id, note FROM world.things'', ''/'', ''true'') AS x (id int, v text)');
SELECT world.try('SELECT id FROM world.xpath_table(''id'', ''note'', ''world.things; SET transaction_read_only = off; INSERT INTO world.things VALUES (9); SELECT id, note FROM world.things'', ''/'', ''true'') AS x (id int, v text)');
SELECT world.try('SELECT id FROM world.xpath_table(''id'', ''note'', ''world.things; CREATE TEMP TABLE t (a int); SELECT id, note FROM world.things'', ''/'', ''true'') AS x (id int, v text)');

-- 6. A superuser's and the owner's own query is as fenced as any
SELECT world.try('SELECT constant_liar()', 'postgres');
SELECT world.try('SELECT id FROM world.secret', 'postgres');
SELECT world.try('WITH x AS (DELETE FROM things RETURNING id) SELECT id FROM x', 'postgres');

-- 7. Parallel workers know the gate too: a volatile function that calls itself parallel safe, in a query that a function makes parallel
SET client_min_messages = warning;
SET ROLE regress_author;
CREATE TABLE author_stuff.big AS SELECT i::bigint AS id FROM generate_series(1, 20000) i;
CREATE FUNCTION author_stuff.par_liar(a bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$ BEGIN RETURN a; END $$;
CREATE FUNCTION author_stuff.par_stable(a bigint) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$ BEGIN RETURN CASE WHEN a > 0 THEN (SELECT author_stuff.par_liar(a)) ELSE 0 END; END $$;
CREATE FUNCTION author_stuff.par_harmless(a bigint) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$ BEGIN RETURN a; END $$;
CREATE FUNCTION author_stuff.par_pid(a bigint) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$ BEGIN RETURN pg_backend_pid(); END $$;
RESET ROLE;
RESET client_min_messages;
TRUNCATE world.before; INSERT INTO world.before SELECT world.state();
BEGIN;
SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL parallel_leader_participation = off;
SELECT world.try('SELECT max(par_harmless(id)) FROM big');
SELECT world.try(format('SELECT 1 AS in_a_worker FROM big HAVING max(par_pid(id)) <> %s', pg_backend_pid()));
SELECT world.try('SELECT max(par_stable(id)) FROM big');
COMMIT;

-- 8. Names: nobody's temporary table, nobody's schema in front
CREATE TEMP TABLE things (id bigint, note text);
INSERT INTO things VALUES (666, 'shadow');
GRANT SELECT ON things TO PUBLIC;
SELECT world.try('SELECT id FROM things');
SELECT world.try('SELECT id FROM things', 'regress_author', 'pg_temp, world');
SELECT world.try('SELECT id FROM things', 'regress_author', '');
SELECT world.try('SELECT id FROM things', 'regress_author', '"$user", world');
SELECT world.try('SELECT id FROM things', 'regress_author', 'world,,');
DROP TABLE pg_temp.things;
SET DateStyle = 'German, DMY';
SET standard_conforming_strings = off;
SELECT world.try('SELECT extract(month FROM ''02/03/04''::date)::int');
SELECT linecrm_internal._run_query('regress_author', '', 'SELECT extract(hour FROM ''2026-01-01 00:00+00''::timestamptz)::int', NULL, NULL, NULL, 'Asia/Tokyo');
SELECT linecrm_internal._run_query('regress_author', '', 'SELECT 1', NULL, NULL, NULL, 'Asia/Nowhere');
RESET DateStyle;
RESET standard_conforming_strings;
SET row_security = off;
SELECT world.try('SELECT id FROM secret');
RESET row_security;

-- 9. Time and cost
SELECT world.try('WITH RECURSIVE n (friend_id) AS (SELECT 1::bigint UNION ALL SELECT friend_id FROM n) SELECT friend_id FROM n', timeout_ms => 200);
SELECT world.try('SELECT spin_stable()', timeout_ms => 200);
SELECT world.try('SELECT spin_catch()', timeout_ms => 200);
SELECT world.try('SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b', cost => 1000000);
SELECT world.try('SELECT 3', timeout_ms => 200);
SELECT 'nothing is cancelled afterwards' FROM pg_sleep(0.4);

-- 10. The setting is nobody's
SET linecrm.gate = '10';
SELECT set_config('linecrm.gate', '10', true);
RESET ALL;
ALTER ROLE regress_author SET linecrm.gate = '10';
-- and the ways in are only the owner's
SET ROLE regress_author;
SELECT * FROM linecrm_internal._run_query('postgres', '', 'SELECT 1', NULL, NULL);
RESET ROLE;
SELECT has_function_privilege('regress_author', p.oid, 'EXECUTE') FROM pg_proc p WHERE p.proname IN ('_run_query', '_run_rows', '_check_query', '_run_segment', '_segment_rows');

-- 11. Errors inside point into the text
SELECT * FROM linecrm_internal._run_query('regress_author', 'world', 'SELECT id FROM thingies', NULL, NULL, 'segment "x"');
SELECT * FROM linecrm_internal._run_query('regress_author', 'world', 'SELECT 1 / (id - 1) FROM things', NULL, NULL, 'segment "x"');

-- 12. Nothing has changed in all this
SELECT world.state() = (SELECT state FROM world.before);
SET client_min_messages = warning;
DROP EXTENSION dblink, xml2;
DROP SCHEMA author_stuff, other_stuff, world CASCADE;
DROP ROLE regress_author, regress_other;
