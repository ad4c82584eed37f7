/*
 * 335_completion.sql
 *   Answers of LINE that are more than "done": what the clerk does with them, and the public functions that ask.
 *
 * A finished request whose kind has an answer leaves a row in completion. The clerk calls _complete_KIND for it; a kind
 * without such a function wants no answer. A handler that fails is tried five times, then its row is parked with the
 * error and shown by doctor().
 */

CREATE FUNCTION linecrm_internal._complete_turn() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job record;
	done integer := 0;
BEGIN
	FOR job IN
		SELECT c.slot, c.request_id, c.kind, c.http_status, c.answer FROM linecrm_internal.completion c
		WHERE c.parked_at IS NULL ORDER BY c.created_at, c.request_id LIMIT 100 FOR UPDATE SKIP LOCKED
	LOOP
		done := done + 1;
		BEGIN
			IF to_regprocedure(format('linecrm_internal.%I(bigint,integer,bytea)', '_complete_' || job.kind)) IS NOT NULL THEN
				EXECUTE format('SELECT linecrm_internal.%I($1, $2, $3)', '_complete_' || job.kind)
				USING job.request_id, job.http_status, job.answer;
			END IF;
			DELETE FROM linecrm_internal.completion c WHERE c.slot = job.slot AND c.request_id = job.request_id;
		EXCEPTION WHEN OTHERS THEN
			IF linecrm_internal._is_passing(SQLSTATE) THEN
				RAISE;
			END IF;
			UPDATE linecrm_internal.completion c
			SET tries = c.tries + 1, error = format('%s: %s', SQLSTATE, SQLERRM), parked_at = CASE WHEN c.tries + 1 >= 5 THEN now() END
			WHERE c.slot = job.slot AND c.request_id = job.request_id;
		END;
	END LOOP;
	IF done > 0 THEN
		PERFORM pg_notify('linecrm', 'completion');
	END IF;
	RETURN done;
END
$$;
COMMENT ON FUNCTION linecrm_internal._complete_turn() IS 'one turn of the clerk: up to 100 answers of LINE; returns how many it took';

-- A completion comes soon after its request, so the request is nearly always in the slot of this month or the last.
CREATE FUNCTION linecrm_internal._request(request_id bigint) RETURNS linecrm_internal.request
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	this_month integer := linecrm_internal._month_slot(now());
	found_request linecrm_internal.request;
BEGIN
	FOR back IN 0..14 LOOP
		SELECT r.* INTO found_request FROM linecrm_internal.request r
		WHERE r.slot = (this_month - back + 15) % 15 AND r.request_id = _request.request_id;
		EXIT WHEN found_request.request_id IS NOT NULL;
	END LOOP;
	RETURN found_request;
END
$$;
COMMENT ON FUNCTION linecrm_internal._request(bigint) IS 'a request by its number alone; all NULL when there is none';

CREATE FUNCTION linecrm_internal._complete_profile(request_id bigint, http_status integer, answer bytea) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	fid bigint := (linecrm_internal._request(_complete_profile.request_id)).friend_id;
	said jsonb;
BEGIN
	IF _complete_profile.http_status = 200 THEN
		said := linecrm_internal._event_json(_complete_profile.answer);
		UPDATE linecrm_internal.friend AS f
		SET display_name = said ->> 'displayName', picture_url = said ->> 'pictureUrl', status_message = said ->> 'statusMessage',
			language = said ->> 'language', profile_at = now()
		WHERE f.friend_id = fid;
	ELSIF _complete_profile.http_status = 404 THEN
		-- Blocked, gone, or no consent: what we knew stays, and that we asked is noted.
		UPDATE linecrm_internal.friend AS f SET profile_at = now() WHERE f.friend_id = fid;
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._complete_profile(bigint, integer, bytea) IS 'the answer of kind profile: name, picture, language of a friend';

/* What a channel may send this month. A hold for the monthly limit ends when the quota grew or a new month began. */
CREATE FUNCTION linecrm_internal._set_quota(channel_id bigint, quota_type text, quota_limit bigint, quota_used bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	old linecrm_internal.channel;
	new_type text;
	new_limit bigint;
	new_used bigint;
	freed boolean;
BEGIN
	SELECT c.* INTO old FROM linecrm_internal.channel c WHERE c.channel_id = _set_quota.channel_id FOR UPDATE;
	new_type := coalesce(_set_quota.quota_type, old.quota_type);
	new_limit := CASE WHEN _set_quota.quota_type IS NULL THEN old.quota_limit ELSE _set_quota.quota_limit END;
	new_used := coalesce(_set_quota.quota_used, old.quota_used);
	freed := coalesce(old.held_reason = 'monthly_limit'
		AND (new_type = 'none' OR new_limit > old.quota_limit OR new_used < old.quota_used), false);
	UPDATE linecrm_internal.channel AS c
	SET quota_type = new_type, quota_limit = new_limit, quota_used = new_used, quota_at = now(),
		held_reason = CASE WHEN freed THEN NULL ELSE c.held_reason END,
		held_detail = CASE WHEN freed THEN NULL ELSE c.held_detail END,
		held_by = CASE WHEN freed THEN NULL ELSE c.held_by END,
		held_at = CASE WHEN freed THEN NULL ELSE c.held_at END
	WHERE c.channel_id = _set_quota.channel_id;
	IF freed THEN
		PERFORM linecrm_internal._wake('sender');
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._set_quota(bigint, text, bigint, bigint) IS 'stores what LINE says about quota or usage; NULL is what was not asked';

CREATE FUNCTION linecrm_internal._complete_quota(request_id bigint, http_status integer, answer bytea) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	said jsonb;
BEGIN
	IF _complete_quota.http_status = 200 THEN
		said := linecrm_internal._event_json(_complete_quota.answer);
		PERFORM linecrm_internal._set_quota((linecrm_internal._request(_complete_quota.request_id)).channel_id,
			coalesce(said ->> 'type', 'none'), (said ->> 'value')::bigint, NULL);
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._complete_quota(bigint, integer, bytea) IS 'the answer of kind quota: how many messages a month; type none is without limit';

CREATE FUNCTION linecrm_internal._complete_consumption(request_id bigint, http_status integer, answer bytea) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF _complete_consumption.http_status = 200 THEN
		PERFORM linecrm_internal._set_quota((linecrm_internal._request(_complete_consumption.request_id)).channel_id,
			NULL, NULL, (linecrm_internal._event_json(_complete_consumption.answer) ->> 'totalUsage')::bigint);
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._complete_consumption(bigint, integer, bytea) IS 'the answer of kind consumption: messages used this month';

CREATE FUNCTION linecrm_internal._complete_bot_info(request_id bigint, http_status integer, answer bytea) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := (linecrm_internal._request(_complete_bot_info.request_id)).channel_id;
	said jsonb;
	account linecrm.line_user_id;
	known linecrm_internal.channel;
BEGIN
	IF _complete_bot_info.http_status <> 200 THEN
		RETURN;
	END IF;
	said := linecrm_internal._event_json(_complete_bot_info.answer);
	account := linecrm.try_line_user_id(said ->> 'userId');
	SELECT c.* INTO known FROM linecrm_internal.channel c WHERE c.channel_id = cid;
	IF known.bot_user_id OPERATOR(linecrm.<>) account THEN
		RAISE EXCEPTION USING ERRCODE = 'data_exception',
			MESSAGE = format('the access_token of channel "%s" is of account %s (%s), its webhooks are of %s', known.name,
				account, said ->> 'basicId', known.bot_user_id),
			HINT = format('set the access_token of the same account: SELECT linecrm.set_credential(%L, ''access_token'', ...);', known.name);
	END IF;
	UPDATE linecrm_internal.channel AS c
	SET bot_user_id = coalesce(c.bot_user_id, account), basic_id = said ->> 'basicId', display_name = said ->> 'displayName'
	WHERE c.channel_id = cid;
END
$$;
COMMENT ON FUNCTION linecrm_internal._complete_bot_info(bigint, integer, bytea) IS 'the answer of kind bot_info: which account the access_token belongs to';

CREATE FUNCTION linecrm.refresh_channel(channel text DEFAULT NULL) RETURNS integer
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.refresh_channel(text) IS 'asks LINE for the quota, its use and the account of a channel; the answers arrive in linecrm.channel_status and linecrm.channel. Returns how many requests were queued';

CREATE FUNCTION linecrm_internal.refresh_channel(channel text) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(refresh_channel.channel);
BEGIN
	PERFORM linecrm_internal._call_line(cid, 'quota', lane => 1::smallint);
	PERFORM linecrm_internal._call_line(cid, 'consumption', lane => 1::smallint);
	PERFORM linecrm_internal._call_line(cid, 'bot_info', lane => 1::smallint);
	RETURN 3;
END
$$;
COMMENT ON FUNCTION linecrm_internal.refresh_channel(text) IS 'inner function of linecrm.refresh_channel';

CREATE FUNCTION linecrm.refresh_profile(friend_id bigint) RETURNS bigint
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.refresh_profile(bigint) IS 'asks LINE for name, picture and language of a friend; the answer arrives in linecrm.friend. Returns the number of the request';

CREATE FUNCTION linecrm_internal.refresh_profile(friend_id bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._friend_channel(refresh_profile.friend_id);
BEGIN
	RETURN linecrm_internal._call_line(cid, 'profile', lane => 2::smallint, friend_id => refresh_profile.friend_id, params =>
		(SELECT jsonb_build_object('userId', f.user_id::text) FROM linecrm_internal.friend f WHERE f.friend_id = refresh_profile.friend_id));
END
$$;
COMMENT ON FUNCTION linecrm_internal.refresh_profile(bigint) IS 'inner function of linecrm.refresh_profile';

CREATE FUNCTION linecrm.show_loading(friend_id bigint, seconds integer DEFAULT 20) RETURNS bigint
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.show_loading(bigint, integer) IS 'shows a friend that an answer is being written, for 5 to 60 seconds or until it arrives. Returns the number of the request';

CREATE FUNCTION linecrm_internal.show_loading(friend_id bigint, seconds integer) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._friend_channel(show_loading.friend_id);
BEGIN
	IF show_loading.seconds IS NULL OR show_loading.seconds NOT BETWEEN 5 AND 60 OR show_loading.seconds % 5 <> 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('LINE shows loading for 5, 10, 15 ... 60 seconds, not for %s', coalesce(show_loading.seconds::text, 'NULL')),
			HINT = format('SELECT linecrm.show_loading(%s, 20);', show_loading.friend_id);
	END IF;
	RETURN linecrm_internal._call_line(cid, 'loading', lane => 0::smallint, friend_id => show_loading.friend_id, body =>
		(SELECT format('{"chatId":"%s","loadingSeconds":%s}', f.user_id, show_loading.seconds)
		FROM linecrm_internal.friend f WHERE f.friend_id = show_loading.friend_id));
END
$$;
COMMENT ON FUNCTION linecrm_internal.show_loading(bigint, integer) IS 'inner function of linecrm.show_loading';
