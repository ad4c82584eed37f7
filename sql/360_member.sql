/*
 * 360_member.sql
 *   ID links: which friend is which member of the owner's, one live link a friend, one friend a member and channel.
 *
 * Rules. The same link again changes nothing, or raises the strength of its proof. A new link displaces an older one of
 * the friend or of the member if its proof is at least as strong (account_link > login > code > csv > manual); against a
 * stronger one it is refused, and a person must unlink first. History tells every link made and undone, and why.
 *
 * Locks. member_directory holds the truth about a member, member_link about a friend; a link exists in both or in
 * neither. Whoever changes one locks the rows of all members concerned in ascending order, then those of the friends,
 * and looks again whether others came in between. No advisory locks: linking a million in one statement must fit.
 */

CREATE FUNCTION linecrm_internal._method_strength(method text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT array_position(ARRAY['manual', 'csv', 'code', 'login', 'account_link'], _method_strength.method);
END;
COMMENT ON FUNCTION linecrm_internal._method_strength(text) IS 'how well a link is proven, 1 to 5; NULL for an unknown method';

CREATE FUNCTION linecrm_internal._member_no(member_id text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE
		WHEN _member_no.member_id ~ '^(0|-?[1-9][0-9]{0,17})$' THEN _member_no.member_id::bigint
		WHEN _member_no.member_id ~ '^-?[1-9][0-9]{18}$' THEN
			CASE WHEN _member_no.member_id::numeric BETWEEN -9223372036854775808 AND 9223372036854775807
				THEN _member_no.member_id::bigint END
		END;
END;
COMMENT ON FUNCTION linecrm_internal._member_no(text) IS 'a member id as a number if it is written as bigint writes it, else NULL: 007 is not 7';

CREATE FUNCTION linecrm_internal._friend_of_member(channel_id bigint, member_id text) RETURNS bigint
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT d.friend_id FROM linecrm_internal.member_directory d
	WHERE d.channel_id = _friend_of_member.channel_id AND d.member_id = _friend_of_member.member_id;
END;
COMMENT ON FUNCTION linecrm_internal._friend_of_member(bigint, text) IS 'the friend linked to a member, or NULL';

CREATE FUNCTION linecrm_internal._note_link(link linecrm_internal.member_link, linked boolean, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO linecrm_internal.member_link_history (friend_id, channel_id, member_id, linked, method, reason, changed_by)
	VALUES (link.friend_id, link.channel_id, link.member_id, _note_link.linked, link.method, _note_link.reason,
		linecrm_internal._caller());
END
$$;
COMMENT ON FUNCTION linecrm_internal._note_link(linecrm_internal.member_link, boolean, text) IS 'one line of the history of links';

CREATE FUNCTION linecrm_internal._require_weaker(link linecrm_internal.member_link, member_id text, friend_id bigint, method text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF linecrm_internal._method_strength(link.method) > linecrm_internal._method_strength(_require_weaker.method) THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('friend %s cannot be linked to member "%s" by %s', _require_weaker.friend_id,
				_require_weaker.member_id, _require_weaker.method),
			DETAIL = format('Friend %s is linked to member "%s", proven by %s, which is stronger.', link.friend_id,
				link.member_id, link.method),
			HINT = format('if that link is wrong: SELECT linecrm.unlink_member(friend_id => %s)', link.friend_id);
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._require_weaker(linecrm_internal.member_link, text, bigint, text) IS 'an error when a link in the way is better proven than the new one';

/*
 * Locks all that a link of this friend and member concerns, and returns the links in the way: that of the friend and
 * that of the member. The member's row of member_directory exists afterwards.
 */
CREATE FUNCTION linecrm_internal._lock_link(channel_id bigint, friend_id bigint, member_id text,
	OUT of_friend linecrm_internal.member_link, OUT of_member linecrm_internal.member_link)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	members text[] := ARRAY[_lock_link.member_id];
	one_member text;
	one_friend bigint;
	holder bigint;
BEGIN
	LOOP
		SELECT array_agg(DISTINCT m ORDER BY m) INTO members
		FROM (SELECT unnest(members) AS m
			UNION ALL
			SELECT l.member_id FROM linecrm_internal.member_link l WHERE l.friend_id = _lock_link.friend_id) AS concerned;
		FOREACH one_member IN ARRAY members LOOP
			IF one_member = _lock_link.member_id THEN
				INSERT INTO linecrm_internal.member_directory AS d (channel_id, member_id, friend_id)
				VALUES (_lock_link.channel_id, one_member, _lock_link.friend_id)
				ON CONFLICT (channel_id, member_id) DO UPDATE SET friend_id = d.friend_id
				RETURNING d.friend_id INTO holder;
			ELSE
				PERFORM FROM linecrm_internal.member_directory d
				WHERE d.channel_id = _lock_link.channel_id AND d.member_id = one_member FOR UPDATE;
			END IF;
		END LOOP;
		of_friend := NULL;
		of_member := NULL;
		FOR one_friend IN SELECT DISTINCT f FROM unnest(ARRAY[_lock_link.friend_id, holder]) AS f ORDER BY f LOOP
			IF one_friend = _lock_link.friend_id THEN
				SELECT l.* INTO of_friend FROM linecrm_internal.member_link l WHERE l.friend_id = one_friend FOR UPDATE;
			ELSE
				SELECT l.* INTO of_member FROM linecrm_internal.member_link l WHERE l.friend_id = one_friend FOR UPDATE;
			END IF;
		END LOOP;
		EXIT WHEN of_friend.member_id IS NULL OR of_friend.member_id = ANY (members);
	END LOOP;
END
$$;
COMMENT ON FUNCTION linecrm_internal._lock_link(bigint, bigint, text) IS 'locks what a new link concerns and returns the links in its way';

CREATE FUNCTION linecrm_internal._link_member(channel_id bigint, friend_id bigint, member_id text, method text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	in_the_way record;
	of_friend linecrm_internal.member_link;
	of_member linecrm_internal.member_link;
	made linecrm_internal.member_link;
BEGIN
	PERFORM linecrm_internal._people_lock(_link_member.channel_id);
	PERFORM linecrm_internal._friend_channel(_link_member.friend_id);
	PERFORM linecrm_internal._hold_friends(linecrm.friendset(ARRAY[_link_member.friend_id]));
	PERFORM FROM linecrm_internal.member_link l
	WHERE l.friend_id = _link_member.friend_id AND l.member_id = _link_member.member_id
		AND linecrm_internal._method_strength(l.method) >= linecrm_internal._method_strength(_link_member.method);
	IF FOUND THEN
		RETURN false;
	END IF;
	LOOP
		SELECT k.* INTO in_the_way
		FROM linecrm_internal._lock_link(_link_member.channel_id, _link_member.friend_id, _link_member.member_id) AS k;
		of_friend := in_the_way.of_friend;
		of_member := in_the_way.of_member;
		IF of_friend.member_id = _link_member.member_id THEN
			IF linecrm_internal._method_strength(of_friend.method) >= linecrm_internal._method_strength(_link_member.method) THEN
				RETURN false;
			END IF;
			UPDATE linecrm_internal.member_link l SET method = _link_member.method
			WHERE l.friend_id = _link_member.friend_id RETURNING l.* INTO made;
			PERFORM linecrm_internal._note_link(made, true, format('proven again, before by %s', of_friend.method));
			RETURN true;
		END IF;

		IF of_friend.friend_id IS NOT NULL THEN
			PERFORM linecrm_internal._require_weaker(of_friend, _link_member.member_id, _link_member.friend_id, _link_member.method);
			PERFORM linecrm_internal._remove_link(of_friend,
				format('moved to member "%s" by %s', _link_member.member_id, _link_member.method));
		END IF;
		IF of_member.friend_id IS NOT NULL THEN
			PERFORM linecrm_internal._require_weaker(of_member, _link_member.member_id, _link_member.friend_id, _link_member.method);
			PERFORM linecrm_internal._remove_link(of_member,
				format('the member is friend %s now by %s', _link_member.friend_id, _link_member.method));
		END IF;
		INSERT INTO linecrm_internal.member_link AS l (friend_id, channel_id, member_id, member_no, method, linked_by)
		VALUES (_link_member.friend_id, _link_member.channel_id, _link_member.member_id,
			linecrm_internal._member_no(_link_member.member_id), _link_member.method, linecrm_internal._caller())
		ON CONFLICT (friend_id) DO NOTHING
		RETURNING l.* INTO made;
		-- Nothing: another session linked this friend, which had no link to lock, in the meantime. Look again.
		EXIT WHEN made.friend_id IS NOT NULL;
	END LOOP;
	INSERT INTO linecrm_internal.member_directory AS d (channel_id, member_id, friend_id)
	VALUES (_link_member.channel_id, _link_member.member_id, _link_member.friend_id)
	ON CONFLICT (channel_id, member_id) DO UPDATE SET friend_id = excluded.friend_id;
	PERFORM linecrm_internal._note_link(made, true,
		CASE WHEN of_member.friend_id IS NOT NULL THEN format('before it was friend %s by %s', of_member.friend_id, of_member.method)
			WHEN of_friend.friend_id IS NOT NULL THEN format('before it was member "%s" by %s', of_friend.member_id, of_friend.method) END);
	RETURN true;
END
$$;
COMMENT ON FUNCTION linecrm_internal._link_member(bigint, bigint, text, text) IS 'links a friend and a member by the rules above; false when nothing changed';

CREATE FUNCTION linecrm_internal._remove_link(link linecrm_internal.member_link, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM linecrm_internal.member_link l WHERE l.friend_id = (_remove_link.link).friend_id;
	DELETE FROM linecrm_internal.member_directory d
	WHERE d.channel_id = (_remove_link.link).channel_id AND d.member_id = (_remove_link.link).member_id
		AND d.friend_id = (_remove_link.link).friend_id;
	PERFORM linecrm_internal._note_link(_remove_link.link, false, _remove_link.reason);
END
$$;
COMMENT ON FUNCTION linecrm_internal._remove_link(linecrm_internal.member_link, text) IS 'undoes a locked link and notes why';

/* Locks member before friend, as linking does. */
CREATE FUNCTION linecrm_internal._unlink(channel_id bigint, friend_id bigint, reason text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	link linecrm_internal.member_link;
	member text;
BEGIN
	LOOP
		SELECT l.member_id INTO member FROM linecrm_internal.member_link l WHERE l.friend_id = _unlink.friend_id;
		IF member IS NULL THEN
			RETURN false;
		END IF;
		PERFORM FROM linecrm_internal.member_directory d
		WHERE d.channel_id = _unlink.channel_id AND d.member_id = member FOR UPDATE;
		SELECT l.* INTO link FROM linecrm_internal.member_link l WHERE l.friend_id = _unlink.friend_id FOR UPDATE;
		EXIT WHEN link.member_id = member;
	END LOOP;
	PERFORM linecrm_internal._remove_link(link, _unlink.reason);
	RETURN true;
END
$$;
COMMENT ON FUNCTION linecrm_internal._unlink(bigint, bigint, text) IS 'undoes the link of a friend; false when there is none';

CREATE FUNCTION linecrm_internal._forget_links(friend_id bigint, channel_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM linecrm_internal._unlink(_forget_links.channel_id, _forget_links.friend_id, 'forgotten');
	UPDATE linecrm_internal.member_link_history h SET member_id = '', reason = NULL
	WHERE h.friend_id = _forget_links.friend_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._forget_links(bigint, bigint) IS 'undoes the link of a friend who is being forgotten and empties its history';

/* The member id as it is stored: trimmed, otherwise as the owner writes it. */
CREATE FUNCTION linecrm_internal._member_id(member_id text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	clean text := btrim(_member_id.member_id, E' \t\r\n');
BEGIN
	IF clean IS NULL OR clean = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the member id is missing';
	ELSIF char_length(clean) > 200 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('a member id has at most 200 characters, this one has %s', char_length(clean));
	END IF;
	RETURN clean;
END
$$;
COMMENT ON FUNCTION linecrm_internal._member_id(text) IS 'a member id, trimmed and checked';

CREATE FUNCTION linecrm.link_member(friend_id bigint, member_id text, method text DEFAULT 'manual') RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.link_member(bigint, text, text) IS 'says that a friend is this member of yours; method (account_link, login, code, csv, manual) is how it was proven. Displaces links that are proven no better; false when nothing changed';

CREATE FUNCTION linecrm_internal.link_member(friend_id bigint, member_id text, method text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._friend_channel(link_member.friend_id);
BEGIN
	IF linecrm_internal._method_strength(link_member.method) IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('a link cannot be proven by %s', coalesce('"' || link_member.method || '"', 'NULL')),
			HINT = 'method is one of account_link, login, code, csv, manual';
	END IF;
	RETURN linecrm_internal._link_member(cid, link_member.friend_id, linecrm_internal._member_id(link_member.member_id), link_member.method);
END
$$;
COMMENT ON FUNCTION linecrm_internal.link_member(bigint, text, text) IS 'inner side of linecrm.link_member';

CREATE FUNCTION linecrm.unlink_member(friend_id bigint) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.unlink_member(bigint) IS 'undoes the link of a friend; false when there is none';

CREATE FUNCTION linecrm_internal.unlink_member(friend_id bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._friend_channel(unlink_member.friend_id);
BEGIN
	RETURN linecrm_internal._unlink(cid, unlink_member.friend_id, 'unlinked');
END
$$;
COMMENT ON FUNCTION linecrm_internal.unlink_member(bigint) IS 'inner side of linecrm.unlink_member';

CREATE FUNCTION linecrm.unlink_member(member_id text, channel text DEFAULT NULL) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.unlink_member(text, text) IS 'undoes the link of a member, written unlink_member(member_id => ''4711''); false when there is none';

CREATE FUNCTION linecrm_internal.unlink_member(member_id text, channel text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(unlink_member.channel);
	friend bigint := linecrm_internal._friend_of_member(cid, linecrm_internal._member_id(unlink_member.member_id));
BEGIN
	RETURN friend IS NOT NULL AND linecrm_internal._unlink(cid, friend, 'unlinked');
END
$$;
COMMENT ON FUNCTION linecrm_internal.unlink_member(text, text) IS 'inner side of linecrm.unlink_member';

CREATE FUNCTION linecrm.friend_of_member(member anyelement, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.friend_of_member(anyelement, text) IS 'the friend linked to a member of yours, whatever type its key has, or NULL';

CREATE FUNCTION linecrm_internal.friend_of_member(member anyelement, channel text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN linecrm_internal.friend_of_member(linecrm_internal._text_of(friend_of_member.member), friend_of_member.channel);
END
$$;
COMMENT ON FUNCTION linecrm_internal.friend_of_member(anyelement, text) IS 'inner side of linecrm.friend_of_member';

CREATE FUNCTION linecrm.friend_of_member(member text, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.friend_of_member(text, text) IS 'the friend linked to a member of yours, or NULL';

CREATE FUNCTION linecrm_internal.friend_of_member(member text, channel text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(friend_of_member.channel);
BEGIN
	RETURN linecrm_internal._friend_of_member(cid, btrim(friend_of_member.member, E' \t\r\n'));
END
$$;
COMMENT ON FUNCTION linecrm_internal.friend_of_member(text, text) IS 'inner side of linecrm.friend_of_member';
