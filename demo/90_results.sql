SELECT kind, state, count(*) AS deliveries, sum(recipients) AS recipients FROM linecrm.delivery_progress GROUP BY kind, state ORDER BY kind, state;
SELECT state, reason, count(*) AS friends FROM linecrm.recipient_outcome GROUP BY state, reason ORDER BY state, reason;
SELECT * FROM linecrm.waiting;
SELECT * FROM linecrm.channel_status \gx
SELECT process, state, in_flight, requests, finished, retried, throttled, error FROM linecrm.sender_status;
SELECT item, ok, detail FROM linecrm.doctor();
-- Why did this friend get it, and why not that one?
SELECT step, ok, seen FROM linecrm.explain(
	(SELECT delivery_id FROM linecrm.delivery_progress WHERE key = 'okaeri:1'),
	(SELECT min(friend_id) FROM linecrm.recipient_outcome WHERE state = 'accepted'));
