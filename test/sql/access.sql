\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning; DROP EXTENSION IF EXISTS linecrm CASCADE; CREATE EXTENSION linecrm; RESET client_min_messages;
-- The trampoline, with public functions and inner twins made for this test.
BEGIN;
CREATE ROLE regress_shop;
CREATE ROLE regress_web;
CREATE SCHEMA toy;
GRANT USAGE ON SCHEMA linecrm, linecrm_internal, toy TO regress_shop, regress_web;

CREATE FUNCTION linecrm.toy_who(note text DEFAULT 'x') RETURNS text LANGUAGE c AS '$libdir/linecrm', 'linecrm_call_inner';
CREATE FUNCTION linecrm_internal.toy_who(note text) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN format('%s: caller %s, path %s, %s', coalesce(note, 'NULL'), linecrm_internal._caller(), linecrm_internal._caller_search_path(),
	CASE WHEN current_user = (SELECT nspowner::regrole::name FROM pg_namespace WHERE nspname = 'linecrm_internal') THEN 'as owner' ELSE 'NOT as owner' END); END $$;
CREATE FUNCTION linecrm.toy_nested() RETURNS text LANGUAGE c AS '$libdir/linecrm', 'linecrm_call_inner';
CREATE FUNCTION linecrm_internal.toy_nested() RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN linecrm.toy_who('nested'); END $$;
CREATE FUNCTION linecrm.toy_fail(text) RETURNS text LANGUAGE c AS '$libdir/linecrm', 'linecrm_call_inner';
CREATE FUNCTION linecrm_internal.toy_fail(text) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RAISE EXCEPTION 'toy says %', $1; END $$;
CREATE FUNCTION linecrm.toy_rows(a int, OUT n int, OUT who name) RETURNS SETOF record LANGUAGE c AS '$libdir/linecrm', 'linecrm_call_inner';
CREATE FUNCTION linecrm_internal.toy_rows(a int, OUT n int, OUT who name) RETURNS SETOF record LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN FOR i IN 1..a LOOP n := i; who := linecrm_internal._caller(); RETURN NEXT; END LOOP; END $$;
CREATE FUNCTION linecrm.toy_lazy(a int) RETURNS SETOF name LANGUAGE c AS '$libdir/linecrm', 'linecrm_call_inner';
CREATE FUNCTION linecrm_internal.toy_lazy(a int) RETURNS SETOF name LANGUAGE sql AS
$$ SELECT linecrm_internal._caller() FROM pg_catalog.generate_series(1, a) $$;
CREATE FUNCTION linecrm.toy_any(a anyelement, b anyarray) RETURNS anyarray LANGUAGE c AS '$libdir/linecrm', 'linecrm_call_inner';
CREATE FUNCTION linecrm_internal.toy_any(a anyelement, b anyarray) RETURNS anyarray LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN a || b; END $$;
CREATE FUNCTION linecrm.toy_variadic(VARIADIC labels text[]) RETURNS text LANGUAGE c AS '$libdir/linecrm', 'linecrm_call_inner';
CREATE FUNCTION linecrm_internal.toy_variadic(VARIADIC labels text[]) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN array_to_string(labels, '/'); END $$;
CREATE FUNCTION linecrm.toy_strict(a int) RETURNS SETOF int LANGUAGE c AS '$libdir/linecrm', 'linecrm_call_inner';
CREATE FUNCTION linecrm_internal.toy_strict(a int) RETURNS SETOF int LANGUAGE sql STRICT AS $$ SELECT a $$;
CREATE FUNCTION linecrm.toy_alone(a int) RETURNS int LANGUAGE c AS '$libdir/linecrm', 'linecrm_call_inner';
REVOKE ALL ON FUNCTION linecrm.toy_who(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION linecrm_internal._caller(), linecrm_internal._caller_search_path(), linecrm.toy_who(text) TO regress_shop;
-- A shop's definer function: whoever calls it, the shop is the caller.
CREATE FUNCTION toy.definer() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN linecrm.toy_who('definer'); END $$;
ALTER FUNCTION toy.definer() OWNER TO regress_shop;
-- An error that the caller's block catches.
CREATE FUNCTION toy.catches() RETURNS text LANGUAGE plpgsql AS
$$ BEGIN PERFORM linecrm.toy_fail('no'); EXCEPTION WHEN OTHERS THEN RETURN SQLERRM || '; ' || current_user || '; ' || linecrm.toy_who('after'); END $$;

SET ROLE regress_shop;
SET search_path = toy, public;
SELECT linecrm.toy_who();
SELECT linecrm.toy_who(NULL);
SELECT linecrm.toy_nested();
SELECT toy.catches();
SELECT current_user, linecrm.toy_who('still right');
SELECT * FROM linecrm.toy_rows(2);
SELECT (linecrm.toy_rows(2)).n;
SELECT linecrm.toy_lazy(3) LIMIT 2;
SELECT * FROM linecrm.toy_lazy(2);
SELECT linecrm.toy_any(1, ARRAY[2, 3]), linecrm.toy_any('a'::text, ARRAY['b']);
SELECT linecrm.toy_variadic('a', 'b'), linecrm.toy_variadic(VARIADIC ARRAY['c']);
SELECT count(*) FROM linecrm.toy_strict(NULL);
SELECT linecrm.toy_strict(NULL);
SELECT linecrm.toy_strict(7);
SAVEPOINT s;
SELECT linecrm.toy_alone(1);
ROLLBACK TO s;
SELECT linecrm.toy_fail('bare');
ROLLBACK TO s;
SELECT current_user;
SELECT linecrm_internal.toy_who('inner');
ROLLBACK TO s;
SET ROLE regress_web;
SELECT linecrm.toy_who('web may not');
ROLLBACK TO s;
SET ROLE regress_web;
SELECT toy.definer();
ROLLBACK TO s;
RESET ROLE;
SELECT linecrm_internal._caller() = current_user AS itself_without_trampoline;
ROLLBACK;

-- Access: two channels, and what rows of access say.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE ROLE regress_a; CREATE ROLE regress_b; CREATE ROLE regress_member IN ROLE regress_a; CREATE ROLE regress_noinherit NOINHERIT IN ROLE regress_a;
CREATE ROLE regress_all; CREATE ROLE regress_none; CREATE ROLE regress_app; CREATE ROLE regress_store; CREATE ROLE regress_admin;
SAVEPOINT empty;
SELECT linecrm_internal._channel_id(NULL);
ROLLBACK TO empty;
SELECT linecrm_internal._channel_id('a');
ROLLBACK TO empty;
INSERT INTO linecrm_internal.channel (channel_id, name, provider, created_by) VALUES (1, 'a', 'p', 'x');
SELECT linecrm_internal._channel_id(NULL), linecrm_internal._channel_id(' a ');
INSERT INTO linecrm_internal.channel (channel_id, name, provider, created_by) VALUES (2, 'b', 'p', 'x');
INSERT INTO linecrm_internal.store (store_id, channel_id, name) VALUES (11, 1, 'umeda'), (12, 1, 'namba');
INSERT INTO linecrm_internal.friend (friend_id, channel_id, user_id, store_id) VALUES
	(101, 1, 'U00000000000000000000000000000101', 11), (102, 1, 'U00000000000000000000000000000102', 12), (201, 2, 'U00000000000000000000000000000201', NULL);
CREATE TABLE before_grants AS SELECT relname, relacl FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'linecrm%';
SELECT linecrm.grant_access('regress_a', 'reader', channel => 'a') > 0;
SELECT linecrm.grant_access('regress_b', 'reader', channel => 'b') > 0;
SELECT linecrm.grant_access('regress_b', 'operator', channel => 'a') > 0;
SELECT linecrm.grant_access('regress_all', 'analyst') > 0;
SELECT linecrm.grant_access('regress_app', 'app', channel => 'a') > 0;
SELECT linecrm.grant_access('regress_store', 'reader', channel => 'a', store => 'umeda') > 0;
SELECT linecrm.grant_access('regress_admin', 'admin', channel => 'a') > 0;
SET LOCAL client_min_messages = notice;
SELECT linecrm.grant_access('regress_a', 'reader', channel => 'a') > 0;
SAVEPOINT granted;

-- what each role sees, of channels, friends, stores
SET ROLE regress_a;
SELECT linecrm.my_channels(), linecrm_internal._my_stores() AS my_stores, ARRAY(SELECT friend_id FROM linecrm_internal.friend ORDER BY 1) AS friends, ARRAY(SELECT name FROM linecrm.channel ORDER BY 1) AS channels;
SET ROLE regress_b;
SELECT linecrm.my_channels(), linecrm_internal._my_stores() AS my_stores, ARRAY(SELECT friend_id FROM linecrm_internal.friend ORDER BY 1) AS friends, ARRAY(SELECT name FROM linecrm.channel ORDER BY 1) AS channels;
SET ROLE regress_member;
SELECT linecrm.my_channels(), linecrm_internal._my_stores() AS my_stores, ARRAY(SELECT friend_id FROM linecrm_internal.friend ORDER BY 1) AS friends, ARRAY(SELECT name FROM linecrm.channel ORDER BY 1) AS channels;
SET ROLE regress_all;
SELECT linecrm.my_channels(), linecrm_internal._my_stores() AS my_stores, ARRAY(SELECT friend_id FROM linecrm_internal.friend ORDER BY 1) AS friends, ARRAY(SELECT name FROM linecrm.channel ORDER BY 1) AS channels;
SET ROLE regress_store;
SELECT linecrm.my_channels(), linecrm_internal._my_stores() AS my_stores, ARRAY(SELECT friend_id FROM linecrm_internal.friend ORDER BY 1) AS friends, ARRAY(SELECT name FROM linecrm.channel ORDER BY 1) AS channels;
SET ROLE regress_none;
SELECT linecrm.my_channels();
ROLLBACK TO granted;
SET ROLE regress_noinherit;
SELECT linecrm.my_channels();
ROLLBACK TO granted;
SET ROLE regress_app;
SELECT friend_id FROM linecrm.friend;
ROLLBACK TO granted;
SET ROLE regress_a;
SELECT * FROM linecrm_internal.credential;
ROLLBACK TO granted;
SET ROLE regress_a;
SELECT * FROM linecrm_internal.access;
ROLLBACK TO granted;
SET ROLE regress_a;
SELECT friend_id FROM linecrm_internal.friend WHERE channel_id = 2 OR true;
UPDATE linecrm_internal.friend SET channel_id = 1;
ROLLBACK TO granted;

-- functions: a profile on one channel is none on another. regress_b is operator of a, reader of b
SET ROLE regress_b;
SELECT linecrm.hold_channel('b');
ROLLBACK TO granted;
SET ROLE regress_b;
SELECT linecrm.hold_channel('a') IS NOT NULL AS may;
ROLLBACK TO granted;
SET ROLE regress_a;
SELECT linecrm.hold_channel('a');
ROLLBACK TO granted;
SET ROLE regress_all;
SELECT linecrm.tag_set('x');
ROLLBACK TO granted;
SET ROLE regress_all;
SELECT linecrm.tag_set('x', channel => 'c');
ROLLBACK TO granted;

-- granting: by an admin, on his channel
SET ROLE regress_admin;
SELECT linecrm.grant_access('regress_none', 'marketer', channel => 'a') > 0;
SAVEPOINT by_admin;
SELECT linecrm.grant_access('regress_none', 'marketer', channel => 'b');
ROLLBACK TO by_admin;
SELECT linecrm.grant_access('regress_none', 'marketer');
ROLLBACK TO by_admin;
SELECT linecrm.grant_access('regress_none', 'boss', channel => 'a');
ROLLBACK TO by_admin;
SELECT linecrm.grant_access('regress_none', 'marketer', channel => 'a', store => 'umeda');
ROLLBACK TO by_admin;
SELECT linecrm.grant_access('regress_none', 'reader', channel => 'a', store => 'umedo');
ROLLBACK TO by_admin;
SELECT linecrm.grant_access('regress_nobody', 'reader', channel => 'a');
ROLLBACK TO by_admin;
SELECT linecrm.revoke_access('regress_b');
RESET ROLE;
SELECT role_name, profile, channel_id, granted_by = 'regress_admin' AS by_admin FROM linecrm_internal.access WHERE role_name IN ('regress_b', 'regress_none') ORDER BY 1, 2;
SET ROLE regress_b;
SELECT linecrm.my_channels(), (SELECT bool_or(has_function_privilege(p.oid, 'EXECUTE')) FROM pg_proc p WHERE p.proname = 'hold_channel') AS still_operator;
RESET ROLE;
SET ROLE regress_a;
SELECT linecrm.revoke_access('regress_b');
ROLLBACK TO granted;

-- a rolled back grant is forgotten at once, a revoked one too
SAVEPOINT s;
SET LOCAL ROLE regress_a;
SELECT linecrm.my_channels();
RESET ROLE;
SELECT linecrm.grant_access('regress_a', 'reader', channel => 'b') > 0;
SET LOCAL ROLE regress_a;
SELECT linecrm.my_channels();
ROLLBACK TO s;
SET LOCAL ROLE regress_a;
SELECT linecrm.my_channels();
RESET ROLE;
SELECT linecrm.revoke_access('regress_a');
SET LOCAL ROLE regress_member;
SELECT linecrm.my_channels();
ROLLBACK TO s;

-- revoking leaves nothing behind: the role can be dropped
SELECT linecrm.revoke_access(r::regrole) FROM unnest(ARRAY['regress_a', 'regress_b', 'regress_all', 'regress_none', 'regress_app', 'regress_store', 'regress_admin']) r;
DROP ROLE regress_member, regress_noinherit, regress_a, regress_b, regress_all, regress_none, regress_app, regress_store, regress_admin;
SELECT c.relname FROM pg_class c JOIN before_grants b USING (relname) WHERE c.relnamespace::regnamespace::text LIKE 'linecrm%' AND c.relacl::text <> b.relacl::text;
ROLLBACK;
