/*
 * 390_delivery.sql
 *   deliver() and the verbs on deliveries.
 */

/*
 * The caller's own key of a delivery. A second caller waits for the first one's commit. delivery_id NULL: the key is now
 * ours; same: the earlier delivery had the same arguments. Times are compared only when the new one lies ahead: programs
 * write at => now(), and a job that is repeated later means the same delivery.
 */
CREATE FUNCTION linecrm_internal._claim_key(cid bigint, key text, arguments jsonb, due_at timestamptz, slot smallint, new_id bigint,
	OUT delivery_id bigint, OUT same boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	argument_digest bytea := sha256(convert_to(jsonb_strip_nulls(arguments)::text, 'UTF8'));
BEGIN
	INSERT INTO linecrm_internal.delivery_key (channel_id, key, delivery_slot, delivery_id, digest)
	VALUES (cid, _claim_key.key, _claim_key.slot, new_id, argument_digest)
	ON CONFLICT DO NOTHING;
	IF FOUND THEN
		same := false;
		RETURN;
	END IF;
	SELECT k.delivery_id, k.digest = argument_digest
			AND (_claim_key.due_at IS NULL OR _claim_key.due_at <= clock_timestamp() OR d.due_at IS NOT DISTINCT FROM _claim_key.due_at)
	INTO STRICT delivery_id, same
	FROM linecrm_internal.delivery_key k
	LEFT JOIN linecrm_internal.delivery d ON d.slot = k.delivery_slot AND d.delivery_id = k.delivery_id
	WHERE k.channel_id = cid AND k.key = _claim_key.key;
END
$$;
COMMENT ON FUNCTION linecrm_internal._claim_key(bigint, text, jsonb, timestamptz, smallint, bigint) IS 'takes a key for a delivery, or says which delivery has it';

CREATE FUNCTION linecrm_internal._delivery(delivery bigint, for_change boolean) RETURNS linecrm_internal.delivery
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery;
BEGIN
	SELECT * INTO d FROM linecrm_internal.delivery x WHERE x.delivery_id = _delivery.delivery;
	IF d.delivery_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('there is no delivery %s', coalesce(_delivery.delivery::text, 'NULL')),
			HINT = 'SELECT * FROM linecrm.delivery_progress shows them';
	END IF;
	PERFORM linecrm_internal._require_channel(d.channel_id);
	IF for_change THEN
		-- Only now that the caller may: otherwise anybody could lock the deliveries of others.
		SELECT * INTO d FROM linecrm_internal.delivery x WHERE x.slot = d.slot AND x.delivery_id = d.delivery_id FOR UPDATE;
	END IF;
	RETURN d;
END
$$;
COMMENT ON FUNCTION linecrm_internal._delivery(bigint, boolean) IS 'a delivery that the caller may use, locked if it is to be changed';

CREATE FUNCTION linecrm_internal._delivery_of_key(key text, channel text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(_delivery_of_key.channel);
	clean text := linecrm_internal._name(coalesce(_delivery_of_key.key, 'NULL'), 'key');
	found_id bigint;
BEGIN
	IF _delivery_of_key.key IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a delivery is named by its number or its key, not by NULL',
			HINT = 'SELECT delivery_id, key FROM linecrm.delivery_progress shows them';
	END IF;
	SELECT k.delivery_id INTO found_id FROM linecrm_internal.delivery_key k WHERE k.channel_id = cid AND k.key = clean;
	IF found_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('there is no delivery with key "%s"', clean),
			HINT = 'SELECT delivery_id, key FROM linecrm.delivery_progress WHERE key IS NOT NULL shows keys';
	END IF;
	RETURN found_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._delivery_of_key(text, text) IS 'the delivery that was made with a key';

/* The row that these arguments of deliver, deliver_to_everyone or preview mean, checked and not written. */
CREATE FUNCTION linecrm_internal._new_delivery(segment text, friends linecrm.friendset, everyone boolean, message text, messages jsonb,
	at linecrm.moment, not_after linecrm.moment, key text, class text, at_most bigint, again_after interval, channel text)
RETURNS linecrm_internal.delivery
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery;
	zone text;
BEGIN
	d.channel_id := linecrm_internal._channel_id(_new_delivery.channel);
	d.delivery_id := 0;
	d.slot := -1;
	d.kind := 'campaign';
	d.attributes := '{}';
	IF everyone THEN
		d.attributes := '{"everyone": true}';
	ELSIF num_nonnulls(_new_delivery.segment, _new_delivery.friends) <> 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'exactly one of segment and friends must be given',
			DETAIL = CASE WHEN _new_delivery.segment IS NULL THEN 'Neither is there: a NULL set of friends is no set. An empty one is nobody.' ELSE 'Both are there.' END,
			HINT = 'segment => ''NAME'', or friends => linecrm.tag_set(''...''); everybody is linecrm.deliver_to_everyone(...)';
	END IF;
	IF num_nonnulls(_new_delivery.message, _new_delivery.messages) <> 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'exactly one of message and messages must be given',
			HINT = 'message => ''NAME'' of a saved one, or messages => linecrm.text_message(''...'')';
	END IF;
	IF _new_delivery.class IS NULL OR _new_delivery.class NOT IN ('marketing', 'transactional', 'chat') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('class is marketing, transactional or chat, not %s', coalesce(quote_literal(_new_delivery.class), 'NULL'));
	ELSIF _new_delivery.at_most < 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('at_most is a number of people, not %s', _new_delivery.at_most);
	ELSIF everyone AND _new_delivery.at_most IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a delivery to everyone needs at_most',
			HINT = 'the first argument is the number of people that you expect at most';
	ELSIF _new_delivery.again_after <= interval '0' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('again_after must be positive, not %s', _new_delivery.again_after);
	END IF;
	d.class := _new_delivery.class;
	d.at_most := _new_delivery.at_most;
	d.again_after := _new_delivery.again_after;
	d.friends := _new_delivery.friends;
	IF _new_delivery.key IS NOT NULL THEN
		d.key := linecrm_internal._name(_new_delivery.key, 'key');
	END IF;
	IF _new_delivery.segment IS NOT NULL THEN
		d.segment_id := linecrm_internal._segment_id(_new_delivery.segment, d.channel_id);
	END IF;
	IF _new_delivery.message IS NOT NULL THEN
		SELECT m.message_id, m.version INTO d.message_id, d.message_version FROM linecrm_internal.message m
		WHERE m.message_id = linecrm_internal._message_id(d.channel_id, _new_delivery.message);
	ELSE
		PERFORM linecrm_internal._check_messages(_new_delivery.messages, 'messages');
		d.messages := _new_delivery.messages;
	END IF;
	d.content_digest := linecrm_internal._content_digest(linecrm_internal._messages_of(d));
	SELECT c.time_zone INTO zone FROM linecrm_internal.channel c WHERE c.channel_id = d.channel_id;
	d.due_at := linecrm_internal._resolve(_new_delivery.at, zone);
	d.not_after := linecrm_internal._resolve(_new_delivery.not_after, zone);
	IF d.not_after <= greatest(d.due_at, clock_timestamp()) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('not_after is %s, before the delivery could start', to_char(d.not_after AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI:SS')),
			DETAIL = format('It would start at %s (%s).', to_char(greatest(d.due_at, clock_timestamp()) AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI:SS'), zone);
	END IF;
	RETURN d;
END
$$;
COMMENT ON FUNCTION linecrm_internal._new_delivery(text, linecrm.friendset, boolean, text, jsonb, linecrm.moment, linecrm.moment, text, text, bigint, interval, text) IS 'arguments of deliver, checked, as the row they would make';

CREATE FUNCTION linecrm.deliver(segment text DEFAULT NULL, friends linecrm.friendset DEFAULT NULL, message text DEFAULT NULL,
	messages jsonb DEFAULT NULL, at linecrm.moment DEFAULT NULL, not_after linecrm.moment DEFAULT NULL, key text DEFAULT NULL,
	class text DEFAULT 'marketing', at_most bigint DEFAULT NULL, again_after interval DEFAULT NULL, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.deliver(text, linecrm.friendset, text, jsonb, linecrm.moment, linecrm.moment, text, text, bigint, interval, text) IS 'sends a message to a segment or a set: without at a draft, with at => now() when this transaction commits, later when it is due; gives the delivery''s number';

CREATE FUNCTION linecrm_internal.deliver(segment text, friends linecrm.friendset, message text, messages jsonb, at linecrm.moment,
	not_after linecrm.moment, key text, class text, at_most bigint, again_after interval, channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN linecrm_internal._deliver(linecrm_internal._new_delivery(deliver.segment, deliver.friends, false, deliver.message, deliver.messages,
		deliver.at, deliver.not_after, deliver.key, deliver.class, deliver.at_most, deliver.again_after, deliver.channel));
END
$$;
COMMENT ON FUNCTION linecrm_internal.deliver(text, linecrm.friendset, text, jsonb, linecrm.moment, linecrm.moment, text, text, bigint, interval, text) IS 'see linecrm.deliver';

CREATE FUNCTION linecrm.deliver_to_everyone(at_most bigint, message text DEFAULT NULL, messages jsonb DEFAULT NULL,
	at linecrm.moment DEFAULT NULL, not_after linecrm.moment DEFAULT NULL, key text DEFAULT NULL, class text DEFAULT 'marketing',
	again_after interval DEFAULT NULL, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.deliver_to_everyone(bigint, text, jsonb, linecrm.moment, linecrm.moment, text, text, interval, text) IS 'deliver to every friend of the channel; a function of its own, so that nobody does it by leaving something out';

CREATE FUNCTION linecrm_internal.deliver_to_everyone(at_most bigint, message text, messages jsonb, at linecrm.moment, not_after linecrm.moment,
	key text, class text, again_after interval, channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN linecrm_internal._deliver(linecrm_internal._new_delivery(NULL, NULL, true, deliver_to_everyone.message, deliver_to_everyone.messages,
		deliver_to_everyone.at, deliver_to_everyone.not_after, deliver_to_everyone.key, deliver_to_everyone.class, deliver_to_everyone.at_most,
		deliver_to_everyone.again_after, deliver_to_everyone.channel));
END
$$;
COMMENT ON FUNCTION linecrm_internal.deliver_to_everyone(bigint, text, jsonb, linecrm.moment, linecrm.moment, text, text, interval, text) IS 'see linecrm.deliver_to_everyone';

CREATE FUNCTION linecrm_internal._deliver(d linecrm_internal.delivery) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now_due boolean := d.due_at <= clock_timestamp();
	claimed record;
BEGIN
	d.delivery_id := nextval('linecrm_internal.delivery_id_seq');
	IF d.key IS NOT NULL THEN
		claimed := linecrm_internal._claim_key(d.channel_id, d.key, jsonb_build_object('function', 'deliver', 'segment', d.segment_id,
			'friends', encode(sha256(d.friends::bytea), 'hex'), 'everyone', d.attributes -> 'everyone', 'message', d.message_id, 'messages', d.messages,
			'class', d.class, 'at_most', d.at_most, 'again_after', d.again_after, 'draft', d.due_at IS NULL), d.due_at, d.slot, d.delivery_id);
		IF claimed.same THEN
			PERFORM linecrm_internal._notice(format('delivery %s was made with this key before; nothing new is sent', claimed.delivery_id),
				format('このキーの配信はすでにあります: %s。新たな送信はありません', claimed.delivery_id));
			RETURN claimed.delivery_id;
		ELSIF claimed.delivery_id IS NOT NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'unique_violation',
				MESSAGE = format('key "%s" was used with other arguments by delivery %s', d.key, claimed.delivery_id),
				HINT = format('take another key, or SELECT * FROM linecrm.delivery_progress WHERE delivery_id = %s', claimed.delivery_id);
		END IF;
	END IF;
	IF NOT now_due THEN
		PERFORM linecrm_internal._check_scheduled(d);
	END IF;
	INSERT INTO linecrm_internal.delivery (slot, delivery_id, channel_id, kind, class, key, segment_id, friends, message_id, message_version,
		messages, content_digest, due_at, not_after, at_most, again_after, created_by, released_at, released_by, attributes)
	VALUES (d.slot, d.delivery_id, d.channel_id, d.kind, d.class, d.key, d.segment_id, d.friends, d.message_id, d.message_version,
		d.messages, d.content_digest, d.due_at, d.not_after, d.at_most, d.again_after, linecrm_internal._caller(),
		CASE WHEN d.due_at IS NOT NULL THEN now() END, CASE WHEN d.due_at IS NOT NULL THEN linecrm_internal._caller() END, d.attributes);
	IF now_due THEN
		PERFORM linecrm_internal._plan_delivery(d.delivery_id, true);
	ELSIF d.due_at IS NOT NULL THEN
		PERFORM linecrm_internal._wake('planner');
	END IF;
	PERFORM linecrm_internal._audit('deliver', d.channel_id, d.delivery_id::text,
		(SELECT c.recipients FROM linecrm_internal.delivery_campaign c WHERE c.delivery_id = d.delivery_id),
		jsonb_strip_nulls(jsonb_build_object('key', d.key, 'due_at', d.due_at, 'at_most', d.at_most)));
	PERFORM linecrm_internal._tell_delivery(d.delivery_id);
	RETURN d.delivery_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._deliver(linecrm_internal.delivery) IS 'writes a delivery as draft, scheduled or planned at once';

/* What can be known of a delivery before it is planned: refused now rather than held in the night. */
CREATE FUNCTION linecrm_internal._check_scheduled(d linecrm_internal.delivery) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	large bigint := current_setting('linecrm.confirm_above')::bigint;
	people bigint := linecrm.cardinality(d.friends);
	twin bigint;
BEGIN
	IF d.due_at IS NULL THEN
		RETURN;
	END IF;
	IF d.class = 'marketing' AND d.at_most IS NULL AND people > large THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('not scheduled: %s people; above %s a marketing delivery needs at_most', linecrm_internal._figure(people), linecrm_internal._figure(large)),
			HINT = format('add at_most => %s', people);
	END IF;
	IF d.key IS NULL THEN
		PERFORM linecrm_internal._lock_planning(d.channel_id);
		SELECT c.delivery_id INTO twin FROM linecrm_internal.delivery_campaign c
		WHERE c.channel_id = d.channel_id AND c.content_digest = d.content_digest AND c.due_at IS NOT NULL
			AND c.planned_at IS NULL AND c.cancelled_at IS NULL AND c.failed_at IS NULL AND c.finished_at IS NULL
			AND c.due_at > d.due_at - interval '24 hours' AND c.due_at < d.due_at + interval '24 hours'
			AND c.segment_id IS NOT DISTINCT FROM d.segment_id
			AND (c.friends IS NULL AND d.friends IS NULL OR c.friends OPERATOR(linecrm.=) d.friends)
			AND c.attributes -> 'everyone' IS NOT DISTINCT FROM d.attributes -> 'everyone'
		LIMIT 1;
		IF twin IS NOT NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('not scheduled: delivery %s is scheduled to send the same message to the same audience within 24 hours', twin),
				HINT = 'give a key => ''...'' to say that it is meant';
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._check_scheduled(linecrm_internal.delivery) IS 'refuses what would be held for certain when it falls due';

/* Tells what will happen and which statement comes next. */
CREATE FUNCTION linecrm_internal._tell_delivery(delivery_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	d linecrm_internal.delivery;
	n text := _tell_delivery.delivery_id::text;
	zone text;
	again text;
BEGIN
	SELECT * INTO d FROM linecrm_internal.delivery_campaign c WHERE c.delivery_id = _tell_delivery.delivery_id;
	SELECT c.time_zone INTO zone FROM linecrm_internal.channel c WHERE c.channel_id = d.channel_id;
	IF d.held_reason IS NOT NULL THEN
		again := CASE d.held_reason WHEN 'at_most' THEN format('%s, at_most => %s', n, d.recipients) ELSE n END;
		PERFORM linecrm_internal._notice(
			format('delivery %s is held and nobody gets it: %s. SELECT linecrm.release(%s) plans it again, SELECT linecrm.cancel(%s) drops it', n, d.held_detail, again, n),
			format('配信 %s は保留され、誰にも送られません: %s。SELECT linecrm.release(%s) でやり直し、SELECT linecrm.cancel(%s) で取りやめます', n, d.held_detail, again, n));
	ELSIF d.due_at IS NULL THEN
		PERFORM linecrm_internal._notice(
			format('delivery %s is a draft and sends nothing. SELECT * FROM linecrm.preview_delivery(%s) shows what it would do, SELECT linecrm.release(%s) sends it', n, n, n),
			format('配信 %s は下書きです。まだ送られません。SELECT * FROM linecrm.preview_delivery(%s) で確認し、SELECT linecrm.release(%s) で送信します', n, n, n));
	ELSIF d.finished_at IS NOT NULL THEN
		PERFORM linecrm_internal._notice(
			CASE WHEN d.named = 0 THEN format('delivery %s is finished: the audience is empty, nobody gets it', n)
				ELSE format('delivery %s is finished: of %s named nobody can be sent to. SELECT * FROM linecrm.delivery_outcome WHERE delivery_id = %s says why', n, linecrm_internal._figure(d.named), n) END,
			CASE WHEN d.named = 0 THEN format('配信 %s は完了しました: 対象者がいません', n)
				ELSE format('配信 %s は完了しました: 対象 %s 人のうち送信できる人がいません。理由は SELECT * FROM linecrm.delivery_outcome WHERE delivery_id = %s', n, linecrm_internal._figure(d.named), n) END);
	ELSIF d.planned_at IS NULL THEN
		PERFORM linecrm_internal._notice(
			format('delivery %s is scheduled for %s (%s); who gets it is decided then. SELECT * FROM linecrm.preview_delivery(%s) shows it as of now, SELECT linecrm.cancel(%s) stops it',
				n, to_char(d.due_at AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI:SS'), zone, n, n),
			format('配信 %s を %s (%s) に予約しました。対象者はその時に決まります。SELECT * FROM linecrm.preview_delivery(%s) で確認、SELECT linecrm.cancel(%s) で中止できます',
				n, to_char(d.due_at AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI:SS'), zone, n, n));
	ELSE
		PERFORM linecrm_internal._notice(
			format('delivery %s goes to %s of %s people (requests: %s), %s. SELECT linecrm.cancel(%s) stops what is not sent yet, SELECT * FROM linecrm.delivery_progress WHERE delivery_id = %s shows how far it is',
				n, linecrm_internal._figure(d.recipients), linecrm_internal._figure(d.named), linecrm_internal._figure(d.requests),
				CASE WHEN d.due_at > clock_timestamp() THEN format('starting in %s seconds', ceil(extract(epoch FROM d.due_at - clock_timestamp()))) ELSE 'starting at commit' END, n, n),
			format('配信 %s: 対象 %s 人中 %s 人に %s リクエストで送ります (%s)。SELECT linecrm.cancel(%s) で未送信分を中止、SELECT * FROM linecrm.delivery_progress WHERE delivery_id = %s で進み具合がわかります',
				n, linecrm_internal._figure(d.named), linecrm_internal._figure(d.recipients), linecrm_internal._figure(d.requests),
				CASE WHEN d.due_at > clock_timestamp() THEN format('%s 秒後に開始', ceil(extract(epoch FROM d.due_at - clock_timestamp()))) ELSE 'コミット時に開始' END, n, n));
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._tell_delivery(bigint) IS 'a NOTICE about what a delivery will do';

/* A campaign from which nobody gets anything is finished as it is planned. */
CREATE FUNCTION linecrm_internal._finish_delivery(delivery_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE linecrm_internal.delivery_campaign d SET finished_at = clock_timestamp() WHERE d.delivery_id = _finish_delivery.delivery_id;
	INSERT INTO linecrm_internal.delivery_total (delivery_id, state, reason, channel_id, friends)
	SELECT x.delivery_id, 'excluded', x.reason, x.channel_id, sum(linecrm.cardinality(x.members))
	FROM linecrm_internal.exclusion x WHERE x.delivery_id = _finish_delivery.delivery_id
	GROUP BY 1, 2, 3, 4;
END
$$;
COMMENT ON FUNCTION linecrm_internal._finish_delivery(bigint) IS 'closes a campaign that has no requests';

/*
 * The planner's turn: one scheduled delivery that fell due, in a transaction of its own. Whatever goes wrong holds that
 * delivery with the error and does not stop the others.
 */
CREATE FUNCTION linecrm_internal._plan_due_turn() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	due_id bigint;
	problem text;
BEGIN
	SELECT d.delivery_id INTO due_id FROM linecrm_internal.delivery_campaign d
	WHERE d.due_at <= clock_timestamp() AND d.held_reason IS NULL
		AND d.planned_at IS NULL AND d.cancelled_at IS NULL AND d.failed_at IS NULL AND d.finished_at IS NULL
	ORDER BY d.due_at LIMIT 1
	FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN 0;
	END IF;
	BEGIN
		PERFORM linecrm_internal._plan_delivery(due_id, false);
	EXCEPTION
		WHEN query_canceled OR OTHERS THEN
			GET STACKED DIAGNOSTICS problem = PG_EXCEPTION_DETAIL;
			UPDATE linecrm_internal.delivery_campaign d SET held_reason = 'segment_failed',
				held_detail = SQLERRM || CASE WHEN problem <> '' THEN E'\n' || problem ELSE '' END, held_at = clock_timestamp()
			WHERE d.delivery_id = due_id;
	END;
	RETURN 1;
END
$$;
COMMENT ON FUNCTION linecrm_internal._plan_due_turn() IS 'plans the next scheduled delivery that is due; how many that were';

CREATE FUNCTION linecrm_internal._next_due() RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT min(d.due_at) FROM linecrm_internal.delivery_campaign d
		WHERE d.held_reason IS NULL
			AND d.planned_at IS NULL AND d.cancelled_at IS NULL AND d.failed_at IS NULL AND d.finished_at IS NULL);
END
$$;
COMMENT ON FUNCTION linecrm_internal._next_due() IS 'when the next scheduled delivery falls due; NULL: none';
