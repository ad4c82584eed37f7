# Trouble that is somebody else's: a channel whose requests all hang, a standby that is away, a clock that is put back.
use strict;
use warnings;
use LineCrm;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# The server's wall clock as a file says, so that the test may set it.
my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/clock.c", <<'C');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	static int (*real)(struct timeval *, void *);
	FILE *file = fopen(getenv("CLOCK_OFFSET_FILE"), "r");
	long offset = 0;
	if (real == NULL)
		real = dlsym(RTLD_NEXT, "gettimeofday");
	if (file != NULL)
	{
		if (fscanf(file, "%ld", &offset) != 1)
			offset = 0;
		fclose(file);
	}
	real(now, zone);
	now->tv_sec += offset;
	return 0;
}
C
my $clock = system("cc -shared -fPIC -o $dir/clock.so $dir/clock.c -ldl 2>/dev/null") == 0;
sub set_clock { open(my $f, '>', "$dir/offset.new") or die; print $f "$_[0]\n"; close $f; rename "$dir/offset.new", "$dir/offset" or die }
set_clock(0);
$ENV{CLOCK_OFFSET_FILE} = "$dir/offset";
$ENV{LD_PRELOAD} = "$dir/clock.so" if $clock;

my $crm = LineCrm->new(friends => 1000, sandbox => [ '--token', 'other=other-token', '--rate-limits', 'off' ],
	conf => "linecrm.request_timeout = 10s\nlinecrm.max_in_flight = 64\n");
delete $ENV{LD_PRELOAD};
my ($node, $line) = ($crm->node, $crm->line);
$crm->add_channel('crm', 'other', 'other-token');
$crm->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'linecrm sender'", 'the sender runs');

sub seconds_for
{
	my ($friend, $channel) = @_;
	my $begun = time;
	$crm->sql("SELECT test_pushes($friend, 1, 'quick', channel => $channel)");
	$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id)
		WHERE friend_id = $friend AND r.channel_id = $channel AND outcome = 'accepted'", "push to $friend is accepted");
	return time - $begun;
}

# One channel's pushes all hang, more of them than there is room for. Another channel's push passes.
$line->fault('push:kind=silence_before:channel=main');
$crm->sql("SELECT test_pushes(1, 300, 'hangs')");
$crm->wait_for("SELECT count(*) > 40 FROM linecrm_internal.outbox WHERE lease_until IS NOT NULL", 'the room is nearly full of what hangs');
sleep 1;
cmp_ok(seconds_for(900 + $_, 2), '<', 3, 'a push of another channel does not wait for it') for 1 .. 3;
$line->clear_faults;
$crm->sql("UPDATE linecrm_internal.delivery SET cancelled_at = now() WHERE delivery_id IN (SELECT delivery_id FROM linecrm_internal.request WHERE friend_id <= 300);
	SELECT linecrm_internal._wake('sender')");
$crm->drain('the rest is cancelled');

# Nobody confirms commits. What is in the queue is sent all the same, and a shutdown takes seconds.
my $pid = $crm->pid_of('sender');
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'\n");
$node->reload;
$line->fault('push:kind=503_before:count=5');
$node->safe_psql('crm', "SET synchronous_commit = local; SELECT test_pushes(310, 10, 'alone')");
$node->safe_psql('crm', "SET synchronous_commit = local; SELECT test_pushes(330, 3, 'alone and later', due_at => clock_timestamp() + interval '1 s')");
$crm->drain('no standby confirms: all is sent');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
$crm->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'linecrm sender' AND pid <> $pid", 'a new sender comes up');
$node->safe_psql('crm', "SET synchronous_commit = local; SELECT test_pushes(340, 3, 'alone with a new one')");
$crm->drain('and sends too');
my $begun = time;
$node->safe_psql('postgres', "ALTER SYSTEM RESET synchronous_standby_names");
$node->stop('fast');
cmp_ok(time - $begun, '<', 6, 'a fast shutdown does not wait for a standby');
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$ENV{LD_PRELOAD} = "$dir/clock.so" if $clock;
$node->start;
delete $ENV{LD_PRELOAD};

SKIP:
{
	skip 'no C compiler', 7 unless $clock;
	# Two hours back, with requests in flight, in back-off and throttled: nothing stands still for two hours.
	$line->fault('push:kind=silence_before:count=3:body=clock');
	$line->fault('push:kind=429_rate:count=3:body=clock');
	$crm->sql("SELECT test_pushes(400, 40, 'clock')");
	$crm->wait_for("SELECT count(*) >= 3 FROM linecrm_internal.outbox WHERE lease_until IS NOT NULL", 'requests are in flight');
	sleep 0.3;
	set_clock(-7200);
	cmp_ok(seconds_for(500, 1), '<', 6, 'a clock put back two hours does not delay the next push');
	$crm->drain('what hung, backed off or was throttled does not wait for two hours', 40);
	is($crm->sql("SELECT count(*) FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id)
		WHERE friend_id BETWEEN 400 AND 439 AND outcome = 'accepted'"), '40', 'all of it is sent');
	set_clock(0);
	$crm->wait_for("SELECT count(*) = 0 FROM linecrm_internal.outbox_waiting", 'put right again');
	$begun = time;
	set_clock(-7200);
	sleep 0.5;
	$node->safe_psql('postgres', 'CREATE DATABASE other_base TEMPLATE template0');
	my ($code) = $node->psql('postgres', 'CREATE DATABASE copy TEMPLATE crm');
	is($code, 0, 'the workers still step aside for others');
	set_clock(0);
}
$crm->audit('neighbours');
$node->stop('fast');
done_testing();
