-- ID links: rules of proof, history, look-up by any key type, and joins with the owner's members.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;
RESET client_min_messages;
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('main', 'p', 'tester');
CREATE FUNCTION pg_temp.user_of(n integer) RETURNS linecrm.line_user_id LANGUAGE sql
AS $$ SELECT ('U' || lpad(to_hex(n), 32, '0'))::linecrm.line_user_id $$;
SELECT linecrm.import_friends((SELECT array_agg(pg_temp.user_of(n)) FROM generate_series(1, 100) AS n));

-- the same again changes nothing, better proof is noted
SELECT linecrm.link_member(1, '4711'), linecrm.link_member(1, ' 4711 '), linecrm.link_member(1, '4711', 'code'), linecrm.link_member(1, '4711', 'csv');
SELECT friend_id, member_id, member_no, method FROM linecrm.member_link;
-- weaker proof does not displace stronger: neither the member's friend nor the friend's member
SELECT linecrm.link_member(2, '4711');
SELECT linecrm.link_member(1, '4712', 'csv');
-- equal or stronger does
SELECT linecrm.link_member(2, '4711', 'code');
SELECT linecrm.link_member(2, '007', 'login');
SELECT linecrm.link_member(3, '4711', 'csv');
-- both ends at once: friend 2 leaves 007 and friend 3 loses 4711
SELECT linecrm.link_member(2, '4711', 'account_link');
SELECT friend_id, member_id, member_no, method FROM linecrm.member_link ORDER BY 1;
SELECT * FROM linecrm_internal.member_directory ORDER BY 2;
SELECT friend_id, member_id, linked, method, reason FROM linecrm_internal.member_link_history ORDER BY history_id;

-- wrong input
SELECT linecrm.link_member(2, '47', 'hearsay');
SELECT linecrm.link_member(2, '47', NULL);
SELECT linecrm.link_member(2, ' ');
SELECT linecrm.link_member(2, NULL);
SELECT linecrm.link_member(2, repeat('9', 201));
SELECT linecrm.link_member(4711, '47');
SELECT linecrm.link_member(NULL, '47');

-- any key type of the owner
SELECT linecrm.link_member(10, '10a7e2b4-0000-4000-8000-000000000001', 'csv'), linecrm.link_member(11, '-5'), linecrm.link_member(12, '9223372036854775807'), linecrm.link_member(13, '9223372036854775808');
SELECT linecrm.friend_of_member('4711') AS by_literal, linecrm.friend_of_member(4711) AS by_integer, linecrm.friend_of_member(4711::bigint) AS by_bigint,
	linecrm.friend_of_member('4711'::varchar(9)) AS by_varchar, linecrm.friend_of_member('10A7E2B4-0000-4000-8000-000000000001'::uuid) AS by_uuid,
	linecrm.friend_of_member(9223372036854775807) AS by_largest, linecrm.friend_of_member(NULL) AS nobody, linecrm.friend_of_member(NULL::integer) AS nobody_either,
	linecrm.friend_of_member(1) AS not_linked;
SELECT m, linecrm_internal._member_no(m) FROM unnest(ARRAY['0', '-0', '00', '007', '-5', '+5', '5 ', '12a', '', '9223372036854775807', '9223372036854775808',
	'-9223372036854775808', '-9223372036854775809', '99999999999999999999']) AS m;

-- unlinking, by friend and by member
SELECT linecrm.unlink_member(10), linecrm.unlink_member(10), linecrm.unlink_member(member_id => ' -5'), linecrm.unlink_member(member_id => '-5');
SELECT linecrm.unlink_member(4711);
SELECT linecrm.link_member(2, '48');
SELECT linecrm.unlink_member(2), linecrm.link_member(2, '48');

-- one friend a member in each channel
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('second', 'p', 'tester');
SELECT linecrm.import_friends(ARRAY[pg_temp.user_of(1)], channel => 'second');
SELECT linecrm.link_member(linecrm.friend_of_user(pg_temp.user_of(1), 'second'), '48');
SELECT linecrm.friend_of_member('48');
SELECT linecrm.friend_of_member(48, 'main') = 2 AS here, linecrm.friend_of_member(48, channel => 'second') = linecrm.friend_of_user(pg_temp.user_of(1), 'second') AS there;

-- joins with the owner's table use its index, whatever the type of its key
SELECT linecrm.link_member(n, n::text) FROM generate_series(20, 90) AS n LIMIT 1;
CREATE TABLE members (id integer PRIMARY KEY, code text UNIQUE);
INSERT INTO members SELECT n, n::text FROM generate_series(1, 20000) AS n;
ANALYZE members;
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT l.friend_id FROM linecrm.member_link l JOIN members m ON m.id = l.member_no;
EXPLAIN (COSTS OFF) SELECT f.friend_id FROM linecrm.friend f JOIN members m ON m.code = f.member_id WHERE m.id = 48;
RESET enable_seqscan; RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_bitmapscan;
SELECT f.friend_id, f.channel, f.member_id, f.member_no FROM linecrm.friend f JOIN members m ON m.id = f.member_no WHERE f.channel = 'main' AND m.id < 50 ORDER BY 1;

-- a role of another channel may not link, unlink or look
CREATE ROLE regress_people;
INSERT INTO linecrm_internal.access (role_name, profile, channel_id, granted_by) VALUES ('regress_people', 'operator', 2, 'tester');
GRANT USAGE ON SCHEMA linecrm TO regress_people;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA linecrm TO regress_people;
SET ROLE regress_people;
SELECT linecrm.link_member(1, '1');
SELECT linecrm.unlink_member(2);
SELECT linecrm.friend_of_member(48, channel => 'main');
SELECT linecrm.unlink_member(member_id => '48');
RESET ROLE;
SELECT friend_id, member_id, changed_by FROM linecrm_internal.member_link_history WHERE NOT linked ORDER BY history_id DESC LIMIT 1;
DROP OWNED BY regress_people;
DROP ROLE regress_people;
DROP TABLE members;
SELECT item, detail FROM linecrm.check_integrity() WHERE NOT ok;
