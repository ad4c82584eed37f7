/*
 * 375_render.sql
 *   Messages with variables become final bytes. In C, because it runs once per recipient (src/crm/render.c).
 */

CREATE FUNCTION linecrm_internal._render(messages jsonb, vars jsonb) RETURNS bytea
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_render';
COMMENT ON FUNCTION linecrm_internal._render(jsonb, jsonb) IS 'the body {"messages":[...]} with values filled in; NULL when a value is missing or a limit would be broken';

CREATE FUNCTION linecrm_internal._render_problem(messages jsonb, vars jsonb) RETURNS text[]
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_render_problem';
COMMENT ON FUNCTION linecrm_internal._render_problem(jsonb, jsonb) IS 'why _render gives NULL: {missing_value, name} or {invalid_content, path and problem}';

CREATE FUNCTION linecrm_internal._template_variables(messages jsonb, required_only boolean) RETURNS text[]
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_template_variables';
COMMENT ON FUNCTION linecrm_internal._template_variables(jsonb, boolean) IS 'the variables of a message, sorted; optionally only those that stand somewhere without a default';

/*
 * The number of a delivery is known before anybody's values are: it is put in once for all. Digits need no escaping
 * anywhere. Going through text also leaves a flat value that no call has to decompress again.
 */
CREATE FUNCTION linecrm_internal._bind_delivery(messages jsonb, delivery_id bigint) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN regexp_replace(_bind_delivery.messages::text, '[{][{] *delivery_id *([|][^{}]*)?[}][}]', _bind_delivery.delivery_id::text, 'g')::jsonb;
END
$$;
COMMENT ON FUNCTION linecrm_internal._bind_delivery(jsonb, bigint) IS 'the messages with {{delivery_id}} filled in';
