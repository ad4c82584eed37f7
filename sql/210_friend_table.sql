/*
 * 210_friend_table.sql
 *   Friends, their directory (user id -> friend), and the history of their status. Functions: 340_friend.sql.
 *
 * friend_id is the key of everything per friend: a join by it can never cross channels. It is drawn only for a user id
 * that the directory lacks, because 2^32 is not endless.
 */

CREATE SEQUENCE linecrm_internal.friend_id_seq AS bigint MINVALUE 1 MAXVALUE 4294967295;
CREATE TABLE linecrm_internal.friend (
	friend_id        bigint PRIMARY KEY DEFAULT nextval('linecrm_internal.friend_id_seq') CHECK (friend_id BETWEEN 1 AND 4294967295),
	channel_id       bigint NOT NULL,
	user_id          linecrm.line_user_id NOT NULL,
	status           text NOT NULL DEFAULT 'unknown' CHECK (status IN ('following', 'blocked', 'unknown')),
	status_at        timestamptz,
	followed_at      timestamptz,
	blocked_at       timestamptz,
	last_message_at  timestamptz,
	display_name     text,
	picture_url      text,
	status_message   text,
	language         text,
	profile_at       timestamptz,
	nickname         text,
	route            text,
	store_id         bigint,
	origin           text NOT NULL DEFAULT 'person',
	preferences      jsonb NOT NULL DEFAULT '{}',
	created_at       timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 85);
COMMENT ON TABLE linecrm_internal.friend IS 'friend: one row a person and channel; status is the last known, by the time of LINE''s events';
COMMENT ON COLUMN linecrm_internal.friend.status_at IS 'event time of what set the status; an older event changes nothing';
COMMENT ON COLUMN linecrm_internal.friend.origin IS 'how linecrm learnt of the person: webhook, import, followers, person';
COMMENT ON COLUMN linecrm_internal.friend.last_message_at IS 'last time the person wrote or tapped; within 7 days a push reaches also somebody who is not a friend';
CREATE INDEX friend_channel_id_idx ON linecrm_internal.friend (channel_id, friend_id);

CREATE TABLE linecrm_internal.friend_directory (
	channel_id  bigint NOT NULL,
	user_id     linecrm.line_user_id NOT NULL,
	friend_id   bigint NOT NULL,
	PRIMARY KEY (channel_id, user_id)
);
COMMENT ON TABLE linecrm_internal.friend_directory IS 'local: which friend a user id is, in each channel; written only by _friends_of_users';

CREATE TABLE linecrm_internal.friend_status (
	friend_id   bigint NOT NULL,
	changed_at  timestamptz NOT NULL,
	status      text NOT NULL,
	channel_id  bigint NOT NULL,
	origin      text NOT NULL,
	recorded_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (friend_id, changed_at, status)
);
COMMENT ON TABLE linecrm_internal.friend_status IS 'friend: every change of status by its event time; origin: webhook, import, followers, person';

CREATE TABLE linecrm_internal.tap (
	friend_id         bigint NOT NULL,
	tapped_at         timestamptz NOT NULL,
	webhook_event_id  text NOT NULL,
	channel_id        bigint NOT NULL,
	data              text NOT NULL,
	params            jsonb,
	delivery_id       bigint,
	button            text,
	PRIMARY KEY (friend_id, tapped_at, webhook_event_id)
);
COMMENT ON TABLE linecrm_internal.tap IS 'friend: every postback; delivery_id and button are known for buttons that linecrm sent';
