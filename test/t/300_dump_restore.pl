# A dump holds the whole CRM, a parallel restore brings it back, and the restored database sends nothing by itself.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = PostgreSQL::Test::Cluster->new('source');
$source->init;
$source->append_conf('postgresql.conf', "shared_preload_libraries = 'linecrm'\nlinecrm.databases = 'none'\n");
$source->start;
$source->safe_psql('postgres', 'CREATE DATABASE shop');
$source->safe_psql('shop', 'CREATE EXTENSION linecrm');
$source->safe_psql('shop', <<'SQL');
SELECT linecrm.save_channel('main');
SELECT linecrm.import_friends(ARRAY(SELECT ('U' || md5(i::text))::linecrm.line_user_id FROM generate_series(1, 3000) i));
SELECT linecrm.save_tag('vip');
SELECT linecrm.tag_friends(linecrm.friendset(ARRAY(SELECT friend_id FROM linecrm.friend WHERE friend_id % 3 = 0)), 'vip');
SELECT linecrm.link_member(friend_id, 'm' || friend_id, 'csv') FROM linecrm.friend WHERE friend_id % 5 = 0;
SELECT linecrm.save_segment('vips', 'SELECT friend_id FROM linecrm.friend_tag WHERE tag = ''vip''');
SELECT linecrm.save_message('hello', linecrm.text_message('hello'));
SELECT linecrm.deliver(segment => 'vips', message => 'hello', at => now(), key => 'first', at_most => 5000);
SELECT linecrm.push(1, messages => linecrm.text_message('one'), key => 'one');
SQL

# Every table with its number of rows, and every sequence with its position.
my $everything = <<'SQL';
SELECT c.relname, CASE c.relkind WHEN 'S' THEN pg_sequence_last_value(c.oid)::text
	ELSE (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM linecrm_internal.%I', c.relname), false, true, '')))[1]::text END
FROM pg_class c WHERE c.relnamespace = 'linecrm_internal'::regnamespace AND c.relkind IN ('r', 'S') ORDER BY 1
SQL
my $before = $source->safe_psql('shop', $everything);
like($before, qr/^friend\|3000$/m, 'there is something to lose');

my $dump = $source->basedir . '/shop.dump';
$source->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $source->connstr('shop') ], 'pg_dump');

my $target = PostgreSQL::Test::Cluster->new('target');
$target->init;
$target->append_conf('postgresql.conf', "shared_preload_libraries = 'linecrm'\nlinecrm.databases = 'none'\n");
$target->start;
for my $jobs (1, 4)
{
	my $database = "restored_$jobs";
	$target->safe_psql('postgres', "CREATE DATABASE $database");
	$target->command_ok([ 'pg_restore', '--exit-on-error', '-j', $jobs, '-d', $target->connstr($database), $dump ],
		"pg_restore -j $jobs");
	is($target->safe_psql($database, $everything), $before, "-j $jobs: every row and every sequence is back");
	is($target->safe_psql($database, 'SELECT item, detail FROM linecrm.check_integrity() WHERE NOT ok'), '', "-j $jobs: whole");
	is($target->safe_psql($database, q{SELECT linecrm.cardinality(linecrm.tag_set('vip'))}), '1000', "-j $jobs: sets work");
}
done_testing();
