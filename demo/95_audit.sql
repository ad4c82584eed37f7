-- The sandbox wrote down every recipient of every request that it accepted. Both lists, side by side.
CREATE SCHEMA IF NOT EXISTS audit;
DROP TABLE IF EXISTS audit.accepted CASCADE;
CREATE TABLE audit.accepted (channel text, endpoint text, retry_key text, line_request_id text, user_id text, content_sha256 text);
\set copy '\\copy audit.accepted FROM ' :'file'
:copy
CREATE VIEW audit.sent AS
	SELECT q.retry_key::text, f.user_id::text
	FROM linecrm_internal.request q
	JOIN linecrm_internal.outcome o USING (slot, request_id)
	CROSS JOIN LATERAL linecrm.friend_ids(coalesce(q.recipients, linecrm.friendset(ARRAY[q.friend_id]))) AS r(friend_id)
	JOIN linecrm_internal.friend f ON f.friend_id = r.friend_id
	WHERE q.kind IN ('push', 'multicast') AND o.outcome = 'accepted'
		AND NOT EXISTS (SELECT FROM linecrm_internal.exclusion e WHERE e.request_id = q.request_id AND e.members OPERATOR(linecrm.@>) r.friend_id);
CREATE VIEW audit.difference AS
	(SELECT 'only in the sandbox' AS what, retry_key, user_id FROM audit.accepted EXCEPT ALL SELECT 'only in the sandbox', retry_key, user_id FROM audit.sent)
	UNION ALL
	(SELECT 'only in the database', retry_key, user_id FROM audit.sent EXCEPT ALL SELECT 'only in the database', retry_key, user_id FROM audit.accepted);
SELECT (SELECT count(*) FROM audit.accepted) AS accepted_by_sandbox, (SELECT count(*) FROM audit.sent) AS accepted_in_database,
	(SELECT count(*) FROM audit.difference) AS difference;
SELECT count(*) AS received_the_same_content_twice FROM (
	SELECT FROM audit.accepted GROUP BY user_id, content_sha256 HAVING count(*) > 1) AS twice;
SELECT item, detail FROM linecrm.check_integrity() WHERE NOT ok;
