/*
 * 320_webhook.sql
 *   Webhooks into the inbox: verify_signature, receive_webhook, receive_webhooks. The work is C: src/crm/webhook.c.
 */

CREATE FUNCTION linecrm.verify_signature(body bytea, signature text, channel_secret text) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_verify_signature';
COMMENT ON FUNCTION linecrm.verify_signature(bytea, text, text) IS 'whether the body was signed with this channel secret (x-line-signature); anything malformed or NULL is false';

CREATE FUNCTION linecrm.receive_webhook(channel text, body bytea, signature text) RETURNS integer
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.receive_webhook(text, bytea, text) IS 'checks the signature over the posted bytes, stores each event once, returns how many are new. Answer 200 after the commit, 401 on SQLSTATE 28000';

CREATE FUNCTION linecrm_internal.receive_webhook(channel text, body bytea, signature text) RETURNS integer
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'linecrm_receive_webhook';
COMMENT ON FUNCTION linecrm_internal.receive_webhook(text, bytea, text) IS 'inner function of linecrm.receive_webhook';

CREATE FUNCTION linecrm.receive_webhooks(channels text[], bodies bytea[], signatures text[])
RETURNS TABLE (request_no integer, status integer, new_events integer, problem text)
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.receive_webhooks(text[], bytea[], text[]) IS 'many posted webhooks in one transaction; for each the HTTP status to answer after the commit: 200, 400, 401, 404, or 503 when its secret cannot be opened';

CREATE FUNCTION linecrm_internal.receive_webhooks(channels text[], bodies bytea[], signatures text[])
RETURNS TABLE (request_no integer, status integer, new_events integer, problem text)
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'linecrm_receive_webhooks';
COMMENT ON FUNCTION linecrm_internal.receive_webhooks(text[], bytea[], text[]) IS 'inner function of linecrm.receive_webhooks';

CREATE FUNCTION linecrm_internal._event_json(raw bytea) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm__event_json';
COMMENT ON FUNCTION linecrm_internal._event_json(bytea) IS 'an event of the inbox as jsonb, with U+FFFD for \u0000 and lone surrogates, which jsonb cannot hold';
