/*
 * 250_message_table.sql
 *   Messages: content by name, versioned, immutable once saved. Functions: 370_message.sql.
 */

CREATE SEQUENCE linecrm_internal.message_id_seq;
CREATE TABLE linecrm_internal.message (
	message_id  bigint PRIMARY KEY DEFAULT nextval('linecrm_internal.message_id_seq'),
	channel_id  bigint NOT NULL,
	name        text NOT NULL,
	version     integer NOT NULL,
	note        text,
	created_at  timestamptz NOT NULL DEFAULT now(),
	UNIQUE (channel_id, name)
);
COMMENT ON TABLE linecrm_internal.message IS 'config: names of messages and the version in use';

CREATE TABLE linecrm_internal.message_version (
	message_id  bigint NOT NULL,
	channel_id  bigint NOT NULL,
	version     integer NOT NULL,
	messages    jsonb NOT NULL,
	variables   text[] NOT NULL DEFAULT '{}',
	saved_at    timestamptz NOT NULL DEFAULT now(),
	saved_by    name NOT NULL,
	PRIMARY KEY (message_id, version)
);
COMMENT ON TABLE linecrm_internal.message_version IS 'config: one to five LINE message objects, as saved; {{name}} and {{name|default}} are variables';
