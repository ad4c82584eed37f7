/*
 * 900_privileges.sql
 *   Who may do what. Nothing is granted to PUBLIC and no role is created: grant_access() grants what profile_grant
 *   lists for a profile and all below it.
 *
 * profile_grant is a view over VALUES, not a table, because it belongs to the version of the extension and not to the
 * data. One line a public function (all its overloads), by the lowest of reader < analyst < marketer < operator <
 * admin that may call it, plus a line for app or gateway where those may as well; "owner" is what no role gets.
 * Immutable functions and those behind types, operators and casts need no line: every profile has them. Views: "reader".
 */

CREATE VIEW linecrm_internal.profile_grant (profile, object_kind, object_name) AS VALUES
	-- access and channels
	('reader',   'function', 'my_channels'),
	('admin',    'function', 'grant_access'),
	('admin',    'function', 'revoke_access'),
	('admin',    'function', 'save_channel'),
	('admin',    'function', 'drop_channel'),
	('admin',    'function', 'set_credential'),
	('operator', 'function', 'hold_channel'),
	('operator', 'function', 'resume_channel'),
	('owner',    'function', 'adopt_database'),
	-- inbound
	('gateway',  'function', 'receive_webhook'),
	('gateway',  'function', 'receive_webhooks'),
	('operator', 'function', 'process_inbox'),
	('operator', 'function', 'retry_inbox_errors'),
	('operator', 'function', 'refresh_channel'),
	('operator', 'function', 'refresh_profile'),
	('app',      'function', 'refresh_profile'),
	('operator', 'function', 'show_loading'),
	('app',      'function', 'show_loading'),
	-- friends, tags, members
	('operator', 'function', 'import_friends'),
	('admin',    'function', 'forget_friend'),
	('marketer', 'function', 'set_nickname'),
	('reader',   'function', 'friend_timeline'),
	('marketer', 'function', 'save_tag'),
	('marketer', 'function', 'drop_tag'),
	('marketer', 'function', 'merge_tag'),
	('marketer', 'function', 'add_tag'),
	('app',      'function', 'add_tag'),
	('marketer', 'function', 'remove_tag'),
	('app',      'function', 'remove_tag'),
	('marketer', 'function', 'tag_friends'),
	('marketer', 'function', 'untag_friends'),
	('operator', 'function', 'link_member'),
	('app',      'function', 'link_member'),
	('operator', 'function', 'unlink_member'),
	('app',      'function', 'unlink_member'),
	('reader',   'function', 'friend_of_user'),
	('app',      'function', 'friend_of_user'),
	('reader',   'function', 'friend_of_member'),
	('app',      'function', 'friend_of_member'),
	-- segments and sets
	('analyst',  'function', 'save_segment'),
	('analyst',  'function', 'drop_segment'),
	('analyst',  'function', 'segment_set'),
	('analyst',  'function', 'tag_set'),
	('analyst',  'function', 'delivery_set'),
	('analyst',  'function', 'tap_set'),
	-- messages and deliveries
	('marketer', 'function', 'save_message'),
	('marketer', 'function', 'drop_message'),
	('reader',   'function', 'validate_messages'),
	('marketer', 'function', 'preview'),
	('marketer', 'function', 'preview_delivery'),
	('marketer', 'function', 'deliver'),
	('marketer', 'function', 'deliver_to_everyone'),
	('marketer', 'function', 'release'),
	('marketer', 'function', 'cancel'),
	('app',      'function', 'cancel'),
	('operator', 'function', 'hold'),
	('operator', 'function', 'resume'),
	('operator', 'function', 'retry_rejected'),
	('operator', 'function', 'decide_unknown'),
	('marketer', 'function', 'push'),
	('app',      'function', 'push'),
	('marketer', 'function', 'push_member'),
	('app',      'function', 'push_member'),
	('reader',   'function', 'explain'),
	-- operation
	('reader',   'function', 'doctor'),
	('gateway',  'function', 'doctor'),
	('reader',   'function', 'help'),
	('app',      'function', 'help'),
	('operator', 'function', 'check_integrity');
COMMENT ON VIEW linecrm_internal.profile_grant IS 'what each profile may do: the lowest profile of a public function, and app or gateway where they may too';

CREATE FUNCTION linecrm_internal._profiles_of(function oid) RETURNS SETOF text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT g.profile FROM pg_catalog.pg_proc p JOIN linecrm_internal.profile_grant g ON g.object_name = p.proname
	WHERE p.oid = _profiles_of.function AND g.object_kind = 'function';
END;
COMMENT ON FUNCTION linecrm_internal._profiles_of(oid) IS 'the profiles a public function is listed for; access.c asks';

CREATE FUNCTION linecrm_internal._included_profiles(profile text) RETURNS text[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT CASE _included_profiles.profile
		WHEN 'reader' THEN ARRAY['reader']
		WHEN 'analyst' THEN ARRAY['reader', 'analyst']
		WHEN 'marketer' THEN ARRAY['reader', 'analyst', 'marketer']
		WHEN 'operator' THEN ARRAY['reader', 'analyst', 'marketer', 'operator']
		WHEN 'admin' THEN ARRAY['reader', 'analyst', 'marketer', 'operator', 'admin', 'app', 'gateway']
		WHEN 'app' THEN ARRAY['app']
		WHEN 'gateway' THEN ARRAY['gateway']
	END;
END;
COMMENT ON FUNCTION linecrm_internal._included_profiles(text) IS 'a profile and all it includes; access.c says the same';

CREATE FUNCTION linecrm_internal._support_functions() RETURNS SETOF oid
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT p.oid FROM pg_catalog.pg_proc p
	WHERE p.pronamespace IN ('linecrm'::pg_catalog.regnamespace, 'linecrm_internal'::pg_catalog.regnamespace) AND (
		(p.pronamespace = 'linecrm'::pg_catalog.regnamespace AND p.provolatile = 'i')
		OR p.oid IN (SELECT unnest(ARRAY[t.typinput, t.typoutput, t.typreceive, t.typsend]::oid[]) FROM pg_catalog.pg_type t)
		OR p.oid IN (SELECT o.oprcode FROM pg_catalog.pg_operator o)
		OR p.oid IN (SELECT c.castfunc FROM pg_catalog.pg_cast c)
		OR p.oid IN (SELECT a.amproc FROM pg_catalog.pg_amproc a)
		OR p.oid IN (SELECT unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
			a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::oid[]) FROM pg_catalog.pg_aggregate a));
END;
COMMENT ON FUNCTION linecrm_internal._support_functions() IS 'functions that every profile has: immutable public ones, and what types, operators, casts and aggregates are made of';

CREATE FUNCTION linecrm_internal._reader_objects() RETURNS TABLE (kind text, object oid)
LANGUAGE sql STABLE
BEGIN ATOMIC
	WITH RECURSIVE needed (class, object) AS (
		SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid, c.oid FROM pg_catalog.pg_class c
		WHERE c.relnamespace = 'linecrm'::pg_catalog.regnamespace AND c.relkind = 'v'
		UNION
		SELECT d.refclassid, d.refobjid FROM needed n
			JOIN pg_catalog.pg_rewrite r ON n.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND r.ev_class = n.object
			JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
				AND d.refclassid IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass)
	), ours (class, object) AS (
		SELECT n.class, n.object FROM needed n
		UNION
		SELECT d.refclassid, d.refobjid FROM pg_catalog.pg_depend d
			JOIN pg_catalog.pg_policy pol ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND pol.oid = d.objid
			JOIN pg_catalog.pg_class c ON c.oid = pol.polrelid AND c.relnamespace = 'linecrm_internal'::pg_catalog.regnamespace
		WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
	)
	SELECT 'table', c.oid FROM ours o
		JOIN pg_catalog.pg_class c ON o.class = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = o.object
	WHERE c.relnamespace IN ('linecrm'::pg_catalog.regnamespace, 'linecrm_internal'::pg_catalog.regnamespace)
	UNION ALL
	SELECT 'function', p.oid FROM ours o
		JOIN pg_catalog.pg_proc p ON o.class = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = o.object
	WHERE p.pronamespace IN ('linecrm'::pg_catalog.regnamespace, 'linecrm_internal'::pg_catalog.regnamespace);
END;
COMMENT ON FUNCTION linecrm_internal._reader_objects() IS 'the public views, the tables and functions that they need (they run with the rights of who reads them), and what policies call';

CREATE FUNCTION linecrm_internal._profile_privileges(profile text) RETURNS TABLE (privilege text, object text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	included text[] := linecrm_internal._included_profiles(_profile_privileges.profile);
BEGIN
	RETURN QUERY
	SELECT 'USAGE'::text, 'SCHEMA linecrm'::text
	UNION ALL SELECT 'USAGE', 'SCHEMA linecrm_internal' WHERE 'reader' = ANY (included)
	UNION ALL SELECT 'USAGE', 'TYPE ' || t.oid::regtype FROM pg_type t
		WHERE t.typnamespace = 'linecrm'::regnamespace AND t.typrelid = 0 AND t.typcategory <> 'A'
	UNION ALL SELECT 'EXECUTE', 'ROUTINE ' || f.oid::regprocedure FROM (
		SELECT s AS oid FROM linecrm_internal._support_functions() s
		UNION SELECT p.oid FROM pg_proc p JOIN linecrm_internal.profile_grant g
			ON g.object_kind = 'function' AND g.object_name = p.proname AND g.profile = ANY (included)
			WHERE p.pronamespace = 'linecrm'::regnamespace
		UNION SELECT r.object FROM linecrm_internal._reader_objects() r WHERE r.kind = 'function' AND 'reader' = ANY (included)) f
	UNION ALL SELECT 'SELECT', 'TABLE ' || r.object::regclass FROM linecrm_internal._reader_objects() r
		WHERE r.kind = 'table' AND 'reader' = ANY (included);
END
$$;
COMMENT ON FUNCTION linecrm_internal._profile_privileges(text) IS 'what grant_access grants for a profile';

CREATE FUNCTION linecrm_internal._grant_profile(role name, profile text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p record;
BEGIN
	FOR p IN SELECT * FROM linecrm_internal._profile_privileges(_grant_profile.profile) LOOP
		EXECUTE format('GRANT %s ON %s TO %I', p.privilege, p.object, _grant_profile.role);
	END LOOP;
END
$$;
COMMENT ON FUNCTION linecrm_internal._grant_profile(name, text) IS 'GRANTs what a profile needs to a role';

CREATE FUNCTION linecrm_internal._revoke_everything(role name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t regtype;
BEGIN
	EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA linecrm, linecrm_internal FROM %I', _revoke_everything.role);
	EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA linecrm, linecrm_internal FROM %I', _revoke_everything.role);
	FOR t IN SELECT oid FROM pg_type WHERE typnamespace = 'linecrm'::regnamespace AND typrelid = 0 AND typcategory <> 'A' LOOP
		EXECUTE format('REVOKE ALL ON TYPE %s FROM %I', t, _revoke_everything.role);
	END LOOP;
	EXECUTE format('REVOKE ALL ON SCHEMA linecrm, linecrm_internal FROM %I', _revoke_everything.role);
END
$$;
COMMENT ON FUNCTION linecrm_internal._revoke_everything(name) IS 'takes every privilege on linecrm from a role';

CREATE FUNCTION linecrm_internal._regrant_access() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM linecrm_internal._grant_profile(a.role_name, a.profile)
	FROM (SELECT DISTINCT x.role_name, x.profile FROM linecrm_internal.access x) a
	WHERE EXISTS (SELECT FROM pg_roles r WHERE r.rolname = a.role_name);
END
$$;
COMMENT ON FUNCTION linecrm_internal._regrant_access() IS 'for upgrade scripts: grants what a new version added to the roles that have access';

CREATE FUNCTION linecrm.grant_access(role regrole, profile text, channel text DEFAULT NULL, store text DEFAULT NULL) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.grant_access(regrole, text, text, text) IS
	'lets a role work with a channel (NULL: with all, also future ones): reader < analyst < marketer < operator < admin; app; gateway. A store only for readers';
CREATE FUNCTION linecrm_internal.grant_access(role regrole, profile text, channel text, store text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	grantee name := (SELECT r.rolname FROM pg_roles r WHERE r.oid = grant_access.role);
	cid bigint;
	sid bigint;
	new_id bigint;
BEGIN
	IF grantee IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('there is no role %s', coalesce(grant_access.role::text, 'NULL')), HINT = 'CREATE ROLE first';
	ELSIF linecrm_internal._included_profiles(grant_access.profile) IS NULL THEN
		PERFORM linecrm_internal._unknown_name('profile', grant_access.profile,
			ARRAY['reader', 'analyst', 'marketer', 'operator', 'admin', 'app', 'gateway']);
	END IF;
	IF grant_access.channel IS NOT NULL THEN
		cid := linecrm_internal._channel_id(grant_access.channel);
	ELSIF NOT linecrm_internal._has_profile('admin', NULL) THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" may not grant access to all channels', linecrm_internal._caller()),
			HINT = 'say which one: channel => ''NAME''';
	END IF;
	IF grant_access.store IS NOT NULL THEN
		sid := linecrm_internal._store_id(grant_access.store, cid, grant_access.profile);
	END IF;

	LOCK TABLE linecrm_internal.access IN SHARE ROW EXCLUSIVE MODE;
	SELECT a.access_id INTO new_id FROM linecrm_internal.access a
	WHERE a.role_name = grantee AND a.profile = grant_access.profile
		AND a.channel_id IS NOT DISTINCT FROM cid AND a.store_id IS NOT DISTINCT FROM sid;
	IF new_id IS NULL THEN
		INSERT INTO linecrm_internal.access (role_name, profile, channel_id, store_id, granted_by)
		VALUES (grantee, grant_access.profile, cid, sid, linecrm_internal._caller())
		RETURNING access_id INTO new_id;
		PERFORM linecrm_internal._audit('grant_access', cid, grantee::text, NULL,
			jsonb_build_object('profile', grant_access.profile, 'store', grant_access.store));
	ELSE
		PERFORM linecrm_internal._notice(format('role "%s" has this access already', grantee),
			format('ロール「%s」にはすでにこの権限があります', grantee));
	END IF;
	PERFORM linecrm_internal._grant_profile(grantee, grant_access.profile);
	RETURN new_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal.grant_access(regrole, text, text, text) IS 'the work of linecrm.grant_access';

CREATE FUNCTION linecrm_internal._store_id(store text, channel_id bigint, profile text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_id bigint;
BEGIN
	IF _store_id.channel_id IS NULL OR _store_id.profile <> 'reader' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'access to one store is for profile reader in a named channel',
			DETAIL = 'What the other profiles do concerns the whole account.';
	END IF;
	SELECT s.store_id INTO found_id FROM linecrm_internal.store s
	WHERE s.channel_id = _store_id.channel_id AND s.name = linecrm_internal._name(_store_id.store, 'store');
	IF found_id IS NULL THEN
		PERFORM linecrm_internal._unknown_name('store', _store_id.store,
			ARRAY(SELECT s.name FROM linecrm_internal.store s WHERE s.channel_id = _store_id.channel_id));
	END IF;
	RETURN found_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._store_id(text, bigint, text) IS 'the store that access is granted to';

CREATE FUNCTION linecrm.revoke_access(role regrole) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.revoke_access(regrole) IS 'takes from a role all access that the caller could grant; returns how many grants of grant_access() that were';
CREATE FUNCTION linecrm_internal.revoke_access(role regrole) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	grantee name := (SELECT r.rolname FROM pg_roles r WHERE r.oid = revoke_access.role);
	everything boolean := linecrm_internal._has_profile('admin', NULL);
	mine bigint[] := linecrm.my_channels();
	removed bigint;
BEGIN
	IF grantee IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('there is no role %s', coalesce(revoke_access.role::text, 'NULL'));
	ELSIF NOT everything AND cardinality(mine) = 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" may not revoke access on any channel', linecrm_internal._caller());
	END IF;
	LOCK TABLE linecrm_internal.access IN SHARE ROW EXCLUSIVE MODE;
	WITH gone AS (
		DELETE FROM linecrm_internal.access a WHERE a.role_name = grantee AND (everything OR a.channel_id = ANY (mine))
		RETURNING a.access_id)
	SELECT count(*) INTO removed FROM gone;
	PERFORM linecrm_internal._revoke_everything(grantee);
	PERFORM linecrm_internal._grant_profile(grantee, rest.profile)
	FROM (SELECT DISTINCT a.profile FROM linecrm_internal.access a WHERE a.role_name = grantee) rest;
	PERFORM linecrm_internal._audit('revoke_access', NULL, grantee::text, NULL, jsonb_build_object('grants', removed));
	RETURN removed;
END
$$;
COMMENT ON FUNCTION linecrm_internal.revoke_access(regrole) IS 'the work of linecrm.revoke_access';

-- Nothing for PUBLIC: functions and types come with privileges that have to be taken away.
REVOKE ALL ON ALL ROUTINES IN SCHEMA linecrm, linecrm_internal FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA linecrm, linecrm_internal FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA linecrm, linecrm_internal FROM PUBLIC;
DO $$
DECLARE
	t regtype;
BEGIN
	FOR t IN SELECT oid FROM pg_catalog.pg_type
		WHERE typnamespace IN ('linecrm'::pg_catalog.regnamespace, 'linecrm_internal'::pg_catalog.regnamespace)
			AND typcategory <> 'A'
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON TYPE %s FROM PUBLIC', t);
	END LOOP;
END
$$;
