/*
 * 270_inbox_table.sql
 *   The inbox: each webhook event once, as the bytes that LINE signed. Functions: 320_webhook.sql, 330_process_inbox.sql.
 *
 * inbox is immutable. An event is unprocessed while it has a row in inbox_waiting, failed while it has one in
 * inbox_error. The slot comes from the event's own timestamp, which redelivery does not change, so that
 * (slot, channel_id, webhook_event_id) is unique in fact.
 */

CREATE SEQUENCE linecrm_internal.inbox_id_seq;
CREATE TABLE linecrm_internal.inbox (
	slot              smallint NOT NULL,
	channel_id        bigint NOT NULL,
	webhook_event_id  text NOT NULL,
	inbox_id          bigint NOT NULL DEFAULT nextval('linecrm_internal.inbox_id_seq'),
	event_at          timestamptz NOT NULL,
	event_type        text NOT NULL,
	source_type       text,
	user_id           linecrm.line_user_id,
	chat_id           text,
	redelivered       boolean NOT NULL,
	received_at       timestamptz NOT NULL DEFAULT now(),
	raw               bytea NOT NULL,
	PRIMARY KEY (slot, channel_id, webhook_event_id)
) PARTITION BY LIST (slot);
COMMENT ON TABLE linecrm_internal.inbox IS 'local: every webhook event once, with its own raw JSON; jsonb would refuse \u0000 and lone surrogates, which a signed body may carry';

CREATE TABLE linecrm_internal.inbox_0 PARTITION OF linecrm_internal.inbox FOR VALUES IN (0);
CREATE TABLE linecrm_internal.inbox_1 PARTITION OF linecrm_internal.inbox FOR VALUES IN (1);
CREATE TABLE linecrm_internal.inbox_2 PARTITION OF linecrm_internal.inbox FOR VALUES IN (2);
CREATE TABLE linecrm_internal.inbox_3 PARTITION OF linecrm_internal.inbox FOR VALUES IN (3);
CREATE TABLE linecrm_internal.inbox_4 PARTITION OF linecrm_internal.inbox FOR VALUES IN (4);
CREATE TABLE linecrm_internal.inbox_5 PARTITION OF linecrm_internal.inbox FOR VALUES IN (5);
CREATE TABLE linecrm_internal.inbox_6 PARTITION OF linecrm_internal.inbox FOR VALUES IN (6);
CREATE TABLE linecrm_internal.inbox_7 PARTITION OF linecrm_internal.inbox FOR VALUES IN (7);
CREATE TABLE linecrm_internal.inbox_8 PARTITION OF linecrm_internal.inbox FOR VALUES IN (8);
CREATE TABLE linecrm_internal.inbox_9 PARTITION OF linecrm_internal.inbox FOR VALUES IN (9);
CREATE TABLE linecrm_internal.inbox_10 PARTITION OF linecrm_internal.inbox FOR VALUES IN (10);
CREATE TABLE linecrm_internal.inbox_11 PARTITION OF linecrm_internal.inbox FOR VALUES IN (11);
CREATE TABLE linecrm_internal.inbox_12 PARTITION OF linecrm_internal.inbox FOR VALUES IN (12);
CREATE TABLE linecrm_internal.inbox_13 PARTITION OF linecrm_internal.inbox FOR VALUES IN (13);
CREATE TABLE linecrm_internal.inbox_14 PARTITION OF linecrm_internal.inbox FOR VALUES IN (14);

CREATE TABLE linecrm_internal.inbox_waiting (
	channel_id        bigint NOT NULL,
	event_at          timestamptz NOT NULL,
	inbox_id          bigint NOT NULL,
	slot              smallint NOT NULL,
	webhook_event_id  text NOT NULL,
	PRIMARY KEY (channel_id, event_at, inbox_id)
);
COMMENT ON TABLE linecrm_internal.inbox_waiting IS 'local: events that process_inbox has yet to work on, in the order of their own time';

CREATE TABLE linecrm_internal.inbox_error (
	slot              smallint NOT NULL,
	channel_id        bigint NOT NULL,
	webhook_event_id  text NOT NULL,
	inbox_id          bigint NOT NULL,
	event_at          timestamptz NOT NULL,
	sqlstate          text NOT NULL,
	error             text NOT NULL,
	tries             integer NOT NULL DEFAULT 1,
	failed_at         timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (slot, channel_id, webhook_event_id)
);
COMMENT ON TABLE linecrm_internal.inbox_error IS 'local: events whose handler failed, with the error; they block nothing and can be retried';
