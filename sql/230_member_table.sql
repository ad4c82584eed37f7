/*
 * 230_member_table.sql
 *   ID links: which friend is which member of the owner's. Functions: 360_member.sql.
 */

CREATE TABLE linecrm_internal.member_link (
	friend_id   bigint PRIMARY KEY,
	channel_id  bigint NOT NULL,
	member_id   text NOT NULL,
	member_no   bigint,
	method      text NOT NULL,
	linked_at   timestamptz NOT NULL DEFAULT now(),
	linked_by   name NOT NULL
);
COMMENT ON TABLE linecrm_internal.member_link IS 'friend: the live link of a friend; method: account_link, login, code, csv, manual';
COMMENT ON COLUMN linecrm_internal.member_link.member_no IS 'member_id as a number where it is one, so that joins on numeric keys use the owner''s index';
CREATE INDEX member_link_member_id_idx ON linecrm_internal.member_link (member_id);
CREATE INDEX member_link_member_no_idx ON linecrm_internal.member_link (member_no) WHERE member_no IS NOT NULL;

CREATE SEQUENCE linecrm_internal.member_link_history_id_seq;
CREATE TABLE linecrm_internal.member_link_history (
	friend_id   bigint NOT NULL,
	history_id  bigint NOT NULL DEFAULT nextval('linecrm_internal.member_link_history_id_seq'),
	channel_id  bigint NOT NULL,
	member_id   text NOT NULL,
	linked      boolean NOT NULL,
	method      text NOT NULL,
	reason      text,
	changed_at  timestamptz NOT NULL DEFAULT now(),
	changed_by  name NOT NULL,
	PRIMARY KEY (friend_id, history_id)
);
COMMENT ON TABLE linecrm_internal.member_link_history IS 'friend: every link made and undone, for good';

CREATE TABLE linecrm_internal.member_directory (
	channel_id  bigint NOT NULL,
	member_id   text NOT NULL,
	friend_id   bigint NOT NULL,
	PRIMARY KEY (channel_id, member_id)
);
COMMENT ON TABLE linecrm_internal.member_directory IS 'local: which friend a member is, one in each channel; written only by link_member and unlink_member';
