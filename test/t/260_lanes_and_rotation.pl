# What is urgent overtakes a campaign; one channel does not starve another; old slots of the ring are emptied.
use strict;
use warnings;
use LineCrm;
use Test::More;

my $crm = LineCrm->new(friends => 1000);

# A campaign that takes seconds at LINE's rate, and a notice in the middle of it.
$crm->sql("SELECT test_multicast(1, 1000, 'campaign', 1) FROM generate_series(1, 1)");
$crm->wait_for("SELECT count(*) > 100 FROM linecrm_internal.outcome", 'a campaign of a thousand requests is under way');
my $notice = $crm->push(1, 'notice');
$crm->drain('both are sent', 30);
is($crm->sql(<<"SQL"), 't', 'the notice did not wait for the campaign');
SELECT n.finished_at < max(o.finished_at) FROM linecrm_internal.outcome o, linecrm_internal.outcome n
WHERE n.request_id = $notice AND o.delivery_slot = -1 GROUP BY n.finished_at
SQL
is($crm->sql("SELECT extract(epoch FROM o.finished_at - r.created_at) < 1 FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE request_id = $notice"),
	't', 'it took less than a second');

# Hold and cancel act on what is queued.
my $campaign = $crm->sql("SELECT test_multicast(1, 1000, 'held', 1)");
$crm->sql("UPDATE linecrm_internal.delivery_campaign SET held_reason = 'person' WHERE delivery_id = $campaign; SELECT linecrm_internal._wake('sender')");
$crm->wait_for("SELECT NOT EXISTS (SELECT FROM linecrm_internal.outbox)", 'a held delivery leaves the queue');
cmp_ok($crm->sql("SELECT count(*) FROM linecrm_internal.outbox_waiting WHERE reason = 'delivery_held'"), '>', 0, 'and waits');
$crm->sql("UPDATE linecrm_internal.delivery_campaign SET cancelled_at = now() WHERE delivery_id = $campaign; SELECT linecrm_internal._wake('sender')");
$crm->drain('cancelled: finished');
$crm->wait_for("SELECT NOT EXISTS (SELECT FROM linecrm_internal.outbox_waiting)", 'nothing waits any more');
$crm->wait_for("SELECT finished_at IS NOT NULL FROM linecrm_internal.delivery_campaign WHERE delivery_id = $campaign", 'the campaign is closed');
is($crm->sql("SELECT sum(friends) FROM linecrm_internal.delivery_total WHERE delivery_id = $campaign"), '1000', 'with everybody in its totals');

# The ring: a slot of some hours ago is emptied; what is unfinished in it moves on and is sent.
$crm->sql(<<'SQL');
BEGIN;
SELECT test_pushes(1, 10, 'old slot');
UPDATE linecrm_internal.outbox SET slot = (slot + 3) % 8;
COMMIT;
SQL
$crm->drain('rows are found whatever their slot');
my $size = "SELECT sum(pg_relation_size(c.oid)) = 0 FROM pg_class c WHERE c.relname = 'outbox_' || ((linecrm_internal._hour_slot(now()) + 3) % 8)";
$crm->wait_for("SELECT linecrm_internal._rotate_turn() IS NOT NULL AND ($size)", 'a slot with nothing unfinished is emptied');
$crm->audit('lanes');
$crm->node->stop('fast');
done_testing();
