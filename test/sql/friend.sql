-- Friends: directory, import, look-up, nickname, being forgotten, and the view.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;
RESET client_min_messages;
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('main', 'p', 'tester');
CREATE FUNCTION pg_temp.user_of(n integer) RETURNS linecrm.line_user_id LANGUAGE sql
AS $$ SELECT ('U' || lpad(to_hex(n), 32, '0'))::linecrm.line_user_id $$;

-- import: duplicates and NULL are harmless, the second time nothing is new
SELECT linecrm.import_friends(ARRAY[pg_temp.user_of(3), pg_temp.user_of(1), pg_temp.user_of(2), pg_temp.user_of(1), NULL]);
SELECT linecrm.import_friends(ARRAY[pg_temp.user_of(1), pg_temp.user_of(2), pg_temp.user_of(4)]);
SELECT linecrm.import_friends('{}');
SELECT linecrm.import_friends(NULL);
SELECT linecrm.import_friends(ARRAY['U123']::linecrm.line_user_id[]);
-- only missing ids draw a number
SELECT last_value FROM linecrm_internal.friend_id_seq;

-- the owner function of the directory: one row for each different id
SELECT * FROM linecrm_internal._friends_of_users(1, ARRAY[pg_temp.user_of(5), pg_temp.user_of(1), pg_temp.user_of(5), NULL], 'webhook') ORDER BY 1;
SELECT * FROM linecrm_internal._friends_of_users(1, '{}', 'webhook');
SELECT * FROM linecrm_internal._friends_of_users(1, NULL, 'webhook');
SELECT friend_id, user_id, status, origin FROM linecrm.friend ORDER BY 1;
SELECT linecrm.friend_of_user(pg_temp.user_of(4)), linecrm.friend_of_user(pg_temp.user_of(99)), linecrm.friend_of_user(NULL);

-- with two channels one must be named; the same person is another friend there
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('second', 'p', 'tester');
SELECT linecrm.import_friends(ARRAY[pg_temp.user_of(1)]);
SELECT linecrm.import_friends(ARRAY[pg_temp.user_of(1)], channel => 'secnd');
SELECT linecrm.import_friends(ARRAY[pg_temp.user_of(1)], channel => 'second');
SELECT linecrm.friend_of_user(pg_temp.user_of(1), channel => 'main'), linecrm.friend_of_user(pg_temp.user_of(1), channel => 'second');

-- nickname
SELECT linecrm.set_nickname(1, '  山田さん　');
SELECT nickname FROM linecrm.friend WHERE friend_id = 1;
SELECT linecrm.set_nickname(1, ' ');
SELECT nickname FROM linecrm.friend WHERE friend_id = 1;
SELECT linecrm.set_nickname(1, repeat('x', 101));
SELECT linecrm.set_nickname(4711, 'x');
SELECT linecrm.set_nickname(NULL, 'x');

-- forgetting: everything about the person is gone, counts and the number stay
SELECT linecrm.save_tag('vip', channel => 'main');
SELECT linecrm.add_tag(1, 'vip'), linecrm.add_tag(2, 'vip'), linecrm.link_member(1, 'M1');
INSERT INTO linecrm_internal.tap (friend_id, tapped_at, webhook_event_id, channel_id, data) VALUES (1, '2026-01-01', 'e1', 1, 'secret answer');
INSERT INTO linecrm_internal.inbox (slot, channel_id, webhook_event_id, event_at, event_type, source_type, user_id, redelivered, raw)
VALUES (0, 1, 'e1', '2026-01-01', 'message', 'user', pg_temp.user_of(1), false, '{"text":"hello from one"}'),
	(0, 1, 'e2', '2026-01-01', 'message', 'user', pg_temp.user_of(2), false, '{"text":"hello from two"}'),
	(0, 1, 'e3', '2026-01-01', 'memberJoined', 'group', NULL, false,
		convert_to(format('{"joined":["%s","%s"]}', pg_temp.user_of(1), pg_temp.user_of(2)), 'UTF8') || '\xff00');
INSERT INTO linecrm_internal.inbox_waiting (channel_id, event_at, inbox_id, slot, webhook_event_id)
SELECT i.channel_id, i.event_at, i.inbox_id, i.slot, i.webhook_event_id FROM linecrm_internal.inbox i;
INSERT INTO linecrm_internal.delivery (slot, delivery_id, channel_id, kind, class, friend_id, vars, created_by)
VALUES (0, 900, 1, 'push', 'transactional', 1, '{"name": "Mr One"}', 'tester'), (0, 901, 1, 'push', 'transactional', 2, '{"name": "Mr Two"}', 'tester');
INSERT INTO linecrm_internal.content (slot, content_id, channel_id, body, digest)
VALUES (0, 900, 1, 'Dear Mr One', 'd1'), (0, 901, 1, 'Dear Mr Two', 'd2'), (0, 902, 1, 'Dear all', 'd3');
INSERT INTO linecrm_internal.request (slot, request_id, channel_id, delivery_slot, delivery_id, kind, lane, content_slot, content_id, friend_id, friends)
VALUES (0, 900, 1, 0, 900, 'push', 1, 0, 900, 1, 1), (0, 901, 1, 0, 901, 'push', 1, 0, 901, 2, 1),
	(0, 902, 1, 0, 900, 'push', 1, 0, 902, 1, 1), (0, 903, 1, 0, 900, 'push', 1, 0, 902, 2, 1);
INSERT INTO linecrm_internal.request (slot, request_id, channel_id, delivery_slot, delivery_id, kind, lane, recipients, first_friend, last_friend, friends)
VALUES (0, 904, 1, 0, 901, 'multicast', 1, '{1-3}', 1, 3, 3), (0, 905, 1, 0, 901, 'multicast', 1, '{2-4}', 2, 4, 3);
INSERT INTO linecrm_internal.outcome (slot, request_id, channel_id, outcome, friends, attempts)
SELECT q.slot, q.request_id, q.channel_id, 'accepted', q.friends, 1 FROM linecrm_internal.request q;

SELECT what, detail, delivery_id FROM linecrm.friend_timeline(1) ORDER BY what, detail COLLATE "C", delivery_id;
SELECT what FROM linecrm.friend_timeline(4711);
SELECT linecrm.forget_friend(1);
SELECT linecrm.forget_friend(1);
SELECT friend_id FROM linecrm.friend WHERE channel = 'main' ORDER BY 1;
SELECT friend_id FROM linecrm.friend_tag ORDER BY 1;
SELECT linecrm.tag_set('vip', channel => 'main');
SELECT count(*) FROM linecrm.tap;
SELECT friend_id, member_id, linked, reason FROM linecrm_internal.member_link_history ORDER BY history_id;
SELECT count(*) FROM linecrm_internal.friend_tag_history WHERE friend_id = 1;
SELECT webhook_event_id, user_id, encode(raw, 'escape') FROM linecrm_internal.inbox ORDER BY 1;
SELECT webhook_event_id FROM linecrm_internal.inbox_waiting ORDER BY 1;
SELECT delivery_id, vars FROM linecrm_internal.delivery ORDER BY 1;
SELECT content_id, convert_from(body, 'UTF8') FROM linecrm_internal.content ORDER BY 1;
SELECT action, object, friends FROM linecrm_internal.audit WHERE action = 'forget_friend';
-- a person who comes back is a new friend
SELECT linecrm.import_friends(ARRAY[pg_temp.user_of(1)], channel => 'main');
SELECT linecrm.friend_of_user(pg_temp.user_of(1), channel => 'main') > 6 AS new_number;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT linecrm.forget_friend(2);
ROLLBACK;

-- a column that nobody asks for costs nothing
EXPLAIN (COSTS OFF) SELECT friend_id FROM linecrm.friend WHERE status = 'following';

SELECT item, detail FROM linecrm.check_integrity() WHERE NOT ok;
-- and it finds what is wrong
BEGIN;
DELETE FROM linecrm_internal.friend_directory WHERE friend_id = 2;
INSERT INTO linecrm_internal.friend_directory VALUES (1, pg_temp.user_of(77), 77);
INSERT INTO linecrm_internal.friend_tag (friend_id, tag_id, channel_id, origin) VALUES (3, 1, 1, 'person'), (88, 1, 1, 'person');
INSERT INTO linecrm_internal.member_link (friend_id, channel_id, member_id, method, linked_by) VALUES (3, 1, '12', 'manual', 'tester');
INSERT INTO linecrm_internal.tap (friend_id, tapped_at, webhook_event_id, channel_id, data) VALUES (99, '2026-01-01', 'e1', 1, '');
DELETE FROM linecrm_internal.content WHERE content_id = 901;
DELETE FROM linecrm_internal.outcome WHERE request_id = 902;
DELETE FROM linecrm_internal.request WHERE request_id = 903;
DELETE FROM linecrm_internal.inbox WHERE webhook_event_id = 'e2';
SELECT item, detail FROM linecrm.check_integrity() WHERE NOT ok;
ROLLBACK;
