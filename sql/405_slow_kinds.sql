/*
 * 405_slow_kinds.sql
 *   What LINE allows only so often an hour (broadcast, narrowcast, statistics, rich menus), and narrowcasts, which LINE
 *   takes first and works off later.
 *
 * The sender's token buckets live in its memory and start empty. For hourly limits that would cost a minute to twenty
 * after each start, so the time of the last request of such a kind is kept here, and the bucket is empty since then.
 *
 * A narrowcast that was accepted is asked after until LINE says that it succeeded or failed; then its outcome says so.
 */
CREATE TABLE linecrm_internal.slow_kind (
	channel_id  bigint NOT NULL,
	kind        text NOT NULL,
	last_at     timestamptz NOT NULL,
	PRIMARY KEY (channel_id, kind)
);
COMMENT ON TABLE linecrm_internal.slow_kind IS 'local: when the last request was sent of each kind that LINE limits by the minute or hour; written by the claim';

CREATE TABLE linecrm_internal.narrowcast (
	line_request_id  text PRIMARY KEY,
	channel_id       bigint NOT NULL,
	slot             smallint NOT NULL,
	request_id       bigint NOT NULL,
	accepted_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE linecrm_internal.narrowcast IS 'local: narrowcasts that LINE has accepted and works off; gone when their end is known';

CREATE FUNCTION linecrm_internal._complete_narrowcast(request_id bigint, http_status integer, answer bytea) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cast_request linecrm_internal.request := linecrm_internal._request(_complete_narrowcast.request_id);
	number text;
BEGIN
	SELECT o.line_request_id INTO number FROM linecrm_internal.outcome o
	WHERE o.slot = cast_request.slot AND o.request_id = cast_request.request_id AND o.outcome = 'accepted';
	IF number IS NULL THEN
		RETURN;
	END IF;
	INSERT INTO linecrm_internal.narrowcast (line_request_id, channel_id, slot, request_id)
	VALUES (number, cast_request.channel_id, cast_request.slot, cast_request.request_id) ON CONFLICT DO NOTHING;
	PERFORM linecrm_internal._call_line(cast_request.channel_id, 'narrowcast_progress', jsonb_build_object('requestId', number),
		lane => 2::smallint, due_at => clock_timestamp() + interval '2 seconds');
END
$$;
COMMENT ON FUNCTION linecrm_internal._complete_narrowcast(bigint, integer, bytea) IS 'an accepted narrowcast: asks LINE what becomes of it';

/* Readable for 14 days; then, or when LINE does not know it, what was accepted stays accepted. */
CREATE FUNCTION linecrm_internal._complete_narrowcast_progress(request_id bigint, http_status integer, answer bytea) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	number text := (linecrm_internal._request(_complete_narrowcast_progress.request_id)).params ->> 'requestId';
	running linecrm_internal.narrowcast;
	said jsonb := '{}';
	phase text;
BEGIN
	SELECT n.* INTO running FROM linecrm_internal.narrowcast n WHERE n.line_request_id = number;
	IF running.line_request_id IS NULL THEN
		RETURN;
	END IF;
	IF _complete_narrowcast_progress.http_status = 200 THEN
		said := linecrm_internal._event_json(_complete_narrowcast_progress.answer);
		phase := said ->> 'phase';
		IF phase IS DISTINCT FROM 'succeeded' AND phase IS DISTINCT FROM 'failed' AND running.accepted_at > now() - interval '13 days' THEN
			-- Soon at first, then seldom: a large one takes its time.
			PERFORM linecrm_internal._call_line(running.channel_id, 'narrowcast_progress', jsonb_build_object('requestId', number),
				lane => 2::smallint, due_at => clock_timestamp() + least(greatest((now() - running.accepted_at) / 2, interval '1 second'), interval '5 minutes'));
			RETURN;
		END IF;
	END IF;
	-- 3 is LINE's late way to say 409: an earlier attempt with this key was accepted.
	UPDATE linecrm_internal.outcome o SET
		outcome = CASE WHEN phase = 'failed' AND said ->> 'errorCode' IS DISTINCT FROM '3' THEN 'rejected' ELSE o.outcome END,
		reason = CASE WHEN phase IS NULL THEN 'progress_unknown' WHEN said ->> 'errorCode' = '3' THEN 'accepted_before' ELSE phase END,
		detail = CASE phase WHEN 'failed' THEN format('errorCode %s: %s', said ->> 'errorCode', said ->> 'failedDescription')
			WHEN 'succeeded' THEN format('%s of %s, %s failed', said ->> 'successCount', said ->> 'targetCount', said ->> 'failureCount')
			ELSE format('LINE answered %s when asked', _complete_narrowcast_progress.http_status) END,
		friends = coalesce((said ->> 'successCount')::integer, 0)
	WHERE o.slot = running.slot AND o.request_id = running.request_id;
	DELETE FROM linecrm_internal.narrowcast n WHERE n.line_request_id = number;
END
$$;
COMMENT ON FUNCTION linecrm_internal._complete_narrowcast_progress(bigint, integer, bytea) IS 'the answer of kind narrowcast_progress: asks again, or writes the end into the narrowcast''s outcome';
