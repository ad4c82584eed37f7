/*
 * 370_message.sql
 *   Messages: builders of LINE message objects, checks against LINE's limits, saved ones by name and version.
 *
 * Content is a jsonb array of one to five LINE message objects; the builders give arrays of one, so that || joins them.
 * {{name}} and {{name|default}} inside any string are variables (src/crm/template.c fills them in).
 */

CREATE FUNCTION linecrm.text_message(text text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT jsonb_build_array(jsonb_build_object('type', 'text', 'text', text_message.text));
END;
COMMENT ON FUNCTION linecrm.text_message(text) IS 'a text; join several messages with ||';

CREATE FUNCTION linecrm.image_message(url text, preview_url text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT jsonb_build_array(jsonb_build_object('type', 'image', 'originalContentUrl', image_message.url,
		'previewImageUrl', coalesce(image_message.preview_url, image_message.url)));
END;
COMMENT ON FUNCTION linecrm.image_message(text, text) IS 'an image by its https URL; join several messages with ||';

/*
 * The data of a button says which delivery it came from, so that a tap can be counted for it:
 * linecrm:DELIVERY:LABEL. The delivery's number is filled in when it is planned.
 */
CREATE FUNCTION linecrm.button_message(text text, VARIADIC labels text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT jsonb_build_array(jsonb_build_object('type', 'template', 'altText', button_message.text, 'template',
		jsonb_build_object('type', 'buttons', 'text', button_message.text, 'actions',
			(SELECT coalesce(jsonb_agg(jsonb_build_object('type', 'postback', 'label', l.label, 'displayText', l.label,
					'data', 'linecrm:{{delivery_id|0}}:' || l.label) ORDER BY l.nth), '[]')
				FROM unnest(button_message.labels) WITH ORDINALITY AS l (label, nth)))));
END;
COMMENT ON FUNCTION linecrm.button_message(text, text[]) IS 'a text with one to four buttons; a tap comes back as a postback and is counted for its delivery';

CREATE FUNCTION linecrm.validate_messages(messages jsonb) RETURNS TABLE (path text, problem text)
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_validate_messages';
COMMENT ON FUNCTION linecrm.validate_messages(jsonb) IS 'what LINE would refuse, by its documented limits; no row: nothing known against it';

CREATE FUNCTION linecrm_internal._check_messages(messages jsonb, what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	problems text[];
BEGIN
	SELECT array_agg(v.path || ': ' || v.problem) INTO problems FROM linecrm.validate_messages(_check_messages.messages) AS v;
	IF problems IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format(linecrm_internal._say('%s: LINE would refuse it (%s)', '%s: LINE に拒否されます (%s)'), what, problems[1]),
			DETAIL = array_to_string(problems[1:5], E'\n')
				|| CASE WHEN cardinality(problems) > 5 THEN format(E'\n... and %s more', cardinality(problems) - 5) ELSE '' END,
			HINT = 'SELECT * FROM linecrm.validate_messages(...) shows every problem; linecrm.text_message(...), image_message(...) and button_message(...) build messages';
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._check_messages(jsonb, text) IS 'raises with the first problems when LINE would refuse these messages';

CREATE FUNCTION linecrm_internal._message_id(cid bigint, name text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	clean text := linecrm_internal._name(_message_id.name, 'message');
	found_id bigint;
BEGIN
	SELECT m.message_id INTO found_id FROM linecrm_internal.message m WHERE m.channel_id = cid AND m.name = clean;
	IF found_id IS NULL THEN
		PERFORM linecrm_internal._unknown_name('message', clean,
			(SELECT array_agg(m.name) FROM linecrm_internal.message m WHERE m.channel_id = cid));
	END IF;
	RETURN found_id;
END
$$;
COMMENT ON FUNCTION linecrm_internal._message_id(bigint, text) IS 'the message of that name, or an error with the nearest names';

CREATE FUNCTION linecrm.save_message(name text, messages jsonb, note text DEFAULT NULL, channel text DEFAULT NULL) RETURNS integer
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.save_message(text, jsonb, text, text) IS 'saves a message under a name, or its next version; gives the version';

CREATE FUNCTION linecrm_internal.save_message(name text, messages jsonb, note text, channel text) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(save_message.channel);
	clean text := linecrm_internal._name(save_message.name, 'message');
	old record;
	next_version integer;
	variables text[];
	waiting text;
BEGIN
	PERFORM linecrm_internal._check_messages(save_message.messages, format('message "%s"', clean));
	SELECT m.message_id, m.version, m.note, v.messages INTO old
	FROM linecrm_internal.message m
	JOIN linecrm_internal.message_version v ON v.message_id = m.message_id AND v.version = m.version
	WHERE m.channel_id = cid AND m.name = clean
	FOR UPDATE OF m;
	IF old.messages = save_message.messages AND old.note IS NOT DISTINCT FROM coalesce(save_message.note, old.note) THEN
		PERFORM linecrm_internal._notice(format('message "%s" is unchanged (version %s)', clean, old.version),
			format('メッセージ「%s」に変更はありません (バージョン %s)', clean, old.version));
		RETURN old.version;
	END IF;
	next_version := coalesce(old.version, 0) + 1;
	IF old.message_id IS NULL THEN
		INSERT INTO linecrm_internal.message (channel_id, name, version, note)
		VALUES (cid, clean, next_version, save_message.note)
		RETURNING message.message_id INTO old.message_id;
	ELSIF old.messages = save_message.messages THEN
		UPDATE linecrm_internal.message m SET note = save_message.note WHERE m.message_id = old.message_id;
		RETURN old.version;
	ELSE
		UPDATE linecrm_internal.message m SET version = next_version, note = coalesce(save_message.note, m.note)
		WHERE m.message_id = old.message_id;
	END IF;
	variables := array_remove(linecrm_internal._template_variables(save_message.messages, false), 'delivery_id');
	INSERT INTO linecrm_internal.message_version (message_id, channel_id, version, messages, variables, saved_by)
	VALUES (old.message_id, cid, next_version, save_message.messages,
		variables, linecrm_internal._caller());
	PERFORM linecrm_internal._notice(
		format('message "%s" saved as version %s%s', clean, next_version,
			CASE WHEN cardinality(variables) > 0 THEN '; variables: ' || array_to_string(variables, ', ') ELSE '' END),
		format('メッセージ「%s」をバージョン %s として保存しました%s', clean, next_version,
			CASE WHEN cardinality(variables) > 0 THEN '。変数: ' || array_to_string(variables, ', ') ELSE '' END));
	SELECT string_agg(d.delivery_id::text, ', ' ORDER BY d.delivery_id) INTO waiting
	FROM linecrm_internal.delivery_campaign d
	WHERE d.channel_id = cid AND d.message_id = old.message_id AND d.due_at IS NOT NULL
		AND d.planned_at IS NULL AND d.cancelled_at IS NULL AND d.failed_at IS NULL AND d.finished_at IS NULL;
	IF waiting IS NOT NULL THEN
		PERFORM linecrm_internal._notice(
			format('message "%s" is now version %s; deliveries already scheduled keep the version they were given: %s', clean, next_version, waiting),
			format('メッセージ「%s」はバージョン %s になりました。予約済みの配信は元のバージョンのまま送られます: %s', clean, next_version, waiting));
	END IF;
	RETURN next_version;
END
$$;
COMMENT ON FUNCTION linecrm_internal.save_message(text, jsonb, text, text) IS 'see linecrm.save_message';

CREATE FUNCTION linecrm.drop_message(name text, channel text DEFAULT NULL) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.drop_message(text, text) IS 'removes a saved message; refused while an unfinished delivery uses it';

CREATE FUNCTION linecrm_internal.drop_message(name text, channel text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	cid bigint := linecrm_internal._channel_id(drop_message.channel);
	mid bigint := linecrm_internal._message_id(cid, drop_message.name);
	users text;
BEGIN
	PERFORM 1 FROM linecrm_internal.message m WHERE m.message_id = mid FOR UPDATE;
	SELECT string_agg(d.delivery_id::text, ', ' ORDER BY d.delivery_id) INTO users
	FROM linecrm_internal.delivery_campaign d
	WHERE d.channel_id = cid AND d.message_id = mid
		AND d.finished_at IS NULL AND d.cancelled_at IS NULL AND d.failed_at IS NULL;
	IF users IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
			MESSAGE = format('message "%s" is used by unfinished deliveries', drop_message.name),
			DETAIL = format('They are %s.', users),
			HINT = 'wait until they are finished, or SELECT linecrm.cancel(DELIVERY)';
	END IF;
	DELETE FROM linecrm_internal.message m WHERE m.message_id = mid;
	DELETE FROM linecrm_internal.message_version v WHERE v.message_id = mid;
	PERFORM linecrm_internal._audit('drop_message', cid, drop_message.name, NULL, NULL);
END
$$;
COMMENT ON FUNCTION linecrm_internal.drop_message(text, text) IS 'see linecrm.drop_message';

CREATE VIEW linecrm.message WITH (security_invoker) AS
SELECT c.name AS channel, m.name, m.version, v.variables, v.messages, m.note, v.saved_at, v.saved_by::text AS saved_by
FROM linecrm_internal.message m
JOIN linecrm_internal.message_version v ON v.message_id = m.message_id AND v.version = m.version
JOIN linecrm_internal.channel c ON c.channel_id = m.channel_id;
COMMENT ON VIEW linecrm.message IS 'saved messages as they are now, with the variables they ask for';
