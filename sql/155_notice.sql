/*
 * 155_notice.sql
 *   What functions tell people, in the language of linecrm.language: as a text, or as a NOTICE while they work.
 */

CREATE FUNCTION linecrm_internal._say(english text, japanese text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE WHEN current_setting('linecrm.language', true) = 'ja' THEN japanese ELSE english END;
END
$$;
COMMENT ON FUNCTION linecrm_internal._say(text, text) IS 'what is told to people, in the language of linecrm.language';

CREATE FUNCTION linecrm_internal._notice(english text, japanese text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE NOTICE '%', linecrm_internal._say(english, japanese);
END
$$;
COMMENT ON FUNCTION linecrm_internal._notice(text, text) IS 'says something to the person at the prompt, in English or Japanese';
