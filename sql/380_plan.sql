/*
 * 380_plan.sql
 *   From an audience and a message to requests. _plan decides who gets what and why not the others, and writes nothing;
 *   preview() shows what it gives, _plan_delivery() writes it. That both use it is what makes the run do what the
 *   preview said.
 *
 *   _exclusions                     who is named and not sent to, each once, by the first reason that holds
 *   _plan                           contents with their recipients, exclusions, conflicting rows
 *   _judge                          whether a plan may go out: the safety rules, in one place
 *   _plan_delivery                  plan, judge, write, enqueue
 *
 * Reasons, in the order in which they are asked: no_friend, other_channel, blocked, opted_out, already_got,
 * missing_value, invalid_content.
 */

CREATE FUNCTION linecrm_internal._lane(class text) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE _lane.class WHEN 'reply' THEN 0 WHEN 'transactional' THEN 1 WHEN 'chat' THEN 2 ELSE 3 END::smallint;
END;
COMMENT ON FUNCTION linecrm_internal._lane(text) IS 'the lane of the outbox that a class of delivery travels in';

CREATE FUNCTION linecrm_internal._content_digest(messages jsonb) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT sha256(convert_to(_content_digest.messages::text, 'UTF8'));
END;
COMMENT ON FUNCTION linecrm_internal._content_digest(jsonb) IS 'what "the same message" is compared by: the message before variables are filled in';

/*
 * Each set is asked for once. A set that is small beside the channel is looked up friend by friend; for a large one the
 * channel is read once and the rest is set algebra: a million lookups take longer than reading a million rows.
 */
CREATE FUNCTION linecrm_internal._exclusions(cid bigint, named linecrm.friendset, class text, got linecrm.friendset)
RETURNS TABLE (reason text, members linecrm.friendset)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	nobody constant linecrm.friendset := '{}';
	marketing boolean := _exclusions.class = 'marketing';
	here linecrm.friendset;
	elsewhere linecrm.friendset := nobody;
	blocked linecrm.friendset;
	opted_out linecrm.friendset;
	rest linecrm.friendset;
BEGIN
	IF linecrm.cardinality(named) < greatest(20000,
		(SELECT sum(c.reltuples) / 20 FROM pg_class c WHERE c.oid = 'linecrm_internal.friend'::regclass)) THEN
		SELECT linecrm.friendset_agg(f.friend_id) FILTER (WHERE f.channel_id = cid),
			linecrm.friendset_agg(f.friend_id) FILTER (WHERE f.channel_id <> cid),
			linecrm.friendset_agg(f.friend_id) FILTER (WHERE f.channel_id = cid AND f.status = 'blocked'),
			linecrm.friendset_agg(f.friend_id) FILTER (WHERE f.channel_id = cid AND marketing AND f.preferences ->> 'marketing' = 'false')
		INTO here, elsewhere, blocked, opted_out
		FROM linecrm.friend_ids(named) AS n (friend_id) JOIN linecrm_internal.friend f USING (friend_id);
	ELSE
		SELECT linecrm.friendset_agg(f.friend_id),
			linecrm.friendset_agg(f.friend_id) FILTER (WHERE f.status = 'blocked'),
			linecrm.friendset_agg(f.friend_id) FILTER (WHERE marketing AND f.preferences ->> 'marketing' = 'false')
		INTO here, blocked, opted_out
		FROM linecrm_internal.friend f
		WHERE f.channel_id = cid AND f.friend_id BETWEEN linecrm.first_friend(named) AND linecrm.last_friend(named);
		rest := named OPERATOR(linecrm.-) here;
		IF linecrm.cardinality(rest) > 0 THEN
			SELECT linecrm.friendset_agg(f.friend_id) INTO elsewhere
			FROM linecrm.friend_ids(rest) AS n (friend_id) JOIN linecrm_internal.friend f USING (friend_id)
			WHERE f.channel_id <> cid;
		END IF;
	END IF;
	rest := named;
	FOR reason, members IN SELECT * FROM (VALUES
		('no_friend', named OPERATOR(linecrm.-) here OPERATOR(linecrm.-) elsewhere),
		('other_channel', elsewhere),
		('blocked', blocked),
		('opted_out', opted_out),
		('already_got', coalesce(_exclusions.got, nobody))) AS v
	LOOP
		members := members OPERATOR(linecrm.&) rest;
		rest := rest OPERATOR(linecrm.-) members;
		IF linecrm.cardinality(members) > 0 THEN
			RETURN NEXT;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION linecrm_internal._exclusions(bigint, linecrm.friendset, text, linecrm.friendset) IS 'who of the named is not sent to, each friend once, by the first reason that holds';

/* Who got these messages, or may still get them, from deliveries of the last while. Whoever has rejected counts not. */
CREATE FUNCTION linecrm_internal._already_got(cid bigint, message_id bigint, digest bytea, since timestamptz, not_delivery bigint)
RETURNS linecrm.friendset
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	got linecrm.friendset;
BEGIN
	SELECT linecrm.friendset_union_agg(CASE WHEN r.friend_id IS NOT NULL
			THEN linecrm.friendset(ARRAY[r.friend_id]) ELSE r.recipients END
		OPERATOR(linecrm.-) coalesce(dropped.members, '{}'))
	INTO got
	FROM linecrm_internal.delivery d
	JOIN linecrm_internal.request r ON r.delivery_id = d.delivery_id
	LEFT JOIN linecrm_internal.outcome o ON o.slot = r.slot AND o.request_id = r.request_id
	LEFT JOIN LATERAL (SELECT linecrm.friendset_union_agg(x.members) AS members FROM linecrm_internal.exclusion x
		WHERE x.request_id = r.request_id) AS dropped ON true
	WHERE d.channel_id = cid AND d.created_at >= since - interval '1 day' AND r.created_at >= since
		AND d.delivery_id <> not_delivery
		AND (d.message_id = _already_got.message_id OR d.content_digest = digest)
		AND (o.outcome IS NULL AND d.cancelled_at IS NULL OR o.outcome IN ('accepted', 'unknown'));
	RETURN coalesce(got, '{}');
END
$$;
COMMENT ON FUNCTION linecrm_internal._already_got(bigint, bigint, bytea, timestamptz, bigint) IS 'who got a message since a time, or is about to';

/*
 * One delivery's worth, as rows:
 *   named      members, how many rows named them
 *   invalid    how many rows had an id that no friend can have: it counts as nobody
 *   excluded   reason, detail, members
 *   several    members with rows that render differently
 *   content    body, members
 * Everybody named is in exactly one of excluded, several and content.
 *
 * Rows are grouped by what they render to: 47 prefectures are 47 contents, not a million. A message without variables
 * needs no rows at all, only the set.
 */
CREATE FUNCTION linecrm_internal._plan(cid bigint, delivery_id bigint, segment_id bigint, friends linecrm.friendset,
	messages jsonb, class text, got linecrm.friendset)
RETURNS TABLE (part text, reason text, detail text, body bytea, members linecrm.friendset, row_count bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	template jsonb := linecrm_internal._bind_delivery(_plan.messages, _plan.delivery_id);
	named linecrm.friendset := _plan.friends;
	excluded linecrm.friendset := '{}';
	problem text[];
BEGIN
	IF named IS NULL AND cardinality(linecrm_internal._template_variables(template, false)) > 0 THEN
		RETURN QUERY SELECT * FROM linecrm_internal._plan_rows(cid, _plan.segment_id, template, _plan.class, _plan.got);
		RETURN;
	END IF;
	IF named IS NULL THEN
		SELECT r.members, r.invalid INTO named, row_count FROM linecrm_internal._run_segment(_plan.segment_id) AS r;
		IF row_count > 0 THEN
			part := 'invalid';
			RETURN NEXT;
		END IF;
	END IF;
	part := 'named';
	members := named;
	row_count := linecrm.cardinality(named);
	RETURN NEXT;
	part := 'excluded';
	row_count := NULL;
	FOR reason, members IN
		SELECT x.reason, x.members FROM linecrm_internal._exclusions(cid, named, _plan.class, _plan.got) AS x
	LOOP
		excluded := excluded OPERATOR(linecrm.|) members;
		RETURN NEXT;
	END LOOP;
	reason := NULL;
	members := named OPERATOR(linecrm.-) excluded;
	IF linecrm.cardinality(members) > 0 THEN
		body := linecrm_internal._render(template, NULL);
		part := 'content';
		IF body IS NULL THEN
			problem := linecrm_internal._render_problem(template, NULL);
			part := 'excluded';
			reason := problem[1];
			detail := problem[2];
		END IF;
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._plan(bigint, bigint, bigint, linecrm.friendset, jsonb, text, linecrm.friendset) IS 'who gets what and who does not and why; writes nothing';

/* _plan for rows of (friend_id, vars). One statement, so that a large audience spills to disk instead of filling memory. */
CREATE FUNCTION linecrm_internal._plan_rows(cid bigint, segment_id bigint, template jsonb, class text, got linecrm.friendset)
RETURNS TABLE (part text, reason text, detail text, body bytea, members linecrm.friendset, row_count bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH source AS MATERIALIZED (
		SELECT s.friend_id, s.vars FROM linecrm_internal._segment_rows(_plan_rows.segment_id) AS s),
	named AS MATERIALIZED (
		SELECT linecrm.friendset_agg(s.friend_id) AS members, count(*) AS row_count
		FROM source s WHERE s.friend_id BETWEEN 1 AND 4294967295),
	excluded AS MATERIALIZED (
		SELECT x.reason, x.members FROM named n
		CROSS JOIN LATERAL linecrm_internal._exclusions(cid, n.members, _plan_rows.class, _plan_rows.got) AS x),
	gone AS MATERIALIZED (
		SELECT i.friend_id FROM excluded x CROSS JOIN LATERAL linecrm.friend_ids(x.members) AS i (friend_id)),
	kept AS MATERIALIZED (
		SELECT r.friend_id, r.body, CASE WHEN r.body IS NULL THEN r.vars END AS vars
		FROM (SELECT s.friend_id, s.vars, linecrm_internal._render(template, s.vars) AS body
			FROM source s LEFT JOIN gone g ON g.friend_id = s.friend_id
			WHERE g.friend_id IS NULL AND s.friend_id BETWEEN 1 AND 4294967295 OFFSET 0) AS r),
	several AS MATERIALIZED (
		SELECT k.friend_id FROM kept k
		WHERE (SELECT n.row_count > linecrm.cardinality(n.members) FROM named n)
		GROUP BY k.friend_id HAVING count(DISTINCT coalesce(k.body, '')) > 1),
	sent AS (
		SELECT k.body, linecrm.friendset_agg(k.friend_id) AS members
		FROM kept k LEFT JOIN several v ON v.friend_id = k.friend_id
		WHERE k.body IS NOT NULL AND v.friend_id IS NULL
		GROUP BY k.body),
	unsendable AS (
		SELECT p.problem[1] AS reason, min(p.problem[2]) AS detail, linecrm.friendset_agg(p.friend_id) AS members
		FROM (SELECT k.friend_id, min(linecrm_internal._render_problem(template, k.vars)) AS problem
			FROM kept k LEFT JOIN several v ON v.friend_id = k.friend_id
			WHERE k.body IS NULL AND v.friend_id IS NULL
			GROUP BY k.friend_id) AS p
		-- One row a missing variable; of what is too long, one example for all.
		GROUP BY p.problem[1], CASE p.problem[1] WHEN 'missing_value' THEN p.problem[2] END)
	SELECT 'named', NULL, NULL, NULL::bytea, n.members, n.row_count FROM named n
	UNION ALL
	SELECT 'invalid', NULL, NULL, NULL, NULL, count(*) FROM source s
	WHERE s.friend_id NOT BETWEEN 1 AND 4294967295 HAVING count(*) > 0
	UNION ALL
	SELECT 'excluded', x.reason, NULL, NULL, x.members, NULL FROM excluded x
	UNION ALL
	SELECT 'excluded', u.reason, u.detail, NULL, u.members, NULL FROM unsendable u
	UNION ALL
	SELECT 'several', NULL, NULL, NULL, linecrm.friendset_agg(v.friend_id), NULL FROM several v HAVING count(*) > 0
	UNION ALL
	SELECT 'content', NULL, NULL, s.body, s.members, NULL FROM sent s;
END
$$;
COMMENT ON FUNCTION linecrm_internal._plan_rows(bigint, bigint, jsonb, text, linecrm.friendset) IS '_plan for a message whose variables are columns of the segment';

/*
 * What is left of the month's quota. LINE's figure is from quota_at; what was planned or accepted since is not in it, so
 * it counts as reserved: recipients of campaigns, less those whose request had ended before LINE was asked or was not
 * accepted. Pushes reserve nothing. remaining is NULL when it is unknown or without limit. One formula for the rules
 * (_quota) and for what people see (channel_status).
 */
CREATE VIEW linecrm_internal.quota WITH (security_invoker = true) AS
SELECT c.channel_id, c.quota_limit, c.quota_used, r.reserved,
	CASE WHEN c.quota_type = 'limited' AND c.quota_limit IS NOT NULL AND c.quota_used IS NOT NULL
		THEN greatest(c.quota_limit - c.quota_used - r.reserved, 0) END AS remaining
FROM linecrm_internal.channel c
CROSS JOIN LATERAL (
	SELECT coalesce(sum(d.recipients - coalesce((SELECT sum(o.friends) FROM linecrm_internal.outcome o
		WHERE o.delivery_id = d.delivery_id AND o.outcome NOT IN ('split', 'superseded')
			AND (o.outcome NOT IN ('accepted', 'unknown') OR o.finished_at <= c.quota_at)), 0)), 0)::bigint AS reserved
	FROM linecrm_internal.delivery d
	WHERE d.slot = -1 AND d.channel_id = c.channel_id AND d.planned_at IS NOT NULL AND d.recipients > 0
		AND (d.finished_at IS NULL AND d.cancelled_at IS NULL OR d.finished_at > c.quota_at)) AS r;
COMMENT ON VIEW linecrm_internal.quota IS 'limit and use as LINE told, what campaigns have reserved since, what remains';

CREATE FUNCTION linecrm_internal._quota(cid bigint, OUT quota_limit bigint, OUT used bigint, OUT reserved bigint, OUT remaining bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT q.quota_limit, q.quota_used, q.reserved, q.remaining INTO quota_limit, used, reserved, remaining
	FROM linecrm_internal.quota q WHERE q.channel_id = cid;
END
$$;
COMMENT ON FUNCTION linecrm_internal._quota(bigint) IS 'limit and use as LINE told, what campaigns have reserved since, what remains; NULL: unknown or unlimited';

CREATE FUNCTION linecrm_internal._figure(number bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT to_char(_figure.number, 'FM999,999,999,999,990');
END;
COMMENT ON FUNCTION linecrm_internal._figure(bigint) IS 'a number as people read it';

/* The lock under which quota, caps and running deliveries of a channel are read and reserved. */
CREATE FUNCTION linecrm_internal._lock_planning(cid bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(1279479873, cid::integer);
END
$$;
COMMENT ON FUNCTION linecrm_internal._lock_planning(bigint) IS 'one planner at a time per channel, until commit';

/*
 * The safety rules: a row for each that the plan breaks, the first decides. refused: an immediate caller gets an error
 * and nothing has happened; otherwise, and always when nobody is waiting for an answer, the delivery is held and nobody
 * gets it.
 *
 * Volatile for the sake of its snapshot: what was committed while it waited for the lock must count.
 */
CREATE FUNCTION linecrm_internal._judge(cid bigint, delivery_id bigint, class text, key text, digest bytea, at_most bigint,
	audience linecrm.friendset, several bigint, reserve boolean)
RETURNS TABLE (reason text, detail text, hint text, refused boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	recipients bigint := linecrm.cardinality(audience);
	confirm_above bigint := current_setting('linecrm.confirm_above')::bigint;
	quota record;
	earlier bigint;
BEGIN
	IF reserve THEN
		PERFORM linecrm_internal._lock_planning(cid);
	END IF;
	refused := false;
	IF several > 0 THEN
		reason := 'several_rows';
		detail := format(linecrm_internal._say('%s friends have several rows that render differently',
			'%s 人の友だちに内容の異なる行が複数あります'), linecrm_internal._figure(several));
		hint := 'let the segment give one row a friend';
		RETURN NEXT;
	END IF;
	IF recipients > at_most THEN
		reason := 'at_most';
		detail := format(linecrm_internal._say('%s people would get it, at_most is %s', '対象は %s 人ですが、at_most は %s です'),
			linecrm_internal._figure(recipients), linecrm_internal._figure(at_most));
		hint := CASE WHEN delivery_id > 0 THEN format('SELECT linecrm.release(%s, at_most => %s) sends it all the same', delivery_id, recipients)
			ELSE format('at_most => %s sends it all the same', recipients) END;
		RETURN NEXT;
	ELSIF at_most IS NULL AND class = 'marketing' AND recipients > confirm_above THEN
		reason := 'at_most';
		detail := format(linecrm_internal._say('%s people would get it; above %s a marketing delivery needs at_most',
			'対象は %s 人です。%s 人を超える配信には at_most が必要です'), linecrm_internal._figure(recipients), linecrm_internal._figure(confirm_above));
		hint := format('add at_most => %s', recipients);
		refused := true;
		RETURN NEXT;
		refused := false;
	END IF;
	IF key IS NULL AND recipients > 0 THEN
		SELECT d.delivery_id INTO earlier FROM linecrm_internal.delivery_campaign d
		WHERE d.channel_id = cid AND d.content_digest = digest AND d.created_at > now() - interval '32 days'
			AND d.planned_at > now() - interval '24 hours' AND d.cancelled_at IS NULL AND d.failed_at IS NULL
			AND d.delivery_id <> _judge.delivery_id AND d.recipients = linecrm.cardinality(audience) AND d.audience OPERATOR(linecrm.=) _judge.audience
		ORDER BY d.delivery_id DESC LIMIT 1;
		IF earlier IS NOT NULL THEN
			reason := 'duplicate';
			detail := format(linecrm_internal._say('delivery %s sent the same message to the same %s people within 24 hours',
				'配信 %s が 24 時間以内に同じメッセージを同じ %s 人に送っています'), earlier, linecrm_internal._figure(recipients));
			hint := 'give a key => ''...'' to say that it is meant, or again_after => interval ''7 days'' to leave out who got it';
			refused := true;
			RETURN NEXT;
			refused := false;
		END IF;
	END IF;
	IF class = 'marketing' THEN
		quota := linecrm_internal._quota(cid);
		IF recipients > quota.remaining THEN
			reason := 'quota';
			detail := format(linecrm_internal._say('%s people would get it, %s messages of this month''s %s are left (%s used, %s reserved)',
				'対象は %s 人ですが、今月の残りは %s 通です (上限 %s、使用 %s、予約 %s)'), linecrm_internal._figure(recipients),
				linecrm_internal._figure(quota.remaining), linecrm_internal._figure(quota.quota_limit),
				linecrm_internal._figure(quota.used), linecrm_internal._figure(quota.reserved));
			hint := 'raise the limit at LINE, or send to fewer';
			RETURN NEXT;
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._judge(bigint, bigint, text, text, bytea, bigint, linecrm.friendset, bigint, boolean) IS 'which safety rules a plan breaks, the decisive one first; no row: it may go out';

CREATE FUNCTION linecrm_internal._messages_of(delivery linecrm_internal.delivery) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF delivery.messages IS NOT NULL THEN
		RETURN delivery.messages;
	END IF;
	RETURN (SELECT v.messages FROM linecrm_internal.message_version v
		WHERE v.message_id = delivery.message_id AND v.version = delivery.message_version);
END
$$;
COMMENT ON FUNCTION linecrm_internal._messages_of(linecrm_internal.delivery) IS 'the content that a delivery sends, before variables are filled in';

/*
 * Plans a campaign and, unless a rule stands against it, writes and enqueues it: one statement from the audience to the
 * requests. asked: somebody waits for the answer, so refusals are errors and a large marketing delivery waits for the
 * undo window.
 */
CREATE FUNCTION linecrm_internal._plan_delivery(delivery_id bigint, asked boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	d linecrm_internal.delivery;
	content jsonb;
	got linecrm.friendset;
	month smallint := linecrm_internal._month_slot(now());
	plan record;
	starts_at timestamptz;
	validates boolean;
BEGIN
	SELECT * INTO STRICT d FROM linecrm_internal.delivery_campaign c WHERE c.delivery_id = _plan_delivery.delivery_id FOR UPDATE;
	content := linecrm_internal._messages_of(d);
	IF d.again_after IS NOT NULL THEN
		PERFORM linecrm_internal._lock_planning(d.channel_id);
		got := linecrm_internal._already_got(d.channel_id, d.message_id, linecrm_internal._content_digest(content), now() - d.again_after, d.delivery_id);
	END IF;
	IF d.attributes ->> 'everyone' = 'true' THEN
		SELECT linecrm.friendset_agg(f.friend_id) INTO d.friends FROM linecrm_internal.friend f WHERE f.channel_id = d.channel_id;
	END IF;
	PERFORM pg_current_xact_id();
	WITH planned AS MATERIALIZED (
		SELECT p.*, CASE WHEN p.part = 'content' THEN nextval('linecrm_internal.content_id_seq') END AS content_id
		FROM linecrm_internal._plan(d.channel_id, d.delivery_id, d.segment_id, d.friends, content, d.class, got) AS p),
	facts AS MATERIALIZED (
		SELECT coalesce(sum(linecrm.cardinality(p.members)) FILTER (WHERE p.part = 'named'), 0)::bigint AS named,
			linecrm.friendset_union_agg(p.members) FILTER (WHERE p.part = 'content') AS audience,
			coalesce(sum(linecrm.cardinality(p.members)) FILTER (WHERE p.part = 'several'), 0)::bigint AS several,
			count(*) FILTER (WHERE p.part = 'content') AS contents
		FROM planned p),
	verdict AS MATERIALIZED (
		SELECT j.* FROM facts f CROSS JOIN LATERAL linecrm_internal._judge(d.channel_id, d.delivery_id, d.class, coalesce(d.key, d.attributes ->> 'duplicate'),
			linecrm_internal._content_digest(content), d.at_most, f.audience, f.several, true) AS j LIMIT 1),
	free AS MATERIALIZED (
		SELECT 1 WHERE NOT EXISTS (SELECT FROM verdict)),
	contents AS (
		INSERT INTO linecrm_internal.content (slot, content_id, channel_id, body, digest)
		SELECT month, p.content_id, d.channel_id, p.body, sha256(p.body)
		FROM planned p CROSS JOIN free WHERE p.part = 'content'),
	requests AS (
		INSERT INTO linecrm_internal.request (slot, channel_id, delivery_slot, delivery_id, kind, lane, content_slot,
			content_id, retry_key, recipients, friend_id, first_friend, last_friend, friends, not_after)
		SELECT month, d.channel_id, d.slot, d.delivery_id, CASE WHEN t.friends = 1 THEN 'push' ELSE 'multicast' END,
			linecrm_internal._lane(d.class), month, t.content_id, gen_random_uuid(),
			CASE WHEN t.friends > 1 THEN t.members END, CASE WHEN t.friends = 1 THEN linecrm.first_friend(t.members) END,
			CASE WHEN t.friends > 1 THEN linecrm.first_friend(t.members) END,
			CASE WHEN t.friends > 1 THEN linecrm.last_friend(t.members) END, t.friends, d.not_after
		FROM (SELECT p.content_id, p.members, 1 AS friends FROM planned p CROSS JOIN free
				WHERE p.part = 'content' AND linecrm.cardinality(p.members) = 1
			UNION ALL
			SELECT p.content_id, k.members, linecrm.cardinality(k.members)::integer FROM planned p CROSS JOIN free
				CROSS JOIN LATERAL linecrm.chunks(p.members, 500) AS k (members)
				WHERE p.part = 'content' AND linecrm.cardinality(p.members) > 1) AS t
		ORDER BY linecrm.first_friend(t.members)
		RETURNING request_id),
	exclusions AS (
		INSERT INTO linecrm_internal.exclusion (slot, channel_id, delivery_slot, delivery_id, reason, members, detail)
		SELECT month, d.channel_id, d.slot, d.delivery_id, p.reason, p.members, p.detail
		FROM planned p CROSS JOIN free WHERE p.part = 'excluded'),
	-- What LINE is asked about first: see 385_validate.sql.
	sample AS (
		SELECT array_agg(s.content_id) AS content_ids, array_agg(s.kind) AS kinds
		FROM (SELECT b.content_id, b.kind FROM (SELECT p.content_id, CASE WHEN linecrm.cardinality(p.members) > 1 THEN 'multicast' ELSE 'push' END AS kind
					FROM planned p WHERE p.part = 'content' ORDER BY octet_length(p.body) DESC, p.content_id LIMIT 25) AS b
			UNION
			SELECT m.content_id, m.kind FROM (SELECT p.content_id, CASE WHEN linecrm.cardinality(p.members) > 1 THEN 'multicast' ELSE 'push' END AS kind
					FROM planned p WHERE p.part = 'content' ORDER BY linecrm.cardinality(p.members) DESC, p.content_id LIMIT 25) AS m
			ORDER BY content_id) AS s)
	SELECT f.named, f.audience, linecrm.cardinality(f.audience) AS recipients, f.contents, v.reason, v.detail, v.hint,
		coalesce(v.refused, false) AS refused, (SELECT array_agg(r.request_id) FROM requests r) AS request_ids,
		s.content_ids, s.kinds
	INTO plan
	FROM facts f CROSS JOIN sample s LEFT JOIN verdict v ON true;

	IF plan.refused AND asked THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format(linecrm_internal._say('not sent: %s', '送信しません: %s'), plan.detail), HINT = plan.hint;
	END IF;
	starts_at := clock_timestamp();
	IF plan.reason IS NULL AND asked AND d.class = 'marketing'
			AND plan.recipients > current_setting('linecrm.confirm_above')::bigint THEN
		starts_at := starts_at + current_setting('linecrm.undo_window')::interval;
	END IF;
	validates := cardinality(plan.request_ids) > 1;
	UPDATE linecrm_internal.delivery_campaign c SET
		named = plan.named, recipients = plan.recipients, contents = plan.contents,
		content_digest = linecrm_internal._content_digest(content),
		segment_version = (SELECT s.version FROM linecrm_internal.segment s WHERE s.segment_id = c.segment_id),
		audience = CASE WHEN plan.reason IS NULL THEN plan.audience END,
		requests = CASE WHEN plan.reason IS NULL THEN coalesce(cardinality(plan.request_ids), 0) END,
		validating = CASE WHEN validates THEN linecrm_internal._ask_line(d, month, plan.content_ids, plan.kinds) END,
		planned_at = CASE WHEN plan.reason IS NULL THEN clock_timestamp() END,
		due_at = CASE WHEN asked THEN starts_at ELSE c.due_at END,
		held_reason = plan.reason, held_detail = plan.detail, held_by = NULL,
		held_at = CASE WHEN plan.reason IS NOT NULL THEN clock_timestamp() END
	WHERE c.delivery_id = _plan_delivery.delivery_id;
	IF plan.request_ids IS NOT NULL THEN
		IF validates AND starts_at <= clock_timestamp() THEN
			PERFORM linecrm_internal._enqueue(month, plan.request_ids, coalesce(d.not_after, 'infinity'), 'validating');
		ELSE
			PERFORM linecrm_internal._enqueue(month, plan.request_ids, starts_at);
		END IF;
	ELSIF plan.reason IS NULL THEN
		PERFORM linecrm_internal._finish_delivery(_plan_delivery.delivery_id);
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._plan_delivery(bigint, boolean) IS 'plans a campaign, judges it, and writes and enqueues its requests';
