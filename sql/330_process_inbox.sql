/*
 * 330_process_inbox.sql
 *   From events in the inbox to friends, taps and tags.
 *
 * Works in batches of one channel, in the order of the events' own time, one process at a time per channel. The state
 * of a friend does not depend on the order of arrival: each time is the latest seen, and the status is that of the
 * latest event that says something about it (at the same millisecond a block wins: then nobody is sent to). What is done
 * because of an event, such as tagging, happens as if the events were taken one by one in their order: not for
 * an event that is older than the follow or block known before the batch.
 *
 * A batch that fails is halved until the one event that fails is alone; that one is kept with its error. Errors that are
 * nobody's fault (deadlock, full disk, cancel) fail the whole turn instead, which is tried again later.
 *
 * A batch is small and the tables are large, so rows are looked up by key, whatever the statistics say: during a burst
 * there are none yet, and the planner would scan and hash whole tables for each batch. Hence LATERAL ... OFFSET 0, = ANY
 * (array), and a random_page_cost for rows that were written a moment ago. Plans are made anew for each batch, because
 * the clerk lives for weeks and a plan from when the tables were empty would stay; without JIT, which costs 100 ms a batch.
 */

CREATE FUNCTION linecrm.process_inbox(max_events integer DEFAULT 10000) RETURNS integer
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.process_inbox(integer) IS 'works on stored events now, of all channels the caller may use; returns how many it took. The clerk does this by itself';

CREATE FUNCTION linecrm_internal.process_inbox(max_events integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint;
	taken integer;
	done integer := 0;
BEGIN
	IF process_inbox.max_events IS NULL OR process_inbox.max_events < 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('max_events must be at least 1, not %s', coalesce(process_inbox.max_events::text, 'NULL'));
	END IF;
	FOREACH cid IN ARRAY linecrm.my_channels() LOOP
		LOOP
			taken := linecrm_internal._process_batch(cid, process_inbox.max_events - done);
			EXIT WHEN taken <= 0;
			done := done + taken;
			EXIT WHEN done >= process_inbox.max_events;
		END LOOP;
		EXIT WHEN done >= process_inbox.max_events;
	END LOOP;
	-- The clerk may have found the channel taken: what is left is its again, at once rather than at its next look.
	PERFORM linecrm_internal._wake('clerk');
	RETURN done;
END
$$;
COMMENT ON FUNCTION linecrm_internal.process_inbox(integer) IS 'inner function of linecrm.process_inbox';

CREATE FUNCTION linecrm_internal._process_inbox_turn() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint;
	taken integer;
	done integer := 0;
	left_to_others boolean := false;
BEGIN
	FOR cid IN
		SELECT c.channel_id FROM linecrm_internal.channel c
		WHERE EXISTS (SELECT FROM linecrm_internal.inbox_waiting w WHERE w.channel_id = c.channel_id)
	LOOP
		taken := linecrm_internal._process_batch(cid, 1000);
		done := done + greatest(taken, 0);
		left_to_others := left_to_others OR taken < 0;
	END LOOP;
	IF done > 0 THEN
		PERFORM pg_notify('linecrm', 'inbox');
	END IF;
	RETURN CASE WHEN done = 0 AND left_to_others THEN -1 ELSE done END;
END
$$;
COMMENT ON FUNCTION linecrm_internal._process_inbox_turn() IS 'one turn of the clerk: a batch of each channel that has events waiting; returns how many it took, -1 when another process is at all of them and may leave some';

CREATE FUNCTION linecrm_internal._process_batch(channel_id bigint, max_events integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan SET random_page_cost = 1.1 SET jit = off
AS $$
DECLARE
	slots smallint[];
	event_ids text[];
BEGIN
	IF NOT pg_try_advisory_xact_lock(linecrm_internal._lock_key('inbox', _process_batch.channel_id)) THEN
		RETURN -1;
	END IF;
	-- Before any row: forget_friend takes it alone and then wants the same rows of inbox_waiting.
	PERFORM linecrm_internal._people_lock(_process_batch.channel_id);
	SELECT t.slots, t.event_ids INTO slots, event_ids
	FROM linecrm_internal._take_waiting(_process_batch.channel_id, least(_process_batch.max_events, 1000)) AS t;
	IF slots IS NULL THEN
		RETURN 0;
	END IF;
	PERFORM linecrm_internal._handle_or_halve(_process_batch.channel_id, slots, event_ids);
	RETURN cardinality(slots);
END
$$;
COMMENT ON FUNCTION linecrm_internal._process_batch(bigint, integer) IS 'takes up to 1,000 waiting events of a channel and works on them; 0 when none waits, -1 when another process is at it';

CREATE FUNCTION linecrm_internal._take_waiting(channel_id bigint, max_events integer, OUT slots smallint[], OUT event_ids text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
	WITH taken AS (
		DELETE FROM linecrm_internal.inbox_waiting w
		WHERE w.ctid = ANY (ARRAY(
			SELECT n.ctid FROM linecrm_internal.inbox_waiting n WHERE n.channel_id = _take_waiting.channel_id
			ORDER BY n.event_at, n.inbox_id LIMIT _take_waiting.max_events))
		RETURNING w.slot, w.webhook_event_id, w.event_at, w.inbox_id)
	SELECT array_agg(t.slot), array_agg(t.webhook_event_id) INTO slots, event_ids
	FROM (SELECT * FROM taken ORDER BY event_at, inbox_id) AS t;
END
$$;
COMMENT ON FUNCTION linecrm_internal._take_waiting(bigint, integer) IS 'removes the oldest waiting events of a channel and returns which they were, in order';

CREATE FUNCTION linecrm_internal._handle_or_halve(channel_id bigint, slots smallint[], event_ids text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	half integer := cardinality(_handle_or_halve.slots) / 2;
	state text;
	message text;
	detail text;
BEGIN
	BEGIN
		PERFORM linecrm_internal._handle_events(_handle_or_halve.channel_id, _handle_or_halve.slots, _handle_or_halve.event_ids);
		RETURN;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
		IF linecrm_internal._is_passing(state) THEN
			RAISE;
		END IF;
	END;
	IF half > 0 THEN
		PERFORM linecrm_internal._handle_or_halve(_handle_or_halve.channel_id,
			_handle_or_halve.slots[:half], _handle_or_halve.event_ids[:half]);
		PERFORM linecrm_internal._handle_or_halve(_handle_or_halve.channel_id,
			_handle_or_halve.slots[half + 1:], _handle_or_halve.event_ids[half + 1:]);
		RETURN;
	END IF;
	INSERT INTO linecrm_internal.inbox_error AS e (slot, channel_id, webhook_event_id, inbox_id, event_at, sqlstate, error)
	SELECT i.slot, i.channel_id, i.webhook_event_id, i.inbox_id, i.event_at, state, concat_ws(': ', message, nullif(detail, ''))
	FROM linecrm_internal.inbox i
	WHERE i.slot = _handle_or_halve.slots[1] AND i.channel_id = _handle_or_halve.channel_id
		AND i.webhook_event_id = _handle_or_halve.event_ids[1]
	ON CONFLICT ON CONSTRAINT inbox_error_pkey DO UPDATE
	SET sqlstate = excluded.sqlstate, error = excluded.error, failed_at = excluded.failed_at, tries = e.tries + 1;
END
$$;
COMMENT ON FUNCTION linecrm_internal._handle_or_halve(bigint, smallint[], text[]) IS 'works on events; if that fails, on each half; the one that fails alone goes to inbox_error';

CREATE FUNCTION linecrm_internal._is_passing(sqlstate text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	-- transaction rollback, insufficient resources, operator intervention, system error, lock not available
	SELECT left(_is_passing.sqlstate, 2) IN ('40', '53', '57', '58') OR _is_passing.sqlstate = '55P03';
END;
COMMENT ON FUNCTION linecrm_internal._is_passing(text) IS 'errors that are not the fault of what was worked on: tried again as a whole';

CREATE FUNCTION linecrm_internal._handle_events(channel_id bigint, slots smallint[], event_ids text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	cid bigint := _handle_events.channel_id;
	event record;
	friends bigint[];
	fresh boolean[];
	rule record;
BEGIN
	SELECT * INTO event FROM linecrm_internal._load_events(cid, _handle_events.slots, _handle_events.event_ids);
	IF cardinality(event.ids) = 0 THEN
		RETURN;
	END IF;

	PERFORM linecrm_internal._create_friends(cid, event.users, 'webhook');
	friends := ARRAY(
		SELECT d.friend_id FROM unnest(event.users) WITH ORDINALITY AS e (user_id, nth)
		LEFT JOIN LATERAL (SELECT d.friend_id FROM linecrm_internal.friend_directory d
			WHERE d.channel_id = cid AND d.user_id OPERATOR(linecrm.=) e.user_id OFFSET 0) AS d ON true
		ORDER BY e.nth);
	fresh := ARRAY(
		SELECT e.at >= coalesce(f.changed_at, '-infinity') FROM unnest(friends, event.ats) WITH ORDINALITY AS e (friend_id, at, nth)
		LEFT JOIN (SELECT f.friend_id, greatest(f.followed_at, f.blocked_at) AS changed_at FROM linecrm_internal.friend f
			WHERE f.friend_id = ANY (friends)) AS f ON f.friend_id = e.friend_id
		ORDER BY e.nth);

	PERFORM linecrm_internal._events_to_friends(cid, friends, event.types, event.ats);
	IF 'postback' = ANY (event.types) THEN
		PERFORM linecrm_internal._events_to_taps(cid, friends, event.types, event.ats, event.ids, event.bodies);
	END IF;
	-- Before the rules are read: a tag that was dropped while we waited for it is no event's fault.
	PERFORM pg_advisory_xact_lock_shared(linecrm_internal._lock_key('tag', t.tag_id))
	FROM (SELECT t.tag_id FROM linecrm_internal.tag t WHERE t.channel_id = cid AND (t.on_follow OR t.on_text <> '{}' OR t.on_postback <> '{}')
		ORDER BY t.tag_id) AS t;
	FOR rule IN SELECT * FROM linecrm_internal._tags_of_events(cid, friends, event.types, fresh, event.bodies) LOOP
		PERFORM linecrm_internal._tag_friends(rule.tag_id, rule.members, rule.origin);
	END LOOP;
END
$$;
COMMENT ON FUNCTION linecrm_internal._handle_events(bigint, smallint[], text[]) IS 'all that follows from some events of a channel';

/*
 * What people did in their own chat with the account. An event in a group or a room makes nobody a friend; other events
 * and unknown types stay in the inbox. One slot at a time, so that only its partition is planned for.
 */
CREATE FUNCTION linecrm_internal._load_events(channel_id bigint, slots smallint[], event_ids text[],
	OUT ids text[], OUT ats timestamptz[], OUT types text[], OUT users linecrm.line_user_id[], OUT bodies jsonb[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	reads_text boolean := EXISTS (SELECT FROM linecrm_internal.tag t WHERE t.channel_id = _load_events.channel_id AND t.on_text <> '{}');
	this_slot smallint;
	part record;
BEGIN
	ids := '{}';
	FOR this_slot IN SELECT DISTINCT s FROM unnest(_load_events.slots) AS s LOOP
		SELECT array_agg(i.webhook_event_id) AS ids, array_agg(i.event_at) AS ats, array_agg(i.event_type) AS types,
			array_agg(i.user_id) AS users, array_agg(CASE WHEN i.event_type = 'postback' OR (i.event_type = 'message' AND reads_text)
				THEN linecrm_internal._event_json(i.raw) END) AS bodies
		INTO part
		FROM unnest(_load_events.slots, _load_events.event_ids) AS k (slot, webhook_event_id)
		CROSS JOIN LATERAL (SELECT * FROM linecrm_internal.inbox i WHERE i.slot = this_slot AND i.channel_id = _load_events.channel_id
			AND i.webhook_event_id = k.webhook_event_id OFFSET 0) AS i
		WHERE k.slot = this_slot AND i.source_type = 'user' AND i.user_id IS NOT NULL;
		IF part.ids IS NOT NULL THEN
			ids := ids || part.ids;
			ats := ats || part.ats;
			types := types || part.types;
			users := users || part.users;
			bodies := bodies || part.bodies;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION linecrm_internal._load_events(bigint, smallint[], text[]) IS 'events of people from the inbox, as arrays of the same order; the JSON only of those whose content matters here';

CREATE FUNCTION linecrm_internal._events_to_friends(channel_id bigint, friends bigint[], types text[], ats timestamptz[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	WITH event AS (
		SELECT * FROM unnest(_events_to_friends.friends, _events_to_friends.types, _events_to_friends.ats) AS e (friend_id, event_type, at)
		WHERE e.event_type IN ('follow', 'unfollow', 'message', 'postback')
	), latest AS (
		SELECT e.friend_id, max(e.at) FILTER (WHERE e.event_type = 'follow') AS followed_at,
			max(e.at) FILTER (WHERE e.event_type = 'unfollow') AS blocked_at,
			max(e.at) FILTER (WHERE e.event_type IN ('message', 'postback')) AS wrote_at
		FROM event e GROUP BY e.friend_id ORDER BY e.friend_id
	), changed AS (
		UPDATE linecrm_internal.friend AS f
		SET status = CASE WHEN verdict.gone >= coalesce(verdict.there, '-infinity') THEN 'blocked'
				WHEN verdict.there IS NOT NULL THEN 'following' ELSE f.status END,
			status_at = coalesce(greatest(verdict.there, verdict.gone), f.status_at),
			followed_at = greatest(f.followed_at, l.followed_at),
			blocked_at = greatest(f.blocked_at, l.blocked_at),
			last_message_at = greatest(f.last_message_at, l.wrote_at)
		FROM latest l
		JOIN linecrm_internal.friend o ON o.friend_id = l.friend_id
		CROSS JOIN LATERAL (SELECT
			greatest(l.followed_at, l.wrote_at, CASE WHEN o.status = 'following' THEN o.status_at END) AS there,
			greatest(l.blocked_at, CASE WHEN o.status = 'blocked' THEN o.status_at END) AS gone) AS verdict
		WHERE f.friend_id = l.friend_id
		RETURNING f.friend_id, f.status, f.status_at, f.followed_at, f.blocked_at, l.wrote_at,
			o.status <> 'following' OR l.blocked_at > coalesce(o.status_at, '-infinity') AS was_away
	)
	INSERT INTO linecrm_internal.friend_status (friend_id, changed_at, status, channel_id, origin)
	SELECT e.friend_id, e.at, CASE e.event_type WHEN 'follow' THEN 'following' ELSE 'blocked' END, _events_to_friends.channel_id, 'webhook'
	FROM event e WHERE e.event_type IN ('follow', 'unfollow') AND e.friend_id IS NOT NULL
	UNION
	-- Who writes is a friend, also when we never saw the follow that came between.
	SELECT c.friend_id, c.status_at, c.status, _events_to_friends.channel_id, 'webhook'
	FROM changed c WHERE c.status = 'following' AND c.status_at = c.wrote_at AND c.was_away
		AND coalesce(c.blocked_at, '-infinity') >= coalesce(c.followed_at, '-infinity')
	ON CONFLICT ON CONSTRAINT friend_status_pkey DO NOTHING;
END
$$;
COMMENT ON FUNCTION linecrm_internal._events_to_friends(bigint, bigint[], text[], timestamptz[]) IS 'status and times of friends by the time of events, with the history of the status';

CREATE FUNCTION linecrm_internal._events_to_taps(channel_id bigint, friends bigint[], types text[], ats timestamptz[], ids text[], bodies jsonb[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- The data of our own buttons is linecrm:DELIVERY:LABEL.
	INSERT INTO linecrm_internal.tap (friend_id, tapped_at, webhook_event_id, channel_id, data, params, delivery_id, button)
	SELECT e.friend_id, e.at, e.webhook_event_id, _events_to_taps.channel_id, said.data, e.body #> '{postback,params}',
		nullif(substring(said.data FROM '^linecrm:([0-9]{1,18}):'), '0')::bigint,
		substring(said.data FROM '^linecrm:[0-9]{1,18}:(.+)$')
	FROM unnest(_events_to_taps.friends, _events_to_taps.types, _events_to_taps.ats, _events_to_taps.ids, _events_to_taps.bodies)
		AS e (friend_id, event_type, at, webhook_event_id, body)
	CROSS JOIN LATERAL (SELECT coalesce(e.body #>> '{postback,data}', '') AS data) AS said
	WHERE e.event_type = 'postback' AND e.friend_id IS NOT NULL
	ON CONFLICT ON CONSTRAINT tap_pkey DO NOTHING;
END
$$;
COMMENT ON FUNCTION linecrm_internal._events_to_taps(bigint, bigint[], text[], timestamptz[], text[], jsonb[]) IS 'one row of tap for each postback';

CREATE FUNCTION linecrm_internal._tags_of_events(channel_id bigint, friends bigint[], types text[], fresh boolean[], bodies jsonb[])
RETURNS TABLE (tag_id bigint, origin text, members linecrm.friendset)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM linecrm_internal.tag t
		WHERE t.channel_id = _tags_of_events.channel_id AND (t.on_follow OR t.on_text <> '{}' OR t.on_postback <> '{}')) THEN
		RETURN;
	END IF;
	RETURN QUERY
		WITH event AS (
			SELECT e.friend_id, e.event_type, CASE e.event_type
				WHEN 'message' THEN linecrm_internal._normal_text(e.body #>> '{message,text}')
				WHEN 'postback' THEN e.body #>> '{postback,data}' END AS said
			FROM unnest(_tags_of_events.friends, _tags_of_events.types, _tags_of_events.fresh, _tags_of_events.bodies)
				AS e (friend_id, event_type, fresh, body)
			WHERE e.fresh AND e.event_type IN ('follow', 'message', 'postback')
		), rule AS (
			SELECT t.tag_id, t.on_follow, t.on_text, t.on_postback FROM linecrm_internal.tag t
			WHERE t.channel_id = _tags_of_events.channel_id AND (t.on_follow OR t.on_text <> '{}' OR t.on_postback <> '{}')
		)
		SELECT hit.tag_id, hit.origin, linecrm.friendset_agg(hit.friend_id)
		FROM (
			SELECT r.tag_id, 'follow' AS origin, e.friend_id
			FROM rule r JOIN event e ON r.on_follow AND e.event_type = 'follow'
			UNION ALL
			SELECT r.tag_id, 'text', e.friend_id
			FROM (SELECT r.tag_id, unnest(r.on_text) AS word FROM rule r) AS r
			JOIN event e ON e.said = r.word AND e.event_type = 'message'
			UNION ALL
			SELECT r.tag_id, 'postback', e.friend_id
			FROM (SELECT r.tag_id, unnest(r.on_postback) AS word FROM rule r) AS r
			JOIN event e ON e.said = r.word AND e.event_type = 'postback'
			UNION ALL
			SELECT r.tag_id, 'postback', e.friend_id
			FROM (SELECT r.tag_id, left(word, -1) AS word FROM rule r, unnest(r.on_postback) AS word WHERE right(word, 1) = '%') AS r
			JOIN event e ON starts_with(e.said, r.word) AND e.event_type = 'postback'
		) AS hit
		GROUP BY hit.tag_id, hit.origin
		ORDER BY hit.tag_id, hit.origin;
END
$$;
COMMENT ON FUNCTION linecrm_internal._tags_of_events(bigint, bigint[], text[], boolean[], jsonb[]) IS 'which tags follow, text and postback events add by themselves, and to whom';

CREATE FUNCTION linecrm.retry_inbox_errors(event_type text DEFAULT NULL, channel text DEFAULT NULL) RETURNS integer
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.retry_inbox_errors(text, text) IS 'works again on events whose handler failed (of one type, or all), after the cause was mended; returns how many';

CREATE FUNCTION linecrm_internal.retry_inbox_errors(event_type text, channel text) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	cid bigint := linecrm_internal._channel_id(retry_inbox_errors.channel);
	moved integer;
BEGIN
	WITH again AS (
		DELETE FROM linecrm_internal.inbox_error e USING linecrm_internal.inbox i
		WHERE e.channel_id = cid AND i.slot = e.slot AND i.channel_id = e.channel_id AND i.webhook_event_id = e.webhook_event_id
			AND (retry_inbox_errors.event_type IS NULL OR i.event_type = retry_inbox_errors.event_type)
		RETURNING e.channel_id, e.event_at, e.inbox_id, e.slot, e.webhook_event_id
	), waiting AS (
		INSERT INTO linecrm_internal.inbox_waiting (channel_id, event_at, inbox_id, slot, webhook_event_id)
		SELECT a.channel_id, a.event_at, a.inbox_id, a.slot, a.webhook_event_id FROM again a
		RETURNING inbox_id
	)
	SELECT count(*) INTO moved FROM waiting;
	PERFORM linecrm_internal._audit('retry_inbox_errors', cid, retry_inbox_errors.event_type, NULL, jsonb_build_object('events', moved));
	PERFORM linecrm_internal._wake('clerk');
	RETURN moved;
END
$$;
COMMENT ON FUNCTION linecrm_internal.retry_inbox_errors(text, text) IS 'inner function of linecrm.retry_inbox_errors';
