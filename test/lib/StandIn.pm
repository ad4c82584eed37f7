# A second, much smaller stand-in for the Messaging API: raw sockets and the bytes that a test wants. It shares nothing
# with the sandbox but the vendor's documents, so that an error common to sandbox and sender shows.
#
#   my $line = StandIn->new(sub { my ($r) = @_; ... });    runs in a process per connection; returns what to send:
#       $r: {path, key, body, to => [...], text, nth (of this key, from 1), count (on this connection), state => {}}
#       accept => 1      LINE takes it (once per key: otherwise the answer is 409)
#       bytes => '...'   sent as they are, instead of the answer
#       then => 'close', 'reset', 'silence'
#   $line->url, $line->seen      one hash per request that was read: key, sha, text, to, accepted
package StandIn;

use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Fcntl qw(:flock);
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);

my $json = JSON::PP->new->utf8->canonical;

sub new
{
	my ($class, $handler) = @_;
	my $listener = IO::Socket::INET->new(Listen => 256, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "listen: $!";
	my $self = bless { handler => $handler, port => $listener->sockport, owner => $$,
		dir => File::Temp->newdir('linecrm-standin-XXXXXX', TMPDIR => 1) }, $class;
	$self->{log} = "$self->{dir}/log";
	$self->{pid} = fork() // die "fork: $!";
	return $self if $self->{pid};
	setpgrp(0, 0);
	$SIG{CHLD} = 'IGNORE';
	$SIG{PIPE} = 'IGNORE';
	while (my $client = $listener->accept)
	{
		next if fork();
		eval { $self->serve($client) };
		POSIX::_exit(0);
	}
	POSIX::_exit(0);
}

sub url { "http://127.0.0.1:$_[0]{port}" }

sub seen
{
	my $self = shift;
	open(my $log, '<', $self->{log}) or return ();
	return map { $json->decode($_) } <$log>;
}

sub DESTROY
{
	my $self = shift;
	local ($?, $!);
	return if $self->{owner} != $$;
	kill 'KILL', -$self->{pid}, $self->{pid};
	waitpid $self->{pid}, 0;
}

sub answer
{
	my ($status, $body, @headers) = @_;
	return join("\r\n", "HTTP/1.1 $status Word", 'Content-Type: application/json', @headers, 'Content-Length: ' . length $body, '', $body);
}

sub serve
{
	my ($self, $client) = @_;
	my ($buffer, $count, %state) = ('', 0);
	while (1)
	{
		until ($buffer =~ /\r\n\r\n/) { sysread($client, $buffer, 65536, length $buffer) or return }
		my ($head, $body) = $buffer =~ /^(.*?)\r\n\r\n(.*)$/s;
		my ($path) = $head =~ /^\S+ (\S+)/;
		my ($length) = $head =~ /^content-length: *(\d+)/mi;
		my ($key) = $head =~ /^x-line-retry-key: *([-0-9a-f]+)/mi;
		while (length $body < ($length // 0)) { sysread($client, $body, 65536, length $body) or return }
		($body, $buffer) = (substr($body, 0, $length // 0), substr($body, $length // 0));
		my $data = eval { $json->decode($body) } // {};
		my $to = ref $data->{to} ? $data->{to} : [ $data->{to} // $data->{replyToken} // () ];
		open(my $log, '+>>', $self->{log}) or die $!;
		flock $log, LOCK_EX;
		seek $log, 0, 0;
		my @before = grep { defined $key && ($_->{key} // '') eq $key } map { $json->decode($_) } <$log>;
		my ($taken) = grep { $_->{accepted} } @before;
		my $r = { path => $path, key => $key, body => $body, to => $to, text => $data->{messages}[0]{text} // '', nth => @before + 1, count => ++$count, state => \%state };
		my %do = $self->{handler}->($r);
		my $id = sprintf '%d-%d', $$, $count;
		print $log $json->encode({ key => $key, sha => sha256_hex($body), text => $r->{text}, to => $to, id => $id,
			accepted => $do{accept} && !$taken ? 1 : 0 }), "\n";
		close $log;
		my $bytes = $do{bytes} // ($taken && $do{accept} ? answer(409, '{"message":"The retry key is already accepted"}', "X-Line-Accepted-Request-Id: $taken->{id}")
			: answer(200, '{"sentMessages":[{"id":"1"}]}', "X-Line-Request-Id: $id"));
		syswrite $client, $bytes if length $bytes;
		my $then = $do{then} // '';
		sleep 30 if $then eq 'silence';
		setsockopt($client, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $then eq 'reset';
		return close $client if $then;
	}
}

1;
