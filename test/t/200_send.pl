# From a committed row to an outcome: pushes, multicasts, calls with a completion; who may not be sent to; scheduled ones.
use strict;
use warnings;
use LineCrm;
use Test::More;

my $crm = LineCrm->new(friends => 2000);

# The workers are there, by name.
$crm->wait_for(q{SELECT count(*) = 3 FROM pg_stat_activity WHERE datname = 'crm' AND backend_type IN ('linecrm sender', 'linecrm clerk', 'linecrm planner')}, 'three workers run');
is($crm->node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'linecrm launcher'}), '1', 'one launcher runs');
$crm->wait_for(q{SELECT count(*) = 3 FROM linecrm_internal._worker_status() WHERE state = 'running' AND error IS NULL}, 'and say so in shared memory');

# One push; a rolled back one is never heard of.
$crm->sql("BEGIN; SELECT test_push(2, 'never'); ROLLBACK;");
$crm->push(1, 'hello');
$crm->drain('a push is sent');
is($crm->sql('SELECT test_outcomes()'), 'accepted: 1', 'it is accepted');
is($crm->sql('SELECT cardinality(message_ids) FROM linecrm_internal.outcome'), '1', 'with the id of its message');
like($crm->sql('SELECT line_request_id FROM linecrm_internal.outcome'), qr/^[0-9a-f-]+$/, 'and LINE\'s request id');

# A campaign of multicasts is closed by the planner with its totals.
my $campaign = $crm->multicast(1, 2000, 'sale');
$crm->drain('four multicasts are sent');
$crm->wait_for("SELECT finished_at IS NOT NULL FROM linecrm_internal.delivery_campaign WHERE delivery_id = $campaign", 'the campaign is finished');
is($crm->sql("SELECT state, reason, friends FROM linecrm_internal.delivery_total WHERE delivery_id = $campaign"), 'accepted||2000', 'its total is written');

# Who blocked since planning is dropped once, and recorded.
$crm->sql("UPDATE linecrm_internal.friend SET status = 'blocked' WHERE friend_id IN (7, 8)");
$campaign = $crm->multicast(1, 10, 'ten');
$crm->push(7, 'blocked');
$crm->sql("SELECT test_multicast(7, 8, 'nobody left')");
$crm->drain('requests with blocked people are finished');
is($crm->sql("SELECT members, reason FROM linecrm_internal.exclusion WHERE delivery_id = $campaign"), '{7,8}|blocked', 'the dropped are in exclusion');
is($crm->sql("SELECT o.outcome, o.friends FROM linecrm_internal.outcome o WHERE o.delivery_id = $campaign"), 'accepted|8', 'the others got it');
is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome WHERE reason = 'no_recipients' AND friends = 0"), '2', 'a request that nobody is left of is no request');
is(scalar(grep { $_->{content} =~ /blocked|nobody/ } $crm->line->accepted), 0, 'LINE heard nothing of those');

# A request of another kind: its answer waits for the clerk.
my $call = $crm->sql("SELECT linecrm_internal._call_line(1, 'quota')");
$crm->drain('a call is made');
is($crm->sql("SELECT outcome FROM linecrm_internal.outcome WHERE request_id = $call"), 'accepted', 'and accepted');

# Scheduled: not before its time.
$crm->sql("SELECT test_pushes(11, 3, 'later', due_at => clock_timestamp() + interval '1.5 s')");
is($crm->sql("SELECT count(*) FROM linecrm_internal.outbox_waiting WHERE reason = 'scheduled'"), '3', 'scheduled requests wait');
$crm->drain('and are sent when due');
is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id)
	WHERE o.finished_at - r.created_at BETWEEN interval '1.4 s' AND interval '4 s' AND r.friend_id IN (11, 12, 13)"), '3', 'then');

# Too late, and cancelled.
$crm->sql("BEGIN; SELECT test_push(20, 'too late'); UPDATE linecrm_internal.request SET not_after = now() - interval '1 s' WHERE friend_id = 20; COMMIT");
$crm->sql("BEGIN; SELECT test_multicast(1, 100, 'cancelled', 1); UPDATE linecrm_internal.delivery_campaign SET cancelled_at = now() WHERE finished_at IS NULL; COMMIT");
$crm->drain('late and cancelled requests are finished');
is($crm->sql("SELECT outcome, reason FROM linecrm_internal.outcome JOIN linecrm_internal.request USING (slot, request_id) WHERE friend_id = 20"), 'expired|not_after', 'expired');
is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome WHERE outcome = 'cancelled' AND reason = 'cancelled'"), '100', 'cancelled');

# A burst.
$crm->sql("SELECT test_pushes(100, 500, 'burst')");
$crm->drain('a burst is sent');
$crm->audit('sent');

$crm->node->stop('fast');
done_testing();
