-- From events to friends, taps and tags; answers of LINE.
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
CREATE FUNCTION pg_temp.post(VARIADIC events text[]) RETURNS integer LANGUAGE sql AS $$
	SELECT linecrm.receive_webhook('本店', body, pg_temp.sign(body))
	FROM (SELECT convert_to('{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[' || array_to_string(events, ',') || ']}', 'UTF8') AS body) AS b $$;
-- an event of a person (by number) some seconds after a time of reference
SELECT set_config('test.base', date_trunc('hour', now())::text, false) IS NOT NULL AS set;
CREATE FUNCTION pg_temp.event(type text, person integer, second integer, more text DEFAULT '', source text DEFAULT '"type":"user"') RETURNS text LANGUAGE sql AS $$
	SELECT format('{"type":"%s","mode":"active","timestamp":%s,"source":{%s,"userId":"U%s"},"webhookEventId":"E-%s-%s-%s"%s}',
		type, floor(extract(epoch FROM current_setting('test.base')::timestamptz)) * 1000 + second * 1000, source, lpad(to_hex(person), 32, '0'), type, person, second, more) $$;
CREATE FUNCTION pg_temp.text_event(person integer, second integer, said text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.event('message', person, second, format(',"message":{"id":"1","type":"text","text":%s}', to_json(said))) $$;
CREATE FUNCTION pg_temp.postback(person integer, second integer, data text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.event('postback', person, second, format(',"postback":{"data":%s,"params":{"date":"2026-01-31"}}', to_json(data))) $$;
CREATE FUNCTION pg_temp.second_of(at timestamptz) RETURNS integer LANGUAGE sql AS 'SELECT extract(epoch FROM at - current_setting(''test.base'')::timestamptz)::integer';
CREATE VIEW pg_temp.seen AS SELECT right(user_id::text, 2) AS person, status, pg_temp.second_of(status_at) AS status_s, pg_temp.second_of(followed_at) AS followed_s,
	pg_temp.second_of(blocked_at) AS blocked_s, pg_temp.second_of(last_message_at) AS wrote_s FROM linecrm_internal.friend;
CREATE VIEW pg_temp.tagged AS SELECT right(f.user_id::text, 2) AS person, t.name, ft.origin
	FROM linecrm_internal.friend_tag ft JOIN linecrm_internal.friend f USING (friend_id) JOIN linecrm_internal.tag t USING (tag_id);

SELECT linecrm.save_channel('本店') IS NOT NULL AS saved;
SELECT linecrm.set_credential('本店', 'channel_secret', '8c570fa6dd201bb328f1c1eac23a96d8');
SELECT linecrm.save_tag('新規', on_follow => true) IS NOT NULL AS a, linecrm.save_tag('メニュー希望', on_text => ARRAY['メニュー', 'MENU']) IS NOT NULL AS b,
	linecrm.save_tag('予約', on_postback => ARRAY['reserve', 'book:%']) IS NOT NULL AS c;

-- follow, text, postback, block; an event of a group makes nobody a friend; unknown types and odd sources are kept
SELECT pg_temp.post(
	pg_temp.event('follow', 1, 10), pg_temp.text_event(1, 20, ' ﾒﾆｭｰ '), pg_temp.postback(1, 30, 'book:2026-01-31'),
	pg_temp.event('unfollow', 2, 40), pg_temp.text_event(3, 50, 'menu'), pg_temp.text_event(3, 51, 'こんにちは'),
	pg_temp.event('message', 4, 60, '', '"type":"group","groupId":"C00000000000000000000000000000001"'),
	pg_temp.event('beacon', 5, 70), pg_temp.event('newThing', 6, 80), pg_temp.postback(7, 90, 'linecrm:42:はい'),
	'{"type":"accountLink","webhookEventId":"nobody"}', '{"type":"follow","source":{"type":"user","userId":"Uzzz"},"webhookEventId":"no id"}');
SELECT linecrm.process_inbox();
SELECT linecrm.process_inbox();
SELECT * FROM pg_temp.seen ORDER BY person;
SELECT * FROM pg_temp.tagged ORDER BY person, name COLLATE "C";
SELECT right(f.user_id::text, 2) AS person, s.status, pg_temp.second_of(s.changed_at) AS s, s.origin FROM linecrm_internal.friend_status s JOIN linecrm_internal.friend f USING (friend_id) ORDER BY 1, 3;
SELECT right(f.user_id::text, 2) AS person, pg_temp.second_of(t.tapped_at) AS s, t.data, t.params, t.delivery_id, t.button FROM linecrm_internal.tap t JOIN linecrm_internal.friend f USING (friend_id) ORDER BY 1;
SELECT (SELECT count(*) FROM linecrm_internal.inbox_waiting) AS waiting, (SELECT count(*) FROM linecrm_internal.inbox_error) AS errors, (SELECT count(*) FROM linecrm_internal.inbox) AS kept;

-- what is late changes nothing, and does nothing; redelivery neither
SELECT linecrm.save_tag('常連', on_text => ARRAY['また来た']) IS NOT NULL AS saved;
SELECT pg_temp.post(pg_temp.event('follow', 8, 100), pg_temp.event('unfollow', 8, 200));
SELECT linecrm.process_inbox();
SELECT pg_temp.post(pg_temp.event('follow', 8, 100), pg_temp.event('unfollow', 8, 150), pg_temp.text_event(8, 160, 'また来た'), pg_temp.event('follow', 8, 170));
SELECT linecrm.process_inbox();
SELECT * FROM pg_temp.seen WHERE person = '08';
SELECT * FROM pg_temp.tagged WHERE person = '08';
SELECT s.status, pg_temp.second_of(s.changed_at) AS s FROM linecrm_internal.friend_status s JOIN linecrm_internal.friend f USING (friend_id) WHERE f.user_id::text = 'U00000000000000000000000000000008' ORDER BY 2;
-- a follow that arrives after the first words of the same person still greets
SELECT pg_temp.post(pg_temp.text_event(9, 20, 'あ'));
SELECT linecrm.process_inbox();
SELECT pg_temp.post(pg_temp.event('follow', 9, 10));
SELECT linecrm.process_inbox();
SELECT * FROM pg_temp.seen NATURAL JOIN pg_temp.tagged WHERE person = '09';

-- any order of arrival, any cut into batches, with repeats: the same state
CREATE TEMP TABLE story (nth integer, event text);
INSERT INTO story SELECT row_number() OVER (), pg_temp.event(CASE (i * 7) % 3 WHEN 0 THEN 'follow' WHEN 1 THEN 'unfollow' ELSE 'message' END, 100 + i % 10, 300 + i)
FROM generate_series(1, 60) AS i;
CREATE TEMP TABLE ends AS SELECT NULL::integer AS run, s.* FROM pg_temp.seen s WHERE false;
DO $$
DECLARE
	this_part integer;
BEGIN
	FOR run IN 1..6 LOOP
		BEGIN
			PERFORM setseed(run / 10.0);
			CREATE TEMP TABLE shuffled ON COMMIT DROP AS
				SELECT event, (row_number() OVER (ORDER BY CASE run WHEN 1 THEN nth WHEN 2 THEN -nth ELSE random() END) - 1) / (run * 3) AS part
				FROM (SELECT * FROM story UNION ALL SELECT * FROM story WHERE nth % 4 = 0) AS s;
			FOR this_part IN SELECT DISTINCT s.part FROM shuffled s ORDER BY 1 LOOP
				PERFORM pg_temp.post(VARIADIC ARRAY(SELECT s.event FROM shuffled s WHERE s.part = this_part));
				PERFORM linecrm.process_inbox();
			END LOOP;
			RAISE EXCEPTION USING ERRCODE = 'LC001', MESSAGE = (SELECT json_agg(s ORDER BY s.person) FROM pg_temp.seen s WHERE s.person > '60');
		EXCEPTION WHEN SQLSTATE 'LC001' THEN
			INSERT INTO ends SELECT run, s.* FROM json_populate_recordset(NULL::pg_temp.seen, SQLERRM::json) AS s;
		END;
	END LOOP;
END
$$;
SELECT count(DISTINCT run) AS runs, count(DISTINCT person) AS people, count(DISTINCT (person, status, status_s, followed_s, blocked_s, wrote_s)) AS states FROM ends;

-- a poisonous event is set aside with its error and holds up nobody
SELECT pg_temp.post(VARIADIC ARRAY(SELECT CASE WHEN i = 77 THEN pg_temp.event('postback', 20, 77, ',"postback":{"data":1e999999}') ELSE pg_temp.event('follow', 20, i) END FROM generate_series(1, 150) AS i));
SELECT linecrm.process_inbox(100);
SELECT linecrm.process_inbox();
SELECT * FROM pg_temp.seen WHERE person = '14';
SELECT e.webhook_event_id, e.sqlstate, e.error, e.tries, i.event_type FROM linecrm_internal.inbox_error e JOIN linecrm_internal.inbox i USING (slot, channel_id, webhook_event_id);
SELECT linecrm.retry_inbox_errors('follow');
SELECT linecrm.retry_inbox_errors();
SELECT linecrm.process_inbox();
SELECT count(*) FROM linecrm_internal.inbox_error;
SELECT linecrm.process_inbox(0);
-- trouble that is nobody's fault is not the event's: the turn fails and nothing is lost
CREATE FUNCTION pg_temp.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'no space'; END $$;
SELECT pg_temp.post(pg_temp.event('follow', 21, 1));
BEGIN;
CREATE TRIGGER full_disk BEFORE UPDATE ON linecrm_internal.friend FOR EACH ROW EXECUTE FUNCTION pg_temp.full_disk();
SELECT linecrm.process_inbox();
ROLLBACK;
SELECT (SELECT count(*) FROM linecrm_internal.inbox_waiting) AS waiting, (SELECT count(*) FROM linecrm_internal.inbox_error) AS errors;
SELECT linecrm_internal._process_inbox_turn();
SELECT linecrm_internal._process_inbox_turn();
-- hostile strings become storable ones
SELECT pg_temp.post(replace(pg_temp.postback(22, 1, 'NUL'), 'NUL', 'a\u0000b\ud800c'));
SELECT linecrm.process_inbox();
SELECT data FROM linecrm_internal.tap WHERE data LIKE 'a%';

-- asking LINE, and its answers
CREATE FUNCTION pg_temp.answer(kind text, status integer, answer text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO linecrm_internal.completion (slot, request_id, channel_id, kind, http_status, answer)
	SELECT r.slot, r.request_id, r.channel_id, r.kind, answer.status, convert_to(answer.answer, 'UTF8') FROM linecrm_internal.request r
	WHERE r.kind = answer.kind ORDER BY r.request_id DESC LIMIT 1;
	RETURN linecrm_internal._complete_turn();
END $$;
SELECT linecrm.refresh_channel();
SELECT linecrm.refresh_profile(friend_id) IS NOT NULL AS asked, linecrm.show_loading(friend_id) IS NOT NULL AS shown FROM linecrm_internal.friend WHERE user_id::text = 'U00000000000000000000000000000001';
SELECT linecrm.show_loading(friend_id, 7) FROM linecrm_internal.friend WHERE user_id::text = 'U00000000000000000000000000000001';
SELECT linecrm.refresh_profile(4000000000);
SELECT r.kind, r.lane, r.params, convert_from(c.body, 'UTF8') AS body, count(o.*) AS queued FROM linecrm_internal.request r
LEFT JOIN linecrm_internal.content c ON c.slot = r.content_slot AND c.content_id = r.content_id LEFT JOIN linecrm_internal.outbox o ON o.request_id = r.request_id
GROUP BY r.request_id, 1, 2, 3, 4 ORDER BY r.request_id;
SELECT pg_temp.answer('profile', 200, '{"userId":"U00000000000000000000000000000001","displayName":"山田\ud83d\ude00\u0000","pictureUrl":"https://example.com/p","language":"ja"}');
SELECT display_name, picture_url, status_message, language, profile_at IS NOT NULL AS asked FROM linecrm_internal.friend WHERE user_id::text = 'U00000000000000000000000000000001';
SELECT pg_temp.answer('profile', 404, '{"message":"Not found"}');
SELECT display_name FROM linecrm_internal.friend WHERE user_id::text = 'U00000000000000000000000000000001';
SELECT pg_temp.answer('quota', 200, '{"type":"limited","value":1000}'), pg_temp.answer('consumption', 200, '{"totalUsage":990}'),
	pg_temp.answer('bot_info', 200, '{"userId":"U8e742f61d673b39c7fff3cecb7536ef0","basicId":"@216ru...","displayName":"Example","chatMode":"chat"}'), pg_temp.answer('loading', 202, '{}');
SELECT quota_type, quota_limit, quota_used, basic_id, display_name FROM linecrm_internal.channel;
-- the monthly limit ends with a grown quota or a new month, not with the same answer again
UPDATE linecrm_internal.channel SET held_reason = 'monthly_limit', held_at = now();
SELECT pg_temp.answer('quota', 200, '{"type":"limited","value":1000}'), pg_temp.answer('consumption', 200, '{"totalUsage":1000}');
SELECT held_reason FROM linecrm.channel;
SELECT pg_temp.answer('consumption', 200, '{"totalUsage":3}');
SELECT held_reason FROM linecrm.channel;
SELECT pg_temp.answer('quota', 200, '{"type":"none"}');
SELECT quota_type, quota_limit, quota_used FROM linecrm_internal.channel;
-- an answer that cannot be used: five tries, then it is parked with the error
SELECT pg_temp.answer('bot_info', 200, '{"userId":"U00000000000000000000000000000000","basicId":"@other"}');
SELECT linecrm_internal._complete_turn() FROM generate_series(1, 5);
SELECT kind, tries, error, parked_at IS NOT NULL AS parked FROM linecrm_internal.completion;
-- a kind that nobody waits for
SELECT pg_temp.answer('loading', 500, '');
SELECT count(*) FROM linecrm_internal.completion;
