/*
 * 310_credential.sql
 *   Channels by name and their secrets: save_channel, drop_channel, set_credential, hold_channel, resume_channel, view channel.
 *
 * save_channel takes no secret, so that scripts with channels can be kept and shown; set_credential takes nothing else.
 * Sealing and opening is C (src/crm/credential.c); what reaches SQL is sealed.
 */

CREATE FUNCTION linecrm.save_channel(name text, provider text DEFAULT NULL, line_channel_id text DEFAULT NULL,
	time_zone text DEFAULT NULL, plan text DEFAULT NULL, note text DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.save_channel(text, text, text, text, text, text) IS 'creates a channel (one LINE Official Account) or changes what is given of it; returns channel_id. Secrets: set_credential';

CREATE FUNCTION linecrm_internal.save_channel(name text, provider text, line_channel_id text, time_zone text, plan text, note text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	clean text := linecrm_internal._name(save_channel.name, 'channel');
	zone text := nullif(btrim(save_channel.time_zone), '');
	old linecrm_internal.channel;
	new linecrm_internal.channel;
BEGIN
	IF save_channel.line_channel_id !~ '^[0-9]{1,20}$' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('a channel id of LINE is a number, not "%s"', left(save_channel.line_channel_id, 40)),
			HINT = 'it stands in the LINE Developers console under Basic settings, "Channel ID"; secrets go to linecrm.set_credential()';
	END IF;
	IF zone IS NOT NULL THEN
		zone := linecrm_internal._time_zone(zone);
	END IF;

	INSERT INTO linecrm_internal.channel AS c (name, provider, line_channel_id, time_zone, plan, note, created_by)
	VALUES (clean, coalesce(save_channel.provider, clean), save_channel.line_channel_id, coalesce(zone, 'Asia/Tokyo'),
		coalesce(save_channel.plan, 'standard'), save_channel.note, linecrm_internal._caller())
	ON CONFLICT ON CONSTRAINT channel_name_key DO NOTHING
	RETURNING c.* INTO new;
	IF new.channel_id IS NOT NULL THEN
		PERFORM linecrm_internal._require_channel(new.channel_id);
		PERFORM linecrm_internal._register_installation();
		PERFORM linecrm_internal._audit('save_channel', new.channel_id, clean, NULL, NULL);
		PERFORM linecrm_internal._notice(
			format('channel "%1$s" is new. SELECT linecrm.set_credential(%1$L, ''channel_secret'', ...) and SELECT linecrm.set_credential(%1$L, ''access_token'', ...) give it its secrets', clean),
			format('チャネル「%1$s」を作成しました。次に SELECT linecrm.set_credential(%1$L, ''channel_secret'', ...) と SELECT linecrm.set_credential(%1$L, ''access_token'', ...) で認証情報を登録してください', clean));
		RETURN new.channel_id;
	END IF;

	SELECT c.* INTO STRICT old FROM linecrm_internal.channel c WHERE c.name = clean FOR UPDATE;
	PERFORM linecrm_internal._require_channel(old.channel_id);
	UPDATE linecrm_internal.channel AS c
	SET provider = coalesce(save_channel.provider, c.provider), line_channel_id = coalesce(save_channel.line_channel_id, c.line_channel_id),
		time_zone = coalesce(zone, c.time_zone), plan = coalesce(save_channel.plan, c.plan), note = coalesce(save_channel.note, c.note)
	WHERE c.channel_id = old.channel_id
		AND (c.provider, c.line_channel_id, c.time_zone, c.plan, c.note) IS DISTINCT FROM
			(coalesce(save_channel.provider, c.provider), coalesce(save_channel.line_channel_id, c.line_channel_id),
			coalesce(zone, c.time_zone), coalesce(save_channel.plan, c.plan), coalesce(save_channel.note, c.note))
	RETURNING c.* INTO new;
	IF new.channel_id IS NULL THEN
		PERFORM linecrm_internal._notice(format('channel "%s" is so already, nothing was changed', clean),
			format('チャネル「%s」に変更はありません', clean));
	ELSE
		PERFORM linecrm_internal._audit('save_channel', old.channel_id, clean, NULL, jsonb_build_object(
			'before', jsonb_build_object('provider', old.provider, 'line_channel_id', old.line_channel_id,
				'time_zone', old.time_zone, 'plan', old.plan, 'note', old.note)));
		PERFORM linecrm_internal._notice(format('channel "%s" was changed', clean), format('チャネル「%s」を変更しました', clean));
	END IF;
	RETURN old.channel_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal.save_channel(text, text, text, text, text, text) IS 'inner function of linecrm.save_channel';

CREATE FUNCTION linecrm_internal._time_zone(zone text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	known text;
BEGIN
	SELECT z.name INTO known FROM pg_timezone_names z WHERE lower(z.name) = lower(_time_zone.zone) LIMIT 1;
	IF known IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('there is no time zone "%s"', left(_time_zone.zone, 60)),
			DETAIL = 'A channel needs a named zone, not an offset: times of day follow its clock.',
			HINT = coalesce('did you mean ' || (SELECT string_agg(format('"%s"', n), ' or ') FROM
				unnest(linecrm_internal._nearest(left(_time_zone.zone, 60), ARRAY(SELECT z.name FROM pg_timezone_names z
					WHERE z.name !~ '^(posix|right)/' ORDER BY z.name), 2)) AS n) || '?', 'for Japan: ''Asia/Tokyo''');
	END IF;
	RETURN known;
END
$$;
COMMENT ON FUNCTION linecrm_internal._time_zone(text) IS 'the time zone as the server spells it; an error with the nearest names if there is none';

CREATE FUNCTION linecrm.drop_channel(name text) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.drop_channel(text) IS 'removes a channel and its secrets; refused while anything belongs to it';

CREATE FUNCTION linecrm_internal.drop_channel(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint;
	clean text := linecrm_internal._name(drop_channel.name, 'channel');
	users text;
BEGIN
	cid := linecrm_internal._channel_id(clean);
	PERFORM FROM linecrm_internal.channel c WHERE c.channel_id = cid FOR UPDATE;
	SELECT string_agg(u.what, ', ' ORDER BY u.nth) INTO users FROM (
		SELECT 1, 'friends' WHERE EXISTS (SELECT FROM linecrm_internal.friend t WHERE t.channel_id = cid)
		UNION ALL SELECT 2, 'tags' WHERE EXISTS (SELECT FROM linecrm_internal.tag t WHERE t.channel_id = cid)
		UNION ALL SELECT 3, 'segments' WHERE EXISTS (SELECT FROM linecrm_internal.segment t WHERE t.channel_id = cid)
		UNION ALL SELECT 4, 'messages' WHERE EXISTS (SELECT FROM linecrm_internal.message t WHERE t.channel_id = cid)
		UNION ALL SELECT 5, 'stores' WHERE EXISTS (SELECT FROM linecrm_internal.store t WHERE t.channel_id = cid)
		UNION ALL SELECT 6, 'deliveries' WHERE EXISTS (SELECT FROM linecrm_internal.delivery t WHERE t.channel_id = cid)
		UNION ALL SELECT 7, 'requests' WHERE EXISTS (SELECT FROM linecrm_internal.request t WHERE t.channel_id = cid)
		UNION ALL SELECT 8, 'events of webhooks' WHERE EXISTS (SELECT FROM linecrm_internal.inbox t WHERE t.channel_id = cid)
	) AS u (nth, what);
	IF users IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
			MESSAGE = format('channel "%s" is in use', clean),
			DETAIL = format('It has %s.', users),
			HINT = format('to stop it without losing its history: SELECT linecrm.hold_channel(%L);', clean);
	END IF;
	DELETE FROM linecrm_internal.credential c WHERE c.channel_id = cid;
	DELETE FROM linecrm_internal.access a WHERE a.channel_id = cid;
	DELETE FROM linecrm_internal.slow_kind k WHERE k.channel_id = cid;
	DELETE FROM linecrm_internal.channel c WHERE c.channel_id = cid;
	PERFORM linecrm_internal._audit('drop_channel', cid, clean, NULL, NULL);
END
$$;
COMMENT ON FUNCTION linecrm_internal.drop_channel(text) IS 'inner function of linecrm.drop_channel';

CREATE FUNCTION linecrm.set_credential(channel text, kind text, value text) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.set_credential(text, text, text) IS 'seals and stores a secret of a channel: channel_secret, access_token or login_channel_secret. Without typing it: value => pg_read_file(''/path/of/secret'')';

CREATE FUNCTION linecrm_internal.set_credential(channel text, kind text, value text) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_set_credential';
COMMENT ON FUNCTION linecrm_internal.set_credential(text, text, text) IS 'inner function of linecrm.set_credential';

CREATE FUNCTION linecrm_internal._store_credential(channel_id bigint, kind text, sealed bytea, key_id text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	others text;
BEGIN
	INSERT INTO linecrm_internal.credential AS c (channel_id, kind, sealed, key_id, set_by)
	VALUES (_store_credential.channel_id, _store_credential.kind, _store_credential.sealed, _store_credential.key_id, linecrm_internal._caller())
	ON CONFLICT ON CONSTRAINT credential_pkey DO UPDATE
	SET sealed = excluded.sealed, key_id = excluded.key_id, set_at = excluded.set_at, set_by = excluded.set_by;

	-- A new token ends what the lack of one held; a person's hold and the monthly limit stay.
	UPDATE linecrm_internal.channel AS c
	SET credential_version = nextval('linecrm_internal.credential_version_seq'),
		credential_times = c.credential_times || jsonb_build_object(_store_credential.kind, now()),
		held_reason = CASE WHEN ends.hold THEN NULL ELSE c.held_reason END,
		held_detail = CASE WHEN ends.hold THEN NULL ELSE c.held_detail END,
		held_by = CASE WHEN ends.hold THEN NULL ELSE c.held_by END,
		held_at = CASE WHEN ends.hold THEN NULL ELSE c.held_at END
	FROM (SELECT _store_credential.kind = 'access_token' AND h.held_reason = 'token' AS hold
		FROM linecrm_internal.channel h WHERE h.channel_id = _store_credential.channel_id) AS ends
	WHERE c.channel_id = _store_credential.channel_id;
	PERFORM linecrm_internal._audit('set_credential', _store_credential.channel_id, _store_credential.kind, NULL, NULL);
	PERFORM linecrm_internal._wake('sender');

	SELECT string_agg(format('%s of "%s"', o.kind, c.name), ', ' ORDER BY c.name, o.kind) INTO others
	FROM linecrm_internal.credential o JOIN linecrm_internal.channel c ON c.channel_id = o.channel_id
	WHERE o.key_id <> _store_credential.key_id;
	IF others IS NOT NULL THEN
		RAISE WARNING USING MESSAGE = linecrm_internal._say('other credentials are sealed under another key and cannot be opened',
				'別の鍵で暗号化された認証情報があり、復号できません'),
			DETAIL = format('They are: %s.', others),
			HINT = 'set them again too, or put the earlier key file back (linecrm.key_file)';
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._store_credential(bigint, text, bytea, text) IS 'stores a sealed credential, makes processes drop what they keep, ends a hold for want of a token';

CREATE FUNCTION linecrm.hold_channel(name text, note text DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.hold_channel(text, text) IS 'nothing of this channel is sent until resume_channel; what is in flight ends as it ends';

CREATE FUNCTION linecrm_internal.hold_channel(name text, note text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(linecrm_internal._name(hold_channel.name, 'channel'));
	reason text;
BEGIN
	UPDATE linecrm_internal.channel AS c
	SET held_reason = 'person', held_detail = hold_channel.note, held_by = linecrm_internal._caller(), held_at = now()
	WHERE c.channel_id = cid AND c.held_reason IS NULL
	RETURNING c.held_reason INTO reason;
	IF reason IS NULL THEN
		PERFORM linecrm_internal._notice(format('channel "%s" is held already: %s', c.name, c.held_reason),
				format('チャネル「%s」はすでに保留されています: %s', c.name, c.held_reason))
		FROM linecrm_internal.channel c WHERE c.channel_id = cid;
	ELSE
		PERFORM linecrm_internal._audit('hold_channel', cid, hold_channel.name, NULL, NULL);
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal.hold_channel(text, text) IS 'inner function of linecrm.hold_channel';

CREATE FUNCTION linecrm.resume_channel(name text) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.resume_channel(text) IS 'ends a hold that a person or a rule set; other holds end when their cause does';

CREATE FUNCTION linecrm_internal.resume_channel(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(linecrm_internal._name(resume_channel.name, 'channel'));
	held linecrm_internal.channel;
BEGIN
	SELECT c.* INTO STRICT held FROM linecrm_internal.channel c WHERE c.channel_id = cid FOR UPDATE;
	IF held.held_reason IS NULL THEN
		PERFORM linecrm_internal._notice(format('channel "%s" is not held', held.name), format('チャネル「%s」は保留されていません', held.name));
		RETURN;
	ELSIF held.held_reason NOT IN ('person', 'breaker') THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('channel "%s" is held because of its %s, which resume_channel cannot mend', held.name, held.held_reason),
			DETAIL = coalesce(held.held_detail, format('Held since %s.', date_trunc('second', held.held_at))),
			HINT = CASE held.held_reason
				WHEN 'token' THEN format('SELECT linecrm.set_credential(%L, ''access_token'', ...);', held.name)
				WHEN 'installation' THEN 'SELECT linecrm.adopt_database(queue => ''cancel'') gives the unfinished queue up, queue => ''send'' sends it'
				ELSE format('it goes on by itself when the quota allows; SELECT linecrm.refresh_channel(%L); asks LINE now', held.name) END;
	END IF;
	UPDATE linecrm_internal.channel AS c SET held_reason = NULL, held_detail = NULL, held_by = NULL, held_at = NULL
	WHERE c.channel_id = cid;
	PERFORM linecrm_internal._audit('resume_channel', cid, held.name, NULL, jsonb_build_object('held_reason', held.held_reason));
	PERFORM linecrm_internal._wake('sender');
END
$$;
COMMENT ON FUNCTION linecrm_internal.resume_channel(text) IS 'inner function of linecrm.resume_channel';

CREATE VIEW linecrm.channel WITH (security_invoker = true) AS
SELECT c.channel_id, c.name, c.provider, c.line_channel_id, c.basic_id, c.display_name, c.bot_user_id::text AS user_id,
	c.time_zone, c.plan, c.note, c.held_reason, c.held_detail, c.held_by::text AS held_by, c.held_at,
	(c.credential_times ->> 'channel_secret')::timestamptz AS channel_secret_at,
	(c.credential_times ->> 'access_token')::timestamptz AS access_token_at,
	(c.credential_times ->> 'login_channel_secret')::timestamptz AS login_channel_secret_at,
	c.created_at, c.created_by::text AS created_by
FROM linecrm_internal.channel c;
COMMENT ON VIEW linecrm.channel IS 'channels: their LINE account (user_id is the destination of its webhooks), why they are held, and which secrets are set since when, never the secrets';
