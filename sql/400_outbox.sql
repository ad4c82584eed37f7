/*
 * 400_outbox.sql
 *   Into the queue and around it. What the sender itself runs, claim and record, are statements in src/worker/outbox.c.
 *
 *   _enqueue, _call_line   the only ways into the queue
 *   _wake...               wake the workers at commit
 *   _rotate_turn           empties slots of the ring
 *   _finish_turn           closes campaigns whose requests are all finished
 *   adopt_database         after a restore or a copy: this server may send now
 */

-- How many are in the body of a request: those who were left out at its first claim are not.
-- Called for each of 10,000 rows by functions that plan anew each time: with that, 5 s instead of 0.5.
CREATE FUNCTION linecrm_internal._people_left(request_slot smallint, request_id bigint) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
	RETURN (SELECT r.friends - coalesce((SELECT sum(linecrm.cardinality(e.members)) FROM linecrm_internal.exclusion e
			WHERE e.slot = r.slot AND e.request_id = r.request_id), 0)
		FROM linecrm_internal.request r WHERE r.slot = _people_left.request_slot AND r.request_id = _people_left.request_id);
END
$$;
COMMENT ON FUNCTION linecrm_internal._people_left(smallint, bigint) IS 'how many people the body of a request has';

-- What arrived since the sender last looked is read by id alone, over all channels.
-- An expression, so that no statement that looks for one channel is ever planned with this index instead of its own.
CREATE INDEX outbox_arrival_idx ON linecrm_internal.outbox ((outbox_id + 0));

CREATE FUNCTION linecrm_internal._wake(worker text) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'linecrm_wake';
COMMENT ON FUNCTION linecrm_internal._wake(text) IS 'wakes sender, clerk, planner or launcher when this transaction commits';

CREATE FUNCTION linecrm_internal._wake_outbox(lowest bigint) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'linecrm_wake_outbox';
COMMENT ON FUNCTION linecrm_internal._wake_outbox(bigint) IS 'wakes the sender at commit and tells it the smallest outbox id that this statement drew';

CREATE FUNCTION linecrm_internal._worker_status(
	OUT database oid, OUT worker text, OUT state text, OUT pid integer,
	OUT started_at timestamptz, OUT start_after timestamptz, OUT active_at timestamptz,
	OUT failures integer, OUT error_at timestamptz, OUT error text,
	OUT requests bigint, OUT finished bigint, OUT retried bigint, OUT throttled bigint, OUT in_flight integer,
	OUT owner oid) RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_worker_status';
COMMENT ON FUNCTION linecrm_internal._worker_status() IS 'one row a worker that the launcher knows, in all databases; none: the library is not in shared_preload_libraries';

/*
 * Puts requests that this transaction wrote into the queue, in the order of their numbers, and returns how many.
 * due_at in the future: they wait until then, for that reason. The transaction id is taken before the first outbox id is
 * drawn: the sender relies on it to know when every id below a given one has been decided (src/worker/outbox.c).
 */
CREATE FUNCTION linecrm_internal._enqueue(request_slot smallint, request_ids bigint[], due_at timestamptz DEFAULT NULL,
	reason text DEFAULT 'scheduled') RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lowest bigint;
	queued bigint;
BEGIN
	PERFORM pg_current_xact_id();
	IF _enqueue.due_at > clock_timestamp() THEN
		INSERT INTO linecrm_internal.outbox_waiting
			(request_slot, request_id, channel_id, lane, delivery_slot, delivery_id, due_at, reason)
		SELECT r.slot, r.request_id, r.channel_id, r.lane, r.delivery_slot, r.delivery_id, _enqueue.due_at, _enqueue.reason
		FROM linecrm_internal.request r
		WHERE r.slot = _enqueue.request_slot AND r.request_id = ANY (_enqueue.request_ids);
		GET DIAGNOSTICS queued = ROW_COUNT;
		PERFORM linecrm_internal._wake_outbox(9223372036854775807); -- nothing arrived: only the next time to look is another
		RETURN queued;
	END IF;
	WITH arrived AS (
		INSERT INTO linecrm_internal.outbox
			(slot, channel_id, lane, request_slot, request_id, delivery_slot, delivery_id)
		SELECT linecrm_internal._hour_slot(clock_timestamp()), r.channel_id, r.lane, r.slot, r.request_id,
			r.delivery_slot, r.delivery_id
		FROM linecrm_internal.request r
		WHERE r.slot = _enqueue.request_slot AND r.request_id = ANY (_enqueue.request_ids)
		ORDER BY r.request_id
		RETURNING outbox_id)
	SELECT min(outbox_id), count(*) INTO lowest, queued FROM arrived;
	PERFORM linecrm_internal._wake_outbox(lowest);
	RETURN queued;
END
$$;
COMMENT ON FUNCTION linecrm_internal._enqueue(smallint, bigint[], timestamptz, text) IS 'puts written requests into the queue; returns how many';

/*
 * One request that has no recipients of ours: profile, quota, loading, broadcast... params fill the path; a body, where
 * the kind has one, is given as text. Its answer reaches _complete_KIND(request_id, status, answer) in the clerk.
 */
CREATE FUNCTION linecrm_internal._call_line(channel_id bigint, kind text, params jsonb DEFAULT '{}', body text DEFAULT NULL,
	lane smallint DEFAULT 3, friend_id bigint DEFAULT NULL, due_at timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	month smallint := linecrm_internal._month_slot(now());
	content bigint;
	request bigint;
BEGIN
	IF _call_line.body IS NOT NULL THEN
		INSERT INTO linecrm_internal.content (slot, channel_id, body, digest)
		VALUES (month, _call_line.channel_id, convert_to(_call_line.body, 'UTF8'), sha256(convert_to(_call_line.body, 'UTF8')))
		RETURNING content_id INTO content;
	END IF;
	INSERT INTO linecrm_internal.request
		(slot, channel_id, kind, lane, content_slot, content_id, retry_key, friend_id, friends, params)
	VALUES (month, _call_line.channel_id, _call_line.kind, _call_line.lane, CASE WHEN content IS NOT NULL THEN month END, content,
		CASE WHEN _call_line.kind IN ('broadcast', 'narrowcast') THEN gen_random_uuid() END,
		_call_line.friend_id, 0, nullif(_call_line.params, '{}'))
	RETURNING request_id INTO request;
	PERFORM linecrm_internal._enqueue(month, ARRAY[request], _call_line.due_at);
	RETURN request;
END
$$;
COMMENT ON FUNCTION linecrm_internal._call_line(bigint, text, jsonb, text, smallint, bigint, timestamptz) IS 'queues one request other than a message, such as profile or quota; returns its number';

/*
 * What the sender calls.
 */

-- Rows that are held for ever have no place in it.
CREATE INDEX outbox_waiting_next_idx ON linecrm_internal.outbox_waiting (due_at) WHERE due_at < 'infinity';

CREATE FUNCTION linecrm_internal._move_due(at_most bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_hashjoin = on
AS $$
DECLARE
	lowest bigint;
	moved bigint;
BEGIN
	PERFORM pg_current_xact_id();
	WITH due AS (
		DELETE FROM linecrm_internal.outbox_waiting w
		USING (SELECT n.request_slot, n.request_id FROM linecrm_internal.outbox_waiting n
			WHERE n.due_at <= clock_timestamp() AND n.due_at < 'infinity' ORDER BY n.due_at LIMIT _move_due.at_most) AS first_ones
		WHERE w.request_slot = first_ones.request_slot AND w.request_id = first_ones.request_id
		RETURNING w.*),
	arrived AS (
		INSERT INTO linecrm_internal.outbox (slot, channel_id, lane, request_slot, request_id, delivery_slot, delivery_id,
			attempts, ambiguous_since)
		SELECT linecrm_internal._hour_slot(clock_timestamp()), d.channel_id, d.lane, d.request_slot, d.request_id,
			d.delivery_slot, d.delivery_id, d.attempts, d.ambiguous_since
		FROM due d ORDER BY d.due_at, d.request_id
		RETURNING outbox_id)
	SELECT min(outbox_id), count(*) INTO lowest, moved FROM arrived;
	PERFORM linecrm_internal._wake_outbox(lowest);
	RETURN moved;
END
$$;
COMMENT ON FUNCTION linecrm_internal._move_due(bigint) IS 'moves what is due from outbox_waiting into the ring, with its key, attempts and doubt';

/*
 * The sender met a row that is held, cancelled or too late: all rows of its delivery (of its channel, for a channel that
 * is held) leave the lane, up to 10,000 at a time. In doubt, a cancelled or late row ends as unknown, not as its wish.
 * At the monthly limit only what counts against it is held: replies and questions go on. What waits for LINE's validate
 * endpoint comes back at not_after at the latest, to expire.
 */
CREATE FUNCTION linecrm_internal._set_aside(why text, channel_id bigint, lane smallint, from_id bigint, delivery_id bigint,
	epoch bigint, whole_channel boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_hashjoin = on
AS $$
DECLARE
	only_counted boolean := _set_aside.whole_channel AND EXISTS (SELECT FROM linecrm_internal.channel c
		WHERE c.channel_id = _set_aside.channel_id AND c.held_reason IN ('monthly_limit', 'quota_reserved'));
	moved bigint;
BEGIN
	WITH chosen AS (
		SELECT o.slot, o.channel_id, o.lane, o.outbox_id, r.not_after
		FROM linecrm_internal.outbox o
		JOIN linecrm_internal.request r ON r.slot = o.request_slot AND r.request_id = o.request_id
		WHERE o.channel_id = _set_aside.channel_id AND o.lane = _set_aside.lane AND o.outbox_id >= _set_aside.from_id
			AND o.epoch IS DISTINCT FROM _set_aside.epoch
			AND (_set_aside.whole_channel OR o.delivery_id = _set_aside.delivery_id)
			AND (NOT only_counted OR r.kind IN ('push', 'multicast', 'narrowcast', 'broadcast'))
		ORDER BY o.outbox_id LIMIT 10000),
	gone AS (
		DELETE FROM linecrm_internal.outbox o USING chosen c
		WHERE o.slot = c.slot AND o.channel_id = c.channel_id AND o.lane = c.lane AND o.outbox_id = c.outbox_id
		RETURNING o.*, c.not_after),
	waiting AS (
		INSERT INTO linecrm_internal.outbox_waiting (request_slot, request_id, channel_id, lane, delivery_slot, delivery_id,
			due_at, reason, attempts, ambiguous_since)
		SELECT g.request_slot, g.request_id, g.channel_id, g.lane, g.delivery_slot, g.delivery_id,
			CASE _set_aside.why WHEN 'validating' THEN coalesce(g.not_after, 'infinity') ELSE 'infinity' END, _set_aside.why,
			g.attempts, g.ambiguous_since
		FROM gone g WHERE _set_aside.why NOT IN ('cancelled', 'expired')),
	ended AS (
		INSERT INTO linecrm_internal.outcome (slot, request_id, channel_id, delivery_slot, delivery_id, outcome, reason, friends, attempts)
		SELECT g.request_slot, g.request_id, g.channel_id, g.delivery_slot, g.delivery_id,
			CASE WHEN g.ambiguous_since IS NULL THEN _set_aside.why ELSE 'unknown' END,
			CASE _set_aside.why WHEN 'expired' THEN 'not_after' ELSE 'cancelled' END,
			linecrm_internal._people_left(g.request_slot, g.request_id), g.attempts
		FROM gone g WHERE _set_aside.why IN ('cancelled', 'expired'))
	SELECT count(*) INTO moved FROM gone;
	PERFORM linecrm_internal._wake('planner');
	RETURN moved;
END
$$;
COMMENT ON FUNCTION linecrm_internal._set_aside(text, bigint, smallint, bigint, bigint, bigint, boolean) IS 'takes held, cancelled, expired or not yet validated rows out of a lane';

/*
 * After somebody resumed, cancelled or set a credential: what waits for no reason any more, or will never be sent, falls
 * due now, and the next claims send or finish it. Up to 10,000 rows of each sort; the sender calls again while there are any.
 */
CREATE FUNCTION linecrm_internal._attend() RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_hashjoin = on
AS $$
DECLARE
	touched bigint;
	total bigint := 0;
BEGIN
	UPDATE linecrm_internal.outbox_waiting w SET due_at = clock_timestamp()
	FROM (SELECT h.request_slot, h.request_id
		FROM linecrm_internal.channel c
		JOIN linecrm_internal.outbox_waiting h ON h.channel_id = c.channel_id AND h.due_at = 'infinity'
		WHERE c.held_reason IS NULL AND h.reason = 'channel_held' LIMIT 10000) AS freed
	WHERE w.request_slot = freed.request_slot AND w.request_id = freed.request_id;
	GET DIAGNOSTICS touched = ROW_COUNT;
	total := total + touched;
	UPDATE linecrm_internal.outbox_waiting w SET due_at = clock_timestamp()
	FROM (SELECT h.request_slot, h.request_id
		FROM linecrm_internal.delivery_campaign d
		JOIN linecrm_internal.outbox_waiting h ON h.delivery_id = d.delivery_id AND h.due_at > clock_timestamp()
		WHERE d.planned_at IS NOT NULL AND d.finished_at IS NULL
			AND (d.cancelled_at IS NOT NULL
				OR (d.held_reason IS NULL AND coalesce(d.validating, '{}') = '{}' AND h.reason IN ('delivery_held', 'validating')))
		LIMIT 10000) AS freed
	WHERE w.request_slot = freed.request_slot AND w.request_id = freed.request_id;
	GET DIAGNOSTICS touched = ROW_COUNT;
	total := total + touched;
	UPDATE linecrm_internal.outbox_waiting w SET due_at = clock_timestamp()
	FROM (SELECT h.request_slot, h.request_id
		FROM linecrm_internal.outbox_waiting h
		JOIN linecrm_internal.delivery d ON d.slot = h.delivery_slot AND d.delivery_id = h.delivery_id
		WHERE h.delivery_slot >= 0 AND h.due_at > clock_timestamp()
			AND (d.cancelled_at IS NOT NULL OR (d.held_reason IS NULL AND h.reason = 'delivery_held')) LIMIT 10000) AS freed
	WHERE w.request_slot = freed.request_slot AND w.request_id = freed.request_id;
	GET DIAGNOSTICS touched = ROW_COUNT;
	RETURN total + touched;
END
$$;
COMMENT ON FUNCTION linecrm_internal._attend() IS 'makes waiting rows due whose hold has ended, whose contents passed LINE''s check, or whose delivery was cancelled';

/*
 * The sender saw the wall clock go back. A back-off is of minutes, and its end was written by the old time. A doubt is
 * made older by as much: LINE forgets a retry key 24 hours after its first use, by whatever clock.
 */
CREATE FUNCTION linecrm_internal._clock_put_back(milliseconds bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_hashjoin = on
AS $$
DECLARE
	back interval := make_interval(secs => _clock_put_back.milliseconds / 1000.0);
BEGIN
	UPDATE linecrm_internal.outbox_waiting w SET due_at = w.due_at - back
	WHERE w.reason IN ('backoff', 'rate') AND w.due_at > clock_timestamp() AND w.due_at < 'infinity';
	UPDATE linecrm_internal.outbox_waiting w SET ambiguous_since = w.ambiguous_since - back WHERE w.ambiguous_since IS NOT NULL;
	UPDATE linecrm_internal.outbox o SET ambiguous_since = o.ambiguous_since - back WHERE o.ambiguous_since IS NOT NULL;
END
$$;
COMMENT ON FUNCTION linecrm_internal._clock_put_back(bigint) IS 'corrects what waits after the wall clock was put back';

/*
 * A request that LINE refused because of somebody in it: nobody got it, so its people go out again in two halves with keys
 * of their own, down to the one who is the cause. 0: there is only one left.
 */
CREATE FUNCTION linecrm_internal._split_request(request_slot smallint, request_id bigint) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET enable_hashjoin = on
AS $$
DECLARE
	whole linecrm_internal.request;
	people bigint[];
	half bigint[];
	made bigint[] := '{}';
	number bigint;
BEGIN
	SELECT r.* INTO STRICT whole FROM linecrm_internal.request r
	WHERE r.slot = _split_request.request_slot AND r.request_id = _split_request.request_id;
	SELECT array_agg(i.friend_id ORDER BY i.friend_id) INTO people
	FROM linecrm.friend_ids(whole.recipients OPERATOR(linecrm.-) (SELECT linecrm.friendset_union_agg(e.members)
		FROM linecrm_internal.exclusion e WHERE e.slot = whole.slot AND e.request_id = whole.request_id)) AS i(friend_id);
	IF coalesce(cardinality(people), 0) < 2 THEN
		RETURN 0;
	END IF;
	FOR part IN 0..1 LOOP
		half := CASE part WHEN 0 THEN people[1:cardinality(people) / 2] ELSE people[cardinality(people) / 2 + 1:] END;
		INSERT INTO linecrm_internal.request (slot, channel_id, delivery_slot, delivery_id, kind, lane, content_slot, content_id,
			retry_key, recipients, friend_id, first_friend, last_friend, friends, not_after, replaces)
		VALUES (whole.slot, whole.channel_id, whole.delivery_slot, whole.delivery_id,
			CASE WHEN cardinality(half) = 1 THEN 'push' ELSE whole.kind END, whole.lane, whole.content_slot, whole.content_id,
			gen_random_uuid(), CASE WHEN cardinality(half) > 1 THEN linecrm.friendset(half) END,
			CASE WHEN cardinality(half) = 1 THEN half[1] END, half[1], half[cardinality(half)], cardinality(half),
			whole.not_after, whole.request_id)
		RETURNING request.request_id INTO number;
		made := made || number;
	END LOOP;
	PERFORM linecrm_internal._enqueue(whole.slot, made);
	RETURN 2;
END
$$;
COMMENT ON FUNCTION linecrm_internal._split_request(smallint, bigint) IS 'queues the two halves of a refused multicast with new keys; 0 if it has one recipient';

/*
 * Whose queue is this? Restored, cloned or recovered to a point in time, a database holds yesterday's queue, and the
 * server it came from may have sent it. The row is written when the first channel is saved and not by the sender: while
 * a dump is being restored the sender already runs, and its row would be in the way of the dumped one.
 */
CREATE FUNCTION linecrm_internal._register_installation() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO linecrm_internal.installation (system_identifier, database_oid, heartbeat_at, adopted_at, adopted_by)
	SELECT s.system_identifier::text, d.oid::bigint, clock_timestamp(), clock_timestamp(), linecrm_internal._caller()
	FROM pg_control_system() AS s, pg_database AS d WHERE d.datname = current_database()
	ON CONFLICT DO NOTHING;
	PERFORM linecrm_internal._wake('sender');
END
$$;
COMMENT ON FUNCTION linecrm_internal._register_installation() IS 'notes that this data belongs to this server and database, if nothing is noted yet';

-- NULL: this server may send. Otherwise why not, and then all channels are held. Empty: nothing to send yet, ask again.
CREATE FUNCTION linecrm_internal._check_installation() RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	home linecrm_internal.installation;
	here text := (SELECT system_identifier::text FROM pg_control_system());
	base bigint := (SELECT oid::bigint FROM pg_database WHERE datname = current_database());
	why text;
BEGIN
	-- Asked first: whoever saves the first channel writes both, and may commit between two statements of ours.
	IF NOT EXISTS (SELECT FROM linecrm_internal.channel) THEN
		RETURN ''; -- a new database, or one into which a dump is being restored just now
	END IF;
	-- Somebody who adopts the database waits, and then frees what is held below; or we wait and see that he did.
	SELECT i.* INTO home FROM linecrm_internal.installation i FOR SHARE;
	IF NOT FOUND THEN
		why := 'it is not known which server and database this data belongs to';
	ELSIF home.system_identifier <> here THEN
		why := format('this data belongs to another server (system identifier %s, this one is %s)', home.system_identifier, here);
	ELSIF home.database_oid <> base THEN
		why := format('this data belongs to another database of this server (OID %s, this one is %s)', home.database_oid, base);
	ELSIF home.heartbeat_at < clock_timestamp() - interval '3 hours'
		AND (EXISTS (SELECT FROM linecrm_internal.outbox) OR EXISTS (SELECT FROM linecrm_internal.outbox_waiting)) THEN
		why := format('the sender last worked here at %s, and there are unfinished requests of that time', home.heartbeat_at);
	ELSE
		RETURN NULL;
	END IF;
	UPDATE linecrm_internal.channel SET held_reason = 'installation', held_detail = why, held_by = current_user,
		held_at = clock_timestamp()
	-- channels are restored before the installation row may be: the second look knows better why
	WHERE held_reason IS NULL OR (held_reason = 'installation' AND held_detail IS DISTINCT FROM why);
	RETURN why;
END
$$;
COMMENT ON FUNCTION linecrm_internal._check_installation() IS 'why this server must not send the queue, and holds all channels then; empty while there is no channel; NULL if it may send';

CREATE FUNCTION linecrm.adopt_database(queue text) RETURNS text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.adopt_database(text) IS 'after a restore, a copy or a long stop: this server sends from now on. queue: send the unfinished requests, or cancel them';

CREATE FUNCTION linecrm_internal.adopt_database(queue text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	unfinished bigint;
	released bigint;
BEGIN
	IF adopt_database.queue IS NULL OR adopt_database.queue NOT IN ('send', 'cancel') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('queue is send or cancel, not %s', coalesce(quote_literal(adopt_database.queue), 'NULL')),
			DETAIL = 'send goes on with the unfinished requests, which another server may have sent already; cancel gives them up.',
			HINT = 'SELECT linecrm.adopt_database(queue => ''cancel'')';
	END IF;
	IF adopt_database.queue = 'cancel' THEN
		UPDATE linecrm_internal.delivery_campaign SET cancelled_at = clock_timestamp(), cancelled_by = linecrm_internal._caller()
		WHERE finished_at IS NULL AND cancelled_at IS NULL AND failed_at IS NULL AND due_at IS NOT NULL;
		WITH gone AS (
			DELETE FROM linecrm_internal.outbox
			RETURNING request_slot, request_id, channel_id, delivery_slot, delivery_id, attempts, ambiguous_since),
		left_waiting AS (
			DELETE FROM linecrm_internal.outbox_waiting
			RETURNING request_slot, request_id, channel_id, delivery_slot, delivery_id, attempts, ambiguous_since),
		ended AS (
			INSERT INTO linecrm_internal.outcome (slot, request_id, channel_id, delivery_slot, delivery_id, outcome, reason,
				friends, attempts, decided_by)
			SELECT g.request_slot, g.request_id, g.channel_id, g.delivery_slot, g.delivery_id,
				CASE WHEN g.ambiguous_since IS NULL THEN 'cancelled' ELSE 'unknown' END, 'adopted',
				linecrm_internal._people_left(g.request_slot, g.request_id), g.attempts,
				linecrm_internal._caller()
			FROM (SELECT * FROM gone UNION ALL SELECT * FROM left_waiting) AS g
			RETURNING request_id)
		SELECT count(*) INTO unfinished FROM ended;
	ELSE
		SELECT (SELECT count(*) FROM linecrm_internal.outbox) + (SELECT count(*) FROM linecrm_internal.outbox_waiting)
		INTO unfinished;
	END IF;
	INSERT INTO linecrm_internal.installation AS i (system_identifier, database_oid, heartbeat_at, adopted_at, adopted_by)
	SELECT s.system_identifier::text, d.oid::bigint, clock_timestamp(), clock_timestamp(), linecrm_internal._caller()
	FROM pg_control_system() AS s, pg_database AS d WHERE d.datname = current_database()
	ON CONFLICT (installation_id) DO UPDATE SET system_identifier = excluded.system_identifier,
		database_oid = excluded.database_oid, heartbeat_at = excluded.heartbeat_at, adopted_at = excluded.adopted_at,
		adopted_by = excluded.adopted_by;
	UPDATE linecrm_internal.channel SET held_reason = NULL, held_detail = NULL, held_by = NULL, held_at = NULL
	WHERE held_reason = 'installation';
	GET DIAGNOSTICS released = ROW_COUNT;
	PERFORM linecrm_internal._audit('adopt_database', NULL, adopt_database.queue, NULL,
		jsonb_build_object('unfinished_requests', unfinished, 'released_channels', released));
	PERFORM linecrm_internal._wake('sender');
	PERFORM linecrm_internal._wake_outbox(1);
	PERFORM linecrm_internal._wake('planner');
	RETURN format(CASE adopt_database.queue WHEN 'cancel' THEN '%s unfinished requests were cancelled; this server sends from now on'
		ELSE 'this server sends from now on, beginning with %s unfinished requests' END, unfinished);
END
$$;
COMMENT ON FUNCTION linecrm_internal.adopt_database(text) IS 'inner function of linecrm.adopt_database';

/*
 * What the planner calls. Each returns how much it did; 0 is idle.
 */

/*
 * Empties slots of the ring. A slot that is an hour old is emptied when nothing unfinished is in it. When it is about to
 * be used again what is unfinished moves to outbox_waiting, due at once. Never waits for a lock: a dump or a claim that
 * holds one lets it come back at the next turn. And never waits for a standby with the lock in its hands: the sender
 * would stand still.
 */
CREATE FUNCTION linecrm_internal._rotate_turn() RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present integer := linecrm_internal._hour_slot(clock_timestamp());
	age integer;
	unfinished boolean;
	emptied bigint := 0;
BEGIN
	PERFORM set_config('synchronous_commit', 'local', true);
	FOR slot IN 0..7 LOOP
		age := (present - slot + 8) % 8;
		CONTINUE WHEN age = 0 OR age = 7 OR pg_relation_size(format('linecrm_internal.outbox_%s', slot)::regclass) = 0;
		BEGIN
			EXECUTE format('LOCK TABLE ONLY linecrm_internal.outbox_%s IN ACCESS EXCLUSIVE MODE NOWAIT', slot);
			IF age >= 5 THEN
				-- What is leased is in flight, however long ago, or the sender takes it up again by itself.
				EXECUTE format('WITH gone AS (DELETE FROM ONLY linecrm_internal.outbox_%s o WHERE o.epoch IS NULL RETURNING o.*)'
					' INSERT INTO linecrm_internal.outbox_waiting (request_slot, request_id, channel_id, lane, delivery_slot,'
					' delivery_id, due_at, reason, attempts, ambiguous_since)'
					' SELECT request_slot, request_id, channel_id, lane, delivery_slot, delivery_id, clock_timestamp(), ''rotated'','
					' attempts, ambiguous_since FROM gone', slot);
				PERFORM linecrm_internal._wake('sender');
			END IF;
			EXECUTE format('SELECT EXISTS (SELECT FROM ONLY linecrm_internal.outbox_%s)', slot) INTO unfinished;
			IF NOT unfinished THEN
				EXECUTE format('TRUNCATE ONLY linecrm_internal.outbox_%s', slot);
				emptied := emptied + 1;
			END IF;
		EXCEPTION WHEN lock_not_available THEN
			NULL; -- the next turn
		END;
	END LOOP;
	RETURN emptied;
END
$$;
COMMENT ON FUNCTION linecrm_internal._rotate_turn() IS 'empties slots of the outbox ring; moves what is unfinished out of one that is about to be used again';

/*
 * Closes campaigns of which nothing is unfinished, with their totals, which are kept for good while requests are not.
 */
CREATE FUNCTION linecrm_internal._finish_turn() RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done bigint[];
BEGIN
	WITH closed AS (
		UPDATE linecrm_internal.delivery_campaign d SET finished_at = clock_timestamp()
		WHERE d.planned_at IS NOT NULL AND d.finished_at IS NULL
			AND NOT EXISTS (SELECT FROM linecrm_internal.outbox_waiting w WHERE w.delivery_id = d.delivery_id)
			AND NOT EXISTS (SELECT FROM linecrm_internal.outbox o WHERE o.delivery_id = d.delivery_id
				AND o.channel_id = d.channel_id)
		RETURNING d.delivery_id)
	SELECT array_agg(delivery_id) INTO done FROM closed;
	IF done IS NULL THEN
		RETURN 0;
	END IF;
	INSERT INTO linecrm_internal.delivery_total (delivery_id, state, reason, channel_id, friends)
	SELECT o.delivery_id, o.outcome, coalesce(o.reason, ''), o.channel_id, sum(o.friends)
	FROM linecrm_internal.outcome o
	WHERE o.delivery_id = ANY (done) AND o.outcome NOT IN ('split', 'superseded') AND o.friends > 0
	GROUP BY 1, 2, 3, 4
	UNION ALL
	SELECT e.delivery_id, 'excluded', e.reason, e.channel_id, sum(linecrm.cardinality(e.members))
	FROM linecrm_internal.exclusion e
	WHERE e.delivery_id = ANY (done)
	GROUP BY 1, 2, 3, 4
	ON CONFLICT (delivery_id, state, reason) DO UPDATE SET friends = excluded.friends;
	RETURN cardinality(done);
END
$$;
COMMENT ON FUNCTION linecrm_internal._finish_turn() IS 'closes campaigns whose requests are all finished and writes their totals';

/*
 * Channels that LINE's monthly limit holds: the new month (Japanese time) frees them, and so does a quota that has grown
 * or was only reserved by a narrowcast; LINE is asked once an hour, and those questions are not held.
 */
CREATE FUNCTION linecrm_internal._limits_turn() RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	freed bigint;
	asked record;
BEGIN
	UPDATE linecrm_internal.channel c SET held_reason = NULL, held_detail = NULL, held_by = NULL, held_at = NULL
	WHERE c.held_reason IN ('monthly_limit', 'quota_reserved')
		AND (date_trunc('month', c.held_at AT TIME ZONE 'Asia/Tokyo') < date_trunc('month', clock_timestamp() AT TIME ZONE 'Asia/Tokyo')
			OR (c.quota_at > c.held_at AND (c.quota_type = 'none' OR c.quota_used < c.quota_limit)));
	GET DIAGNOSTICS freed = ROW_COUNT;
	IF freed > 0 THEN
		PERFORM linecrm_internal._wake('sender');
	END IF;
	FOR asked IN
		SELECT c.channel_id FROM linecrm_internal.channel c
		WHERE c.held_reason IN ('monthly_limit', 'quota_reserved')
			AND c.held_at < clock_timestamp() - interval '1 minute'
			AND coalesce(c.quota_at, '-infinity') < clock_timestamp() - interval '1 hour'
			AND NOT EXISTS (SELECT FROM linecrm_internal.request r
				WHERE r.channel_id = c.channel_id AND r.kind = 'consumption' AND r.created_at > clock_timestamp() - interval '1 hour'
				AND r.slot IN (linecrm_internal._month_slot(now()), linecrm_internal._month_slot(now() - interval '1 hour')))
	LOOP
		PERFORM linecrm_internal._call_line(asked.channel_id, 'quota');
		PERFORM linecrm_internal._call_line(asked.channel_id, 'consumption');
	END LOOP;
	RETURN freed;
END
$$;
COMMENT ON FUNCTION linecrm_internal._limits_turn() IS 'frees channels from the monthly limit when it no longer holds, and asks LINE about it';

-- CREATE EXTENSION's commit makes the launcher look at this database.
SELECT linecrm_internal._wake('launcher');
