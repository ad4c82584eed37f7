# Answers that no proper server gives, from a stand-in that shares nothing with the sandbox. Whatever comes back: accepted
# once there is accepted here, the same key means the same bytes, and nobody is taken for served by another one's answer.
use strict;
use warnings;
use LineCrm;
use StandIn;
use Test::More;

my $ok = sub { StandIn::answer(200, $_[0] // '{}') };
my %odd = (
	interim => ["HTTP/1.1 102 Processing\r\n\r\n" x 3 . $ok->()],
	interim_only => ["HTTP/1.1 103 Early Hints\r\n\r\n", 'close'],
	no_bytes => ['', 'close'],
	reset => ['', 'reset'],
	silence => ['', 'silence'],
	garbage => ["\0\xff\xfe not http\r\n\r\n", 'close'],
	other_protocol => ["SSH-2.0-OpenSSH\r\n", 'close'],
	odd_status => ["HTTP/1.1 abc\r\n\r\n", 'close'],
	status_999 => ["HTTP/1.1 999 Word\r\nContent-Length: 0\r\n\r\n"],
	no_length => ["HTTP/1.1 200 OK\r\n\r\n", 'close'],
	half_a_body => ["HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"sent", 'close'],
	too_long => ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" . 'x' x 500, 'close'],
	broken_chunks => ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"sen\r\nZZ\r\n", 'close'],
	two_lengths => ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 7\r\n\r\n{}", 'close'],
	large_header => ["HTTP/1.1 200 OK\r\nX-Large: " . 'y' x 90000 . "\r\nContent-Length: 2\r\n\r\n{}"],
	megabytes => [StandIn::answer(200, '[' . '1,' x 1_500_000 . '1]')],
	not_json => [StandIn::answer(200, '<html>fine</html>')],
	odd_ids => [StandIn::answer(200, '{"sentMessages":[{"id":"1\\u0000"},{"id":"\',\\"}{"},{"id":[]},7]}' . "\0\xff")],
	odd_words => [StandIn::answer(503, "{\"message\":\"\xff\xfe \xe3\x81\",\"details\":[{\"message\":\"\xc0\",\"property\":\"\\ud800\"}]}")],
	odd_id_header => [StandIn::answer(500, '', "X-Line-Request-Id: \xe3\x81'\"\\" . 'z' x 500)],
	redirect => [StandIn::answer(303, '', 'Location: /v2/bot/message/push')],
	zipped => [StandIn::answer(200, "\x1f\x8bjunk", 'Content-Encoding: gzip')],
);

# Text "KIND before" or "KIND after" has that answer at its first attempt, before or after LINE has taken it.
my $line = StandIn->new(sub {
	my ($r) = @_;
	# A front server answers for itself; the real answer comes when the connection is used again.
	return (bytes => delete $r->{state}{owed}) if $r->{state}{owed};
	if ($r->{text} eq 'owed' && $r->{nth} == 1)
	{
		$r->{state}{owed} = $ok->();
		return (bytes => StandIn::answer(502, '<html>gateway</html>'));
	}
	my ($kind, $when) = $r->{text} =~ /^(\w+) (before|after)/;
	return (accept => 1) if !$kind || !$odd{$kind} || $r->{nth} > 1;
	return (accept => $when eq 'after', bytes => $odd{$kind}[0], then => $odd{$kind}[1]);
});
my $crm = LineCrm->new(friends => 200, conf => "linecrm.storm_limit = 0\nlinecrm.max_in_flight = 64\n");
my $node = $crm->node;
$node->append_conf('postgresql.conf', "linecrm.api_base_url = '" . $line->url . "'\n");
$node->reload;
$crm->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'linecrm sender'", 'the sender runs');
sleep 1;

# What is answered with a whole 2xx after all counts as taken: those only after LINE took it.
my %taken_as_accepted = map { $_ => 1 } qw(interim no_length too_long large_header megabytes not_json odd_ids zipped);
my $friend = 0;
for my $kind (sort keys %odd)
{
	my @when = ('after', $taken_as_accepted{$kind} ? () : 'before');
	for my $when (@when)
	{
		$crm->sql("SELECT test_push(" . ++$friend . ", '$kind $when'), test_multicast(100, 110, '$kind $when multicast')");
	}
}
$crm->drain('all of it is finished', 90);
is($crm->sql("SELECT string_agg(DISTINCT outcome, ', ') FROM linecrm_internal.outcome"), 'accepted', 'and accepted');

# The owed answer: with room for one request at a time there is one connection.
$node->append_conf('postgresql.conf', "linecrm.max_in_flight = 1\n");
$node->reload;
$crm->push(150, 'whatever');
$crm->drain('one connection');
$crm->sql("SELECT test_push(151, 'owed'), test_push(152, 'next')");
$crm->drain('an answer that was owed');

my (%bytes, %people, @trouble);
for my $r ($line->seen)
{
	push @trouble, "$r->{text}: other bytes" if ($bytes{ $r->{key} } //= $r->{sha}) ne $r->{sha};
	next unless $r->{accepted};
	$people{$r->{text}}{$_}++ for @{ $r->{to} };
}
for my $text (keys %people)
{
	push @trouble, "$text: twice" if grep { $_ > 1 } values %{ $people{$text} };
}
push @trouble, map { "$_: accepted here, not there" } grep { !$people{$_} } split /\n/, $crm->sql(<<'SQL');
SELECT convert_from(c.body, 'UTF8')::jsonb -> 'messages' -> 0 ->> 'text' FROM linecrm_internal.outcome o
JOIN linecrm_internal.request r USING (slot, request_id) JOIN linecrm_internal.content c ON c.slot = r.content_slot AND c.content_id = r.content_id
WHERE o.outcome = 'accepted'
SQL
is("@trouble", '', 'each once, the same bytes, each by its own answer');
$node->stop('fast');
done_testing();
