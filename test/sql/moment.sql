-- The type moment: wall clock or instant, whatever the session's zone.
\set VERBOSITY default
SET client_min_messages = warning; DROP EXTENSION IF EXISTS linecrm CASCADE; CREATE EXTENSION linecrm; RESET client_min_messages;
BEGIN;
SET LOCAL search_path = public, linecrm;
\set ON_ERROR_ROLLBACK on

-- without a zone a wall clock, with one an instant; the same in every session
CREATE TEMP TABLE given (n serial, words text);
INSERT INTO given (words) VALUES ('2026-12-01 10:00'), ('2026-12-01T10:00:30'), ('2026-12-01'), ('Dec 1 2026 10:00 PM'), ('2026-12-01 10:00:00.25'), ('20261201 100000'), ('2026-12-01 24:00'),
	('2026-12-01 10:00Z'), ('2026-12-01T10:00:00+09:00'), ('2026-12-01 10:00 Asia/Tokyo'), ('2026-12-01 10:00 JST'), ('2026-12-01 10:00-05'), ('2026-07-01 10:00 America/New_York'),
	('2026-12-01 10:00 UTC'), ('2026-12-01 10:00+00'), ('2026-12-01 10:00-05:00'), ('2026-12-01 Asia/Tokyo'), ('9999-12-31 23:59:59.999999');
CREATE TEMP TABLE heard (n int, zone text, moment text, in_tokyo timestamptz);
SET LOCAL timezone = 'UTC';
INSERT INTO heard SELECT n, 'UTC', words::moment, linecrm_internal._resolve(words::moment, 'Asia/Tokyo') FROM given;
SET LOCAL timezone = 'Asia/Tokyo';
INSERT INTO heard SELECT n, 'Tokyo', words::moment, linecrm_internal._resolve(words::moment, 'Asia/Tokyo') FROM given;
SET LOCAL timezone = '+5';
INSERT INTO heard SELECT n, 'five', words::moment, linecrm_internal._resolve(words::moment, 'Asia/Tokyo') FROM given;
SET LOCAL timezone = 'UTC';
SELECT words, min(moment) AS moment, min(in_tokyo) AS in_tokyo, count(DISTINCT (moment, in_tokyo)) = 1 AS same_in_all_sessions FROM given JOIN heard USING (n) GROUP BY n, words ORDER BY n;
SELECT bool_and(moment::moment::text = moment) AS round_trip FROM heard;
SHOW timezone;

-- now() and casts: implicit, so that a caller may write any of them
CREATE FUNCTION hear(at moment DEFAULT NULL) RETURNS text LANGUAGE sql AS 'SELECT at::text';
SELECT linecrm_internal._resolve('now', 'Asia/Tokyo') = now() AS now, linecrm_internal._resolve(now(), 'Asia/Tokyo') = now() AS now_function,
	linecrm_internal._resolve(now() + interval '1 hour', 'UTC') = now() + interval '1 hour' AS later;
SELECT hear(at => timestamptz '2026-12-01 10:00+09'), hear(at => timestamp '2026-12-01 10:00'), hear(at => date '2026-12-01'), hear(at => '2026-12-01 10:00'), hear() IS NULL AS none;

-- clocks that are put forward and back
SELECT linecrm_internal._resolve('2026-03-08 02:30', 'America/New_York') AS never_shown, linecrm_internal._resolve('2026-11-01 01:30', 'America/New_York') AS shown_twice,
	linecrm_internal._resolve('2026-03-08 02:30 America/New_York', 'Asia/Tokyo') AS the_same_named;
SELECT linecrm_internal._resolve('2026-12-01 10:00', 'Mars/Olympus');
SELECT linecrm_internal._resolve('2026-12-01 10:00', NULL) IS NULL AS unknown;

-- what is refused
SELECT 'tomorrow 10:00'::moment;
SELECT 'Today'::moment;
SELECT 'yesterday'::moment;
SELECT 'now UTC'::moment;
SELECT 'infinity'::moment;
SELECT '-infinity'::moment;
SELECT 'epoch'::moment;
SELECT ''::moment;
SELECT '10:00'::moment;
SELECT 'allballs'::moment;
SELECT 'next week'::moment;
SELECT '2026-13-01 10:00'::moment;
SELECT '2026-02-29'::moment;
SELECT '2026-12-01 25:00'::moment;
SELECT '2026-12-01 10:00 Mars/Olympus'::moment;
SELECT '2026-12-01 10:00+99'::moment;
SELECT '0044-03-15 BC'::moment;
SELECT '999999-01-01'::moment;
DO $$
DECLARE
	words text;
BEGIN
	FOREACH words IN ARRAY ARRAY[repeat('2026-12-01 ', 100000), repeat('9', 100000), repeat('x', 1000000), repeat('+', 300)] LOOP
		BEGIN
			PERFORM words::moment;
			RAISE WARNING 'accepted';
		EXCEPTION WHEN invalid_datetime_format THEN
			RAISE WARNING '%', left(SQLERRM, 60);
		END;
	END LOOP;
END $$;
SELECT timestamptz 'infinity'::moment;
SELECT date '-infinity'::moment;
SELECT timestamp '4713-01-01 BC'::moment;
-- after errors the session's zone is still its own
SET LOCAL timezone = 'Asia/Tokyo';
SELECT 'tomorrow'::moment;
SELECT '2026-12-01 10:00 Mars/Olympus'::moment;
SELECT timestamptz '2026-12-01 10:00' AS still_in_tokyo, linecrm_internal._resolve('2026-12-01 10:00', 'UTC') AS a_clock_in_utc;
SET LOCAL timezone = 'UTC';

-- binary form: both kinds back and forth; other kinds, endless times and other lengths are refused
CREATE FUNCTION copy_binary(body bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	path text := current_setting('data_directory') || '/linecrm_copy_test.bin';
	large oid := lo_from_bytea(0, '\x5047434f50590aff0d0a000000000000000000'::bytea || '\x0001'::bytea || int4send(length(body)) || body || '\xffff'::bytea);
	result text;
BEGIN
	PERFORM lo_export(large, path), lo_unlink(large);
	CREATE TEMP TABLE received (value moment);
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
SELECT linecrm_internal._moment_send('2026-12-01 10:00') AS clock, linecrm_internal._moment_send('2026-12-01 10:00Z') AS instant;
SELECT copy_binary(linecrm_internal._moment_send('2026-12-01 10:00')), copy_binary(linecrm_internal._moment_send('2026-12-01 10:00Z'));
SELECT copy_binary(int8send(0) || '\x02');
SELECT copy_binary(int8send(9223372036854775807) || '\x01');
SELECT copy_binary(int8send((-9223372036854775808)::int8) || '\x01');
SELECT copy_binary(int8send(9223372036854775806) || '\x01');
SELECT copy_binary(int8send(-100000000000000000) || '\x00');
SELECT copy_binary('\x00');
SELECT copy_binary(int8send(0) || '\x0100');

-- not for columns that are compared
SELECT '2026-12-01'::moment < '2026-12-02'::moment;
ROLLBACK;
