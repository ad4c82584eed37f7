/*
 * 200_channel.sql
 *   Channels (one Messaging API channel is one LINE Official Account), their stores, sealed secrets, the installation
 *   that this data belongs to, and the audit trail. Functions on them stand in 310_credential.sql and 205_*.
 *
 * Each table's comment begins with its kind, which a test reads: "friend" (by friend_id, distributable), "config"
 * (small, the same everywhere), "local" (queue, history, directories: stays on one node).
 */

CREATE SEQUENCE linecrm_internal.channel_id_seq;
CREATE TABLE linecrm_internal.channel (
	channel_id       bigint PRIMARY KEY DEFAULT nextval('linecrm_internal.channel_id_seq'),
	name             text NOT NULL UNIQUE,
	provider         text NOT NULL,
	line_channel_id  text,
	bot_user_id      linecrm.line_user_id,
	basic_id         text,
	display_name     text,
	time_zone        text NOT NULL DEFAULT 'Asia/Tokyo',
	plan             text NOT NULL DEFAULT 'standard',
	note             text,
	quota_type       text,
	quota_limit      bigint,
	quota_used       bigint,
	quota_at         timestamptz,
	held_reason      text,
	held_detail      text,
	held_by          name,
	held_at          timestamptz,
	credential_version bigint NOT NULL DEFAULT 0,
	credential_times    jsonb NOT NULL DEFAULT '{}',
	created_at       timestamptz NOT NULL DEFAULT now(),
	created_by       name NOT NULL
);
COMMENT ON TABLE linecrm_internal.channel IS 'config: one row a Messaging API channel. held_reason: person, token, monthly_limit, quota_reserved, installation, breaker';
COMMENT ON COLUMN linecrm_internal.channel.provider IS 'channels of one provider see the same person under the same user id';
COMMENT ON COLUMN linecrm_internal.channel.bot_user_id IS 'the destination of webhooks; learnt from the first verified one or from bot info';
COMMENT ON COLUMN linecrm_internal.channel.credential_version IS 'drawn from credential_version_seq by each set_credential, so that processes drop what they keep; never the same twice, not even after a rollback';
COMMENT ON COLUMN linecrm_internal.channel.credential_times IS 'kind -> when it was set, so that nobody who may see the channel needs the table of secrets';

CREATE SEQUENCE linecrm_internal.credential_version_seq;

CREATE SEQUENCE linecrm_internal.store_id_seq;
CREATE TABLE linecrm_internal.store (
	store_id    bigint PRIMARY KEY DEFAULT nextval('linecrm_internal.store_id_seq'),
	channel_id  bigint NOT NULL,
	name        text NOT NULL,
	created_at  timestamptz NOT NULL DEFAULT now(),
	UNIQUE (channel_id, name)
);
COMMENT ON TABLE linecrm_internal.store IS 'config: shops that share one account';

CREATE TABLE linecrm_internal.credential (
	channel_id  bigint NOT NULL,
	kind        text NOT NULL,
	sealed      bytea NOT NULL,
	key_id      text NOT NULL,
	set_at      timestamptz NOT NULL DEFAULT now(),
	set_by      name NOT NULL,
	PRIMARY KEY (channel_id, kind)
);
COMMENT ON TABLE linecrm_internal.credential IS 'config: secrets, sealed with AES-256-GCM under linecrm.key_file before they reach a table; nobody is granted anything on it';

CREATE TABLE linecrm_internal.installation (
	installation_id    smallint PRIMARY KEY DEFAULT 1 CHECK (installation_id = 1),
	system_identifier  text NOT NULL,
	database_oid       bigint NOT NULL,
	heartbeat_at       timestamptz NOT NULL,
	adopted_at         timestamptz NOT NULL,
	adopted_by         name NOT NULL
);
COMMENT ON TABLE linecrm_internal.installation IS 'local: the server and database that this data belongs to; while it is another one''s, nothing is sent';

CREATE SEQUENCE linecrm_internal.audit_id_seq;
CREATE TABLE linecrm_internal.audit (
	audit_id     bigint PRIMARY KEY DEFAULT nextval('linecrm_internal.audit_id_seq'),
	happened_at  timestamptz NOT NULL DEFAULT now(),
	role_name    name NOT NULL,
	channel_id   bigint,
	action       text NOT NULL,
	object       text,
	friends      bigint,
	detail       jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE linecrm_internal.audit IS 'local: who did what to how many';

CREATE FUNCTION linecrm_internal._audit(action text, channel_id bigint, object text, friends bigint, detail jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO linecrm_internal.audit (role_name, channel_id, action, object, friends, detail)
	VALUES (linecrm_internal._caller(), _audit.channel_id, _audit.action, _audit.object, _audit.friends, coalesce(_audit.detail, '{}'));
END
$$;
COMMENT ON FUNCTION linecrm_internal._audit(text, bigint, text, bigint, jsonb) IS 'writes one line of the audit trail in the caller''s name';
