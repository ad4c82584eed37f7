# Six receivers bring overlapping webhooks in different orders while the clerk and people work on them, and the clerk and a
# receiver are killed: every event is stored once, as its own bytes, and worked on once. And the clerk comes back to a channel that
# was taken when it was woken.
use strict;
use warnings;
use LineCrm;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $crm = LineCrm->new(friends => 1);
my $node = $crm->node;
$crm->sql(<<'SQL');
SELECT linecrm.set_credential('main', 'channel_secret', '8c570fa6dd201bb328f1c1eac23a96d8');
SELECT linecrm.save_tag('any', on_postback => ARRAY['%']);
CREATE FUNCTION pad(key bytea, fill integer) RETURNS bytea LANGUAGE sql AS $$
	SELECT string_agg(set_byte('\x00', 0, CASE WHEN i < length(key) THEN get_byte(key, i) ELSE 0 END # fill), NULL ORDER BY i)
	FROM generate_series(0, 63) AS i $$;
CREATE FUNCTION sign(body bytea) RETURNS text LANGUAGE sql AS $$
	SELECT encode(sha256(pad('8c570fa6dd201bb328f1c1eac23a96d8', 92) || sha256(pad('8c570fa6dd201bb328f1c1eac23a96d8', 54) || body)), 'base64') $$;
-- who did what and when: 40 people, as many strangers in groups, in an order that is not that of time
CREATE TABLE story AS
SELECT nth, kind, in_group, user_id, at, format('{"type":"%s","source":{"type":"%s","groupId":"C%s","userId":"%s"},"timestamp":%s,"webhookEventId":"story %s","postback":{"data":"\u0000%s"}}',
	kind, CASE WHEN in_group THEN 'group' ELSE 'user' END, repeat('0', 32), user_id, floor(extract(epoch FROM at) * 1000), nth, nth) AS event
FROM (SELECT nth, (ARRAY['follow', 'unfollow', 'message', 'postback', 'beacon', 'newThing'])[1 + nth * 5 % 6] AS kind, nth % 9 = 0 AS in_group,
		'U' || lpad((nth % 40 + CASE WHEN nth % 9 = 0 THEN 100 ELSE 0 END)::text, 32, '0') AS user_id,
		date_trunc('second', now()) - interval '1 second' * (nth * 7919 % 3600) AS at
	FROM generate_series(1, 3000) AS nth) AS s;
-- 300 webhooks, each with ten events of its own and up to twenty that others bring too
CREATE TABLE post AS SELECT b.nth, b.body, sign(b.body) AS signature
FROM (SELECT p.nth, convert_to('{"events":[' || string_agg(s.event, ',' ORDER BY (s.nth * 31 + p.nth) % 101) || ']}', 'UTF8') AS body
	FROM generate_series(0, 299) AS p (nth) JOIN story s ON (s.nth - 1) / 10 = p.nth OR (s.nth + p.nth) % 150 = 7 GROUP BY p.nth) AS b;
ALTER TABLE post ADD PRIMARY KEY (nth);
SQL

# What the answers of a server say that was shut down or is starting is no failure: LINE would redeliver.
sub call
{
	my $sql = shift;
	for (1 .. 600)
	{
		my ($code, $out, $error) = $node->psql('crm', $sql);
		return 1 if $code == 0 && $out =~ /^(t|\d+)$/;
		print STDERR "$out $error\n" and POSIX::_exit(1) if $code == 0 || $error !~ /server closed|starting up|recovery|shutting down|terminating|could not connect|connection to server/;
		sleep 0.1;
	}
	POSIX::_exit(2);
}

# Until the first of them is killed, nobody gets further than this.
my $blocker = $node->background_psql('crm');
$blocker->query_safe('BEGIN');
$blocker->query_safe('LOCK TABLE linecrm_internal.inbox_waiting IN SHARE MODE');

my @children;
for my $receiver (0 .. 5)
{
	my $pid = fork;
	if (!$pid)
	{
		# each brings two thirds of the webhooks, ten in a call, in an order of its own
		for my $part (0 .. 19)
		{
			call("SELECT bool_and(r.status = 200) FROM (
					SELECT array_agg('main'::text) AS channels, array_agg(body ORDER BY o) AS bodies, array_agg(signature ORDER BY o) AS signatures
					FROM (SELECT body, signature, (nth * (7 + $receiver) + 13) % 301 AS o FROM post WHERE nth % 3 <> $receiver % 3 AND nth / 3 % 20 = $part) AS p) AS p,
				linecrm.receive_webhooks(p.channels, p.bodies, p.signatures) AS r");
			call('SELECT linecrm.process_inbox(50)') if $receiver < 2 && $part % 4 == 0;
		}
		POSIX::_exit(0);
	}
	push @children, $pid;
}

sub kill_one
{
	my ($who, $condition) = @_;
	my $query = "SELECT pid FROM pg_stat_activity WHERE datname = 'crm' AND $condition LIMIT 1";
	$node->poll_query_until('postgres', "SELECT EXISTS ($query)");
	my $pid = $node->safe_psql('postgres', $query);
	ok(kill('KILL', $pid), "$who is killed");
	$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)");
}
kill_one('a receiver in the middle', "backend_type = 'client backend' AND query LIKE '%receive_webhooks%' AND wait_event_type = 'Lock'");
eval { $blocker->quit };
kill_one('the clerk', "backend_type = 'linecrm clerk'");
my $failed = 0;
for my $pid (@children) { waitpid($pid, 0); $failed++ if $? != 0; }
is($failed, 0, 'every receiver was answered');
$crm->wait_for('SELECT NOT EXISTS (SELECT FROM linecrm_internal.inbox_waiting)', 'all is worked on');

is($crm->sql('SELECT count(*), count(DISTINCT webhook_event_id) FROM linecrm_internal.inbox'), '3000|3000', 'every event is stored once');
is($crm->sql("SELECT count(*) FROM linecrm_internal.inbox i JOIN story s ON i.webhook_event_id = 'story ' || s.nth AND i.raw = convert_to(s.event, 'UTF8') AND i.event_at = s.at"),
	'3000', 'as its own bytes, at its own time');
is($crm->sql('SELECT count(*) FROM linecrm_internal.inbox_error'), '0', 'none failed');
is($crm->sql(<<'SQL'), '40|40', 'people are what their events say, and strangers in groups are nobody');
SELECT count(*), count(*) FILTER (WHERE (f.status, f.followed_at, f.blocked_at, f.last_message_at) IS NOT DISTINCT FROM (s.status, s.followed_at, s.blocked_at, s.wrote_at))
FROM (SELECT * FROM linecrm_internal.friend WHERE origin = 'webhook') AS f FULL JOIN (
	SELECT user_id, followed_at, blocked_at, wrote_at, CASE WHEN blocked_at >= greatest(followed_at, wrote_at) THEN 'blocked' ELSE 'following' END AS status
	FROM (SELECT user_id, max(at) FILTER (WHERE kind = 'follow') AS followed_at, max(at) FILTER (WHERE kind = 'unfollow') AS blocked_at,
			max(at) FILTER (WHERE kind IN ('message', 'postback')) AS wrote_at
		FROM story WHERE NOT in_group GROUP BY user_id) AS latest) AS s ON s.user_id = f.user_id::text
SQL
is($crm->sql("SELECT count(*), count(DISTINCT webhook_event_id), (SELECT count(*) FROM story WHERE kind = 'postback' AND NOT in_group)
	FROM linecrm_internal.tap WHERE data LIKE U&'\\FFFD%'"), $crm->sql("SELECT count(*), count(*), count(*) FROM story WHERE kind = 'postback' AND NOT in_group"), 'one tap for each postback');
is($crm->sql('SELECT count(*) FROM linecrm.check_integrity() WHERE NOT ok'), '0', 'integrity');

# A channel that is taken when the clerk is woken: nobody tells it when the other one rolls back.
$crm->sql("CREATE TABLE late AS SELECT body, sign(body) AS signature FROM (SELECT convert_to('{\"events\":[{\"webhookEventId\":\"late\"}]}', 'UTF8') AS body) AS b");
my $other = $node->background_psql('crm');
$other->query_safe('BEGIN');
$other->query_safe('SELECT linecrm.process_inbox()');
$crm->sql("SELECT linecrm.receive_webhook('main', body, signature) FROM late");
sleep 0.5;
is($crm->sql('SELECT count(*) FROM linecrm_internal.inbox_waiting'), '1', 'a person holds the channel, the event waits');
$other->query_safe('ROLLBACK');
$crm->wait_for('SELECT NOT EXISTS (SELECT FROM linecrm_internal.inbox_waiting)', 'then the clerk takes it', 20);
$other->quit;

$node->stop;
done_testing();
