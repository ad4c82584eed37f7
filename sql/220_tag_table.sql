/*
 * 220_tag_table.sql
 *   Tags. friend_tag is the truth; tag_shard plus the visible rows of tag_delta is the same as sets, exact in every
 *   snapshot, for segments over millions. Functions: 350_tag.sql, 352_tag_verbs.sql.
 */

CREATE SEQUENCE linecrm_internal.tag_id_seq;
CREATE TABLE linecrm_internal.tag (
	tag_id         bigint PRIMARY KEY DEFAULT nextval('linecrm_internal.tag_id_seq'),
	channel_id     bigint NOT NULL,
	name           text NOT NULL,
	group_name     text,
	note           text,
	expires_after  interval,
	on_follow      boolean NOT NULL DEFAULT false,
	on_text        text[] NOT NULL DEFAULT '{}',
	on_postback    text[] NOT NULL DEFAULT '{}',
	created_at     timestamptz NOT NULL DEFAULT now(),
	created_by     name NOT NULL,
	UNIQUE (channel_id, name)
);
COMMENT ON TABLE linecrm_internal.tag IS 'config: tags of a channel, with the events that add them by themselves';
COMMENT ON COLUMN linecrm_internal.tag.on_text IS 'texts that add the tag when a friend sends one, compared after NFKC, lower case and trimming';
COMMENT ON COLUMN linecrm_internal.tag.on_postback IS 'postback data that adds the tag, compared exactly; a trailing % matches any rest';

CREATE TABLE linecrm_internal.friend_tag (
	friend_id   bigint NOT NULL,
	tag_id      bigint NOT NULL,
	channel_id  bigint NOT NULL,
	origin      text NOT NULL,
	since_at    timestamptz NOT NULL DEFAULT now(),
	expires_at  timestamptz,
	PRIMARY KEY (friend_id, tag_id)
);
COMMENT ON TABLE linecrm_internal.friend_tag IS 'friend: who has which tag now; origin: person, follow, text, postback, import, rule';
CREATE INDEX friend_tag_tag_id_idx ON linecrm_internal.friend_tag (tag_id, friend_id);
CREATE INDEX friend_tag_expires_at_idx ON linecrm_internal.friend_tag (expires_at) WHERE expires_at IS NOT NULL;

CREATE SEQUENCE linecrm_internal.friend_tag_history_id_seq;
CREATE TABLE linecrm_internal.friend_tag_history (
	friend_id    bigint NOT NULL,
	history_id   bigint NOT NULL DEFAULT nextval('linecrm_internal.friend_tag_history_id_seq'),
	tag_id       bigint NOT NULL,
	channel_id   bigint NOT NULL,
	added        boolean NOT NULL,
	origin       text NOT NULL,
	changed_at   timestamptz NOT NULL DEFAULT now(),
	changed_by   text NOT NULL,
	PRIMARY KEY (friend_id, history_id)
);
COMMENT ON TABLE linecrm_internal.friend_tag_history IS 'friend: every tag added and removed, for good';

CREATE TABLE linecrm_internal.tag_shard (
	tag_id      bigint NOT NULL,
	shard       integer NOT NULL,
	channel_id  bigint NOT NULL,
	members     linecrm.friendset NOT NULL,
	PRIMARY KEY (tag_id, shard)
);
COMMENT ON TABLE linecrm_internal.tag_shard IS 'local: members of a tag whose friend_id >> 16 is the shard, as merged so far';

CREATE SEQUENCE linecrm_internal.tag_delta_id_seq;
CREATE TABLE linecrm_internal.tag_delta (
	delta_id    bigint PRIMARY KEY DEFAULT nextval('linecrm_internal.tag_delta_id_seq'),
	tag_id      bigint NOT NULL,
	shard       integer NOT NULL,
	channel_id  bigint NOT NULL,
	added       boolean NOT NULL,
	members     linecrm.friendset NOT NULL
);
COMMENT ON TABLE linecrm_internal.tag_delta IS 'local: changes not merged yet; applied in order of delta_id, which is drawn after the friend_tag rows are locked';
CREATE INDEX tag_delta_tag_id_idx ON linecrm_internal.tag_delta (tag_id, shard, delta_id);
