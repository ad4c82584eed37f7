/*
 * 355_tag_set.sql
 *   tag_set: an expression of tag names as a set of friends.
 *
 * Names with & (and), | (or), - (but not), ! (not) and parentheses; ! binds first, then & and -, then |. A word may hold
 * anything but spaces, & | ! ( ) and "; other names stand in double quotes. A minus directly behind a word belongs to
 * the word, so names like repeat-buyer need no quotes. Full-width signs are the same as the others.
 *
 * A value is a set or the complement of one, so that "all friends of the channel" is looked up only when the result
 * itself is a complement. Everything is read in the snapshot of the caller's statement: the function is STABLE.
 */

CREATE FUNCTION linecrm_internal._tag_syntax_error(expression text, at_char integer, problem text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'syntax_error',
		MESSAGE = format('tag expression, character %s: %s', at_char, problem),
		DETAIL = format('%s<-- here --> %s', left(expression, at_char - 1), substr(expression, at_char)),
		HINT = 'for example: vip & (tokyo | "新規 客") & !staff';
END
$$;
COMMENT ON FUNCTION linecrm_internal._tag_syntax_error(text, integer, text) IS 'an error that shows where in a tag expression something is wrong';

/* kind: name, or the sign itself. */
CREATE FUNCTION linecrm_internal._tag_tokens(expression text)
RETURNS TABLE (at_char integer, kind text, word text)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	rest text := _tag_tokens.expression;
	piece text;
BEGIN
	at_char := 1;
	WHILE rest <> '' LOOP
		piece := substring(rest FROM '^[[:space:]]+');
		IF piece IS NULL THEN
			kind := left(rest, 1);
			word := NULL;
			IF kind IN ('&', '|', '!', '(', ')', '-') THEN
				piece := kind;
			ELSIF kind = '"' THEN
				piece := substring(rest FROM '^"(?:[^"]|"")*"');
				IF piece IS NULL THEN
					PERFORM linecrm_internal._tag_syntax_error(expression, at_char, 'this quote is never closed');
				END IF;
				word := replace(substr(piece, 2, length(piece) - 2), '""', '"');
				kind := 'name';
			ELSE
				piece := substring(rest FROM '^[^[:space:]&|!()"]+');
				word := piece;
				kind := 'name';
			END IF;
			RETURN NEXT;
		END IF;
		at_char := at_char + length(piece);
		rest := substr(rest, length(piece) + 1);
	END LOOP;
	kind := 'end';
	word := NULL;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION linecrm_internal._tag_tokens(text) IS 'the words and signs of a tag expression, then one row "end"';

/* Like _tag_id, and knows that a - b may have been meant where a-b was written. */
CREATE FUNCTION linecrm_internal._tag_word_id(channel_id bigint, word text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	clean text := linecrm_internal._name(_tag_word_id.word, 'tag');
BEGIN
	IF position('-' IN clean) > 1
		AND NOT EXISTS (SELECT FROM linecrm_internal.tag t WHERE t.channel_id = _tag_word_id.channel_id AND t.name = clean)
		AND EXISTS (SELECT FROM linecrm_internal.tag t
			WHERE t.channel_id = _tag_word_id.channel_id AND t.name = split_part(clean, '-', 1)) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('there is no tag "%s"', clean),
			DETAIL = 'A minus directly behind a word is part of the name.',
			HINT = format('to take one set from another, write spaces: %s', replace(clean, '-', ' - '));
	END IF;
	RETURN linecrm_internal._tag_id(_tag_word_id.channel_id, clean);
END
$$;
COMMENT ON FUNCTION linecrm_internal._tag_word_id(bigint, text) IS 'the id of a tag named in an expression';

/*
 * Two values joined by & or |, where not_a and not_b say that the complement is meant: all four cases come down to
 * one operation on the sets and a new "not". - is & with the right side turned round.
 */
CREATE FUNCTION linecrm_internal._tag_join(sign text, a linecrm.friendset, not_a boolean, b linecrm.friendset, not_b boolean,
	OUT members linecrm.friendset, OUT negated boolean)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF sign = '-' THEN
		not_b := NOT not_b;
	END IF;
	negated := CASE WHEN sign = '|' THEN not_a OR not_b ELSE not_a AND not_b END;
	-- With De Morgan, "or" is the complement of "and" of the complements.
	IF sign = '|' THEN
		not_a := NOT not_a;
		not_b := NOT not_b;
	END IF;
	members := CASE
		WHEN not_a AND not_b THEN a OPERATOR(linecrm.|) b
		WHEN not_a THEN b OPERATOR(linecrm.-) a
		WHEN not_b THEN a OPERATOR(linecrm.-) b
		ELSE a OPERATOR(linecrm.&) b END;
END
$$;
COMMENT ON FUNCTION linecrm_internal._tag_join(text, linecrm.friendset, boolean, linecrm.friendset, boolean) IS 'one operation of a tag expression on two values';

CREATE FUNCTION linecrm_internal._tag_set(channel_id bigint, expression text) RETURNS linecrm.friendset
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	written text := normalize(_tag_set.expression, NFKC);
	token record;
	value_expected boolean := true;
	signs text[] := '{}';
	places integer[] := '{}';
	sets linecrm.friendset[] := '{}';
	nots boolean[] := '{}';
	joined record;
	top integer := 0;
	depth integer := 0;
BEGIN
	FOR token IN SELECT t.at_char, t.kind, t.word FROM linecrm_internal._tag_tokens(written) AS t LOOP
		IF value_expected AND token.kind NOT IN ('name', '(', '!') THEN
			PERFORM linecrm_internal._tag_syntax_error(written, token.at_char, 'the name of a tag is missing');
		ELSIF NOT value_expected AND token.kind IN ('name', '(', '!') THEN
			PERFORM linecrm_internal._tag_syntax_error(written, token.at_char, '& or | or - is missing between two tags');
		END IF;

		IF token.kind = 'name' THEN
			top := top + 1;
			sets[top] := linecrm_internal._tag_members(linecrm_internal._tag_word_id(_tag_set.channel_id, token.word));
			nots[top] := false;
			value_expected := false;
		ELSIF token.kind NOT IN ('(', '!') THEN
			-- Do what was written before and binds at least as strongly.
			WHILE depth > 0 AND signs[depth] <> '(' AND (signs[depth] <> '|' OR token.kind NOT IN ('&', '-')) LOOP
				IF signs[depth] = '!' THEN
					nots[top] := NOT nots[top];
				ELSE
					SELECT j.members, j.negated INTO joined
					FROM linecrm_internal._tag_join(signs[depth], sets[top - 1], nots[top - 1], sets[top], nots[top]) AS j;
					top := top - 1;
					sets[top] := joined.members;
					nots[top] := joined.negated;
				END IF;
				depth := depth - 1;
			END LOOP;
			IF token.kind = ')' THEN
				IF depth = 0 THEN
					PERFORM linecrm_internal._tag_syntax_error(written, token.at_char, 'no parenthesis was opened for this one');
				END IF;
				depth := depth - 1;
			END IF;
		END IF;
		IF token.kind IN ('(', '!', '&', '|', '-') THEN
			depth := depth + 1;
			signs[depth] := token.kind;
			places[depth] := token.at_char;
			value_expected := true;
		END IF;
	END LOOP;
	IF depth > 0 THEN
		PERFORM linecrm_internal._tag_syntax_error(written, places[depth], 'this parenthesis is never closed');
	END IF;
	IF nots[1] THEN
		RETURN (SELECT linecrm.friendset_agg(f.friend_id) FROM linecrm_internal.friend f
			WHERE f.channel_id = _tag_set.channel_id) OPERATOR(linecrm.-) sets[1];
	END IF;
	RETURN sets[1];
END
$$;
COMMENT ON FUNCTION linecrm_internal._tag_set(bigint, text) IS 'the friends that a tag expression means, as the caller''s snapshot sees them';

CREATE FUNCTION linecrm.tag_set(expression text, channel text DEFAULT NULL) RETURNS linecrm.friendset
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.tag_set(text, text) IS 'the friends that an expression of tags means: vip & (tokyo | "新規 客") - staff; !staff alone is everybody else';

CREATE FUNCTION linecrm_internal.tag_set(expression text, channel text) RETURNS linecrm.friendset
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(tag_set.channel);
BEGIN
	IF tag_set.expression IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'tag_set needs an expression, this one is NULL';
	END IF;
	RETURN linecrm_internal._tag_set(cid, tag_set.expression);
END
$$;
COMMENT ON FUNCTION linecrm_internal.tag_set(text, text) IS 'inner side of linecrm.tag_set';
