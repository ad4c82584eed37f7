\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning; DROP EXTENSION IF EXISTS linecrm CASCADE; CREATE EXTENSION linecrm; RESET client_min_messages;
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE ROLE regress_analyst; CREATE ROLE regress_colleague; CREATE ROLE regress_team; CREATE ROLE regress_admin; CREATE ROLE regress_reader;
CREATE SCHEMA shop;
CREATE TABLE shop.members (id bigint PRIMARY KEY, friend_id bigint, city text, birthday date);
INSERT INTO linecrm_internal.channel (channel_id, name, provider, created_by, time_zone) VALUES (1, 'a', 'p', 'x', 'Asia/Tokyo'), (2, 'b', 'p', 'x', 'Asia/Tokyo');
INSERT INTO linecrm_internal.friend (friend_id, channel_id, user_id)
	SELECT i, CASE WHEN i <= 10 THEN 1 ELSE 2 END, ('U' || lpad(i::text, 32, '0'))::linecrm.line_user_id FROM generate_series(1, 12) i;
INSERT INTO shop.members SELECT i, i, CASE WHEN i % 2 = 0 THEN 'osaka' ELSE 'kyoto' END, '2000-01-01' FROM generate_series(1, 12) i;
SELECT linecrm.grant_access('regress_analyst', 'analyst', channel => 'a') > 0,
	linecrm.grant_access('regress_colleague', 'analyst', channel => 'a') > 0,
	linecrm.grant_access('regress_admin', 'admin', channel => 'a') > 0,
	linecrm.grant_access('regress_reader', 'reader', channel => 'a') > 0;
GRANT USAGE ON SCHEMA shop TO regress_analyst, regress_admin;
GRANT SELECT ON shop.members TO regress_analyst, regress_admin;
RESET client_min_messages;
SAVEPOINT s;

-- saving: checked, versioned, silent about nothing
SET LOCAL ROLE regress_analyst;
SET LOCAL search_path = shop, public;
SELECT linecrm.save_segment('大阪', 'SELECT friend_id, city FROM members WHERE city = ''osaka''', note => 'Osaka');
SELECT linecrm.save_segment(' 大阪 ', 'SELECT friend_id, city FROM members WHERE city = ''osaka''');
SELECT linecrm.save_segment('大阪', 'SELECT friend_id, city FROM members WHERE city = ''osaka''', note => 'Osaka and around');
SELECT linecrm.save_segment('大阪', 'SELECT friend_id FROM members WHERE city <> ''kyoto''');
SELECT channel, name, query, owner_role, search_path, note, version FROM linecrm.segment;
SELECT linecrm.segment_set('大阪');
RESET ROLE;
SELECT version, query, owner_role, note FROM linecrm_internal.segment_version ORDER BY version;
SET LOCAL linecrm.language = 'ja';
SET LOCAL ROLE regress_analyst;
SELECT linecrm.save_segment('大阪', 'SELECT friend_id FROM members WHERE city <> ''kyoto''');
RESET linecrm.language;
RESET ROLE;
SAVEPOINT saved;

-- what is refused at once
SET LOCAL ROLE regress_analyst;
SELECT linecrm.save_segment('x', NULL);
ROLLBACK TO saved; SET LOCAL ROLE regress_analyst; SET LOCAL search_path = shop;
SELECT linecrm.save_segment('123', 'SELECT 1');
ROLLBACK TO saved; SET LOCAL ROLE regress_analyst; SET LOCAL search_path = shop;
SELECT linecrm.save_segment('x', 'SELECT friend_id FROM membres');
ROLLBACK TO saved; SET LOCAL ROLE regress_analyst; SET LOCAL search_path = shop;
SELECT linecrm.save_segment('x', 'SELECT id, city FROM members');
ROLLBACK TO saved; SET LOCAL ROLE regress_analyst; SET LOCAL search_path = shop;
-- one number is not yet a friend's: the members' own would reach strangers
SELECT linecrm.save_segment('x', 'SELECT id FROM members');
ROLLBACK TO saved; SET LOCAL ROLE regress_analyst; SET LOCAL search_path = shop;
SELECT linecrm.save_segment('x', 'DELETE FROM members RETURNING friend_id');
ROLLBACK TO saved; SET LOCAL ROLE regress_analyst; SET LOCAL search_path = shop;
SELECT linecrm.save_segment('x', 'SELECT friend_id FROM members', channel => 'b');
ROLLBACK TO saved; SET LOCAL ROLE regress_analyst; SET LOCAL search_path = shop;
SELECT linecrm.segment_set('大坂');
ROLLBACK TO saved; SET LOCAL ROLE regress_reader; SET LOCAL search_path = shop;
SELECT linecrm.save_segment('x', 'SELECT 1');
ROLLBACK TO saved;
-- a superuser who saves is the owner: nobody becomes somebody else by saving
SELECT linecrm.save_segment('mine', 'SELECT 1 AS friend_id', channel => 'a');
SELECT owner_role = current_user AS mine FROM linecrm.segment WHERE name = 'mine';
ROLLBACK TO saved;

-- whose it is: others may use it, with the owner's rights; only he, a member of his role, or an admin may replace it
SET LOCAL ROLE regress_colleague;
SELECT friend_id FROM shop.members;
ROLLBACK TO saved; SET LOCAL ROLE regress_colleague;
SELECT linecrm.segment_set('大阪');
SELECT linecrm.save_segment('大阪', 'SELECT 1 AS friend_id');
ROLLBACK TO saved; SET LOCAL ROLE regress_colleague;
SELECT linecrm.drop_segment('大阪');
ROLLBACK TO saved;
GRANT regress_analyst TO regress_colleague;
SET LOCAL ROLE regress_colleague;
SELECT linecrm.save_segment('大阪', 'SELECT 1 AS friend_id');
SELECT owner_role, version FROM linecrm.segment;
ROLLBACK TO saved; SET LOCAL ROLE regress_admin; SET LOCAL search_path = shop;
SELECT linecrm.save_segment('大阪', 'SELECT friend_id FROM members WHERE id = 1');
SELECT owner_role, version FROM linecrm.segment;
ROLLBACK TO saved;
-- no way around the function
SET LOCAL ROLE regress_admin;
UPDATE linecrm_internal.segment SET owner_role = 'postgres';
ROLLBACK TO saved; SET LOCAL ROLE regress_admin;
SELECT linecrm_internal.save_segment('x', 'SELECT 1', NULL, NULL);
ROLLBACK TO saved; SET LOCAL ROLE regress_admin;
SELECT * FROM linecrm_internal._run_segment(1);
ROLLBACK TO saved;

-- between saving and running: a right is revoked, a role renamed, a table dropped
REVOKE SELECT ON shop.members FROM regress_analyst;
SELECT linecrm.segment_set('大阪', channel => 'a');
ROLLBACK TO saved;
ALTER ROLE regress_analyst RENAME TO regress_analyst_2;
SELECT linecrm.segment_set('大阪', channel => 'a');
ROLLBACK TO saved;
ALTER ROLE regress_analyst RENAME TO regress_analyst_2;
SET LOCAL ROLE regress_admin; SET LOCAL search_path = shop, public;
SELECT linecrm.save_segment('大阪', 'SELECT friend_id FROM members WHERE city <> ''kyoto''');
SELECT owner_role, version FROM linecrm.segment;
ROLLBACK TO saved;
DROP TABLE shop.members;
SELECT linecrm.segment_set('大阪', channel => 'a');
ROLLBACK TO saved;

-- inside the gate the author is who asks: his channels, his rights, also when somebody else looks
SET LOCAL ROLE regress_analyst;
SELECT linecrm.save_segment('mine', 'SELECT friend_id FROM linecrm.friend');
SELECT linecrm.save_segment('nested', 'SELECT friend_id FROM linecrm.friend_ids(linecrm.segment_set(''mine'')) AS f (friend_id) WHERE friend_id > 5');
SET LOCAL search_path = shop, linecrm;
SELECT linecrm.save_segment('set', 'SELECT linecrm.segment_set(''nested'') - linecrm.segment_set(''大阪'')');
RESET ROLE;
SELECT linecrm.my_channels(), linecrm.segment_set('mine', channel => 'a'), linecrm.segment_set('nested', channel => 'a'), linecrm.segment_set('set', channel => 'a');
-- also when he is the owner of the extension: two channels, although the analyst who calls has one
SELECT linecrm.save_segment('owner''s', 'SELECT cardinality(linecrm.my_channels()) AS friend_id', channel => 'a');
SET LOCAL ROLE regress_analyst;
SELECT linecrm.segment_set('owner''s');
RESET ROLE;
-- friends of another channel are not in the set, rows say what they are
SELECT * FROM linecrm_internal._run_segment((SELECT segment_id FROM linecrm_internal.segment WHERE name = '大阪'));
SELECT * FROM linecrm_internal._segment_rows((SELECT segment_id FROM linecrm_internal.segment WHERE name = '大阪')) LIMIT 2;
-- the day is the channel's day
SET LOCAL TimeZone = 'America/Los_Angeles';
SELECT linecrm.save_segment('zone', 'SELECT 1 AS friend_id WHERE current_setting(''TimeZone'') = ''Asia/Tokyo''', channel => 'a');
SELECT linecrm.segment_set('zone', channel => 'a');
ROLLBACK TO saved;

-- an endless loop of segments ends
SET LOCAL ROLE regress_analyst;
SELECT linecrm.save_segment('loop', 'SELECT 1 AS friend_id');
SELECT linecrm.save_segment('loop', 'SELECT linecrm.segment_set(''loop'')');
SELECT linecrm.segment_set('loop');
ROLLBACK TO saved;

-- dropping
INSERT INTO linecrm_internal.delivery (slot, delivery_id, channel_id, kind, class, segment_id, created_by)
	SELECT -1, 4711, 1, 'campaign', 'marketing', segment_id, 'x' FROM linecrm_internal.segment WHERE name = '大阪';
SET LOCAL ROLE regress_analyst;
SELECT linecrm.drop_segment('大阪');
ROLLBACK TO saved;
SET LOCAL ROLE regress_analyst;
SELECT linecrm.drop_segment('大阪');
SELECT count(*) FROM linecrm.segment;
SELECT linecrm.drop_segment('大阪');
ROLLBACK;
