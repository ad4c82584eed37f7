# A linecrm-sandbox for a TAP test: starts it on a free port, talks to it, stops it, kills it.
#
#   my $line = Sandbox->new(args => ['--token', 'secret', '--friends', 100]);
#   $line->url                      http://127.0.0.1:PORT, for linecrm.api_base_url
#   $line->fault('push:p=0.1:kind=500_after');       returns its id; dies if it is not understood
#   my $answer = $line->push($user_id, 'text', key => $uuid);      HTTP::Tiny's hash
#   is($line->summary->{duplicates}{same_content}, 0);
#   my @rows = $line->accepted;     one hash per recipient: channel endpoint key request_id user content
#   $line->kill9; $line->start;     same port, same log: it remembers
#
# Whatever was started is killed when the object goes away.
package Sandbox;

use strict;
use warnings;
use File::Temp ();
use HTTP::Tiny;
use JSON::PP ();
use POSIX ();
use Time::HiRes ();

my $json = JSON::PP->new->utf8->canonical;

sub new
{
	my ($class, %o) = @_;
	my $tree = $ENV{LINECRM_TREE} // '.';
	my $self = bless {
		program => $o{program} // "$tree/sandbox/linecrm-sandbox",
		args => $o{args} // [],
		token => $o{token},
		port => $o{port} // 0,
		scheme => $o{scheme} // 'http',
		dir => File::Temp->newdir('linecrm-sandbox-XXXXXX', TMPDIR => 1),
		owner => $$,
	}, $class;
	$self->{log} = $o{log} // "$self->{dir}/sandbox.log";
	# the token of the first --token, unless one was named
	for my $i (0 .. $#{ $self->{args} } - 1)
	{
		next if $self->{args}[$i] ne '--token';
		($self->{token} //= $self->{args}[ $i + 1 ]) =~ s/^[A-Za-z0-9_]+=(?=.)//;
	}
	$self->{token} //= 'token';
	$self->{http} = HTTP::Tiny->new(keep_alive => 0, timeout => $o{timeout} // 20, max_redirect => 0, verify_SSL => 0);
	$self->start unless exists $o{start} && !$o{start};
	return $self;
}

sub start
{
	my ($self, @more) = @_;
	pipe(my $read, my $write) or die "pipe: $!";
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		open(STDOUT, '>&', $write) or POSIX::_exit(127);
		open(STDERR, '>>', "$self->{dir}/stderr") or POSIX::_exit(127);
		close $read;
		exec($self->{program}, '--port', $self->{port}, '--log', $self->{log}, @{ $self->{args} }, @more)
		  or POSIX::_exit(127);
	}
	close $write;
	my $line = <$read>;
	if (!defined $line || $line !~ /ready on (\w+):\/\/[\d.]+:(\d+)/)
	{
		waitpid($pid, 0);
		die "the sandbox did not start: " . $self->stderr;
	}
	@$self{qw(pid scheme port)} = ($pid, $1, $2);
	return $self;
}

sub port { $_[0]{port} }
sub pid { $_[0]{pid} }
sub log_path { $_[0]{log} }
sub url { "$_[0]{scheme}://127.0.0.1:$_[0]{port}" }

sub stderr
{
	my $self = shift;
	open(my $f, '<', "$self->{dir}/stderr") or return '';
	local $/;
	return scalar <$f> // '';
}

sub signal
{
	my ($self, $signal) = @_;
	my $pid = delete $self->{pid} // return;
	kill $signal, $pid;
	waitpid($pid, 0);
	return $?;
}

# The exit status: 0 when it stopped cleanly.
sub stop { $_[0]->signal('TERM') }
sub kill9 { $_[0]->signal('KILL') }

sub DESTROY
{
	my $self = shift;
	local ($?, $!);
	$self->signal('KILL') if $self->{owner} == $$;
}

# One HTTP request as a client of LINE makes it. json => data or body => bytes; key => retry key; token => another token;
# type, headers. Returns HTTP::Tiny's hash with {json} when the body is one (status 599: no proper answer came).
sub call
{
	my ($self, $method, $path, %o) = @_;
	my %headers = (%{ $o{headers} // {} });
	my $token = exists $o{token} ? $o{token} : $self->{token};
	$headers{Authorization} = "Bearer $token" if defined $token;
	$headers{'X-Line-Retry-Key'} = $o{key} if defined $o{key};
	my $content = exists $o{json} ? $json->encode($o{json}) : $o{body};
	utf8::encode($content) if defined $content && utf8::is_utf8($content);
	$headers{'Content-Type'} = $o{type} // 'application/json' if defined $content;
	my $http = $o{timeout} ? HTTP::Tiny->new(keep_alive => 0, timeout => $o{timeout}, max_redirect => 0) : $self->{http};
	my $answer = $http->request($method, $self->url . $path,
		{ headers => \%headers, defined $content ? (content => $content) : () });
	$answer->{json} = eval { $json->decode($answer->{content}) } if $answer->{status} != 599;
	return $answer;
}

sub text { return { type => 'text', text => "$_[0]" } }

sub push
{
	my ($self, $to, $text, %o) = @_;
	my $messages = ref $text ? $text : [ text($text) ];
	return $self->call('POST', '/v2/bot/message/push', json => { to => $to, messages => $messages }, %o);
}

sub multicast
{
	my ($self, $to, $text, %o) = @_;
	my $messages = ref $text ? $text : [ text($text) ];
	return $self->call('POST', '/v2/bot/message/multicast', json => { to => $to, messages => $messages }, %o);
}

sub reply
{
	my ($self, $reply_token, $text, %o) = @_;
	my $messages = ref $text ? $text : [ text($text) ];
	return $self->call('POST', '/v2/bot/message/reply', json => { replyToken => $reply_token, messages => $messages }, %o);
}

# The sandbox's own interface; dies when it refuses.
sub control
{
	my ($self, $method, $name, $data) = @_;
	my $answer = $self->call($method, "/sandbox/$name",
		token => undef, defined $data ? ref $data ? (json => $data) : (body => $data) : ());
	die "/sandbox/$name answers $answer->{status}: $answer->{content}" if $answer->{status} != 200;
	return $answer->{json};
}

sub fault { $_[0]->control('POST', 'faults', $_[1])->{id} }
sub faults { @{ $_[0]->control('GET', 'faults') } }
sub clear_faults { $_[0]->control('DELETE', 'faults') }
sub summary { $_[0]->control('GET', 'summary') }
sub reset { $_[0]->control('POST', 'reset?faults=1') }
sub advance { $_[0]->control('POST', 'time', { advance_seconds => $_[1] }) }
sub user { my ($self, $id, $status, %o) = @_; $self->control('POST', 'users', { user_id => $id, status => $status, %o }) }
sub quota { my ($self, %o) = @_; $self->control('POST', 'quota', \%o) }
sub reply_token { my ($self, $token, %o) = @_; $self->control('POST', 'reply-tokens', { token => $token, %o }) }

# One hash per accepted recipient.
sub accepted
{
	my $self = shift;
	my @names = qw(channel endpoint key request_id user content);
	my @rows;
	my $answer = $self->call('GET', '/sandbox/accepted', token => undef);
	die "no list of accepted deliveries: $answer->{status} $answer->{content}" if $answer->{status} != 200;
	for my $line (split /\n/, $answer->{content})
	{
		my %row;
		@row{@names} = split /\t/, $line;
		$row{key} = undef if $row{key} eq '\N';
		CORE::push @rows, \%row;
	}
	return @rows;
}

# The log's lines as hashes.
sub log_lines
{
	my $self = shift;
	open(my $f, '<', $self->{log}) or return ();
	return map { $json->decode($_) } <$f>;
}

# n ids that --friends n --seed 1 knows, by way of followers/ids.
sub friends
{
	my ($self, $n, %o) = @_;
	my (@ids, $next);
	do
	{
		my $page = $self->call('GET', '/v2/bot/followers/ids?limit=1000' . ($next ? "&start=$next" : ''), %o)->{json};
		CORE::push @ids, @{ $page->{userIds} };
		$next = $page->{next};
	} while ($next && @ids < $n);
	return @ids[ 0 .. $n - 1 ];
}

my $counter = 0;

sub new_key
{
	return sprintf('%08x-%04x-4%03x-8%03x-%012x', rand(2**32), rand(2**16), rand(2**12), rand(2**12), $$ * 100000 + ++$counter);
}

1;
