-- preview: the same plan as the run, counted. Then on random data: preview equals run, each friend exactly once.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('main', 'p', 'tester');
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('other', 'p', 'tester');
INSERT INTO linecrm_internal.friend (friend_id, channel_id, user_id, status, preferences, display_name)
SELECT i, CASE WHEN i % 17 = 0 THEN 2 ELSE 1 END, ('U' || lpad(to_hex(i), 32, '0'))::linecrm.line_user_id,
	CASE WHEN i % 13 = 0 THEN 'blocked' WHEN i % 5 = 0 THEN 'unknown' ELSE 'following' END,
	CASE WHEN i % 11 = 0 THEN '{"marketing": false}' ELSE '{}' END::jsonb, 'friend no ' || i
FROM generate_series(1, 900) AS i;
SELECT linecrm.save_segment('shops', 'SELECT i::bigint AS friend_id, CASE WHEN i % 50 <> 0 THEN ''店 '' || i % 3 END AS store FROM generate_series(0, 950) AS i', channel => 'main') AS version \gset
SELECT linecrm.save_message('plain', linecrm.text_message('hello'), channel => 'main') AS version \gset
SELECT linecrm.save_message('store', linecrm.text_message('{{store}}からのお知らせ'), channel => 'main') AS version \gset
SELECT linecrm.save_message('named', linecrm.text_message('{{store|本店}} {{name|}}'), channel => 'main') AS version \gset
RESET client_min_messages;
-- the clock is not shown
SELECT part, item, item_ja, friends, CASE WHEN part = 'time' THEN '(time)' ELSE value END AS value, detail
FROM linecrm.preview(segment => 'shops', message => 'store', at_most => 500, channel => 'main');
SELECT part, item, friends, value FROM linecrm.preview(friends => '{1-3}', message => 'plain', channel => 'main') WHERE part IN ('audience', 'request', 'sample', 'warning');
SELECT part, item, friends, value FROM linecrm.preview(friends => '{}', message => 'plain', channel => 'main') WHERE part IN ('audience', 'request', 'sample', 'warning');
SELECT part, item, friends, value FROM linecrm.preview(friends => '{1-2}', message => 'store', channel => 'main') WHERE part IN ('audience', 'excluded', 'warning');
-- what deliver would refuse, preview refuses in the same words
SELECT * FROM linecrm.preview(message => 'plain', channel => 'main');
SELECT * FROM linecrm.preview(segment => 'shop', message => 'plain', channel => 'main');
-- money and quota
UPDATE linecrm_internal.channel SET quota_type = 'limited', quota_limit = 30100, quota_used = 29900, quota_at = now() WHERE channel_id = 1;
SELECT part, item, friends, value, detail FROM linecrm.preview(segment => 'shops', message => 'plain', at_most => 900, channel => 'main') WHERE part IN ('quota', 'cost', 'warning');
UPDATE linecrm_internal.channel SET plan = 'light' WHERE channel_id = 1;
SELECT part, item, value, detail FROM linecrm.preview(segment => 'shops', message => 'plain', at_most => 900, channel => 'main') WHERE part = 'cost';
UPDATE linecrm_internal.channel SET quota_type = NULL, quota_limit = NULL, quota_used = NULL, plan = 'standard' WHERE channel_id = 1;
SELECT linecrm_internal._extra_yen('standard', 0, 30000) AS free, linecrm_internal._extra_yen('standard', 30000, 1) AS one,
	linecrm_internal._extra_yen('standard', 29999, 50002) AS steps, linecrm_internal._extra_yen('none such', 1, 1) AS unknown;
-- nothing was written
SELECT count(*) FROM linecrm_internal.delivery;
-- a draft, a scheduled one
SELECT linecrm.deliver(segment => 'shops', message => 'plain', at_most => 100, channel => 'main') AS d \gset
SELECT item, friends, value FROM linecrm.preview_delivery(:d) WHERE part IN ('audience', 'warning');
SELECT linecrm.release(:d, at_most => 900);
SELECT * FROM linecrm.preview_delivery(:d);

-- random audiences: what the preview said is what the run did
SET client_min_messages = warning;
SET linecrm.confirm_above = 100000;
CREATE FUNCTION pg_temp.agrees(round int, message text, class text, again interval) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	d bigint;
	said jsonb;
	did jsonb;
	facts record;
	ids linecrm.friendset;
BEGIN
	-- some ids twice, some that are nobody, variables that repeat, that are long, or that are missing
	PERFORM linecrm.save_segment('random', format('SELECT friend_id::bigint, store, name FROM (VALUES %s) AS v (friend_id, store, name)',
		(SELECT string_agg(format('(%s, %L, %L)', 1 + r, CASE WHEN r % 29 <> 0 THEN 'store ' || r % (1 + round) END,
			CASE WHEN round = 15 THEN 'v' || i % 2 WHEN round % 3 = 0 THEN 'n' || r % 37 WHEN i % 41 = 0 AND round % 4 = 1 THEN repeat('x', 5000) END), ', ')
		FROM generate_series(1, 40 * round) AS i, LATERAL (SELECT (i * 7919 + round * 104729) % (CASE WHEN round % 5 = 0 THEN 37 * round ELSE 1000 END) AS r) AS x)),
		channel => 'main');
	SELECT jsonb_object_agg(p.item, p.friends) INTO said
	FROM (SELECT item, sum(friends) AS friends FROM linecrm.preview(segment => 'random', message => agrees.message, class => agrees.class, again_after => again, channel => 'main')
		WHERE part = 'excluded' OR item IN ('named', 'recipients', 'several_rows') GROUP BY 1) AS p;
	d := linecrm.deliver(segment => 'random', message => agrees.message, class => agrees.class, again_after => again, at => now(),
		key => format('random %s %s %s', round, agrees.message, again), channel => 'main');
	SELECT p.state, p.named, p.recipients, p.contents, p.requests, p.held_reason INTO facts FROM linecrm.delivery_progress p WHERE p.delivery_id = d;
	IF facts.state = 'held' THEN
		RETURN CASE WHEN said ? 'several_rows' AND facts.held_reason = 'several_rows' THEN 'held as said' ELSE 'held, not said' END;
	END IF;
	SELECT jsonb_object_agg(o.reason, o.friends) FILTER (WHERE o.state = 'excluded') INTO did FROM linecrm.delivery_outcome o WHERE o.delivery_id = d;
	did := coalesce(did, '{}') || jsonb_build_object('named', facts.named, 'recipients', facts.recipients);
	IF said <> did THEN
		RETURN format('said %s, did %s', said, did);
	END IF;
	IF (SELECT sum(o.friends) FROM linecrm.delivery_outcome o WHERE o.delivery_id = d) <> facts.named
		OR (SELECT count(*) FROM linecrm.recipient_outcome r WHERE r.delivery_id = d) <> facts.named
		OR (SELECT count(DISTINCT r.friend_id) FROM linecrm.recipient_outcome r WHERE r.delivery_id = d) <> facts.named
		OR (SELECT sum(r.friends) FROM linecrm_internal.request r WHERE r.delivery_id = d) <> facts.recipients THEN
		RETURN 'somebody is missing or twice';
	END IF;
	SELECT x.audience INTO ids FROM linecrm_internal.delivery x WHERE x.delivery_id = d;
	IF NOT ids OPERATOR(linecrm.=) linecrm.delivery_set(d) OR linecrm.cardinality(ids) <> facts.recipients THEN
		RETURN 'the audience is not who gets requests';
	END IF;
	IF EXISTS (SELECT FROM linecrm_internal.request r WHERE r.delivery_id = d AND (r.friends > 500 OR (r.kind = 'push') <> (r.friends = 1)
		OR r.friends <> coalesce(linecrm.cardinality(r.recipients), 1))) THEN
		RETURN 'a request has the wrong form';
	END IF;
	RETURN 'as said';
END $$;
SELECT message, class, again, result, count(*) FROM (
	SELECT m AS message, c AS class, a AS again, pg_temp.agrees(n, m, c, a) AS result
	FROM generate_series(1, 16) AS n, (VALUES ('plain', 'marketing', NULL::interval), ('store', 'marketing', NULL), ('named', 'transactional', NULL), ('plain', 'marketing', '1 day')) AS v (m, c, a)) AS s
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
