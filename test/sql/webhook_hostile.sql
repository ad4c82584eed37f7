-- Webhooks under hostile circumstances: settings of the caller, spellings of a name, an extension that was created anew.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;
\set ECHO all

CREATE FUNCTION pg_temp.pad(key bytea, fill integer) RETURNS bytea LANGUAGE sql AS $$
	SELECT string_agg(set_byte('\x00', 0, CASE WHEN i < length(key) THEN get_byte(key, i) ELSE 0 END # fill), NULL ORDER BY i)
	FROM generate_series(0, 63) AS i $$;
CREATE FUNCTION pg_temp.sign(body bytea) RETURNS text LANGUAGE sql AS $$
	SELECT encode(sha256(pg_temp.pad('8c570fa6dd201bb328f1c1eac23a96d8', 92) || sha256(pg_temp.pad('8c570fa6dd201bb328f1c1eac23a96d8', 54) || body)), 'base64') $$;
CREATE FUNCTION pg_temp.postback(person integer, data text) RETURNS text LANGUAGE sql AS $$
	SELECT format('{"type":"postback","source":{"type":"user","userId":"U%s"},"webhookEventId":"%s-%s","postback":{"data":%s}}',
		lpad(person::text, 32, '0'), person, data, to_json(data)) $$;
CREATE FUNCTION pg_temp.body(VARIADIC events text[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT convert_to('{"events":[' || array_to_string(events, ',') || ']}', 'UTF8') $$;
CREATE FUNCTION pg_temp.shop() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM linecrm.save_channel('shop');
	PERFORM linecrm.set_credential('shop', 'channel_secret', '8c570fa6dd201bb328f1c1eac23a96d8');
	PERFORM linecrm.save_tag('rate', on_postback => ARRAY['rate 100%%', 'book:%', 'exact']);
END $$;
SELECT pg_temp.shop();

-- a trailing % in on_postback matches any rest, and only the last one: "rate 100%%" is what begins with "rate 100%"
CREATE TABLE posted AS SELECT nth, body, pg_temp.sign(body) AS signature FROM (VALUES
	(1, pg_temp.body(pg_temp.postback(1, 'rate 100'), pg_temp.postback(2, 'rate 100%'), pg_temp.postback(3, 'rate 100% sure'),
		pg_temp.postback(4, 'other'), pg_temp.postback(5, 'book:'), pg_temp.postback(6, 'a book:'))),
	(2, pg_temp.body(pg_temp.postback(11, 'rate 100'), pg_temp.postback(14, 'exact more'), pg_temp.postback(12, 'rate 100%!'), pg_temp.postback(13, 'linecrm:7:{x}')))) AS v (nth, body);
SELECT linecrm.receive_webhook('shop', body, signature) FROM posted WHERE nth = 1;
SELECT linecrm.process_inbox();
CREATE VIEW tagged AS SELECT right(f.user_id::text, 2) AS person FROM linecrm_internal.friend_tag JOIN linecrm_internal.friend f USING (friend_id);
SELECT person FROM tagged ORDER BY person;

-- what the caller has set changes nothing, objects of the same names that come first in his search_path neither
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile operator'; END $$;
CREATE OPERATOR hostile.= (FUNCTION = hostile.equal, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION hostile.btrim(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile function'; END $$;
CREATE TABLE hostile.inbox AS SELECT 1 AS slot;
CREATE TEMP TABLE inbox AS SELECT 1 AS slot;
BEGIN;
SET LOCAL search_path = hostile, public, pg_catalog;
SET LOCAL standard_conforming_strings = off;
SET LOCAL escape_string_warning = off;
SET LOCAL bytea_output = escape;
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL IntervalStyle = sql_standard;
SET LOCAL TimeZone = 'Pacific/Chatham';
SET LOCAL extra_float_digits = -15;
SET LOCAL array_nulls = off;
SET LOCAL transform_null_equals = on;
SET LOCAL quote_all_identifiers = on;
SET LOCAL row_security = off;
SET LOCAL force_parallel_mode = on;
SET LOCAL plan_cache_mode = force_generic_plan;
SET LOCAL max_stack_depth = '100kB';
SET LOCAL work_mem = '64kB';
SELECT linecrm.receive_webhook('shop', body, signature) FROM public.posted WHERE nth OPERATOR(pg_catalog.=) 2;
SELECT status, new_events FROM linecrm.receive_webhooks(ARRAY['shop', ' shop'], ARRAY(SELECT body FROM public.posted ORDER BY nth), ARRAY(SELECT signature FROM public.posted ORDER BY nth));
SELECT linecrm.process_inbox();
SELECT linecrm.cardinality(linecrm.tag_set('  rate | rate  ')) AS tagged;
COMMIT;
SELECT person FROM tagged WHERE person > '10' ORDER BY person;
SELECT delivery_id, button FROM linecrm_internal.tap WHERE button IS NOT NULL;
DROP TABLE pg_temp.inbox;
-- no function of ours has a backslash in a plain string: what it means is a setting of the caller
SELECT p.oid::regprocedure AS function FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'linecrm'
WHERE p.prosrc ~ E'(^|[^Ee''])''[^'']*\\\\[^'']*''' AND p.prosqlbody IS NULL;

-- two spellings of one channel are one channel: the account that the first webhook tells counts for the second
SELECT request_no, status, new_events, problem FROM linecrm.receive_webhooks(ARRAY['shop', ' shop', E'ｓｈｏｐ\n'],
	ARRAY(SELECT convert_to(format('{"destination":"U%s","events":[]}', repeat(account, 32)), 'UTF8') FROM unnest(ARRAY['1', '2', '1']) AS account),
	ARRAY(SELECT pg_temp.sign(convert_to(format('{"destination":"U%s","events":[]}', repeat(account, 32)), 'UTF8')) FROM unnest(ARRAY['1', '2', '1']) AS account));

-- shapes of arrays
SELECT * FROM linecrm.receive_webhooks('{}', NULL, '{}');
SELECT * FROM linecrm.receive_webhooks('{shop,shop}', '{}', '{}');
SELECT * FROM linecrm.receive_webhooks('{{shop,NULL},{shop,none}}', ARRAY['{}', NULL, NULL, '']::bytea[], '[7:10]={a,b,NULL,d}'::text[]);
SELECT linecrm.receive_webhook('', '', '');

-- the extension created anew in the same session, and a statement that cannot be prepared the first time
DROP VIEW tagged;
DROP EXTENSION linecrm CASCADE;
CREATE EXTENSION linecrm;
SELECT pg_temp.shop();
ALTER TABLE linecrm_internal.inbox RENAME COLUMN raw TO bytes;
SELECT linecrm.receive_webhook('shop', body, signature) FROM posted WHERE nth = 1;
SELECT linecrm.receive_webhook('shop', body, signature) FROM posted WHERE nth = 1;
ALTER TABLE linecrm_internal.inbox RENAME COLUMN bytes TO raw;
SELECT linecrm.receive_webhook('shop', body, signature) FROM posted WHERE nth = 1;
SELECT linecrm.receive_webhook('shop', body, signature) FROM posted WHERE nth = 1;
SELECT linecrm.process_inbox();

DROP TABLE posted;
DROP SCHEMA hostile CASCADE;
