/*
 * 855_help.sql
 *   help(topic): what there is, in a few words, with a line to type. What a function does is read from its comment, so
 *   that the two cannot differ; this file adds the topic and an example.
 */

CREATE VIEW linecrm_internal.help_example AS
SELECT v.place, v.topic, v.name, v.example
FROM (VALUES
	(1, 'channel', 'save_channel', $q$SELECT linecrm.save_channel('main')$q$),
	(2, 'channel', 'set_credential', $q$SELECT linecrm.set_credential('main', 'access_token', :'token')$q$),
	(3, 'channel', 'refresh_channel', $q$SELECT linecrm.refresh_channel()$q$),
	(4, 'channel', 'hold_channel', $q$SELECT linecrm.hold_channel('main', 'checking a complaint')$q$),
	(5, 'channel', 'resume_channel', $q$SELECT linecrm.resume_channel('main')$q$),
	(6, 'channel', 'drop_channel', $q$SELECT linecrm.drop_channel('test')$q$),
	(7, 'channel', 'adopt_database', $q$SELECT linecrm.adopt_database(queue => 'cancel')$q$),
	(10, 'webhook', 'receive_webhook', $q$SELECT linecrm.receive_webhook('main', $1, $2)$q$),
	(11, 'webhook', 'receive_webhooks', $q$SELECT * FROM linecrm.receive_webhooks($1, $2, $3)$q$),
	(12, 'webhook', 'verify_signature', $q$SELECT linecrm.verify_signature($1, $2, $3)$q$),
	(13, 'webhook', 'process_inbox', $q$SELECT linecrm.process_inbox()$q$),
	(14, 'webhook', 'retry_inbox_errors', $q$SELECT linecrm.retry_inbox_errors()$q$),
	(20, 'friend', 'import_friends', $q$SELECT linecrm.import_friends(array_agg(user_id)) FROM old_tool$q$),
	(21, 'friend', 'friend_of_user', $q$SELECT linecrm.friend_of_user('U0123456789abcdef0123456789abcdef')$q$),
	(22, 'friend', 'friend_of_member', $q$SELECT linecrm.friend_of_member(4711)$q$),
	(23, 'friend', 'refresh_profile', $q$SELECT linecrm.refresh_profile(42)$q$),
	(24, 'friend', 'set_nickname', $q$SELECT linecrm.set_nickname(42, '田中様')$q$),
	(25, 'friend', 'show_loading', $q$SELECT linecrm.show_loading(42)$q$),
	(26, 'friend', 'forget_friend', $q$SELECT linecrm.forget_friend(42)$q$),
	(27, 'friend', 'friend_timeline', $q$SELECT * FROM linecrm.friend_timeline(42)$q$),
	(28, 'friend', 'try_line_user_id', $q$SELECT linecrm.try_line_user_id(line_id) FROM shop.customers$q$),
	(30, 'tag', 'save_tag', $q$SELECT linecrm.save_tag('vip')$q$),
	(31, 'tag', 'add_tag', $q$SELECT linecrm.add_tag(42, 'vip')$q$),
	(32, 'tag', 'remove_tag', $q$SELECT linecrm.remove_tag(42, 'vip')$q$),
	(33, 'tag', 'tag_friends', $q$SELECT linecrm.tag_friends(linecrm.segment_set('lapsed'), 'winback')$q$),
	(34, 'tag', 'untag_friends', $q$SELECT linecrm.untag_friends(linecrm.tag_set('winback'), 'winback')$q$),
	(35, 'tag', 'merge_tag', $q$SELECT linecrm.merge_tag('VIP customer', 'vip')$q$),
	(36, 'tag', 'drop_tag', $q$SELECT linecrm.drop_tag('winback')$q$),
	(37, 'tag', 'tag_set', $q$SELECT linecrm.tag_set('vip & (tokyo | osaka) & !staff')$q$),
	(40, 'member', 'link_member', $q$SELECT linecrm.link_member(42, 'M-4711', 'code')$q$),
	(41, 'member', 'unlink_member', $q$SELECT linecrm.unlink_member(42)$q$),
	(50, 'segment', 'save_segment', $q$SELECT linecrm.save_segment('gold', 'SELECT l.friend_id FROM linecrm.member_link l JOIN shop.members m ON m.id = l.member_no WHERE m.rank = ''gold''')$q$),
	(51, 'segment', 'segment_set', $q$SELECT linecrm.cardinality(linecrm.segment_set('gold'))$q$),
	(52, 'segment', 'drop_segment', $q$SELECT linecrm.drop_segment('gold')$q$),
	(60, 'message', 'save_message', $q$SELECT linecrm.save_message('hello', linecrm.text_message('{{name|お客}}さま、こんにちは'))$q$),
	(61, 'message', 'drop_message', $q$SELECT linecrm.drop_message('hello')$q$),
	(62, 'message', 'text_message', $q$SELECT linecrm.text_message('first') || linecrm.text_message('second')$q$),
	(63, 'message', 'image_message', $q$SELECT linecrm.image_message('https://example.com/sale.jpg')$q$),
	(64, 'message', 'button_message', $q$SELECT linecrm.button_message('Coming?', 'yes', 'no')$q$),
	(65, 'message', 'validate_messages', $q$SELECT * FROM linecrm.validate_messages('[{"type":"text","text":""}]')$q$),
	(70, 'delivery', 'preview', $q$SELECT * FROM linecrm.preview(segment => 'gold', message => 'hello')$q$),
	(71, 'delivery', 'deliver', $q$SELECT linecrm.deliver(segment => 'gold', message => 'hello', at => current_date + 1 + time '10:00', key => 'december', at_most => 5000)$q$),
	(72, 'delivery', 'deliver_to_everyone', $q$SELECT linecrm.deliver_to_everyone(100000, message => 'hello')$q$),
	(73, 'delivery', 'preview_delivery', $q$SELECT * FROM linecrm.preview_delivery(12)$q$),
	(74, 'delivery', 'release', $q$SELECT linecrm.release(12)$q$),
	(75, 'delivery', 'hold', $q$SELECT linecrm.hold(12)$q$),
	(76, 'delivery', 'resume', $q$SELECT linecrm.resume(12)$q$),
	(77, 'delivery', 'cancel', $q$SELECT linecrm.cancel(12)$q$),
	(78, 'delivery', 'retry_rejected', $q$SELECT linecrm.retry_rejected(12)$q$),
	(79, 'delivery', 'decide_unknown', $q$SELECT linecrm.decide_unknown(12, treat_as => 'sent')$q$),
	(80, 'delivery', 'explain', $q$SELECT * FROM linecrm.explain(12, 42)$q$),
	(81, 'delivery', 'delivery_set', $q$SELECT linecrm.delivery_set(12, state => 'accepted')$q$),
	(82, 'delivery', 'tap_set', $q$SELECT linecrm.tap_set(12, button => 'yes')$q$),
	(90, 'push', 'push', $q$SELECT linecrm.push(42, 'shipped', vars => '{"no": "A-17"}', key => 'shipped:A-17')$q$),
	(91, 'push', 'push_member', $q$SELECT linecrm.push_member(4711, 'shipped', key => 'shipped:A-17')$q$),
	(100, 'friendset', 'friendset_agg', $q$SELECT linecrm.friendset_agg(friend_id) FROM linecrm.friend$q$),
	(101, 'friendset', 'cardinality', $q$SELECT linecrm.cardinality(linecrm.tag_set('vip'))$q$),
	(102, 'friendset', 'friend_ids', $q$SELECT friend_id FROM linecrm.friend_ids('{1-3,7}') AS friend_id$q$),
	(103, 'friendset', 'friendset', $q$SELECT linecrm.friendset(ARRAY[3, 1, 42])$q$),
	(104, 'friendset', 'friendset_union_agg', $q$SELECT linecrm.friendset_union_agg(linecrm.tag_set(quote_ident(tag))) FROM linecrm.tag WHERE group_name = 'area'$q$),
	(105, 'friendset', 'friendset_intersect_agg', $q$SELECT linecrm.friendset_intersect_agg(linecrm.delivery_set(delivery_id, 'accepted')) FROM linecrm.delivery_progress WHERE message = 'hello'$q$),
	(106, 'friendset', 'at_least', $q$SELECT linecrm.at_least(2, ARRAY[linecrm.tag_set('vip'), linecrm.tag_set('tokyo'), linecrm.segment_set('gold')])$q$),
	(107, 'friendset', 'sample', $q$SELECT linecrm.sample(linecrm.segment_set('gold'), 100, 'december')$q$),
	(108, 'friendset', 'split', $q$SELECT linecrm.split(linecrm.segment_set('gold'), 'december', part, 2) FROM generate_series(1, 2) AS part$q$),
	(109, 'friendset', 'slice', $q$SELECT linecrm.slice(linecrm.segment_set('gold'), 1, 1000)$q$),
	(110, 'friendset', 'chunks', $q$SELECT linecrm.chunks(linecrm.segment_set('gold'), 500)$q$),
	(111, 'friendset', 'shards', $q$SELECT shard, members FROM linecrm.shards(linecrm.segment_set('gold'))$q$),
	(112, 'friendset', 'first_friend', $q$SELECT linecrm.first_friend(linecrm.segment_set('gold'))$q$),
	(113, 'friendset', 'last_friend', $q$SELECT linecrm.last_friend(linecrm.segment_set('gold'))$q$),
	(120, 'access', 'grant_access', $q$SELECT linecrm.grant_access('analyst', 'analyst', channel => 'main')$q$),
	(121, 'access', 'revoke_access', $q$SELECT linecrm.revoke_access('analyst')$q$),
	(122, 'access', 'my_channels', $q$SELECT linecrm.my_channels()$q$),
	(130, 'operation', 'doctor', $q$SELECT * FROM linecrm.doctor() WHERE NOT ok$q$),
	(131, 'operation', 'check_integrity', $q$SELECT * FROM linecrm.check_integrity() WHERE NOT ok$q$),
	(132, 'operation', 'help', $q$SELECT * FROM linecrm.help('delivery')$q$)
) AS v(place, topic, name, example);
COMMENT ON VIEW linecrm_internal.help_example IS 'topic and example of each public function, for help()';

CREATE FUNCTION linecrm.help(topic text DEFAULT NULL)
RETURNS TABLE (name text, what text, example text)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.help(text) IS 'functions and views of a topic, with a line to type for each; without a topic, the list of topics';

CREATE FUNCTION linecrm_internal.help(topic text)
RETURNS TABLE (name text, what text, example text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wanted text := lower(btrim(help.topic));
	topics text[] := (SELECT array_agg(t.topic ORDER BY t.place)
		FROM (SELECT e.topic, min(e.place) AS place FROM linecrm_internal.help_example AS e GROUP BY e.topic) AS t) || ARRAY['view'];
BEGIN
	IF wanted IS NULL THEN
		RETURN QUERY SELECT t, CASE WHEN t = 'view' THEN 'what there is to read' ELSE
				(SELECT string_agg(e.name, ', ' ORDER BY e.place) FROM linecrm_internal.help_example AS e WHERE e.topic = t) END,
			format('SELECT * FROM linecrm.help(%L)', t) FROM unnest(topics) WITH ORDINALITY AS u(t, place) ORDER BY place;
	ELSIF wanted = 'view' THEN
		RETURN QUERY SELECT c.relname::text, obj_description(c.oid, 'pg_class'), format('SELECT * FROM linecrm.%I', c.relname)
			FROM pg_class c WHERE c.relnamespace = 'linecrm'::regnamespace AND c.relkind = 'v' ORDER BY c.relname COLLATE "C";
	ELSIF wanted = ANY (topics) OR EXISTS (SELECT FROM linecrm_internal.help_example AS e WHERE e.name = wanted) THEN
		RETURN QUERY SELECT format('%s(%s)', p.proname, pg_get_function_arguments(p.oid)), obj_description(p.oid, 'pg_proc'), e.example
			FROM linecrm_internal.help_example AS e
			JOIN pg_proc p ON p.proname = e.name AND p.pronamespace = 'linecrm'::regnamespace
			WHERE wanted IN (e.topic, e.name)
			ORDER BY e.place, pg_get_function_arguments(p.oid) COLLATE "C";
	ELSE
		PERFORM linecrm_internal._unknown_name('help topic', wanted,
			topics || (SELECT array_agg(e.name) FROM linecrm_internal.help_example AS e));
	END IF;
END
$$;
