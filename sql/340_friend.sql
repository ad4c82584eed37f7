/*
 * 340_friend.sql
 *   Friends: the one owner of friend_directory, import, look-up by user id, nickname, and being forgotten.
 *
 * A friend_id is drawn only for a user id that the directory lacks. Whoever writes rows per friend (tags, links) holds
 * _people_lock() of the channel shared until its transaction ends; forget_friend holds it alone, so that nothing about
 * a person can be written behind its back.
 */

CREATE FUNCTION linecrm_internal._lock_key(what text, id bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT hashtextextended('linecrm ' || _lock_key.what || ' ' || _lock_key.id, 0);
END;
COMMENT ON FUNCTION linecrm_internal._lock_key(text, bigint) IS 'key of the advisory lock on one thing';

CREATE FUNCTION linecrm_internal._people_lock(channel_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(linecrm_internal._lock_key('people', _people_lock.channel_id));
END
$$;
COMMENT ON FUNCTION linecrm_internal._people_lock(bigint) IS 'held shared by all that write tags and links of a channel; forget_friend takes it alone';

/* After waiting for writers, their rows must be seen: an older snapshot would leave them behind as orphans. */
CREATE FUNCTION linecrm_internal._require_fresh_snapshot(what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		RAISE EXCEPTION USING ERRCODE = 'active_sql_transaction',
			MESSAGE = format('%s must run at isolation level read committed, not %s', what, current_setting('transaction_isolation')),
			DETAIL = 'With an older snapshot, what others wrote meanwhile would be left behind.',
			HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED';
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._require_fresh_snapshot(text) IS 'an error in repeatable read and serializable transactions';

/*
 * An old snapshot still shows a friend who was forgotten meanwhile: only the rows themselves can tell, by a serialization
 * error. At read committed, _people_lock() and a look afterwards are enough.
 */
CREATE FUNCTION linecrm_internal._hold_friends(members linecrm.friendset) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		PERFORM FROM linecrm_internal.friend f
		WHERE f.friend_id IN (SELECT linecrm.friend_ids(_hold_friends.members)) FOR KEY SHARE;
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._hold_friends(linecrm.friendset) IS 'at repeatable read and serializable: an error if one of the friends has been forgotten since the snapshot';

/*
 * Creates what is missing and says how many. The directory decides: whoever inserts a user id there first owns the
 * friend, a concurrent caller waits for it and then finds it. Ascending order, so that two callers cannot deadlock.
 */
CREATE FUNCTION linecrm_internal._create_friends(channel_id bigint, user_ids linecrm.line_user_id[], origin text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	new_users linecrm.line_user_id[];
	new_friends bigint[];
BEGIN
	WITH drawn AS (
		INSERT INTO linecrm_internal.friend_directory AS directory (channel_id, user_id, friend_id)
		SELECT _create_friends.channel_id, lacking.user_id, nextval('linecrm_internal.friend_id_seq')
		FROM (
			SELECT DISTINCT given.user_id
			FROM unnest(_create_friends.user_ids) AS given (user_id)
			LEFT JOIN linecrm_internal.friend_directory known
				ON known.channel_id = _create_friends.channel_id AND known.user_id OPERATOR(linecrm.=) given.user_id
			WHERE given.user_id IS NOT NULL AND known.friend_id IS NULL
			ORDER BY given.user_id) AS lacking
		ON CONFLICT ON CONSTRAINT friend_directory_pkey DO NOTHING
		RETURNING directory.user_id, directory.friend_id)
	SELECT array_agg(drawn.user_id), array_agg(drawn.friend_id) INTO new_users, new_friends FROM drawn;

	IF new_users IS NULL THEN
		RETURN 0;
	END IF;
	INSERT INTO linecrm_internal.friend (friend_id, channel_id, user_id, origin)
	SELECT made.friend_id, _create_friends.channel_id, made.user_id, _create_friends.origin
	FROM unnest(new_users, new_friends) AS made (user_id, friend_id);
	RETURN cardinality(new_users);
END
$$;
COMMENT ON FUNCTION linecrm_internal._create_friends(bigint, linecrm.line_user_id[], text) IS 'creates friends for the user ids that have none (status unknown) and returns how many; the only writer of friend_directory besides forget_friend';

CREATE FUNCTION linecrm_internal._friends_of_users(channel_id bigint, user_ids linecrm.line_user_id[], origin text)
RETURNS TABLE (user_id linecrm.line_user_id, friend_id bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM linecrm_internal._create_friends(_friends_of_users.channel_id, _friends_of_users.user_ids, _friends_of_users.origin);
	RETURN QUERY
		SELECT d.user_id, d.friend_id FROM linecrm_internal.friend_directory d
		WHERE d.channel_id = _friends_of_users.channel_id
			AND d.user_id OPERATOR(linecrm.=) ANY (_friends_of_users.user_ids);
END
$$;
COMMENT ON FUNCTION linecrm_internal._friends_of_users(bigint, linecrm.line_user_id[], text) IS 'one row for each different user id: its friend, made now if there was none; origin is where we learnt of the person: webhook, import, followers';

CREATE FUNCTION linecrm_internal._friend_channel(friend_id bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_id bigint;
BEGIN
	SELECT f.channel_id INTO found_id FROM linecrm_internal.friend f WHERE f.friend_id = _friend_channel.friend_id;
	IF found_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'no_data_found',
			MESSAGE = format('there is no friend %s', coalesce(_friend_channel.friend_id::text, 'NULL')),
			HINT = 'linecrm.friend lists them; linecrm.friend_of_user(...) and linecrm.friend_of_member(...) find one';
	END IF;
	PERFORM linecrm_internal._require_channel(found_id);
	RETURN found_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._friend_channel(bigint) IS 'the channel of a friend, which the caller must be allowed to use; an error when there is no such friend';

CREATE FUNCTION linecrm.import_friends(user_ids linecrm.line_user_id[], channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.import_friends(linecrm.line_user_id[], text) IS 'makes friends known by their LINE user ids (status unknown until LINE says more); returns how many are new';

CREATE FUNCTION linecrm_internal.import_friends(user_ids linecrm.line_user_id[], channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(import_friends.channel);
	created bigint;
BEGIN
	IF import_friends.user_ids IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'import_friends needs an array of user ids, this one is NULL',
			HINT = 'an aggregate over no rows gives NULL: write coalesce(array_agg(...), ''{}'')';
	END IF;
	created := linecrm_internal._create_friends(cid, import_friends.user_ids, 'import');
	PERFORM linecrm_internal._audit('import_friends', cid, NULL, created, jsonb_build_object('given', cardinality(import_friends.user_ids)));
	RETURN created;
END
$$;
COMMENT ON FUNCTION linecrm_internal.import_friends(linecrm.line_user_id[], text) IS 'inner side of linecrm.import_friends';

CREATE FUNCTION linecrm.friend_of_user(user_id linecrm.line_user_id, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.friend_of_user(linecrm.line_user_id, text) IS 'the friend with this LINE user id, or NULL';

CREATE FUNCTION linecrm_internal.friend_of_user(user_id linecrm.line_user_id, channel text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(friend_of_user.channel);
BEGIN
	RETURN (SELECT d.friend_id FROM linecrm_internal.friend_directory d
		WHERE d.channel_id = cid AND d.user_id OPERATOR(linecrm.=) friend_of_user.user_id);
END
$$;
COMMENT ON FUNCTION linecrm_internal.friend_of_user(linecrm.line_user_id, text) IS 'inner side of linecrm.friend_of_user';

CREATE FUNCTION linecrm.set_nickname(friend_id bigint, nickname text) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.set_nickname(bigint, text) IS 'what staff call this friend; NULL or empty removes it';

CREATE FUNCTION linecrm_internal.set_nickname(friend_id bigint, nickname text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	clean text := nullif(btrim(set_nickname.nickname, E' \t\r\n　'), '');
BEGIN
	PERFORM linecrm_internal._friend_channel(set_nickname.friend_id);
	IF char_length(clean) > 100 THEN
		RAISE EXCEPTION USING ERRCODE = 'string_data_right_truncation',
			MESSAGE = format('a nickname has at most 100 characters, this one has %s', char_length(clean));
	END IF;
	UPDATE linecrm_internal.friend f SET nickname = clean
	WHERE f.friend_id = set_nickname.friend_id AND f.nickname IS DISTINCT FROM clean;
END
$$;
COMMENT ON FUNCTION linecrm_internal.set_nickname(bigint, text) IS 'inner side of linecrm.set_nickname';

CREATE FUNCTION linecrm.forget_friend(friend_id bigint) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.forget_friend(bigint) IS 'forgets a person: user id, profile, tags, link, taps, raw events and texts are gone for good; counts stay. There is no way back';

/*
 * What stays: friend_id in sets of past deliveries, friend_status and the audit line, none of which name a person; the
 * number is never used again. A request that is still queued ends at its claim, because the claim finds no user id.
 */
CREATE FUNCTION linecrm_internal.forget_friend(friend_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._friend_channel(forget_friend.friend_id);
	person linecrm.line_user_id;
BEGIN
	PERFORM linecrm_internal._require_fresh_snapshot('forget_friend');
	PERFORM pg_advisory_xact_lock(linecrm_internal._lock_key('people', cid));
	DELETE FROM linecrm_internal.friend f WHERE f.friend_id = forget_friend.friend_id RETURNING f.user_id INTO person;
	IF person IS NULL THEN
		RETURN;
	END IF;
	DELETE FROM linecrm_internal.friend_directory d WHERE d.channel_id = cid AND d.user_id OPERATOR(linecrm.=) person;
	PERFORM linecrm_internal._forget_tags(forget_friend.friend_id);
	PERFORM linecrm_internal._forget_links(forget_friend.friend_id, cid);
	DELETE FROM linecrm_internal.tap t WHERE t.friend_id = forget_friend.friend_id;
	PERFORM linecrm_internal._forget_events(cid, person);
	PERFORM linecrm_internal._forget_texts(cid, forget_friend.friend_id);
	PERFORM linecrm_internal._audit('forget_friend', cid, forget_friend.friend_id::text, 1, NULL);
END
$$;
COMMENT ON FUNCTION linecrm_internal.forget_friend(bigint) IS 'inner side of linecrm.forget_friend';

/* An event of the person's own is emptied and not worked on any more; in another's event (a group) only the id goes. */
CREATE FUNCTION linecrm_internal._forget_events(channel_id bigint, person linecrm.line_user_id) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	written text := _forget_events.person::text;
	nobody text := 'U' || repeat('0', 32);
BEGIN
	WITH emptied AS (
		UPDATE linecrm_internal.inbox i SET raw = '{}', user_id = NULL
		WHERE i.channel_id = _forget_events.channel_id AND i.user_id OPERATOR(linecrm.=) _forget_events.person
		RETURNING i.slot, i.channel_id, i.webhook_event_id, i.event_at, i.inbox_id),
	waiting AS (
		DELETE FROM linecrm_internal.inbox_waiting w USING emptied e
		WHERE w.channel_id = e.channel_id AND w.event_at = e.event_at AND w.inbox_id = e.inbox_id)
	DELETE FROM linecrm_internal.inbox_error x USING emptied e
	WHERE x.slot = e.slot AND x.channel_id = e.channel_id AND x.webhook_event_id = e.webhook_event_id;

	UPDATE linecrm_internal.inbox i SET raw = decode(replace(encode(i.raw, 'escape'), written, nobody), 'escape')
	WHERE i.channel_id = _forget_events.channel_id AND position(convert_to(written, 'UTF8') IN i.raw) > 0;
END
$$;
COMMENT ON FUNCTION linecrm_internal._forget_events(bigint, linecrm.line_user_id) IS 'empties the raw events of a person who is being forgotten';

/* Texts written for one person: variables of single sends, and bodies that only this friend's requests use. */
CREATE FUNCTION linecrm_internal._forget_texts(channel_id bigint, friend_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	UPDATE linecrm_internal.delivery d SET vars = NULL, messages = NULL
	WHERE d.channel_id = _forget_texts.channel_id AND d.friend_id = _forget_texts.friend_id;

	UPDATE linecrm_internal.content c SET body = '{}', digest = ''
	WHERE (c.slot, c.content_id) IN (
			SELECT r.content_slot, r.content_id FROM linecrm_internal.request r
			WHERE r.channel_id = _forget_texts.channel_id AND r.friend_id = _forget_texts.friend_id)
		AND (c.slot, c.content_id) NOT IN (
			SELECT r.content_slot, r.content_id FROM linecrm_internal.request r
			WHERE r.delivery_id IN (
					SELECT own.delivery_id FROM linecrm_internal.request own
					WHERE own.channel_id = _forget_texts.channel_id AND own.friend_id = _forget_texts.friend_id)
				AND r.content_id IS NOT NULL AND r.friend_id IS DISTINCT FROM _forget_texts.friend_id);

	DELETE FROM linecrm_internal.completion w
	WHERE (w.slot, w.request_id) IN (
		SELECT r.slot, r.request_id FROM linecrm_internal.request r
		WHERE r.channel_id = _forget_texts.channel_id AND r.friend_id = _forget_texts.friend_id);

	UPDATE linecrm_internal.request r SET reply_token = NULL, params = NULL
	WHERE r.channel_id = _forget_texts.channel_id AND r.friend_id = _forget_texts.friend_id
		AND (r.reply_token IS NOT NULL OR r.params IS NOT NULL);
END
$$;
COMMENT ON FUNCTION linecrm_internal._forget_texts(bigint, bigint) IS 'empties what was written to one person who is being forgotten';
