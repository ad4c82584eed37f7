-- Webhooks into the inbox: signature over the bytes, each event once, hostile bodies.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;
RESET client_min_messages;
\set ECHO all

-- the vendor's vector, and what is not a signature
\set secret '8c570fa6dd201bb328f1c1eac23a96d8'
\set body '{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}'
\set signature 'GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs='
SELECT linecrm.verify_signature(:'body', :'signature', :'secret');
SELECT what, linecrm.verify_signature(body, signature, secret) FROM (VALUES
	('other body', convert_to(:'body' || ' ', 'UTF8'), :'signature', :'secret'),
	('other secret', convert_to(:'body', 'UTF8'), :'signature', :'secret' || '0'),
	('empty secret', convert_to(:'body', 'UTF8'), :'signature', ''),
	('other signature', convert_to(:'body', 'UTF8'), 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', :'secret'),
	('not canonical', convert_to(:'body', 'UTF8'), 'GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLt=', :'secret'),
	('url alphabet', convert_to(:'body', 'UTF8'), 'GhRKmvmHys4Pi8DxkF4-EayaH0OqtJtaZxgTD9fMDLs=', :'secret'),
	('cut', convert_to(:'body', 'UTF8'), 'GhRKmvmHys4Pi8DxkF4', :'secret'),
	('not base64', convert_to(:'body', 'UTF8'), '秘密', :'secret'),
	('empty', convert_to(:'body', 'UTF8'), '', :'secret'),
	('no signature', convert_to(:'body', 'UTF8'), NULL, :'secret'),
	('no body', NULL, :'signature', :'secret'),
	('no secret', convert_to(:'body', 'UTF8'), :'signature', NULL)) AS v (what, body, signature, secret);

-- HMAC-SHA256 in SQL, so that the tests sign with other code than they check
CREATE FUNCTION pg_temp.pad(key bytea, fill integer) RETURNS bytea LANGUAGE sql AS $$
	SELECT string_agg(set_byte('\x00', 0, CASE WHEN i < length(key) THEN get_byte(key, i) ELSE 0 END # fill), NULL ORDER BY i)
	FROM generate_series(0, 63) AS i $$;
CREATE FUNCTION pg_temp.sign(body bytea, secret text DEFAULT '8c570fa6dd201bb328f1c1eac23a96d8') RETURNS text LANGUAGE sql AS $$
	SELECT encode(sha256(pg_temp.pad(secret::bytea, 92) || sha256(pg_temp.pad(secret::bytea, 54) || body)), 'base64') $$;
CREATE FUNCTION pg_temp.post(body text, channel text DEFAULT '本店') RETURNS integer LANGUAGE sql AS $$
	SELECT linecrm.receive_webhook(channel, convert_to(body, 'UTF8'), pg_temp.sign(convert_to(body, 'UTF8'))) $$;
SELECT pg_temp.sign(:'body') = :'signature' AS signs_as_line_does;

SET client_min_messages = error;
SELECT linecrm.save_channel('本店') IS NOT NULL AS saved;
SELECT linecrm.receive_webhook('本店', :'body', :'signature');
SELECT linecrm.set_credential('本店', 'channel_secret', :'secret');
RESET client_min_messages;

-- a good one; the account is learnt
SELECT linecrm.receive_webhook('本店', :'body', :'signature');
SELECT linecrm.receive_webhook(NULL, :'body', :'signature');
SELECT user_id FROM linecrm.channel;
-- bad ones: nothing is stored
SELECT linecrm.receive_webhook('本店', :'body', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=');
\echo :LAST_ERROR_SQLSTATE
SELECT linecrm.receive_webhook('本店', :'body', 'x');
SELECT linecrm.receive_webhook('本店', :'body', NULL);
SELECT linecrm.receive_webhook('本店', NULL, :'signature');
SELECT linecrm.receive_webhook('本点', :'body', :'signature');
SELECT pg_temp.post('{"destination":"U00000000000000000000000000000001","events":[{"type":"follow"}]}');
-- malformed, although signed
SELECT pg_temp.post(body) FROM (VALUES ('{"events":[{"type":"follow"}')) AS v (body);
\echo :LAST_ERROR_SQLSTATE
SELECT body, status, new_events, problem
FROM (VALUES (1, '{"events":[{"type":"follow"}'), (2, '[]'), (3, '{}'), (4, '{"events":{}}'), (5, '{"events":[1]}'), (6, '{"events":[{}],}'),
	(7, '{"events":[{}] "x":1}'), (8, '{"events":[{"type":"follow",}]}'), (9, '{"events":[{"type" "follow"}]}'), (10, '{"events":[{"a":[1,]}]}'),
	(11, '{"events":[{"a":01}]}'), (12, '{"events":[{"a":"\x"}]}'), (13, '{"events":[]} x'), (14, ''), (15, 'nonsense'),
	(16, '{"events":[{"a":"' || chr(10) || '"}]}'), (17, '{"events":[{"a":tru}]}'), (18, '{"events":[{"type":"follow"},null]}'),
	(19, '{"events":"x"}'), (20, '{"events":[{"a":"\u12"}]}')) AS v (nth, body),
	LATERAL linecrm.receive_webhooks(ARRAY['本店'], ARRAY[convert_to(body, 'UTF8')], ARRAY[pg_temp.sign(convert_to(body, 'UTF8'))])
ORDER BY nth;
SELECT what, status, new_events, problem
FROM (VALUES (1, 'not UTF-8', '\x7b226576656e7473223a5b7b2261223a22ff227d5d7d'::bytea), (2, 'surrogate in UTF-8', '\x7b226576656e7473223a5b7b2261223a22eda080227d5d7d'),
	(3, 'NUL byte', '\x7b226576656e7473223a5b7b2261223a2200227d5d7d'), (4, '4 MiB + 1', convert_to('{"events":[' || repeat(' ', 4 * 1024 * 1024 - 12) || ']}', 'UTF8')),
	(5, '4 MiB', convert_to('{"events":[' || repeat(' ', 4 * 1024 * 1024 - 13) || ']}', 'UTF8')),
	(6, 'deep', convert_to(repeat('[', 1000000), 'UTF8')), (7, 'deep inside', convert_to('{"events":[{"a":' || repeat('[', 1000000), 'UTF8')),
	(8, 'deep objects', convert_to('{"events":[' || repeat('{"a":', 500000), 'UTF8'))) AS v (nth, what, body),
	LATERAL linecrm.receive_webhooks(ARRAY['本店'], ARRAY[body], ARRAY[pg_temp.sign(body)])
ORDER BY nth;
SELECT count(*) FROM linecrm_internal.inbox;

-- what is stored: the event's own bytes, and the columns
CREATE TEMP TABLE said AS SELECT $json${ "destination" : "U8e742f61d673b39c7fff3cecb7536ef0", "new" : {"events":[1]}, "events" : [
	{"type":"message","mode":"active","timestamp":1462629479859,"source":{"type":"user","userId":"U4af4980629f74b36b1a9a0d2b2ddf6f7"},"webhookEventId":"01FZ74A0TDDPYRVKNK77XKC3ZR","deliveryContext":{"isRedelivery":true},"replyToken":"t","message":{"id":"1","type":"text","text":"\u0000 \ud83d \ud83d\ude00 \\u0000"}},
	{"type":"unknown","timestamp":1462629479859.5,"source":{"type":"group","groupId":"Ca56f94637c4000000000000000000000","userId":"U4af4980629f74b36b1a9a0d2b2ddf6f7"},"webhookEventId":"01FZ74A0TDDPYRVKNK77XKC3ZS"} ,
	{"ty\u0070e":"fol\u006cow","source":{"type":"user","userId":"u4af4980629f74b36b1a9a0d2b2ddf6f7"},"webhookEventId":7},
	{"type":1,"type":"join","source":{"type":"user","userId":"U4af4980629f74b36b1a9a0d2b2ddf6f7"},"source":{"type":"room","roomId":"R0"},"timestamp":-5,"webhookEventId":"id\u0000\ud800"},
	{"timestamp":99999999999999999999999999,"source":null,"deliveryContext":[],"webhookEventId":""},
	{"type":"far","timestamp":253402300799999,"webhookEventId":"far"},
	{}]}$json$ AS body;
SELECT pg_temp.post(body) FROM said;
SELECT event_type, source_type, user_id, chat_id, redelivered, webhook_event_id, event_at = received_at AS at_arrival
FROM linecrm_internal.inbox ORDER BY inbox_id;
SELECT (SELECT count(*) FROM linecrm_internal.inbox i WHERE position(i.raw IN convert_to(body, 'UTF8')) > 0) AS raw_found,
	(SELECT count(*) FROM linecrm_internal.inbox_waiting) AS waiting FROM said;
SELECT event_at, slot = linecrm_internal._month_slot(received_at) AS slot_of_arrival FROM linecrm_internal.inbox WHERE webhook_event_id = '01FZ74A0TDDPYRVKNK77XKC3ZR';
SELECT slot = linecrm_internal._month_slot(event_at) AS own_slot, webhook_event_id = encode(sha256(raw), 'hex') AS hash
FROM linecrm_internal.inbox WHERE raw = '{}';
SELECT linecrm_internal._event_json(raw) FROM linecrm_internal.inbox WHERE webhook_event_id = '01FZ74A0TDDPYRVKNK77XKC3ZR';
-- again, alone and with something new
SELECT pg_temp.post(body) FROM said;
SELECT pg_temp.post('{"events":[{"type":"far","webhookEventId":"far"},{"type":"new","webhookEventId":"new"},{"type":"new","webhookEventId":"new"},{}]}');
SELECT count(*), count(DISTINCT webhook_event_id) FROM linecrm_internal.inbox;
-- the slot follows the event's month, two months back as well as now
SELECT pg_temp.post(format('{"events":[{"webhookEventId":"old","timestamp":%s},{"webhookEventId":"now","timestamp":%s}]}',
	floor(extract(epoch FROM now() - interval '2 months') * 1000), floor(extract(epoch FROM now()) * 1000)));
SELECT webhook_event_id, slot = linecrm_internal._month_slot(event_at) AS own_slot, received_at - event_at > interval '50 days' AS old
FROM linecrm_internal.inbox WHERE webhook_event_id IN ('old', 'now') ORDER BY event_at;

-- many at once
SET client_min_messages = error;
SELECT linecrm.save_channel('大阪') IS NOT NULL AS saved, linecrm.save_channel('空') IS NOT NULL AS empty;
SELECT linecrm.set_credential('大阪', 'channel_secret', '00000000000000000000000000000000');
RESET client_min_messages;
CREATE TEMP TABLE batch AS SELECT nth, channel, convert_to(body, 'UTF8') AS body, pg_temp.sign(convert_to(body, 'UTF8'), secret) AS signature FROM (VALUES
	(1, '本店', '{"events":[{"webhookEventId":"a"},{"webhookEventId":"b"}]}', :'secret'),
	(2, '大阪', '{"events":[{"webhookEventId":"a"}]}', '00000000000000000000000000000000'),
	(3, '大阪', '{"events":[{"webhookEventId":"c"}]}', :'secret'),
	(4, '空', '{"events":[{"webhookEventId":"d"}]}', :'secret'),
	(5, '京都', '{"events":[{"webhookEventId":"e"}]}', :'secret'),
	(6, NULL, '{"events":[{"webhookEventId":"f"}]}', :'secret'),
	(7, '本店', '{"events":[{"webhookEventId":"b"},{"webhookEventId":"g"}]}', :'secret'),
	(8, ' 本店 ', '{"events":[', :'secret'),
	(9, '本店', NULL, :'secret'),
	(10, '本店', '{"events":[]}', :'secret')) AS v (nth, channel, body, secret);
SELECT * FROM linecrm.receive_webhooks((SELECT array_agg(channel ORDER BY nth) FROM batch), (SELECT array_agg(body ORDER BY nth) FROM batch), (SELECT array_agg(signature ORDER BY nth) FROM batch));
SELECT c.name, i.webhook_event_id FROM linecrm_internal.inbox i JOIN linecrm_internal.channel c USING (channel_id) WHERE length(webhook_event_id) = 1 ORDER BY inbox_id;
SELECT * FROM linecrm.receive_webhooks('{}', '{}', '{}');
SELECT * FROM linecrm.receive_webhooks(ARRAY['本店'], '{}', '{}');
SELECT * FROM linecrm.receive_webhooks(NULL, '{}', '{}');
-- a secret that cannot be opened is that channel's trouble
BEGIN;
UPDATE linecrm_internal.credential SET key_id = 'another' WHERE channel_id = (SELECT channel_id FROM linecrm_internal.channel WHERE name = '大阪');
UPDATE linecrm_internal.channel SET credential_version = -credential_version WHERE name = '大阪';
SELECT * FROM linecrm.receive_webhooks((SELECT array_agg(channel ORDER BY nth) FROM batch WHERE nth < 3), (SELECT array_agg(body ORDER BY nth) FROM batch WHERE nth < 3), (SELECT array_agg(signature ORDER BY nth) FROM batch WHERE nth < 3));
ROLLBACK;
-- a new secret counts at once, also after a rollback
BEGIN;
SELECT linecrm.set_credential('本店', 'channel_secret', '11111111111111111111111111111111');
SELECT linecrm.receive_webhook('本店', '{"events":[]}', pg_temp.sign('{"events":[]}', '11111111111111111111111111111111'));
ROLLBACK;
SELECT linecrm.receive_webhook('本店', '{"events":[]}', pg_temp.sign('{"events":[]}', '11111111111111111111111111111111'));
SELECT linecrm.set_credential('本店', 'channel_secret', '22222222222222222222222222222222');
SELECT linecrm.receive_webhook('本店', '{"events":[]}', pg_temp.sign('{"events":[]}', '11111111111111111111111111111111'));
SELECT linecrm.receive_webhook('本店', '{"events":[]}', pg_temp.sign('{"events":[]}', '22222222222222222222222222222222'));
SELECT linecrm.set_credential('本店', 'channel_secret', :'secret');

-- a hundred thousand events in one body
SELECT pg_temp.post('{"events":[' || string_agg(format('{"webhookEventId":"m%s"}', i), ',') || ']}') FROM generate_series(1, 100000) AS i;
SELECT count(*) FROM linecrm_internal.inbox_waiting WHERE webhook_event_id LIKE 'm%';

-- a role may receive for the channels it was given
SET client_min_messages = error;
DROP ROLE IF EXISTS regress_linecrm_gateway;
CREATE ROLE regress_linecrm_gateway;
GRANT USAGE ON SCHEMA linecrm TO regress_linecrm_gateway;
GRANT EXECUTE ON FUNCTION linecrm.receive_webhooks(text[], bytea[], text[]) TO regress_linecrm_gateway;
INSERT INTO linecrm_internal.access (role_name, profile, channel_id, granted_by) SELECT 'regress_linecrm_gateway', 'gateway', channel_id, current_user FROM linecrm_internal.channel WHERE name = '本店';
GRANT SELECT ON batch TO regress_linecrm_gateway;
RESET client_min_messages;
SET ROLE regress_linecrm_gateway;
SELECT * FROM linecrm.receive_webhooks((SELECT array_agg(channel ORDER BY nth) FROM batch WHERE nth < 3), (SELECT array_agg(body ORDER BY nth) FROM batch WHERE nth < 3), (SELECT array_agg(signature ORDER BY nth) FROM batch WHERE nth < 3));
RESET ROLE;
DROP OWNED BY regress_linecrm_gateway;
DROP ROLE regress_linecrm_gateway;
