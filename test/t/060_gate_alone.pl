# There is one way in which SQL that users wrote is parsed and run: src/crm/run_as.c. And a function that catches every
# cancel loses its session, not the server its planner.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tree = $ENV{LINECRM_TREE} || '.';
my %callers;
for my $file (glob("$tree/src/*.c $tree/src/*/*.c"))
{
	my $text = slurp_file($file);
	$text =~ s{/\*.*?\*/}{}gs;
	$file =~ s{^\Q$tree\E/}{};
	while ($text =~ /\b(raw_parser|pg_parse_query|parse_analyze\w*|pg_analyze\w*|pg_plan_quer\w*|planner|CreateQueryDesc|ExecutorStart|ExecutorRun|LC_EXECUTOR_RUN|ProcessQuery)\s*\(/g)
	{
		push @{ $callers{$1} }, $file;
	}
}
my %elsewhere = map { my $name = $_; my @files = grep { $_ ne 'src/crm/run_as.c' } @{ $callers{$name} }; @files ? ($name => \@files) : () } keys %callers;
is_deeply(\%elsewhere, {}, 'only run_as.c parses, plans and executes text');
ok($callers{raw_parser} && $callers{LC_EXECUTOR_RUN}, 'and it does');

# What other C code hands to SPI is a constant: a literal, or a name that the file declares as constant text. Looked at:
# turns.c calls functions whose names stand in tables of clerk.c and planner.c.
my %looked_at = ('src/worker/turns.c' => 'sql');
for my $file (glob("$tree/src/*.c $tree/src/*/*.c"))
{
	my $text = slurp_file($file);
	$file =~ s{^\Q$tree\E/}{};
	next unless $text =~ /\bSPI_/;
	my @loose = grep { !/^"/ && $_ ne ($looked_at{$file} || '') && $text !~ /\bconst\s+char\s*(?:\*\s*(?:const\s+)?)?\Q$_\E\b/ }
		$text =~ /\bSPI_(?:exec|execute|execute_with_args|prepare|execute_extended)\s*\(\s*([^,\n]+)/g;
	is("@loose", '', "$file gives SPI constants only");
}

# Time is kept, whatever a function catches.
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'linecrm'\nlinecrm.databases = 'none'\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION linecrm;
CREATE ROLE author;
CREATE SCHEMA own AUTHORIZATION author;
SET ROLE author;
CREATE FUNCTION own.stubborn() RETURNS bigint LANGUAGE plpgsql STABLE AS
$$ BEGIN LOOP BEGIN LOOP NULL; END LOOP; EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;
SQL
my ($status, $out, $err) = $node->psql('postgres',
	q{SELECT linecrm_internal._run_query('author', 'own', 'SELECT stubborn()', 200, NULL)}, timeout => 60);
isnt($status, 0, 'a function that catches every cancel does not succeed');
like($err, qr/terminating connection/, 'its session ends');
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server goes on');
$node->stop;
done_testing();
