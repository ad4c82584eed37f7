/*
 * 392_delivery_verbs.sql
 *   Verbs on a delivery, by its number or by its key: release, cancel, hold, resume, retry_rejected, decide_unknown.
 *
 * Each returns how many friends it moved. hold, resume and cancel only set columns of the delivery: the sender's next
 * claim sees them. What is in flight ends as it ends.
 */

/* Friends of requests that are unfinished and not in flight: those that a verb moves. */
CREATE FUNCTION linecrm_internal._movable(d linecrm_internal.delivery) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF d.planned_at IS NULL THEN
		RETURN coalesce(linecrm.cardinality(d.friends), 0);
	END IF;
	RETURN (SELECT coalesce(sum(r.friends), 0) FROM linecrm_internal.request r
			WHERE r.delivery_id = d.delivery_id
				AND NOT EXISTS (SELECT FROM linecrm_internal.outcome o WHERE o.delivery_id = d.delivery_id AND o.slot = r.slot AND o.request_id = r.request_id))
		- (SELECT coalesce(sum(r.friends), 0) FROM linecrm_internal.outbox q
			JOIN linecrm_internal.request r ON r.slot = q.request_slot AND r.request_id = q.request_id
			WHERE q.channel_id = d.channel_id AND q.lane = linecrm_internal._lane(d.class) AND q.delivery_id = d.delivery_id
				AND q.lease_until > clock_timestamp());
END
$$;
COMMENT ON FUNCTION linecrm_internal._movable(linecrm_internal.delivery) IS 'how many friends of a delivery wait to be sent to';

CREATE FUNCTION linecrm_internal._has_ended(d linecrm_internal.delivery, verb text, verb_ja text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	why text;
	why_ja text;
BEGIN
	IF d.cancelled_at IS NOT NULL THEN
		why := 'it was cancelled before'; why_ja := 'すでに中止されています';
	ELSIF d.finished_at IS NOT NULL OR d.failed_at IS NOT NULL
		OR d.slot >= 0 AND EXISTS (SELECT FROM linecrm_internal.outcome o WHERE o.slot = d.slot AND o.delivery_id = d.delivery_id) THEN
		why := 'it has ended'; why_ja := 'すでに終わっています';
	ELSE
		RETURN false;
	END IF;
	PERFORM linecrm_internal._notice(format('delivery %s: nothing to %s, %s', d.delivery_id, verb, why),
		format('配信 %s: %sできません。%s', d.delivery_id, verb_ja, why_ja));
	RETURN true;
END
$$;
COMMENT ON FUNCTION linecrm_internal._has_ended(linecrm_internal.delivery, text, text) IS 'is there nothing left to do something with? says so';

CREATE FUNCTION linecrm.release(delivery bigint, at_most bigint DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.release(bigint, bigint) IS 'sends a draft, or a delivery that was held when it was planned; gives the number of people';

CREATE FUNCTION linecrm_internal.release(delivery bigint, at_most bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery := linecrm_internal._delivery(release.delivery, true);
	released_people bigint;
BEGIN
	IF linecrm_internal._has_ended(d, 'release', '送信') THEN
		RETURN 0;
	ELSIF d.held_reason IS NOT NULL AND (d.planned_at IS NOT NULL OR d.held_reason = 'person') THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('delivery %s is held (%s) and was planned or scheduled before', d.delivery_id, d.held_reason),
			HINT = format('SELECT linecrm.resume(%s)', d.delivery_id);
	ELSIF d.planned_at IS NOT NULL THEN
		PERFORM linecrm_internal._notice(format('delivery %s was released before', d.delivery_id), format('配信 %s はすでに送信を始めています', d.delivery_id));
		RETURN 0;
	ELSIF d.due_at IS NOT NULL AND d.held_reason IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('delivery %s is scheduled for %s', d.delivery_id, (SELECT to_char(d.due_at AT TIME ZONE c.time_zone, 'YYYY-MM-DD HH24:MI:SS')
				|| ' (' || c.time_zone || ')' FROM linecrm_internal.channel c WHERE c.channel_id = d.channel_id)),
			DETAIL = 'It will be planned and sent then.',
			HINT = format('to send now: SELECT linecrm.cancel(%s), then deliver with at => now()', d.delivery_id);
	END IF;
	UPDATE linecrm_internal.delivery_campaign c SET
		-- A draft freezes nothing: the message as it is now.
		message_version = CASE WHEN d.due_at IS NULL THEN coalesce((SELECT m.version FROM linecrm_internal.message m
			WHERE m.message_id = c.message_id), c.message_version) ELSE c.message_version END,
		at_most = coalesce(release.at_most, c.at_most),
		-- Somebody who releases what was held as a duplicate means it.
		attributes = CASE WHEN d.held_reason = 'duplicate' THEN c.attributes || '{"duplicate": "meant"}' ELSE c.attributes END,
		released_at = clock_timestamp(), released_by = linecrm_internal._caller(),
		held_reason = NULL, held_detail = NULL, held_by = NULL, held_at = NULL
	WHERE c.delivery_id = d.delivery_id;
	PERFORM linecrm_internal._plan_delivery(d.delivery_id, true);
	SELECT CASE WHEN c.planned_at IS NOT NULL THEN c.recipients ELSE 0 END INTO released_people
	FROM linecrm_internal.delivery_campaign c WHERE c.delivery_id = d.delivery_id;
	PERFORM linecrm_internal._audit('release', d.channel_id, d.delivery_id::text, released_people, jsonb_strip_nulls(jsonb_build_object('at_most', release.at_most)));
	PERFORM linecrm_internal._tell_delivery(d.delivery_id);
	RETURN released_people;
END
$$;
COMMENT ON FUNCTION linecrm_internal.release(bigint, bigint) IS 'see linecrm.release';

CREATE FUNCTION linecrm.release(key text, at_most bigint DEFAULT NULL, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.release(text, bigint, text) IS 'release by the delivery''s key';

CREATE FUNCTION linecrm_internal.release(key text, at_most bigint, channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN linecrm_internal.release(linecrm_internal._delivery_of_key(release.key, release.channel), release.at_most);
END
$$;
COMMENT ON FUNCTION linecrm_internal.release(text, bigint, text) IS 'see linecrm.release';

CREATE FUNCTION linecrm.cancel(delivery bigint) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.cancel(bigint) IS 'stops a delivery for good: what is not sent yet is not sent; gives how many people that are';

CREATE FUNCTION linecrm_internal.cancel(delivery bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery := linecrm_internal._delivery(cancel.delivery, true);
	people bigint;
BEGIN
	IF linecrm_internal._has_ended(d, 'cancel', '中止') THEN
		RETURN 0;
	END IF;
	people := linecrm_internal._movable(d);
	UPDATE linecrm_internal.delivery x SET cancelled_at = clock_timestamp(), cancelled_by = linecrm_internal._caller()
	WHERE x.slot = d.slot AND x.delivery_id = d.delivery_id;
	PERFORM linecrm_internal._audit('cancel', d.channel_id, d.delivery_id::text, people, NULL);
	PERFORM linecrm_internal._wake('sender');
	PERFORM linecrm_internal._notice(
		CASE WHEN d.planned_at IS NULL THEN format('delivery %s is cancelled before anything of it was sent', d.delivery_id)
			ELSE format('delivery %s is cancelled: %s people who were not sent to yet get nothing', d.delivery_id, linecrm_internal._figure(people)) END,
		CASE WHEN d.planned_at IS NULL THEN format('配信 %s を送信前に中止しました。誰にも送られません', d.delivery_id)
			ELSE format('配信 %s を中止しました: 未送信の %s 人には送られません', d.delivery_id, linecrm_internal._figure(people)) END);
	RETURN people;
END
$$;
COMMENT ON FUNCTION linecrm_internal.cancel(bigint) IS 'see linecrm.cancel';

CREATE FUNCTION linecrm.cancel(key text, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.cancel(text, text) IS 'cancel by the delivery''s key';

CREATE FUNCTION linecrm_internal.cancel(key text, channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN linecrm_internal.cancel(linecrm_internal._delivery_of_key(cancel.key, cancel.channel));
END
$$;
COMMENT ON FUNCTION linecrm_internal.cancel(text, text) IS 'see linecrm.cancel';

CREATE FUNCTION linecrm.hold(delivery bigint, note text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.hold(bigint, text) IS 'stops a delivery until resume(); gives how many people wait';

CREATE FUNCTION linecrm_internal.hold(delivery bigint, note text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery := linecrm_internal._delivery(hold.delivery, true);
	people bigint;
BEGIN
	IF linecrm_internal._has_ended(d, 'hold', '保留') THEN
		RETURN 0;
	ELSIF d.due_at IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('delivery %s is a draft: it sends nothing until it is released', d.delivery_id),
			HINT = format('SELECT linecrm.cancel(%s) drops it', d.delivery_id);
	ELSIF d.held_reason IS NOT NULL THEN
		PERFORM linecrm_internal._notice(format('delivery %s is held already: %s', d.delivery_id, d.held_reason),
			format('配信 %s はすでに保留されています: %s', d.delivery_id, d.held_reason));
		RETURN 0;
	END IF;
	people := linecrm_internal._movable(d);
	UPDATE linecrm_internal.delivery x SET held_reason = 'person', held_detail = hold.note, held_by = linecrm_internal._caller(), held_at = clock_timestamp()
	WHERE x.slot = d.slot AND x.delivery_id = d.delivery_id;
	PERFORM linecrm_internal._audit('hold', d.channel_id, d.delivery_id::text, people, jsonb_strip_nulls(jsonb_build_object('note', hold.note)));
	PERFORM linecrm_internal._notice(
		format('delivery %s is held. SELECT linecrm.resume(%s) goes on', d.delivery_id, d.delivery_id),
		format('配信 %s を保留しました。SELECT linecrm.resume(%s) で再開します', d.delivery_id, d.delivery_id));
	RETURN people;
END
$$;
COMMENT ON FUNCTION linecrm_internal.hold(bigint, text) IS 'see linecrm.hold';

CREATE FUNCTION linecrm.hold(key text, note text DEFAULT NULL, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.hold(text, text, text) IS 'hold by the delivery''s key';

CREATE FUNCTION linecrm_internal.hold(key text, note text, channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN linecrm_internal.hold(linecrm_internal._delivery_of_key(hold.key, hold.channel), hold.note);
END
$$;
COMMENT ON FUNCTION linecrm_internal.hold(text, text, text) IS 'see linecrm.hold';

CREATE FUNCTION linecrm.resume(delivery bigint) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.resume(bigint) IS 'goes on with a delivery that a person or a rule held while it ran; gives how many people wait to be sent to';

CREATE FUNCTION linecrm_internal.resume(delivery bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery := linecrm_internal._delivery(resume.delivery, true);
	people bigint;
BEGIN
	IF linecrm_internal._has_ended(d, 'resume', '再開') THEN
		RETURN 0;
	ELSIF d.held_reason IS NULL THEN
		PERFORM linecrm_internal._notice(format('delivery %s is not held', d.delivery_id), format('配信 %s は保留されていません', d.delivery_id));
		RETURN 0;
	ELSIF d.planned_at IS NULL AND d.held_reason <> 'person' THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('delivery %s was held before anything was sent: %s', d.delivery_id, d.held_detail),
			HINT = format('SELECT * FROM linecrm.preview_delivery(%s), then SELECT linecrm.release(%s)', d.delivery_id, d.delivery_id);
	END IF;
	UPDATE linecrm_internal.delivery x SET held_reason = NULL, held_detail = NULL, held_by = NULL, held_at = NULL
	WHERE x.slot = d.slot AND x.delivery_id = d.delivery_id;
	IF d.slot = -1 AND (d.held_reason = 'content' OR d.validating <> '{}') THEN
		UPDATE linecrm_internal.delivery_campaign x SET validating = linecrm_internal._ask_again(d), detail = NULL
		WHERE x.delivery_id = d.delivery_id;
	END IF;
	people := linecrm_internal._movable(d);
	PERFORM linecrm_internal._audit('resume', d.channel_id, d.delivery_id::text, people, jsonb_build_object('was', d.held_reason));
	PERFORM linecrm_internal._wake('sender');
	PERFORM linecrm_internal._wake('planner');
	RETURN people;
END
$$;
COMMENT ON FUNCTION linecrm_internal.resume(bigint) IS 'see linecrm.resume';

CREATE FUNCTION linecrm.resume(key text, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.resume(text, text) IS 'resume by the delivery''s key';

CREATE FUNCTION linecrm_internal.resume(key text, channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN linecrm_internal.resume(linecrm_internal._delivery_of_key(resume.key, resume.channel));
END
$$;
COMMENT ON FUNCTION linecrm_internal.resume(text, text) IS 'see linecrm.resume';

/*
 * New requests with new keys for those of a delivery that ended in one way; the old outcome becomes superseded, so that
 * nobody is counted twice. The content is the same bytes. A campaign that was closed is open again.
 */
CREATE FUNCTION linecrm_internal._send_again(d linecrm_internal.delivery, ended text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	made record;
	people bigint := 0;
BEGIN
	IF d.cancelled_at IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('delivery %s was cancelled: nothing of it is sent again', d.delivery_id);
	END IF;
	FOR made IN
		WITH old AS (
			UPDATE linecrm_internal.outcome o SET outcome = 'superseded', decided_by = linecrm_internal._caller()
			WHERE o.delivery_id = d.delivery_id AND o.outcome = ended
			RETURNING o.slot, o.request_id),
		whole AS (
			SELECT r.*, CASE WHEN r.friend_id IS NOT NULL THEN linecrm.friendset(ARRAY[r.friend_id]) ELSE r.recipients END
				OPERATOR(linecrm.-) (SELECT linecrm.friendset_union_agg(x.members) FROM linecrm_internal.exclusion x WHERE x.request_id = r.request_id) AS members
			FROM old JOIN linecrm_internal.request r ON r.slot = old.slot AND r.request_id = old.request_id),
		fresh AS (
			INSERT INTO linecrm_internal.request (slot, channel_id, delivery_slot, delivery_id, kind, lane, content_slot, content_id, retry_key,
				recipients, friend_id, first_friend, last_friend, friends, not_after, replaces)
			SELECT w.slot, w.channel_id, w.delivery_slot, w.delivery_id, CASE WHEN w.friends = 1 OR w.people = 1 THEN 'push' ELSE w.kind END, w.lane,
				w.content_slot, w.content_id, gen_random_uuid(), CASE WHEN w.people > 1 THEN w.members END,
				CASE WHEN w.people = 1 THEN linecrm.first_friend(w.members) END, CASE WHEN w.people > 1 THEN linecrm.first_friend(w.members) END,
				CASE WHEN w.people > 1 THEN linecrm.last_friend(w.members) END, w.people, w.not_after, w.request_id
			FROM (SELECT whole.*, linecrm.cardinality(whole.members)::integer AS people FROM whole) AS w
			WHERE w.people > 0
			ORDER BY w.request_id
			RETURNING slot, request_id, friends)
		SELECT f.slot, array_agg(f.request_id) AS request_ids, sum(f.friends) AS friends FROM fresh f GROUP BY f.slot
	LOOP
		PERFORM linecrm_internal._enqueue(made.slot, made.request_ids);
		people := people + made.friends;
	END LOOP;
	IF people > 0 THEN
		PERFORM linecrm_internal._reopen(d);
	END IF;
	RETURN people;
END
$$;
COMMENT ON FUNCTION linecrm_internal._send_again(linecrm_internal.delivery, text) IS 'sends what ended in one way once more, with new keys';

CREATE FUNCTION linecrm_internal._reopen(d linecrm_internal.delivery) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM linecrm_internal.delivery_total t WHERE t.delivery_id = d.delivery_id;
	UPDATE linecrm_internal.delivery_campaign c SET finished_at = NULL WHERE c.delivery_id = d.delivery_id;
	PERFORM linecrm_internal._wake('planner');
END
$$;
COMMENT ON FUNCTION linecrm_internal._reopen(linecrm_internal.delivery) IS 'the totals of a campaign are to be counted anew';

CREATE FUNCTION linecrm.retry_rejected(delivery bigint) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.retry_rejected(bigint) IS 'sends once more what LINE refused, with new retry keys; gives how many people';

CREATE FUNCTION linecrm_internal.retry_rejected(delivery bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery := linecrm_internal._delivery(retry_rejected.delivery, true);
	people bigint := linecrm_internal._send_again(d, 'rejected');
BEGIN
	PERFORM linecrm_internal._audit('retry_rejected', d.channel_id, d.delivery_id::text, people, NULL);
	PERFORM linecrm_internal._notice(format('delivery %s: %s people are queued again', d.delivery_id, linecrm_internal._figure(people)),
		format('配信 %s: %s 人に再送します', d.delivery_id, linecrm_internal._figure(people)));
	RETURN people;
END
$$;
COMMENT ON FUNCTION linecrm_internal.retry_rejected(bigint) IS 'see linecrm.retry_rejected';

CREATE FUNCTION linecrm.decide_unknown(delivery bigint, treat_as text) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.decide_unknown(bigint, text) IS 'requests of which nobody knows whether LINE took them: count them as sent, or send_again at the risk of a second copy; gives how many people';

CREATE FUNCTION linecrm_internal.decide_unknown(delivery bigint, treat_as text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery := linecrm_internal._delivery(decide_unknown.delivery, true);
	people bigint;
BEGIN
	IF decide_unknown.treat_as = 'sent' THEN
		WITH decided AS (
			UPDATE linecrm_internal.outcome o SET outcome = 'accepted', reason = format('decided by %s', linecrm_internal._caller()), decided_by = linecrm_internal._caller()
			WHERE o.delivery_id = d.delivery_id AND o.outcome = 'unknown'
			RETURNING o.friends)
		SELECT coalesce(sum(x.friends), 0) INTO people FROM decided x;
		IF people > 0 THEN
			PERFORM linecrm_internal._reopen(d);
		END IF;
	ELSIF decide_unknown.treat_as = 'send_again' THEN
		people := linecrm_internal._send_again(d, 'unknown');
	ELSE
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('treat_as is sent or send_again, not %s', coalesce(quote_literal(decide_unknown.treat_as), 'NULL')),
			HINT = format('SELECT linecrm.decide_unknown(%s, treat_as => ''sent'')', d.delivery_id);
	END IF;
	PERFORM linecrm_internal._audit('decide_unknown', d.channel_id, d.delivery_id::text, people, jsonb_build_object('treat_as', decide_unknown.treat_as));
	PERFORM linecrm_internal._notice(
		format('delivery %s: %s people %s', d.delivery_id, linecrm_internal._figure(people),
			CASE decide_unknown.treat_as WHEN 'sent' THEN 'count as sent to' ELSE 'are queued again and may get it twice' END),
		format('配信 %s: %s 人%s', d.delivery_id, linecrm_internal._figure(people),
			CASE decide_unknown.treat_as WHEN 'sent' THEN 'を送信済みとしました' ELSE 'に再送します (二重に届く可能性があります)' END));
	RETURN people;
END
$$;
COMMENT ON FUNCTION linecrm_internal.decide_unknown(bigint, text) IS 'see linecrm.decide_unknown';
