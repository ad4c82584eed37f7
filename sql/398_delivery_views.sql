/*
 * 398_delivery_views.sql
 *   Deliveries to look at: how far they are, what became of whom, what waits and why, what a channel has left.
 *
 * Campaigns that are finished are read from their totals; the others are counted. Requests that were split or superseded
 * live on in those that replace them and are never counted.
 */

CREATE VIEW linecrm.label (kind, name, label_ja) AS VALUES
	('delivery', 'draft', '下書き'), ('delivery', 'planned', '予約済み'), ('delivery', 'running', '送信中'), ('delivery', 'held', '保留中'),
	('delivery', 'finished', '完了'), ('delivery', 'cancelled', '中止'), ('delivery', 'failed', '失敗'),
	('recipient', 'queued', '送信待ち'), ('recipient', 'held', '保留中'), ('recipient', 'sending', '送信処理中'), ('recipient', 'accepted', '受付済み'),
	('recipient', 'rejected', '拒否'), ('recipient', 'unknown', '不明'), ('recipient', 'expired', '期限切れ'), ('recipient', 'cancelled', '中止'),
	('recipient', 'excluded', '対象外'),
	('reason', 'no_friend', '友だちではない'), ('reason', 'other_channel', '別アカウントの友だち'), ('reason', 'blocked', 'ブロック中'),
	('reason', 'opted_out', '配信停止希望'), ('reason', 'already_got', '受信済み'), ('reason', 'missing_value', '差し込み値なし'),
	('reason', 'invalid_content', '内容が不正'), ('reason', 'forgotten', '削除済み'), ('reason', 'not_linked', '会員未連携'),
	('reason', 'unknown_message', 'メッセージなし'), ('reason', 'invalid_argument', '引数が不正'), ('reason', 'key_conflict', 'キーの重複'),
	('reason', 'expired', '期限切れ'), ('reason', 'not_after', '期限切れ'), ('reason', 'error', 'エラー'), ('reason', 'no_recipients', '送信対象なし'),
	('reason', 'cancelled', '中止'), ('reason', 'adopted', '引き継ぎ時に中止'),
	('reason', 'person', '担当者による保留'), ('reason', 'at_most', '人数の上限超過'), ('reason', 'several_rows', '一人に複数の行'),
	('reason', 'duplicate', '同じ内容の重複'), ('reason', 'quota', '通数不足'), ('reason', 'segment_failed', 'セグメントの実行エラー'),
	('reason', 'push_burst', 'push の大量発生'), ('reason', 'content', '内容を LINE が拒否'), ('reason', 'breaker', '重複送信を遮断'),
	('reason', 'token', 'アクセストークンが無効'), ('reason', 'monthly_limit', '月間上限に到達'), ('reason', 'quota_reserved', '予約分で通数不足'),
	('reason', 'installation', '復元された別環境'), ('reason', 'channel_held', 'チャネル保留中'), ('reason', 'delivery_held', '配信保留中'),
	('reason', 'scheduled', '予約'), ('reason', 'backoff', '再試行待ち'), ('reason', 'rate', '速度制限待ち'), ('reason', 'rotated', '送信待ち'),
	('reason', 'validating', '内容の確認待ち'), ('reason', 'due', '送信待ち'),
	('reason', 'accepted', '受付済み'), ('reason', 'accepted_before', '受付済み (再送で確認)'), ('reason', 'rejected', 'LINE が拒否'),
	('reason', 'recipient_refused', '宛先を LINE が拒否'), ('reason', 'unknown', '送信結果が不明'), ('reason', 'retry_limit', '再試行の期限切れ'),
	('reason', 'refused', 'LINE が拒否'), ('reason', 'no_answer', '応答なし'),
	('reason', 'sender_stopped', '送信中に停止'), ('reason', 'unknown_kind', '未対応の種類'), ('reason', 'decided', '担当者が判断'),
	('reason', 'queued', '送信待ち');
COMMENT ON VIEW linecrm.label IS 'Japanese labels of states and reasons';

CREATE INDEX tap_delivery_id_idx ON linecrm_internal.tap (delivery_id) WHERE delivery_id IS NOT NULL;

CREATE FUNCTION linecrm_internal._delivery_state(due_at timestamptz, planned_at timestamptz, finished_at timestamptz, held_reason text,
	cancelled_at timestamptz, failed_at timestamptz, ended boolean) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN cancelled_at IS NOT NULL THEN 'cancelled' WHEN failed_at IS NOT NULL THEN 'failed'
		WHEN finished_at IS NOT NULL OR ended THEN 'finished' WHEN held_reason IS NOT NULL THEN 'held'
		WHEN due_at IS NULL THEN 'draft' WHEN planned_at IS NULL OR due_at > now() THEN 'planned' ELSE 'running' END;
END;
COMMENT ON FUNCTION linecrm_internal._delivery_state(timestamptz, timestamptz, timestamptz, text, timestamptz, timestamptz, boolean) IS 'the state of a delivery, which no column holds';

/* Unfinished deliveries look into outcomes and queue; finished campaigns into their totals. */
CREATE VIEW linecrm.delivery_progress WITH (security_invoker) AS
SELECT d.delivery_id, c.name AS channel, d.kind, d.class, d.key, s.state, l.label_ja AS state_ja, g.name AS segment, m.name AS message,
	d.named, d.recipients, d.named - d.recipients + n.dropped AS excluded,
	CASE WHEN s.state IN ('cancelled', 'failed') OR d.planned_at IS NULL THEN 0 ELSE greatest(d.recipients - n.ended - n.dropped, 0) END AS queued,
	n.accepted, n.rejected, n.unknown, n.expired, n.cancelled, d.requests, d.contents,
	CASE WHEN d.recipients > 0 THEN round(least(n.ended + n.dropped, d.recipients)::numeric / d.recipients, 3) END AS done_rate,
	CASE WHEN s.state IN ('planned', 'running') AND d.planned_at IS NOT NULL THEN greatest(d.due_at, now())
		+ make_interval(secs => ceil(greatest(d.recipients - n.ended - n.dropped, 0)::numeric / greatest(d.recipients, 1) * d.requests
			/ CASE WHEN d.requests = d.recipients THEN 2000 ELSE 200 END)::double precision) END AS eta_at,
	w.reason, r.label_ja AS reason_ja, coalesce(d.held_detail, d.detail) AS detail,
	d.held_reason, d.held_by::text AS held_by, d.held_at, d.due_at, d.not_after, d.at_most, d.friend_id,
	d.created_at, d.created_by::text AS created_by, d.released_at, d.released_by::text AS released_by, d.planned_at,
	d.cancelled_at, d.cancelled_by::text AS cancelled_by, coalesce(d.finished_at, CASE WHEN d.slot >= 0 THEN n.last_at END) AS finished_at
FROM linecrm_internal.delivery d
JOIN linecrm_internal.channel c ON c.channel_id = d.channel_id
LEFT JOIN linecrm_internal.segment g ON g.segment_id = d.segment_id
LEFT JOIN linecrm_internal.message m ON m.message_id = d.message_id
CROSS JOIN LATERAL (
	SELECT coalesce(sum(x.friends) FILTER (WHERE x.state <> 'dropped'), 0)::bigint AS ended,
		coalesce(sum(x.friends) FILTER (WHERE x.state = 'dropped'), 0)::bigint AS dropped,
		coalesce(sum(x.friends) FILTER (WHERE x.state = 'accepted'), 0)::bigint AS accepted,
		coalesce(sum(x.friends) FILTER (WHERE x.state = 'rejected'), 0)::bigint AS rejected,
		coalesce(sum(x.friends) FILTER (WHERE x.state = 'unknown'), 0)::bigint AS unknown,
		coalesce(sum(x.friends) FILTER (WHERE x.state = 'expired'), 0)::bigint AS expired,
		coalesce(sum(x.friends) FILTER (WHERE x.state = 'cancelled'), 0)::bigint AS cancelled,
		bool_or(x.state NOT IN ('dropped')) AS has_outcome, max(x.last_at) AS last_at
	FROM (SELECT t.state, t.friends, NULL::timestamptz AS last_at FROM linecrm_internal.delivery_total t
			WHERE t.delivery_id = d.delivery_id AND d.finished_at IS NOT NULL AND t.state <> 'excluded'
		UNION ALL
		SELECT 'dropped', sum(linecrm.cardinality(e.members)), NULL FROM linecrm_internal.exclusion e
			WHERE e.delivery_id = d.delivery_id AND e.request_id IS NOT NULL
		UNION ALL
		SELECT o.outcome, o.friends, o.finished_at FROM linecrm_internal.outcome o
			WHERE o.delivery_id = d.delivery_id AND d.finished_at IS NULL AND o.outcome NOT IN ('split', 'superseded')) AS x) AS n
CROSS JOIN LATERAL (SELECT linecrm_internal._delivery_state(d.due_at, d.planned_at, d.finished_at, d.held_reason, d.cancelled_at, d.failed_at,
	d.slot >= 0 AND n.has_outcome) AS state) AS s
CROSS JOIN LATERAL (SELECT coalesce(d.held_reason, d.reason,
	CASE WHEN s.state IN ('planned', 'running') AND d.validating <> '{}' THEN 'validating' END) AS reason) AS w
LEFT JOIN linecrm.label l ON l.kind = 'delivery' AND l.name = s.state
LEFT JOIN linecrm.label r ON r.kind = 'reason' AND r.name = w.reason;
COMMENT ON VIEW linecrm.delivery_progress IS 'one row a delivery: its state, how many got it, how many wait, when it will be done, why it is held';

CREATE VIEW linecrm.delivery_outcome WITH (security_invoker) AS
SELECT x.delivery_id, c.name AS channel, x.state, coalesce(nullif(x.reason, ''), x.state) AS reason, x.friends, l.label_ja AS state_ja, r.label_ja AS reason_ja
FROM (
	SELECT t.delivery_id, t.channel_id, t.state, t.reason, t.friends FROM linecrm_internal.delivery_total t
	UNION ALL
	SELECT d.delivery_id, d.channel_id, n.state, n.reason, n.friends
	FROM linecrm_internal.delivery d
	JOIN linecrm_internal.channel c ON c.channel_id = d.channel_id
	CROSS JOIN LATERAL (
		SELECT o.outcome AS state, coalesce(o.reason, '') AS reason, sum(o.friends)::bigint AS friends FROM linecrm_internal.outcome o
		WHERE o.delivery_id = d.delivery_id AND o.outcome NOT IN ('split', 'superseded') GROUP BY 1, 2
		UNION ALL
		SELECT 'excluded', e.reason, sum(linecrm.cardinality(e.members))::bigint FROM linecrm_internal.exclusion e
		WHERE e.delivery_id = d.delivery_id GROUP BY e.reason
		UNION ALL
		SELECT 'excluded', d.reason, 1 WHERE d.slot >= 0 AND d.reason IS NOT NULL
		UNION ALL
		SELECT CASE WHEN coalesce(d.held_reason, c.held_reason) IS NOT NULL THEN 'held' ELSE 'queued' END, coalesce(d.held_reason, c.held_reason, ''),
			sum(q.friends)::bigint
		FROM linecrm_internal.request q
		LEFT JOIN linecrm_internal.outcome o ON o.slot = q.slot AND o.request_id = q.request_id
		WHERE q.delivery_id = d.delivery_id AND o.request_id IS NULL
		HAVING sum(q.friends) > 0) AS n
	WHERE (d.slot >= 0 OR d.finished_at IS NULL) AND n.friends > 0) AS x
JOIN linecrm_internal.channel c ON c.channel_id = x.channel_id
LEFT JOIN linecrm.label l ON l.kind = 'recipient' AND l.name = x.state
LEFT JOIN linecrm.label r ON r.kind = 'reason'
	AND r.name = CASE WHEN x.reason LIKE 'decided by %' THEN 'decided' ELSE coalesce(nullif(x.reason, ''), x.state) END;
COMMENT ON VIEW linecrm.delivery_outcome IS 'what became of the friends that a delivery named, by state and reason';

/*
 * One row a person. By delivery_id and by (delivery_id, friend_id) it reads that delivery's requests; by friend_id alone
 * it would open every multicast there ever was: use explain() for one person.
 */
CREATE VIEW linecrm.recipient_outcome WITH (security_invoker) AS
SELECT x.delivery_id, c.name AS channel, x.friend_id, x.state, x.reason, l.label_ja AS state_ja, r.label_ja AS reason_ja,
	x.request_id, x.attempts, x.http_status, x.line_request_id, x.detail, x.finished_at
FROM (
	SELECT q.channel_id, q.delivery_id, i.friend_id, q.request_id, o.attempts, o.http_status, o.line_request_id, o.detail, o.finished_at,
		coalesce(o.outcome, CASE WHEN coalesce(d.held_reason, ch.held_reason) IS NOT NULL THEN 'held' WHEN s.request_id IS NOT NULL THEN 'sending' ELSE 'queued' END) AS state,
		CASE WHEN o.request_id IS NOT NULL THEN o.reason ELSE coalesce(d.held_reason, ch.held_reason) END AS reason
	FROM linecrm_internal.request q
	JOIN linecrm_internal.delivery d ON d.slot = q.delivery_slot AND d.delivery_id = q.delivery_id
	JOIN linecrm_internal.channel ch ON ch.channel_id = q.channel_id
	LEFT JOIN linecrm_internal.outcome o ON o.slot = q.slot AND o.request_id = q.request_id
	LEFT JOIN linecrm_internal.outbox s ON s.request_id = q.request_id AND s.lease_until > now()
	CROSS JOIN LATERAL linecrm.friend_ids(CASE WHEN q.friend_id IS NOT NULL THEN linecrm.friendset(ARRAY[q.friend_id]) ELSE q.recipients END
		OPERATOR(linecrm.-) (SELECT linecrm.friendset_union_agg(e.members) FROM linecrm_internal.exclusion e
			WHERE e.delivery_id = q.delivery_id AND e.request_id = q.request_id)) AS i (friend_id)
	WHERE o.outcome IS NULL OR o.outcome NOT IN ('split', 'superseded')
	UNION ALL
	SELECT e.channel_id, e.delivery_id, i.friend_id, e.request_id, NULL, NULL, NULL, e.detail, e.created_at, 'excluded', e.reason
	FROM linecrm_internal.exclusion e CROSS JOIN LATERAL linecrm.friend_ids(e.members) AS i (friend_id)
	UNION ALL
	SELECT d.channel_id, d.delivery_id, d.friend_id, NULL, NULL, NULL, NULL, d.detail, d.finished_at, 'excluded', d.reason
	FROM linecrm_internal.delivery d WHERE d.reason IS NOT NULL AND d.slot >= 0) AS x
JOIN linecrm_internal.channel c ON c.channel_id = x.channel_id
LEFT JOIN linecrm.label l ON l.kind = 'recipient' AND l.name = x.state
LEFT JOIN linecrm.label r ON r.kind = 'reason' AND r.name = CASE WHEN x.reason LIKE 'decided by %' THEN 'decided' ELSE coalesce(x.reason, x.state) END;
COMMENT ON VIEW linecrm.recipient_outcome IS 'one row a person that a delivery named, the excluded included: sent, waiting or not sent, and why; ask by delivery_id';

CREATE VIEW linecrm.waiting WITH (security_invoker) AS
SELECT c.name AS channel, x.delivery_id, x.reason, l.label_ja AS reason_ja, x.detail, x.requests, x.friends, x.next_at
FROM (
	SELECT d.channel_id, d.delivery_id, coalesce(d.held_reason, 'scheduled') AS reason, d.held_detail AS detail, 0::bigint AS requests,
		coalesce(d.recipients, linecrm.cardinality(d.friends)) AS friends, CASE WHEN d.held_reason IS NULL THEN d.due_at END AS next_at
	FROM linecrm_internal.delivery d
	WHERE d.slot = -1 AND d.due_at IS NOT NULL AND d.planned_at IS NULL AND d.cancelled_at IS NULL AND d.failed_at IS NULL AND d.finished_at IS NULL
	UNION ALL
	SELECT w.channel_id, CASE WHEN d.slot = -1 THEN w.delivery_id END,
		coalesce(ch.held_reason, d.held_reason, CASE WHEN d.validating <> '{}' AND w.due_at = 'infinity' THEN 'validating' ELSE w.reason END),
		coalesce(CASE WHEN ch.held_reason IS NOT NULL THEN ch.held_detail END, d.held_detail, d.detail), count(*), sum(q.friends),
		min(w.due_at) FILTER (WHERE w.due_at < 'infinity' AND w.reason <> 'validating')
	FROM linecrm_internal.outbox_waiting w
	JOIN linecrm_internal.request q ON q.slot = w.request_slot AND q.request_id = w.request_id
	JOIN linecrm_internal.channel ch ON ch.channel_id = w.channel_id
	LEFT JOIN linecrm_internal.delivery d ON d.slot = w.delivery_slot AND d.delivery_id = w.delivery_id
	GROUP BY 1, 2, 3, 4
	UNION ALL
	SELECT w.channel_id, CASE WHEN w.delivery_slot = -1 THEN w.delivery_id END, coalesce(ch.held_reason, d.held_reason, 'due'),
		coalesce(CASE WHEN ch.held_reason IS NOT NULL THEN ch.held_detail END, d.held_detail), count(*), sum(q.friends), NULL
	FROM linecrm_internal.outbox w
	JOIN linecrm_internal.request q ON q.slot = w.request_slot AND q.request_id = w.request_id
	JOIN linecrm_internal.channel ch ON ch.channel_id = w.channel_id
	LEFT JOIN linecrm_internal.delivery d ON d.slot = w.delivery_slot AND d.delivery_id = w.delivery_id
	GROUP BY 1, 2, 3, 4) AS x
JOIN linecrm_internal.channel c ON c.channel_id = x.channel_id
LEFT JOIN linecrm.label l ON l.kind = 'reason' AND l.name = x.reason;
COMMENT ON VIEW linecrm.waiting IS 'what is not sent yet and what it waits for; single sends of a channel together';

CREATE VIEW linecrm.channel_status WITH (security_invoker) AS
SELECT c.channel_id, c.name AS channel, c.plan, c.quota_type, c.quota_limit, c.quota_used, r.reserved AS quota_reserved, r.remaining AS quota_left, c.quota_at,
	linecrm_internal._extra_yen(c.plan, 0, c.quota_used) AS extra_yen, q.waiting, c.held_reason, l.label_ja AS held_reason_ja, c.held_detail, c.held_by::text AS held_by, c.held_at
FROM linecrm_internal.channel c
JOIN linecrm_internal.quota r ON r.channel_id = c.channel_id
CROSS JOIN LATERAL (
	SELECT (SELECT count(*) FROM linecrm_internal.outbox o WHERE o.channel_id = c.channel_id)
		+ (SELECT count(*) FROM linecrm_internal.outbox_waiting w WHERE w.channel_id = c.channel_id) AS waiting) AS q
LEFT JOIN linecrm.label l ON l.kind = 'reason' AND l.name = c.held_reason;
COMMENT ON VIEW linecrm.channel_status IS 'what a channel has left this month, what it costs so far at most, how many requests wait, and why it is held';

/* Sets of people of a delivery, for the next segment. */

CREATE FUNCTION linecrm.delivery_set(delivery bigint, state text DEFAULT NULL) RETURNS linecrm.friendset
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.delivery_set(bigint, text) IS 'friends of a delivery: all recipients, or those in one state (accepted, unknown, excluded...)';

CREATE FUNCTION linecrm_internal.delivery_set(delivery bigint, state text) RETURNS linecrm.friendset
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery := linecrm_internal._delivery(delivery_set.delivery, false);
	states text[] := ARRAY(SELECT l.name FROM linecrm.label l WHERE l.kind = 'recipient');
BEGIN
	IF delivery_set.state <> ALL (states) THEN
		PERFORM linecrm_internal._unknown_name('state of a recipient', delivery_set.state, states);
	END IF;
	IF delivery_set.state = 'excluded' THEN
		RETURN (SELECT linecrm.friendset_union_agg(x.members) FROM linecrm_internal.exclusion x WHERE x.delivery_id = d.delivery_id)
			OPERATOR(linecrm.|) CASE WHEN d.slot >= 0 AND d.reason IS NOT NULL AND d.friend_id BETWEEN 1 AND 4294967295
				THEN linecrm.friendset(ARRAY[d.friend_id]) ELSE '{}' END;
	ELSIF delivery_set.state IN ('queued', 'held', 'sending') THEN
		RETURN (SELECT linecrm.friendset_agg(r.friend_id) FROM linecrm.recipient_outcome r
			WHERE r.delivery_id = d.delivery_id AND r.state = delivery_set.state);
	END IF;
	RETURN (SELECT linecrm.friendset_union_agg(CASE WHEN r.friend_id IS NOT NULL THEN linecrm.friendset(ARRAY[r.friend_id]) ELSE r.recipients END
			OPERATOR(linecrm.-) (SELECT linecrm.friendset_union_agg(x.members) FROM linecrm_internal.exclusion x
				WHERE x.delivery_id = r.delivery_id AND x.request_id = r.request_id))
		FROM linecrm_internal.request r
		LEFT JOIN linecrm_internal.outcome o ON o.slot = r.slot AND o.request_id = r.request_id
		WHERE r.delivery_id = d.delivery_id AND coalesce(o.outcome, '') NOT IN ('split', 'superseded')
			AND (delivery_set.state IS NULL OR o.outcome = delivery_set.state));
END
$$;
COMMENT ON FUNCTION linecrm_internal.delivery_set(bigint, text) IS 'see linecrm.delivery_set';

CREATE FUNCTION linecrm.tap_set(delivery bigint, button text DEFAULT NULL) RETURNS linecrm.friendset
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.tap_set(bigint, text) IS 'friends who tapped a button of a delivery';

CREATE FUNCTION linecrm_internal.tap_set(delivery bigint, button text) RETURNS linecrm.friendset
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery := linecrm_internal._delivery(tap_set.delivery, false);
BEGIN
	RETURN (SELECT linecrm.friendset_agg(t.friend_id) FROM linecrm_internal.tap t
		WHERE t.delivery_id = d.delivery_id AND t.channel_id = d.channel_id AND (tap_set.button IS NULL OR t.button = tap_set.button));
END
$$;
COMMENT ON FUNCTION linecrm_internal.tap_set(bigint, text) IS 'see linecrm.tap_set';

/* Why this one, why not that one: each step from the audience to LINE's answer, up to the one that decided. */
CREATE FUNCTION linecrm.explain(delivery bigint, friend_id bigint) RETURNS TABLE (step text, ok boolean, seen text, reason_ja text)
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.explain(bigint, bigint) IS 'why a friend got a delivery or did not: each step with what was seen there';

CREATE FUNCTION linecrm_internal.explain(delivery bigint, friend_id bigint) RETURNS TABLE (step text, ok boolean, seen text, reason_ja text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	d linecrm_internal.delivery := linecrm_internal._delivery(explain.delivery, false);
	f record;
	x record;
	named boolean;
BEGIN
	SELECT p.state, p.state_ja, p.reason, p.reason_ja, p.detail INTO x FROM linecrm.delivery_progress p WHERE p.delivery_id = d.delivery_id;
	RETURN QUERY SELECT 'delivery', x.state NOT IN ('draft', 'held', 'cancelled', 'failed'), concat_ws(': ', x.state, x.reason, x.detail), coalesce(x.reason_ja, x.state_ja);
	SELECT fr.channel_id, fr.status, fr.status_at, fr.preferences INTO f FROM linecrm_internal.friend fr WHERE fr.friend_id = explain.friend_id;
	RETURN QUERY SELECT 'friend', f.channel_id IS NOT DISTINCT FROM d.channel_id,
		CASE WHEN f.channel_id IS NULL THEN 'there is no such friend' WHEN f.channel_id <> d.channel_id THEN 'a friend of another channel'
			ELSE 'a friend of the channel' END,
		CASE WHEN f.channel_id IS NULL THEN '友だちではない' WHEN f.channel_id <> d.channel_id THEN '別アカウントの友だち' ELSE '友だち' END;
	IF f.channel_id = d.channel_id THEN
		RETURN QUERY SELECT 'status', f.status <> 'blocked', concat_ws(' since ', f.status, f.status_at), CASE f.status WHEN 'blocked' THEN 'ブロック中' ELSE '送信可能' END;
	END IF;
	SELECT r.state, r.reason, r.reason_ja, r.state_ja, r.detail, r.request_id, r.attempts, r.finished_at INTO x
	FROM linecrm.recipient_outcome r WHERE r.delivery_id = d.delivery_id AND r.friend_id = explain.friend_id;
	IF FOUND THEN
		RETURN QUERY VALUES ('named', true, CASE WHEN d.slot >= 0 THEN 'the push names this friend' ELSE 'named when it was planned' END, '対象');
		IF x.state = 'excluded' THEN
			RETURN QUERY VALUES (x.reason, false, coalesce(x.detail, CASE x.reason WHEN 'blocked' THEN 'had blocked the account'
				WHEN 'opted_out' THEN 'wants no marketing' WHEN 'already_got' THEN format('got this message within %s', d.again_after) ELSE x.reason END), x.reason_ja);
			RETURN;
		END IF;
		RETURN QUERY VALUES ('request', true, format('request %s', x.request_id), 'リクエスト');
		RETURN QUERY VALUES (x.state, CASE WHEN x.state NOT IN ('queued', 'held', 'sending') THEN x.state = 'accepted' END, concat_ws(', ', nullif(x.reason, x.state), x.detail,
			CASE WHEN x.attempts > 0 THEN format('%s attempts', x.attempts) END, x.finished_at::text), coalesce(x.reason_ja, x.state_ja));
		RETURN;
	END IF;
	IF d.planned_at IS NOT NULL THEN
		RETURN QUERY VALUES ('named', false, 'not named when it was planned', '対象外');
		RETURN;
	END IF;
	named := CASE WHEN d.friends IS NOT NULL THEN d.friends OPERATOR(linecrm.@>) explain.friend_id
		WHEN d.segment_id IS NOT NULL THEN (SELECT r.members OPERATOR(linecrm.@>) explain.friend_id FROM linecrm_internal._run_segment(d.segment_id) AS r)
		ELSE d.attributes ->> 'everyone' = 'true' AND f.channel_id = d.channel_id END;
	RETURN QUERY VALUES ('named', named, CASE WHEN named THEN 'named as of now' ELSE 'not named as of now' END, CASE WHEN named THEN '対象' ELSE '対象外' END);
	IF named THEN
		RETURN QUERY SELECT e.reason, false, e.reason, l.label_ja
		FROM linecrm_internal._exclusions(d.channel_id, linecrm.friendset(ARRAY[explain.friend_id]), d.class,
			CASE WHEN d.again_after IS NOT NULL THEN linecrm_internal._already_got(d.channel_id, d.message_id,
				linecrm_internal._content_digest(linecrm_internal._messages_of(d)), now() - d.again_after, d.delivery_id) END) AS e
		LEFT JOIN linecrm.label l ON l.kind = 'reason' AND l.name = e.reason;
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal.explain(bigint, bigint) IS 'see linecrm.explain';
