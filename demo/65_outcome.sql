SELECT delivery_id, state, named, recipients, requests, accepted FROM linecrm.delivery_progress WHERE key = 'okaeri:1';
SELECT state, reason, friends FROM linecrm.delivery_outcome WHERE delivery_id = (SELECT delivery_id FROM linecrm.delivery_progress WHERE key = 'okaeri:1');
