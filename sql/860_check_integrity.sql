/*
 * 860_check_integrity.sql
 *   check_integrity(): what foreign keys would promise (there are none: a parallel restore loses rows with them), and
 *   what no constraint can: sets equal to tables, directories equal to what they list, a request either unfinished or
 *   finished. One row a rule; reads everything, so it is for tests, after a restore, and at night.
 */

CREATE FUNCTION linecrm_internal._integrity_row(item text, wrong bigint, example text, OUT item_checked text, OUT ok boolean, OUT detail text)
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT _integrity_row.item, _integrity_row.wrong = 0,
		CASE WHEN _integrity_row.wrong > 0 THEN format('%s, the first: %s', _integrity_row.wrong, _integrity_row.example) END;
END;
COMMENT ON FUNCTION linecrm_internal._integrity_row(text, bigint, text) IS 'one line of check_integrity';

CREATE FUNCTION linecrm_internal._check_people() RETURNS TABLE (item text, ok boolean, detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('friend %s', coalesce(f.friend_id, d.friend_id))) AS example
		FROM linecrm_internal.friend f
			FULL JOIN linecrm_internal.friend_directory d ON d.channel_id = f.channel_id AND d.user_id OPERATOR(linecrm.=) f.user_id
		WHERE f.friend_id IS DISTINCT FROM d.friend_id) AS x,
		linecrm_internal._integrity_row('friend_directory equals friend', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('friend %s', f.friend_id)) AS example
		FROM linecrm_internal.friend f
			LEFT JOIN linecrm_internal.channel c ON c.channel_id = f.channel_id
			LEFT JOIN linecrm_internal.store s ON s.store_id = f.store_id AND s.channel_id = f.channel_id
		WHERE c.channel_id IS NULL OR (f.store_id IS NOT NULL AND s.store_id IS NULL)) AS x,
		linecrm_internal._integrity_row('friends have their channel and store', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('friend %s', t.friend_id)) AS example
		FROM linecrm_internal.tap t LEFT JOIN linecrm_internal.friend f ON f.friend_id = t.friend_id
		WHERE f.friend_id IS NULL OR f.channel_id <> t.channel_id) AS x,
		linecrm_internal._integrity_row('taps have their friend', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('friend %s, tag_id %s', ft.friend_id, ft.tag_id)) AS example
		FROM linecrm_internal.friend_tag ft
			LEFT JOIN linecrm_internal.friend f ON f.friend_id = ft.friend_id AND f.channel_id = ft.channel_id
			LEFT JOIN linecrm_internal.tag t ON t.tag_id = ft.tag_id AND t.channel_id = ft.channel_id
		WHERE f.friend_id IS NULL OR t.tag_id IS NULL) AS x,
		linecrm_internal._integrity_row('friend_tag has its friend and tag', x.wrong, x.example) AS r;

	-- One statement: the sets are exact in one snapshot, not across two.
	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('tag "%s": %s by rows, %s by sets', t.name, linecrm.cardinality(coalesce(had.members, '{}')),
			linecrm.cardinality(sets.members))) AS example
		FROM linecrm_internal.tag t
			CROSS JOIN LATERAL linecrm_internal._tag_members(t.tag_id) AS sets (members)
			LEFT JOIN (SELECT ft.tag_id, linecrm.friendset_agg(ft.friend_id) AS members
				FROM linecrm_internal.friend_tag ft GROUP BY ft.tag_id) AS had ON had.tag_id = t.tag_id
		WHERE coalesce(had.members, '{}') OPERATOR(linecrm.<>) sets.members) AS x,
		linecrm_internal._integrity_row('tag sets equal friend_tag', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('tag_id %s', p.tag_id)) AS example
		FROM (SELECT s.tag_id FROM linecrm_internal.tag_shard s UNION SELECT d.tag_id FROM linecrm_internal.tag_delta d) AS p
			LEFT JOIN linecrm_internal.tag t ON t.tag_id = p.tag_id
		WHERE t.tag_id IS NULL) AS x,
		linecrm_internal._integrity_row('tag sets have their tag', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('member "%s"', coalesce(l.member_id, d.member_id))) AS example
		FROM linecrm_internal.member_link l
			FULL JOIN linecrm_internal.member_directory d ON d.channel_id = l.channel_id AND d.member_id = l.member_id
		WHERE l.friend_id IS DISTINCT FROM d.friend_id) AS x,
		linecrm_internal._integrity_row('member_directory equals member_link', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('friend %s', l.friend_id)) AS example
		FROM linecrm_internal.member_link l LEFT JOIN linecrm_internal.friend f ON f.friend_id = l.friend_id AND f.channel_id = l.channel_id
		WHERE f.friend_id IS NULL OR l.member_no IS DISTINCT FROM linecrm_internal._member_no(l.member_id)) AS x,
		linecrm_internal._integrity_row('links have their friend and member_no', x.wrong, x.example) AS r;
END
$$;
COMMENT ON FUNCTION linecrm_internal._check_people() IS 'check_integrity: friends, tags, links';

CREATE FUNCTION linecrm_internal._check_deliveries() RETURNS TABLE (item text, ok boolean, detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('request %s: %s in the queue, %s outcomes', s.request_id, s.queued, s.finished)) AS example
		FROM (
			SELECT p.slot, p.request_id, sum(p.is_request) AS requests, sum(p.is_queued) AS queued, sum(p.is_finished) AS finished
			FROM (
				SELECT q.slot, q.request_id, 1 AS is_request, 0 AS is_queued, 0 AS is_finished FROM linecrm_internal.request q
				UNION ALL SELECT o.request_slot, o.request_id, 0, 1, 0 FROM linecrm_internal.outbox o
				UNION ALL SELECT w.request_slot, w.request_id, 0, 1, 0 FROM linecrm_internal.outbox_waiting w
				UNION ALL SELECT u.slot, u.request_id, 0, 0, 1 FROM linecrm_internal.outcome u) AS p
			GROUP BY p.slot, p.request_id) AS s
		WHERE s.requests = 1 AND s.queued + s.finished <> 1) AS x,
		linecrm_internal._integrity_row('a request is either queued once or finished once', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('%s, request %s', p.kind, p.request_id)) AS example
		FROM (
			SELECT 'outbox' AS kind, o.request_slot AS slot, o.request_id FROM linecrm_internal.outbox o
			UNION ALL SELECT 'outbox_waiting', w.request_slot, w.request_id FROM linecrm_internal.outbox_waiting w
			UNION ALL SELECT 'outcome', u.slot, u.request_id FROM linecrm_internal.outcome u
			UNION ALL SELECT 'completion', c.slot, c.request_id FROM linecrm_internal.completion c) AS p
			LEFT JOIN linecrm_internal.request q ON q.slot = p.slot AND q.request_id = p.request_id
		WHERE q.request_id IS NULL) AS x,
		linecrm_internal._integrity_row('queue rows, outcomes and completions have their request', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('request %s', q.request_id)) AS example
		FROM linecrm_internal.request q
			LEFT JOIN linecrm_internal.content c ON c.slot = q.content_slot AND c.content_id = q.content_id
			LEFT JOIN linecrm_internal.delivery d ON d.slot = q.delivery_slot AND d.delivery_id = q.delivery_id
		WHERE (q.content_id IS NOT NULL AND c.content_id IS NULL) OR (q.delivery_id IS NOT NULL AND d.delivery_id IS NULL)) AS x,
		linecrm_internal._integrity_row('requests have their content and delivery', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('request %s', q.request_id)) AS example
		FROM linecrm_internal.request q
		WHERE q.friends <> CASE WHEN q.recipients IS NOT NULL THEN linecrm.cardinality(q.recipients)
				WHEN q.friend_id IS NOT NULL AND q.delivery_id IS NOT NULL THEN 1 ELSE q.friends END
			OR (q.recipients IS NOT NULL AND (q.first_friend IS DISTINCT FROM linecrm.first_friend(q.recipients)
				OR q.last_friend IS DISTINCT FROM linecrm.last_friend(q.recipients)))) AS x,
		linecrm_internal._integrity_row('requests count their recipients', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('request %s of %s: %s in its outcome, %s dropped', q.request_id, q.friends, o.friends, e.friends)) AS example
		FROM linecrm_internal.outcome o
			JOIN linecrm_internal.request q ON q.slot = o.slot AND q.request_id = o.request_id
			CROSS JOIN LATERAL (SELECT linecrm.cardinality((SELECT linecrm.friendset_union_agg(x.members) FROM linecrm_internal.exclusion x
				WHERE x.slot = q.slot AND x.request_id = q.request_id)) AS friends) AS e
		WHERE q.friends <> o.friends + e.friends) AS x,
		linecrm_internal._integrity_row('an outcome has everybody who was not dropped', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('delivery %s: named %s, %s in its totals', d.delivery_id, d.named, t.friends)) AS example
		FROM linecrm_internal.delivery_campaign d
			CROSS JOIN LATERAL (SELECT coalesce(sum(x.friends), 0) AS friends FROM linecrm_internal.delivery_total x
				WHERE x.delivery_id = d.delivery_id) AS t
		WHERE d.finished_at IS NOT NULL AND d.named <> t.friends) AS x,
		linecrm_internal._integrity_row('totals have everybody named', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('delivery %s: request %s', d.delivery_id, v.request_id)) AS example
		FROM linecrm_internal.delivery_campaign d
			CROSS JOIN LATERAL unnest(d.validating) AS v (request_id)
			LEFT JOIN linecrm_internal.request q ON q.request_id = v.request_id
		WHERE d.finished_at IS NULL AND (q.kind IS NULL OR q.kind NOT LIKE 'validate%' OR q.delivery_id IS NOT NULL)) AS x,
		linecrm_internal._integrity_row('deliveries that LINE checks have their questions', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('delivery %s: %s recipients, %s in its requests', d.delivery_id, d.recipients, q.friends)) AS example
		FROM linecrm_internal.delivery d
			JOIN (SELECT r.delivery_slot, r.delivery_id, sum(r.friends) AS friends, count(*) AS requests
				FROM linecrm_internal.request r WHERE r.delivery_id IS NOT NULL AND r.replaces IS NULL
				GROUP BY r.delivery_slot, r.delivery_id) AS q ON q.delivery_slot = d.slot AND q.delivery_id = d.delivery_id
		WHERE d.recipients IS NOT NULL AND (d.recipients <> q.friends OR d.requests <> q.requests)) AS x,
		linecrm_internal._integrity_row('recipients of a delivery are those of its requests', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('delivery %s: named %s, recipients %s, excluded %s', d.delivery_id, d.named, d.recipients, e.friends)) AS example
		FROM linecrm_internal.delivery d
			CROSS JOIN LATERAL (SELECT coalesce(sum(linecrm.cardinality(x.members)), 0) AS friends FROM linecrm_internal.exclusion x
				WHERE x.delivery_id = d.delivery_id AND x.request_id IS NULL) AS e
		WHERE d.requests IS NOT NULL AND d.slot = -1 AND d.planned_at > now() - interval '12 months' AND d.named <> d.recipients + e.friends) AS x,
		linecrm_internal._integrity_row('named are recipients and excluded', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('request %s: %s sent to, %s in what replaces it', o.request_id, o.friends, n.friends)) AS example
		FROM linecrm_internal.outcome o
			CROSS JOIN LATERAL (SELECT count(*) AS requests, coalesce(sum(q.friends), 0) AS friends FROM linecrm_internal.request q
				WHERE q.delivery_id = o.delivery_id AND q.replaces = o.request_id) AS n
		WHERE o.outcome IN ('split', 'superseded') AND (n.requests = 0 OR n.friends > o.friends)) AS x,
		linecrm_internal._integrity_row('split and superseded requests live on', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('%s of delivery %s', p.kind, p.delivery_id)) AS example
		FROM (
			SELECT 'exclusion' AS kind, e.delivery_slot AS slot, e.delivery_id FROM linecrm_internal.exclusion e
			UNION ALL SELECT 'key', k.delivery_slot, k.delivery_id FROM linecrm_internal.delivery_key k
			UNION ALL SELECT 'total', -1::smallint, t.delivery_id FROM linecrm_internal.delivery_total t) AS p
			LEFT JOIN linecrm_internal.delivery d ON d.slot = p.slot AND d.delivery_id = p.delivery_id
		WHERE d.delivery_id IS NULL) AS x,
		linecrm_internal._integrity_row('exclusions, keys and totals have their delivery', x.wrong, x.example) AS r;
END
$$;
COMMENT ON FUNCTION linecrm_internal._check_deliveries() IS 'check_integrity: deliveries, requests, queue, outcomes';

CREATE FUNCTION linecrm_internal._check_rest() RETURNS TABLE (item text, ok boolean, detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('%s, event %s', p.kind, p.webhook_event_id)) AS example
		FROM (
			SELECT 'inbox_waiting' AS kind, w.slot, w.channel_id, w.webhook_event_id FROM linecrm_internal.inbox_waiting w
			UNION ALL SELECT 'inbox_error', e.slot, e.channel_id, e.webhook_event_id FROM linecrm_internal.inbox_error e) AS p
			LEFT JOIN linecrm_internal.inbox i ON i.slot = p.slot AND i.channel_id = p.channel_id AND i.webhook_event_id = p.webhook_event_id
		WHERE i.webhook_event_id IS NULL) AS x,
		linecrm_internal._integrity_row('waiting and failed events are in the inbox', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('event %s', e.webhook_event_id)) AS example
		FROM linecrm_internal.inbox_waiting w JOIN linecrm_internal.inbox_error e
			ON e.slot = w.slot AND e.channel_id = w.channel_id AND e.webhook_event_id = w.webhook_event_id) AS x,
		linecrm_internal._integrity_row('an event is waiting or failed, not both', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(p.what) AS example
		FROM (
			SELECT format('segment "%s"', s.name) AS what FROM linecrm_internal.segment s
				LEFT JOIN linecrm_internal.segment_version v ON v.segment_id = s.segment_id AND v.version = s.version
				WHERE v.segment_id IS NULL OR v.query <> s.query
			UNION ALL
			SELECT format('message "%s"', m.name) FROM linecrm_internal.message m
				LEFT JOIN linecrm_internal.message_version v ON v.message_id = m.message_id AND v.version = m.version
				WHERE v.message_id IS NULL) AS p) AS x,
		linecrm_internal._integrity_row('segments and messages have their version', x.wrong, x.example) AS r;

	RETURN QUERY SELECT r.* FROM (
		SELECT count(*) AS wrong, min(format('%s of channel_id %s', p.kind, p.channel_id)) AS example
		FROM (
			SELECT 'tag' AS kind, t.channel_id FROM linecrm_internal.tag t
			UNION ALL SELECT 'segment', s.channel_id FROM linecrm_internal.segment s
			UNION ALL SELECT 'message', m.channel_id FROM linecrm_internal.message m
			UNION ALL SELECT 'store', s.channel_id FROM linecrm_internal.store s
			UNION ALL SELECT 'credential', k.channel_id FROM linecrm_internal.credential k
			UNION ALL SELECT 'access', a.channel_id FROM linecrm_internal.access a WHERE a.channel_id IS NOT NULL) AS p
			LEFT JOIN linecrm_internal.channel c ON c.channel_id = p.channel_id
		WHERE c.channel_id IS NULL) AS x,
		linecrm_internal._integrity_row('everything has its channel', x.wrong, x.example) AS r;
END
$$;
COMMENT ON FUNCTION linecrm_internal._check_rest() IS 'check_integrity: inbox, versions, channels';

CREATE FUNCTION linecrm.check_integrity() RETURNS TABLE (item text, ok boolean, detail text)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.check_integrity() IS 'does everything in the CRM''s tables fit together? One row a rule; reads everything, so run it at quiet times';

CREATE FUNCTION linecrm_internal.check_integrity() RETURNS TABLE (item text, ok boolean, detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Rules span channels, and an example may name a member: for those who may see all of them.
	PERFORM linecrm_internal._require_channel(c.channel_id) FROM linecrm_internal.channel c;
	RETURN QUERY SELECT p.* FROM linecrm_internal._check_people() AS p;
	RETURN QUERY SELECT d.* FROM linecrm_internal._check_deliveries() AS d;
	RETURN QUERY SELECT r.* FROM linecrm_internal._check_rest() AS r;
END
$$;
COMMENT ON FUNCTION linecrm_internal.check_integrity() IS 'inner side of linecrm.check_integrity';
