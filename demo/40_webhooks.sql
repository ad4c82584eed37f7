-- Each line is a raw body and its x-line-signature. The receiver may do nothing but this: verify, store once, count.
CREATE TEMP TABLE arrived (line_no serial, body bytea, signature text);
\set copy '\\copy arrived (body, signature) FROM ' :'file'
:copy
\echo '   in requests of one body each, 200 to a transaction, as the gateway batches them:'
SELECT count(*) AS webhooks, count(*) FILTER (WHERE status = 200) AS verified, sum(new_events) AS new_events
FROM (SELECT array_agg('さくら商店'::text) AS channels, array_agg(body ORDER BY line_no) AS bodies, array_agg(signature ORDER BY line_no) AS signatures
	FROM arrived GROUP BY line_no / 200) AS batch
CROSS JOIN LATERAL linecrm.receive_webhooks(channels, bodies, signatures);
\echo '   the same once more, as LINE may do: nothing is new'
SELECT count(*) AS webhooks, sum(new_events) AS new_events
FROM (SELECT array_agg('さくら商店'::text) AS channels, array_agg(body ORDER BY line_no) AS bodies, array_agg(signature ORDER BY line_no) AS signatures
	FROM arrived WHERE line_no <= 200) AS batch
CROSS JOIN LATERAL linecrm.receive_webhooks(channels, bodies, signatures);
