-- Messages: builders, limits, versions, names.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS linecrm CASCADE;
CREATE EXTENSION linecrm;
RESET client_min_messages;
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('main', 'p', 'tester');

SELECT linecrm.text_message('one') || linecrm.image_message('https://example.com/a.jpg') || linecrm.button_message('Q?', 'yes', 'no');
SELECT linecrm.image_message('https://example.com/a.jpg', 'https://example.com/p.jpg');
SELECT linecrm.text_message(NULL);

-- nothing known against these
SELECT * FROM linecrm.validate_messages(linecrm.text_message('one') || linecrm.image_message('https://example.com/a.jpg') || linecrm.button_message('Q?', 'yes', 'no'));
SELECT * FROM linecrm.validate_messages(linecrm.text_message('{{name}}') || linecrm.image_message('{{picture}}'));
-- documented limits
SELECT * FROM linecrm.validate_messages(NULL);
SELECT * FROM linecrm.validate_messages('[]');
SELECT * FROM linecrm.validate_messages('{"type": "text"}');
SELECT * FROM linecrm.validate_messages((SELECT jsonb_agg(jsonb_build_object('type', 'text', 'text', n::text)) FROM generate_series(1, 6) AS n));
SELECT * FROM linecrm.validate_messages(linecrm.text_message(repeat('a', 5000)));
SELECT * FROM linecrm.validate_messages(linecrm.text_message(repeat('a', 5001)));
SELECT * FROM linecrm.validate_messages(linecrm.text_message(repeat('😀', 2501)));
SELECT * FROM linecrm.validate_messages(linecrm.text_message(''));
SELECT * FROM linecrm.validate_messages(linecrm.button_message('Q?', 'a', 'b', 'c', 'd', 'e'));
SELECT * FROM linecrm.validate_messages(linecrm.image_message('http://example.com/a.jpg'));
SELECT * FROM linecrm.validate_messages('[{"type": "telepathy"}]');

-- saving: versions; the same again changes nothing
SELECT linecrm.save_message('hello', linecrm.text_message('{{name|you}}, hello'));
SELECT linecrm.save_message('hello', linecrm.text_message('{{name|you}}, hello'));
SELECT linecrm.save_message('  ｈｅｌｌｏ ', linecrm.text_message('{{name|you}}, hello {{shop}}'), note => 'longer');
SELECT linecrm.save_message('hello', linecrm.text_message('{{name|you}}, hello {{shop}}'), note => 'other note');
SET linecrm.language = 'ja';
SELECT linecrm.save_message('hello', linecrm.text_message('{{name|you}}, hello {{shop}}'));
RESET linecrm.language;
SELECT channel, name, version, variables, messages, note FROM linecrm.message;
SELECT version, variables, messages FROM linecrm_internal.message_version ORDER BY version;
-- refused, and nothing half-done
SELECT linecrm.save_message('bad', linecrm.text_message(repeat('x', 5001)) || linecrm.image_message('ftp://x'));
SELECT linecrm.save_message('bad', '[{"type":"text","text":"1"},{"type":"text","text":"2"},{"type":"text","text":"3"},{"type":"text","text":"4"},{"type":"text","text":"5"},{"type":"text","text":"6"}]');
SELECT linecrm.save_message('bad', NULL);
SELECT linecrm.save_message('', linecrm.text_message('x'));
SELECT linecrm.save_message('123', linecrm.text_message('x'));
SELECT linecrm.save_message('hello', linecrm.text_message('x'), channel => 'mian');
SELECT count(*) FROM linecrm.message WHERE name = 'bad';
-- dropping
SELECT linecrm.drop_message('helo');
INSERT INTO linecrm_internal.delivery (slot, delivery_id, channel_id, kind, class, message_id, message_version, created_by)
SELECT -1, 12, channel_id, 'campaign', 'marketing', message_id, version, 'tester' FROM linecrm_internal.message;
SELECT linecrm.drop_message('hello');
UPDATE linecrm_internal.delivery SET cancelled_at = now();
SELECT linecrm.drop_message('hello');
SELECT count(*) FROM linecrm_internal.message_version;
-- several channels: say which
INSERT INTO linecrm_internal.channel (name, provider, created_by) VALUES ('second', 'p', 'tester');
SELECT linecrm.save_message('hello', linecrm.text_message('x'));
SELECT linecrm.save_message('hello', linecrm.text_message('x'), channel => 'second');
SELECT channel, name FROM linecrm.message;
-- a reader of one channel sees its messages, and no versions of others either
SELECT linecrm.save_message('secret plan', linecrm.text_message('x'), channel => 'main');
CREATE ROLE regress_message_reader;
SELECT linecrm.grant_access('regress_message_reader', 'reader', channel => 'second') > 0 AS granted;
SET ROLE regress_message_reader;
SELECT channel, name FROM linecrm.message;
SELECT count(*) FROM linecrm_internal.message_version;
RESET ROLE;
SELECT linecrm.revoke_access('regress_message_reader');
DROP ROLE regress_message_reader;
