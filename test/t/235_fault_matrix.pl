# Each kind of fault at the first, second and third attempt, for push and multicast, and of a reply; after all of it an
# exact account: what the sandbox accepted, for whom, how often, against what is written here.
#
# Each kind of fault strikes requests with its name in their text, so that those of one round run at the same time. At
# the attempts before the one in question LINE took the request and answered 500, or 503, so that there is something to
# double.
use strict;
use warnings;
use LineCrm;
use Test::More;
use Time::HiRes ();

my $crm = LineCrm->new(friends => 1000, sandbox => [ '--rate-limits', 'off' ],
	conf => "linecrm.request_timeout = 700ms\nlinecrm.storm_limit = 0\n");
my $line = $crm->line;

# Perhaps accepted: must be accepted once, whatever happened.
my @doubtful = qw(500_before 502_before 503_before 504_before silence_before reset_before early_answer
  500_after 502_after 503_after 504_after silence_after reset_after cut_body wrong_length slow_drip huge_body not_json empty_200
  409_without_header delay delay_before);
# A request without a key is always at its first attempt.
my %setting = ('429_rate' => '429_rate:count=3', delay => 'delay=900', delay_before => 'delay_before=900');
# Not looked at: again, and not an attempt.
my @later = qw(429_rate);
# Refused. At the first attempt nobody got it; later it says nothing about what may have been taken before.
my @refused = qw(400_plain 404 408 410 413 415 redirect);

my %case;
my $begun = Time::HiRes::time();
my ($somebody) = $line->friends(1);
my $n = 0;

sub run_round
{
	my ($attempt, @kinds) = @_;
	my @endpoints = (qw(push multicast), $attempt == 1 ? 'reply' : ());
	my $sql = '';
	# The body of what gets an early answer is not read: such a rule is for everything.
	$line->fault("*:attempt=$attempt" . ($_ eq 'early_answer' ? '' : ":body=($_)") . ":kind=" . ($setting{$_} // $_)) for @kinds;
	$line->fault("*:attempt=$_:kind=" . ($_ == 1 ? '500_after' : '503_before')) for 1 .. $attempt - 1;
	for my $kind (@kinds)
	{
		for my $endpoint (@endpoints)
		{
			# Without a key there is nothing that LINE could answer 409 to.
			next if $endpoint eq 'reply' && $kind =~ /^409/;
			my $words = sprintf 'case%04d', ++$n;
			my $text = "$words ($kind)";
			$case{$words} = { endpoint => $endpoint, fault => $kind, attempt => $attempt };
			if ($endpoint eq 'push') { $sql .= "SELECT test_push($n, '$text');\n" }
			elsif ($endpoint eq 'multicast') { $sql .= sprintf "SELECT test_multicast(%d, %d, '%s');\n", $n, $n + 4, $text }
			else
			{
				$line->reply_token("token $words", user_id => $somebody);
				$sql .= "SELECT test_reply('token $words', '$text');\n";
			}
		}
	}
	$crm->sql("BEGIN; $sql COMMIT;");
	$crm->drain("attempt $attempt, " . @kinds . ' kinds: finished', 30);
	# A channel that a fault held would hide the rest.
	is($crm->sql('SELECT count(*) FROM linecrm_internal.channel WHERE held_reason IS NOT NULL'), '0', 'nothing is held');
	$line->clear_faults;
	return;
}
my @early = grep { $_ eq 'early_answer' } @doubtful;
my @others = ((grep { $_ ne 'early_answer' } @doubtful), @later, @refused);
for my $attempt (1 .. 3)
{
	run_round($attempt, @others);
	run_round($attempt, @early);
}

# What the sandbox accepted, per case and person.
my %key_of = map { split /\|/ } split /\n/, $crm->sql(<<'SQL');
SELECT r.retry_key, substring(convert_from(c.body, 'UTF8') from 'case\d+')
FROM linecrm_internal.request r JOIN linecrm_internal.content c ON c.slot = r.content_slot AND c.content_id = r.content_id
WHERE r.retry_key IS NOT NULL
SQL
my %sha = map { split /\|/ } split /\n/, $crm->sql(<<'SQL');
SELECT encode(sha256(convert_to(substring(convert_from(body, 'UTF8') from '^\{"messages": (.*)\}$'), 'UTF8')), 'hex'), substring(convert_from(body, 'UTF8') from 'case\d+')
FROM linecrm_internal.content
SQL
my %got;
for my $row ($line->accepted)
{
	my $words = $sha{ $row->{content} } // $key_of{ $row->{key} // '' } // 'nobody knows';
	$got{$words}{ $row->{user} }++;
}
ok(!exists $got{'nobody knows'}, 'everything that was accepted belongs to a case');

my %here = map { my ($words, @rest) = split /\|/; ($words => \@rest) } split /\n/, $crm->sql(<<'SQL');
SELECT substring(convert_from(c.body, 'UTF8') from 'case\d+'), o.outcome, coalesce(o.reason, ''), o.attempts, o.friends
FROM linecrm_internal.outcome o JOIN linecrm_internal.request r USING (slot, request_id)
JOIN linecrm_internal.content c ON c.slot = r.content_slot AND c.content_id = r.content_id
WHERE o.outcome NOT IN ('split')
SQL

my %wrong;
my %checked;
for my $words (sort keys %case)
{
	my $c = $case{$words};
	my $people = $c->{endpoint} eq 'multicast' ? 5 : 1;
	my $copies = $got{$words} // {};
	my ($outcome, $reason, $attempts) = @{ $here{$words} // [ 'none', '', 0 ] };
	my $name = "$c->{endpoint}, $c->{fault} at attempt $c->{attempt}: here $outcome/$reason after $attempts, there " . keys(%$copies) . ' people';
	my $doubles = grep { $_ > 1 } values %$copies;
	my $refused = grep { $_ eq $c->{fault} } @refused;
	my $problem;
	$checked{ $c->{endpoint} }++;
	if ($doubles) { $problem = "$doubles people got it twice" }
	elsif ($outcome eq 'accepted') { $problem = 'a loss' if keys %$copies != $people }
	elsif ($outcome eq 'unknown')
	{
		# A person decides. Only where nothing else is known.
		$problem = 'unknown without need' if $c->{endpoint} ne 'reply' && !($refused && $c->{attempt} > 1);
	}
	elsif ($outcome eq 'rejected')
	{
		$problem = 'rejected, and somebody got it' if keys %$copies;
		$problem = 'rejected after a doubt' if $c->{attempt} > 1;
		$problem = 'rejected without a refusal' if !$refused;
	}
	else { $problem = 'no end' }
	CORE::push @{ $wrong{$problem} }, $name if defined $problem;
}
is(join("\n", map { my $p = $_; map { "$p: $_" } @{ $wrong{$p} } } sort keys %wrong), '', 'no loss, nobody twice, nothing given up without need');
is_deeply(\%checked, { push => 90, multicast => 90, reply => 29 }, 'all cases were looked at');
$crm->audit('fault matrix');
cmp_ok(Time::HiRes::time() - $begun, '<', 60, 'in less than a minute');
$crm->node->stop('fast');
done_testing();
