/*
 * 393_preview.sql
 *   What a delivery would do: the plan of 380_plan.sql, counted instead of written, with quota, money, time and samples.
 */

/*
 * LINE's plans in Japan since 2023-06: free messages a month and the price of further ones, before tax. Of the standard
 * plan LINE says "up to 3 yen each, falling with volume" and does not publish the steps; what others report of them is
 * confirmed nowhere. So every further message is counted at 3 yen: the sum is an upper bound, and is shown as one.
 */
CREATE VIEW linecrm_internal.price_tier (plan, free_messages, from_message, to_message, yen) AS VALUES
	('communication', 200::bigint, NULL::bigint, NULL::bigint, NULL::numeric),
	('light', 5000, NULL, NULL, NULL),
	('standard', 30000, 1, NULL, 3.0);
COMMENT ON VIEW linecrm_internal.price_tier IS 'the most that a message beyond the free ones costs, by volume; no price: none can be bought';

CREATE FUNCTION linecrm_internal._extra_yen(plan text, already bigint, more bigint) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	free bigint := (SELECT max(t.free_messages) FROM linecrm_internal.price_tier t WHERE t.plan = _extra_yen.plan);
	low bigint := greatest(already - free, 0);
	high bigint := greatest(already + more - free, 0);
BEGIN
	IF free IS NULL THEN
		RETURN NULL;
	END IF;
	RETURN (SELECT coalesce(sum(t.yen * greatest(least(high, coalesce(t.to_message, high)) - greatest(low, t.from_message - 1), 0)), 0)
		FROM linecrm_internal.price_tier t WHERE t.plan = _extra_yen.plan AND t.yen IS NOT NULL);
END
$$;
COMMENT ON FUNCTION linecrm_internal._extra_yen(text, bigint, bigint) IS 'what so many more messages cost at most in a month in which some were already sent';

CREATE FUNCTION linecrm_internal._preview(d linecrm_internal.delivery)
RETURNS TABLE (part text, item text, item_ja text, friends bigint, value text, detail text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	content jsonb := linecrm_internal._messages_of(d);
	got linecrm.friendset;
	quota record := linecrm_internal._quota(d.channel_id);
	c record;
	large bigint := current_setting('linecrm.confirm_above')::bigint;
BEGIN
	SELECT ch.plan, ch.time_zone INTO c FROM linecrm_internal.channel ch WHERE ch.channel_id = d.channel_id;
	IF d.again_after IS NOT NULL THEN
		got := linecrm_internal._already_got(d.channel_id, d.message_id, linecrm_internal._content_digest(content), now() - d.again_after, d.delivery_id);
	END IF;
	IF d.attributes ->> 'everyone' = 'true' THEN
		SELECT linecrm.friendset_agg(f.friend_id) INTO d.friends FROM linecrm_internal.friend f WHERE f.channel_id = d.channel_id;
	END IF;
	RETURN QUERY
	WITH planned AS MATERIALIZED (
		SELECT p.*, linecrm.cardinality(p.members) AS people
		FROM linecrm_internal._plan(d.channel_id, d.delivery_id, d.segment_id, d.friends, content, d.class, got) AS p),
	facts AS MATERIALIZED (
		SELECT linecrm.friendset_union_agg(p.members) FILTER (WHERE p.part = 'content') AS audience,
			coalesce(sum(p.people) FILTER (WHERE p.part = 'named'), 0)::bigint AS named,
			coalesce(sum(p.people) FILTER (WHERE p.part = 'content'), 0)::bigint AS recipients,
			coalesce(sum(p.people) FILTER (WHERE p.part = 'several'), 0)::bigint AS several,
			count(*) FILTER (WHERE p.part = 'content') AS contents,
			coalesce(sum(p.people / 500 + CASE WHEN p.people % 500 > 1 THEN 1 ELSE 0 END) FILTER (WHERE p.part = 'content'), 0)::bigint AS multicasts,
			count(*) FILTER (WHERE p.part = 'content' AND p.people % 500 = 1) AS pushes
		FROM planned p),
	starting AS MATERIALIZED (
		SELECT greatest(d.due_at, now()) + CASE WHEN d.class = 'marketing' AND f.recipients > large AND coalesce(d.due_at, now()) <= now()
				THEN current_setting('linecrm.undo_window')::interval ELSE '0' END AS starts_at,
			make_interval(secs => greatest(ceil(f.multicasts / 200.0), ceil(f.pushes / 2000.0))::double precision) AS takes
		FROM facts f),
	items (place, part, item, item_ja, friends, value, detail) AS (
		SELECT 10, 'audience', 'named', '対象', f.named, NULL::text,
			(SELECT 'segment ' || s.name FROM linecrm_internal.segment s WHERE s.segment_id = d.segment_id) FROM facts f
		UNION ALL
		SELECT 11, 'audience', 'rows', '行', NULL, linecrm_internal._figure(p.row_count), 'the segment gives several rows for some friends'
		FROM planned p WHERE p.part = 'named' AND p.row_count > p.people
		UNION ALL
		SELECT 12, 'audience', 'invalid', '不正な番号', NULL, linecrm_internal._figure(p.row_count), 'rows with a friend_id that no friend can have: nobody'
		FROM planned p WHERE p.part = 'invalid'
		UNION ALL
		SELECT 20, 'excluded', p.reason, l.label_ja, p.people, NULL, p.detail
		FROM planned p LEFT JOIN linecrm.label l ON l.kind = 'reason' AND l.name = p.reason WHERE p.part = 'excluded'
		UNION ALL
		SELECT 21, 'excluded', 'several_rows', l.label_ja, f.several, NULL, NULL
		FROM facts f LEFT JOIN linecrm.label l ON l.kind = 'reason' AND l.name = 'several_rows' WHERE f.several > 0
		UNION ALL
		SELECT 30, 'audience', 'recipients', '送信対象', f.recipients, NULL, NULL FROM facts f
		UNION ALL
		SELECT 40, 'request', 'contents', '内容の種類', f.recipients, linecrm_internal._figure(f.contents), NULL FROM facts f
		UNION ALL
		SELECT 41, 'request', 'multicast', 'マルチキャスト', f.recipients - f.pushes, linecrm_internal._figure(f.multicasts), 'up to 500 people each' FROM facts f
		UNION ALL
		SELECT 42, 'request', 'push', 'プッシュ', f.pushes, linecrm_internal._figure(f.pushes), 'one person each' FROM facts f
		UNION ALL
		SELECT 50, 'quota', 'before', '送信前の残り', NULL, coalesce(linecrm_internal._figure(quota.remaining), 'unknown'),
			CASE WHEN quota.remaining IS NOT NULL THEN format('%s of %s used, %s reserved', linecrm_internal._figure(quota.used),
				linecrm_internal._figure(quota.quota_limit), linecrm_internal._figure(quota.reserved)) ELSE 'SELECT linecrm.refresh_channel() asks LINE' END
		UNION ALL
		SELECT 51, 'quota', 'after', '送信後の残り', NULL, coalesce(linecrm_internal._figure(CASE WHEN quota.remaining IS NOT NULL THEN greatest(quota.remaining - f.recipients, 0) END), 'unknown'), NULL FROM facts f
		UNION ALL
		SELECT 60, 'cost', 'yen', '追加料金の上限 (円、税別)', f.recipients,
			to_char(linecrm_internal._extra_yen(c.plan, coalesce(quota.used, 0) + quota.reserved, f.recipients), 'FM999,999,999,990.##'),
			format('%splan %s%s', CASE WHEN EXISTS (SELECT FROM linecrm_internal.price_tier t WHERE t.plan = c.plan AND t.yen IS NOT NULL)
				THEN 'at most, LINE''s price falls with volume; ' ELSE '' END, c.plan, CASE WHEN quota.used IS NULL THEN ', as if nothing was sent this month' ELSE '' END) FROM facts f
		UNION ALL
		SELECT 70, 'time', 'starts_at', '開始', NULL, to_char(s.starts_at AT TIME ZONE c.time_zone, 'YYYY-MM-DD HH24:MI:SS'), c.time_zone
		FROM starting s CROSS JOIN facts f WHERE f.recipients > 0
		UNION ALL
		SELECT 71, 'time', 'eta_at', '完了見込み', NULL, to_char((s.starts_at + s.takes) AT TIME ZONE c.time_zone, 'YYYY-MM-DD HH24:MI:SS'),
			format('%s s at LINE''s limits', extract(epoch FROM s.takes)::bigint)
		FROM starting s CROSS JOIN facts f WHERE f.recipients > 0
		UNION ALL
		SELECT 79 + row_number() OVER (ORDER BY x.first_friend), 'sample', x.first_friend::text, 'サンプル', x.people, convert_from(x.body, 'UTF8'),
			(SELECT coalesce(fr.nickname, fr.display_name) FROM linecrm_internal.friend fr WHERE fr.friend_id = x.first_friend)
		FROM (SELECT linecrm.first_friend(p.members) AS first_friend, p.people, p.body FROM planned p
			WHERE p.part = 'content' ORDER BY 1 LIMIT 5) AS x
		UNION ALL
		SELECT 90, 'warning', j.reason, l.label_ja, f.recipients, j.detail, j.hint
		FROM facts f CROSS JOIN LATERAL linecrm_internal._judge(d.channel_id, d.delivery_id, d.class, coalesce(d.key, d.attributes ->> 'duplicate'),
			linecrm_internal._content_digest(content), d.at_most, f.audience, f.several, false) AS j
		LEFT JOIN linecrm.label l ON l.kind = 'reason' AND l.name = j.reason
		UNION ALL
		SELECT 91, 'warning', 'nobody', '送信対象なし', 0, 'nobody would get it', NULL FROM facts f WHERE f.recipients = 0
		UNION ALL
		SELECT 92, 'warning', 'expires', '期限切れ', f.recipients, format('not all is sent before not_after, %s', d.not_after), NULL
		FROM starting s CROSS JOIN facts f WHERE f.recipients > 0 AND s.starts_at + s.takes > d.not_after)
	SELECT i.part, i.item, i.item_ja, i.friends, i.value, i.detail FROM items i ORDER BY i.place, i.friends DESC, i.item;
END
$$;
COMMENT ON FUNCTION linecrm_internal._preview(linecrm_internal.delivery) IS 'the plan of a delivery, counted; writes nothing';

CREATE FUNCTION linecrm.preview(segment text DEFAULT NULL, friends linecrm.friendset DEFAULT NULL, message text DEFAULT NULL,
	messages jsonb DEFAULT NULL, at linecrm.moment DEFAULT NULL, not_after linecrm.moment DEFAULT NULL, key text DEFAULT NULL,
	class text DEFAULT 'marketing', at_most bigint DEFAULT NULL, again_after interval DEFAULT NULL, channel text DEFAULT NULL)
RETURNS TABLE (part text, item text, item_ja text, friends bigint, value text, detail text)
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.preview(text, linecrm.friendset, text, jsonb, linecrm.moment, linecrm.moment, text, text, bigint, interval, text) IS 'what deliver with the same arguments would do: who, why not the others, requests, quota, yen, time, samples, warnings; writes nothing';

-- In SQL, because PL/pgSQL wants different names for the set that comes in and the number that goes out.
CREATE FUNCTION linecrm_internal.preview(segment text, friends linecrm.friendset, message text, messages jsonb, at linecrm.moment,
	not_after linecrm.moment, key text, class text, at_most bigint, again_after interval, channel text)
RETURNS TABLE (part text, item text, item_ja text, friends bigint, value text, detail text)
LANGUAGE sql
BEGIN ATOMIC
	SELECT p.part, p.item, p.item_ja, p.friends, p.value, p.detail
	FROM linecrm_internal._preview(linecrm_internal._new_delivery(preview.segment, preview.friends, false, preview.message, preview.messages,
		coalesce(preview.at, now()::linecrm.moment), preview.not_after, preview.key, preview.class, preview.at_most, preview.again_after,
		preview.channel)) AS p;
END;
COMMENT ON FUNCTION linecrm_internal.preview(text, linecrm.friendset, text, jsonb, linecrm.moment, linecrm.moment, text, text, bigint, interval, text) IS 'see linecrm.preview';

CREATE FUNCTION linecrm.preview_delivery(delivery bigint)
RETURNS TABLE (part text, item text, item_ja text, friends bigint, value text, detail text)
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.preview_delivery(bigint) IS 'what a draft, scheduled or held delivery would do if it were planned now; writes nothing';

CREATE FUNCTION linecrm_internal.preview_delivery(delivery bigint)
RETURNS TABLE (part text, item text, item_ja text, friends bigint, value text, detail text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery := linecrm_internal._delivery(preview_delivery.delivery, false);
BEGIN
	IF d.planned_at IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('delivery %s is planned already', d.delivery_id),
			HINT = format('SELECT * FROM linecrm.delivery_outcome WHERE delivery_id = %s', d.delivery_id);
	END IF;
	IF d.due_at IS NULL AND d.message_id IS NOT NULL THEN
		SELECT m.version INTO d.message_version FROM linecrm_internal.message m WHERE m.message_id = d.message_id;
	END IF;
	RETURN QUERY SELECT * FROM linecrm_internal._preview(d);
END
$$;
COMMENT ON FUNCTION linecrm_internal.preview_delivery(bigint) IS 'see linecrm.preview_delivery';
