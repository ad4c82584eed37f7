/*
 * 410_sender_status.sql
 *   The processes of this database, as they report themselves in shared memory.
 */

CREATE VIEW linecrm.sender_status WITH (security_invoker = true) AS
SELECT w.worker AS process, w.state, w.pid, w.started_at, w.active_at,
	w.in_flight::bigint AS in_flight, w.requests, w.finished, w.retried, w.throttled,
	w.failures::bigint AS failures, w.error, w.error_at, w.start_after AS starts_at
FROM linecrm_internal._worker_status() AS w
WHERE w.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database());
COMMENT ON VIEW linecrm.sender_status IS 'sender, clerk and planner of this database: running or waiting to start again, when it last did something, requests since the start, last error; counts of the sender are per server start';
