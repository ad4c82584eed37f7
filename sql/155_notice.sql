/*
 * 155_notice.sql
 *   What functions tell people while they work: a NOTICE in the language of linecrm.language.
 */

CREATE FUNCTION linecrm_internal._notice(english text, japanese text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE NOTICE '%', CASE WHEN current_setting('linecrm.language', true) = 'ja' THEN japanese ELSE english END;
END
$$;
COMMENT ON FUNCTION linecrm_internal._notice(text, text) IS 'says something to the person at the prompt, in English or Japanese';
