/*
 * 150_names.sql
 *   Names that people give to things: normalised, checked, and nearest matches for a name that is unknown.
 */

CREATE FUNCTION linecrm_internal._name(name text, what text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	clean text := btrim(normalize(_name.name, NFKC), E' \t\r\n');
BEGIN
	IF clean IS NULL OR clean = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('a %s needs a name', what),
			HINT = 'pass 1 to 100 characters that are not blanks';
	ELSIF char_length(clean) > 100 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('the name of a %s is at most 100 characters, this one has %s', what, char_length(clean)),
			DETAIL = format('The name begins "%s".', left(clean, 40)),
			HINT = 'pass a shorter name';
	ELSIF clean ~ '^[0-9]+$' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('the name of a %s cannot be a number: "%s"', what, clean),
			DETAIL = 'A name of digits only would be mistaken for a number (of a delivery, of a friend).',
			HINT = format('put a word in front, for example ''%s %s''', what, clean);
	ELSIF clean ~ '[[:cntrl:]]' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('the name of a %s cannot contain control characters', what),
			HINT = 'pass a name of one line, without tabs';
	END IF;
	RETURN clean;
END
$$;
COMMENT ON FUNCTION linecrm_internal._name(text, text) IS 'the name as it is stored and compared: NFKC, trimmed, 1 to 100 characters, not all digits';

CREATE FUNCTION linecrm_internal._nearest(name text, candidates text[], at_most integer) RETURNS text[]
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_nearest';
COMMENT ON FUNCTION linecrm_internal._nearest(text, text[], integer) IS 'the candidates nearest to a name by edit distance, the nearest first; far ones are left out';

CREATE FUNCTION linecrm_internal._unknown_name(what text, name text, candidates text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	near text[] := linecrm_internal._nearest(coalesce(_unknown_name.name, ''), coalesce(candidates, '{}'), 3);
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'undefined_object',
		MESSAGE = format('there is no %s "%s"', what, _unknown_name.name),
		DETAIL = CASE WHEN coalesce(cardinality(candidates), 0) = 0 THEN format('There is no %s yet.', what)
			WHEN cardinality(candidates) = 1 THEN 'There is one.'
			ELSE format('There are %s.', cardinality(candidates)) END,
		HINT = CASE WHEN cardinality(near) > 0
			THEN format('did you mean %s?', (SELECT string_agg(format('"%s"', n), ' or ') FROM unnest(near) AS n))
			WHEN coalesce(cardinality(candidates), 0) > 0
			THEN format('the first are: %s', (SELECT string_agg(format('"%s"', c), ', ') FROM
				(SELECT x AS c FROM unnest(candidates) AS x ORDER BY x LIMIT 5) AS first_ones))
			WHEN EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'linecrm'::regnamespace AND p.proname = 'save_' || what)
			THEN format('linecrm.save_%s(...) makes one', what)
			ELSE 'SELECT * FROM linecrm.help() shows what there is' END;
END
$$;
COMMENT ON FUNCTION linecrm_internal._unknown_name(text, text, text[]) IS 'raises "there is no WHAT NAME" with the nearest of the candidates as the hint';
