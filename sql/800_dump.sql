/*
 * 800_dump.sql
 *   Registers every table, partition and sequence with pg_dump, so that a dump of the database holds the CRM.
 *
 * Found in the catalogue rather than listed, so that none can be forgotten. Tables that hold only what this script
 * puts there would be loaded twice: there are none, defaults are views over VALUES.
 */
DO $$
DECLARE
	relation regclass;
BEGIN
	FOR relation IN
		SELECT c.oid FROM pg_catalog.pg_class c
		WHERE c.relnamespace = 'linecrm_internal'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p', 'S')
		ORDER BY c.oid
	LOOP
		PERFORM pg_catalog.pg_extension_config_dump(relation, '');
	END LOOP;
END
$$;
