/*
 * 205_channel_access.sql
 *   From a channel's name to its id, with the caller's right to use it.
 */

CREATE FUNCTION linecrm_internal._channel_id(channel text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	mine bigint[] := linecrm.my_channels();
	found_id bigint;
BEGIN
	IF _channel_id.channel IS NOT NULL THEN
		SELECT c.channel_id INTO found_id FROM linecrm_internal.channel c
		WHERE c.name = linecrm_internal._name(_channel_id.channel, 'channel');
		IF found_id IS NULL THEN
			PERFORM linecrm_internal._unknown_name('channel', _channel_id.channel,
				ARRAY(SELECT c.name FROM linecrm_internal.channel c WHERE c.channel_id = ANY (mine)));
		END IF;
		PERFORM linecrm_internal._require_channel(found_id);
		RETURN found_id;
	ELSIF cardinality(mine) = 1 THEN
		RETURN mine[1];
	ELSIF cardinality(mine) > 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'ambiguous_parameter',
			MESSAGE = format('there are %s channels: say which', cardinality(mine)),
			DETAIL = (SELECT 'You may use: ' || string_agg(format('"%s"', c.name), ', ' ORDER BY c.name) || '.'
				FROM linecrm_internal.channel c WHERE c.channel_id = ANY (mine)),
			HINT = 'add channel => ''NAME'' as the last argument';
	ELSIF EXISTS (SELECT FROM linecrm_internal.channel) THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" may not do this on any channel', linecrm_internal._caller()),
			HINT = format('an administrator grants it with linecrm.grant_access(%L, PROFILE, channel => NAME)', linecrm_internal._caller());
	ELSE
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = 'there is no channel yet',
			HINT = 'linecrm.save_channel(''NAME'') makes one';
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._channel_id(text) IS 'the id of the named channel, or of the only one that the caller may use; an error if it is unknown, not allowed or ambiguous';
