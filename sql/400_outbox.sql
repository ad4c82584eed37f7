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

-- What arrived since the sender last looked is read by id alone, over all channels.
CREATE INDEX outbox_outbox_id_idx ON linecrm_internal.outbox (outbox_id);

CREATE FUNCTION linecrm_internal._wake(worker text) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'linecrm_wake';
COMMENT ON FUNCTION linecrm_internal._wake(text) IS 'wakes sender, clerk, planner or launcher when this transaction commits';

CREATE FUNCTION linecrm_internal._wake_outbox(lowest bigint) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'linecrm_wake_outbox';
COMMENT ON FUNCTION linecrm_internal._wake_outbox(bigint) IS 'wakes the sender at commit and tells it the smallest outbox id that this statement drew';

CREATE FUNCTION linecrm_internal._worker_status(
	OUT database oid, OUT worker text, OUT state text, OUT pid integer,
	OUT started_at timestamptz, OUT start_after timestamptz, OUT active_at timestamptz, OUT doing text,
	OUT failures integer, OUT error_at timestamptz, OUT error text,
	OUT requests bigint, OUT finished bigint, OUT retried bigint, OUT throttled bigint, OUT in_flight integer,
	OUT owner oid) RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_worker_status';
COMMENT ON FUNCTION linecrm_internal._worker_status() IS 'one row a worker that the launcher knows, in all databases; none: the library is not in shared_preload_libraries';

/*
 * Puts requests that this transaction wrote into the queue, in the order of their numbers, and returns how many.
 * due_at in the future: they wait until then. The transaction id is taken before the first outbox id is drawn: the
 * sender relies on it to know when every id below a given one has been decided (src/worker/arrival.c).
 */
CREATE FUNCTION linecrm_internal._enqueue(request_slot smallint, request_ids bigint[], due_at timestamptz DEFAULT NULL) RETURNS bigint
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
		SELECT r.slot, r.request_id, r.channel_id, r.lane, r.delivery_slot, r.delivery_id, _enqueue.due_at, 'scheduled'
		FROM linecrm_internal.request r
		WHERE r.slot = _enqueue.request_slot AND r.request_id = ANY (_enqueue.request_ids);
		GET DIAGNOSTICS queued = ROW_COUNT;
		PERFORM linecrm_internal._wake('sender');
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
COMMENT ON FUNCTION linecrm_internal._enqueue(smallint, bigint[], timestamptz) IS 'puts written requests into the queue; returns how many';

/*
 * One request that is no message to anybody's recipients: profile, quota, loading... params fill the path; a body, where
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
		(slot, channel_id, kind, lane, content_slot, content_id, friend_id, friends, params)
	VALUES (month, _call_line.channel_id, _call_line.kind, _call_line.lane,
		CASE WHEN content IS NOT NULL THEN month END, content, _call_line.friend_id, 0, nullif(_call_line.params, '{}'))
	RETURNING request_id INTO request;
	PERFORM linecrm_internal._enqueue(month, ARRAY[request], _call_line.due_at);
	RETURN request;
END
$$;
COMMENT ON FUNCTION linecrm_internal._call_line(bigint, text, jsonb, text, smallint, bigint, timestamptz) IS 'queues one request other than a message, such as profile or quota; returns its number';

-- CREATE EXTENSION's commit makes the launcher look at this database.
SELECT linecrm_internal._wake('launcher');
