\set VERBOSITY default
SET client_min_messages = warning; DROP EXTENSION IF EXISTS linecrm CASCADE; CREATE EXTENSION linecrm; RESET client_min_messages;
-- Who may do what, compared with the catalogue. Queries list offenders: no row is the expected answer.

-- public functions that have no line in profile_grant (immutable and supporting ones need none
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'linecrm'::regnamespace AND p.oid NOT IN (SELECT linecrm_internal._support_functions())
	AND NOT EXISTS (SELECT FROM linecrm_internal.profile_grant g WHERE g.object_kind = 'function' AND g.object_name = p.proname)
ORDER BY p.oid::regprocedure::text COLLATE "C";
-- and lines without a function
SELECT g.profile, g.object_name FROM linecrm_internal.profile_grant g
WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'linecrm'::regnamespace AND p.proname = g.object_name) ORDER BY 1, 2;

-- tables that readers may read although no policy restricts their rows
SELECT r.object::regclass FROM linecrm_internal._reader_objects() r JOIN pg_class c ON c.oid = r.object
WHERE r.kind = 'table' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity ORDER BY r.object::regclass::text COLLATE "C";
-- tables that readers may read although they hold secrets or rights
SELECT r.object::regclass FROM linecrm_internal._reader_objects() r
WHERE r.object IN ('linecrm_internal.credential'::regclass, 'linecrm_internal.access'::regclass);

-- tables with a channel_id and no policy; partitions that somebody was granted
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace = 'linecrm_internal'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT c.relrowsecurity
	AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'channel_id') ORDER BY c.oid::regclass::text COLLATE "C";
SELECT r.object::regclass FROM linecrm_internal._reader_objects() r JOIN pg_class c ON c.oid = r.object WHERE c.relispartition;
-- policies with a sub-select
SELECT polrelid::regclass FROM pg_policy WHERE polrelid::regclass::text LIKE 'linecrm%' AND pg_get_expr(polqual, polrelid) ~* 'select';

-- anything granted to PUBLIC
SELECT 'schema', n.oid::regnamespace::text FROM pg_namespace n, aclexplode(n.nspacl) a WHERE a.grantee = 0 AND n.nspname LIKE 'linecrm%'
UNION ALL
SELECT 'function', p.oid::regprocedure::text FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
	WHERE a.grantee = 0 AND p.pronamespace::regnamespace::text LIKE 'linecrm%'
UNION ALL
SELECT 'table', c.oid::regclass::text FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
	WHERE a.grantee = 0 AND c.relnamespace::regnamespace::text LIKE 'linecrm%' AND c.relkind IN ('r', 'p', 'v', 'S')
UNION ALL
SELECT 'type', t.oid::regtype::text FROM pg_type t, aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) a
	WHERE a.grantee = 0 AND t.typnamespace::regnamespace::text LIKE 'linecrm%' AND t.typcategory <> 'A'
ORDER BY 1, 2;

-- functions that run with more rights than their caller's, other than through the trampoline
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.prosecdef AND p.pronamespace::regnamespace::text LIKE 'linecrm%';
-- trampolines without a twin, and twins that take or return something else
SELECT p.oid::regprocedure FROM pg_proc p
LEFT JOIN pg_proc i ON i.pronamespace = 'linecrm_internal'::regnamespace AND i.proname = p.proname AND i.proargtypes = p.proargtypes
WHERE p.prosrc = 'linecrm_call_inner'
	AND (i.oid IS NULL OR (i.prorettype, i.proretset, i.provariadic, i.prokind) <> (p.prorettype, p.proretset, p.provariadic, p.prokind)
		OR i.proallargtypes IS DISTINCT FROM p.proallargtypes OR i.proargnames IS DISTINCT FROM p.proargnames)
ORDER BY p.oid::regprocedure::text COLLATE "C";
-- trampolines that claim less than their twin does: a stable function may be called where a volatile one is refused
SELECT p.oid::regprocedure, p.provolatile, i.provolatile FROM pg_proc p
JOIN pg_proc i ON i.pronamespace = 'linecrm_internal'::regnamespace AND i.proname = p.proname AND i.proargtypes = p.proargtypes
WHERE p.prosrc = 'linecrm_call_inner' AND (p.provolatile <> i.provolatile OR p.proparallel <> 'u') ORDER BY p.oid::regprocedure::text COLLATE "C";

-- text that is made into SQL: every function that EXECUTEs is in this list, none of them runs what a user wrote
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace::regnamespace::text LIKE 'linecrm%' AND l.lanname = 'plpgsql' AND p.prosrc ~* '\mEXECUTE\M' ORDER BY p.oid::regprocedure::text COLLATE "C";

-- A role that is admin of channel b meets channel a: every public function refuses it.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE ROLE regress_b;
INSERT INTO linecrm_internal.channel (channel_id, name, provider, created_by) VALUES (1, 'a', 'p', 'x'), (2, 'b', 'p', 'x');
INSERT INTO linecrm_internal.friend (friend_id, channel_id, user_id) VALUES (1, 1, 'U00000000000000000000000000000001');
INSERT INTO linecrm_internal.friend_directory (channel_id, user_id, friend_id) VALUES (1, 'U00000000000000000000000000000001', 1);
INSERT INTO linecrm_internal.tag (tag_id, channel_id, name, created_by) VALUES (1, 1, 'vip', 'x');
INSERT INTO linecrm_internal.delivery (slot, delivery_id, channel_id, kind, class, key, created_by) VALUES (-1, 1, 1, 'campaign', 'marketing', 'first', 'x');
SELECT linecrm.grant_access('regress_b', 'admin', channel => 'b') > 0;

CREATE FUNCTION pg_temp.argument(function text, name text, type text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE
		WHEN name ~ '^channel' AND type = 'text[]' THEN '''{a}'''
		WHEN name IN ('channel', 'channels') THEN '''a'''
		WHEN name = 'name' AND function ~ '_channel$' THEN '''a'''
		WHEN name = 'line_channel_id' THEN '''1'''
		WHEN name = 'time_zone' THEN '''UTC'''
		WHEN name = 'profile' THEN '''reader'''
		WHEN type = 'regrole' THEN '''regress_b'''
		WHEN name = 'messages' THEN '''[{"type":"text","text":"x"}]'''
		WHEN name = 'tag' THEN '''vip'''
		WHEN name = 'query' THEN '''SELECT 1'''
		WHEN name = 'key' THEN '''first'''
		WHEN name = 'kind' THEN '''channel_secret'''
		WHEN type IN ('bigint', 'integer', 'smallint', 'numeric') THEN '1'
		WHEN type = 'boolean' THEN 'false'
		WHEN type = 'jsonb' THEN '''{}'''
		WHEN type = 'linecrm.friendset' THEN '''{1}'''
		WHEN type = 'linecrm.line_user_id' THEN '''U00000000000000000000000000000001'''
		WHEN type = 'linecrm.line_user_id[]' THEN '''{U00000000000000000000000000000001}'''
		WHEN type ~ 'moment|timestamp' THEN '''2030-01-01'''
		WHEN type = 'interval' THEN '''1 day'''
		WHEN type = 'bytea[]' THEN '''{x}'''
		WHEN type ~ '\[\]$' THEN '''{x}'''
		WHEN type IN ('anyelement', 'anynonarray', 'anycompatible') THEN '''x''::text'
		ELSE '''x''' END || CASE WHEN type ~ '^any' THEN '' ELSE '::' || type END $$;
CREATE FUNCTION pg_temp.attempt(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_b;
	EXECUTE call;
	RAISE EXCEPTION 'it ran' USING ERRCODE = 'P0004';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	RETURN CASE WHEN SQLSTATE = '42501' THEN 'refused' WHEN SQLSTATE = 'P0004' THEN 'RAN' ELSE SQLSTATE || ' ' || SQLERRM END;
END $$;
-- What is not simply refused is looked at here one by one: doctor and help tell nothing of a channel; process_inbox works on
-- the caller's channels; receive_webhooks answers in its rows; revoke_access takes only what the caller could grant.
SELECT f.signature, answer FROM (
	SELECT p.oid::regprocedure::text AS signature, format('SELECT linecrm.%I(%s)', p.proname,
		(SELECT string_agg(format('%I => %s', a.name, pg_temp.argument(p.proname, a.name, a.type::regtype::text)), ', ' ORDER BY a.n)
		FROM (SELECT p.proargnames[n] AS name, p.proargtypes[n - 1] AS type, n FROM generate_series(1, p.pronargs) n) a
		WHERE p.provariadic = 0 OR a.n < p.pronargs)) AS call
	FROM pg_proc p WHERE p.prosrc = 'linecrm_call_inner') f
CROSS JOIN LATERAL pg_temp.attempt(f.call) AS answer
WHERE answer <> 'refused' ORDER BY f.signature COLLATE "C";

-- Values of a type whose owner wrote casts: none of them runs with the rights of the extension.
CREATE TYPE pg_temp.mood AS ENUM ('fine');
CREATE FUNCTION pg_temp.mood_text(pg_temp.mood) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the cast ran as %', current_user; END $$;
CREATE FUNCTION pg_temp.mood_json(pg_temp.mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the cast ran as %', current_user; END $$;
CREATE CAST (pg_temp.mood AS text) WITH FUNCTION pg_temp.mood_text(pg_temp.mood);
CREATE CAST (pg_temp.mood AS json) WITH FUNCTION pg_temp.mood_json(pg_temp.mood);
SELECT f.signature, pg_temp.attempt(f.call) AS answer FROM (
	SELECT p.oid::regprocedure::text AS signature, format('SELECT linecrm.%I(%s)', p.proname,
		(SELECT string_agg(format('%I => %s', a.name, CASE WHEN a.type::regtype::text ~ '^any' THEN '''fine''::pg_temp.mood'
			WHEN a.name = 'channel' THEN '''b''' ELSE pg_temp.argument(p.proname, a.name, a.type::regtype::text) END), ', ' ORDER BY a.n)
		FROM (SELECT p.proargnames[n] AS name, p.proargtypes[n - 1] AS type, n FROM generate_series(1, p.pronargs) n) a)) AS call
	FROM pg_proc p WHERE p.prosrc = 'linecrm_call_inner' AND p.provariadic = 0
		AND EXISTS (SELECT FROM unnest(p.proargtypes) t WHERE t::regtype::text ~ '^any')) f
ORDER BY f.signature COLLATE "C";
ROLLBACK;
