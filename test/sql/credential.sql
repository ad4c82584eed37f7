-- Channels by name, and their secrets: sealed, never shown.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;
RESET client_min_messages;
\set ECHO all

-- a channel
SELECT linecrm.save_channel('  本店 ', line_channel_id => '1234567890') IS NOT NULL AS saved;
SELECT linecrm.save_channel('本店') IS NOT NULL AS same;
SELECT linecrm.save_channel('本店', time_zone => 'asia/tokyo', plan => 'standard') IS NOT NULL AS same;
SELECT linecrm.save_channel('本店', time_zone => 'Asia/Taipei', note => '台北') IS NOT NULL AS changed;
SELECT linecrm.save_channel('大阪', provider => '本店', plan => 'light') IS NOT NULL AS saved;
SELECT linecrm.save_channel('本店', time_zone => 'Asia/Tokio');
SELECT linecrm.save_channel('本店', time_zone => '+09:00');
SELECT linecrm.save_channel('本店', line_channel_id => '8c570fa6dd201bb328f1c1eac23a96d8');
SELECT linecrm.save_channel('');
SELECT linecrm.save_channel('12345');
SELECT name, provider, line_channel_id, time_zone, plan, note, held_reason, channel_secret_at, access_token_at, created_by = current_user AS mine
FROM linecrm.channel ORDER BY channel_id;

-- secrets; the key file is made at the first one
SET client_min_messages = error;
SELECT linecrm.set_credential('本店', 'channel_secret', E' 8c570fa6dd201bb328f1c1eac23a96d8\n');
RESET client_min_messages;
SELECT size FROM pg_stat_file('linecrm.key');
SELECT linecrm.set_credential('本店', 'access_token', repeat('aZ0+/', 30));
SELECT linecrm.set_credential('大阪', 'access_token', 'short');
SELECT linecrm.set_credential('大阪', 'channel_secret', '8C570FA6DD201BB328F1C1EAC23A96D8');
SELECT linecrm.set_credential('大阪', 'channel_secret', E'8c570fa6dd201bb3\n28f1c1eac23a96d8');
SELECT linecrm.set_credential('大阪', 'channel_secret', '秘密');
SELECT linecrm.set_credential('大阪', 'channel_secret', ' ');
SELECT linecrm.set_credential('大阪', 'channel_secret', NULL);
SELECT linecrm.set_credential('大阪', 'channel_secret', repeat('a', 5000));
SELECT linecrm.set_credential('大阪', 'password', 'x');
SELECT linecrm.set_credential('大坂', 'access_token', 'x');
SELECT linecrm.set_credential(NULL, 'access_token', 'x');

-- what a table, a view and the statistics show
SELECT c.name, s.kind, length(s.sealed) AS bytes, s.sealed::text LIKE '%8c570f%' AS clear, length(s.key_id) AS key_id, s.set_by = current_user AS mine
FROM linecrm_internal.credential s JOIN linecrm_internal.channel c USING (channel_id) ORDER BY c.channel_id, s.kind;
SELECT name, channel_secret_at IS NOT NULL AS secret, access_token_at IS NOT NULL AS token, login_channel_secret_at IS NOT NULL AS login
FROM linecrm.channel ORDER BY channel_id;
SELECT action, object FROM linecrm_internal.audit ORDER BY audit_id;
-- the same secret is never sealed the same way
CREATE TEMP TABLE before AS SELECT sealed FROM linecrm_internal.credential s JOIN linecrm_internal.channel c USING (channel_id) WHERE c.name = '本店' AND s.kind = 'access_token';
SELECT linecrm.set_credential('本店', 'access_token', repeat('aZ0+/', 30));
SELECT count(*) FROM before JOIN linecrm_internal.credential USING (sealed);

-- a new token ends a hold for want of one, and no other hold
UPDATE linecrm_internal.channel SET held_reason = 'token', held_detail = '401', held_at = now() WHERE name = '本店';
SELECT linecrm.resume_channel('本店');
SELECT linecrm.set_credential('本店', 'channel_secret', '8c570fa6dd201bb328f1c1eac23a96d8');
SELECT held_reason, held_detail FROM linecrm.channel WHERE name = '本店';
SELECT linecrm.set_credential('本店', 'access_token', repeat('aZ0+/', 30));
SELECT held_reason, held_detail, held_at FROM linecrm.channel WHERE name = '本店';
SELECT linecrm.hold_channel('本店', note => '棚卸');
SELECT linecrm.hold_channel('本店');
SELECT linecrm.set_credential('本店', 'access_token', repeat('aZ0+/', 30));
SELECT held_reason, held_detail, held_by = current_user AS mine FROM linecrm.channel WHERE name = '本店';
SELECT linecrm.resume_channel('本店');
SELECT linecrm.resume_channel('本店');

-- the statement's text is overwritten where it can still be read
CREATE FUNCTION pg_temp.shown() RETURNS text LANGUAGE sql AS 'SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()';
DO $$ BEGIN PERFORM linecrm.set_credential('大阪', 'access_token', 'secret-value'); RAISE NOTICE '%', pg_temp.shown(); END $$;

-- a sealed value is of use nowhere else, and a changed one nowhere
BEGIN;
UPDATE linecrm_internal.credential s SET sealed = o.sealed FROM linecrm_internal.credential o
WHERE s.kind = 'channel_secret' AND o.kind = 'access_token' AND o.channel_id = s.channel_id AND s.channel_id = (SELECT channel_id FROM linecrm_internal.channel WHERE name = '本店');
SELECT linecrm.receive_webhook('本店', '{}', '');
ROLLBACK;
BEGIN;
UPDATE linecrm_internal.credential SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) WHERE kind = 'channel_secret';
SELECT linecrm.receive_webhook('本店', '{}', '');
ROLLBACK;
BEGIN;
UPDATE linecrm_internal.credential SET key_id = 'another' WHERE kind = 'channel_secret';
SELECT linecrm.receive_webhook('本店', '{}', '');
ROLLBACK;
BEGIN;
UPDATE linecrm_internal.credential SET key_id = 'another' WHERE kind = 'channel_secret';
SELECT linecrm.set_credential('大阪', 'access_token', repeat('aZ0+/', 30));
ROLLBACK;

-- removing
SELECT linecrm.drop_channel('大阪');
SELECT count(*) FROM linecrm_internal.credential;
INSERT INTO linecrm_internal.tag (channel_id, name, created_by) SELECT channel_id, '会員', current_user FROM linecrm_internal.channel;
SELECT linecrm.drop_channel('本店');
SELECT linecrm.drop_channel('京都');
