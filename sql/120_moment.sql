/*
 * 120_moment.sql
 *   The type moment: what people give to a function as a time. Not for columns: no operators.
 */
CREATE TYPE linecrm.moment;

CREATE FUNCTION linecrm_internal._moment_in(cstring) RETURNS linecrm.moment
	LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_moment_in';
CREATE FUNCTION linecrm_internal._moment_out(linecrm.moment) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_moment_out';
CREATE FUNCTION linecrm_internal._moment_recv(internal) RETURNS linecrm.moment
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_moment_recv';
CREATE FUNCTION linecrm_internal._moment_send(linecrm.moment) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_moment_send';

CREATE TYPE linecrm.moment (
	INPUT = linecrm_internal._moment_in,
	OUTPUT = linecrm_internal._moment_out,
	RECEIVE = linecrm_internal._moment_recv,
	SEND = linecrm_internal._moment_send,
	INTERNALLENGTH = 16,
	ALIGNMENT = double
);
COMMENT ON TYPE linecrm.moment IS 'a time given to a function: without a zone the wall clock of the channel''s zone, with a zone that instant';

CREATE FUNCTION linecrm_internal._moment_from_timestamptz(timestamptz) RETURNS linecrm.moment
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_moment_from_timestamptz';
CREATE FUNCTION linecrm_internal._moment_from_timestamp(timestamp) RETURNS linecrm.moment
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_moment_from_timestamp';
CREATE FUNCTION linecrm_internal._moment_from_date(date) RETURNS linecrm.moment
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_moment_from_date';
CREATE CAST (timestamptz AS linecrm.moment) WITH FUNCTION linecrm_internal._moment_from_timestamptz(timestamptz) AS IMPLICIT;
COMMENT ON CAST (timestamptz AS linecrm.moment) IS 'that instant';
CREATE CAST (timestamp AS linecrm.moment) WITH FUNCTION linecrm_internal._moment_from_timestamp(timestamp) AS IMPLICIT;
COMMENT ON CAST (timestamp AS linecrm.moment) IS 'the wall clock of the channel''s zone';
CREATE CAST (date AS linecrm.moment) WITH FUNCTION linecrm_internal._moment_from_date(date) AS IMPLICIT;
COMMENT ON CAST (date AS linecrm.moment) IS 'midnight in the channel''s zone';

CREATE FUNCTION linecrm_internal._resolve(linecrm.moment, time_zone text) RETURNS timestamptz
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'linecrm_resolve';
COMMENT ON FUNCTION linecrm_internal._resolve(linecrm.moment, text) IS 'the instant, if wall clocks are those of this time zone';
