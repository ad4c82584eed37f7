# The breakers: the same content to the same friend too often, or too many people in an hour, holds the channel until a
# person resumes it. What is no storm does not trip them.
use strict;
use warnings;
use LineCrm;
use Test::More;

my $crm = LineCrm->new(friends => 2000);
my $line = $crm->line;

sub held { return $crm->sql("SELECT coalesce(held_reason, 'open') FROM linecrm_internal.channel WHERE channel_id = 1") }
sub wait_held { return $crm->wait_for("SELECT held_reason = 'breaker' FROM linecrm_internal.channel WHERE channel_id = 1", $_[0]) }
sub quiet { return $crm->drain($_[0]) && is(held(), 'open', "$_[0]: nothing is held") }

sub accepted { return $crm->sql(<<"SQL") }
SELECT count(*) FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id)
JOIN linecrm_internal.content c ON c.slot = r.content_slot AND c.content_id = r.content_id
WHERE o.outcome = 'accepted' AND convert_from(c.body, 'UTF8') LIKE '%$_[0]%'
SQL

# No storm: other content to one friend; one content to other friends; one request tried again and again.
$crm->sql("SELECT linecrm.push(1, messages => linecrm.text_message('order ' || i)) FROM generate_series(1, 30) AS i");
$crm->sql("SELECT linecrm.push(i, messages => linecrm.text_message('shipped')) FROM generate_series(1, 200) AS i");
quiet('different messages to one, one message to many');
$line->fault('push:kind=429_rate:count=6');
$crm->push(5, 'throttled') for 1 .. 2;
quiet('refused for the rate many times');
$line->clear_faults;
$line->fault("push:kind=500_after:attempt=$_:count=1") for 1 .. 4;
$crm->push(6, 'doubtful');
quiet('tried five times');
$line->clear_faults;
$crm->sql("SELECT test_multicast(1, 1000, 'three times') FROM generate_series(1, 3)");
$crm->sql("SELECT test_multicast(1001, 2000, 'three times')");
quiet('three campaigns of the same to the same, and one to others');

# A loop around push: the fourth copy stays here, and it says which.
$crm->sql("SELECT linecrm.push(10, messages => linecrm.text_message('loop'), key => 'loop ' || i) FROM generate_series(1, 50) AS i");
wait_held('fifty pushes of the same to one friend: held');
$crm->wait_for('SELECT NOT EXISTS (SELECT FROM linecrm_internal.outbox)', 'nothing is on its way');
is(accepted('"loop"'), '3', 'three of them went out');
my $first = $crm->sql("SELECT min(delivery_id) FROM linecrm_internal.delivery_key WHERE key LIKE 'loop %'");
is($crm->sql('SELECT held_detail FROM linecrm_internal.channel'),
	sprintf('friend 10 would get the same content 4 times within 3600 s, with deliveries %d, %d, %d, and now %d: [{"text":"loop","type":"text"}]',
		$first, $first + 1, $first + 2, $first + 3), 'who, what, how often, which deliveries');
is($crm->sql("SELECT held_reason FROM linecrm.channel_status"), 'breaker', 'people see it');
$crm->push(11, 'waits too');
$crm->wait_for("SELECT count(*) = 48 FROM linecrm_internal.outbox_waiting WHERE reason = 'channel_held'", 'everything waits for a person');
is(held(), 'breaker', 'it does not end by itself');
$crm->sql("SELECT sum(linecrm.cancel(key => 'loop ' || i)) FROM generate_series(4, 50) AS i");
$crm->sql("SELECT linecrm.resume_channel('main')");
quiet('the rest of the loop cancelled, the channel resumed');
is(accepted('"loop"'), '3', 'three copies it stays');
is(accepted('"waits too"'), '1', 'what waited went out');

# Resumed without cancelling: a person meant it, as often again.
$crm->sql("SELECT test_push(12, 'meant') FROM generate_series(1, 6)");
wait_held('six of the same: held');
is(accepted('"meant"'), '3', 'three went out');
$crm->sql("SELECT linecrm.resume_channel('main')");
quiet('resumed as it is');
is(accepted('"meant"'), '6', 'the other three went out');

# Buttons carry the number of their delivery, which makes no other content of it.
$crm->sql(q{SELECT linecrm.push(13, messages => linecrm.button_message('number', 'yes', 'no')) FROM generate_series(1, 4)});
wait_held('four of the same with buttons: held');
$crm->sql("SELECT linecrm.resume_channel('main')");
quiet('resumed');

# Campaigns, also of few and also after pushes.
$crm->sql("SELECT test_multicast(1, 1500, 'campaign')") for 1 .. 4;
wait_held('four campaigns of the same: held');
$crm->wait_for('SELECT NOT EXISTS (SELECT FROM linecrm_internal.outbox)', 'nothing is on its way');
is(accepted('"campaign"'), '9', 'three went out whole');
like($crm->sql('SELECT held_detail FROM linecrm_internal.channel'), qr/^friend 1 would get the same content 4 times.*"campaign"/, 'and it says so');
$crm->sql("SELECT linecrm.resume_channel('main')");
quiet('resumed');
$crm->sql("SELECT test_push(1999, 'mixed')");
$crm->sql("SELECT test_multicast(1990, 1999, 'mixed')");
$crm->sql("SELECT test_multicast(1, 2000, 'mixed')");
quiet('a push, a few, and everybody');
$crm->sql("SELECT test_push(1998, 'mixed')");
quiet('the third copy of one');
$crm->sql("SELECT test_push(1999, 'mixed')");
wait_held('the fourth of another: held');
$crm->sql("SELECT linecrm.resume_channel('main')");
quiet('resumed');

# The volume of an hour.
$crm->node->append_conf('postgresql.conf', "linecrm.volume_limit = 100\n");
$crm->node->restart; # which also forgets what was counted
$crm->sql("SELECT test_pushes(1, 250, 'volume')");
wait_held('more people than volume_limit: held');
$crm->wait_for('SELECT NOT EXISTS (SELECT FROM linecrm_internal.outbox)', 'nothing is on its way');
is(accepted('"volume"'), '100', 'a hundred were sent to');
like($crm->sql('SELECT held_detail FROM linecrm_internal.channel'), qr/^100 people were sent to within an hour, and delivery \d+ with 1 more would exceed linecrm.volume_limit \(100\)/, 'and it says so');
$crm->sql("SELECT linecrm.resume_channel('main')");
wait_held('after another hundred: held again');
$crm->sql("SELECT linecrm.resume_channel('main')");
quiet('and the rest');
is(accepted('"volume"'), '250', 'all in the end');

# A reply is no push, and zero switches them off.
$crm->node->append_conf('postgresql.conf', "linecrm.volume_limit = 0\nlinecrm.storm_limit = 0\n");
$crm->node->reload;
my ($somebody) = $line->friends(1);
$line->reply_token("token $_", user_id => $somebody) for 1 .. 5;
$crm->sql("SELECT test_reply('token ' || i, 'the same answer') FROM generate_series(1, 5) AS i");
$crm->sql("SELECT test_push(20, 'off') FROM generate_series(1, 10)");
quiet('replies, and pushes with the breaker off');
$crm->audit('breaker');
$crm->node->stop('fast');
done_testing();
