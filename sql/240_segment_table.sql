/*
 * 240_segment_table.sql
 *   Segments: SQL that yields friend_id, run as the role that saved it. Functions: 300_segment.sql.
 */

CREATE SEQUENCE linecrm_internal.segment_id_seq;
CREATE TABLE linecrm_internal.segment (
	segment_id   bigint PRIMARY KEY DEFAULT nextval('linecrm_internal.segment_id_seq'),
	channel_id   bigint NOT NULL,
	name         text NOT NULL,
	version      integer NOT NULL,
	query        text NOT NULL,
	owner_role   name NOT NULL,
	search_path  text NOT NULL,
	note         text,
	saved_at     timestamptz NOT NULL DEFAULT now(),
	UNIQUE (channel_id, name)
);
COMMENT ON TABLE linecrm_internal.segment IS 'config: segments as they are now; no role has INSERT or UPDATE here, or owners could be forged';

CREATE TABLE linecrm_internal.segment_version (
	segment_id   bigint NOT NULL,
	version      integer NOT NULL,
	query        text NOT NULL,
	owner_role   name NOT NULL,
	search_path  text NOT NULL,
	note         text,
	saved_at     timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (segment_id, version)
);
COMMENT ON TABLE linecrm_internal.segment_version IS 'config: every text a segment ever had, and whose it was';
