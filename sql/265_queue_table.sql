/*
 * 265_queue_table.sql
 *   The queue: the hot, small, mutable side of unfinished requests. Functions: 400_outbox.sql.
 *
 * outbox holds what is due now, in the order of its ids, in eight hourly slots, without an index on anything that
 * changes, so that every update is HOT; finished rows are deleted with their outcome written, and a slot is emptied by
 * TRUNCATE once nothing in it is unfinished. outbox_waiting holds what is not due, backs off, or is held.
 */

CREATE FUNCTION linecrm_internal._hour_slot(at_time timestamptz) RETURNS smallint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT (floor(extract(epoch FROM at_time AT TIME ZONE 'UTC') / 3600)::bigint % 8)::smallint;
END;
COMMENT ON FUNCTION linecrm_internal._hour_slot(timestamptz) IS 'the slot of the outbox ring that a time belongs to';

CREATE SEQUENCE linecrm_internal.outbox_id_seq;
CREATE TABLE linecrm_internal.outbox (
	slot             smallint NOT NULL,
	channel_id       bigint NOT NULL,
	lane             smallint NOT NULL,
	outbox_id        bigint NOT NULL DEFAULT nextval('linecrm_internal.outbox_id_seq'),
	request_slot     smallint NOT NULL,
	request_id       bigint NOT NULL,
	delivery_slot    smallint,
	delivery_id      bigint,
	attempts         integer NOT NULL DEFAULT 0,
	ambiguous_since  timestamptz,
	lease_until      timestamptz,
	epoch            bigint,
	PRIMARY KEY (channel_id, lane, outbox_id, slot)
) PARTITION BY LIST (slot);
COMMENT ON TABLE linecrm_internal.outbox IS 'local: requests due now. lane: 0 reply, 1 transactional, 2 chat, 3 marketing; ambiguous_since: since when LINE may have accepted it without our knowing';

CREATE TABLE linecrm_internal.outbox_0 PARTITION OF linecrm_internal.outbox FOR VALUES IN (0) WITH (fillfactor = 50);
CREATE TABLE linecrm_internal.outbox_1 PARTITION OF linecrm_internal.outbox FOR VALUES IN (1) WITH (fillfactor = 50);
CREATE TABLE linecrm_internal.outbox_2 PARTITION OF linecrm_internal.outbox FOR VALUES IN (2) WITH (fillfactor = 50);
CREATE TABLE linecrm_internal.outbox_3 PARTITION OF linecrm_internal.outbox FOR VALUES IN (3) WITH (fillfactor = 50);
CREATE TABLE linecrm_internal.outbox_4 PARTITION OF linecrm_internal.outbox FOR VALUES IN (4) WITH (fillfactor = 50);
CREATE TABLE linecrm_internal.outbox_5 PARTITION OF linecrm_internal.outbox FOR VALUES IN (5) WITH (fillfactor = 50);
CREATE TABLE linecrm_internal.outbox_6 PARTITION OF linecrm_internal.outbox FOR VALUES IN (6) WITH (fillfactor = 50);
CREATE TABLE linecrm_internal.outbox_7 PARTITION OF linecrm_internal.outbox FOR VALUES IN (7) WITH (fillfactor = 50);

CREATE TABLE linecrm_internal.outbox_waiting (
	request_slot     smallint NOT NULL,
	request_id       bigint NOT NULL,
	channel_id       bigint NOT NULL,
	lane             smallint NOT NULL,
	delivery_slot    smallint,
	delivery_id      bigint,
	due_at           timestamptz NOT NULL,
	reason           text NOT NULL,
	attempts         integer NOT NULL DEFAULT 0,
	ambiguous_since  timestamptz,
	PRIMARY KEY (request_slot, request_id)
);
COMMENT ON TABLE linecrm_internal.outbox_waiting IS 'local: requests not due yet; reason: scheduled, backoff, rate, channel_held, delivery_held, validating, rotated';
CREATE INDEX outbox_waiting_due_at_idx ON linecrm_internal.outbox_waiting (channel_id, due_at);
CREATE INDEX outbox_waiting_delivery_id_idx ON linecrm_internal.outbox_waiting (delivery_id);
