-- help(): every public function is in it, and every example can be typed.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;

-- public functions without an example (aggregates over user ids are plain min and max), and examples of nothing
SELECT DISTINCT p.proname FROM pg_proc p
WHERE p.pronamespace = 'linecrm'::regnamespace AND p.proname NOT IN ('min', 'max')
	AND p.oid NOT IN (SELECT c.castfunc FROM pg_cast c WHERE c.castfunc <> 'linecrm.friendset(bigint[])'::regprocedure)
	AND NOT EXISTS (SELECT FROM linecrm_internal.help_example e WHERE e.name = p.proname) ORDER BY 1;
SELECT e.name FROM linecrm_internal.help_example e
WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'linecrm'::regnamespace AND p.proname = e.name);
SELECT e.place FROM linecrm_internal.help_example e GROUP BY 1 HAVING count(*) > 1;
SELECT e.name FROM linecrm_internal.help_example e WHERE e.example !~ ('linecrm\.' || e.name || '\(');

-- A small shop in which the examples make sense.
SELECT linecrm.save_channel('main') IS NOT NULL AS saved;
SELECT linecrm.import_friends(array_agg(('U' || lpad(to_hex(i), 32, '0'))::linecrm.line_user_id)) FROM generate_series(1, 60) AS i;
CREATE TABLE old_tool AS SELECT ('U' || lpad(to_hex(i), 32, '0'))::linecrm.line_user_id AS user_id FROM generate_series(50, 70) AS i;
CREATE SCHEMA shop;
CREATE TABLE shop.members AS SELECT i AS id, CASE WHEN i % 2 = 0 THEN 'gold' ELSE 'silver' END AS rank FROM generate_series(4700, 4720) AS i;
CREATE TABLE shop.customers AS SELECT 'not an id' AS line_id;
SELECT count(linecrm.link_member(i - 4699, i::text, 'csv')) AS linked FROM generate_series(4700, 4720) AS i;
SELECT count(linecrm.save_tag(name)) AS tags FROM unnest(ARRAY['vip', 'VIP customer', 'winback', 'tokyo', 'osaka', 'staff']) AS name;
SELECT linecrm.save_segment('gold', 'SELECT l.friend_id FROM linecrm.member_link l JOIN shop.members m ON m.id = l.member_no WHERE m.rank = ''gold''') AS version;
SELECT linecrm.save_segment('lapsed', 'SELECT friend_id FROM linecrm.friend WHERE friend_id > 30') AS version;
SELECT linecrm.save_message('hello', linecrm.text_message('hello')) AS version;
SELECT linecrm.save_message('shipped', linecrm.text_message('parcel {{no|}} is on its way')) AS version;
CREATE ROLE analyst;

-- What has to be so before an example is typed, where the shop alone is not enough.
CREATE TABLE prelude (name text, statement text);
INSERT INTO prelude VALUES
	('drop_channel', $$SELECT linecrm.save_channel('test')$$),
	('resume_channel', $$SELECT linecrm.hold_channel('main')$$),
	('revoke_access', $$SELECT linecrm.grant_access('analyst', 'analyst')$$),
	('preview_delivery', $$SELECT linecrm.deliver(segment => 'gold', message => 'hello')$$),
	('release', $$SELECT linecrm.deliver(segment => 'gold', message => 'hello')$$);
INSERT INTO prelude SELECT name, $$SELECT linecrm.deliver(segment => 'gold', message => 'hello', at => now() + interval '1 day')$$
FROM unnest(ARRAY['hold', 'resume', 'cancel', 'retry_rejected', 'decide_unknown', 'explain', 'delivery_set', 'tap_set']) AS name;

-- Each is run, and undone; those with parameters are prepared. No row: all went well.
CREATE FUNCTION pg_temp.try_example(name text, example text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	statement text;
BEGIN
	PERFORM setval('linecrm_internal.delivery_id_seq', 11);
	FOR statement IN SELECT p.statement FROM prelude p WHERE p.name = try_example.name LOOP
		EXECUTE statement;
	END LOOP;
	IF example ~ '\$1' THEN
		EXECUTE format('PREPARE typed AS %s', example);
		DEALLOCATE typed;
	ELSE
		EXECUTE regexp_replace(example, $x$:'\w+'$x$, quote_literal(repeat('x', 40)));
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'ZZ000';
EXCEPTION
	WHEN SQLSTATE 'ZZ000' THEN
		RETURN NULL;
	WHEN OTHERS THEN
		RETURN SQLERRM;
END
$$;
SELECT e.name, e.example, t.error FROM linecrm_internal.help_example e
CROSS JOIN LATERAL pg_temp.try_example(e.name, e.example) AS t (error) WHERE t.error IS NOT NULL ORDER BY e.place;
SELECT count(*) > 70 AS all_tried FROM linecrm_internal.help_example;

-- the topics, a topic, a function, views, and what there is not
SELECT * FROM linecrm.help();
SELECT name, what <> '' AS explained, example FROM linecrm.help('segment');
SELECT name, example FROM linecrm.help('Release');
SELECT count(*) > 10 AS views, bool_and(what <> '') AS explained FROM linecrm.help('view');
SELECT * FROM linecrm.help('segmnt');
-- the doctor, in a database that the workers leave out
SELECT item, ok, detail, remedy, remedy_sql FROM linecrm.doctor() WHERE item IN ('library', 'linecrm sender');
-- a remedy is something that can be typed
UPDATE linecrm_internal.channel SET held_reason = 'monthly_limit', held_at = '2026-01-31 12:00+09';
SELECT remedy_sql FROM linecrm.doctor() WHERE item = 'channel main: sending';
SELECT linecrm.resume_channel('main');
SELECT linecrm.refresh_channel('main');
DROP SCHEMA shop CASCADE;
DROP TABLE old_tool, prelude;
DROP ROLE analyst;
