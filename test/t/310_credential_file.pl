# The key file of credentials: made once, refused when others may read it or when it is gone; and a secret that was typed
# is not in the server's log.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $secret = '8c570fa6dd201bb328f1c1eac23a96d8';
my $body = '{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}';
my $signature = 'GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs=';

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'linecrm'
linecrm.databases = 'none'
log_statement = 'none'
log_min_duration_statement = 0
log_min_error_statement = error
CONF
$node->start;
$node->safe_psql('postgres', q{CREATE EXTENSION linecrm; SELECT linecrm.save_channel('shop')});
my $key = $node->data_dir . '/linecrm.key';

sub receive
{
	my ($out, $err);
	$node->psql('postgres', qq{SELECT linecrm.receive_webhook('shop', '$body', '$signature')}, stdout => \$out, stderr => \$err);
	return $out . $err;
}

sub set_secret
{
	my ($value) = @_;
	my $err;
	$node->psql('postgres', qq{SELECT linecrm.set_credential('shop', 'channel_secret', '$value')}, stderr => \$err);
	return $err;
}

ok(!-e $key, 'no key before the first secret');
like(set_secret($secret), qr/NOTICE:  linecrm made the key file .*Back it up/s, 'the first secret makes the key');
is(sprintf('%04o', (stat $key)[2] & 07777), '0600', 'only the server may read it');
like(slurp_file($key), qr/^[0-9a-f]{64}\n$/, 'it is 64 digits');
is(set_secret($secret), '', 'the next one uses it');
is(receive(), '0', 'the secret opens');

# a statement that succeeds, and one that fails after the value was seen
set_secret("${secret}\x01");
my $log = slurp_file($node->logfile);
like($log, qr/set_credential\('shop', 'channel_secret', '\*+'\)/, 'the statement is in the log, with stars');
unlike($log, qr/$secret/, 'the secret is not');

chmod 0640, $key;
like(receive(), qr/is open to others: its mode is 0640.*chmod 0600/s, 'a key that the group may read is refused');
chmod 0400, $key;
is(receive(), '0', 'one that not even the server may write is fine');

my $text = slurp_file($key);
unlink $key;
like(receive(), qr/could not open the key file .*No such file.*set_credential/s, 'a key that is gone is not made up when reading');
mkdir $key;
like(receive(), qr/holds no key|not a regular file|could not/, 'nor is a directory a key');
rmdir $key;
append_to_file($key, "00\n");
chmod 0600, $key;
like(receive(), qr/holds no key/, 'a short key');
unlink $key;
append_to_file($key, '0' x 64);
chmod 0600, $key;
like(receive(), qr/could not open the credential .*another key/s, 'another key');
unlink $key;

# a path of one's own is never made
my $other = $node->basedir . '/other.key';
$node->append_conf('postgresql.conf', "linecrm.key_file = '$other'");
$node->reload;
like(set_secret($secret), qr/could not open the key file/, 'a chosen path that is missing is a mistake');
ok(!-e $other, 'and nothing was made');
append_to_file($other, $text);
chmod 0600, $other;
is(receive(), '0', 'the key, put back at another place, opens what it sealed');

$node->stop;
done_testing();
