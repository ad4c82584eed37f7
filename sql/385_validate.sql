/*
 * 385_validate.sql
 *   The contents of a campaign are shown to LINE's validate endpoint before its first message goes out: a content that
 *   LINE refuses is found while nobody has got anything, and not after some of a million people have.
 *
 * Only a delivery of more than one request is checked; a single request is its own check. Each content costs one request,
 * so of many contents a sample is asked about: the 25 largest, because what variables bring is mostly too long, and the
 * 25 that most people get. Up to 25 contents are all checked, and 47 prefectures nearly all.
 *
 * delivery.validating holds the numbers of the requests that have not passed. While it is not empty the claim takes
 * nothing of the delivery (src/worker/outbox_claim.c); its requests wait as 'validating', or as 'scheduled' when it starts
 * later anyway. What LINE says arrives in the clerk:
 *
 *   200        passed; after the last one the requests fall due
 *   400, 413   the delivery is held as 'content' with LINE's words; resume() asks again
 *   others     asked again after a while; 5xx, 429 and silence do not get here, the sender repeats those by itself
 *
 * The requests belong to no delivery (delivery_id is NULL): they reach nobody, and no total, view or verb counts them.
 */

CREATE FUNCTION linecrm_internal._ask_line(d linecrm_internal.delivery, content_slot smallint, content_ids bigint[], kinds text[],
	due_at timestamptz DEFAULT NULL) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	month smallint := linecrm_internal._month_slot(now());
	asked bigint[];
BEGIN
	WITH made AS (
		-- Before campaigns that are on their way, after what is more urgent.
		INSERT INTO linecrm_internal.request (slot, channel_id, kind, lane, content_slot, content_id, friends, not_after)
		SELECT month, d.channel_id, 'validate_' || k.kind, least(linecrm_internal._lane(d.class), 2::smallint), _ask_line.content_slot,
			k.content_id, 0, d.not_after
		FROM unnest(_ask_line.content_ids, _ask_line.kinds) AS k (content_id, kind)
		RETURNING request_id)
	SELECT array_agg(m.request_id) INTO asked FROM made m;
	PERFORM linecrm_internal._enqueue(month, asked, _ask_line.due_at);
	RETURN asked;
END
$$;
COMMENT ON FUNCTION linecrm_internal._ask_line(linecrm_internal.delivery, smallint, bigint[], text[], timestamptz) IS 'asks LINE''s validate endpoint about contents; the numbers of the requests, for delivery.validating';

/* For resume(): what LINE refused is shown to it again; when a message itself was refused, what is still to be sent. */
CREATE FUNCTION linecrm_internal._ask_again(d linecrm_internal.delivery) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	old record;
BEGIN
	IF d.validating <> '{}' THEN
		SELECT array_agg(r.request_id) AS answered, min(r.content_slot) AS content_slot, array_agg(r.content_id) AS content_ids,
			array_agg(substr(r.kind, length('validate_') + 1)) AS kinds
		INTO old
		FROM unnest(d.validating) AS v (request_id)
		CROSS JOIN LATERAL linecrm_internal._request(v.request_id) AS r
		JOIN linecrm_internal.outcome o ON o.slot = r.slot AND o.request_id = r.request_id;
		RETURN CASE WHEN old.answered IS NULL THEN d.validating
			ELSE ARRAY(SELECT unnest(d.validating) EXCEPT SELECT unnest(old.answered))
				|| linecrm_internal._ask_line(d, old.content_slot, old.content_ids, old.kinds) END;
	ELSIF d.held_reason <> 'content' OR d.requests = 1 OR d.requests IS NULL THEN
		RETURN d.validating;
	END IF;
	SELECT min(s.content_slot) AS content_slot, array_agg(s.content_id) AS content_ids, array_agg(s.kind) AS kinds
	INTO old
	FROM (SELECT u.content_slot, u.content_id, u.kind, row_number() OVER (ORDER BY octet_length(c.body) DESC, u.content_id) AS by_size,
			row_number() OVER (ORDER BY u.friends DESC, u.content_id) AS by_friends
		FROM (SELECT r.content_slot, r.content_id, min(r.kind) AS kind, sum(r.friends) AS friends
			FROM linecrm_internal.request r
			LEFT JOIN linecrm_internal.outcome o ON o.slot = r.slot AND o.request_id = r.request_id
			WHERE r.delivery_id = d.delivery_id AND o.request_id IS NULL
			GROUP BY 1, 2) AS u
		JOIN linecrm_internal.content c ON c.slot = u.content_slot AND c.content_id = u.content_id) AS s
	WHERE s.by_size <= 25 OR s.by_friends <= 25;
	RETURN CASE WHEN old.content_ids IS NULL THEN '{}' ELSE linecrm_internal._ask_line(d, old.content_slot, old.content_ids, old.kinds) END;
END
$$;
COMMENT ON FUNCTION linecrm_internal._ask_again(linecrm_internal.delivery) IS 'asks LINE''s validate endpoint once more about the contents of a delivery that was held';

/* LINE's words as a person reads them; its body need not be the JSON that it documents. */
CREATE FUNCTION linecrm_internal._words_of_line(http_status integer, answer bytea) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	said jsonb;
BEGIN
	BEGIN
		said := linecrm_internal._event_json(answer);
	EXCEPTION WHEN OTHERS THEN
		said := NULL;
	END;
	RETURN format('LINE answered %s', _words_of_line.http_status) || coalesce(': ' || left(said ->> 'message', 1000), '')
		|| coalesce(' (' || (SELECT string_agg(left(concat_ws(' ', x ->> 'property', x ->> 'message'), 500), ', ')
			FROM jsonb_path_query(said, '$.details[0 to 9]') AS x) || ')', '');
END
$$;
COMMENT ON FUNCTION linecrm_internal._words_of_line(integer, bytea) IS 'an error of LINE in one line: status, message, properties';

CREATE FUNCTION linecrm_internal._validated(request_id bigint, http_status integer, answer bytea) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery;
	asked linecrm_internal.request := linecrm_internal._request(_validated.request_id);
	words text;
	example bigint;
BEGIN
	SELECT c.* INTO d FROM linecrm_internal.delivery_campaign c
	WHERE c.planned_at IS NOT NULL AND c.finished_at IS NULL AND _validated.request_id = ANY (c.validating)
	FOR UPDATE;
	IF NOT FOUND THEN
		RETURN; -- cancelled or expired meanwhile
	END IF;
	IF http_status BETWEEN 200 AND 299 THEN
		UPDATE linecrm_internal.content c SET validated_at = clock_timestamp()
		WHERE c.slot = asked.content_slot AND c.content_id = asked.content_id;
		d.validating := array_remove(d.validating, _validated.request_id);
		UPDATE linecrm_internal.delivery_campaign c SET validating = d.validating, detail = NULL WHERE c.delivery_id = d.delivery_id;
		IF d.validating = '{}' THEN
			PERFORM linecrm_internal._wake('sender');
		END IF;
		RETURN;
	END IF;
	words := linecrm_internal._words_of_line(http_status, answer);
	IF http_status NOT IN (400, 413) THEN
		-- The longer it lasts, the seldomer.
		UPDATE linecrm_internal.delivery_campaign c
		SET detail = words, validating = array_remove(c.validating, _validated.request_id) || linecrm_internal._ask_line(d, asked.content_slot,
				ARRAY[asked.content_id], ARRAY[substr(asked.kind, length('validate_') + 1)],
				clock_timestamp() + least(greatest((clock_timestamp() - d.planned_at) / 4, interval '10 seconds'), interval '15 minutes'))
		WHERE c.delivery_id = d.delivery_id;
		RETURN;
	END IF;
	IF d.contents > 1 THEN
		SELECT min(coalesce(r.friend_id, r.first_friend)) INTO example FROM linecrm_internal.request r
		WHERE r.delivery_id = d.delivery_id AND r.content_slot = asked.content_slot AND r.content_id = asked.content_id;
		words := format('%s, in what friend %s would get', words, example);
	END IF;
	-- Whoever holds it already is not overruled; its resume() asks LINE again.
	UPDATE linecrm_internal.delivery_campaign c
	SET detail = words, held_reason = coalesce(c.held_reason, 'content'),
		held_detail = CASE WHEN c.held_reason IS NULL THEN words ELSE c.held_detail END,
		held_by = CASE WHEN c.held_reason IS NULL THEN current_user ELSE c.held_by END,
		held_at = CASE WHEN c.held_reason IS NULL THEN clock_timestamp() ELSE c.held_at END
	WHERE c.delivery_id = d.delivery_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._validated(bigint, integer, bytea) IS 'what LINE says about a content: the delivery starts, is held, or waits';

CREATE FUNCTION linecrm_internal._complete_validate_multicast(request_id bigint, http_status integer, answer bytea) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM linecrm_internal._validated(_complete_validate_multicast.request_id, http_status, answer);
END
$$;
COMMENT ON FUNCTION linecrm_internal._complete_validate_multicast(bigint, integer, bytea) IS 'the answer of kind validate_multicast';

CREATE FUNCTION linecrm_internal._complete_validate_push(request_id bigint, http_status integer, answer bytea) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM linecrm_internal._validated(_complete_validate_push.request_id, http_status, answer);
END
$$;
COMMENT ON FUNCTION linecrm_internal._complete_validate_push(bigint, integer, bytea) IS 'the answer of kind validate_push';

/* The planner's turn: a question that ended without an answer (given up, or never sent) must not leave a delivery waiting for ever. */
CREATE FUNCTION linecrm_internal._lost_checks_turn() RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	held bigint;
BEGIN
	UPDATE linecrm_internal.delivery_campaign d
	SET held_reason = 'content', held_by = current_user, held_at = clock_timestamp(),
		held_detail = format('LINE could not be asked about its contents: %s', lost.why)
	FROM (SELECT c.delivery_id, min(concat_ws(', ', o.outcome, o.reason, o.detail)) AS why
		FROM linecrm_internal.delivery_campaign c
		CROSS JOIN LATERAL unnest(c.validating) AS v (request_id)
		CROSS JOIN LATERAL linecrm_internal._request(v.request_id) AS r
		JOIN linecrm_internal.outcome o ON o.slot = r.slot AND o.request_id = r.request_id
		LEFT JOIN linecrm_internal.completion a ON a.slot = r.slot AND a.request_id = r.request_id
		WHERE c.planned_at IS NOT NULL AND c.finished_at IS NULL AND c.held_reason IS NULL AND c.cancelled_at IS NULL
			AND coalesce(c.not_after > clock_timestamp(), true) AND a.request_id IS NULL
		GROUP BY c.delivery_id) AS lost
	WHERE d.delivery_id = lost.delivery_id AND d.held_reason IS NULL;
	GET DIAGNOSTICS held = ROW_COUNT;
	RETURN held;
END
$$;
COMMENT ON FUNCTION linecrm_internal._lost_checks_turn() IS 'holds deliveries whose question to LINE''s validate endpoint ended without an answer';
