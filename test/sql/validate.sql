-- LINE's word about the contents of a campaign, without workers: its answers are handed to the clerk's functions.
-- And whom outcomes count that were written without asking LINE.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('main', 'p', 'tester');
INSERT INTO linecrm_internal.friend (friend_id, channel_id, user_id, status)
SELECT i, 1, ('U' || lpad(to_hex(i), 32, '0'))::linecrm.line_user_id, 'following' FROM generate_series(1, 2000) AS i;
INSERT INTO linecrm_internal.friend_directory (channel_id, user_id, friend_id) SELECT channel_id, user_id, friend_id FROM linecrm_internal.friend;
SELECT linecrm.save_segment('three', 'SELECT i::bigint AS friend_id, i % 3 AS word FROM generate_series(1, 7) AS i') AS version \gset
SELECT linecrm.save_segment('hundred', 'SELECT i::bigint AS friend_id, repeat(''x'', CASE WHEN i <= 10 THEN 0 ELSE i::int END) AS word FROM generate_series(1, 109) AS i') AS version \gset
CREATE VIEW pg_temp.checks AS
	SELECT d.delivery_id, row_number() OVER (PARTITION BY d.delivery_id ORDER BY c.body) AS nth, v.request_id, r.kind, r.lane, r.delivery_id AS of_delivery, r.friends, convert_from(c.body, 'UTF8') AS body,
		CASE WHEN o.request_id IS NOT NULL THEN 'outbox' WHEN w.due_at > now() THEN 'later' END AS queue
	FROM linecrm_internal.delivery_campaign d CROSS JOIN LATERAL unnest(d.validating) AS v (request_id)
	JOIN linecrm_internal.request r USING (request_id) JOIN linecrm_internal.content c ON c.slot = r.content_slot AND c.content_id = r.content_id
	LEFT JOIN linecrm_internal.outbox o ON o.request_id = r.request_id LEFT JOIN linecrm_internal.outbox_waiting w ON w.request_id = r.request_id;
CREATE FUNCTION pg_temp.answer(request bigint, status integer, answer text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	WITH gone AS (DELETE FROM linecrm_internal.outbox WHERE request_id = request RETURNING *)
	INSERT INTO linecrm_internal.outcome (slot, request_id, channel_id, outcome, friends, attempts)
	SELECT request_slot, request_id, channel_id, CASE status WHEN 200 THEN 'accepted' ELSE 'rejected' END, 0, 1 FROM gone;
	PERFORM linecrm_internal._complete_validate_multicast(request, status, convert_to(answer, 'UTF8'));
END $$;
CREATE FUNCTION pg_temp.queues(d bigint) RETURNS TABLE (queue text, reason text, requests bigint) LANGUAGE sql AS $$
	SELECT 'outbox', NULL, count(*) FROM linecrm_internal.outbox WHERE delivery_id = d HAVING count(*) > 0
	UNION ALL SELECT 'waiting', reason, count(*) FROM linecrm_internal.outbox_waiting WHERE delivery_id = d GROUP BY reason ORDER BY 1, 2 $$;
CREATE VIEW pg_temp.shown AS SELECT delivery_id AS d, state, reason, detail FROM linecrm.delivery_progress;

-- one question a content, in a lane before campaigns; the requests wait for the answers
SELECT linecrm.deliver(segment => 'three', messages => linecrm.text_message('word {{word}}'), at => now()) AS d \gset
SELECT nth, kind, lane, of_delivery, friends, body, queue FROM pg_temp.checks WHERE delivery_id = :d ORDER BY nth;
SELECT * FROM pg_temp.queues(:d);
SELECT channel, reason, detail, requests, friends, next_at FROM linecrm.waiting WHERE delivery_id = :d;
SELECT state, reason, friends FROM linecrm.delivery_outcome WHERE delivery_id = :d;
SELECT item, detail FROM linecrm.check_integrity() WHERE NOT ok;
-- some pass, one is refused: held with LINE's words; who gets that
SELECT request_id AS first FROM pg_temp.checks WHERE delivery_id = :d AND nth = 1 \gset
SELECT request_id AS second FROM pg_temp.checks WHERE delivery_id = :d AND nth = 2 \gset
SELECT request_id AS third FROM pg_temp.checks WHERE delivery_id = :d AND nth = 3 \gset
SELECT pg_temp.answer(:first, 200, '{}');
SELECT * FROM pg_temp.shown WHERE d = :d;
SELECT pg_temp.answer(:second, 400, '{"message":"The request body has 1 error(s)","details":[{"message":"May not be empty","property":"messages[0].text"}]}');
SELECT * FROM pg_temp.shown WHERE d = :d;
SELECT pg_temp.answer(:third, 400, 'no JSON');
SELECT * FROM pg_temp.shown WHERE d = :d;
SELECT linecrm_internal._attend();
SELECT linecrm_internal._lost_checks_turn();
SELECT channel, reason, detail, requests, friends, next_at FROM linecrm.waiting WHERE delivery_id = :d;
-- resume asks again about what was refused; then all passes
SELECT linecrm.resume(:d);
SELECT * FROM pg_temp.shown WHERE d = :d;
SELECT kind, body, queue FROM pg_temp.checks WHERE delivery_id = :d ORDER BY nth;
SELECT linecrm_internal._attend();
SELECT * FROM pg_temp.queues(:d);
SELECT count(pg_temp.answer(request_id, 200, '{}')::text) FROM pg_temp.checks WHERE delivery_id = :d;
SELECT * FROM pg_temp.shown WHERE d = :d;
SELECT linecrm_internal._attend(), linecrm_internal._move_due(100);
SELECT * FROM pg_temp.queues(:d);
SELECT count(*), count(validated_at) FROM linecrm_internal.content;
SELECT linecrm_internal._attend();
-- an answer that comes late or twice changes nothing
SELECT pg_temp.answer(:third, 400, '{}');
SELECT * FROM pg_temp.shown WHERE d = :d;

-- other answers: asked again, later; what it waits for can be seen
SELECT linecrm.deliver(friends => '{1-501}', messages => linecrm.text_message('again'), at => now(), class => 'transactional') AS d \gset
SELECT kind, lane, queue FROM pg_temp.checks WHERE delivery_id = :d;
SELECT pg_temp.answer(request_id, 403, '{"message":"Not available for your plan"}') FROM pg_temp.checks WHERE delivery_id = :d;
SELECT kind, lane, queue FROM pg_temp.checks WHERE delivery_id = :d;
SELECT * FROM pg_temp.shown WHERE d = :d;
SELECT reason, detail, friends FROM linecrm.waiting WHERE delivery_id = :d ORDER BY 1;
-- held by a person, then refused: the person's resume asks again
SELECT linecrm.hold(:d, 'lunch');
SELECT linecrm_internal._move_due(0), count(*) FROM linecrm_internal.outbox_waiting WHERE reason = 'scheduled';
UPDATE linecrm_internal.outbox_waiting SET due_at = now() WHERE reason = 'scheduled';
SELECT linecrm_internal._move_due(100);
SELECT request_id AS refused FROM pg_temp.checks WHERE delivery_id = :d \gset
SELECT pg_temp.answer(:refused, 400, '{"message":"no"}');
SELECT state, reason, detail FROM pg_temp.shown WHERE d = :d;
SELECT linecrm.resume(:d);
SELECT request_id <> :refused AS asked_again, queue FROM pg_temp.checks WHERE delivery_id = :d;
-- a question that ends without an answer holds the delivery
WITH gone AS (DELETE FROM linecrm_internal.outbox o USING pg_temp.checks c WHERE c.delivery_id = :d AND o.request_id = c.request_id RETURNING o.*)
INSERT INTO linecrm_internal.outcome (slot, request_id, channel_id, outcome, reason, friends, attempts)
SELECT request_slot, request_id, channel_id, 'unknown', 'retry_limit', 0, 9 FROM gone;
SELECT linecrm_internal._lost_checks_turn();
SELECT state, reason, detail FROM pg_temp.shown WHERE d = :d;
SELECT linecrm.cancel(:d);

-- many contents: the 25 largest and the 25 that most people get
SELECT linecrm.deliver(segment => 'hundred', messages => linecrm.text_message('-{{word}}-'), at => now()) AS d \gset
SELECT contents, requests FROM linecrm.delivery_progress WHERE delivery_id = :d;
SELECT count(*) <= 50 AS bounded, count(*) FILTER (WHERE length(body) >= 151 - 24) AS largest, count(*) FILTER (WHERE kind = 'validate_multicast') AS of_ten
FROM pg_temp.checks WHERE delivery_id = :d;
SELECT linecrm.cancel(:d);
-- one request, or nobody: nothing is asked
SELECT linecrm.deliver(friends => '{1-500}', messages => linecrm.text_message('one request'), at => now()) AS d \gset
SELECT validating FROM linecrm_internal.delivery_campaign WHERE delivery_id = :d;
SELECT * FROM pg_temp.queues(:d);
SELECT linecrm.cancel(:d);
-- later: asked now, sent then
SELECT linecrm.deliver(friends => '{1-1500}', messages => linecrm.text_message('undo'), at => now(), at_most => 1500) AS d \gset
SELECT * FROM pg_temp.queues(:d);
SELECT pg_temp.answer(request_id, 200, '{}') FROM pg_temp.checks WHERE delivery_id = :d;
SELECT linecrm_internal._attend() >= 0 AS attended;
SELECT * FROM pg_temp.queues(:d);
SELECT linecrm.cancel(:d);

-- what is set aside as not validated returns when it expires
SELECT linecrm.deliver(friends => '{1-501}', messages => linecrm.text_message('in time'), at => now(), not_after => now() + interval '1 hour') AS d \gset
UPDATE linecrm_internal.outbox_waiting SET due_at = now() WHERE delivery_id = :d;
SELECT linecrm_internal._move_due(1000) \g /dev/null
SELECT linecrm_internal._set_aside('validating', 1, 3::smallint, 0, :d, 0, false);
SELECT reason, due_at = now_plus.not_after AS at_not_after FROM linecrm_internal.outbox_waiting w
CROSS JOIN (SELECT not_after FROM linecrm_internal.delivery_campaign WHERE delivery_id = :d) AS now_plus WHERE w.delivery_id = :d;
SELECT linecrm.cancel(:d);

-- Those dropped at the first claim are excluded and nothing else, however the request ends: three of 501 here.
SELECT linecrm.deliver(friends => '{1001-1501}', messages => linecrm.text_message('dropped'), at => now()) AS gone \gset
SELECT linecrm.deliver(friends => '{1001-1500}', messages => linecrm.text_message('dropped, expired'), at => now()) AS expired \gset
SELECT linecrm.deliver(friends => '{1001-1499}', messages => linecrm.text_message('dropped, adopted'), at => now()) AS adopted \gset
INSERT INTO linecrm_internal.exclusion (slot, channel_id, delivery_slot, delivery_id, request_id, reason, members)
SELECT r.slot, 1, -1, r.delivery_id, r.request_id, x.reason, x.members
FROM linecrm_internal.request r, (VALUES ('blocked', '{1003,1007}'::linecrm.friendset), ('forgotten', '{1010}')) AS x (reason, members)
WHERE r.delivery_id IN (:gone, :expired, :adopted) AND r.kind = 'multicast';
SELECT linecrm_internal._move_due(0) \g /dev/null
UPDATE linecrm_internal.outbox_waiting SET due_at = now() WHERE delivery_id = :gone;
SELECT linecrm_internal._move_due(1000) \g /dev/null
SELECT linecrm_internal._set_aside('cancelled', 1, 3::smallint, 0, :gone, 0, false), linecrm_internal._set_aside('expired', 1, 3::smallint, 0, :expired, 0, false);
UPDATE linecrm_internal.outbox SET ambiguous_since = now() WHERE delivery_id = :adopted;
SELECT linecrm.adopt_database(queue => 'cancel') \g /dev/null
SELECT linecrm_internal._finish_turn() > 0 AS closed;
SELECT d.delivery_id - :gone AS delivery, o.state, o.reason, o.friends FROM linecrm_internal.delivery_campaign d JOIN linecrm.delivery_outcome o USING (delivery_id)
WHERE d.delivery_id IN (:gone, :expired, :adopted) ORDER BY 1, 2, 3;
SELECT item, detail FROM linecrm.check_integrity() WHERE NOT ok;
-- and check_integrity would tell
UPDATE linecrm_internal.outcome SET friends = friends + 3 WHERE delivery_id = :expired;
UPDATE linecrm_internal.delivery_total SET friends = friends + 3 WHERE delivery_id = :expired AND state = 'expired';
SELECT item FROM linecrm.check_integrity() WHERE NOT ok ORDER BY 1;
