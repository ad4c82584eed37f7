/*
 * 130_access.sql
 *   Who may use which channel, and who is asking. Rights are data: rows of access say which profile a role has on
 *   which channel, the view profile_grant (900_privileges.sql) says what a profile may do.
 */

CREATE SEQUENCE linecrm_internal.access_id_seq;
CREATE TABLE linecrm_internal.access (
	access_id   bigint PRIMARY KEY DEFAULT nextval('linecrm_internal.access_id_seq'),
	role_name   name NOT NULL,
	profile     text NOT NULL CHECK (profile IN ('reader', 'analyst', 'marketer', 'operator', 'admin', 'app', 'gateway')),
	channel_id  bigint,
	store_id    bigint,
	granted_at  timestamptz NOT NULL DEFAULT now(),
	granted_by  name NOT NULL,
	CHECK (store_id IS NULL OR (channel_id IS NOT NULL AND profile = 'reader')),
	UNIQUE NULLS NOT DISTINCT (role_name, profile, channel_id, store_id)
);
COMMENT ON TABLE linecrm_internal.access IS 'config: which profile a role has on which channel (NULL: all) or store; written only by grant_access and revoke_access. src/crm/access.c reads it by position';

CREATE FUNCTION linecrm.my_channels() RETURNS bigint[]
LANGUAGE c STABLE LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_my_channels';
COMMENT ON FUNCTION linecrm.my_channels() IS 'the channels that the current user may see; what row-level security compares with';

CREATE FUNCTION linecrm_internal._my_stores() RETURNS bigint[]
LANGUAGE c STABLE LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm__my_stores';
COMMENT ON FUNCTION linecrm_internal._my_stores() IS 'stores whose friends the current user may see although not their whole channel';

CREATE FUNCTION linecrm_internal._my_store_channels() RETURNS bigint[]
LANGUAGE c STABLE LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm__my_store_channels';
COMMENT ON FUNCTION linecrm_internal._my_store_channels() IS 'the channels of _my_stores(): their names may be seen';

CREATE FUNCTION linecrm_internal._require_channel(channel_id bigint) RETURNS void
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'linecrm__require_channel';
COMMENT ON FUNCTION linecrm_internal._require_channel(bigint) IS 'an error unless the caller of the public function may use it on that channel; first in every inner function';

CREATE FUNCTION linecrm_internal._caller() RETURNS name
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'linecrm__caller';
COMMENT ON FUNCTION linecrm_internal._caller() IS 'the role that called the public function; current_user when there is none';

CREATE FUNCTION linecrm_internal._caller_search_path() RETURNS text
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'linecrm__caller_search_path';
COMMENT ON FUNCTION linecrm_internal._caller_search_path() IS 'the search_path with which the public function was called';

CREATE FUNCTION linecrm_internal._text_of(value anyelement) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Never value::text: that calls a cast which the owner of the type may have written, and here it would run with our rights.
	RETURN CASE WHEN value IS NULL THEN NULL
		WHEN pg_typeof(value) = 'bpchar'::regtype THEN rtrim(format('%s', value))
		ELSE format('%s', value) END;
END
$$;
COMMENT ON FUNCTION linecrm_internal._text_of(anyelement) IS 'the text of a value of any type, by its output function';
