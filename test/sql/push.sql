-- push: one message to one person in the owner's transaction; what goes wrong is a reason, not an error.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;
RESET client_min_messages;
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('main', 'p', 'tester');
INSERT INTO linecrm_internal.friend (friend_id, channel_id, user_id, status, last_message_at, preferences)
SELECT i, 1, ('U' || lpad(to_hex(i), 32, '0'))::linecrm.line_user_id, CASE WHEN i IN (3, 4) THEN 'blocked' WHEN i = 2 THEN 'unknown' ELSE 'following' END,
	CASE i WHEN 3 THEN now() - interval '8 days' WHEN 4 THEN now() - interval '6 days' END,
	CASE i WHEN 5 THEN '{"marketing": false}' ELSE '{}' END::jsonb
FROM generate_series(1, 9) AS i;
INSERT INTO linecrm_internal.member_directory (channel_id, member_id, friend_id) VALUES (1, '4711', 1), (1, 'M-2', 2);
SELECT linecrm.save_message('shipped', linecrm.text_message('{{name|Dear}}, order {{no}} is on its way'));
CREATE VIEW pg_temp.pushes AS
	SELECT row_number() OVER (ORDER BY d.delivery_id) AS n, d.kind, d.class, d.key, d.friend_id, d.reason, d.detail, d.held_reason, d.named, d.recipients,
		r.kind AS request, r.lane, r.friends, r.retry_key IS NOT NULL AS keyed, convert_from(c.body, 'UTF8') AS body,
		CASE WHEN o.request_id IS NOT NULL THEN 'outbox' WHEN w.request_id IS NOT NULL THEN 'waiting' END AS queue
	FROM linecrm_internal.delivery d
	LEFT JOIN linecrm_internal.request r ON r.delivery_id = d.delivery_id
	LEFT JOIN linecrm_internal.content c ON c.slot = r.content_slot AND c.content_id = r.content_id
	LEFT JOIN linecrm_internal.outbox o ON o.request_id = r.request_id
	LEFT JOIN linecrm_internal.outbox_waiting w ON w.request_id = r.request_id;

-- commit: queued; rollback: never existed
BEGIN;
SELECT linecrm.push(1, 'shipped', '{"no": 17}') > 0 AS sent;
ROLLBACK;
SELECT count(*) FROM pg_temp.pushes;
SELECT linecrm.push(1, 'shipped', '{"no": 17, "name": "田中"}') > 0 AS sent;
SELECT linecrm.push(2, messages => linecrm.text_message('hello'), class => 'chat') > 0 AS sent;
-- to be sent later
SELECT linecrm.push(1, messages => linecrm.text_message('later'), at => now() + interval '1 hour', not_after => now() + interval '2 hours') > 0 AS sent;
-- members: text, numbers, unknown literals
SELECT linecrm.push_member('4711', 'shipped', '{"no": 1}') > 0 AS sent;
SELECT linecrm.push_member(4711, 'shipped', '{"no": 2}') > 0 AS sent;
SELECT linecrm.push_member(4711::bigint, 'shipped', '{"no": 3}') > 0 AS sent;
SELECT linecrm.push_member('M-2'::varchar, 'shipped', '{"no": 4}') > 0 AS sent;
SELECT linecrm.push_member(m, 'shipped', vars => '{"no": 5}') > 0 AS sent FROM (VALUES (4711::smallint)) AS t(m);
-- somebody who blocked but wrote within seven days
SELECT linecrm.push(4, 'shipped', '{"no": 18}') > 0 AS sent;
SELECT * FROM pg_temp.pushes ORDER BY n \gx

-- what goes wrong
SELECT max(delivery_id) AS before FROM linecrm_internal.delivery \gset
SELECT linecrm.push(NULL, 'shipped', '{"no": 1}') > 0 AS recorded;
SELECT linecrm.push(99, 'shipped', '{"no": 1}') > 0 AS recorded;
SELECT linecrm.push(3, 'shipped', '{"no": 1}') > 0 AS recorded;
SELECT linecrm.push(5, 'shipped', '{"no": 1}', class => 'marketing') > 0 AS recorded;
SELECT linecrm.push(5, 'shipped', '{"no": 1}', class => 'urgent') > 0 AS recorded;
SELECT linecrm.push(1, 'shiped', '{"no": 1}') > 0 AS recorded;
SELECT linecrm.push(1, 'shipped') > 0 AS recorded;
SELECT linecrm.push(1, 'shipped', NULL) > 0 AS recorded;
SELECT linecrm.push(1) > 0 AS recorded;
SELECT linecrm.push(1, 'shipped', messages => linecrm.text_message('x')) > 0 AS recorded;
SELECT linecrm.push(1, messages => '[]') > 0 AS recorded;
SELECT linecrm.push(1, messages => linecrm.text_message('{{t}}'), vars => jsonb_build_object('t', repeat('x', 5001))) > 0 AS recorded;
SET client_min_messages = error;
SELECT linecrm.push(1, 'shipped', '{"no": 1}', not_after => now() - interval '1 second') > 0 AS recorded;
RESET client_min_messages;
SELECT linecrm.push(1, 'shipped', '{"no": 1}', key => '123') > 0 AS recorded;
SELECT linecrm.push_member(NULL::text, 'shipped', '{"no": 1}') > 0 AS recorded;
SELECT linecrm.push_member('nobody', 'shipped', '{"no": 1}') > 0 AS recorded;
SELECT linecrm.push_member('4711', 'shipped', '{"no": 1}', channel => 'mian') AS unrecordable;
SELECT reason, regexp_replace(detail, '\d{4}-.*', '(time)') AS detail, friend_id, class, named, recipients, finished_at IS NOT NULL AS finished
FROM linecrm_internal.delivery WHERE delivery_id > :before ORDER BY delivery_id;
SELECT count(*) FROM linecrm_internal.request r WHERE r.delivery_id > :before;
-- strict: an error
SELECT linecrm.push(3, 'shipped', '{"no": 1}', strict => true);
SELECT linecrm.push(1, 'shiped', '{"no": 1}', strict => true);
SELECT linecrm.push_member('4711', 'shipped', '{"no": 1}', channel => 'mian', strict => true);
-- a trigger's transaction goes on
CREATE TABLE orders (id int, member_id int);
CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN PERFORM linecrm.push_member(NEW.member_id, 'shipped', jsonb_build_object('no', NEW.id), key => format('ship:%s', NEW.id)); RETURN NULL; END $$;
CREATE TRIGGER told AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION told();
INSERT INTO orders VALUES (1, 4711), (2, 4712);
SELECT count(*) FROM orders;
DROP TABLE orders;
DROP FUNCTION told();

-- keys: the same again is the earlier delivery, whatever the time; other arguments are not sent
SELECT linecrm.push(1, 'shipped', '{"no": 7}', key => 'ship:7', at => now()) AS first_one \gset
SELECT linecrm.push(1, 'shipped', '{"no": 7}', key => 'ship:7', at => now()) = :first_one AS same;
SELECT linecrm.push(1, 'shipped', '{"no": 7}', key => '  ｓhip:7 ', at => now()) = :first_one AS same;
SELECT linecrm.push(1, 'shipped', '{"no": 7}', key => 'ship:7', strict => true) = :first_one AS same;
SELECT linecrm.push(1, 'shipped', '{"no": 8}', key => 'ship:7') = :first_one AS same \gset
SELECT :'same' AS same;
SELECT linecrm.push(1, 'shipped', '{"no": 8}', key => 'ship:7', strict => true) \gset
SELECT linecrm.push(1, 'shipped', '{"no": 7}', key => 'ship:7', at => now() + interval '1 day') = :first_one AS same \gset
SELECT linecrm.push_member('4711', 'shipped', '{"no": 7}', key => 'ship:7') = :first_one AS same \gset
SELECT count(*) FROM linecrm_internal.request r JOIN linecrm_internal.delivery d USING (delivery_id) WHERE d.key = 'ship:7';
-- a failed one is the answer too
SELECT linecrm.push(3, 'shipped', '{"no": 9}', key => 'ship:9') AS failed_one \gset
UPDATE linecrm_internal.friend SET status = 'following' WHERE friend_id = 3;
SELECT linecrm.push(3, 'shipped', '{"no": 9}', key => 'ship:9') = :failed_one AS same;

-- more than push_burst by one transaction: the rest is held, one warning
SET linecrm.push_burst = 3;
BEGIN;
SELECT count(linecrm.push(1, messages => linecrm.text_message('burst ' || i))) FROM generate_series(1, 6) AS i;
COMMIT;
SELECT count(linecrm.push(1, messages => linecrm.text_message('calm ' || i))) FROM generate_series(1, 3) AS i;
SELECT c.body, d.held_reason, d.held_detail FROM (SELECT slot, content_id, convert_from(body, 'UTF8') AS body FROM linecrm_internal.content) AS c
JOIN linecrm_internal.request r ON r.content_slot = c.slot AND r.content_id = c.content_id JOIN linecrm_internal.delivery d USING (delivery_id)
WHERE c.body ~ 'burst|calm' ORDER BY d.delivery_id;
RESET linecrm.push_burst;
-- a role without rights gets an error
CREATE ROLE regress_nobody;
GRANT USAGE ON SCHEMA linecrm TO regress_nobody;
GRANT EXECUTE ON FUNCTION linecrm.push(bigint, text, jsonb, text, jsonb, linecrm.moment, linecrm.moment, text, boolean) TO regress_nobody;
SET ROLE regress_nobody;
SELECT linecrm.push(1, 'shipped', '{"no": 1}');
SELECT linecrm.push(NULL, 'shipped', '{"no": 1}');
RESET ROLE;
DROP OWNED BY regress_nobody;
DROP ROLE regress_nobody;
-- what a burst held goes on with the statement of its hint
SELECT sum(linecrm.resume(delivery_id)) FROM linecrm.delivery_progress WHERE held_reason = 'push_burst';
SELECT count(*) FROM linecrm.delivery_progress WHERE state = 'held';
SELECT state, reason, count(*) FROM linecrm.recipient_outcome WHERE delivery_id IN (SELECT delivery_id FROM linecrm.delivery_progress WHERE kind = 'push') GROUP BY 1, 2 ORDER BY 1, 2;
