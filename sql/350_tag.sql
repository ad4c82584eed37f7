/*
 * 350_tag.sql
 *   Tags from within: putting them on friends, and the sets they make. What people call stands in 352_tag_verbs.sql.
 *
 * Every change of friend_tag goes through _tag_friends and _untag_friends (both here), which also write friend_tag_history and
 * tag_delta. A set is shards plus visible deltas, read in ONE statement (_tag_members), and so exact in every snapshot:
 * two changes of the same friend and tag wait for each other at the row of friend_tag, and a delta_id is drawn after
 * those rows are locked, so the later change has the higher delta_id and is visible only if the earlier one is. Changes
 * of different friends may be applied in any order.
 *
 * Locks: whoever changes friends of a tag holds _tag_lock shared until its transaction ends (no row is locked: writers
 * of one hot tag do not meet); drop_tag and merge_tag hold it alone. Merging deltas into shards needs neither, only
 * that no other merge of that tag runs.
 */

CREATE FUNCTION linecrm_internal._apply_delta(so_far linecrm.friendset, added boolean, members linecrm.friendset) RETURNS linecrm.friendset
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN _apply_delta.added THEN _apply_delta.so_far OPERATOR(linecrm.|) _apply_delta.members
		ELSE _apply_delta.so_far OPERATOR(linecrm.-) _apply_delta.members END;
END;
COMMENT ON FUNCTION linecrm_internal._apply_delta(linecrm.friendset, boolean, linecrm.friendset) IS 'one step of _apply_deltas';

CREATE AGGREGATE linecrm_internal._apply_deltas(added boolean, members linecrm.friendset) (
	SFUNC = linecrm_internal._apply_delta,
	STYPE = linecrm.friendset,
	INITCOND = '{}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE linecrm_internal._apply_deltas(boolean, linecrm.friendset) IS 'the set after additions and removals in order; write ORDER BY delta_id';

CREATE FUNCTION linecrm_internal._normal_text(given text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT lower(btrim(normalize(_normal_text.given, NFKC), E' \t\r\n'));
END;
COMMENT ON FUNCTION linecrm_internal._normal_text(text) IS 'a text as on_text compares it: NFKC, trimmed, lower case';

/*
 * Reading sets.
 */

CREATE FUNCTION linecrm_internal._tag_members(tag_id bigint) RETURNS linecrm.friendset
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT linecrm.friendset_union_agg(one_shard.members)
	FROM (
		SELECT linecrm_internal._apply_deltas(part.added, part.members ORDER BY part.delta_id) AS members
		FROM (
			SELECT s.shard, 0::bigint AS delta_id, true AS added, s.members
			FROM linecrm_internal.tag_shard s WHERE s.tag_id = _tag_members.tag_id
			UNION ALL
			SELECT d.shard, d.delta_id, d.added, d.members
			FROM linecrm_internal.tag_delta d WHERE d.tag_id = _tag_members.tag_id) AS part
		GROUP BY part.shard) AS one_shard;
END;
COMMENT ON FUNCTION linecrm_internal._tag_members(bigint) IS 'everybody who has the tag, exactly as the caller''s snapshot sees friend_tag';

CREATE FUNCTION linecrm_internal._tag_id(channel_id bigint, tag text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	clean text := linecrm_internal._name(_tag_id.tag, 'tag');
	found_id bigint;
BEGIN
	SELECT t.tag_id INTO found_id FROM linecrm_internal.tag t
	WHERE t.channel_id = _tag_id.channel_id AND t.name = clean;
	IF found_id IS NULL THEN
		PERFORM linecrm_internal._unknown_name('tag', clean,
			ARRAY(SELECT t.name FROM linecrm_internal.tag t WHERE t.channel_id = _tag_id.channel_id));
	END IF;
	RETURN found_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._tag_id(bigint, text) IS 'the id of a tag by name, or an error with the nearest names';

/* Many ids close together are quicker found by reading all friends in between than one by one. */
CREATE FUNCTION linecrm_internal._dense(members linecrm.friendset) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT linecrm.cardinality(_dense.members) >= 1000
		AND linecrm.last_friend(_dense.members) - linecrm.first_friend(_dense.members) < 20 * linecrm.cardinality(_dense.members);
END;
COMMENT ON FUNCTION linecrm_internal._dense(linecrm.friendset) IS 'are the ids of the set close together?';

CREATE FUNCTION linecrm_internal._friends_in(channel_id bigint, members linecrm.friendset) RETURNS linecrm.friendset
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- A set that comes from a table is unpacked once, not for each friend.
	given linecrm.friendset := _friends_in.members OPERATOR(linecrm.|) '{}'::linecrm.friendset;
BEGIN
	IF linecrm_internal._dense(given) THEN
		RETURN (SELECT linecrm.friendset_agg(f.friend_id) FROM linecrm_internal.friend f
			WHERE f.channel_id = _friends_in.channel_id
				AND f.friend_id BETWEEN linecrm.first_friend(given) AND linecrm.last_friend(given)
				AND given OPERATOR(linecrm.@>) f.friend_id);
	END IF;
	RETURN (SELECT linecrm.friendset_agg(f.friend_id) FROM linecrm_internal.friend f
		WHERE f.channel_id = _friends_in.channel_id AND f.friend_id IN (SELECT linecrm.friend_ids(given)));
END
$$;
COMMENT ON FUNCTION linecrm_internal._friends_in(bigint, linecrm.friendset) IS 'those of the ids that are friends of the channel';

/*
 * Changing who has a tag.
 */

CREATE FUNCTION linecrm_internal._tag_lock(tag_id bigint, channel_id bigint) RETURNS linecrm_internal.tag
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tag linecrm_internal.tag;
BEGIN
	PERFORM linecrm_internal._people_lock(_tag_lock.channel_id);
	PERFORM pg_advisory_xact_lock_shared(linecrm_internal._lock_key('tag', _tag_lock.tag_id));
	IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
		SELECT t.* INTO tag FROM linecrm_internal.tag t WHERE t.tag_id = _tag_lock.tag_id;
	ELSE
		-- An old snapshot still shows a tag that was dropped meanwhile: only its row can tell.
		SELECT t.* INTO tag FROM linecrm_internal.tag t WHERE t.tag_id = _tag_lock.tag_id FOR KEY SHARE;
	END IF;
	IF tag.tag_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('there is no tag with tag_id %s', _tag_lock.tag_id),
			DETAIL = 'It was dropped or merged meanwhile.';
	END IF;
	RETURN tag;
END
$$;
COMMENT ON FUNCTION linecrm_internal._tag_lock(bigint, bigint) IS 'the tag, which cannot be dropped until the transaction ends';

/*
 * Runs after the rows of friend_tag were written, in the same transaction, so that the delta_id drawn here is later than
 * that of any earlier change of the same friends.
 */
CREATE FUNCTION linecrm_internal._note_tags(tag_id bigint, channel_id bigint, added boolean, members linecrm.friendset, origin text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- One number for all: a friend is in the set once, and (friend_id, history_id) is unique.
	history bigint;
BEGIN
	IF linecrm.cardinality(_note_tags.members) = 0 THEN
		RETURN;
	END IF;
	history := nextval('linecrm_internal.friend_tag_history_id_seq');
	INSERT INTO linecrm_internal.friend_tag_history (friend_id, history_id, tag_id, channel_id, added, origin, changed_by)
	SELECT changed.friend_id, history, _note_tags.tag_id, _note_tags.channel_id, _note_tags.added, _note_tags.origin, by_whom.role_name
	FROM linecrm.friend_ids(_note_tags.members) AS changed (friend_id), linecrm_internal._caller() AS by_whom (role_name);

	INSERT INTO linecrm_internal.tag_delta (tag_id, shard, channel_id, added, members)
	SELECT _note_tags.tag_id, part.shard, _note_tags.channel_id, _note_tags.added, part.members
	FROM linecrm.shards(_note_tags.members) AS part;
	-- Small changes wait for the planner's next tick; large ones would slow every reader until then.
	IF linecrm.cardinality(_note_tags.members) >= 1000 THEN
		PERFORM linecrm_internal._wake('planner');
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._note_tags(bigint, bigint, boolean, linecrm.friendset, text) IS 'history and delta of a change of a tag, after its rows of friend_tag were written';

CREATE FUNCTION linecrm_internal._tag_friends(tag_id bigint, members linecrm.friendset, origin text) RETURNS linecrm.friendset
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	cid bigint := (SELECT t.channel_id FROM linecrm_internal.tag t WHERE t.tag_id = _tag_friends.tag_id);
	tag linecrm_internal.tag := linecrm_internal._tag_lock(_tag_friends.tag_id, cid);
	expiry timestamptz := now() + tag.expires_after;
	wanted linecrm.friendset := _tag_friends.members;
	newly linecrm.friendset;
BEGIN
	IF coalesce(linecrm.cardinality(wanted), 0) = 0 THEN
		RETURN '{}'::linecrm.friendset;
	END IF;
	IF expiry IS NOT NULL THEN
		UPDATE linecrm_internal.friend_tag ft SET expires_at = expiry
		WHERE ft.tag_id = _tag_friends.tag_id AND ft.expires_at IS DISTINCT FROM expiry
			AND ft.friend_id IN (SELECT linecrm.friend_ids(wanted));
	END IF;
	IF linecrm.cardinality(wanted) >= 1000 THEN
		-- Whoever has it already is left out by set algebra; below, ON CONFLICT is for races.
		wanted := wanted OPERATOR(linecrm.-) linecrm_internal._tag_members(_tag_friends.tag_id);
	END IF;
	wanted := linecrm_internal._friends_in(cid, wanted);
	PERFORM linecrm_internal._hold_friends(wanted);
	WITH tagged AS (
		INSERT INTO linecrm_internal.friend_tag AS ft (friend_id, tag_id, channel_id, origin, expires_at)
		SELECT named.friend_id, _tag_friends.tag_id, cid, _tag_friends.origin, expiry
		FROM linecrm.friend_ids(wanted) AS named (friend_id)
		ON CONFLICT DO NOTHING
		RETURNING ft.friend_id)
	SELECT linecrm.friendset_agg(tagged.friend_id) INTO newly FROM tagged;
	PERFORM linecrm_internal._note_tags(_tag_friends.tag_id, cid, true, newly, _tag_friends.origin);
	RETURN newly;
END
$$;
COMMENT ON FUNCTION linecrm_internal._tag_friends(bigint, linecrm.friendset, text) IS 'puts a tag on friends and returns those who had it not; ids that are no friend of the tag''s channel are ignored. Who has it already keeps it for expires_after from now';

CREATE FUNCTION linecrm_internal._untag_friends(tag_id bigint, members linecrm.friendset, origin text) RETURNS linecrm.friendset
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	cid bigint := (SELECT t.channel_id FROM linecrm_internal.tag t WHERE t.tag_id = _untag_friends.tag_id);
	tag linecrm_internal.tag := linecrm_internal._tag_lock(_untag_friends.tag_id, cid);
	given linecrm.friendset := _untag_friends.members;
	gone linecrm.friendset;
BEGIN
	IF coalesce(linecrm.cardinality(given), 0) = 0 THEN
		RETURN '{}'::linecrm.friendset;
	END IF;
	IF linecrm.cardinality(given) >= 1000 THEN
		given := given OPERATOR(linecrm.&) linecrm_internal._tag_members(_untag_friends.tag_id);
	END IF;
	IF linecrm_internal._dense(given) THEN
		WITH untagged AS (
			DELETE FROM linecrm_internal.friend_tag ft
			WHERE ft.tag_id = _untag_friends.tag_id
				AND ft.friend_id BETWEEN linecrm.first_friend(given) AND linecrm.last_friend(given)
				AND given OPERATOR(linecrm.@>) ft.friend_id
			RETURNING ft.friend_id)
		SELECT linecrm.friendset_agg(untagged.friend_id) INTO gone FROM untagged;
	ELSE
		WITH untagged AS (
			DELETE FROM linecrm_internal.friend_tag ft
			WHERE ft.tag_id = _untag_friends.tag_id
				AND ft.friend_id IN (SELECT linecrm.friend_ids(given))
			RETURNING ft.friend_id)
		SELECT linecrm.friendset_agg(untagged.friend_id) INTO gone FROM untagged;
	END IF;
	PERFORM linecrm_internal._note_tags(_untag_friends.tag_id, cid, false, gone, _untag_friends.origin);
	RETURN gone;
END
$$;
COMMENT ON FUNCTION linecrm_internal._untag_friends(bigint, linecrm.friendset, text) IS 'takes a tag from friends and returns those who had it';

/* All tags of one friend; the person is being forgotten, so history goes too. */
CREATE FUNCTION linecrm_internal._forget_tags(friend_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	WITH untagged AS (
		DELETE FROM linecrm_internal.friend_tag ft WHERE ft.friend_id = _forget_tags.friend_id
		RETURNING ft.tag_id, ft.channel_id, ft.friend_id)
	INSERT INTO linecrm_internal.tag_delta (tag_id, shard, channel_id, added, members)
	SELECT u.tag_id, (u.friend_id >> 16)::integer, u.channel_id, false, linecrm.friendset_agg(u.friend_id)
	FROM untagged u GROUP BY u.tag_id, u.channel_id, u.friend_id >> 16;
	DELETE FROM linecrm_internal.friend_tag_history h WHERE h.friend_id = _forget_tags.friend_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._forget_tags(bigint) IS 'takes every tag and the history of tags from a friend who is being forgotten';

/* An expired tag counts until it is removed here: that way a set needs no clock to be exact. */
CREATE FUNCTION linecrm_internal._expire_tags(at_most integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	expired integer := 0;
	part record;
BEGIN
	FOR part IN
		WITH untagged AS (
			DELETE FROM linecrm_internal.friend_tag ft
			WHERE ft.expires_at <= statement_timestamp() AND (ft.friend_id, ft.tag_id) IN (
				SELECT due.friend_id, due.tag_id FROM linecrm_internal.friend_tag due
				WHERE due.expires_at <= statement_timestamp() ORDER BY due.expires_at LIMIT _expire_tags.at_most)
			RETURNING ft.tag_id, ft.channel_id, ft.friend_id)
		SELECT u.tag_id, u.channel_id, linecrm.friendset_agg(u.friend_id) AS members
		FROM untagged u GROUP BY u.tag_id, u.channel_id
	LOOP
		PERFORM linecrm_internal._note_tags(part.tag_id, part.channel_id, false, part.members, 'expired');
		expired := expired + linecrm.cardinality(part.members);
	END LOOP;
	RETURN expired;
END
$$;
COMMENT ON FUNCTION linecrm_internal._expire_tags(integer) IS 'removes tags whose time is over, at most so many in a turn; returns how many';

CREATE FUNCTION linecrm_internal._merge_deltas(tag_id bigint, up_to bigint) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	merged bigint;
BEGIN
	IF NOT pg_try_advisory_xact_lock(linecrm_internal._lock_key('tag merge', _merge_deltas.tag_id)) THEN
		RETURN 0;
	END IF;
	WITH taken AS (
		DELETE FROM linecrm_internal.tag_delta d
		WHERE d.tag_id = _merge_deltas.tag_id AND d.delta_id <= _merge_deltas.up_to
		RETURNING d.delta_id, d.shard, d.channel_id, d.added, d.members),
	part AS (
		SELECT s.shard, s.channel_id, 0::bigint AS delta_id, true AS added, s.members
		FROM linecrm_internal.tag_shard s
		WHERE s.tag_id = _merge_deltas.tag_id AND s.shard IN (SELECT t.shard FROM taken t)
		UNION ALL
		SELECT t.shard, t.channel_id, t.delta_id, t.added, t.members FROM taken t),
	written AS (
		INSERT INTO linecrm_internal.tag_shard AS s (tag_id, shard, channel_id, members)
		SELECT _merge_deltas.tag_id, p.shard, min(p.channel_id),
			linecrm_internal._apply_deltas(p.added, p.members ORDER BY p.delta_id)
		FROM part p GROUP BY p.shard
		ON CONFLICT (tag_id, shard) DO UPDATE SET members = excluded.members)
	SELECT count(*) INTO merged FROM taken;
	DELETE FROM linecrm_internal.tag_shard s
	WHERE s.tag_id = _merge_deltas.tag_id AND linecrm.cardinality(s.members) = 0;
	RETURN merged;
END
$$;
COMMENT ON FUNCTION linecrm_internal._merge_deltas(bigint, bigint) IS 'moves the visible deltas of a tag, up to an id, into its shards; returns how many, 0 when another session is at it';

CREATE FUNCTION linecrm_internal._merge_tags_turn() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	done integer := linecrm_internal._expire_tags(10000);
	part record;
BEGIN
	FOR part IN
		SELECT oldest.tag_id, max(oldest.delta_id) AS up_to
		FROM (SELECT d.tag_id, d.delta_id FROM linecrm_internal.tag_delta d ORDER BY d.delta_id LIMIT 10000) AS oldest
		GROUP BY oldest.tag_id ORDER BY oldest.tag_id
	LOOP
		done := done + linecrm_internal._merge_deltas(part.tag_id, part.up_to);
	END LOOP;
	RETURN done;
END
$$;
COMMENT ON FUNCTION linecrm_internal._merge_tags_turn() IS 'one turn of the planner: removes expired tags and merges the oldest deltas; returns how much it did, 0 when there is nothing left';
