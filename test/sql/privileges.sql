\set VERBOSITY default
SET client_min_messages = warning; DROP EXTENSION IF EXISTS linecrm CASCADE; CREATE EXTENSION linecrm; RESET client_min_messages;
-- Who may do what, compared with the catalogue. Queries list offenders: no row is the expected answer.

-- public functions that have no line in profile_grant (immutable and supporting ones need none), and lines without a function
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'linecrm'::regnamespace AND p.oid NOT IN (SELECT linecrm_internal._support_functions())
	AND NOT EXISTS (SELECT FROM linecrm_internal.profile_grant g WHERE g.object_kind = 'function' AND g.object_name = p.proname)
ORDER BY 1::text COLLATE "C";
SELECT * FROM linecrm_internal.profile_grant g
WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'linecrm'::regnamespace AND p.proname = g.object_name);

-- tables that readers may read although no policy restricts their rows
SELECT r.object::regclass FROM linecrm_internal._reader_objects() r JOIN pg_class c ON c.oid = r.object
WHERE r.kind = 'table' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity ORDER BY 1::text COLLATE "C";
