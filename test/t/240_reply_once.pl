# A reply has no retry key. Its connection dies after LINE read the whole body: the bytes must not leave a second time,
# neither by curl on a new connection nor by the sender, and its end is unknown.
use strict;
use warnings;
use IO::Socket::INET;
use LineCrm;
use PostgreSQL::Test::Utils;
use Test::More;

# A platform that answers the first request of each connection and hangs up on the second, having read it. It writes
# down the path of everything it read whole.
package DyingLine;
sub new
{
	my ($class, $record) = @_;
	my $listener = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die $@;
	my $self = bless { port => $listener->sockport, record => $record }, $class;
	$self->{pid} = fork() // die;
	return $self if $self->{pid};
	$SIG{CHLD} = 'IGNORE';
	while (my $connection = $listener->accept)
	{
		next if fork();
		serve($connection, $record);
		POSIX::_exit(0);
	}
	POSIX::_exit(0);
}
sub serve
{
	my ($connection, $record) = @_;
	for my $turn (1, 2)
	{
		my $path = read_request($connection) // return;
		open(my $out, '>>', $record) or die;
		syswrite($out, "$path\n");
		close($out);
		return if $turn == 2;
		my $body = '{"sentMessages":[{"id":"1"}]}';
		print $connection "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Line-Request-Id: r\r\nContent-Length: "
		  . length($body) . "\r\n\r\n$body";
		$connection->flush;
	}
}
sub read_request
{
	my $connection = shift;
	my ($path, $length) = (undef, 0);
	while (my $line = <$connection>)
	{
		$path //= (split ' ', $line)[1];
		$length = $1 if $line =~ /^content-length:\s*(\d+)/i;
		last if $line =~ /^\r?\n$/;
	}
	return undef unless defined $path;
	read($connection, my $body, $length) if $length;
	return $path;
}
sub url { "http://127.0.0.1:$_[0]{port}" }
sub friends { map { sprintf 'U%032x', $_ } 1 .. $_[1] }
sub paths { open(my $in, '<', $_[0]{record}) or return (); my @lines = <$in>; chomp @lines; return @lines }
sub stop { kill 'KILL', $_[0]{pid} }

package main;
use POSIX ();

my $line = DyingLine->new(PostgreSQL::Test::Utils::tempdir() . '/read');
my $crm = LineCrm->new(friends => 10, line => $line, conf => "linecrm.max_in_flight = 1\n");

# The first goes out over a new connection, which is kept; the reply is the second on it.
$crm->push(1, 'opens the connection');
$crm->wait_for(q{SELECT count(*) = 1 FROM linecrm_internal.outcome WHERE outcome = 'accepted'}, 'the connection is open and kept');
my $reply = $crm->sql(q{SELECT test_reply('token', 'only once')});
$crm->wait_for("SELECT count(*) = 1 FROM linecrm_internal.outcome WHERE request_id = $reply", 'the reply has an end');
is($crm->sql("SELECT outcome FROM linecrm_internal.outcome WHERE request_id = $reply"), 'unknown', 'which is unknown');
is(scalar(grep { m{/reply$} } $line->paths), 1, 'and its bytes left once');

$crm->node->stop('immediate');
$line->stop;
done_testing();
