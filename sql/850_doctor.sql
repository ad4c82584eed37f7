/*
 * 850_doctor.sql
 *   doctor(): is everything in place to receive, decide and send, and if not, what to do. One row a question; the
 *   remedy is a sentence and, where one statement mends it, that statement.
 *
 * Each part is a function of its own, so that one that cannot answer (a missing privilege, an old library) becomes a
 * row that says so and does not hide the others.
 */

CREATE FUNCTION linecrm.doctor()
RETURNS TABLE (item text, ok boolean, detail text, remedy text, remedy_sql text)
LANGUAGE c AS 'MODULE_PATHNAME', 'linecrm_call_inner';
COMMENT ON FUNCTION linecrm.doctor() IS 'everything that must be right for messages to come in and go out, with the remedy for what is not';

CREATE FUNCTION linecrm_internal.doctor()
RETURNS TABLE (item text, ok boolean, detail text, remedy text, remedy_sql text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part text;
	failure text;
BEGIN
	FOREACH part IN ARRAY ARRAY['_doctor_server', '_doctor_workers', '_doctor_installation', '_doctor_channels', '_doctor_queues', '_doctor_cron']
	LOOP
		BEGIN
			RETURN QUERY EXECUTE format('SELECT d.item, d.ok, d.detail, d.remedy, d.remedy_sql FROM linecrm_internal.%I() AS d', part);
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT;
			item := part; ok := false; detail := format('could not be examined: %s', failure);
			remedy := 'mend the cause named in the detail and ask again'; remedy_sql := NULL;
			RETURN NEXT;
		END;
	END LOOP;
END
$$;

CREATE FUNCTION linecrm_internal._doctor_server()
RETURNS TABLE (item text, ok boolean, detail text, remedy text, remedy_sql text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- not read from shared_preload_libraries, which only members of pg_read_all_settings may see
	preload boolean := EXISTS (SELECT FROM pg_settings s WHERE s.name = 'linecrm.max_databases' AND s.context = 'postmaster');
	base_url text := current_setting('linecrm.api_base_url', true);
	prepared bigint := (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database());
BEGIN
	RETURN QUERY VALUES (
		'library', preload,
		CASE WHEN preload THEN 'loaded at the start of the server' ELSE 'not loaded at the start of the server: no worker can run' END,
		CASE WHEN NOT preload THEN 'add linecrm to shared_preload_libraries in postgresql.conf and restart the server' END,
		NULL::text);
	RETURN QUERY VALUES (
		'platform address', base_url LIKE 'https://%', format('requests go to %s', base_url),
		CASE WHEN base_url NOT LIKE 'https://%' THEN 'right for the sandbox; for the real platform take the default' END,
		CASE WHEN base_url NOT LIKE 'https://%' THEN 'ALTER SYSTEM RESET linecrm.api_base_url' END);
	RETURN QUERY VALUES (
		'prepared transactions', prepared = 0, format('%s prepared transactions are open in this database', prepared),
		CASE WHEN prepared > 0 THEN 'commit or roll back each of pg_prepared_xacts; the sender has to poll while one is open' END, NULL::text);
	RETURN QUERY
		SELECT 'friend numbers'::text, s.last_value < 2147483648, format('%s of 4294967295 friend numbers are used', s.last_value),
			CASE WHEN s.last_value >= 2147483648 THEN 'more than half is used: plan a second database before they run out' END, NULL::text
		FROM linecrm_internal.friend_id_seq AS s;
END
$$;
COMMENT ON FUNCTION linecrm_internal._doctor_server() IS 'doctor(): settings of the server';

CREATE FUNCTION linecrm_internal._doctor_workers()
RETURNS TABLE (item text, ok boolean, detail text, remedy text, remedy_sql text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	listed text := current_setting('linecrm.databases');
	left_out boolean := btrim(listed) <> '' AND current_database() <> ALL (regexp_split_to_array(btrim(replace(listed, '"', '')), '[[:space:]]*,[[:space:]]*'));
BEGIN
	RETURN QUERY
		SELECT w.name, a.pid IS NOT NULL,
			CASE WHEN a.pid IS NOT NULL THEN format('running as process %s since %s', a.pid, date_trunc('second', a.backend_start))
				ELSE 'not running' END,
			CASE WHEN a.pid IS NULL AND left_out THEN format('linecrm.databases is %s: add %s, or empty it so that all databases are found, and reload', listed, current_database())
				WHEN a.pid IS NULL THEN 'see the server log for lines of "linecrm launcher"; worker slots: max_worker_processes' END,
			NULL::text
		FROM unnest(ARRAY['linecrm sender', 'linecrm clerk', 'linecrm planner']) WITH ORDINALITY AS w(name, place)
		LEFT JOIN pg_stat_activity a ON a.backend_type = w.name AND a.datname = current_database()
		ORDER BY w.place;
END
$$;
COMMENT ON FUNCTION linecrm_internal._doctor_workers() IS 'doctor(): the processes of this database';

CREATE FUNCTION linecrm_internal._doctor_installation()
RETURNS TABLE (item text, ok boolean, detail text, remedy text, remedy_sql text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	here text := (SELECT system_identifier::text FROM pg_control_system());
	home linecrm_internal.installation%ROWTYPE;
	guarded bigint := (SELECT count(*) FROM linecrm_internal.channel AS c WHERE c.held_reason = 'installation');
BEGIN
	SELECT * INTO home FROM linecrm_internal.installation;
	IF NOT FOUND THEN
		RETURN QUERY VALUES ('installation', true, 'not registered yet: saving the first channel does so', NULL::text, NULL::text);
	ELSIF home.system_identifier = here AND home.database_oid = (SELECT oid::bigint FROM pg_database WHERE datname = current_database())
		AND guarded = 0 THEN
		RETURN QUERY VALUES ('installation', true, format('this data belongs here, adopted %s', date_trunc('second', home.adopted_at)), NULL::text, NULL::text);
	ELSE
		RETURN QUERY VALUES ('installation', false,
			'this data was restored, cloned or recovered: its queue may have been sent elsewhere, so nothing is sent',
			'decide what to do with the unfinished queue: queue => ''send'' goes on with it, ''cancel'' gives it up',
			'SELECT linecrm.adopt_database(queue => ''cancel'')');
	END IF;
END
$$;
COMMENT ON FUNCTION linecrm_internal._doctor_installation() IS 'doctor(): does this data belong to this server';

CREATE FUNCTION linecrm_internal._doctor_channels()
RETURNS TABLE (item text, ok boolean, detail text, remedy text, remedy_sql text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM linecrm_internal.channel) THEN
		RETURN QUERY VALUES ('channel', false, 'there is no channel yet', 'save one and give it its secret and token',
			'SELECT linecrm.save_channel(''main'')');
	END IF;
	RETURN QUERY
		SELECT format('channel %s: %s', c.name, k.kind), s.kind IS NOT NULL,
			CASE WHEN s.kind IS NOT NULL THEN format('set %s by %s', date_trunc('second', s.set_at), s.set_by) ELSE 'not set: ' || k.without END,
			CASE WHEN s.kind IS NULL THEN 'copy it from the LINE Developers Console' END,
			CASE WHEN s.kind IS NULL THEN format('SELECT linecrm.set_credential(%L, %L, ''...'')', c.name, k.kind) END
		FROM linecrm_internal.channel c
		CROSS JOIN (VALUES ('channel_secret', 'webhooks cannot be verified'), ('access_token', 'nothing can be sent')) AS k(kind, without)
		LEFT JOIN linecrm_internal.credential s ON s.channel_id = c.channel_id AND s.kind = k.kind
		WHERE c.channel_id = ANY (linecrm.my_channels())
		ORDER BY c.name, k.kind;
	RETURN QUERY
		SELECT format('channel %s: sending', c.name), c.held_reason IS NULL,
			CASE WHEN c.held_reason IS NULL THEN 'open' ELSE format('held since %s because of %s: %s', date_trunc('second', c.held_at), c.held_reason, coalesce(c.held_detail, '')) END,
			CASE c.held_reason WHEN 'token' THEN 'LINE refused the access token: issue a new one and set it'
				WHEN 'monthly_limit' THEN 'LINE''s monthly limit is reached: raise the plan or wait for the next month; asked again by itself'
				WHEN 'quota_reserved' THEN 'a narrowcast has reserved what is left of the month: it goes on by itself when LINE gives that back'
				WHEN 'installation' THEN 'see the row "installation"'
				ELSE CASE WHEN c.held_reason IS NOT NULL THEN 'find out why it was held, then resume it' END END,
			CASE c.held_reason WHEN 'token' THEN format('SELECT linecrm.set_credential(%L, ''access_token'', ''...'')', c.name)
				WHEN 'installation' THEN NULL
				WHEN 'monthly_limit' THEN format('SELECT linecrm.refresh_channel(%L)', c.name)
				WHEN 'quota_reserved' THEN format('SELECT linecrm.refresh_channel(%L)', c.name)
				ELSE CASE WHEN c.held_reason IS NOT NULL THEN format('SELECT linecrm.resume_channel(%L)', c.name) END END
		FROM linecrm_internal.channel c
		WHERE c.channel_id = ANY (linecrm.my_channels())
		ORDER BY c.name;
END
$$;
COMMENT ON FUNCTION linecrm_internal._doctor_channels() IS 'doctor(): secrets and holds of the caller''s channels';

CREATE FUNCTION linecrm_internal._doctor_queues()
RETURNS TABLE (item text, ok boolean, detail text, remedy text, remedy_sql text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	failed_events bigint := (SELECT count(*) FROM linecrm_internal.inbox_error WHERE channel_id = ANY (linecrm.my_channels()));
	parked bigint := (SELECT count(*) FROM linecrm_internal.completion WHERE parked_at IS NOT NULL AND channel_id = ANY (linecrm.my_channels()));
	unknown bigint := (SELECT count(*) FROM linecrm_internal.outcome o WHERE o.outcome = 'unknown' AND o.channel_id = ANY (linecrm.my_channels()));
BEGIN
	RETURN QUERY VALUES
		('inbox', failed_events = 0, format('%s events could not be processed', failed_events),
			CASE WHEN failed_events > 0 THEN 'read the error of each, mend its cause, then retry them' END,
			CASE WHEN failed_events > 0 THEN 'SELECT linecrm.retry_inbox_errors()' END),
		('answers', parked = 0, format('%s answers of LINE could not be worked on', parked),
			CASE WHEN parked > 0 THEN 'read the error column of linecrm_internal.completion' END, NULL::text),
		('unknown', unknown = 0, format('%s requests ended without our knowing whether LINE took them', unknown),
			CASE WHEN unknown > 0 THEN 'decide each delivery: count them as sent, or send again at the risk of a second copy' END,
			CASE WHEN unknown > 0 THEN 'SELECT delivery_id, friends FROM linecrm.delivery_outcome WHERE state = ''unknown''' END);
END
$$;
COMMENT ON FUNCTION linecrm_internal._doctor_queues() IS 'doctor(): what failed and waits for a person';

CREATE FUNCTION linecrm_internal._doctor_cron()
RETURNS TABLE (item text, ok boolean, detail text, remedy text, remedy_sql text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	here boolean := EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron');
	-- pg_settings leaves out what the caller may not see, current_setting() would raise an error
	zone text := (SELECT s.setting FROM pg_settings AS s WHERE s.name = 'cron.timezone');
BEGIN
	RETURN QUERY VALUES ('pg_cron', true,
		CASE WHEN here THEN format('installed here; its times are in %s', coalesce(nullif(zone, ''), 'GMT'))
			ELSE 'not in this database: your own cron jobs cannot call linecrm from here; linecrm itself does not need it' END,
		NULL::text, NULL::text);
END
$$;
COMMENT ON FUNCTION linecrm_internal._doctor_cron() IS 'doctor(): pg_cron, for jobs of the owner''s own';
