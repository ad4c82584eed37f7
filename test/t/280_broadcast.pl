# Broadcast and narrowcast: the same key and bytes at each attempt, the hourly limit over a restart, and how LINE says that
# a narrowcast ended.
use strict;
use warnings;
use LineCrm;
use Test::More;

my $crm = LineCrm->new(friends => 200, sandbox => [ '--rate-limits', 'off', '--narrowcast-ms', 1500 ]);
my $line = $crm->line;
my $body = q('{"messages":[{"type":"text","text":"%s"}]}');

sub send_all { my ($kind, $words) = @_; return $crm->sql("SELECT linecrm_internal._call_line(1, '$kind', body => " . sprintf($body, $words) . ')') }
sub outcome { return $crm->sql("SELECT concat_ws('/', outcome, reason, detail) FROM linecrm_internal.outcome WHERE request_id = $_[0]") }
sub is_finished { return "SELECT count(*) = 1 FROM linecrm_internal.outcome WHERE request_id = $_[0]" }

# The next request of a kind may go, as after an hour.
sub an_hour_later
{
	$crm->node->stop('fast');
	$crm->node->start;
	$crm->sql("UPDATE linecrm_internal.slow_kind SET last_at = last_at - interval '1 hour'");
	$crm->node->restart;
	return;
}

# The first goes at once, the second a minute later, whatever happens in between.
my $first = send_all('broadcast', 'first');
$crm->wait_for(is_finished($first), 'a broadcast goes out at once');
is(outcome($first), 'accepted', 'and is accepted');
my $second = send_all('broadcast', 'second');
$crm->push(1, 'not behind it');
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE kind = 'push'", 'a push does not wait behind the second');
$crm->node->restart;
$crm->push(2, 'the sender works');
$crm->wait_for("SELECT count(*) = 2 FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE kind = 'push'", 'after a restart the sender works');
is($crm->sql("SELECT attempts FROM linecrm_internal.outbox WHERE request_id = $second"), '0', 'and the second broadcast still waits for its minute');
$crm->node->stop('fast');
$crm->node->start;
$crm->sql("UPDATE linecrm_internal.slow_kind SET last_at = now() - interval '58 seconds'");
$crm->node->restart;
$crm->wait_for(is_finished($second), 'which is counted from the last request, not from the restart', 20);
is($crm->sql("SELECT extract(epoch FROM o.finished_at - r.created_at) > 1 FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE request_id = $second"), 't', 'not at once');

# Accepted, then 500: the same key again, answered with 409.
an_hour_later();
$line->fault('broadcast:kind=500_after:attempt=1:count=1');
my $doubt = send_all('broadcast', 'doubt');
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outbox_waiting WHERE request_id = $doubt AND ambiguous_since IS NOT NULL", 'a broadcast in doubt waits');
an_hour_later();
$crm->wait_for(is_finished($doubt), 'and is sent again');
is(outcome($doubt), 'accepted/accepted_before', 'with the same key');

# A narrowcast is followed to its end.
my $cast = send_all('narrowcast', 'cast');
$crm->wait_for(is_finished($cast), 'a narrowcast is taken');
is($crm->sql('SELECT count(*) FROM linecrm_internal.narrowcast'), '1', 'and followed');
$crm->wait_for("SELECT reason = 'succeeded' FROM linecrm_internal.outcome WHERE request_id = $cast", 'to its success', 20);
is(outcome($cast), 'accepted/succeeded/200 of 200, 0 failed', 'with its figures');
is($crm->sql("SELECT friends FROM linecrm_internal.outcome WHERE request_id = $cast"), '200', 'and people');
is($crm->sql('SELECT count(*) FROM linecrm_internal.narrowcast'), '0', 'nothing is followed any more');

# Taken, then 500, then 409: followed under the number of the accepted request. It fails later.
an_hour_later();
$line->fault('narrowcast:kind=500_after:attempt=1:count=1');
my $late = send_all('narrowcast', 'late');
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outbox_waiting WHERE request_id = $late AND ambiguous_since IS NOT NULL", 'a narrowcast in doubt waits');
an_hour_later();
$crm->wait_for("SELECT reason = 'succeeded' FROM linecrm_internal.outcome WHERE request_id = $late", '409 leads to the request that was taken', 20);
an_hour_later();
$line->clear_faults;
$line->fault('narrowcast:kind=narrowcast_failed=2');
my $failed = send_all('narrowcast', 'failed');
$crm->wait_for("SELECT outcome = 'rejected' AND reason = 'failed' FROM linecrm_internal.outcome WHERE request_id = $failed", 'a narrowcast that fails later is rejected', 20);
like(outcome($failed), qr/errorCode 2/, "with LINE's words");
$line->clear_faults;

# Refused at once.
an_hour_later();
$line->fault('narrowcast:kind=400_plain:count=1');
my $refused = send_all('narrowcast', 'refused');
$crm->wait_for(is_finished($refused), 'a refused one ends');
like(outcome($refused), qr{^rejected/refused/}, "with LINE's words");
is($crm->sql('SELECT count(*) FROM linecrm_internal.completion'), '0', 'no answer is left over');

my %got;
$got{"$_->{content} $_->{user}"}++ for grep { $_->{endpoint} =~ /cast/ } $line->accepted;
is(scalar(grep { $_ > 1 } values %got), 0, 'nobody got anything twice');
$crm->audit('broadcast');
$crm->node->stop('fast');
done_testing();
