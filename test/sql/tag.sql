-- Tags: names, changes, history, exact sets, expressions, expiry.
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

-- saving: the same again changes nothing and says so; what is not given stays
SELECT linecrm.save_tag(' ＶＩＰ ', group_name => 'rank', on_text => ARRAY[' Ｈello ', 'HELLO', '', 'やあ'], on_postback => ARRAY['join=%', '']);
SELECT linecrm.save_tag('VIP');
SELECT linecrm.save_tag('VIP', note => 'best customers', expires_after => '0');
SELECT linecrm.save_tag('VIP', group_name => '', on_text => '{}');
SELECT tag, group_name, note, expires_after, on_follow, on_text, on_postback, friends FROM linecrm.tag;
SET linecrm.language = 'ja';
SELECT linecrm.save_tag('VIP', note => 'best customers');
RESET linecrm.language;
SELECT linecrm.save_tag('');
SELECT linecrm.save_tag('123');
SELECT linecrm.save_tag('x', expires_after => '-1 day');
SELECT linecrm.save_tag('東京'), linecrm.save_tag('新規 客'), linecrm.save_tag('staff'), linecrm.save_tag('repeat-buyer');

-- one friend
SELECT linecrm.add_tag(1, 'VIP'), linecrm.add_tag(1, 'VIP'), linecrm.remove_tag(1, 'VIP'), linecrm.remove_tag(1, 'VIP'), linecrm.add_tag(1, 'VIP');
SELECT linecrm.add_tag(1, 'VAP');
SELECT linecrm.add_tag(1, 'vip');
SELECT linecrm.add_tag(4711, 'VIP');
SELECT friend_id, added, origin FROM linecrm_internal.friend_tag_history ORDER BY history_id;

-- many friends; who is no friend is ignored and counted
SELECT linecrm.tag_friends('{1-50,200-209}', 'VIP');
SELECT linecrm.tag_friends('{1-50}', 'VIP');
SELECT linecrm.tag_friends('{}', 'VIP');
SELECT linecrm.tag_friends(NULL, 'VIP');
SELECT linecrm.tag_friends('{41-60}', '東京'), linecrm.tag_friends('{1,45}', 'staff'), linecrm.tag_friends('{58-70}', '新規 客');
SELECT linecrm.tag_friends('{2}', 'repeat-buyer');
SELECT linecrm.untag_friends('{3-5,99}', 'VIP'), linecrm.untag_friends(NULL, 'VIP');
SELECT linecrm.untag_friends('{3-5,99}', 'VIP');
SELECT linecrm.tag_set('VIP');
SELECT item, detail FROM linecrm.check_integrity() WHERE NOT ok;

-- expressions
SELECT linecrm.tag_set('VIP & 東京'), linecrm.tag_set('VIP & (東京 | "新規 客") & !staff'), linecrm.tag_set('VIP - staff - 東京');
SELECT linecrm.tag_set('東京 | "新規 客" & staff'), linecrm.tag_set('(東京 | "新規 客") & staff'), linecrm.tag_set('ＶＩＰ　＆　（東京）');
SELECT linecrm.tag_set('!VIP'), linecrm.tag_set('!!staff'), linecrm.tag_set('!(VIP | 東京 | "新規 客")'), linecrm.tag_set('staff|!VIP');
SELECT linecrm.tag_set('repeat-buyer'), linecrm.tag_set('VIP & !東京 - staff & !"repeat-buyer"');
-- every law of complements, against the sets themselves
SELECT count(*) FILTER (WHERE a.negated) AS with_complement, bool_and(linecrm.tag_set(a.x || ' ' || o.sign || ' ' || b.x)
	OPERATOR(linecrm.=) CASE o.sign WHEN '&' THEN a.members OPERATOR(linecrm.&) b.members
		WHEN '|' THEN a.members OPERATOR(linecrm.|) b.members ELSE a.members OPERATOR(linecrm.-) b.members END) AS right_result
FROM (SELECT x, x LIKE '!%' AS negated, linecrm.tag_set(x) AS members FROM unnest(ARRAY['VIP', '東京', '!VIP', '!東京', 'staff', '!staff']) AS x) AS a,
	(SELECT x, linecrm.tag_set(x) AS members FROM unnest(ARRAY['VIP', '東京', '!VIP', '!東京', 'staff', '!staff']) AS x) AS b,
	unnest(ARRAY['&', '|', '-']) AS o (sign);
SELECT linecrm.tag_set('');
SELECT linecrm.tag_set(NULL);
SELECT linecrm.tag_set('VIP &');
SELECT linecrm.tag_set('& VIP');
SELECT linecrm.tag_set('VIP 東京');
SELECT linecrm.tag_set('(VIP');
SELECT linecrm.tag_set('VIP)');
SELECT linecrm.tag_set('VIP & "東京');
SELECT linecrm.tag_set('VIP & !');
SELECT linecrm.tag_set('VIP & 東亰');
SELECT linecrm.tag_set('VIP & ""');
SELECT linecrm.tag_set('VIP-staff');
SELECT linecrm.tag_set('VIP', channel => 'nowhere');

-- merging deltas changes nothing that anybody sees, in whatever order changes came
SELECT linecrm.tag_set('VIP') AS before_merge \gset
SELECT linecrm_internal._merge_tags_turn() > 0 AS merged, linecrm_internal._merge_tags_turn() AS then_nothing;
SELECT linecrm.tag_set('VIP') OPERATOR(linecrm.=) :'before_merge' AS same, (SELECT count(*) FROM linecrm_internal.tag_delta) AS deltas;
SELECT linecrm.add_tag(3, 'VIP'), linecrm.remove_tag(3, 'VIP'), linecrm.add_tag(3, 'VIP'), linecrm.remove_tag(1, 'VIP'), linecrm.add_tag(1, 'VIP'), linecrm.remove_tag(2, 'VIP');
SELECT linecrm.tag_set('VIP'), linecrm_internal._merge_tags_turn(), linecrm.tag_set('VIP');
SELECT linecrm.untag_friends('{1-100}', 'VIP'), linecrm.tag_set('VIP'), linecrm_internal._merge_tags_turn(), linecrm.tag_set('VIP');
SELECT count(*) AS shards_of_an_empty_tag FROM linecrm_internal.tag_shard WHERE tag_id = 1;
-- a thousand and more take the other way through
SELECT linecrm.import_friends((SELECT array_agg(pg_temp.user_of(n)) FROM generate_series(1, 3000) AS n));
SELECT linecrm.tag_friends('{1-2500,5000}', 'VIP'), linecrm.tag_friends('{1000-5000}', 'VIP'), linecrm.untag_friends('{500-1999,100000}', 'VIP');
SELECT linecrm.tag_set('VIP');
-- far apart: looked up one by one
SELECT setval('linecrm_internal.friend_id_seq', 10000000) > 0 AS far;
SELECT linecrm.import_friends((SELECT array_agg(pg_temp.user_of(n)) FROM generate_series(4001, 5000) AS n));
SELECT linecrm.untag_friends('{1,10000500}', 'VIP'), linecrm.tag_friends('{1-1500,10000001-10000010,20000000}', 'VIP'), linecrm.untag_friends('{1-1200,10000002-10000900}', 'VIP');
SELECT linecrm.tag_set('VIP');
SELECT tag, friends FROM linecrm.tag ORDER BY tag_id;
SELECT item, detail FROM linecrm.check_integrity() WHERE NOT ok;

-- expiry: counts until it is removed; tagging again starts the time anew
SELECT linecrm.save_tag('brief', expires_after => '1 day');
SELECT linecrm.tag_friends('{1-3}', 'brief');
UPDATE linecrm_internal.friend_tag SET expires_at = now() - interval '1 hour' WHERE tag_id = linecrm_internal._tag_id(1, 'brief');
SELECT linecrm.tag_friends('{3}', 'brief'), linecrm.tag_set('brief');
SELECT linecrm_internal._merge_tags_turn() > 0 AS done;
SELECT linecrm.tag_set('brief');
SELECT friend_id, expires_at > now() AS later FROM linecrm.friend_tag WHERE tag = 'brief';
SELECT friend_id, added, origin FROM linecrm_internal.friend_tag_history WHERE tag_id = linecrm_internal._tag_id(1, 'brief') ORDER BY history_id, friend_id;

-- ids of another channel are ignored; a tag belongs to its channel
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('second', 'p', 'tester');
SELECT linecrm.import_friends(ARRAY[pg_temp.user_of(1)], channel => 'second');
SELECT linecrm.save_tag('only here', channel => 'second');
SELECT linecrm.tag_friends('{1-3}' OPERATOR(linecrm.|) linecrm.friendset(ARRAY[linecrm.friend_of_user(pg_temp.user_of(1), 'second')]), 'only here', channel => 'second');
SELECT linecrm.add_tag(1, 'only here');
SELECT linecrm.tag_set('VIP');
SELECT linecrm.cardinality(linecrm.tag_set('!"only here"', channel => 'second'));

-- merging and dropping; refused while a segment speaks of the tag
SELECT linecrm.merge_tag('東京', '新規 客', channel => 'main');
SELECT linecrm.tag_set('"新規 客"', channel => 'main');
SELECT linecrm.merge_tag('東京', '新規 客', channel => 'main');
SELECT linecrm.merge_tag('staff', ' staff', channel => 'main');
SET client_min_messages = warning;
SELECT linecrm.save_segment('stuff', 'SELECT f AS friend_id FROM linecrm.friend_ids(linecrm.tag_set(''!(staff) '', channel => ''main'')) AS f', channel => 'main');
SELECT linecrm.save_segment('others', 'SELECT friend_id FROM linecrm.friend_tag WHERE tag = ''staffs''', channel => 'main');
RESET client_min_messages;
SELECT linecrm.drop_tag('staff', channel => 'main');
SELECT linecrm.drop_tag('VIP', channel => 'main'), linecrm.drop_tag('repeat-buyer', channel => 'main');
SELECT linecrm.drop_tag('VIP', channel => 'main');
SELECT count(*) FROM linecrm_internal.tag_delta d LEFT JOIN linecrm_internal.tag t USING (tag_id) WHERE t.tag_id IS NULL;
SELECT tag, friends FROM linecrm.tag ORDER BY tag_id;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT linecrm.drop_tag('brief', channel => 'main');
ROLLBACK;

-- a role of one channel tags there and nowhere else, and does not change others' tags
CREATE ROLE regress_people;
INSERT INTO linecrm_internal.access (role_name, profile, channel_id, granted_by) VALUES ('regress_people', 'marketer', 2, 'tester');
GRANT USAGE ON SCHEMA linecrm TO regress_people;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA linecrm TO regress_people;
SET ROLE regress_people;
SELECT linecrm.add_tag(1, 'brief');
SELECT linecrm.tag_set('brief', channel => 'main');
SELECT linecrm.tag_set('"only here"');
SELECT linecrm.save_tag('only here', note => 'mine now');
SELECT linecrm.drop_tag('only here');
SELECT linecrm.save_tag('ours'), linecrm.drop_tag('ours');
RESET ROLE;
DROP OWNED BY regress_people;
DROP ROLE regress_people;
SELECT item, detail FROM linecrm.check_integrity() WHERE NOT ok;
