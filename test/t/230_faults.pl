# What LINE and the network answer, and what becomes of it.
use strict;
use warnings;
use LineCrm;
use Test::More;
use Time::HiRes qw(sleep);

my $crm = LineCrm->new(friends => 3000);
my $line = $crm->line;
my $channel = "SELECT coalesce(held_reason, 'open') FROM linecrm_internal.channel WHERE channel_id = 1";

sub outcomes
{
	my ($words) = @_;
	return $crm->sql(<<"SQL");
SELECT string_agg(format('%s%s x%s', outcome, '/' || reason, n), ', ' ORDER BY outcome, reason) FROM (
	SELECT o.outcome, o.reason, count(*) AS n FROM linecrm_internal.outcome o
	JOIN linecrm_internal.request r USING (slot, request_id)
	JOIN linecrm_internal.content c ON c.slot = r.content_slot AND c.content_id = r.content_id
	WHERE convert_from(c.body, 'UTF8') LIKE '%"$words"%' GROUP BY 1, 2) AS t
SQL
}

# Perhaps accepted: each kind of trouble at the first attempt, before and after LINE took it.
for my $kind (qw(500_before 500_after 503_before reset_before reset_after early_answer cut_body wrong_length not_json))
{
	$line->fault("push:kind=$kind:attempt=1:count=1");
	$line->fault("multicast:kind=$kind:attempt=1:count=1");
	$crm->sql("SELECT test_push(1, '$kind'); SELECT test_multicast(1, 600, '$kind')");
	$crm->drain("$kind: finished", 30);
	unlike(outcomes($kind), qr/unknown|rejected|split|^$/, "$kind: accepted in the end");
	$line->clear_faults;
}
for my $kind (qw(silence_before silence_after))
{
	$line->fault("push:kind=$kind:attempt=1:count=1");
	$crm->push(2, $kind);
	$crm->drain("$kind: finished", 30);
	like(outcomes($kind), qr/^accepted/, "$kind: accepted in the end");
	$line->clear_faults;
}
$crm->audit('perhaps accepted');

# 429 of the rate: no attempt, the endpoint pauses.
$line->fault('push:kind=429_rate:count=3');
$crm->sql("SELECT test_pushes(1, 20, 'rate')");
$crm->drain('429 rate: finished', 30);
is(outcomes('rate'), 'accepted x20', '429 rate: all accepted');
is($crm->sql("SELECT max(attempts) FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id)
	JOIN linecrm_internal.content c ON c.content_id = r.content_id WHERE convert_from(c.body, 'UTF8') LIKE '%\"rate\"%'"), '1', '429 rate: not counted as attempts');
$line->clear_faults;

# 401: the channel is held, nothing fails, a new token frees it. Another channel goes on.
$line->fault('push:kind=401');
$crm->sql("SELECT test_pushes(30, 5, 'token')");
$crm->wait_for("SELECT held_reason = 'token' FROM linecrm_internal.channel WHERE channel_id = 1", '401: the channel is held');
$crm->sql("SELECT test_pushes(40, 5, 'token')");
$crm->wait_for("SELECT count(*) = 10 FROM linecrm_internal.outbox_waiting WHERE reason = 'channel_held'", '401: all of it waits');
like($crm->sql("SELECT held_detail FROM linecrm_internal.channel"), qr/401/, "401: with LINE's words");
$line->clear_faults;
$crm->sql("SELECT linecrm.set_credential('main', 'access_token', 'sandbox-token')");
$crm->drain('a new token frees it');
is(outcomes('token'), 'accepted x10', '401: all accepted');
is($crm->sql($channel), 'open', '401: the channel is open');

# The monthly limit: the channel is held for what counts; questions pass; somebody resumes it.
$line->fault('push:kind=429_monthly');
$crm->sql("SELECT test_pushes(50, 3, 'monthly')");
$crm->wait_for("SELECT held_reason = 'monthly_limit' FROM linecrm_internal.channel WHERE channel_id = 1", '429 monthly: the channel is held');
my $call = $crm->sql("SELECT linecrm_internal._call_line(1, 'quota')");
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outcome WHERE request_id = $call AND outcome = 'accepted'", '429 monthly: a question is answered all the same');
$line->clear_faults;
$crm->sql("UPDATE linecrm_internal.channel SET held_reason = NULL; SELECT linecrm_internal._wake('sender')");
$crm->drain('429 monthly: resumed');
is(outcomes('monthly'), 'accepted x3', '429 monthly: all accepted');

# 400 because of somebody in it: halves with new keys, until the one is alone.
$line->fault('multicast:kind=400_to:count=1');
$crm->sql("SELECT test_multicast(1, 500, 'split')");
$crm->drain('400 to: finished');
is(outcomes('split'), 'accepted x2, split/recipient_refused x1', '400 to: in two halves');
$line->clear_faults;

# 400 because of the messages: the delivery is held, and resumed when a person says so.
$line->fault('multicast:kind=400_messages:count=1');
my $campaign = $crm->sql("SELECT test_multicast(1, 3000, 'content')");
$crm->wait_for("SELECT held_reason = 'content' FROM linecrm_internal.delivery_campaign WHERE delivery_id = $campaign", '400 messages: the delivery is held');
$line->clear_faults;
$crm->wait_for("SELECT NOT EXISTS (SELECT FROM linecrm_internal.outbox)", '400 messages: nothing more is sent');
$crm->sql("UPDATE linecrm_internal.delivery SET held_reason = NULL WHERE delivery_id = $campaign; SELECT linecrm_internal._wake('sender')");
$crm->drain('400 messages: resumed');
is(outcomes('content'), 'accepted x6', '400 messages: all accepted after that');

# Other refusals end.
$line->fault('push:kind=404:count=1');
$crm->push(60, 'refused');
$crm->drain('404: finished');
is(outcomes('refused'), 'rejected/refused x1', '404: rejected');
$line->fault('push:kind=400_plain:count=1');
$crm->push(61, 'plain');
$crm->drain('400: finished');
is(outcomes('plain'), 'rejected/refused x1', '400: rejected');
$line->clear_faults;

# In doubt, then cancelled: unknown, for LINE may have it.
$line->fault('push:kind=500_after:count=1');
$crm->sql("SELECT test_push(70, 'doubt')");
my $in_doubt = "WITH doubtful AS (UPDATE linecrm_internal.outbox_waiting SET due_at = now() + interval '1 hour' WHERE ambiguous_since IS NOT NULL RETURNING 1)
	SELECT count(*) = 1 FROM doubtful"; # in one statement, before it is tried again
$crm->wait_for($in_doubt, '500: in doubt');
$crm->sql("UPDATE linecrm_internal.delivery d SET cancelled_at = now() FROM linecrm_internal.request r WHERE r.friend_id = 70 AND d.delivery_id = r.delivery_id;
	SELECT linecrm_internal._wake('sender')");
$crm->drain('cancelled in doubt: finished');
is(outcomes('doubt'), 'unknown/cancelled x1', 'cancelled in doubt: unknown');
$line->clear_faults;

# Twenty-three hours after the doubt began nothing is sent any more.
$line->fault('push:kind=503_before:count=1');
$crm->push(71, 'old');
$crm->wait_for($in_doubt, '503: in doubt');
$crm->sql("UPDATE linecrm_internal.outbox_waiting SET ambiguous_since = now() - interval '23 hours 1 minute', due_at = now(); SELECT linecrm_internal._wake('sender')");
$crm->drain('23 hours: finished');
is(outcomes('old'), 'unknown/retry_limit x1', '23 hours: unknown');
$line->clear_faults;

# LINE is away altogether: nothing was sent, nothing is in doubt, and it goes on when it is back.
$line->stop;
$crm->sql("SELECT test_pushes(80, 5, 'away')");
$crm->wait_for("SELECT count(*) = 5 FROM linecrm_internal.outbox_waiting WHERE reason = 'backoff' AND ambiguous_since IS NULL", 'no connection: no doubt');
$line->start;
$crm->drain('it is back: finished', 30);
is(outcomes('away'), 'accepted x5', 'it is back: accepted');

# A mixture, by probability, with random order.
$line->fault("*:p=0.05:kind=$_") for qw(500_before 500_after reset_before reset_after 429_rate cut_body);
$crm->sql("SELECT test_pushes(100, 400, 'soak'); SELECT test_multicast(1, 3000, 'soak', 50)");
$crm->drain('a mixture: finished', 90);
like(outcomes('soak'), qr/^accepted/, 'a mixture: accepted');
$crm->audit('faults');
$crm->node->stop('fast');
done_testing();
