/*
 * 390_delivery.sql
 *   deliver() and the verbs on deliveries.
 */

/*
 * The caller's own key of a delivery. A second caller waits for the first one's commit. delivery_id NULL: the key is now
 * ours; same: the earlier delivery had the same arguments. Times are compared only when the new one lies ahead: programs
 * write at => now(), and a job that is repeated later means the same delivery.
 */
CREATE FUNCTION linecrm_internal._claim_key(cid bigint, key text, arguments jsonb, due_at timestamptz, slot smallint, new_id bigint,
	OUT delivery_id bigint, OUT same boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	argument_digest bytea := sha256(convert_to(jsonb_strip_nulls(arguments)::text, 'UTF8'));
BEGIN
	INSERT INTO linecrm_internal.delivery_key (channel_id, key, delivery_slot, delivery_id, digest)
	VALUES (cid, _claim_key.key, _claim_key.slot, new_id, argument_digest)
	ON CONFLICT DO NOTHING;
	IF FOUND THEN
		same := false;
		RETURN;
	END IF;
	SELECT k.delivery_id, k.digest = argument_digest
			AND (_claim_key.due_at IS NULL OR _claim_key.due_at <= clock_timestamp() OR d.due_at IS NOT DISTINCT FROM _claim_key.due_at)
	INTO STRICT delivery_id, same
	FROM linecrm_internal.delivery_key k
	LEFT JOIN linecrm_internal.delivery d ON d.slot = k.delivery_slot AND d.delivery_id = k.delivery_id
	WHERE k.channel_id = cid AND k.key = _claim_key.key;
END
$$;
COMMENT ON FUNCTION linecrm_internal._claim_key(bigint, text, jsonb, timestamptz, smallint, bigint) IS 'takes a key for a delivery, or says which delivery has it';
