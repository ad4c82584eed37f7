/*
 * 900_privileges.sql
 *   Who may do what. Nothing is granted to PUBLIC and no role is created: grant_access() grants what profile_grant
 *   lists for a profile and all below it.
 *
 * profile_grant is a view over VALUES, not a table, because it belongs to the version of the extension and not to the
 * data. One line a public function (all its overloads), by the lowest of reader < analyst < marketer < operator <
 * admin that may call it, plus a line for app or gateway where those may as well; "owner" is what no role gets.
 * Immutable functions and those behind types, operators and casts need no line: every profile has them. Views: "reader".
 */

CREATE VIEW linecrm_internal.profile_grant (profile, object_kind, object_name) AS VALUES
	-- access and channels
	('reader',   'function', 'my_channels'),
	('reader',   'function', 'my_stores'),
	('admin',    'function', 'grant_access'),
	('admin',    'function', 'revoke_access'),
	('admin',    'function', 'save_channel'),
	('admin',    'function', 'drop_channel'),
	('admin',    'function', 'set_credential'),
	('operator', 'function', 'hold_channel'),
	('operator', 'function', 'resume_channel'),
	('owner',    'function', 'adopt_database'),
	-- inbound
	('gateway',  'function', 'receive_webhook'),
	('gateway',  'function', 'receive_webhooks'),
	('operator', 'function', 'process_inbox'),
	-- friends, tags, members
	('operator', 'function', 'import_friends'),
	('admin',    'function', 'forget_friend'),
	('marketer', 'function', 'set_nickname'),
	('marketer', 'function', 'save_tag'),
	('marketer', 'function', 'drop_tag'),
	('marketer', 'function', 'merge_tag'),
	('marketer', 'function', 'add_tag'),
	('app',      'function', 'add_tag'),
	('marketer', 'function', 'remove_tag'),
	('app',      'function', 'remove_tag'),
	('marketer', 'function', 'tag_friends'),
	('marketer', 'function', 'untag_friends'),
	('operator', 'function', 'link_member'),
	('app',      'function', 'link_member'),
	('operator', 'function', 'unlink_member'),
	('app',      'function', 'unlink_member'),
	('reader',   'function', 'friend_of_user'),
	('app',      'function', 'friend_of_user'),
	('reader',   'function', 'friend_of_member'),
	('app',      'function', 'friend_of_member'),
	-- segments and sets
	('analyst',  'function', 'save_segment'),
	('analyst',  'function', 'drop_segment'),
	('analyst',  'function', 'segment_set'),
	('analyst',  'function', 'tag_set'),
	('analyst',  'function', 'delivery_set'),
	('analyst',  'function', 'tap_set'),
	-- messages and deliveries
	('marketer', 'function', 'save_message'),
	('marketer', 'function', 'drop_message'),
	('reader',   'function', 'validate_messages'),
	('marketer', 'function', 'preview'),
	('marketer', 'function', 'preview_delivery'),
	('marketer', 'function', 'deliver'),
	('marketer', 'function', 'deliver_to_everyone'),
	('marketer', 'function', 'release'),
	('marketer', 'function', 'cancel'),
	('app',      'function', 'cancel'),
	('operator', 'function', 'hold'),
	('operator', 'function', 'resume'),
	('operator', 'function', 'retry_rejected'),
	('operator', 'function', 'decide_unknown'),
	('marketer', 'function', 'push'),
	('app',      'function', 'push'),
	('marketer', 'function', 'push_member'),
	('app',      'function', 'push_member'),
	('operator', 'function', 'push_chat'),
	('app',      'function', 'push_chat'),
	('marketer', 'function', 'push_test'),
	('reader',   'function', 'explain'),
	-- operation
	('operator', 'function', 'run_steps'),
	('admin',    'function', 'schedule_jobs'),
	('reader',   'function', 'doctor'),
	('gateway',  'function', 'doctor'),
	('reader',   'function', 'help'),
	('app',      'function', 'help'),
	('operator', 'function', 'check_integrity');
COMMENT ON VIEW linecrm_internal.profile_grant IS 'what each profile may do: the lowest profile of a public function, and app or gateway where they may too';

CREATE FUNCTION linecrm_internal._profiles_of(function oid) RETURNS SETOF text
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT g.profile FROM pg_catalog.pg_proc p JOIN linecrm_internal.profile_grant g ON g.object_name = p.proname
	WHERE p.oid = _profiles_of.function AND g.object_kind = 'function';
END;
COMMENT ON FUNCTION linecrm_internal._profiles_of(oid) IS 'the profiles a public function is listed for; access.c asks';
