# The contents of a campaign are checked by LINE before the first message goes out.
use strict;
use warnings;
use LineCrm;
use Test::More;

my $crm = LineCrm->new(friends => 3000, conf => "linecrm.undo_window = 2s\nlinecrm.language = 'en'\n");
my $line = $crm->line;

sub deliver
{
	my ($people, $messages, %o) = @_;
	my $more = join '', map { ", $_ => $o{$_}" } sort keys %o;
	return $crm->sql("SELECT linecrm.deliver(friends => linecrm.friendset('$people'), messages => $messages, at => now(), at_most => 3000$more)");
}
sub text { return "linecrm.text_message('$_[0]')" }
sub progress { return $crm->sql("SELECT $_[1] FROM linecrm.delivery_progress WHERE delivery_id = $_[0]") }
sub finished { my ($d, $what) = @_; return $crm->wait_for("SELECT state = 'finished' FROM linecrm.delivery_progress WHERE delivery_id = $d", $what, 30) }
sub held { my ($d, $what) = @_; return $crm->wait_for("SELECT state = 'held' AND reason = 'content' FROM linecrm.delivery_progress WHERE delivery_id = $d", $what, 30) }
sub asked { return $crm->sql("SELECT count(*) FROM linecrm_internal.request WHERE kind LIKE 'validate%'") }
sub messages { return scalar(my @all = $line->accepted) }
sub whole { is($crm->sql("SELECT count(*) FROM linecrm.check_integrity() WHERE NOT ok"), '0', "$_[0]: integrity"); return $crm->audit($_[0]) }

# Good content: nothing goes out before LINE has answered, then everything.
$line->fault('validate:kind=delay=1000:count=1');
my $good = deliver('{1-900}', text('good'));
$crm->wait_for("SELECT reason = 'validating' FROM linecrm.waiting WHERE delivery_id = $good", 'good: it waits and says so');
is(progress($good, 'state, reason, reason_ja, queued'), 'running|validating|内容の確認待ち|900', 'good: so does the progress');
is($crm->sql("SELECT seen FROM linecrm.explain($good, 1) WHERE step = 'delivery'"), 'running: validating', 'good: and explain');
is(messages(), 0, 'good: nobody got anything yet');
finished($good, 'good: finished');
is(progress($good, 'accepted, requests, reason'), '900|2|', 'good: everybody got it');
is($crm->sql("SELECT max(v.finished_at) < min(o.finished_at) FROM linecrm_internal.outcome v JOIN linecrm_internal.request r USING (slot, request_id),
	linecrm_internal.outcome o WHERE r.kind = 'validate_multicast' AND o.delivery_id = $good"), 't', 'good: after LINE had answered');
is(asked(), '1', 'good: one content, one question');
is($line->summary->{violations} ? join(',', grep { $_ } values %{ $line->summary->{violations} }) : '', '', 'good: no violation');
whole('good');

# One request is its own check, and so is a push.
my $single = deliver('{1-500}', text('single'));
finished($single, 'single: finished');
$crm->sql("SELECT linecrm.push(1, messages => " . text('push') . ")");
$crm->drain('push: sent');
is(asked(), '1', 'single, push: nothing was asked');
$line->clear_faults;

# LINE does not like it: held with its words, nobody got anything; resume asks again, and then each gets it once.
my $before = messages();
$line->fault('validate:kind=400_messages');
my $bad = deliver('{1-900}', text('bad'));
held($bad, 'refused: held');
like(progress($bad, 'detail'), qr/^LINE answered 400: .*messages\[/, "refused: with LINE's words and the property");
is($crm->sql("SELECT reason, friends, detail LIKE 'LINE answered 400: %' FROM linecrm.waiting WHERE delivery_id = $bad"), 'content|900|t', 'refused: it waits');
like($crm->sql("SELECT seen FROM linecrm.explain($bad, 1) WHERE step = 'delivery'"), qr/^held: content: LINE answered 400/, 'refused: explained');
is($crm->sql("SELECT linecrm.resume($bad)"), '900', 'refused: resumed');
held($bad, 'refused again: held again');
is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome WHERE delivery_id = $bad"), '0', 'refused: nothing was sent');
is(messages(), $before, 'refused: nobody got anything');
$line->clear_faults;
$crm->sql("SELECT linecrm.resume($bad)");
finished($bad, 'refused, resumed: finished');
is(progress($bad, 'accepted, named, requests'), '900|900|2', 'refused, resumed: all accepted');
is(messages(), $before + 900, 'refused, resumed: once');

# A message that our limits let pass and LINE does not: a label of twelve flags, each of two code points.
my $odd = deliver('{1-900}', q{linecrm.button_message('shop', VARIADIC ARRAY[repeat(U&'\+01F1EF\+01F1F5', 12)])});
held($odd, 'beyond our limits: held');
like(progress($odd, 'detail'), qr/LINE answered 400.*messages\[0\]/, 'beyond our limits: LINE says where');
$crm->sql("SELECT linecrm.cancel($odd)");
$crm->wait_for("SELECT finished_at IS NOT NULL FROM linecrm_internal.delivery_campaign WHERE delivery_id = $odd", 'held, then cancelled: closed');
is(progress($odd, 'state, cancelled'), 'cancelled|900', 'held, then cancelled: everybody');

# Cancelled while LINE does not answer; held by a person meanwhile; too late meanwhile.
$line->fault('validate:kind=503_before');
my $cancelled = deliver('{1-900}', text('cancelled'));
my $person = deliver('{1-901}', text('person'));
my $late = deliver('{1-902}', text('late'), not_after => "now() + interval '2 seconds'");
$crm->wait_for("SELECT count(*) = 3 FROM linecrm_internal.outbox_waiting WHERE reason = 'backoff'", '503: asked again later');
is($crm->sql("SELECT string_agg(DISTINCT reason, ',') FROM linecrm.waiting WHERE delivery_id IN ($cancelled, $person, $late)"), 'validating', '503: they wait');
is($crm->sql("SELECT linecrm.cancel($cancelled)"), '900', 'cancelled while validating');
is($crm->sql("SELECT linecrm.hold($person)"), '901', 'held while validating');
$crm->wait_for("SELECT finished_at IS NOT NULL FROM linecrm_internal.delivery_campaign WHERE delivery_id = $cancelled", 'cancelled: closed');
$crm->wait_for("SELECT expired = 902 FROM linecrm.delivery_progress WHERE delivery_id = $late", 'not_after: expired without an answer');
is(progress($cancelled, 'state, cancelled, accepted'), 'cancelled|900|0', 'cancelled: nobody got it');
$line->clear_faults;
$crm->wait_for("SELECT validating = '{}' FROM linecrm_internal.delivery_campaign WHERE delivery_id = $person", '503 is over: checked', 90);
is(progress($person, 'state, reason, accepted'), 'held|person|0', 'held by a person: and still held');
is($crm->sql("SELECT linecrm.resume($person)"), '901', 'resumed');
finished($person, 'resumed: finished');
is(progress($person, 'accepted'), '901', 'resumed: all accepted');

# No answer, errors, a token that LINE does not take: it starts later.
$line->fault('validate:kind=silence_before:count=1');
my $silent = deliver('{1-900}', text('silence'));
finished($silent, 'silence: finished');
$line->fault('validate:kind=500_before:count=2');
my $error = deliver('{1-900}', text('error'));
finished($error, '500: finished');
$line->fault('validate:kind=429_rate:count=2');
my $rate = deliver('{1-900}', text('rate'));
finished($rate, '429: finished');
$line->fault('validate:kind=401:count=1');
my $token = deliver('{1-900}', text('token'));
$crm->wait_for("SELECT held_reason = 'token' FROM linecrm.channel_status", '401: the channel is held');
is($crm->sql("SELECT string_agg(DISTINCT reason, ',') FROM linecrm.waiting WHERE delivery_id = $token"), 'token', '401: the delivery with it');
$crm->sql("SELECT linecrm.set_credential('main', 'access_token', 'sandbox-token')");
finished($token, '401, a new token: finished');
is($crm->sql("SELECT string_agg(DISTINCT accepted::text, ',') FROM linecrm.delivery_progress WHERE delivery_id IN ($silent, $error, $rate, $token)"), '900', 'all of them: accepted');

# The sender is killed while LINE checks.
$line->fault('validate:kind=delay=1500:count=1');
my $killed = deliver('{1-900}', text('killed'));
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outbox WHERE epoch IS NOT NULL", 'LINE is asked');
my $pid = $crm->pid_of('sender');
kill 'KILL', $pid;
$crm->node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)");
finished($killed, 'sender killed: finished');
is(progress($killed, 'accepted'), '900', 'sender killed: all accepted');

# In the undo window: checked at once, sent when the window ends.
my $large = deliver('{1-3000}', text('large'));
$crm->wait_for("SELECT d.validating = '{}' FROM linecrm_internal.delivery_campaign d WHERE delivery_id = $large AND clock_timestamp() < due_at", 'undo window: checked before it ends');
is(progress($large, 'state, accepted'), 'planned|0', 'undo window: nothing sent yet');
finished($large, 'undo window: finished');
is($crm->sql("SELECT min(o.finished_at) >= d.due_at FROM linecrm_internal.outcome o, linecrm_internal.delivery_campaign d
	WHERE o.delivery_id = $large AND d.delivery_id = $large GROUP BY d.due_at"), 't', 'undo window: sent after it');
$line->fault('validate:kind=delay=4000:count=1');
my $slow = deliver('{1-2999}', text('slow'));
$crm->wait_for("SELECT count(*) = 6 FROM linecrm_internal.outbox_waiting WHERE reason = 'validating' AND delivery_id = $slow", 'undo window: over, LINE has not answered');
is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome WHERE delivery_id = $slow"), '0', 'undo window: nothing sent');
finished($slow, 'undo window: LINE has answered, finished');

# Many contents: a bounded sample, the largest and those with most people among it; one of them is refused.
$crm->sql("SELECT linecrm.save_segment('many', 'SELECT f.friend_id, CASE WHEN f.friend_id <= 700 THEN ''all'' WHEN f.friend_id = 800 THEN repeat(''long'', 20) ELSE f.friend_id::text END AS word
	FROM linecrm.friend AS f WHERE f.friend_id <= 900')");
my $many = $crm->sql("SELECT linecrm.deliver(segment => 'many', messages => linecrm.text_message('many {{word}}'), at => now(), at_most => 900)");
finished($many, 'many contents: finished');
is(progress($many, 'accepted, contents, requests'), '900|201|202', 'many contents: all accepted');
is($crm->sql("SELECT count(*) FILTER (WHERE c.validated_at IS NOT NULL) <= 50, bool_or(words LIKE '%longlong%' AND c.validated_at IS NOT NULL), bool_or(words LIKE '%many all%' AND c.validated_at IS NOT NULL)
	FROM linecrm_internal.content c, convert_from(c.body, 'UTF8') AS words WHERE words LIKE '%many %'"), 't|t|t', 'many contents: a sample was checked');
$line->fault('validate:kind=400_messages:body=longlong');
my $one = $crm->sql("SELECT linecrm.deliver(segment => 'many', messages => linecrm.text_message('once more, many {{word}}'), at => now(), at_most => 900)");
held($one, 'one of many refused: held');
like(progress($one, 'detail'), qr/LINE answered 400.*, in what friend 800 would get$/, 'one of many refused: an example');
is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome WHERE delivery_id = $one"), '0', 'one of many refused: nobody got anything');
$line->clear_faults;
my $asked = asked();
$crm->wait_for("SELECT cardinality(validating) = 1 FROM linecrm_internal.delivery_campaign WHERE delivery_id = $one", 'one of many refused: the others passed');
$crm->sql("SELECT linecrm.resume($one)");
finished($one, 'one of many, resumed: finished');
is(asked() - $asked, 1, 'one of many, resumed: only that one was asked about again');

# The content was validated: a refusal that names nothing is about somebody in it. Not validated: nobody knows.
$line->fault('multicast:kind=400_plain:count=1');
my $split = deliver('{1-900}', text('split'));
finished($split, 'refused without a reason, validated: finished');
is($crm->sql("SELECT string_agg(DISTINCT format('%s/%s', outcome, reason), ', ') FROM linecrm_internal.outcome WHERE delivery_id = $split"), 'accepted/, split/recipient_refused', 'refused without a reason, validated: split');
is(progress($split, 'accepted'), '900', 'refused without a reason, validated: everybody got it');
$line->clear_faults;
$line->fault('multicast:kind=400_plain:count=1');
my $plain = deliver('{1-400}', text('plain'));
finished($plain, 'refused without a reason, not validated: finished');
is(progress($plain, 'rejected'), '400', 'refused without a reason, not validated: rejected');
$line->clear_faults;

# Refused only as it is sent: held; resume asks about the content first.
$line->fault('multicast:kind=400_messages:count=1');
my $sending = deliver('{1-900}', text('sending'));
held($sending, 'refused as it is sent: held');
$asked = asked();
$line->clear_faults;
$crm->sql("SELECT linecrm.resume($sending)");
finished($sending, 'refused as it is sent, resumed: finished');
is(asked() - $asked, 1, 'refused as it is sent, resumed: checked first');
is(progress($sending, 'accepted'), '900', 'refused as it is sent, resumed: all accepted');

$crm->drain('all is finished');
whole('validate');
$crm->node->stop('fast');
done_testing();
