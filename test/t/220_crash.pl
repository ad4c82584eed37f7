# The sender is killed in each of its three phases, and answers get lost: nothing is lost, nothing arrives twice.
use strict;
use warnings;
use LineCrm;
use Test::More;
use Time::HiRes qw(sleep);

my $crm = LineCrm->new(friends => 3000, sandbox => [ '--rate-limits', 'off' ]);
my $node = $crm->node;
my $sender_runs = "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'linecrm sender' AND datname = 'crm'";

sub kill_sender
{
	my $pid = $crm->pid_of('sender');
	kill 'KILL', $pid if $pid;
	$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = " . ($pid || 0) . ")");
	return $crm->wait_for($sender_runs, 'the sender is back');
}

# While HTTP is under way: LINE has accepted, the answer never comes.
$crm->wait_for($sender_runs, 'the sender runs');
$crm->line->fault('push:kind=silence_after:attempt=1:count=20');
$crm->line->fault('multicast:kind=delay=3000:attempt=1:count=2');
$crm->sql("SELECT test_pushes(1, 50, 'http'); SELECT test_multicast(1, 2000, 'http')");
$crm->wait_for("SELECT count(*) > 0 FROM linecrm_internal.outbox WHERE epoch IS NOT NULL", 'requests are in flight');
sleep 0.3;
kill_sender();
$crm->line->clear_faults;
$crm->drain('killed during HTTP: all is finished');
is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome WHERE outcome = 'accepted'"), '54', 'killed during HTTP: all is accepted');
$crm->audit('killed during HTTP');

# While it claims: the claim waits for a lock.
my $blocker = $node->background_psql('crm');
$blocker->query_safe('BEGIN; LOCK TABLE linecrm_internal.channel IN ACCESS EXCLUSIVE MODE');
$node->psql('crm', "SELECT test_pushes(100, 30, 'claim')");
$crm->wait_for("SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'linecrm sender' AND wait_event_type = 'Lock'", 'the claim waits');
my $pid = $crm->pid_of('sender');
kill 'KILL', $pid;
eval { $blocker->quit };
$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)");
$crm->drain('killed during the claim: all is finished');
$crm->audit('killed during the claim');

# While it records: the record waits for a lock; LINE has answered all of them.
$blocker = $node->background_psql('crm');
$crm->line->fault('push:kind=delay=500:count=40');
$crm->sql("SELECT test_pushes(200, 40, 'record')");
$crm->wait_for("SELECT count(*) = 40 FROM linecrm_internal.outbox WHERE epoch IS NOT NULL", 'forty are in flight');
$blocker->query_safe('BEGIN; LOCK TABLE linecrm_internal.outcome IN ACCESS EXCLUSIVE MODE');
$crm->wait_for("SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'linecrm sender' AND wait_event_type = 'Lock'", 'the record waits');
$pid = $crm->pid_of('sender');
kill 'KILL', $pid;
eval { $blocker->quit };
$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)");
$crm->drain('killed during the record: all is finished');
is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome WHERE reason = 'accepted_before'") >= 40, 1, 'they were accepted before');
$crm->audit('killed during the record');

# A lock that outlasts lock_timeout costs time and nothing else.
$blocker = $node->background_psql('crm');
$crm->line->fault('push:kind=delay=500:count=40');
$crm->sql("SELECT test_pushes(300, 40, 'lock')");
$crm->wait_for("SELECT count(*) = 40 FROM linecrm_internal.outbox WHERE epoch IS NOT NULL", 'forty are in flight');
$blocker->query_safe('BEGIN; LOCK TABLE linecrm_internal.outcome IN ACCESS EXCLUSIVE MODE');
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal._worker_status() WHERE worker = 'sender' AND error LIKE '%lock timeout%'", 'the record gives up and says so');
$pid = $crm->pid_of('sender');
$blocker->query_safe('ROLLBACK');
$crm->drain('then all is recorded');
is($crm->pid_of('sender'), $pid, 'by the same process');
is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id)
	WHERE friend_id BETWEEN 300 AND 339 AND o.reason IS NULL AND o.attempts = 1"), '40', 'at the first attempt');
$blocker->quit;

# A reply has no retry key: killed in flight, it is unknown, and a person decides.
$crm->line->fault('reply:kind=silence_after');
$crm->sql("SELECT test_reply('token-1', 'reply')");
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outbox WHERE epoch IS NOT NULL", 'the reply is in flight');
sleep 0.2;
kill_sender();
$crm->drain('the reply is finished');
is($crm->sql("SELECT o.outcome, o.reason FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE kind = 'reply'"),
	'unknown|sender_stopped', 'as unknown');
$crm->line->clear_faults;

# pg_terminate_backend under load: what is in flight is recorded before it goes.
$crm->line->fault('push:kind=delay=300:count=200');
$crm->sql("SELECT test_pushes(400, 200, 'terminate')");
$crm->wait_for("SELECT count(*) = 200 FROM linecrm_internal.outbox WHERE epoch IS NOT NULL", 'two hundred are in flight');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $crm->pid_of('sender') . ', 5000)');
is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id)
	WHERE friend_id BETWEEN 400 AND 599 AND r.kind = 'push' AND o.reason IS NULL"), '200', 'they are recorded');
$crm->wait_for($sender_runs, 'and the sender comes back');

# The server stops at once, with requests in flight.
$crm->line->fault('push:kind=delay=700:count=30');
$crm->sql("SELECT test_pushes(700, 30, 'immediate')");
$crm->wait_for("SELECT count(*) = 30 FROM linecrm_internal.outbox WHERE epoch IS NOT NULL", 'thirty are in flight');
$node->stop('immediate');
$node->start;
$crm->drain('after an immediate stop all is finished');
$crm->audit('immediate stop');
$node->stop('fast');
done_testing();
