# Corners in which a sender may spin, stall, forget or repeat. Each block was once a fault or is one step from it.
use strict;
use warnings;
use LineCrm;
use Test::More;
use Time::HiRes qw(sleep time);

my $crm = LineCrm->new(friends => 3000, sandbox => [ '--token', 'other=other-token', '--rate-limits', 'off' ],
	conf => "linecrm.request_timeout = 4s\n");
my ($node, $line) = ($crm->node, $crm->line);
$crm->add_channel('crm', 'other', 'other-token');
$crm->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'linecrm sender'", 'the sender runs');

sub outcomes_of
{
	my ($friend) = @_;
	return $crm->sql("SELECT string_agg(o.outcome || coalesce('/' || o.reason, ''), ', ') FROM linecrm_internal.outcome o
		JOIN linecrm_internal.request r USING (slot, request_id) WHERE r.friend_id = $friend");
}

sub transactions_in
{
	my ($seconds) = @_;
	my $ask = "SELECT pg_stat_clear_snapshot(); SELECT xact_commit FROM pg_stat_database WHERE datname = 'crm'";
	my ($before) = $node->safe_psql('postgres', $ask) =~ /(\d+)/;
	sleep $seconds;
	my ($after) = $node->safe_psql('postgres', $ask) =~ /(\d+)/;
	return $after - $before;
}

# An attempt that ends as unknown leaves behind a time at which nothing is due: nobody wakes up for it again and again.
$line->fault('push:kind=503_before:body=spin');
$crm->push(1, 'spin');
$crm->wait_for("WITH doubtful AS (UPDATE linecrm_internal.outbox_waiting SET due_at = now() + interval '1 hour' WHERE ambiguous_since IS NOT NULL RETURNING 1)
	SELECT count(*) = 1 FROM doubtful", 'a push is in doubt');
$line->clear_faults;
$line->fault('push:kind=silence_before:body=spin:count=1');
$crm->sql("UPDATE linecrm_internal.outbox_waiting SET ambiguous_since = now() - interval '23 hours' + interval '2 seconds', due_at = now();
	SELECT linecrm_internal._wake('sender')");
$crm->drain('the doubt grows too old while it is in flight');
is(outcomes_of(1), 'unknown/retry_limit', 'it ends as unknown');
$line->clear_faults;
sleep 8;
cmp_ok(transactions_in(3), '<', 300, 'and the sender rests after that');

# A token is mended while requests with the old one are on their way: their 401 says nothing about the new token.
$line->fault('push:kind=401:body=slow:count=1');
$line->fault('push:kind=delay:ms=2500:body=slow:count=1');
$line->fault('push:kind=401:body=fast:count=1');
$crm->sql("SELECT test_push(2, 'slow'), test_push(3, 'fast')");
$crm->wait_for("SELECT held_reason = 'token' FROM linecrm_internal.channel WHERE name = 'main'", 'the first 401 holds the channel');
$crm->sql("SELECT linecrm.set_credential('main', 'access_token', 'sandbox-token')");
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE friend_id = 3", 'the new token frees it');
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE friend_id = 2", 'the late 401 is tried again with the new one', 12);
is(outcomes_of(2), 'accepted', 'and accepted');
is($crm->sql("SELECT held_reason FROM linecrm_internal.channel WHERE name = 'main'"), '', 'nothing is held');
$line->clear_faults;

# Cancelled while in flight, and refused after that in a way that waits for somebody: nobody would come.
$line->fault('push:kind=401:body=cancelled:count=1');
$line->fault('push:kind=delay:ms=1500:body=cancelled:count=1');
$crm->push(4, 'cancelled');
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outbox WHERE lease_until IS NOT NULL", 'a push is in flight');
$crm->sql("SELECT linecrm.cancel(delivery_id) FROM linecrm_internal.request WHERE friend_id = 4");
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE friend_id = 4", 'cancelled in flight, then 401: it ends', 10);
is(outcomes_of(4), 'cancelled/cancelled', 'as cancelled');
$line->clear_faults;
$crm->sql("SELECT linecrm.set_credential('main', 'access_token', 'sandbox-token')");

# A question from an administrator is not an order to go.
my $pid = $crm->pid_of('sender');
$line->fault('push:kind=delay:ms=800:count=20');
$crm->sql("SELECT test_pushes(100, 20, 'cancel backend')");
$crm->wait_for("SELECT count(*) = 20 FROM linecrm_internal.outbox WHERE lease_until IS NOT NULL", 'twenty are in flight');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
$crm->drain('pg_cancel_backend: all is finished');
is($crm->pid_of('sender'), $pid, 'by the same process');
is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id)
	WHERE friend_id BETWEEN 100 AND 119 AND reason IS NULL AND attempts = 1"), '20', 'at the first attempt');

# A prepared transaction with something for later, and one that resumes.
$crm->sql("SELECT 1");
sleep 1.5;
$crm->sql("BEGIN; SELECT test_pushes(130, 1, 'later', due_at => clock_timestamp() + interval '3 s'); PREPARE TRANSACTION 'scheduled'");
sleep 1;
$crm->sql("COMMIT PREPARED 'scheduled'");
$crm->drain('COMMIT PREPARED of something scheduled is found', 12);
is(outcomes_of(130), 'accepted', 'and sent when due');
$crm->sql("SELECT linecrm.hold_channel('main')");
$crm->push(131, 'held');
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outbox_waiting WHERE reason = 'channel_held'", 'a push is held');
$crm->sql("BEGIN; SELECT linecrm.resume_channel('main'); PREPARE TRANSACTION 'resume'");
sleep 1;
$crm->sql("COMMIT PREPARED 'resume'");
$crm->wait_for("SELECT count(*) = 0 FROM linecrm_internal.outbox_waiting", 'COMMIT PREPARED of a resume is found', 12);
$crm->drain;

# Rotation leaves alone what is in flight, even with a lease that ran out; without a key nothing in doubt goes out again.
$line->fault('push:kind=delay:ms=2500:count=1:body=rotated');
$crm->sql(<<'SQL');
DO $$ BEGIN
	PERFORM test_push(140, 'rotated');
	UPDATE linecrm_internal.outbox SET slot = (slot + 2) % 8;
END $$
SQL
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outbox WHERE lease_until IS NOT NULL", 'a push of an old slot is in flight');
$crm->sql("UPDATE linecrm_internal.outbox SET lease_until = now() - interval '1 s'; SELECT linecrm_internal._rotate_turn()");
is($crm->sql("SELECT count(*) FROM linecrm_internal.outbox"), '1', 'rotation leaves it where it is');
$crm->drain('it ends');
is($crm->sql("SELECT attempts FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE friend_id = 140"), '1', 'after one attempt');
$line->clear_faults;
$line->reply_token('token-r');
$crm->sql(<<'SQL');
DO $$ BEGIN
	PERFORM test_reply('token-r', 'in doubt');
	WITH gone AS (DELETE FROM linecrm_internal.outbox RETURNING *)
	INSERT INTO linecrm_internal.outbox_waiting (request_slot, request_id, channel_id, lane, due_at, reason, attempts, ambiguous_since)
	SELECT request_slot, request_id, channel_id, lane, clock_timestamp(), 'rotated', 1, clock_timestamp() FROM gone;
END $$
SQL
$crm->drain('a reply in doubt ends');
is($crm->sql("SELECT o.outcome FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE r.kind = 'reply'"), 'unknown', 'as unknown');
is(scalar(grep { $_->{endpoint} eq 'reply' } $line->accepted), 0, 'without being sent');

# Whoever was left out of the body is not counted among those of whom nobody knows.
$crm->sql("UPDATE linecrm_internal.friend SET status = 'blocked' WHERE friend_id BETWEEN 1001 AND 1003");
$line->fault('multicast:kind=503_before');
my $campaign = $crm->sql("SELECT test_multicast(1001, 1010, 'counted')");
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outbox_waiting WHERE ambiguous_since IS NOT NULL", 'a multicast is in doubt');
$crm->sql("SELECT linecrm.cancel($campaign)");
$crm->drain('cancelled');
is($crm->sql("SELECT outcome, friends FROM linecrm_internal.outcome WHERE delivery_id = $campaign"), 'unknown|7', 'unknown for those in the body');
$line->clear_faults;

# A refusal while an earlier attempt is in doubt: nobody knows of the earlier one, and the reason says what was answered.
$line->fault('push:kind=503_before:attempt=1:count=1');
$line->fault('push:kind=404:attempt=2:count=1');
$crm->push(145, 'refused in doubt');
$crm->drain('refused in doubt');
is(outcomes_of(145), 'unknown/refused', 'unknown, because it was refused after that');
is($crm->sql("SELECT string_agg(DISTINCT o.reason, ', ') FROM linecrm_internal.outcome o
	WHERE o.reason IS NOT NULL AND NOT EXISTS (SELECT FROM linecrm.label l WHERE l.kind = 'reason' AND l.name = o.reason)"), '', 'every reason has a label');
$line->clear_faults;

# One channel's trouble with a row does not keep the answers of others from being recorded.
my $blocker = $node->background_psql('crm');
$line->fault('push:kind=401:channel=main');
$blocker->query_safe("BEGIN; UPDATE linecrm_internal.channel SET note = 'busy' WHERE name = 'main'");
$crm->sql("SELECT test_pushes(150, 5, 'locked'), test_pushes(160, 50, 'not locked', channel => 2)");
$crm->wait_for("SELECT count(*) = 50 FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE friend_id BETWEEN 160 AND 209", 'the answers of another channel are recorded', 8);
$crm->sql("SELECT test_pushes(210, 5, 'meanwhile', channel => 2)");
$crm->wait_for("SELECT count(*) = 5 FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE friend_id BETWEEN 210 AND 214", 'and it goes on', 8);
$blocker->query_safe('ROLLBACK');
$crm->wait_for("SELECT held_reason = 'token' FROM linecrm_internal.channel WHERE name = 'main'", 'then the channel is held', 20);
$line->clear_faults;
$crm->sql("SELECT linecrm.set_credential('main', 'access_token', 'sandbox-token')");
$crm->drain('and freed');

# While answers cannot be recorded, no heap of them grows.
$blocker->query_safe('BEGIN; LOCK TABLE linecrm_internal.outcome IN ACCESS EXCLUSIVE MODE');
$crm->sql("SELECT test_pushes(1, 3000, 'heap', channel => 2)");
sleep 6;
cmp_ok($crm->sql('SELECT count(*) FROM linecrm_internal.outbox WHERE lease_until IS NOT NULL'), '<=', 1200, 'claims wait for records');
$blocker->query_safe('ROLLBACK');
$blocker->quit;
$crm->drain('then all of it is sent', 90);
$crm->audit('traps');

# A database that must not send says so once.
$crm->sql("UPDATE linecrm_internal.installation SET system_identifier = '1'");
my $from = -s $node->logfile;
$node->restart;
$crm->wait_for("SELECT bool_and(held_reason = 'installation') FROM linecrm_internal.channel", 'another server: held');
sleep 4;
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $from);
my $times = () = $log =~ /sends nothing from this database/g;
cmp_ok($times, '<=', 2, 'said once');
cmp_ok(transactions_in(3), '<', 150, 'and not asked all the time');
$node->stop('fast');
done_testing();
