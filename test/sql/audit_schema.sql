-- The house rules that a catalogue can check. Every query lists offenders: no row is the expected answer.
\set VERBOSITY default
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;
RESET client_min_messages;

-- public objects without a comment
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'linecrm'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL ORDER BY 1::text COLLATE "C";
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace = 'linecrm'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p') AND obj_description(c.oid, 'pg_class') IS NULL ORDER BY 1::text COLLATE "C";
SELECT t.oid::regtype FROM pg_type t
WHERE t.typnamespace = 'linecrm'::regnamespace AND t.typrelid = 0 AND t.typelem = 0 AND obj_description(t.oid, 'pg_type') IS NULL ORDER BY 1::text COLLATE "C";

-- tables live in linecrm_internal, singular or not, and say their kind: friend, config, local
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'linecrm'::regnamespace AND c.relkind IN ('r', 'p', 'S') ORDER BY 1::text COLLATE "C";
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace = 'linecrm_internal'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
	AND coalesce(obj_description(c.oid, 'pg_class'), '') !~ '^(friend|config|local): ' ORDER BY 1::text COLLATE "C";

-- per-friend tables: friend_id first in every unique key, a channel_id, no trigger, no partition
SELECT c.oid::regclass, i.indexrelid::regclass
FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisunique
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE c.relnamespace = 'linecrm_internal'::regnamespace AND obj_description(c.oid, 'pg_class') ~ '^friend: ' AND a.attname <> 'friend_id';
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace = 'linecrm_internal'::regnamespace AND obj_description(c.oid, 'pg_class') ~ '^friend: '
	AND (NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'channel_id' AND a.attnotnull)
		OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid) OR c.relkind = 'p');

-- no foreign key, no trigger, no identity column, nothing unlogged, no enum, timestamptz only
SELECT conrelid::regclass, conname FROM pg_constraint
WHERE contype = 'f' AND connamespace IN ('linecrm'::regnamespace, 'linecrm_internal'::regnamespace);
SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace IN ('linecrm'::regnamespace, 'linecrm_internal'::regnamespace);
SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'linecrm_internal'::regnamespace AND a.attidentity <> '';
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace = 'linecrm_internal'::regnamespace AND c.relkind IN ('r', 'S') AND c.relpersistence <> 'p';
SELECT t.oid::regtype FROM pg_type t
WHERE t.typnamespace IN ('linecrm'::regnamespace, 'linecrm_internal'::regnamespace) AND t.typtype = 'e';
SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace IN ('linecrm'::regnamespace, 'linecrm_internal'::regnamespace) AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
	AND a.attnum > 0 AND NOT a.attisdropped
	AND ((a.atttypid = 'timestamptz'::regtype) <> (a.attname ~ '_at$|^due_at$|_until$|_since$|^not_after$') OR a.atttypid = 'timestamp'::regtype)
ORDER BY 1::text COLLATE "C", 2;

-- pg_dump saves every table, partition and sequence
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace IN ('linecrm'::regnamespace, 'linecrm_internal'::regnamespace) AND c.relkind IN ('r', 'p', 'S')
	AND NOT c.oid = ANY (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'linecrm') ORDER BY 1::text COLLATE "C";

-- views: security_invoker, no type that a report tool cannot read, times end in _at
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace IN ('linecrm'::regnamespace, 'linecrm_internal'::regnamespace) AND c.relkind = 'v'
	AND NOT coalesce('security_invoker=true' = ANY (c.reloptions) OR 'security_invoker=on' = ANY (c.reloptions), false)
	-- views over VALUES alone read nothing
	AND EXISTS (SELECT FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
		WHERE r.ev_class = c.oid AND d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid)
ORDER BY 1::text COLLATE "C";
SELECT a.attrelid::regclass, a.attname, a.atttypid::regtype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'linecrm'::regnamespace AND c.relkind = 'v' AND a.attnum > 0
	AND a.atttypid::regtype::text IN ('linecrm.friendset', 'linecrm.line_user_id', 'linecrm.moment', 'bytea', 'name')
ORDER BY 1::text COLLATE "C", 2;

-- no parameter or column is a reserved word
SELECT p.oid::regprocedure, arg FROM pg_proc p CROSS JOIN LATERAL unnest(p.proargnames) AS arg
WHERE p.pronamespace = 'linecrm'::regnamespace AND arg IN (SELECT word FROM pg_get_keywords() WHERE catcode = 'R') ORDER BY 1::text COLLATE "C";
SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'linecrm'::regnamespace AND c.relkind = 'v' AND a.attnum > 0
	AND a.attname IN (SELECT word FROM pg_get_keywords() WHERE catcode = 'R') ORDER BY 1::text COLLATE "C";

-- functions: SQL ones are BEGIN ATOMIC, PL/pgSQL ones pin search_path, nobody is SECURITY DEFINER unless listed
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace IN ('linecrm'::regnamespace, 'linecrm_internal'::regnamespace) AND l.lanname = 'sql' AND p.prosqlbody IS NULL ORDER BY 1::text COLLATE "C";
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace IN ('linecrm'::regnamespace, 'linecrm_internal'::regnamespace) AND l.lanname = 'plpgsql'
	AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false) ORDER BY 1::text COLLATE "C";
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace IN ('linecrm'::regnamespace, 'linecrm_internal'::regnamespace) AND p.prosecdef ORDER BY 1::text COLLATE "C";

-- SQL functions on per-friend tables: views or PL/pgSQL instead (a distributed planner refuses parameterised SQL functions over them)
SELECT DISTINCT p.oid::regprocedure, d.refobjid::regclass FROM pg_proc p
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass
WHERE p.pronamespace IN ('linecrm'::regnamespace, 'linecrm_internal'::regnamespace) AND obj_description(d.refobjid, 'pg_class') ~ '^friend: ';

-- what people see in \df and \dv stays small enough to read
SELECT count(*) < 80 AS functions_fit FROM pg_proc p
WHERE p.pronamespace = 'linecrm'::regnamespace AND p.prokind = 'f'
	AND NOT EXISTS (SELECT FROM pg_type t WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend))
	AND NOT EXISTS (SELECT FROM pg_operator o WHERE o.oprcode = p.oid)
	AND NOT EXISTS (SELECT FROM pg_cast c WHERE c.castfunc = p.oid)
	AND NOT EXISTS (SELECT FROM pg_amproc a WHERE a.amproc = p.oid)
	AND NOT EXISTS (SELECT FROM pg_aggregate a WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn));
SELECT count(*) < 30 AS views_fit FROM pg_class c WHERE c.relnamespace = 'linecrm'::regnamespace AND c.relkind = 'v';
