# A queue belongs to one server and database. Restored, copied or left alone for hours, it is not sent until a person says so.
use strict;
use warnings;
use LineCrm;
use PostgreSQL::Test::Utils;
use Test::More;

my $crm = LineCrm->new(friends => 100);
my $node = $crm->node;

# Yesterday's queue: some held back, so that it is unfinished when the dump is made.
$crm->push(1, 'sent here');
$crm->drain('the first server sends');
$crm->line->fault('push:kind=503_before');
$crm->sql("SELECT test_pushes(10, 20, 'in the dump'); SELECT test_pushes(40, 5, 'scheduled', due_at => now() + interval '3 s')");
my $dump = $node->basedir . '/crm.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('crm') ], 'a dump is made with an unfinished queue');
$crm->line->clear_faults;
$crm->drain('the first server sends the rest');
my $accepted = scalar $crm->line->accepted;
is($accepted, 26, 'all of it');

# Another server gets the dump, workers running while it is restored.
my $other = PostgreSQL::Test::Cluster->new('other');
$other->init;
$other->append_conf('postgresql.conf', $crm->conf($other));
$other->start;
$other->safe_psql('postgres', "CREATE DATABASE crm TEMPLATE template0 ENCODING 'UTF8'");
$other->command_ok([ 'pg_restore', '-j', '2', '-d', $other->connstr('crm'), $dump ], 'the dump is restored on another server');
my $there = bless { %$crm, node => $other }, 'LineCrm';
$there->wait_for("SELECT count(*) = 3 FROM pg_stat_activity WHERE datname = 'crm' AND backend_type LIKE 'linecrm %'", 'its workers run');
$there->wait_for("SELECT count(*) > 0 FROM linecrm_internal.outbox UNION ALL SELECT count(*) > 0 FROM linecrm_internal.outbox_waiting ORDER BY 1 DESC LIMIT 1", 'its queue is the old one');
is($there->sql("SELECT coalesce(sum(requests), 0) FROM linecrm_internal._worker_status()"), '0', 'nothing was sent while it was restored');
$other->restart;
$there->wait_for("SELECT bool_and(held_reason = 'installation' AND held_detail LIKE '%another server%') FROM linecrm_internal.channel",
	'its channel is held, because it is another server');
$there->push(2, 'new on the copy');
sleep 2;
is(scalar $crm->line->accepted, $accepted, 'nobody got anything from the copy');
is($there->sql("SELECT coalesce(sum(requests), 0) FROM linecrm_internal._worker_status()"), '0', 'it did not even ask');
is($there->sql('SELECT count(*) FROM linecrm_internal.outcome'), '1', 'and has no outcome but the one in the dump');
is($there->sql("SELECT ok FROM linecrm.doctor() WHERE item = 'installation'"), 'f', 'the doctor says so');

# A person decides.
my ($code, undef, $error) = $other->psql('crm', "SELECT linecrm.adopt_database(queue => 'maybe')");
like($error, qr/queue is send or cancel/, 'not anyhow');
$there->sql("SELECT linecrm.adopt_database(queue => 'cancel')");
is($there->sql("SELECT count(*) FROM linecrm_internal.outcome WHERE reason = 'adopted' AND outcome IN ('cancelled', 'unknown')"), '26', 'the old queue is given up');
$there->push(3, 'after adoption');
$there->drain('the copy sends from now on');
is(scalar $crm->line->accepted, $accepted + 1, 'what is new');

# Hours without a heartbeat, and something unfinished: asked again. Without anything unfinished: not.
$other->safe_psql('crm', "UPDATE linecrm_internal.installation SET heartbeat_at = now() - interval '5 hours'");
$other->restart;
$there->push(4, 'after a quiet night');
$there->drain('a long stop with an empty queue is no reason');
$crm->line->fault('push:kind=503_before');
$there->push(5, 'left over');
$there->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outbox_waiting", 'something is left over');
$other->stop('immediate');
$crm->line->clear_faults;
$other->append_conf('postgresql.conf', "linecrm.databases = 'nowhere'\n");
$other->start;
$other->safe_psql('crm', "UPDATE linecrm_internal.installation SET heartbeat_at = now() - interval '5 hours'");
$other->append_conf('postgresql.conf', "linecrm.databases = ''\n");
$other->reload;
$there->wait_for("SELECT bool_and(held_reason = 'installation') FROM linecrm_internal.channel", 'hours later with something left over: held');
$there->sql("SELECT linecrm.adopt_database(queue => 'send')");
$there->drain('adopted to send: sent');

# Failover: a standby that is promoted goes on by itself.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'linecrm %'"), '0', 'no worker runs on a standby');
$crm->line->fault('push:kind=503_before');
$crm->sql("SELECT test_pushes(50, 10, 'failover')");
$node->wait_for_catchup($standby);
$node->stop('immediate');
$crm->line->clear_faults;
$standby->promote;
my $new = bless { %$crm, node => $standby }, 'LineCrm';
$new->drain('the promoted standby sends what was left');
$new->wait_for("SELECT count(*) = 10 FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE friend_id BETWEEN 50 AND 59 AND outcome = 'accepted'", 'all of it');
my %seen;
is(scalar(grep { $seen{"$_->{key} $_->{user}"}++ } $crm->line->accepted), 0, 'nobody got anything twice');
$standby->stop('fast');
$other->stop('fast');
done_testing();
