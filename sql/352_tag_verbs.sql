/*
 * 352_tag_verbs.sql
 *   Tags as people use them: saving, dropping and merging them, putting them on friends and taking them off. The work
 *   is done by the functions of 350_tag.sql, and so are the locks.
 *
 * Anybody with the profile puts a tag on and takes it off; only its owner role or an admin of the channel changes,
 * drops or merges it. A tag that a segment speaks of is not dropped.
 */

/* Shared things are changed by who made them or by an administrator. */
CREATE FUNCTION linecrm_internal._require_tag_owner(tag linecrm_internal.tag) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF linecrm_internal._has_profile('admin', tag.channel_id)
		OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = tag.created_by AND pg_has_role(linecrm_internal._caller(), r.oid, 'USAGE')) THEN
		RETURN;
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
		MESSAGE = format('tag "%s" belongs to role "%s"', tag.name, tag.created_by),
		DETAIL = 'A tag is changed, merged and dropped by its owner or an administrator of the channel; everybody else may put it on friends.';
END
$$;
COMMENT ON FUNCTION linecrm_internal._require_tag_owner(linecrm_internal.tag) IS 'an error unless the caller made the tag or administers its channel';

CREATE FUNCTION linecrm.save_tag(name text, group_name text DEFAULT NULL, note text DEFAULT NULL, expires_after interval DEFAULT NULL,
	on_follow boolean DEFAULT NULL, on_text text[] DEFAULT NULL, on_postback text[] DEFAULT NULL, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.save_tag(text, text, text, interval, boolean, text[], text[], text) IS 'creates a tag or changes it; what is not given stays as it is ('''', ''0'' and ''{}'' remove it). on_follow, on_text and on_postback add it by themselves; a trailing % in on_postback matches any rest. Returns its tag_id';

CREATE FUNCTION linecrm_internal.save_tag(name text, group_name text, note text, expires_after interval,
	on_follow boolean, on_text text[], on_postback text[], channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	cid bigint := linecrm_internal._channel_id(save_tag.channel);
	clean text := linecrm_internal._name(save_tag.name, 'tag');
	created bigint;
	earlier linecrm_internal.tag;
	saved linecrm_internal.tag;
BEGIN
	IF save_tag.expires_after < interval '0' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('a tag cannot expire after %s', save_tag.expires_after),
			HINT = 'expires_after => ''30 days'' lets it expire, ''0'' keeps it for good';
	END IF;
	LOOP
		SELECT t.* INTO earlier FROM linecrm_internal.tag t WHERE t.channel_id = cid AND t.name = clean FOR NO KEY UPDATE;
		EXIT WHEN FOUND;
		INSERT INTO linecrm_internal.tag AS t (channel_id, name, created_by)
		VALUES (cid, clean, linecrm_internal._caller())
		ON CONFLICT (channel_id, name) DO NOTHING
		RETURNING t.tag_id INTO created;
	END LOOP;

	saved := earlier;
	saved.group_name := CASE WHEN save_tag.group_name IS NULL THEN earlier.group_name
		ELSE nullif(btrim(normalize(save_tag.group_name, NFKC)), '') END;
	saved.note := CASE WHEN save_tag.note IS NULL THEN earlier.note ELSE nullif(btrim(save_tag.note), '') END;
	saved.expires_after := CASE WHEN save_tag.expires_after IS NULL THEN earlier.expires_after
		ELSE nullif(save_tag.expires_after, interval '0') END;
	saved.on_follow := coalesce(save_tag.on_follow, earlier.on_follow);
	saved.on_text := CASE WHEN save_tag.on_text IS NULL THEN earlier.on_text
		ELSE ARRAY(SELECT DISTINCT linecrm_internal._normal_text(x) FROM unnest(save_tag.on_text) AS x
			WHERE linecrm_internal._normal_text(x) <> '' ORDER BY 1) END;
	saved.on_postback := CASE WHEN save_tag.on_postback IS NULL THEN earlier.on_postback
		ELSE ARRAY(SELECT DISTINCT x FROM unnest(save_tag.on_postback) AS x WHERE x <> '' ORDER BY 1) END;

	IF created IS NULL AND saved IS NOT DISTINCT FROM earlier THEN
		PERFORM linecrm_internal._notice(format('tag "%s" is already like that: nothing changed', clean),
			format('タグ「%s」に変更はありません', clean));
		RETURN earlier.tag_id;
	END IF;
	IF created IS NULL THEN
		PERFORM linecrm_internal._require_tag_owner(earlier);
	END IF;
	UPDATE linecrm_internal.tag t SET group_name = saved.group_name, note = saved.note, expires_after = saved.expires_after,
		on_follow = saved.on_follow, on_text = saved.on_text, on_postback = saved.on_postback
	WHERE t.tag_id = earlier.tag_id;
	PERFORM linecrm_internal._audit('save_tag', cid, clean, NULL, to_jsonb(saved));
	RETURN earlier.tag_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal.save_tag(text, text, text, interval, boolean, text[], text[], text) IS 'inner side of linecrm.save_tag';

CREATE FUNCTION linecrm_internal._tag_users(channel_id bigint, tag text) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- A query uses a tag when one of its literals is the name, or an expression with the name in it.
	RETURN ARRAY(
		SELECT s.name FROM linecrm_internal.segment s
		WHERE s.channel_id = _tag_users.channel_id AND s.query ~* 'tag'
			AND EXISTS (
				SELECT FROM regexp_matches(normalize(s.query, NFKC), '''((?:[^'']|'''')*)''', 'g') AS literal (part)
				WHERE part[1] = replace(_tag_users.tag, '''', '''''')
					OR position('"' || replace(_tag_users.tag, '"', '""') || '"' IN part[1]) > 0
					OR _tag_users.tag = ANY (regexp_split_to_array(part[1], '[[:space:]&|!()"]+')))
		ORDER BY s.name);
END
$$;
COMMENT ON FUNCTION linecrm_internal._tag_users(bigint, text) IS 'names of the segments whose query speaks of the tag';

/* The tag, which nobody else can put on friends any more; refused while a segment speaks of it. */
CREATE FUNCTION linecrm_internal._tag_to_drop(channel_id bigint, tag text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tid bigint := linecrm_internal._tag_id(_tag_to_drop.channel_id, _tag_to_drop.tag);
	used_by text[] := linecrm_internal._tag_users(_tag_to_drop.channel_id, linecrm_internal._name(_tag_to_drop.tag, 'tag'));
BEGIN
	IF used_by <> '{}' THEN
		RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
			MESSAGE = format('tag "%s" is used', linecrm_internal._name(_tag_to_drop.tag, 'tag')),
			DETAIL = (SELECT 'Segments that speak of it: ' || string_agg(format('"%s"', s), ', ') || '.' FROM unnest(used_by) AS s),
			HINT = 'change those with linecrm.save_segment(...) or drop them with linecrm.drop_segment(...) first';
	END IF;
	PERFORM linecrm_internal._require_fresh_snapshot('drop_tag and merge_tag');
	PERFORM pg_advisory_xact_lock(linecrm_internal._lock_key('tag', tid));
	PERFORM pg_advisory_xact_lock(linecrm_internal._lock_key('tag merge', tid));
	-- Dropped while we waited: say so as for any unknown name.
	PERFORM linecrm_internal._require_tag_owner(t) FROM linecrm_internal.tag t WHERE t.tag_id = tid;
	RETURN linecrm_internal._tag_id(_tag_to_drop.channel_id, _tag_to_drop.tag);
END
$$;
COMMENT ON FUNCTION linecrm_internal._tag_to_drop(bigint, text) IS 'locks a tag for being dropped';

CREATE FUNCTION linecrm_internal._drop_tag(tag_id bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	had bigint;
BEGIN
	WITH gone AS (DELETE FROM linecrm_internal.friend_tag ft WHERE ft.tag_id = _drop_tag.tag_id RETURNING ft.friend_id)
	SELECT count(*) INTO had FROM gone;
	DELETE FROM linecrm_internal.tag_delta d WHERE d.tag_id = _drop_tag.tag_id;
	DELETE FROM linecrm_internal.tag_shard s WHERE s.tag_id = _drop_tag.tag_id;
	DELETE FROM linecrm_internal.tag t WHERE t.tag_id = _drop_tag.tag_id;
	RETURN had;
END
$$;
COMMENT ON FUNCTION linecrm_internal._drop_tag(bigint) IS 'removes a locked tag and says how many friends had it; history keeps its tag_id, the audit trail its name';

CREATE FUNCTION linecrm.drop_tag(name text, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.drop_tag(text, text) IS 'removes a tag from everybody and for good; refused while a segment speaks of it. Returns how many friends had it';

CREATE FUNCTION linecrm_internal.drop_tag(name text, channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(drop_tag.channel);
	tid bigint := linecrm_internal._tag_to_drop(cid, drop_tag.name);
	had bigint := linecrm_internal._drop_tag(tid);
BEGIN
	PERFORM linecrm_internal._audit('drop_tag', cid, linecrm_internal._name(drop_tag.name, 'tag'), had, jsonb_build_object('tag_id', tid));
	RETURN had;
END
$$;
COMMENT ON FUNCTION linecrm_internal.drop_tag(text, text) IS 'inner side of linecrm.drop_tag';

CREATE FUNCTION linecrm.merge_tag(tag text, into_tag text, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.merge_tag(text, text, text) IS 'gives into_tag to everybody who has tag and removes tag. Returns how many friends have into_tag newly';

CREATE FUNCTION linecrm_internal.merge_tag(tag text, into_tag text, channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(merge_tag.channel);
	target bigint := linecrm_internal._tag_id(cid, merge_tag.into_tag);
	source bigint := linecrm_internal._tag_id(cid, merge_tag.tag);
	newly bigint;
	had bigint;
BEGIN
	IF source = target THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('tag "%s" cannot be merged into itself', linecrm_internal._name(merge_tag.tag, 'tag'));
	END IF;
	source := linecrm_internal._tag_to_drop(cid, merge_tag.tag);
	newly := linecrm.cardinality(linecrm_internal._tag_friends(target, linecrm_internal._tag_members(source), 'merge'));
	had := linecrm_internal._drop_tag(source);
	PERFORM linecrm_internal._audit('merge_tag', cid, linecrm_internal._name(merge_tag.tag, 'tag'), had,
		jsonb_build_object('tag_id', source, 'into_tag', linecrm_internal._name(merge_tag.into_tag, 'tag'), 'newly', newly));
	RETURN newly;
END
$$;
COMMENT ON FUNCTION linecrm_internal.merge_tag(text, text, text) IS 'inner side of linecrm.merge_tag';

CREATE FUNCTION linecrm.add_tag(friend_id bigint, tag text) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.add_tag(bigint, text) IS 'puts a tag on a friend; false when the friend had it already';

CREATE FUNCTION linecrm_internal.add_tag(friend_id bigint, tag text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._friend_channel(add_tag.friend_id);
BEGIN
	RETURN linecrm.cardinality(linecrm_internal._tag_friends(linecrm_internal._tag_id(cid, add_tag.tag),
		linecrm.friendset(ARRAY[add_tag.friend_id]), 'person')) > 0;
END
$$;
COMMENT ON FUNCTION linecrm_internal.add_tag(bigint, text) IS 'inner side of linecrm.add_tag';

CREATE FUNCTION linecrm.remove_tag(friend_id bigint, tag text) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.remove_tag(bigint, text) IS 'takes a tag from a friend; false when the friend did not have it';

CREATE FUNCTION linecrm_internal.remove_tag(friend_id bigint, tag text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._friend_channel(remove_tag.friend_id);
BEGIN
	RETURN linecrm.cardinality(linecrm_internal._untag_friends(linecrm_internal._tag_id(cid, remove_tag.tag),
		linecrm.friendset(ARRAY[remove_tag.friend_id]), 'person')) > 0;
END
$$;
COMMENT ON FUNCTION linecrm_internal.remove_tag(bigint, text) IS 'inner side of linecrm.remove_tag';

CREATE FUNCTION linecrm_internal._require_friends(friends linecrm.friendset, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF _require_friends.friends IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = format('%s needs a set of friends, this one is NULL', what),
			HINT = 'linecrm.friendset_agg(friend_id) over no rows is the empty set, which is nobody';
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._require_friends(linecrm.friendset, text) IS 'an error for NULL, which is neither nobody nor everybody';

CREATE FUNCTION linecrm.tag_friends(friends linecrm.friendset, tag text, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.tag_friends(linecrm.friendset, text, text) IS 'puts a tag on all friends of a set; returns how many had it not';

CREATE FUNCTION linecrm_internal.tag_friends(friends linecrm.friendset, tag text, channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(tag_friends.channel);
	tid bigint := linecrm_internal._tag_id(cid, tag_friends.tag);
	newly bigint;
	ignored bigint;
BEGIN
	PERFORM linecrm_internal._require_friends(tag_friends.friends, 'tag_friends');
	newly := linecrm.cardinality(linecrm_internal._tag_friends(tid, tag_friends.friends, 'person'));
	IF newly < linecrm.cardinality(tag_friends.friends) THEN
		ignored := linecrm.cardinality(tag_friends.friends OPERATOR(linecrm.-) linecrm_internal._tag_members(tid));
		IF ignored > 0 THEN
			PERFORM linecrm_internal._notice(format('%s of the ids are no friends of this channel and were ignored', ignored),
				format('%s 件はこのチャネルの友だちではないため無視しました', ignored));
		END IF;
	END IF;
	PERFORM linecrm_internal._audit('tag_friends', cid, linecrm_internal._name(tag_friends.tag, 'tag'), newly, NULL);
	RETURN newly;
END
$$;
COMMENT ON FUNCTION linecrm_internal.tag_friends(linecrm.friendset, text, text) IS 'inner side of linecrm.tag_friends';

CREATE FUNCTION linecrm.untag_friends(friends linecrm.friendset, tag text, channel text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.untag_friends(linecrm.friendset, text, text) IS 'takes a tag from all friends of a set; returns how many had it';

CREATE FUNCTION linecrm_internal.untag_friends(friends linecrm.friendset, tag text, channel text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(untag_friends.channel);
	tid bigint := linecrm_internal._tag_id(cid, untag_friends.tag);
	gone bigint;
BEGIN
	PERFORM linecrm_internal._require_friends(untag_friends.friends, 'untag_friends');
	gone := linecrm.cardinality(linecrm_internal._untag_friends(tid, untag_friends.friends, 'person'));
	PERFORM linecrm_internal._audit('untag_friends', cid, linecrm_internal._name(untag_friends.tag, 'tag'), gone, NULL);
	RETURN gone;
END
$$;
COMMENT ON FUNCTION linecrm_internal.untag_friends(linecrm.friendset, text, text) IS 'inner side of linecrm.untag_friends';
