/*
 * 367_friend_timeline.sql
 *   Everything that happened with one friend, for the person who answers "why did I get this?".
 */

CREATE FUNCTION linecrm.friend_timeline(friend_id bigint)
RETURNS TABLE (happened_at timestamptz, what text, detail text, delivery_id bigint, role_name text)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.friend_timeline(bigint) IS 'what happened with one friend: status, tags, links, taps and what was sent, the latest first';

CREATE FUNCTION linecrm_internal.friend_timeline(friend_id bigint)
RETURNS TABLE (happened_at timestamptz, what text, detail text, delivery_id bigint, role_name text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	cid bigint := linecrm_internal._friend_channel(friend_timeline.friend_id);
BEGIN
	RETURN QUERY
	SELECT f.created_at, 'known', format('by %s', f.origin), NULL::bigint, NULL::text
	FROM linecrm_internal.friend f WHERE f.friend_id = friend_timeline.friend_id
	UNION ALL
	SELECT s.changed_at, s.status, format('by %s', s.origin), NULL, NULL
	FROM linecrm_internal.friend_status s WHERE s.friend_id = friend_timeline.friend_id
	UNION ALL
	SELECT h.changed_at, CASE WHEN h.added THEN 'tag added' ELSE 'tag removed' END,
		format('%s, by %s', coalesce(t.name, 'a tag that was dropped since'), h.origin), NULL, h.changed_by
	FROM linecrm_internal.friend_tag_history h LEFT JOIN linecrm_internal.tag t ON t.tag_id = h.tag_id
	WHERE h.friend_id = friend_timeline.friend_id
	UNION ALL
	SELECT h.changed_at, CASE WHEN h.linked THEN 'linked' ELSE 'unlinked' END,
		concat_ws(', ', format('member "%s"', h.member_id), h.method, h.reason), NULL, h.changed_by::text
	FROM linecrm_internal.member_link_history h WHERE h.friend_id = friend_timeline.friend_id
	UNION ALL
	SELECT p.tapped_at, 'tapped', coalesce(p.button, p.data), p.delivery_id, NULL
	FROM linecrm_internal.tap p WHERE p.friend_id = friend_timeline.friend_id
	UNION ALL
	SELECT coalesce(o.finished_at, r.created_at), coalesce(o.outcome, 'queued'),
		concat_ws(', ', r.kind, m.name, o.reason), r.delivery_id, NULL
	FROM (
		SELECT q.slot, q.request_id, q.delivery_slot, q.delivery_id, q.kind, q.created_at
		FROM linecrm_internal.request q WHERE q.friend_id = friend_timeline.friend_id
		UNION ALL
		SELECT q.slot, q.request_id, q.delivery_slot, q.delivery_id, q.kind, q.created_at
		FROM linecrm_internal.request q
		WHERE q.channel_id = cid AND q.first_friend <= friend_timeline.friend_id AND q.last_friend >= friend_timeline.friend_id
			AND q.recipients OPERATOR(linecrm.@>) friend_timeline.friend_id
			AND NOT EXISTS (SELECT FROM linecrm_internal.exclusion x
				WHERE x.request_id = q.request_id AND x.members OPERATOR(linecrm.@>) friend_timeline.friend_id)) AS r
		LEFT JOIN linecrm_internal.outcome o ON o.slot = r.slot AND o.request_id = r.request_id
		LEFT JOIN linecrm_internal.delivery d ON d.slot = r.delivery_slot AND d.delivery_id = r.delivery_id
		LEFT JOIN linecrm_internal.message m ON m.message_id = d.message_id
	WHERE r.delivery_id IS NOT NULL AND (o.outcome IS NULL OR o.outcome NOT IN ('split', 'superseded'))
	ORDER BY 1 DESC;
END
$$;
COMMENT ON FUNCTION linecrm_internal.friend_timeline(bigint) IS 'inner side of linecrm.friend_timeline';
