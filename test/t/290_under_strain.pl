# The server in trouble while the sender works: a standby that is waited for and absent, a lock that lasts, no room on the
# disk when answers are to be recorded, a dump that holds the tables while the ring turns, a clock that steps.
use strict;
use warnings;
use IPC::Run ();
use LineCrm;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $crm = LineCrm->new(friends => 2000, sandbox => [ '--rate-limits', 'off' ]);
my $node = $crm->node;
my $line = $crm->line;
my $sender_runs = "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'linecrm sender' AND datname = 'crm'";
sub accepted { $crm->sql("SELECT count(*) FROM linecrm_internal.outcome WHERE outcome = 'accepted'") }
sub unknown { $crm->sql("SELECT count(*) FROM linecrm_internal.outcome WHERE outcome = 'unknown'") }
sub grown { return $crm->wait_for("SELECT count(*) = $_[0] FROM linecrm_internal.outcome WHERE outcome = 'accepted'", $_[1], $_[2] // 60) }

# Synchronous replication to a standby that does not exist: the sender does not wait for it, and a fast shutdown is fast.
$crm->wait_for($sender_runs, 'the sender runs');
$crm->sql("SELECT test_pushes(1, 100, 'before the standby went')");
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'\n");
$node->reload;
$crm->sql("SET synchronous_commit = local; SELECT test_pushes(101, 100, 'without the standby'); SELECT test_multicast(1, 2000, 'without the standby', 50)");
grown(240, 'an absent standby does not stop the sender');
$line->fault('push:kind=delay=800:count=40');
$crm->sql("SET synchronous_commit = local; SELECT test_pushes(301, 40, 'shutdown')");
$crm->wait_for("SELECT count(*) = 40 FROM linecrm_internal.outbox WHERE epoch IS NOT NULL", 'forty are in flight');
my $begun = time;
$node->stop('fast');
cmp_ok(time - $begun, '<', 8, 'a fast shutdown takes seconds all the same');
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$node->start;
$crm->drain('after that all is finished');
is(accepted(), '280', 'nothing is lost');
$crm->audit('absent standby');

# A lock on the outbox for much longer than any time-out, under load.
$line->clear_faults;
$line->fault('push:kind=delay=300:count=150');
$crm->sql("SELECT test_pushes(401, 300, 'lock')");
$crm->wait_for("SELECT count(*) > 50 FROM linecrm_internal.outbox WHERE epoch IS NOT NULL", 'many are in flight');
my $blocker = $node->background_psql('crm');
$blocker->query_safe('BEGIN; LOCK TABLE linecrm_internal.outbox IN ACCESS EXCLUSIVE MODE');
sleep($ENV{LINECRM_LOCK_SECONDS} // 12); # six lock time-outs, six times linecrm.request_timeout
$blocker->query_safe('ROLLBACK');
$blocker->quit;
$crm->drain('after the lock all is finished');
is(unknown(), '0', 'nothing is unknown');
is(accepted(), '580', 'nothing is lost');
$crm->audit('lock');

# No room when answers are recorded: the table of outcomes refuses as a full disk does.
# That cannot be had without a file system of its own, so a trigger says it.
$line->fault('push:kind=delay=300:count=50');
$crm->sql("CREATE FUNCTION public.no_room() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'could not extend file: No space left on device'; END \$\$;
	CREATE TRIGGER no_room BEFORE INSERT ON linecrm_internal.outcome_" . $crm->sql('SELECT linecrm_internal._month_slot(now())') . " FOR EACH ROW EXECUTE FUNCTION public.no_room()");
$crm->sql("SELECT test_pushes(801, 50, 'full')");
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal._worker_status() WHERE worker = 'sender' AND error LIKE '%No space left%'", 'the record fails and says so');
my $pid = $crm->pid_of('sender');
sleep 1;
$crm->sql('DROP FUNCTION public.no_room() CASCADE');
$crm->drain('with room again all is finished');
is($crm->pid_of('sender'), $pid, 'by the same process');
is(accepted(), '630', 'nothing is lost');
is($crm->sql("SELECT max(o.attempts) FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id) WHERE r.friend_id BETWEEN 801 AND 850 AND r.kind = 'push'"),
	'1', 'and nothing was sent a second time');
$crm->audit('disk full');
$line->clear_faults;

# A dump holds the tables: sending goes on, the ring does not wait for it, and turns when it is over.
my $dump = $node->background_psql('crm');
$dump->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE linecrm_internal.outbox, linecrm_internal.request, linecrm_internal.outcome IN ACCESS SHARE MODE; SELECT count(*) FROM linecrm_internal.outcome');
$crm->sql("BEGIN; SELECT test_pushes(901, 100, 'dump'); UPDATE linecrm_internal.outbox SET slot = (slot + 3) % 8; COMMIT");
grown(730, 'under a dump all is sent');
my $slot = $crm->sql('SELECT (linecrm_internal._hour_slot(now()) + 3) % 8');
$begun = time;
$crm->sql('SELECT linecrm_internal._rotate_turn()');
cmp_ok(time - $begun, '<', 2, 'the ring does not wait for the dump');
cmp_ok($crm->sql("SELECT pg_relation_size('linecrm_internal.outbox_$slot')"), '>', 0, 'and does not turn');
$dump->query_safe('COMMIT');
$dump->quit;
$crm->wait_for("SELECT linecrm_internal._rotate_turn() IS NOT NULL AND pg_relation_size('linecrm_internal.outbox_$slot') = 0", 'after it, it does');
my ($out, $err) = ('', '');
my $busy = IPC::Run::start([ 'pg_dump', '-f', '/dev/null', $node->connstr('crm') ], '>', \$out, '2>', \$err);
$crm->sql("SELECT test_pushes(1001, 200, 'real dump')");
$crm->sql('SELECT linecrm_internal._rotate_turn()');
ok($busy->finish, 'a real dump works while the sender does and the ring turns');
$crm->drain('and all is sent');
is(accepted(), '930', 'nothing is lost');
$crm->audit('dump');

# The clock. It is the machine's and stays; what it wrote is moved instead, which looks the same from the sender.
$line->fault('push:kind=500_after:count=10');
$crm->sql("SELECT test_pushes(1301, 10, 'clock')");
$crm->wait_for("SELECT count(*) > 0 FROM linecrm_internal.outbox_waiting WHERE ambiguous_since IS NOT NULL", 'some are in doubt');
$crm->sql("UPDATE linecrm_internal.outbox_waiting SET ambiguous_since = ambiguous_since + interval '1 day', due_at = clock_timestamp(); SELECT linecrm_internal._wake('sender')");
$line->clear_faults;
$crm->drain('a clock that went back a day: doubts that lie ahead are tried again');
is(unknown(), '0', 'and are known in the end');
$crm->sql("UPDATE linecrm_internal.installation SET heartbeat_at = clock_timestamp() + interval '1 day'");
$crm->sql("SELECT test_pushes(1401, 10, 'behind')");
$crm->drain('a heartbeat that lies ahead stops nothing');
is(accepted(), '950', 'nothing is lost');
$crm->audit('clock');
$node->stop('fast');
done_testing();
