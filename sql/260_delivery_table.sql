/*
 * 260_delivery_table.sql
 *   Deliveries and what became of them: delivery, content, request, outcome, exclusion. Functions: 380 to 395.
 *
 * A request is one HTTP request to LINE and never changes; what changes is its row in the queue (265_queue_table.sql). It is
 * unfinished while it has a row in outbox or outbox_waiting and finished when it has an outcome, never both: there is
 * no state column.
 *
 * History is a ring of 15 monthly slots, made here once and emptied by TRUNCATE (nothing is created at run time: that
 * breaks the dump of an extension). The slot of a month is its number since 1970-01 (UTC) modulo 15. Campaigns
 * (delivery slot -1) and their totals are kept for good; single sends live in the ring.
 *
 * Keys begin with the id: inside a partition the slot tells nothing, and a planner without statistics (a month's first
 * rows) would otherwise read the whole partition through the index (seen: 3,000 rows for one push).
 */

CREATE FUNCTION linecrm_internal._month_slot(at_time timestamptz) RETURNS smallint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT (((extract(year FROM at_time AT TIME ZONE 'UTC')::integer - 1970) * 12
		+ extract(month FROM at_time AT TIME ZONE 'UTC')::integer - 1) % 15)::smallint;
END;
COMMENT ON FUNCTION linecrm_internal._month_slot(timestamptz) IS 'the slot of the history ring that a time belongs to';

CREATE SEQUENCE linecrm_internal.delivery_id_seq;
CREATE TABLE linecrm_internal.delivery (
	slot             smallint NOT NULL,
	delivery_id      bigint NOT NULL DEFAULT nextval('linecrm_internal.delivery_id_seq'),
	channel_id       bigint NOT NULL,
	kind             text NOT NULL,
	class            text NOT NULL CHECK (class IN ('reply', 'transactional', 'chat', 'marketing')),
	key              text,
	segment_id       bigint,
	segment_version  integer,
	friends          linecrm.friendset,
	friend_id        bigint,
	chat_id          text,
	message_id       bigint,
	message_version  integer,
	messages         jsonb,
	vars             jsonb,
	content_digest   bytea,
	due_at           timestamptz,
	not_after        timestamptz,
	at_most          bigint,
	again_after      interval,
	audience         linecrm.friendset,
	named            bigint,
	recipients       bigint,
	requests         bigint,
	contents         bigint,
	validating       bigint[],
	reason           text,
	detail           text,
	held_reason      text,
	held_detail      text,
	held_by          name,
	held_at          timestamptz,
	created_at       timestamptz NOT NULL DEFAULT now(),
	created_by       name NOT NULL,
	released_at      timestamptz,
	released_by      name,
	planned_at       timestamptz,
	cancelled_at     timestamptz,
	cancelled_by     name,
	failed_at        timestamptz,
	finished_at      timestamptz,
	attributes       jsonb NOT NULL DEFAULT '{}',
	PRIMARY KEY (delivery_id, slot)
) PARTITION BY LIST (slot);
COMMENT ON TABLE linecrm_internal.delivery IS 'local: one campaign (slot -1) or one single send (slot of its month); kind: campaign, push, chat, test, system';
COMMENT ON COLUMN linecrm_internal.delivery.friends IS 'the set that the caller gave instead of a segment';
COMMENT ON COLUMN linecrm_internal.delivery.due_at IS 'when it is to start; NULL is a draft';
COMMENT ON COLUMN linecrm_internal.delivery.audience IS 'frozen at planning: who will be sent to, after exclusions';
COMMENT ON COLUMN linecrm_internal.delivery.named IS 'how many the segment or the set named: recipients plus exclusions';
COMMENT ON COLUMN linecrm_internal.delivery.finished_at IS 'set for campaigns when no request is unfinished, for single sends only when nothing was to be sent; other single sends are finished when their request has an outcome';
COMMENT ON COLUMN linecrm_internal.delivery.validating IS 'requests to LINE''s validate endpoint that have not passed: while there are any, nothing of it is claimed; NULL: none was made';
COMMENT ON COLUMN linecrm_internal.delivery.held_reason IS 'person, at_most, several_rows, duplicate, quota, segment_failed, push_burst, content, breaker; while set, nothing of it is claimed';
CREATE TABLE linecrm_internal.delivery_campaign PARTITION OF linecrm_internal.delivery FOR VALUES IN (-1);

CREATE TABLE linecrm_internal.delivery_0 PARTITION OF linecrm_internal.delivery FOR VALUES IN (0);
CREATE TABLE linecrm_internal.delivery_1 PARTITION OF linecrm_internal.delivery FOR VALUES IN (1);
CREATE TABLE linecrm_internal.delivery_2 PARTITION OF linecrm_internal.delivery FOR VALUES IN (2);
CREATE TABLE linecrm_internal.delivery_3 PARTITION OF linecrm_internal.delivery FOR VALUES IN (3);
CREATE TABLE linecrm_internal.delivery_4 PARTITION OF linecrm_internal.delivery FOR VALUES IN (4);
CREATE TABLE linecrm_internal.delivery_5 PARTITION OF linecrm_internal.delivery FOR VALUES IN (5);
CREATE TABLE linecrm_internal.delivery_6 PARTITION OF linecrm_internal.delivery FOR VALUES IN (6);
CREATE TABLE linecrm_internal.delivery_7 PARTITION OF linecrm_internal.delivery FOR VALUES IN (7);
CREATE TABLE linecrm_internal.delivery_8 PARTITION OF linecrm_internal.delivery FOR VALUES IN (8);
CREATE TABLE linecrm_internal.delivery_9 PARTITION OF linecrm_internal.delivery FOR VALUES IN (9);
CREATE TABLE linecrm_internal.delivery_10 PARTITION OF linecrm_internal.delivery FOR VALUES IN (10);
CREATE TABLE linecrm_internal.delivery_11 PARTITION OF linecrm_internal.delivery FOR VALUES IN (11);
CREATE TABLE linecrm_internal.delivery_12 PARTITION OF linecrm_internal.delivery FOR VALUES IN (12);
CREATE TABLE linecrm_internal.delivery_13 PARTITION OF linecrm_internal.delivery FOR VALUES IN (13);
CREATE TABLE linecrm_internal.delivery_14 PARTITION OF linecrm_internal.delivery FOR VALUES IN (14);
CREATE INDEX delivery_friend_id_idx ON linecrm_internal.delivery (friend_id) WHERE reason IS NOT NULL;
CREATE INDEX delivery_campaign_due_at_idx ON linecrm_internal.delivery_campaign (due_at)
	WHERE planned_at IS NULL AND cancelled_at IS NULL AND failed_at IS NULL AND finished_at IS NULL;
CREATE INDEX delivery_campaign_running_idx ON linecrm_internal.delivery_campaign (planned_at)
	WHERE planned_at IS NOT NULL AND finished_at IS NULL;
CREATE INDEX delivery_campaign_content_digest_idx ON linecrm_internal.delivery_campaign (channel_id, content_digest, created_at);

CREATE TABLE linecrm_internal.delivery_key (
	channel_id     bigint NOT NULL,
	key            text NOT NULL,
	delivery_slot  smallint NOT NULL,
	delivery_id    bigint NOT NULL,
	digest         bytea NOT NULL,
	created_at     timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (channel_id, key)
);
COMMENT ON TABLE linecrm_internal.delivery_key IS 'local: the caller''s own key of a delivery: same key and arguments (digest) give the earlier delivery';

CREATE TABLE linecrm_internal.delivery_total (
	delivery_id  bigint NOT NULL,
	state        text NOT NULL,
	reason       text NOT NULL,
	channel_id   bigint NOT NULL,
	friends      bigint NOT NULL,
	PRIMARY KEY (delivery_id, state, reason)
);
COMMENT ON TABLE linecrm_internal.delivery_total IS 'local: what became of a finished campaign''s friends, kept for good; recipients by final state and the excluded by reason';

CREATE SEQUENCE linecrm_internal.content_id_seq;
CREATE TABLE linecrm_internal.content (
	slot          smallint NOT NULL,
	content_id    bigint NOT NULL DEFAULT nextval('linecrm_internal.content_id_seq'),
	channel_id    bigint NOT NULL,
	body          bytea NOT NULL,
	digest        bytea NOT NULL,
	validated_at  timestamptz,
	PRIMARY KEY (content_id, slot)
) PARTITION BY LIST (slot);
COMMENT ON TABLE linecrm_internal.content IS 'local: bodies as final bytes, once each: a JSON object without the target, {"messages":[...]}; stored so that no upgrade can change a retry';
COMMENT ON COLUMN linecrm_internal.content.validated_at IS 'when LINE''s validate endpoint found nothing wrong with it; a refusal that names nothing is then not about the content';
ALTER TABLE linecrm_internal.content ALTER COLUMN body SET STORAGE EXTENDED;

CREATE SEQUENCE linecrm_internal.request_id_seq;
CREATE TABLE linecrm_internal.request (
	slot           smallint NOT NULL,
	request_id     bigint NOT NULL DEFAULT nextval('linecrm_internal.request_id_seq'),
	channel_id     bigint NOT NULL,
	delivery_slot  smallint,
	delivery_id    bigint,
	kind           text NOT NULL,
	lane           smallint NOT NULL,
	content_slot   smallint,
	content_id     bigint,
	retry_key      uuid,
	recipients     linecrm.friendset,
	friend_id      bigint,
	first_friend   bigint,
	last_friend    bigint,
	friends        integer NOT NULL,
	chat_id        text,
	reply_token    text,
	params         jsonb,
	not_after      timestamptz,
	replaces       bigint,
	created_at     timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (request_id, slot)
) PARTITION BY LIST (slot);
COMMENT ON TABLE linecrm_internal.request IS 'local: one HTTP request to LINE: kind (the endpoint table of src/line/request_kind.c), content, retry key, target; immutable, the history of who got what';
COMMENT ON COLUMN linecrm_internal.request.friend_id IS 'its one friend, or first_friend to last_friend with the set in recipients';
COMMENT ON COLUMN linecrm_internal.request.replaces IS 'the request whose recipients these are, after a split or a decision to send again';

CREATE TABLE linecrm_internal.outcome (
	slot             smallint NOT NULL,
	request_id       bigint NOT NULL,
	channel_id       bigint NOT NULL,
	delivery_slot    smallint,
	delivery_id      bigint,
	outcome          text NOT NULL,
	reason           text,
	detail           text,
	http_status      integer,
	line_request_id  text,
	friends          integer NOT NULL,
	attempts         integer NOT NULL,
	message_ids      text[],
	decided_by       name,
	finished_at      timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (request_id, slot)
) PARTITION BY LIST (slot);
COMMENT ON TABLE linecrm_internal.outcome IS 'local: how a request ended: accepted, rejected, unknown, expired, cancelled; split and superseded live on in the requests that replace them';
COMMENT ON COLUMN linecrm_internal.outcome.friends IS 'how many friends were in the body that was sent';

CREATE SEQUENCE linecrm_internal.exclusion_id_seq;
CREATE TABLE linecrm_internal.exclusion (
	slot           smallint NOT NULL,
	exclusion_id   bigint NOT NULL DEFAULT nextval('linecrm_internal.exclusion_id_seq'),
	channel_id     bigint NOT NULL,
	delivery_slot  smallint NOT NULL,
	delivery_id    bigint NOT NULL,
	request_id     bigint,
	reason         text NOT NULL,
	members        linecrm.friendset NOT NULL,
	detail         text,
	created_at     timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (exclusion_id, slot)
) PARTITION BY LIST (slot);
COMMENT ON TABLE linecrm_internal.exclusion IS 'local: the one home of "why not": who was named but is not sent to, at planning (request_id NULL) or at the first claim of a request';

CREATE TABLE linecrm_internal.content_0 PARTITION OF linecrm_internal.content FOR VALUES IN (0);
CREATE TABLE linecrm_internal.content_1 PARTITION OF linecrm_internal.content FOR VALUES IN (1);
CREATE TABLE linecrm_internal.content_2 PARTITION OF linecrm_internal.content FOR VALUES IN (2);
CREATE TABLE linecrm_internal.content_3 PARTITION OF linecrm_internal.content FOR VALUES IN (3);
CREATE TABLE linecrm_internal.content_4 PARTITION OF linecrm_internal.content FOR VALUES IN (4);
CREATE TABLE linecrm_internal.content_5 PARTITION OF linecrm_internal.content FOR VALUES IN (5);
CREATE TABLE linecrm_internal.content_6 PARTITION OF linecrm_internal.content FOR VALUES IN (6);
CREATE TABLE linecrm_internal.content_7 PARTITION OF linecrm_internal.content FOR VALUES IN (7);
CREATE TABLE linecrm_internal.content_8 PARTITION OF linecrm_internal.content FOR VALUES IN (8);
CREATE TABLE linecrm_internal.content_9 PARTITION OF linecrm_internal.content FOR VALUES IN (9);
CREATE TABLE linecrm_internal.content_10 PARTITION OF linecrm_internal.content FOR VALUES IN (10);
CREATE TABLE linecrm_internal.content_11 PARTITION OF linecrm_internal.content FOR VALUES IN (11);
CREATE TABLE linecrm_internal.content_12 PARTITION OF linecrm_internal.content FOR VALUES IN (12);
CREATE TABLE linecrm_internal.content_13 PARTITION OF linecrm_internal.content FOR VALUES IN (13);
CREATE TABLE linecrm_internal.content_14 PARTITION OF linecrm_internal.content FOR VALUES IN (14);
CREATE TABLE linecrm_internal.request_0 PARTITION OF linecrm_internal.request FOR VALUES IN (0);
CREATE TABLE linecrm_internal.request_1 PARTITION OF linecrm_internal.request FOR VALUES IN (1);
CREATE TABLE linecrm_internal.request_2 PARTITION OF linecrm_internal.request FOR VALUES IN (2);
CREATE TABLE linecrm_internal.request_3 PARTITION OF linecrm_internal.request FOR VALUES IN (3);
CREATE TABLE linecrm_internal.request_4 PARTITION OF linecrm_internal.request FOR VALUES IN (4);
CREATE TABLE linecrm_internal.request_5 PARTITION OF linecrm_internal.request FOR VALUES IN (5);
CREATE TABLE linecrm_internal.request_6 PARTITION OF linecrm_internal.request FOR VALUES IN (6);
CREATE TABLE linecrm_internal.request_7 PARTITION OF linecrm_internal.request FOR VALUES IN (7);
CREATE TABLE linecrm_internal.request_8 PARTITION OF linecrm_internal.request FOR VALUES IN (8);
CREATE TABLE linecrm_internal.request_9 PARTITION OF linecrm_internal.request FOR VALUES IN (9);
CREATE TABLE linecrm_internal.request_10 PARTITION OF linecrm_internal.request FOR VALUES IN (10);
CREATE TABLE linecrm_internal.request_11 PARTITION OF linecrm_internal.request FOR VALUES IN (11);
CREATE TABLE linecrm_internal.request_12 PARTITION OF linecrm_internal.request FOR VALUES IN (12);
CREATE TABLE linecrm_internal.request_13 PARTITION OF linecrm_internal.request FOR VALUES IN (13);
CREATE TABLE linecrm_internal.request_14 PARTITION OF linecrm_internal.request FOR VALUES IN (14);
CREATE TABLE linecrm_internal.outcome_0 PARTITION OF linecrm_internal.outcome FOR VALUES IN (0);
CREATE TABLE linecrm_internal.outcome_1 PARTITION OF linecrm_internal.outcome FOR VALUES IN (1);
CREATE TABLE linecrm_internal.outcome_2 PARTITION OF linecrm_internal.outcome FOR VALUES IN (2);
CREATE TABLE linecrm_internal.outcome_3 PARTITION OF linecrm_internal.outcome FOR VALUES IN (3);
CREATE TABLE linecrm_internal.outcome_4 PARTITION OF linecrm_internal.outcome FOR VALUES IN (4);
CREATE TABLE linecrm_internal.outcome_5 PARTITION OF linecrm_internal.outcome FOR VALUES IN (5);
CREATE TABLE linecrm_internal.outcome_6 PARTITION OF linecrm_internal.outcome FOR VALUES IN (6);
CREATE TABLE linecrm_internal.outcome_7 PARTITION OF linecrm_internal.outcome FOR VALUES IN (7);
CREATE TABLE linecrm_internal.outcome_8 PARTITION OF linecrm_internal.outcome FOR VALUES IN (8);
CREATE TABLE linecrm_internal.outcome_9 PARTITION OF linecrm_internal.outcome FOR VALUES IN (9);
CREATE TABLE linecrm_internal.outcome_10 PARTITION OF linecrm_internal.outcome FOR VALUES IN (10);
CREATE TABLE linecrm_internal.outcome_11 PARTITION OF linecrm_internal.outcome FOR VALUES IN (11);
CREATE TABLE linecrm_internal.outcome_12 PARTITION OF linecrm_internal.outcome FOR VALUES IN (12);
CREATE TABLE linecrm_internal.outcome_13 PARTITION OF linecrm_internal.outcome FOR VALUES IN (13);
CREATE TABLE linecrm_internal.outcome_14 PARTITION OF linecrm_internal.outcome FOR VALUES IN (14);
CREATE TABLE linecrm_internal.exclusion_0 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (0);
CREATE TABLE linecrm_internal.exclusion_1 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (1);
CREATE TABLE linecrm_internal.exclusion_2 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (2);
CREATE TABLE linecrm_internal.exclusion_3 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (3);
CREATE TABLE linecrm_internal.exclusion_4 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (4);
CREATE TABLE linecrm_internal.exclusion_5 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (5);
CREATE TABLE linecrm_internal.exclusion_6 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (6);
CREATE TABLE linecrm_internal.exclusion_7 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (7);
CREATE TABLE linecrm_internal.exclusion_8 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (8);
CREATE TABLE linecrm_internal.exclusion_9 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (9);
CREATE TABLE linecrm_internal.exclusion_10 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (10);
CREATE TABLE linecrm_internal.exclusion_11 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (11);
CREATE TABLE linecrm_internal.exclusion_12 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (12);
CREATE TABLE linecrm_internal.exclusion_13 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (13);
CREATE TABLE linecrm_internal.exclusion_14 PARTITION OF linecrm_internal.exclusion FOR VALUES IN (14);
CREATE INDEX request_delivery_id_idx ON linecrm_internal.request (delivery_id);
CREATE INDEX request_friend_id_idx ON linecrm_internal.request (friend_id) WHERE friend_id IS NOT NULL;
CREATE INDEX outcome_delivery_id_idx ON linecrm_internal.outcome (delivery_id);
CREATE INDEX exclusion_delivery_id_idx ON linecrm_internal.exclusion (delivery_id);
CREATE INDEX exclusion_request_id_idx ON linecrm_internal.exclusion (request_id) WHERE request_id IS NOT NULL;

CREATE TABLE linecrm_internal.completion (
	slot        smallint NOT NULL,
	request_id  bigint NOT NULL,
	channel_id  bigint NOT NULL,
	kind        text NOT NULL,
	http_status integer NOT NULL,
	answer      bytea NOT NULL,
	tries       smallint NOT NULL DEFAULT 0,
	error       text,
	parked_at   timestamptz,
	created_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (slot, request_id)
);
COMMENT ON TABLE linecrm_internal.completion IS 'local: answers that wait for _complete_KIND(request_id, status, answer) in the clerk; parked after five failures';
