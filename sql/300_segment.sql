/*
 * 300_segment.sql
 *   Segments: a name for a SELECT that yields friend_id, run as the role that saved it, through the gate
 *   (src/crm/run_as.c). Whoever changes the text becomes its owner: it runs with his rights from then on.
 */

CREATE FUNCTION linecrm_internal._run_query(owner_role name, search_path text, query text, timeout_ms integer, cost_limit float8,
	what text DEFAULT NULL, time_zone text DEFAULT NULL, OUT members linecrm.friendset, OUT rows bigint, OUT nulls bigint, OUT invalid bigint)
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'linecrm__run_query';
COMMENT ON FUNCTION linecrm_internal._run_query(name, text, text, integer, float8, text, text) IS
	'runs a stored query as its author: who it names, rows, rows without friend_id, ids that no friend can have. NULL limits: the settings';

CREATE FUNCTION linecrm_internal._run_rows(owner_role name, search_path text, query text, timeout_ms integer, cost_limit float8,
	what text DEFAULT NULL, time_zone text DEFAULT NULL, OUT friend_id bigint, OUT vars jsonb) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 10000 AS 'MODULE_PATHNAME', 'linecrm__run_rows';
COMMENT ON FUNCTION linecrm_internal._run_rows(name, text, text, integer, float8, text, text) IS
	'the same, as rows with the other columns as variables; rows without friend_id are left out, ids that no friend can have are not';

CREATE FUNCTION linecrm_internal._check_query(owner_role name, search_path text, query text, timeout_ms integer, cost_limit float8,
	what text DEFAULT NULL, time_zone text DEFAULT NULL) RETURNS text[]
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'linecrm__check_query';
COMMENT ON FUNCTION linecrm_internal._check_query(name, text, text, integer, float8, text, text) IS
	'plans a query as its author without running it; the names of its variables';

CREATE FUNCTION linecrm_internal._has_profile(profile text, channel_id bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ladder text[] := ARRAY['reader', 'analyst', 'marketer', 'operator', 'admin'];
	me name := linecrm_internal._caller();
BEGIN
	RETURN (SELECT r.rolsuper OR r.oid = n.nspowner FROM pg_roles r, pg_namespace n
			WHERE r.rolname = me AND n.nspname = 'linecrm_internal')
		OR EXISTS (SELECT FROM linecrm_internal.access a JOIN pg_roles r ON r.rolname = a.role_name
			WHERE pg_has_role(me, r.oid, 'USAGE') AND a.store_id IS NULL
				AND (a.channel_id IS NULL OR a.channel_id = _has_profile.channel_id)
				AND (a.profile = _has_profile.profile OR a.profile = 'admin'
					OR array_position(ladder, a.profile) >= array_position(ladder, _has_profile.profile)));
END
$$;
COMMENT ON FUNCTION linecrm_internal._has_profile(text, bigint) IS 'has the caller this profile, or one above it, on that channel';

CREATE FUNCTION linecrm_internal._segment_id(name text, channel_id bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_id bigint;
BEGIN
	SELECT s.segment_id INTO found_id FROM linecrm_internal.segment s
	WHERE s.channel_id = _segment_id.channel_id AND s.name = linecrm_internal._name(_segment_id.name, 'segment');
	IF found_id IS NULL THEN
		PERFORM linecrm_internal._unknown_name('segment', _segment_id.name,
			ARRAY(SELECT s.name FROM linecrm_internal.segment s WHERE s.channel_id = _segment_id.channel_id));
	END IF;
	RETURN found_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._segment_id(text, bigint) IS 'the segment of that name in a channel; an error with the nearest names if there is none';

CREATE FUNCTION linecrm_internal._run_segment(segment_id bigint, OUT members linecrm.friendset, OUT rows bigint, OUT nulls bigint, OUT invalid bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT q.members, q.rows, q.nulls, q.invalid INTO STRICT members, rows, nulls, invalid
	FROM linecrm_internal.segment s
		JOIN linecrm_internal.channel c ON c.channel_id = s.channel_id
		CROSS JOIN LATERAL linecrm_internal._run_query(s.owner_role, s.search_path, s.query, NULL, NULL,
			format('segment "%s"', s.name), c.time_zone) q
	WHERE s.segment_id = _run_segment.segment_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._run_segment(bigint) IS 'everybody a segment names, as it is now, whatever the channel; counts as _run_query';

CREATE FUNCTION linecrm_internal._segment_rows(segment_id bigint) RETURNS TABLE (friend_id bigint, vars jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT q.friend_id, q.vars
	FROM linecrm_internal.segment s
		JOIN linecrm_internal.channel c ON c.channel_id = s.channel_id
		CROSS JOIN LATERAL linecrm_internal._run_rows(s.owner_role, s.search_path, s.query, NULL, NULL,
			format('segment "%s"', s.name), c.time_zone) q
	WHERE s.segment_id = _segment_rows.segment_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._segment_rows(bigint) IS 'the rows of a segment with their variables';

CREATE FUNCTION linecrm.save_segment(name text, query text, note text DEFAULT NULL, channel text DEFAULT NULL) RETURNS integer
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.save_segment(text, text, text, text) IS
	'saves a SELECT that yields friend_id under a name, or makes its next version; it runs with the rights of who saved it. Returns the version';
CREATE FUNCTION linecrm_internal.save_segment(name text, query text, note text, channel text) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(save_segment.channel);
	clean_name text := linecrm_internal._name(save_segment.name, 'segment');
	me name := linecrm_internal._caller();
	my_path text := linecrm_internal._caller_search_path();
	old linecrm_internal.segment;
	variables text[];
	new_version integer;
BEGIN
	IF btrim(coalesce(save_segment.query, ''), E' \t\r\n') = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = format('segment "%s" needs a query', clean_name),
			HINT = 'query => ''SELECT friend_id FROM linecrm.friend WHERE ...''';
	END IF;
	PERFORM pg_advisory_xact_lock(hashtextextended(format('linecrm segment %s %s', cid, clean_name), 0));
	SELECT * INTO old FROM linecrm_internal.segment s WHERE s.channel_id = cid AND s.name = clean_name FOR UPDATE;
	PERFORM linecrm_internal._require_segment_owner(old, 'replace it');
	variables := linecrm_internal._check_query(me, my_path, save_segment.query, NULL, NULL, format('segment "%s"', clean_name),
		(SELECT c.time_zone FROM linecrm_internal.channel c WHERE c.channel_id = cid));

	IF old.query = save_segment.query AND old.search_path = my_path AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname = old.owner_role) THEN
		IF save_segment.note IS DISTINCT FROM old.note AND save_segment.note IS NOT NULL THEN
			UPDATE linecrm_internal.segment s SET note = save_segment.note WHERE s.segment_id = old.segment_id;
			PERFORM linecrm_internal._notice(
				format('segment "%s" has a new note and the same query: still version %s', clean_name, old.version),
				format('セグメント「%s」のメモを変更しました (条件は同じ、バージョン %s のまま)', clean_name, old.version));
		ELSE
			PERFORM linecrm_internal._notice(
				format('segment "%s" is unchanged: version %s of role "%s"', clean_name, old.version, old.owner_role),
				format('セグメント「%s」に変更はありません (バージョン %s、ロール「%s」)', clean_name, old.version, old.owner_role));
		END IF;
		RETURN old.version;
	END IF;

	new_version := coalesce(old.version, 0) + 1;
	IF old.segment_id IS NULL THEN
		INSERT INTO linecrm_internal.segment (channel_id, name, version, query, owner_role, search_path, note)
		VALUES (cid, clean_name, new_version, save_segment.query, me, my_path, save_segment.note)
		RETURNING * INTO old;
	ELSE
		UPDATE linecrm_internal.segment s SET version = new_version, query = save_segment.query, owner_role = me,
			search_path = my_path, note = coalesce(save_segment.note, s.note), saved_at = now()
		WHERE s.segment_id = old.segment_id
		RETURNING * INTO old;
	END IF;
	INSERT INTO linecrm_internal.segment_version (segment_id, version, query, owner_role, search_path, note, saved_at)
	VALUES (old.segment_id, old.version, old.query, old.owner_role, old.search_path, old.note, old.saved_at);
	PERFORM linecrm_internal._audit('save_segment', cid, clean_name, NULL, jsonb_build_object('version', new_version));
	PERFORM linecrm_internal._notice(
		format('segment "%s" saved as version %s; it runs with the rights of role "%s"%s', clean_name, new_version, me,
			CASE WHEN cardinality(variables) > 0 THEN '; variables: ' || array_to_string(variables, ', ') ELSE '' END),
		format('セグメント「%s」をバージョン %s として保存しました。ロール「%s」の権限で実行されます%s', clean_name, new_version, me,
			CASE WHEN cardinality(variables) > 0 THEN '。変数: ' || array_to_string(variables, ', ') ELSE '' END));
	RETURN new_version;
END
$$;
COMMENT ON FUNCTION linecrm_internal.save_segment(text, text, text, text) IS 'the work of linecrm.save_segment';

CREATE FUNCTION linecrm_internal._require_segment_owner(segment linecrm_internal.segment, verb text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = segment.owner_role);
BEGIN
	IF segment.segment_id IS NULL OR linecrm_internal._has_profile('admin', segment.channel_id)
		OR coalesce(pg_has_role(linecrm_internal._caller(), owner, 'USAGE'), false) THEN
		RETURN;
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
		MESSAGE = format('segment "%s" belongs to role "%s": only that role or an admin of the channel may %s', segment.name, segment.owner_role, verb),
		HINT = 'save yours under another name';
END
$$;
COMMENT ON FUNCTION linecrm_internal._require_segment_owner(linecrm_internal.segment, text) IS 'an error unless the caller may change the segment';

CREATE FUNCTION linecrm.drop_segment(name text, channel text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.drop_segment(text, text) IS 'removes a segment; refused while an unfinished delivery uses it';
CREATE FUNCTION linecrm_internal.drop_segment(name text, channel text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(drop_segment.channel);
	wanted bigint := linecrm_internal._segment_id(drop_segment.name, cid);
	old linecrm_internal.segment;
	users text;
BEGIN
	SELECT * INTO STRICT old FROM linecrm_internal.segment s WHERE s.segment_id = wanted FOR UPDATE;
	PERFORM linecrm_internal._require_segment_owner(old, 'drop it');
	SELECT string_agg(u.delivery_id::text, ', ' ORDER BY u.delivery_id) INTO users
	FROM (SELECT d.delivery_id FROM linecrm_internal.delivery d
		WHERE d.slot = -1 AND d.segment_id = old.segment_id
			AND d.finished_at IS NULL AND d.cancelled_at IS NULL AND d.failed_at IS NULL
		ORDER BY d.delivery_id LIMIT 10) u;
	IF users IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_in_use',
			MESSAGE = format('segment "%s" is used by unfinished deliveries', old.name),
			DETAIL = format('Deliveries: %s.', users),
			HINT = 'cancel them with linecrm.cancel(NUMBER), or let them finish';
	END IF;
	DELETE FROM linecrm_internal.segment s WHERE s.segment_id = old.segment_id;
	PERFORM linecrm_internal._audit('drop_segment', cid, old.name, NULL, jsonb_build_object('version', old.version));
END
$$;
COMMENT ON FUNCTION linecrm_internal.drop_segment(text, text) IS 'the work of linecrm.drop_segment';

CREATE FUNCTION linecrm.segment_set(name text, channel text DEFAULT NULL) RETURNS linecrm.friendset
LANGUAGE c STABLE PARALLEL UNSAFE COST 100000 AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.segment_set(text, text) IS 'the friends of the channel whom a segment names now';
CREATE FUNCTION linecrm_internal.segment_set(name text, channel text) RETURNS linecrm.friendset
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(segment_set.channel);
	named linecrm.friendset;
BEGIN
	SELECT r.members INTO named
	FROM linecrm_internal._run_segment(linecrm_internal._segment_id(segment_set.name, cid)) r;
	RETURN (SELECT linecrm.friendset_agg(f.friend_id) FROM linecrm.friend_ids(named) AS n (friend_id)
		JOIN linecrm_internal.friend f ON f.friend_id = n.friend_id WHERE f.channel_id = cid);
END
$$;
COMMENT ON FUNCTION linecrm_internal.segment_set(text, text) IS 'the work of linecrm.segment_set';

CREATE VIEW linecrm.segment WITH (security_invoker = true) AS
	SELECT c.name AS channel, s.name, s.query, s.owner_role::text AS owner_role, s.search_path, s.note, s.version, s.saved_at
	FROM linecrm_internal.segment s JOIN linecrm_internal.channel c ON c.channel_id = s.channel_id;
COMMENT ON VIEW linecrm.segment IS 'segments as they are now, with their query and the role whose rights they run with';
