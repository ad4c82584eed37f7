# A server with linecrm, a sandbox beside it, and a channel between them, for TAP tests of the workers.
#
#   my $crm = LineCrm->new(friends => 1000);                  sandbox => [args], conf => "lines", start => 0
#   $crm->sql('SELECT ...')                                   on database crm; $crm->node is a PostgreSQL::Test::Cluster
#   $crm->push($friend_id, 'text'), $crm->multicast(1, 500, 'text')    one committed request each, return request_id
#   $crm->drain                                               waits until nothing is queued but what is held
#   $crm->audit('name')                                       the sandbox's record equals the database's outcomes
#
# Requests are written by the functions below and not by linecrm.push and deliver: these tests are about what happens
# behind the queue.
package LineCrm;

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Sandbox;
use Test::More;
use Time::HiRes ();

my $token = 'sandbox-token';

sub new
{
	my ($class, %o) = @_;
	my $friends = $o{friends} // 1000;
	my $self = bless { db => $o{db} // 'crm', friends => $friends }, $class;
	$self->{line} = $o{line} // Sandbox->new(args => [ '--token', $token, '--friends', $friends, @{ $o{sandbox} // [] } ]);
	my $node = $self->{node} = PostgreSQL::Test::Cluster->new($o{name} // 'main');
	$node->init(allows_streaming => 1, %{ $o{init} // {} });
	$node->append_conf('postgresql.conf', conf($self, $node) . ($o{conf} // ''));
	$node->start;
	$self->create_database($self->{db}) unless $o{empty};
	return $self;
}

sub node { $_[0]{node} }
sub line { $_[0]{line} }

# The key under which credentials are sealed; the same on every node, so that a standby or a restored copy can open them.
sub key_file
{
	my $node = shift;
	my $path = $node->basedir . '/linecrm.key';
	append_to_file($path, ('0123456789abcdef' x 4) . "\n") unless -e $path;
	chmod 0600, $path;
	return $path;
}

sub conf
{
	my ($self, $node) = @_;
	my $key = key_file($node);
	my $url = $self->{line}->url;
	return <<"CONF";
shared_preload_libraries = 'linecrm'
max_worker_processes = 24
max_prepared_transactions = 10
max_connections = 60
log_min_messages = info
restart_after_crash = on
linecrm.api_base_url = '$url'
linecrm.api_data_base_url = '$url'
linecrm.allow_http = on
linecrm.key_file = '$key'
linecrm.request_timeout = 2s
linecrm.poll_interval = 200ms
CONF
}

# A database with the extension, one channel, and everybody that the sandbox knows as friend 1, 2, ...
sub create_database
{
	my ($self, $db, %o) = @_;
	my $node = $self->node;
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 ENCODING 'UTF8'");
	$node->safe_psql($db, 'CREATE EXTENSION linecrm');
	$self->add_channel($db, 'main', $token);
	my @ids = $self->line->friends($self->{friends});
	my $array = '{' . join(',', @ids) . '}';
	$node->safe_psql($db, "SELECT linecrm.import_friends('$array'::linecrm.line_user_id[])");
	$self->sql_to($db, test_functions());
	return $self;
}

sub add_channel
{
	my ($self, $db, $name, $secret) = @_;
	$self->node->safe_psql($db, "SELECT linecrm.save_channel('$name'); SELECT linecrm.set_credential('$name', 'access_token', '$secret');");
}

sub sql { $_[0]->node->safe_psql($_[0]{db}, $_[1]) }
sub sql_to { $_[0]->node->safe_psql($_[1], $_[2]) }

sub push { $_[0]->sql("SELECT test_push($_[1], '$_[2]')") }
sub multicast { $_[0]->sql("SELECT test_multicast($_[1], $_[2], '$_[3]')") }

# Waits until a query gives 't'; fails the test and tells what it gave after $seconds.
sub wait_for
{
	my ($self, $query, $what, $seconds) = @_;
	my $end = Time::HiRes::time() + ($seconds // $ENV{LINECRM_PATIENCE} // 60);
	my $got;
	while (Time::HiRes::time() < $end)
	{
		my ($code, $out) = $self->node->psql($self->{db}, $query);
		$got = $out // '';
		return pass($what) if $code == 0 && $got eq 't';
		Time::HiRes::sleep(0.05);
	}
	fail("$what (the query gives '$got')");
	diag($self->sql('SELECT * FROM linecrm_internal._worker_status()'));
	return 0;
}

sub drain
{
	my ($self, $what, $seconds) = @_;
	return $self->wait_for(
		"SELECT NOT EXISTS (SELECT FROM linecrm_internal.outbox) AND NOT EXISTS (SELECT FROM linecrm_internal.outbox_waiting WHERE due_at < 'infinity')",
		$what // 'the queue is drained', $seconds);
}

sub pid_of
{
	my ($self, $worker, $db) = @_;
	$db //= $self->{db};
	return $self->node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'linecrm $worker' AND datname = '$db'");
}

# Every accepted delivery of the sandbox belongs to a request that is accepted or unknown here, once; every request that
# is accepted here was accepted there, for as many people.
sub audit
{
	my ($self, $name) = @_;
	my (%there, $doubles);
	for my $row ($self->line->accepted)
	{
		my $key = $row->{key} // "request $row->{request_id}";
		$doubles .= " $key/$row->{user}" if $there{$key}{ $row->{user} }++;
	}
	is($doubles, undef, "$name: nobody got a request twice");
	my (%here, @lost, @ghosts);
	for my $line (split /\n/, $self->sql(<<'SQL'))
SELECT coalesce(r.retry_key::text, 'request ' || o.line_request_id), o.outcome, o.friends
FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id)
WHERE r.kind IN ('push', 'multicast', 'reply', 'broadcast', 'narrowcast')
SQL
	{
		my ($key, $outcome, $friends) = split /\|/, $line;
		$here{$key} = $outcome;
		CORE::push @lost, "$key ($friends)"
		  if $outcome eq 'accepted' && $friends > 0 && ($there{$key} ? keys %{ $there{$key} } : 0) != $friends;
	}
	is("@lost", '', "$name: what is accepted here was accepted there");
	@ghosts = grep { !defined $here{$_} || $here{$_} !~ /^(accepted|unknown)$/ } grep { !/^request / } keys %there;
	is("@ghosts", '', "$name: what was accepted there is accepted or unknown here");
	is($self->sql(<<'SQL'), '0', "$name: every request is queued or has an outcome, never both");
SELECT count(*) FROM linecrm_internal.request r
LEFT JOIN linecrm_internal.outcome o USING (slot, request_id)
LEFT JOIN linecrm_internal.outbox q ON q.request_slot = r.slot AND q.request_id = r.request_id
LEFT JOIN linecrm_internal.outbox_waiting w ON w.request_slot = r.slot AND w.request_id = r.request_id
WHERE (o.request_id IS NOT NULL)::int + (q.request_id IS NOT NULL)::int + (w.request_id IS NOT NULL)::int <> 1
SQL
	return;
}

sub test_functions
{
	return <<'SQL';
CREATE FUNCTION test_content(words text) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO linecrm_internal.content (slot, channel_id, body, digest)
	SELECT linecrm_internal._month_slot(now()), 1, b, sha256(b)
	FROM convert_to(jsonb_build_object('messages', jsonb_build_array(jsonb_build_object('type', 'text', 'text', words)))::text, 'UTF8') AS b
	RETURNING content_id
$$;
CREATE FUNCTION test_delivery(kind text, class text) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO linecrm_internal.delivery (slot, channel_id, kind, class, planned_at, created_by)
	SELECT CASE kind WHEN 'campaign' THEN -1 ELSE linecrm_internal._month_slot(now()) END, 1, kind, class, now(), current_user
	RETURNING delivery_id
$$;
-- n pushes to friends first, first + 1, ... as single sends
CREATE FUNCTION test_pushes(first bigint, n integer, words text, lane integer DEFAULT 1, channel bigint DEFAULT 1, due_at timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	month smallint := linecrm_internal._month_slot(now());
	body bigint := test_content(words);
	ids bigint[];
BEGIN
	WITH made AS (
		INSERT INTO linecrm_internal.request (slot, channel_id, kind, lane, content_slot, content_id, retry_key, friend_id, friends,
			delivery_slot, delivery_id)
		SELECT month, channel, 'push', lane, month, body, gen_random_uuid(), f, 1, month, test_delivery('push', 'transactional')
		FROM generate_series(first, first + n - 1) AS f RETURNING request_id)
	SELECT array_agg(request_id) INTO ids FROM made;
	PERFORM linecrm_internal._enqueue(month, ids, test_pushes.due_at);
	RETURN ids[1];
END $$;
CREATE FUNCTION test_push(friend bigint, words text) RETURNS bigint LANGUAGE sql AS $$ SELECT test_pushes(friend, 1, words) $$;
-- one campaign to friends first..last in requests of 500 (or size); returns the delivery
CREATE FUNCTION test_multicast(first bigint, last bigint, words text, size integer DEFAULT 500) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	month smallint := linecrm_internal._month_slot(now());
	body bigint := test_content(words);
	campaign bigint := test_delivery('campaign', 'marketing');
	ids bigint[];
BEGIN
	WITH made AS (
		INSERT INTO linecrm_internal.request (slot, channel_id, kind, lane, content_slot, content_id, retry_key, recipients,
			first_friend, last_friend, friends, delivery_slot, delivery_id)
		SELECT month, 1, 'multicast', 3, month, body, gen_random_uuid(), linecrm.friendset_agg(f), min(f), max(f), count(*), -1, campaign
		FROM generate_series(first, last) AS f GROUP BY (f - first) / size RETURNING request_id)
	SELECT array_agg(request_id) INTO ids FROM made;
	PERFORM linecrm_internal._enqueue(month, ids);
	RETURN campaign;
END $$;
CREATE FUNCTION test_reply(reply_token text, words text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	month smallint := linecrm_internal._month_slot(now());
	id bigint;
BEGIN
	INSERT INTO linecrm_internal.request (slot, channel_id, kind, lane, content_slot, content_id, friends, reply_token)
	VALUES (month, 1, 'reply', 0, month, test_content(words), 1, test_reply.reply_token) RETURNING request_id INTO id;
	PERFORM linecrm_internal._enqueue(month, ARRAY[id]);
	RETURN id;
END $$;
CREATE FUNCTION test_outcomes() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(line, ', ' ORDER BY line) FROM (
		SELECT format('%s%s: %s', outcome, '/' || reason, count(*)) AS line FROM linecrm_internal.outcome GROUP BY outcome, reason) AS lines
$$;
SQL
}

1;
