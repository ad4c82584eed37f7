/*
 * 365_people_views.sql
 *   What data teams join: friend, friend_tag, member_link, tag, tap. Everything is seen with the reader's own rights.
 *
 * A column that nobody asks for costs nothing: other tables are joined by LEFT JOIN on their primary keys, which the
 * planner leaves out when unused, and lists are scalar sub-selects in the select list. No WHERE holds a sub-select on
 * another table, so that the views can be distributed.
 */

CREATE VIEW linecrm.friend WITH (security_invoker = true) AS
SELECT f.friend_id,
	c.name AS channel,
	f.user_id::text AS user_id,
	f.status,
	f.nickname,
	f.display_name,
	f.language,
	f.route,
	s.name AS store,
	l.member_id,
	l.member_no,
	ARRAY(SELECT t.name FROM linecrm_internal.friend_tag ft JOIN linecrm_internal.tag t ON t.tag_id = ft.tag_id
		WHERE ft.friend_id = f.friend_id ORDER BY t.name) AS tags,
	f.followed_at,
	f.blocked_at,
	f.last_message_at,
	f.created_at,
	f.origin
FROM linecrm_internal.friend f
	LEFT JOIN linecrm_internal.channel c ON c.channel_id = f.channel_id
	LEFT JOIN linecrm_internal.store s ON s.store_id = f.store_id
	LEFT JOIN linecrm_internal.member_link l ON l.friend_id = f.friend_id;
COMMENT ON VIEW linecrm.friend IS 'one row a friend. Only the columns you name are looked up: avoid SELECT * over many friends';
COMMENT ON COLUMN linecrm.friend.user_id IS 'to find one person quickly: linecrm.friend_of_user(...)';
COMMENT ON COLUMN linecrm.friend.status IS 'following, blocked or unknown (known to us, but LINE has not told)';
COMMENT ON COLUMN linecrm.friend.member_no IS 'member_id as a number where it is one: join numeric keys on it';
COMMENT ON COLUMN linecrm.friend.last_message_at IS 'when the person last wrote or tapped';
COMMENT ON COLUMN linecrm.friend.origin IS 'how linecrm learnt of the person: webhook, import, followers, person';

CREATE VIEW linecrm.friend_tag WITH (security_invoker = true) AS
SELECT ft.friend_id,
	c.name AS channel,
	t.name AS tag,
	ft.origin,
	ft.since_at,
	ft.expires_at
FROM linecrm_internal.friend_tag ft
	JOIN linecrm_internal.tag t ON t.tag_id = ft.tag_id
	LEFT JOIN linecrm_internal.channel c ON c.channel_id = ft.channel_id;
COMMENT ON VIEW linecrm.friend_tag IS 'who has which tag, since when and why. Over many friends linecrm.tag_set(''vip & !staff'') is faster';

CREATE VIEW linecrm.member_link WITH (security_invoker = true) AS
SELECT l.friend_id,
	c.name AS channel,
	l.member_id,
	l.member_no,
	l.method,
	l.linked_at,
	l.linked_by::text AS linked_by
FROM linecrm_internal.member_link l
	LEFT JOIN linecrm_internal.channel c ON c.channel_id = l.channel_id;
COMMENT ON VIEW linecrm.member_link IS 'which friend is which member of yours: JOIN shop.members m ON m.id = l.member_no, or ON m.code = l.member_id for other keys';
COMMENT ON COLUMN linecrm.member_link.method IS 'how it was proven: account_link, login, code, csv, manual';

CREATE VIEW linecrm.tag WITH (security_invoker = true) AS
SELECT t.tag_id,
	c.name AS channel,
	t.name AS tag,
	t.group_name,
	t.note,
	t.expires_after,
	t.on_follow,
	t.on_text,
	t.on_postback,
	(SELECT coalesce(sum(linecrm.cardinality(one_shard.members)), 0)::bigint
		FROM (
			SELECT linecrm_internal._apply_deltas(part.added, part.members ORDER BY part.delta_id) AS members
			FROM (
				SELECT s.shard, 0::bigint AS delta_id, true AS added, s.members
				FROM linecrm_internal.tag_shard s WHERE s.tag_id = t.tag_id
				UNION ALL
				SELECT d.shard, d.delta_id, d.added, d.members
				FROM linecrm_internal.tag_delta d WHERE d.tag_id = t.tag_id) AS part
			GROUP BY part.shard) AS one_shard) AS friends,
	t.created_at,
	t.created_by::text AS created_by
FROM linecrm_internal.tag t
	LEFT JOIN linecrm_internal.channel c ON c.channel_id = t.channel_id;
COMMENT ON VIEW linecrm.tag IS 'tags, the events that add them by themselves, and how many friends have them';

CREATE VIEW linecrm.tap WITH (security_invoker = true) AS
SELECT p.friend_id,
	c.name AS channel,
	p.tapped_at,
	p.delivery_id,
	p.button,
	p.data,
	p.params
FROM linecrm_internal.tap p
	LEFT JOIN linecrm_internal.channel c ON c.channel_id = p.channel_id;
COMMENT ON VIEW linecrm.tap IS 'every tap on a button that sends a postback; delivery_id and button are known for buttons that linecrm sent';
