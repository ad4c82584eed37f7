# Extensions, databases and servers come and go.
use strict;
use warnings;
use LineCrm;
use Test::More;
use Time::HiRes qw(time);

my $crm = LineCrm->new(friends => 100);
my $node = $crm->node;
my $workers = sub { "SELECT count(*) = $_[1] FROM pg_stat_activity WHERE datname = '$_[0]' AND backend_type LIKE 'linecrm %'" };

# Two databases at once, each with a queue of its own.
$crm->create_database('second');
$crm->wait_for($workers->('crm', 3), 'the first database has its workers');
$crm->wait_for($workers->('second', 3), 'the second has its own');
$crm->sql("SELECT test_pushes(1, 50, 'first')");
$crm->sql_to('second', "SELECT test_pushes(1, 50, 'second')");
$crm->drain('the first is drained');
is($node->poll_query_until('second', "SELECT count(*) = 50 FROM linecrm_internal.outcome WHERE outcome = 'accepted'"), 1, 'the second is drained');

# A rolled back CREATE EXTENSION, a real one, DROP, and CREATE again.
$node->safe_psql('postgres', "CREATE DATABASE third TEMPLATE template0 ENCODING 'UTF8'");
$node->safe_psql('third', 'BEGIN; CREATE EXTENSION linecrm; ROLLBACK');
$node->safe_psql('third', 'CREATE EXTENSION linecrm');
$crm->wait_for($workers->('third', 3), 'CREATE EXTENSION brings workers');
$node->safe_psql('third', 'BEGIN; DROP EXTENSION linecrm CASCADE; ROLLBACK');
sleep 1;
$crm->wait_for($workers->('third', 3), 'a rolled back DROP EXTENSION does not end them for long');
my $begun = time;
$node->safe_psql('third', 'DROP EXTENSION linecrm CASCADE');
cmp_ok(time - $begun, '<', 5, 'DROP EXTENSION does not wait for workers');
$crm->wait_for($workers->('third', 0), 'DROP EXTENSION sends them home');
$node->safe_psql('third', 'CREATE EXTENSION linecrm');
$crm->wait_for($workers->('third', 3), 'CREATE EXTENSION brings them back');

# As a template, renamed, dropped: the workers step aside.
$crm->create_database('fourth');
$crm->wait_for($workers->('fourth', 3), 'a fourth database has workers');
for my $try (1 .. 3)
{
	my ($code, undef, $err) = $node->psql('postgres', 'CREATE DATABASE copy TEMPLATE fourth');
	last if $code == 0;
	diag("copy, try $try: $err");
}
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'copy'"), '1', 'a database with workers can be copied');
$crm->wait_for($workers->('fourth', 3), 'after that its workers are back');
$node->safe_psql('postgres', 'ALTER DATABASE fourth RENAME TO renamed');
$crm->wait_for($workers->('renamed', 3), 'a renamed database has its workers');
$node->safe_psql('postgres', 'DROP DATABASE renamed');
pass('DROP DATABASE works while workers run');
$node->safe_psql('postgres', 'DROP DATABASE third WITH (FORCE)');
pass('and WITH (FORCE)');
$node->safe_psql('postgres', 'DROP DATABASE copy');
$crm->wait_for("SELECT count(DISTINCT database) = 2 FROM linecrm_internal._worker_status()", 'their places are free');

# linecrm.databases names those to work on; one that does not exist is skipped.
$node->append_conf('postgresql.conf', "linecrm.databases = 'crm, nowhere'\n");
$node->reload;
$crm->wait_for($workers->('second', 0), 'a database that is not named has no workers');
$crm->wait_for($workers->('crm', 3), 'one that is named has');
$node->append_conf('postgresql.conf', "linecrm.databases = ''\n");
$node->reload;
$crm->wait_for($workers->('second', 3), 'empty means all');

# Terminated workers come back; one process a kind.
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'linecrm %'");
$crm->wait_for("SELECT count(*) = 7 FROM pg_stat_activity WHERE backend_type LIKE 'linecrm %' AND backend_type <> 'linecrm prober'", 'all terminated: all come back');

# No free worker slot: a warning, and the rest works.
$node->append_conf('postgresql.conf', "max_worker_processes = 6\n");
$node->restart;
$crm->wait_for("SELECT count(*) >= 4 FROM pg_stat_activity WHERE backend_type LIKE 'linecrm %'", 'too few worker slots: those that fit run');
ok($node->log_contains('no free background worker slot'), 'and the log says which setting to raise');
$node->append_conf('postgresql.conf', "max_worker_processes = 24\n");

# A fast shutdown with requests in flight ends quickly.
$node->restart;
$crm->wait_for($workers->('crm', 3), 'restarted');
$crm->line->fault('push:kind=delay:ms=1500:count=20');
$crm->sql("SELECT test_pushes(1, 20, 'shutdown')");
$crm->wait_for("SELECT count(*) = 20 FROM linecrm_internal.outbox WHERE epoch IS NOT NULL", 'twenty are in flight');
$begun = time;
$node->stop('fast');
cmp_ok(time - $begun, '<', 5, 'a fast shutdown takes seconds');
$node->start;
$crm->drain('after that all is finished');
is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome WHERE outcome = 'accepted'"), '70', 'and accepted');

# Without preload the functions work and nothing crashes.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
$crm->push(3, 'nobody sends this');
is($crm->sql('SELECT count(*) FROM linecrm_internal._worker_status()'), '0', 'without preload there are no workers');
is($crm->sql('SELECT count(*) FROM linecrm_internal.outbox'), '1', 'and the queue keeps what is put into it');
$node->stop('fast');
done_testing();
