/*
 * 395_push.sql
 *   One message to one person, from the owner's own transaction: commit = will be sent, rollback = never existed.
 *
 * A push never makes that transaction fail because somebody is not linked, has blocked, the message is unknown or
 * something of ours is broken: it leaves a delivery with the reason and a WARNING, unless strict => true. What cannot
 * be forgiven stays an error: rights, and a database that cannot write.
 *
 * Everything that can go wrong is found before anything is written. Only that part runs in an exception block, which
 * then needs no transaction id of its own: a thousand pushes in one transaction do not overflow the cache of
 * subtransactions and slow everybody else down.
 *
 * push reserves no quota: an order's message is not weighed against a campaign.
 */

CREATE FUNCTION linecrm_internal._count_push() RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'linecrm_count_push';
COMMENT ON FUNCTION linecrm_internal._count_push() IS 'how many pushes this transaction has queued, this one included';

CREATE FUNCTION linecrm.push(friend_id bigint, message text DEFAULT NULL, vars jsonb DEFAULT '{}', key text DEFAULT NULL,
	messages jsonb DEFAULT NULL, at linecrm.moment DEFAULT NULL, not_after linecrm.moment DEFAULT NULL,
	class text DEFAULT 'transactional', strict boolean DEFAULT false) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.push(bigint, text, jsonb, text, jsonb, linecrm.moment, linecrm.moment, text, boolean) IS 'sends a message to one friend when this transaction commits; gives the delivery''s number';

CREATE FUNCTION linecrm_internal.push(friend_id bigint, message text, vars jsonb, key text, messages jsonb, at linecrm.moment,
	not_after linecrm.moment, class text, strict boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint;
BEGIN
	SELECT f.channel_id INTO cid FROM linecrm_internal.friend f WHERE f.friend_id = push.friend_id;
	IF cid IS NULL THEN
		cid := linecrm_internal._push_channel(NULL, push.strict);
	ELSE
		PERFORM linecrm_internal._require_channel(cid);
	END IF;
	RETURN linecrm_internal._push(cid, push.friend_id, 'no_friend', jsonb_build_object('friend_id', push.friend_id), push.message,
		push.vars, push.key, push.messages, push.at, push.not_after, push.class, push.strict);
END
$$;
COMMENT ON FUNCTION linecrm_internal.push(bigint, text, jsonb, text, jsonb, linecrm.moment, linecrm.moment, text, boolean) IS 'see linecrm.push';

CREATE FUNCTION linecrm.push_member(member_id text, message text DEFAULT NULL, vars jsonb DEFAULT '{}', key text DEFAULT NULL,
	messages jsonb DEFAULT NULL, at linecrm.moment DEFAULT NULL, not_after linecrm.moment DEFAULT NULL,
	class text DEFAULT 'transactional', strict boolean DEFAULT false, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.push_member(text, text, jsonb, text, jsonb, linecrm.moment, linecrm.moment, text, boolean, text) IS 'push to the friend linked to a member of yours; not linked: nothing is sent, and the delivery says so';

CREATE FUNCTION linecrm_internal.push_member(member_id text, message text, vars jsonb, key text, messages jsonb, at linecrm.moment,
	not_after linecrm.moment, class text, strict boolean, channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._push_channel(push_member.channel, push_member.strict);
BEGIN
	RETURN linecrm_internal._push(cid,
		linecrm_internal._friend_of_member(cid, btrim(push_member.member_id, E' \t\r\n')), 'not_linked',
		jsonb_build_object('member_id', push_member.member_id), push_member.message,
		push_member.vars, push_member.key, push_member.messages, push_member.at, push_member.not_after, push_member.class, push_member.strict);
END
$$;
COMMENT ON FUNCTION linecrm_internal.push_member(text, text, jsonb, text, jsonb, linecrm.moment, linecrm.moment, text, boolean, text) IS 'see linecrm.push_member';

CREATE FUNCTION linecrm.push_member(member anyelement, message text DEFAULT NULL, vars jsonb DEFAULT '{}', key text DEFAULT NULL,
	messages jsonb DEFAULT NULL, at linecrm.moment DEFAULT NULL, not_after linecrm.moment DEFAULT NULL,
	class text DEFAULT 'transactional', strict boolean DEFAULT false, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.push_member(anyelement, text, jsonb, text, jsonb, linecrm.moment, linecrm.moment, text, boolean, text) IS 'push to the friend linked to a member of yours, whatever type its key has';

CREATE FUNCTION linecrm_internal.push_member(member anyelement, message text, vars jsonb, key text, messages jsonb, at linecrm.moment,
	not_after linecrm.moment, class text, strict boolean, channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN linecrm_internal.push_member(linecrm_internal._text_of(push_member.member), push_member.message, push_member.vars, push_member.key,
		push_member.messages, push_member.at, push_member.not_after, push_member.class, push_member.strict, push_member.channel);
END
$$;
COMMENT ON FUNCTION linecrm_internal.push_member(anyelement, text, jsonb, text, jsonb, linecrm.moment, linecrm.moment, text, boolean, text) IS 'see linecrm.push_member';

/* NULL: no channel can be told from the arguments, which is forgiven. That the caller may use none is not. */
CREATE FUNCTION linecrm_internal._push_channel(channel text, strict boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN linecrm_internal._channel_id(_push_channel.channel);
EXCEPTION
	WHEN insufficient_privilege THEN
		RAISE;
	WHEN OTHERS THEN
		IF _push_channel.strict THEN
			RAISE;
		END IF;
		RAISE WARNING 'linecrm push not sent: %', SQLERRM;
		RETURN NULL;
END
$$;
COMMENT ON FUNCTION linecrm_internal._push_channel(text, boolean) IS 'the channel of a push whose friend is not known';

/*
 * The content of a push as final bytes, or why it is not sent. Reads only. Blocked is blocked, but LINE also delivers
 * to somebody who wrote within seven days.
 */
CREATE FUNCTION linecrm_internal._push_content(cid bigint, friend_id bigint, no_friend text, delivery_id bigint, message text, vars jsonb,
	messages jsonb, due_at timestamptz, not_after timestamptz, class text,
	OUT reason text, OUT detail text, OUT body bytea, OUT message_id bigint, OUT message_version integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	who record;
	content jsonb := _push_content.messages;
	problem text[];
BEGIN
	SELECT f.status, f.last_message_at, f.preferences INTO who
	FROM linecrm_internal.friend f WHERE f.friend_id = _push_content.friend_id;
	IF NOT FOUND THEN
		reason := no_friend;
		detail := CASE WHEN no_friend = 'not_linked' THEN 'the member is not linked to a friend'
			ELSE format('there is no friend %s', coalesce(_push_content.friend_id::text, 'NULL')) END;
		RETURN;
	ELSIF who.status = 'blocked' AND coalesce(who.last_message_at < now() - interval '7 days', true) THEN
		reason := 'blocked';
		detail := 'the friend has blocked the account';
		RETURN;
	ELSIF _push_content.class NOT IN ('transactional', 'chat', 'marketing') OR _push_content.class IS NULL THEN
		reason := 'invalid_argument';
		detail := format('class is transactional, chat or marketing, not %s', coalesce(_push_content.class, 'NULL'));
		RETURN;
	ELSIF _push_content.class = 'marketing' AND who.preferences ->> 'marketing' = 'false' THEN
		reason := 'opted_out';
		detail := 'the friend wants no marketing';
		RETURN;
	ELSIF _push_content.not_after <= greatest(_push_content.due_at, clock_timestamp()) THEN
		reason := 'expired';
		detail := format('not_after is %s', to_char(_push_content.not_after, 'YYYY-MM-DD HH24:MI:SS TZH:TZM'));
		RETURN;
	ELSIF num_nonnulls(_push_content.message, _push_content.messages) <> 1 THEN
		reason := 'invalid_argument';
		detail := 'exactly one of message and messages must be given';
		RETURN;
	END IF;
	IF _push_content.message IS NOT NULL THEN
		SELECT m.message_id, m.version, v.messages INTO message_id, message_version, content
		FROM linecrm_internal.message m
		JOIN linecrm_internal.message_version v ON v.message_id = m.message_id AND v.version = m.version
		WHERE m.channel_id = cid AND m.name = btrim(normalize(_push_content.message, NFKC), E' \t\r\n');
		IF NOT FOUND THEN
			reason := 'unknown_message';
			detail := format('there is no message "%s"', _push_content.message);
			RETURN;
		END IF;
	ELSE
		SELECT ARRAY[p.path || ': ' || p.problem] INTO problem FROM linecrm.validate_messages(content) AS p LIMIT 1;
		IF FOUND THEN
			reason := 'invalid_content';
			detail := problem[1];
			RETURN;
		END IF;
	END IF;
	content := linecrm_internal._bind_delivery(content, _push_content.delivery_id);
	body := linecrm_internal._render(content, _push_content.vars);
	IF body IS NULL THEN
		problem := linecrm_internal._render_problem(content, _push_content.vars);
		reason := problem[1];
		detail := CASE WHEN problem[1] = 'missing_value' THEN format('there is no value for {{%s}}', problem[2]) ELSE problem[2] END;
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._push_content(bigint, bigint, text, bigint, text, jsonb, jsonb, timestamptz, timestamptz, text) IS 'what a push sends, or the reason why it sends nothing';

CREATE FUNCTION linecrm_internal._push(cid bigint, friend_id bigint, no_friend text, address jsonb, message text, vars jsonb,
	key text, messages jsonb, at linecrm.moment, not_after linecrm.moment, class text, strict boolean) RETURNS bigint
-- Planning for 15 partitions anew would take longer than all the rest; a generic plan prunes them when it runs.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
	new_id bigint := nextval('linecrm_internal.delivery_id_seq');
	month smallint := linecrm_internal._month_slot(now());
	zone text;
	due timestamptz;
	latest timestamptz;
	clean_key text;
	claimed record;
	found record;
	reason text;
	detail text;
	is_held boolean := false;
	new_content bigint;
	new_request bigint;
BEGIN
	IF cid IS NULL THEN
		RETURN NULL;
	END IF;
	BEGIN
		IF _push.key IS NOT NULL THEN
			clean_key := linecrm_internal._name(_push.key, 'key');
		END IF;
		IF _push.at IS NOT NULL OR _push.not_after IS NOT NULL THEN
			SELECT c.time_zone INTO zone FROM linecrm_internal.channel c WHERE c.channel_id = cid;
			due := linecrm_internal._resolve(_push.at, zone);
			latest := linecrm_internal._resolve(_push.not_after, zone);
		END IF;
		found := linecrm_internal._push_content(cid, _push.friend_id, no_friend, new_id, _push.message, _push.vars, _push.messages,
			due, latest, _push.class);
		reason := found.reason;
		detail := found.detail;
	EXCEPTION WHEN OTHERS THEN
		IF _push.strict THEN
			RAISE;
		END IF;
		reason := CASE SQLSTATE WHEN '22023' THEN 'invalid_argument' ELSE 'error' END;
		detail := SQLERRM;
	END;
	IF clean_key IS NOT NULL THEN
		claimed := linecrm_internal._claim_key(cid, clean_key, address || jsonb_build_object('function', 'push', 'message', _push.message,
			'vars', coalesce(_push.vars, '{}'), 'messages', _push.messages, 'class', _push.class), due, month, new_id);
		IF claimed.same THEN
			RETURN claimed.delivery_id;
		ELSIF claimed.delivery_id IS NOT NULL THEN
			reason := 'key_conflict';
			detail := format('key "%s" was used with other arguments by delivery %s', clean_key, claimed.delivery_id);
			clean_key := NULL;
		END IF;
	END IF;
	IF reason IS NOT NULL THEN
		IF _push.strict THEN
			RAISE EXCEPTION USING ERRCODE = CASE reason WHEN 'key_conflict' THEN 'unique_violation' ELSE 'object_not_in_prerequisite_state' END,
				MESSAGE = format('push not sent: %s', detail), HINT = 'with strict => false a push that cannot be sent is recorded and goes on';
		END IF;
		INSERT INTO linecrm_internal.delivery (slot, delivery_id, channel_id, kind, class, key, friend_id, vars, due_at, not_after, named,
			recipients, requests, reason, detail, created_by, planned_at, finished_at)
		VALUES (month, new_id, cid, 'push', CASE WHEN _push.class IN ('transactional', 'chat', 'marketing') THEN _push.class ELSE 'transactional' END,
			clean_key, _push.friend_id, _push.vars, due, latest, 1, 0, 0, reason, detail, linecrm_internal._caller(),
			clock_timestamp(), clock_timestamp());
		RAISE WARNING 'linecrm push not sent: %', detail USING HINT = format('delivery %s says why; nothing else of this transaction is touched', new_id);
		RETURN new_id;
	END IF;
	is_held := linecrm_internal._push_is_too_many();
	INSERT INTO linecrm_internal.delivery (slot, delivery_id, channel_id, kind, class, key, friend_id, message_id, message_version, messages,
		vars, due_at, not_after, named, recipients, requests, contents, held_reason, held_detail, held_at, created_by, released_at, planned_at)
	VALUES (month, new_id, cid, 'push', _push.class, clean_key, _push.friend_id, found.message_id, found.message_version, _push.messages,
		nullif(_push.vars, '{}'), coalesce(due, now()), latest, 1, 1, 1, 1,
		CASE WHEN is_held THEN 'push_burst' END,
		CASE WHEN is_held THEN format('more than %s pushes by one transaction', current_setting('linecrm.push_burst')) END,
		CASE WHEN is_held THEN clock_timestamp() END, linecrm_internal._caller(), now(), clock_timestamp());
	INSERT INTO linecrm_internal.content (slot, channel_id, body, digest)
	VALUES (month, cid, found.body, sha256(found.body)) RETURNING content_id INTO new_content;
	INSERT INTO linecrm_internal.request (slot, channel_id, delivery_slot, delivery_id, kind, lane, content_slot, content_id, retry_key,
		friend_id, friends, not_after)
	VALUES (month, cid, month, new_id, 'push', linecrm_internal._lane(_push.class), month, new_content, gen_random_uuid(), _push.friend_id, 1, latest)
	RETURNING request_id INTO new_request;
	PERFORM linecrm_internal._enqueue(month, ARRAY[new_request], due);
	RETURN new_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._push(bigint, bigint, text, jsonb, text, jsonb, text, jsonb, linecrm.moment, linecrm.moment, text, boolean) IS 'writes and enqueues one push, or records why not';

/* A slip at the prompt (push over a whole table) is stopped after linecrm.push_burst, with one WARNING. */
CREATE FUNCTION linecrm_internal._push_is_too_many() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	burst bigint := current_setting('linecrm.push_burst')::bigint;
	nth bigint := linecrm_internal._count_push();
BEGIN
	IF nth = burst + 1 THEN
		RAISE WARNING USING MESSAGE = format(linecrm_internal._say('more than %s pushes by one transaction: this one and all further ones are queued but held',
				'1 つのトランザクションで %s 件を超える push です。ここから先は保留されます'), burst),
			HINT = 'SELECT sum(linecrm.resume(delivery_id)) FROM linecrm.delivery_progress WHERE held_reason = ''push_burst'' sends them; linecrm.cancel(...) drops them. For many people use linecrm.deliver(...)';
	END IF;
	RETURN nth > burst;
END
$$;
COMMENT ON FUNCTION linecrm_internal._push_is_too_many() IS 'counts this push; is it beyond linecrm.push_burst?';
