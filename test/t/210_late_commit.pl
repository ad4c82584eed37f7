# Outbox ids become visible in the order of commits, not in their own. Nothing may be passed over.
use strict;
use warnings;
use LineCrm;
use Test::More;

my $crm = LineCrm->new(friends => 200, conf => "linecrm.storm_limit = 0\n");
my $node = $crm->node;
$crm->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'linecrm sender'", 'the sender runs');

# Y takes its transaction id first, X takes the next one, draws the smaller outbox ids and stays open; Y draws larger ones,
# commits and is sent. At that moment the oldest running transaction is X, whose id is larger than Y's.
my $x = $node->background_psql('crm');
my $y = $node->background_psql('crm');
$y->query_safe('BEGIN; SELECT pg_current_xact_id()');
$x->query_safe("BEGIN; SELECT test_pushes(1, 3, 'from X')");
$y->query_safe("SELECT test_pushes(11, 3, 'from Y')");
$y->query_safe('COMMIT');
$crm->wait_for("SELECT count(*) = 3 FROM linecrm_internal.outcome WHERE outcome = 'accepted'", 'the later ids are sent');
# Other work, and time for the sender to believe that all is seen.
$crm->push(20, 'in between');
$crm->wait_for("SELECT count(*) = 4 FROM linecrm_internal.outcome WHERE outcome = 'accepted'", 'others too');
sleep 1;
$x->query_safe('COMMIT');
$crm->wait_for("SELECT count(*) = 7 FROM linecrm_internal.outcome WHERE outcome = 'accepted'", 'the smaller ids are sent after their commit');

# The same with a prepared transaction, whose commit tells the sender nothing.
$crm->sql("BEGIN; SELECT test_pushes(31, 3, 'prepared'); PREPARE TRANSACTION 'later'");
$crm->push(40, 'meanwhile');
$crm->wait_for("SELECT count(*) = 8 FROM linecrm_internal.outcome WHERE outcome = 'accepted'", 'another is sent meanwhile');
sleep 1;
$crm->sql("COMMIT PREPARED 'later'");
$crm->wait_for("SELECT count(*) = 11 FROM linecrm_internal.outcome WHERE outcome = 'accepted'", 'COMMIT PREPARED is found by looking');

# And when an unrelated older writer stays open all the time.
$x->query_safe('BEGIN; SELECT pg_current_xact_id()');
$crm->sql("BEGIN; SELECT test_pushes(51, 3, 'prepared'); PREPARE TRANSACTION 'later'");
$crm->push(60, 'meanwhile');
$crm->wait_for("SELECT count(*) = 12 FROM linecrm_internal.outcome WHERE outcome = 'accepted'", 'another is sent meanwhile');
$crm->sql("COMMIT PREPARED 'later'");
$crm->wait_for("SELECT count(*) = 15 FROM linecrm_internal.outcome WHERE outcome = 'accepted'", 'also while an old transaction stays open');
$x->query_safe('ROLLBACK');

# Many writers that commit in any order.
$node->append_conf('postgresql.conf', "log_statement = 'none'\n");
$node->reload;
$node->pgbench('-n -c 8 -j 2 -t 40 -d crm', 0, [qr/processed: 320\/320/], [qr/^$|^pgbench/], 'eight writers',
	{ '210_writer' => <<'SQL' });
\set f random(1, 200)
\set ms random(0, 20)
BEGIN;
SELECT test_push(:f, 'many');
\sleep :ms ms
SELECT test_push(:f, 'many');
COMMIT;
SQL
$crm->drain('all of them are sent');
is($crm->sql('SELECT test_outcomes()'), 'accepted: 655', 'every one of them');
$crm->audit('late commits');

# The sender says so itself: nothing is in flight, and when it last did something.
$crm->wait_for("SELECT in_flight = 0 AND active_at > started_at FROM linecrm.sender_status WHERE process = 'sender'", 'the sender is idle');
$x->quit;
$y->quit;
$node->stop('fast');
done_testing();
