-- deliver and the verbs: the safety rules at a prompt, states, keys, quota.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;
RESET client_min_messages;
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('main', 'p', 'tester');
INSERT INTO linecrm_internal.friend (friend_id, channel_id, user_id, status, preferences)
SELECT i, 1, ('U' || lpad(to_hex(i), 32, '0'))::linecrm.line_user_id, CASE WHEN i = 3 THEN 'blocked' ELSE 'following' END,
	CASE WHEN i = 5 THEN '{"marketing": false}' ELSE '{}' END::jsonb
FROM generate_series(1, 40) AS i;
SET client_min_messages = warning;
SELECT linecrm.save_segment('ten', 'SELECT i::bigint AS friend_id, CASE WHEN i <> 9 THEN i % 2 END AS store FROM generate_series(1, 10) AS i') AS version \gset
SELECT linecrm.save_segment('nobody', 'SELECT 1::bigint AS friend_id WHERE false') AS version \gset
SELECT linecrm.save_segment('broken', 'SELECT 1::bigint / (SELECT count(*) FROM (SELECT 1 WHERE false) AS none) AS friend_id') AS version \gset
SELECT linecrm.save_message('hello', linecrm.text_message('hello')) AS version \gset
SELECT linecrm.save_message('store', linecrm.text_message('hello from store {{store}}')) AS version \gset
RESET client_min_messages;
-- due times are not shown: starting at commit or held is what counts
CREATE VIEW pg_temp.shown AS SELECT delivery_id AS d, state, named, recipients, excluded, queued, requests, contents, reason, detail FROM linecrm.delivery_progress;
CREATE FUNCTION pg_temp.queued(d bigint) RETURNS TABLE (kind text, lane smallint, friends int, members linecrm.friendset, body text, queue text) LANGUAGE sql AS $$
	SELECT r.kind, r.lane, r.friends, coalesce(r.recipients, linecrm.friendset(ARRAY[r.friend_id])), convert_from(c.body, 'UTF8'),
		CASE WHEN o.request_id IS NOT NULL THEN 'outbox' WHEN w.request_id IS NOT NULL THEN 'waiting' END
	FROM linecrm_internal.request r JOIN linecrm_internal.content c ON c.slot = r.content_slot AND c.content_id = r.content_id
	LEFT JOIN linecrm_internal.outbox o ON o.request_id = r.request_id LEFT JOIN linecrm_internal.outbox_waiting w ON w.request_id = r.request_id
	WHERE r.delivery_id = d ORDER BY r.request_id $$;

-- what must be given
SELECT linecrm.deliver(message => 'hello', at => now());
SELECT linecrm.deliver(segment => 'ten', friends => '{1}', message => 'hello', at => now());
SELECT linecrm.deliver(friends => NULL, message => 'hello', at => now());
SELECT linecrm.deliver(segment => 'ten', at => now());
SELECT linecrm.deliver(segment => 'ten', message => 'hello', messages => linecrm.text_message('x'), at => now());
SELECT linecrm.deliver(segment => 'tenn', message => 'hello', at => now());
SELECT linecrm.deliver(segment => 'ten', message => 'helo', at => now());
SELECT linecrm.deliver(segment => 'ten', messages => '[]', at => now());
SELECT linecrm.deliver(segment => 'ten', message => 'hello', at => now(), class => 'spam');
SELECT linecrm.deliver(segment => 'ten', message => 'hello', at => now(), at_most => -1);
SELECT linecrm.deliver(segment => 'ten', message => 'hello', at => now(), again_after => '-1 day');
SELECT linecrm.deliver(segment => 'ten', message => 'hello', at => now(), key => '12');
SELECT linecrm.deliver(segment => 'ten', message => 'hello', at => '2099-01-01 10:00', not_after => '2099-01-01 09:00+09');
SELECT linecrm.deliver(segment => 'ten', message => 'hello', at => now(), channel => 'mian');
SELECT count(*) FROM linecrm_internal.delivery;

-- a draft sends nothing; release plans it, with the message as it is then
SELECT linecrm.deliver(segment => 'ten', message => 'hello') AS draft \gset
SELECT state, due_at FROM linecrm.delivery_progress WHERE delivery_id = :draft;
SET client_min_messages = warning;
SELECT linecrm.save_message('hello', linecrm.text_message('hello again')) AS version \gset
RESET client_min_messages;
SELECT linecrm.hold(:draft);
SELECT linecrm.release(:draft);
SELECT linecrm.release(:draft);
SELECT * FROM pg_temp.shown WHERE d = :draft;
SELECT * FROM pg_temp.queued(:draft);
SELECT * FROM linecrm.delivery_outcome WHERE delivery_id = :draft ORDER BY state, reason;
-- the same message to the same people within 24 hours
SELECT linecrm.deliver(segment => 'ten', message => 'hello', at => now());
SELECT linecrm.deliver(friends => '{1-2,4,6-10}', message => 'hello', at => now());
-- to others, or with a key, or leaving out who got it
SELECT linecrm.deliver(friends => '{1-2,4,6-11}', message => 'hello', at => now(), again_after => '7 days') AS d \gset
SELECT * FROM pg_temp.queued(:d);
SELECT * FROM linecrm.delivery_outcome WHERE delivery_id = :d ORDER BY state, reason;
-- held, resumed, cancelled
SELECT linecrm.hold(:draft, 'a look first');
SELECT linecrm.hold(:draft);
SELECT * FROM pg_temp.shown WHERE d = :draft;
SELECT linecrm.release(:draft);
SELECT linecrm.resume(:draft);
SELECT linecrm.resume(:draft);
SELECT linecrm.cancel(:draft);
SELECT linecrm.cancel(:draft);
SELECT linecrm.resume(:draft);
SELECT linecrm.release(:draft);
SELECT * FROM pg_temp.shown WHERE d = :draft;
-- a cancelled one does not count as sent
SELECT linecrm.deliver(segment => 'ten', message => 'hello', at => now(), key => 'mon:1') AS first_one \gset
-- keys
SELECT linecrm.deliver(segment => 'ten', message => 'hello', at => now(), key => ' mon:1') = :first_one AS same;
SELECT linecrm.deliver(segment => 'ten', message => 'store', at => now(), key => 'mon:1');
SELECT linecrm.deliver(segment => 'ten', message => 'hello', at => now(), key => 'mon:1', at_most => 5);
SELECT linecrm.deliver(segment => 'ten', message => 'hello', at => now() + interval '1 day', key => 'mon:1');
SELECT linecrm.hold('mon:1');
SELECT linecrm.resume('mon:1');
SELECT linecrm.cancel('mon:1');
SELECT linecrm.release('mon:1');
SELECT linecrm.cancel('mon:2');
SELECT linecrm.cancel(99);
SELECT linecrm.deliver(segment => 'ten', message => 'hello', at => now(), key => 'mon:1') = :first_one AS same;

-- personalised: one content a store, nobody without a value
SELECT linecrm.deliver(segment => 'ten', message => 'store', at => now()) AS d \gset
SELECT * FROM pg_temp.queued(:d);
SELECT state, reason, friends FROM linecrm.delivery_outcome WHERE delivery_id = :d ORDER BY 1, 2;
SELECT friend_id, state, reason, detail FROM linecrm.recipient_outcome WHERE delivery_id = :d ORDER BY friend_id;
-- friends have no variables of their own
SELECT linecrm.deliver(friends => '{1-2}', message => 'store', at => now()) AS d \gset
SELECT state, reason, friends FROM linecrm.delivery_outcome WHERE delivery_id = :d;
-- equal rows of one friend merge, different ones hold the delivery
SET client_min_messages = warning;
SELECT linecrm.save_segment('twice', 'SELECT i::bigint AS friend_id, i AS store, j FROM generate_series(11, 13) AS i, generate_series(1, 2) AS j') AS version \gset
SELECT linecrm.save_segment('torn', 'SELECT i::bigint AS friend_id, j * (i % 2) AS store FROM generate_series(11, 14) AS i, generate_series(1, 2) AS j') AS version \gset
RESET client_min_messages;
SELECT linecrm.deliver(segment => 'twice', message => 'store', at => now()) AS d \gset
SELECT * FROM pg_temp.queued(:d);
SELECT linecrm.deliver(segment => 'torn', message => 'store', at => now()) AS d \gset
SELECT * FROM pg_temp.shown WHERE d = :d;
SELECT * FROM pg_temp.queued(:d);
SELECT linecrm.resume(:d);

-- nobody: an empty segment, an empty set, all excluded; never everybody
SELECT linecrm.deliver(segment => 'nobody', message => 'hello', at => now()) AS d \gset
SELECT * FROM pg_temp.shown WHERE d = :d;
SELECT linecrm.deliver(friends => '{}', message => 'hello', at => now()) AS d \gset
SELECT linecrm.deliver(friends => '{3,5,77}', message => 'hello', at => now()) AS d \gset
SELECT * FROM pg_temp.shown WHERE d = :d;
SELECT state, reason, friends FROM linecrm.delivery_outcome WHERE delivery_id = :d ORDER BY 1, 2;
-- marketing asks for consent, the others do not; blocked is blocked
SELECT linecrm.deliver(friends => '{3,5,77}', message => 'hello', at => now(), class => 'transactional') AS d \gset
SELECT * FROM pg_temp.queued(:d);
-- a failing segment: the caller's error now
SELECT linecrm.deliver(segment => 'broken', message => 'hello', at => now());
-- everybody has a function of its own
SELECT linecrm.deliver_to_everyone(NULL, messages => linecrm.text_message('all'), at => now());
SELECT linecrm.deliver_to_everyone(10, messages => linecrm.text_message('all'), at => now()) AS d \gset
SELECT * FROM pg_temp.shown WHERE d = :d;
SELECT linecrm.resume(:d);
SELECT linecrm.release(:d, at_most => 40);
SELECT * FROM pg_temp.shown WHERE d = :d;

-- many people: at_most is required, and "now" leaves time to undo it
SET linecrm.confirm_above = 20;
SELECT linecrm.deliver(friends => '{1-40}', messages => linecrm.text_message('many'), at => now());
SELECT linecrm.deliver(friends => '{1-40}', messages => linecrm.text_message('many'), at => now() + interval '1 day');
SELECT linecrm.deliver(friends => '{1-40}', messages => linecrm.text_message('many'), at => now(), class => 'transactional') AS d \gset
SELECT DISTINCT queue FROM pg_temp.queued(:d);
SELECT linecrm.deliver(friends => '{1-40}', messages => linecrm.text_message('many more'), at => now(), at_most => 100) AS d \gset
SELECT DISTINCT queue FROM pg_temp.queued(:d);
SELECT state, due_at BETWEEN now() + interval '50 seconds' AND now() + interval '60 seconds' AS undo FROM linecrm.delivery_progress WHERE delivery_id = :d;
SELECT linecrm.cancel(:d);
RESET linecrm.confirm_above;

-- scheduled: planned when due, by the planner
SELECT linecrm.deliver(segment => 'ten', messages => linecrm.text_message('later'), at => '2100-01-01 10:00', key => 'later:1') AS later \gset
SELECT due_at FROM linecrm.delivery_progress WHERE delivery_id = :later;
SELECT linecrm.deliver(segment => 'ten', messages => linecrm.text_message('later'), at => '2100-01-01 10:00', key => 'later:1') = :later AS same;
SELECT linecrm.deliver(segment => 'ten', messages => linecrm.text_message('later'), at => '2100-01-01 09:00');
SELECT linecrm.release(:later);
SELECT linecrm_internal._plan_due_turn();
SELECT linecrm_internal._next_due();
SELECT linecrm.hold(:later);
SELECT linecrm_internal._next_due();
UPDATE linecrm_internal.delivery SET due_at = now() - interval '1 minute' WHERE delivery_id = :later;
SELECT linecrm_internal._plan_due_turn();
SELECT linecrm.resume(:later);
SELECT linecrm_internal._plan_due_turn();
SELECT * FROM pg_temp.shown WHERE d = :later;
SELECT DISTINCT queue FROM pg_temp.queued(:later);
-- what fails in the night is held with the error, and the next one goes on
SET client_min_messages = warning;
SELECT linecrm.deliver(segment => 'broken', message => 'hello', at => now() + interval '1 hour', key => 'night:1') AS broken \gset
SELECT linecrm.deliver(segment => 'ten', messages => linecrm.text_message('night'), at => now() + interval '2 hours', key => 'night:2') AS good \gset
SELECT linecrm.deliver(segment => 'ten', messages => linecrm.text_message('night 3'), at => now() + interval '3 hours', at_most => 3, key => 'night:3') AS large \gset
RESET client_min_messages;
UPDATE linecrm_internal.delivery SET due_at = due_at - interval '4 hours' WHERE key LIKE 'night%';
SELECT linecrm_internal._plan_due_turn() FROM generate_series(1, 4);
SELECT * FROM pg_temp.shown WHERE d IN (:broken, :good, :large) ORDER BY d;
SELECT delivery_id, reason, requests, friends FROM linecrm.waiting WHERE delivery_id IN (:broken, :good, :large) ORDER BY 1;

-- quota: what is planned is reserved; too little holds a marketing delivery as a whole
UPDATE linecrm_internal.delivery SET cancelled_at = now() WHERE finished_at IS NULL AND cancelled_at IS NULL;
UPDATE linecrm_internal.channel SET quota_type = 'limited', quota_limit = 1000, quota_used = 970, quota_at = now();
SELECT linecrm.deliver(friends => '{11-30}', messages => linecrm.text_message('q1'), at => now()) AS q1 \gset
SELECT quota_used, quota_reserved, quota_left FROM linecrm.channel_status;
SELECT linecrm.deliver(friends => '{11-30}', messages => linecrm.text_message('q2'), at => now()) AS q2 \gset
SELECT * FROM pg_temp.shown WHERE d = :q2;
SELECT linecrm.deliver(friends => '{11-30}', messages => linecrm.text_message('q2'), at => now(), class => 'transactional') AS q3 \gset
SELECT linecrm.cancel(:q1);
SELECT linecrm.cancel(:q3);
SELECT linecrm.release(:q2);
UPDATE linecrm_internal.channel SET quota_type = 'none', quota_limit = NULL;
SELECT quota_used, quota_reserved, quota_left FROM linecrm.channel_status;

-- rejected and unknown: again with new keys, or counted as sent
SELECT linecrm.deliver(segment => 'ten', messages => linecrm.text_message('store {{store}}!'), at => now()) AS d \gset
SELECT linecrm_internal._validated(v, 200, '{}') FROM linecrm_internal.delivery_campaign c, unnest(c.validating) AS v WHERE c.delivery_id = :d \g /dev/null
SELECT linecrm_internal._attend(), linecrm_internal._move_due(1000) \g /dev/null
WITH taken AS (DELETE FROM linecrm_internal.outbox WHERE delivery_id = :d RETURNING *)
INSERT INTO linecrm_internal.outcome (slot, request_id, channel_id, delivery_slot, delivery_id, outcome, reason, friends, attempts)
SELECT t.request_slot, t.request_id, t.channel_id, t.delivery_slot, t.delivery_id, CASE WHEN r.friends = 2 THEN 'unknown' ELSE 'rejected' END, 'test', r.friends, 1
FROM taken t JOIN linecrm_internal.request r ON r.request_id = t.request_id;
SELECT linecrm_internal._finish_turn();
SELECT state, reason, friends FROM linecrm.delivery_outcome WHERE delivery_id = :d ORDER BY 1, 2;
SELECT linecrm.cancel(NULL);
SELECT linecrm.decide_unknown(:d, treat_as => 'maybe');
SELECT linecrm.decide_unknown(:d, treat_as => 'sent');
SELECT linecrm_internal._finish_turn();
SELECT state, reason, friends FROM linecrm.delivery_outcome WHERE delivery_id = :d AND reason !~ 'decided by' ORDER BY 1, 2;
SELECT linecrm.retry_rejected(:d);
SELECT linecrm.retry_rejected(:d);
SELECT linecrm_internal._finish_turn();
SELECT * FROM pg_temp.shown WHERE d = :d;
SELECT * FROM pg_temp.queued(:d);
SELECT count(*), count(DISTINCT retry_key) FROM linecrm_internal.request WHERE delivery_id = :d;
SELECT state, count(*) FROM linecrm.recipient_outcome WHERE delivery_id = :d GROUP BY 1 ORDER BY 1;
SELECT linecrm.delivery_set(:d), linecrm.delivery_set(:d, 'accepted') AS accepted, linecrm.delivery_set(:d, 'queued') AS queued, linecrm.delivery_set(:d, 'excluded') AS excluded;
SELECT linecrm.delivery_set(:d, 'acepted');
-- why me, why not me
SELECT step, ok, reason_ja FROM linecrm.explain(:d, 1);
SELECT step, ok, seen, reason_ja FROM linecrm.explain(:d, 3);
SELECT step, ok, seen, reason_ja FROM linecrm.explain(:d, 30);
-- taps
INSERT INTO linecrm_internal.tap (friend_id, tapped_at, webhook_event_id, channel_id, data, delivery_id, button)
VALUES (1, now(), 'a', 1, 'x', :d, 'yes'), (2, now(), 'b', 1, 'x', :d, 'no'), (2, now(), 'c', 1, 'x', NULL, NULL);
SELECT linecrm.tap_set(:d), linecrm.tap_set(:d, 'yes') AS yes;
-- a text may hold anything
SELECT linecrm.deliver(friends => '{1}', messages => linecrm.text_message(E'one "two"\nC:\\three \\x \'四\''), at => now()) AS d \gset
SELECT body FROM pg_temp.queued(:d);
-- in Japanese
SET linecrm.language = 'ja';
SELECT linecrm.deliver(segment => 'ten', messages => linecrm.text_message('こんにちは')) AS d \gset
SELECT linecrm.cancel(:d);
SELECT linecrm.deliver(segment => 'ten', messages => linecrm.text_message('こんにちは'), at => now(), at_most => 2) AS d \gset
RESET linecrm.language;
-- every verb is in the audit trail
SELECT action, count(*) FROM linecrm_internal.audit WHERE action !~ 'save' GROUP BY 1 ORDER BY 1;
-- a reader sees it all through the views; a reader of nothing sees nothing
CREATE ROLE regress_delivery_reader;
SELECT linecrm.grant_access('regress_delivery_reader', 'reader', channel => 'main') > 0 AS granted;
SET ROLE regress_delivery_reader;
SELECT count(*) > 10 AS progress FROM linecrm.delivery_progress;
SELECT count(*) > 10 AS outcomes FROM linecrm.delivery_outcome;
SELECT count(*) > 10 AS recipients FROM linecrm.recipient_outcome;
SELECT count(*) > 0 AS waiting FROM linecrm.waiting;
SELECT channel FROM linecrm.channel_status;
SELECT count(*) > 1 AS explained FROM linecrm.explain(:d, 1);
SELECT linecrm.cancel(:d);
SELECT linecrm.deliver(segment => 'ten', message => 'hello');
RESET ROLE;
SELECT linecrm.revoke_access('regress_delivery_reader');
SELECT linecrm.grant_access('regress_delivery_reader', 'reader', channel => 'none such');
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('second', 'p', 'tester');
SELECT linecrm.grant_access('regress_delivery_reader', 'reader', channel => 'second') > 0 AS granted;
SET ROLE regress_delivery_reader;
SELECT (SELECT count(*) FROM linecrm.delivery_progress) + (SELECT count(*) FROM linecrm.delivery_outcome)
	+ (SELECT count(*) FROM linecrm.recipient_outcome) + (SELECT count(*) FROM linecrm.waiting) AS seen;
SELECT channel FROM linecrm.channel_status;
RESET ROLE;
SELECT linecrm.revoke_access('regress_delivery_reader');
DROP ROLE regress_delivery_reader;
