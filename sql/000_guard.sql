/*
 * 000_guard.sql
 *   Refuses what cannot work: sourcing this script in psql, and a database that is not UTF8.
 */
\echo Use "CREATE EXTENSION linecrm" to load this file. \quit

CREATE SCHEMA linecrm_internal;
COMMENT ON SCHEMA linecrm_internal IS 'linecrm''s tables, rings and inner functions; what people use is in schema linecrm';
REVOKE ALL ON SCHEMA linecrm, linecrm_internal FROM PUBLIC;

DO $$
BEGIN
	IF pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.<>) 'UTF8' THEN
		RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
			MESSAGE = pg_catalog.format('linecrm needs a UTF8 database, this one is %s', pg_catalog.current_setting('server_encoding')),
			HINT = 'create a database with ENCODING ''UTF8'' and install linecrm there';
	END IF;
END
$$;
