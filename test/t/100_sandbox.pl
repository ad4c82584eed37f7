# The sandbox itself: LINE's rules as documented, every fault, and a log that is exact.
use strict;
use warnings;
use POSIX qw(WUNTRACED);
use utf8;
use Test::More;
use IO::Socket::INET;
use JSON::PP ();
use Digest::SHA qw(sha256_hex hmac_sha256_base64);
use Encode qw(encode_utf8);
use Sandbox;

my $line = Sandbox->new(args => [ '--token', 'secret-1', '--token', 'shop=secret-2', '--friends', 1200, '--friends', 'shop=3' ]);
my @friend = $line->friends(1200);
my $json = JSON::PP->new->utf8->canonical;

sub key { Sandbox::new_key() }
sub status_is { my ($answer, $status, $name) = @_; is($answer->{status}, $status, $name) or diag $answer->{content}; return $answer }

subtest 'sending' => sub {
	my $k = key();
	my $first = status_is($line->push($friend[0], 'こんにちは', key => $k), 200, 'push');
	my $id = $first->{headers}{'x-line-request-id'};
	like($id, qr/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'request id');
	like($first->{json}{sentMessages}[0]{id}, qr/^\d{18}$/, 'message id');
	ok($first->{json}{sentMessages}[0]{quoteToken}, 'quote token');
	my $again = status_is($line->push($friend[0], 'こんにちは', key => $k), 409, 'same key again');
	is($again->{headers}{'x-line-accepted-request-id'}, $id, 'the accepted request is named');
	isnt($again->{headers}{'x-line-request-id'}, $id, 'each attempt has its own request id');
	is_deeply($again->{json}{sentMessages}, $first->{json}{sentMessages}, 'with the sent messages');
	like($again->{json}{message}, qr/retry key is already accepted/, 'in words');
	status_is($line->push($friend[0], 'こんにちは', key => $k, token => 'secret-2'), 200, 'another channel knows nothing of the key');

	$k = key();
	my $many = status_is($line->multicast([ @friend[ 0 .. 499 ] ], 'セール', key => $k), 200, 'multicast of 500');
	is($many->{content}, '{}', 'answers nothing');
	my $known = status_is($line->multicast([ @friend[ 0 .. 499 ] ], 'セール', key => $k), 409, 'again');
	ok(!exists $known->{json}{sentMessages}, 'no message ids for a multicast');
	is($known->{headers}{'x-line-accepted-request-id'}, $many->{headers}{'x-line-request-id'}, 'accepted request');
	status_is($line->call('POST', '/v2/bot/message/broadcast', json => { messages => [ Sandbox::text('全員') ] }, key => key()), 200, 'broadcast');
	my $narrow = status_is($line->call('POST', '/v2/bot/message/narrowcast',
		json => { messages => [ Sandbox::text('一部') ], limit => { max => 100 } }, key => key()), 202, 'narrowcast');
	my $progress = '/v2/bot/message/progress/narrowcast?requestId=' . $narrow->{headers}{'x-line-request-id'};
	is($line->call('GET', $progress)->{json}{phase}, 'waiting', 'a narrowcast waits first');
	$line->advance(2);
	is_deeply([ @{ $line->call('GET', $progress)->{json} }{qw(phase successCount)} ], [ 'succeeded', 100 ], 'and succeeds');
	status_is($line->call('GET', '/v2/bot/message/progress/narrowcast?requestId=' . key()), 404, 'unknown narrowcast');
	is($line->summary->{accepted_recipients}, 1 + 1 + 500 + 1200 + 100, 'all are counted');
	is($line->summary->{violations}, 0, 'no violations');
};

subtest 'the log is exact' => sub {
	$line->reset;
	my $messages = '[ {"type":"text", "text":"空白も 含む"} ]';
	my $body = encode_utf8(qq({"to":["$friend[3]","$friend[1]"],"messages":$messages}));
	my $k = key();
	$line->user($friend[1], 'blocked');
	status_is($line->call('POST', '/v2/bot/message/multicast', body => $body, key => $k), 200, 'one of two has blocked');
	my @rows = $line->accepted;
	is(@rows, 2, 'both were accepted');
	is_deeply([ map { $_->{user} } @rows ], [ @friend[ 3, 1 ] ], 'in the order of "to"');
	is($rows[0]{content}, sha256_hex(encode_utf8($messages)), 'the content is the very bytes of messages');
	is_deeply([ @{ $rows[0] }{qw(channel endpoint key)} ], [ 'main', 'multicast', $k ], 'channel, endpoint, key');
	my ($log) = $line->log_lines;
	is_deeply([ @$log{qw(to dropped)} ], [ [ $friend[3] ], [ $friend[1] ] ], 'the log knows who was left out');
	is($log->{body}, sha256_hex($body), 'hash of the whole body');
	$line->user($friend[1], 'following');

	status_is($line->push($friend[0], 'x', key => key()), 200, 'one');
	status_is($line->push($friend[0], 'x', key => key()), 200, 'the same content under another key');
	is($line->summary->{duplicates}{same_content}, 1, 'is a duplicate');
	is($line->summary->{duplicates}{same_key}, 0, 'of content, not of key');
	my $dup = $line->call('GET', '/sandbox/duplicates', token => undef)->{content};
	like($dup, qr/^main\t$friend[0]\t[0-9a-f]{64}\t2$/, 'and is named');
	status_is($line->multicast([ $friend[5], $friend[5] ], 'twice', key => key()), 200, 'somebody twice in one call');
	is($line->summary->{duplicates}{in_one_request}, 1, 'is noted');

	$k = key();
	$line->fault('push:kind=500_before:count=1');
	status_is($line->push($friend[0], 'a', key => $k), 500, 'not accepted');
	status_is($line->push($friend[0], 'b', key => $k), 200, 'the same key with other words');
	status_is($line->push($friend[0], 'c', key => $k), 409, 'and again');
	my @bad = grep { ($_->{violation} // '') eq 'different_body' } $line->log_lines;
	is(@bad, 2, 'both are in the log as violations');
	is($line->summary->{violation_list}[-1]{retry_key}, $k, 'and in the summary');
};

subtest 'retry keys' => sub {
	$line->reset;
	my $k = key();
	status_is($line->push($friend[0], 'x', key => uc $k), 200, 'any case');
	status_is($line->push($friend[0], 'x', key => $k), 409, 'is the same key');
	$line->advance(86399 - 10);
	status_is($line->push($friend[0], 'x', key => $k), 409, 'remembered for nearly 24 hours');
	$line->advance(11);
	status_is($line->push($friend[0], 'x', key => $k), 200, 'and then forgotten: it is sent again');
	is($line->summary->{duplicates}{same_key}, 1, 'which is a duplicate');
	is(($line->log_lines)[-1]{violation}, 'expired_key', 'and a violation');
	status_is($line->push($friend[0], 'x', key => 'no-uuid'), 400, 'not a UUID');
	status_is($line->reply('some-token', 'x', key => key()), 400, 'not on reply');
	status_is($line->call('GET', '/v2/bot/info', key => key()), 400, 'nor anywhere else');
	status_is($line->call('POST', '/v2/bot/message/validate/push', json => { messages => [ Sandbox::text('x') ] }, key => key()), 400, 'nor on validate');
	status_is($line->call('POST', '/v2/bot/chat/loading/start', json => { chatId => $friend[0] }, key => key()), 400, 'nor on loading');
};

subtest 'what LINE refuses' => sub {
	my $push = '/v2/bot/message/push';
	my $details = sub { join ' ', map { $_->{property} } @{ $_[0]{json}{details} } };
	status_is($line->push($friend[0], 'x', token => 'wrong'), 401, 'unknown token');
	status_is($line->push($friend[0], 'x', token => undef), 401, 'no token');
	status_is($line->call('POST', $push, body => '{}', type => 'text/plain'), 415, 'content type');
	my $broken = status_is($line->call('POST', $push, body => '{"to":'), 400, 'no JSON');
	like($broken->{json}{message}, qr/could not be parsed as JSON \(line: 1, column: \d+\)/, 'in LINE\'s words');
	status_is($line->call('POST', $push, body => '{"to":"' . 'x' x 2_000_000 . '"}'), 413, 'over 2 MB');
	status_is($line->call('GET', $push), 404, 'other method');
	status_is($line->call('GET', '/v2/bot/nothing'), 404, 'other path');
	status_is($line->call('GET', '/v2/bot/info/'), 404, 'trailing slash');
	for my $id ('U123', uc $friend[0], "$friend[0]0", 42)
	{
		my $bad = status_is($line->push($id, 'x'), 400, "id $id");
		like($bad->{json}{message}, qr/The property, to, in the request body is invalid/, 'names to');
	}
	my @ids = @friend[ 0 .. 9 ];
	$ids[7] = 'U' . 'g' x 32;
	like($line->multicast(\@ids, 'x')->{json}{message}, qr/to\[7\]/, 'the bad one of a short list');
	@ids = (@friend[ 0 .. 498 ], 'C' . '0' x 32);
	like($line->multicast(\@ids, 'x')->{json}{message}, qr/to\[499\]/, 'a group in a multicast');
	is($details->($line->multicast([], 'x')), 'to', 'nobody');
	is($details->($line->multicast([ @friend[ 0 .. 500 ] ], 'x')), 'to', '501 people');
	is($details->($line->push($friend[0], [])), 'messages', 'no message');
	is($details->($line->push($friend[0], [ map { Sandbox::text($_) } 1 .. 6 ])), 'messages', 'six messages');
	is($details->($line->push($friend[0], [ Sandbox::text('a'), Sandbox::text('') ])), 'messages[1].text', 'empty text');
	status_is($line->push($friend[0], '𠮷' x 2500), 200, '5,000 UTF-16 units');
	is($details->($line->push($friend[0], '𠮷' x 2500 . 'x')), 'messages[0].text', 'one more');
	is($details->($line->push($friend[0], [ { type => 'flex', altText => 'x' x 1501, contents => { type => 'bubble' } } ])), 'messages[0].altText', 'long altText');
	is($details->($line->push($friend[0], [ { type => 'poem' } ])), 'messages[0].type', 'unknown type');
	my $item = { type => 'action', action => { type => 'message', label => 'x', text => 'x' } };
	is($details->($line->push($friend[0], [ { %{ Sandbox::text('x') }, quickReply => { items => [ ($item) x 14 ] } } ])), 'messages[0].quickReply.items', '14 quick replies');
	is($details->($line->push($friend[0], [ { type => 'template', altText => 'x', template => { type => 'buttons', text => 'x', actions => [ ({ type => 'uri', label => 'x', uri => 'ftp://x' }) ] } } ])),
		'messages[0].template.actions[0].uri', 'scheme of a button');
	is($details->($line->push($friend[0], [ { type => 'image', originalContentUrl => 'http://x', previewImageUrl => 'https://x' } ])), 'messages[0].originalContentUrl', 'http picture');
	status_is($line->call('POST', '/v2/bot/message/validate/multicast', json => { messages => [ Sandbox::text('ok') ] }), 200, 'validate takes good messages');
	is($details->($line->call('POST', '/v2/bot/message/validate/push', json => { messages => [ Sandbox::text('x' x 5001) ] })), 'messages[0].text', 'and names bad ones');
	$line->user($friend[9], 'foreign');
	like(status_is($line->push($friend[9], 'x'), 400, 'somebody of another provider')->{json}{message}, qr/Failed to send messages/, 'in words');
	status_is($line->multicast([ @friend[ 8, 9 ] ], 'x'), 200, 'is left out of a multicast silently');
	status_is($line->push('C' . 'a' x 32, 'x'), 200, 'groups can be pushed to');
};

subtest 'reply' => sub {
	$line->reset;
	my $token = 'rt' . substr($friend[2], 1) . '00000001';
	status_is($line->reply($token, 'x'), 200, 'a token of the webhook generator');
	is(($line->accepted)[0]{user}, $friend[2], 'names its user');
	like(status_is($line->reply($token, 'x'), 400, 'only once')->{json}{message}, qr/^Invalid reply token$/, 'in words');
	$line->reply_token('given', user_id => $friend[4]);
	$line->advance(61);
	status_is($line->reply('given', 'x'), 400, 'a registered token lives a minute');
	$line->reply_token('given', user_id => $friend[4]);
	status_is($line->reply('given', 'x'), 200, 'within it, it is good');
	is($line->call('GET', '/v2/bot/message/quota/consumption')->{json}{totalUsage}, 0, 'replies are free');
};

subtest 'quota' => sub {
	$line->reset;
	is($line->call('GET', '/v2/bot/message/quota')->{json}{type}, 'none', 'no limit at first');
	$line->quota(limit => 12);
	is_deeply($line->call('GET', '/v2/bot/message/quota')->{json}, { type => 'limited', value => 12 }, 'a limit');
	$line->user($friend[0], 'blocked');
	status_is($line->multicast([ @friend[ 0 .. 8 ] ], [ map { Sandbox::text($_) } 1 .. 3 ]), 200, 'nine people');
	is($line->call('GET', '/v2/bot/message/quota/consumption')->{json}{totalUsage}, 8, 'eight are reached: people count, not bubbles');
	my $k = key();
	like(status_is($line->multicast([ @friend[ 10 .. 14 ] ], 'x', key => $k), 429, 'five more')->{json}{message}, qr/monthly limit/, 'are too many');
	is($line->summary->{accepted_recipients}, 9, 'nobody got it');
	$line->quota(limit => 20, reserved => 10);
	status_is($line->multicast([ @friend[ 10 .. 14 ] ], 'x', key => $k), 429, 'reserved quota refuses too');
	$line->quota(reserved => 0);
	status_is($line->multicast([ @friend[ 10 .. 14 ] ], 'x', key => $k), 200, 'a grown quota helps the same key');
	$line->quota(limit => undef);
	$line->user($friend[0], 'following');
};

subtest 'rate limits' => sub {
	$line->reset;
	my @status = map { $line->call('POST', '/v2/bot/message/broadcast', json => { messages => [ Sandbox::text($_) ] }, token => 'secret-2')->{status} } 1 .. 61;
	is_deeply([ @status[ 0, 59, 60 ] ], [ 200, 200, 429 ], 'sixty broadcasts an hour');
	status_is($line->call('POST', '/v2/bot/message/broadcast', json => { messages => [ Sandbox::text('x') ] }), 200, 'another channel has its own bucket');
	status_is($line->push($friend[0], 'x', token => 'secret-2'), 200, 'so has another endpoint');
	$line->advance(61);
	status_is($line->call('POST', '/v2/bot/message/broadcast', json => { messages => [ Sandbox::text('x') ] }, token => 'secret-2'), 200, 'it refills as the clock goes on');
};

subtest 'people and account' => sub {
	my $profile = status_is($line->call('GET', "/v2/bot/profile/$friend[0]"), 200, 'profile')->{json};
	is($profile->{userId}, $friend[0], 'whose');
	ok(length $profile->{displayName}, 'has a name');
	$line->user($friend[0], 'blocked', name => '山田');
	status_is($line->call('GET', "/v2/bot/profile/$friend[0]"), 404, 'who blocked has none');
	is(scalar(grep { $_ eq $friend[0] } map { @{ $line->call('GET', '/v2/bot/followers/ids?limit=1000')->{json}{userIds} } } 1), 0, 'nor follows');
	$line->user($friend[0], 'following');
	is($line->call('GET', "/v2/bot/profile/$friend[0]")->{json}{displayName}, '山田', 'a given name');
	status_is($line->call('GET', '/v2/bot/profile/U12'), 400, 'bad id');
	is(@{ $line->call('GET', '/v2/bot/followers/ids')->{json}{userIds} }, 300, '300 by default');
	status_is($line->call('GET', '/v2/bot/followers/ids?limit=1001'), 400, 'at most 1000');
	like($line->call('GET', '/v2/bot/info')->{json}{userId}, qr/^U[0-9a-f]{32}$/, 'bot info');
	like($line->call('POST', "/v2/bot/user/$friend[0]/linkToken")->{json}{linkToken}, qr/./, 'link token');
	status_is($line->call('POST', '/v2/bot/chat/loading/start', json => { chatId => $friend[0], loadingSeconds => 15 }), 202, 'loading');
	status_is($line->call('POST', '/v2/bot/chat/loading/start', json => { chatId => $friend[0], loadingSeconds => 7 }), 400, 'loading for 7 seconds');
	status_is($line->call('POST', '/v2/bot/chat/markAsRead', json => { markAsReadToken => 'x' }), 200, 'read mark');
	status_is($line->call('GET', '/v2/bot/channel/webhook/endpoint'), 404, 'no webhook URL');
	status_is($line->call('PUT', '/v2/bot/channel/webhook/endpoint', json => { endpoint => 'https://crm.example/hook' }), 200, 'set');
	is($line->call('GET', '/v2/bot/channel/webhook/endpoint')->{json}{endpoint}, 'https://crm.example/hook', 'got');
	is($line->call('GET', '/v2/bot/group/C' . 'a' x 32 . '/members/count')->{json}{count}, 3, 'group');
	my $menu = $line->call('POST', '/v2/bot/richmenu', json => { size => {}, areas => [], name => 'x', chatBarText => 'x' })->{json}{richMenuId};
	status_is($line->call('POST', "/v2/bot/user/$friend[0]/richmenu/$menu"), 200, 'rich menu');
	is($line->call('GET', "/v2/bot/user/$friend[0]/richmenu")->{json}{richMenuId}, $menu, 'of a user');
};

subtest 'tokens' => sub {
	my $form = 'application/x-www-form-urlencoded';
	my $issued = status_is($line->call('POST', '/oauth2/v3/token', type => $form, token => undef,
		body => 'grant_type=client_credentials&client_id=1&client_secret=2'), 200, 'stateless')->{json};
	is($issued->{expires_in}, 900, 'for a quarter of an hour');
	status_is($line->call('GET', '/v2/bot/info', token => $issued->{access_token}), 200, 'works');
	$line->kill9;
	$line->start;
	status_is($line->call('GET', '/v2/bot/info', token => $issued->{access_token}), 200, 'after a restart too');
	$line->advance(901);
	status_is($line->call('GET', '/v2/bot/info', token => $issued->{access_token}), 401, 'and ends');
	my $short = $line->call('POST', '/v2/oauth/accessToken', type => $form, token => undef,
		body => 'grant_type=client_credentials&client_id=1&client_secret=2')->{json}{access_token};
	status_is($line->call('POST', '/v2/oauth/verify', type => $form, token => undef, body => "access_token=$short"), 200, 'verify');
	status_is($line->call('POST', '/v2/oauth/revoke', type => $form, token => undef, body => "access_token=$short"), 200, 'revoke');
	status_is($line->call('GET', '/v2/bot/info', token => $short), 401, 'revoked');
	my $part = sub { my $b = Encode::encode('UTF-8', $json->encode($_[0])); require MIME::Base64; $b = MIME::Base64::encode_base64($b, ''); $b =~ tr{+/}{-_}; $b =~ s/=+$//; $b };
	my $claim = { iss => '1', sub => '1', aud => 'https://api.line.me/', exp => time + 600 + $line->control('GET', 'time')->{shift_seconds}, token_exp => 3600 };
	my $jwt = sub { join '.', $part->({ alg => 'RS256', typ => 'JWT', kid => 'k' }), $part->({ %$claim, @_ }), 'c2ln' };
	my $ask = sub { $line->call('POST', '/oauth2/v2.1/token', type => $form, token => undef,
		body => 'grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=' . $jwt->(@_)) };
	my $v21 = status_is($ask->(), 200, 'v2.1')->{json};
	is($v21->{expires_in}, 3600, 'for as long as asked');
	ok($v21->{key_id}, 'with a key id');
	status_is($line->call('GET', '/v2/bot/info', token => $v21->{access_token}), 200, 'works');
	status_is($ask->(aud => 'https://api.line.me'), 400, 'wrong audience');
	status_is($ask->(exp => 1), 400, 'expired assertion');
};

subtest 'faults that accept nothing' => sub {
	my %expected = ('429_rate' => 429, '429_monthly' => 429, '429_user' => 429, '400_to' => 400, '400_messages' => 400, '400_plain' => 400,
		'400_reply_token' => 400, 401 => 401, 403 => 403, 404 => 404, 408 => 408, 410 => 410, 413 => 413, 415 => 415, redirect => 307,
		'500_before' => 500, '502_before' => 502, '503_before' => 503, '504_before' => 504, early_answer => 500,
		reset_before => 599, silence_before => 599);
	$line->reset;
	for my $kind (sort keys %expected)
	{
		my $k = key();
		my $fault = $line->fault({ endpoint => 'push', kind => $kind, count => 1 });
		status_is($line->push($friend[0], $kind, key => $k, timeout => 1), $expected{$kind}, "fault $kind");
		is($line->summary->{accepted_requests}, 0, 'not accepted');
		is(($line->log_lines)[-1]{fault}, $kind, 'logged');
		status_is($line->push($friend[0], $kind, key => $k), 200, 'the same key afterwards');
		$line->reset;
	}
	$line->fault('multicast:kind=400_to:user=' . $friend[3]);
	like($line->multicast([ @friend[ 0 .. 9 ] ], 'x')->{json}{message}, qr/to\[3\]/, 'a poisoned id is named where it stands');
	status_is($line->multicast([ @friend[ 4 .. 9 ] ], 'x'), 200, 'the others are fine');
	$line->fault('multicast:kind=400_to:form=details:index=2');
	is($line->multicast([ @friend[ 4 .. 9 ] ], 'x')->{json}{details}[0]{property}, 'to[2]', 'or in details');
	$line->fault('push:kind=400_messages:index=1:body=毒');
	is($line->push($friend[0], '毒')->{json}{details}[0]{property}, 'messages[1].text', 'words can be poison');
	status_is($line->push($friend[0], '薬'), 200, 'other words are fine');
};

subtest 'faults after acceptance' => sub {
	my %expected = ('500_after' => 500, '502_after' => 502, '503_after' => 503, '504_after' => 504, silence_after => 599, reset_after => 599, cut_body => 599,
		not_json => 200, empty_200 => 200, huge_body => 200, '409_without_header' => 409, slow_drip => 200, wrong_length => 200);
	$line->reset;
	for my $kind (sort keys %expected)
	{
		my $k = key();
		$line->fault("push:kind=$kind:count=1:ms=2");
		my $answer = status_is($line->push($friend[0], $kind, key => $k, timeout => 1.5), $expected{$kind}, "fault $kind");
		is($line->summary->{accepted_requests}, 1, 'accepted all the same');
		ok(length $answer->{content} > 2_000_000, 'two megabytes') if $kind eq 'huge_body';
		ok(!$answer->{json}, 'no JSON') if $kind =~ /not_json|empty_200|wrong_length|50[234]/;
		ok($answer->{json}{sentMessages}, 'a whole answer') if $kind eq 'slow_drip';
		ok(!$answer->{headers}{'x-line-accepted-request-id'}, 'no accepted request id') if $kind eq '409_without_header';
		status_is($line->push($friend[0], $kind, key => $k), 409, 'the same key afterwards');
		is($line->summary->{duplicates}{same_content}, 0, 'nothing twice');
		$line->reset;
	}
	$line->fault('narrowcast:kind=narrowcast_failed=2');
	my $id = $line->call('POST', '/v2/bot/message/narrowcast', json => { messages => [ Sandbox::text('x') ] })->{headers}{'x-line-request-id'};
	$line->advance(2);
	is($line->call('GET', "/v2/bot/message/progress/narrowcast?requestId=$id")->{json}{errorCode}, 2, 'a narrowcast that fails later');
};

subtest 'when faults strike' => sub {
	$line->reset;
	my $k = key();
	$line->fault('push:attempt=2:kind=503_before');
	is_deeply([ map { $line->push($friend[$_], 'x', key => key())->{status} } 0 .. 2 ], [ 200, 200, 200 ], 'first attempts pass');
	$line->fault('push:attempt=1:kind=500_before:count=1');
	is_deeply([ map { $line->push($friend[0], 'y', key => $k)->{status} } 1 .. 4 ], [ 500, 503, 200, 409 ], 'first and second attempt of one key');
	$line->control('DELETE', 'faults');
	$line->fault('push:nth=2:kind=403');
	is_deeply([ map { $line->push($friend[0], "n$_")->{status} } 1 .. 3 ], [ 200, 403, 200 ], 'the second');
	$line->clear_faults;
	$line->fault('*:every=3:kind=429_rate:channel=main');
	is_deeply([ map { $line->push($friend[0], "e$_")->{status} } 1 .. 6 ], [ 200, 200, 429, 200, 200, 429 ], 'every third');
	is($line->push($friend[0], 'x', token => 'secret-2')->{status}, 200, 'of one channel only');
	$line->clear_faults;
	$line->fault('push:p=0.5:kind=500_after');
	my $hits = grep { $line->push($friend[0], "p$_")->{status} == 500 } 1 .. 100;
	ok($hits > 25 && $hits < 75, "by probability ($hits of 100)");
	is(($line->faults)[0]{hits}, $hits, 'counted');
	$line->clear_faults;
	$line->fault('push:for=0.001:kind=500_before');
	select(undef, undef, undef, 0.02);
	status_is($line->push($friend[0], 'later'), 200, 'for a time');
	$line->clear_faults;
	for my $kind (qw(delay delay_before))
	{
		$line->fault("push:kind=$kind=150");
		my $start = Time::HiRes::time();
		status_is($line->push($friend[0], $kind), 200, $kind);
		ok(Time::HiRes::time() - $start >= 0.15, 'takes its time');
		$line->clear_faults;
	}
	$line->fault('profile:kind=500_before:count=1');
	is_deeply([ map { $line->call('GET', "/v2/bot/profile/$friend[0]")->{status} } 1, 2 ], [ 500, 200 ], 'other endpoints too');
	for my $bad ('push', 'push:kind=nonsense', 'nowhere:kind=403', 'push:kind=403:color=red', 'push:kind=403:user=me')
	{
		ok(!eval { $line->fault($bad); 1 }, "refused: $bad");
	}
};

subtest 'kill -9' => sub {
	$line->reset;
	my $k = key();
	$line->fault('multicast:kind=silence_after');
	status_is($line->multicast([ @friend[ 0 .. 99 ] ], 'x', key => $k, timeout => 0.5), 599, 'accepted in silence');
	status_is($line->push($friend[0], 'y', key => key()), 200, 'another');
	my @before = sort map { join ' ', map { $_ // '' } @$_{qw(key user content)} } $line->accepted;
	$line->kill9;
	open(my $f, '>>', $line->log_path) or die $!;
	print $f '{"at":"cut off';
	close $f;
	$line->start;
	my @after = sort map { join ' ', map { $_ // '' } @$_{qw(key user content)} } $line->accepted;
	is_deeply(\@after, \@before, 'all that was accepted is known again');
	status_is($line->multicast([ @friend[ 0 .. 99 ] ], 'x', key => $k), 409, 'and so is the key');
	is($line->summary->{duplicates}{same_content}, 0, 'nothing twice');
	is($line->call('GET', '/v2/bot/message/quota/consumption')->{json}{totalUsage}, 101, 'nor counted twice');
};

subtest 'many connections' => sub {
	my @open;
	for (1 .. 400)
	{
		my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $line->port) or last;
		push @open, $s;
	}
	is(@open, 400, 'open connections');
	print $_ "GET /v2/bot/info HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret-1\r\n\r\n" for @open;
	my $good = grep { my $l = <$_>; defined $l && $l =~ / 200 / } @open;
	is($good, 400, 'all are answered');

	# Exactly as many requests at once as libmicrohttpd takes events at a time: they arrive while the sandbox is stopped.
	my @idle = splice @open, 128;
	kill 'STOP', $line->pid;
	waitpid($line->pid, WUNTRACED);
	print $_ "GET /v2/bot/info HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret-1\r\n\r\n" for @open;
	kill 'CONT', $line->pid;
	my $silent = 0;
	for (@open)
	{
		my $ready = '';
		vec($ready, fileno($_), 1) = 1;
		$silent++ if !select($ready, undef, undef, $silent ? 0 : 10);
	}
	is($silent, 0, '128 at the same moment are all answered');
	is($line->stop, 0, 'SIGTERM stops it cleanly');
};

subtest 'latency is as long as it says' => sub {
	my $line = Sandbox->new(args => [ '--token', 'x', '--latency-ms', 10 ]);
	my $least = 1000;
	for (1 .. 10)
	{
		my $begun = Time::HiRes::time();
		$line->call('GET', '/v2/bot/info');
		my $took = (Time::HiRes::time() - $begun) * 1000;
		$least = $took if $took < $least;
	}
	ok($least >= 10 && $least < 60, 'the quickest of ten takes hardly longer') or diag("$least ms");
};

subtest 'webhooks' => sub {
	my $program = "$ENV{LINECRM_TREE}/sandbox/linecrm-sandbox";
	my @args = ('webhooks', '--secret', '8c570fa6dd201bb328f1c1eac23a96d8', '--users', 20, '--events', 200, '--start', 1795300000000,
		'--redeliver', 0.2, '--repeat', 0.1, '--reorder', 0.2);
	my $run = sub { open(my $p, '-|', $program, @args, @_) or die $!; local $/; my $out = <$p>; close $p; $out };
	my $out = $run->();
	is($run->(), $out, 'the same again');
	isnt($run->('--seed', 2), $out, 'another seed, other people');
	my (%seen, $bad, $again, $follow, $late, $latest);
	$bad = $again = $follow = $late = $latest = 0;
	for (split /\n/, $out)
	{
		my ($hex, $signature) = /^\\\\x([0-9a-f]+)\t(\S+)$/ or $bad++, next;
		my $body = pack 'H*', $hex;
		$bad++ if hmac_sha256_base64($body, '8c570fa6dd201bb328f1c1eac23a96d8') . '=' ne $signature;
		for my $event (@{ $json->decode($body)->{events} })
		{
			$again++ if $seen{ $event->{webhookEventId} }++;
			$follow++ if $event->{type} eq 'follow';
			$late++ if $event->{timestamp} < $latest;
			$latest = $event->{timestamp} if $event->{timestamp} > $latest;
			$bad++ if $event->{source}{userId} !~ /^U[0-9a-f]{32}$/ || $event->{webhookEventId} !~ /^[0-9A-HJKMNP-TV-Z]{26}$/;
		}
	}
	is($bad, 0, 'every line is signed and in order');
	is(keys %seen, 220, 'all events');
	ok($again > 5 && $follow >= 20 && $late > 5, 'some come again, some come late');
	my $pid_target = Sandbox->new(args => [ '--token', 'x' ]);
	system("$program webhooks --secret x --users 2 --events 3 --post " . $pid_target->url . '/sandbox/health 2>/dev/null');
	is($?, 0, 'they can be posted');
};

done_testing();
