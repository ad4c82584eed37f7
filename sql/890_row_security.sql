/*
 * 890_row_security.sql
 *   Row-level security: every table with a channel_id shows a role the rows of its channels only. Tables with a
 *   store_id also show the rows of single stores, and the channel's row itself is shown to those who see a store of it.
 *
 * Policies compare a column with a function, without sub-selects, so that they can be pushed down (the functions are
 * leakproof) and distributed. The owner is exempt: inner functions ask _require_channel() instead. Partitions need no
 * policy, because nobody is granted anything on them; through their parent the parent's policy holds.
 */
DO $$
DECLARE
	relation regclass;
	sees text;
BEGIN
	FOR relation IN
		SELECT c.oid FROM pg_catalog.pg_class c
		WHERE c.relnamespace = 'linecrm_internal'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
			AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'channel_id' AND NOT a.attisdropped)
		ORDER BY c.oid
	LOOP
		sees := 'channel_id OPERATOR(pg_catalog.=) ANY (linecrm.my_channels())';
		IF relation = 'linecrm_internal.channel'::pg_catalog.regclass THEN
			sees := sees || ' OR channel_id OPERATOR(pg_catalog.=) ANY (linecrm_internal._my_store_channels())';
		ELSIF EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = relation AND a.attname = 'store_id' AND NOT a.attisdropped) THEN
			sees := sees || ' OR store_id OPERATOR(pg_catalog.=) ANY (linecrm_internal._my_stores())';
		END IF;
		EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
		EXECUTE pg_catalog.format('CREATE POLICY by_channel ON %s USING (%s)', relation, sees);
	END LOOP;
END
$$;
