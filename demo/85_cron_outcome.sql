SELECT key, state, named, recipients, accepted FROM linecrm.delivery_progress WHERE key LIKE 'morning:%';
SELECT cron.unschedule('morning greeting');
