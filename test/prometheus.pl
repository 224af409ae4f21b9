# SPDX-License-Identifier: GPL-2.0
#
# Strict about the text format of Prometheus, as "promtool check metrics" is, and more so: reads it on
# standard input, and complains of the first thing that is wrong. Run as "perl test/prometheus.pl".

use strict;
use warnings;

my (%help, %type, %seen, %over, %buckets, %count, $family);
my $name = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $value = qr/(?:[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf)|NaN)/;
my $label = qr/[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"/;

local $SIG{__DIE__} = sub { print STDERR @_; exit 1 };

sub wrong { die "line $.: $_[0]: $_" }

# Samples of one family stand together.
sub enter
{
	my ($next) = @_;

	return if defined $family && $family eq $next;
	wrong("$next comes a second time") if $over{$next};
	$over{$family} = 1 if defined $family;
	$family = $next;
}

sub family_of
{
	my ($sample) = @_;
	(my $base = $sample) =~ s/_(bucket|sum|count)$//;

	return $base if $base ne $sample && ($type{$base} // '') eq 'histogram';
	return $sample;
}

while (<STDIN>) {
	wrong("no end of line") unless /\n\z/;
	if (/^# HELP ($name) (.+)$/) {
		my $of = $1;

		enter($of);
		wrong("HELP twice") if $help{$of}++;
		wrong("HELP after TYPE") if $type{$of};
	} elsif (/^# TYPE ($name) (counter|gauge|histogram)$/) {
		my ($of, $kind) = ($1, $2);

		enter($of);
		wrong("TYPE twice") if $type{$of};
		wrong("TYPE without HELP") unless $help{$of};
		wrong("_total is for counters") if ($kind eq 'counter') != !!($of =~ /_total$/);
		$type{$of} = $kind;
	} elsif (/^($name)(?:\{($label(?:,$label)*)?\})? ($value)$/) {
		my ($sample, $labels, $number) = ($1, $2 // '', $3);
		my $of = family_of($sample);
		my %labels;

		enter($of);
		wrong("no TYPE") unless $type{$of};
		wrong("a sample twice") if $seen{"$sample\{$labels\}"}++;
		while ($labels =~ /\G,?([^=]+)=("(?:[^"\\]|\\.)*")/g) {
			wrong("label $1 twice") if exists $labels{$1};
			$labels{$1} = $2;
		}
		wrong("a counter below zero") if $type{$of} eq 'counter' && $number < 0;
		next unless $type{$of} eq 'histogram';
		my $le = delete $labels{le};
		my $key = join ',', $of, map { "$_=$labels{$_}" } sort keys %labels;
		wrong("a histogram without a bucket") if $sample =~ /_bucket$/ && !$le;
		push @{$buckets{$key}}, [$le =~ /"(.*)"/, $number] if $sample =~ /_bucket$/;
		$count{$key} = $number if $sample =~ /_count$/;
		$count{"sum of $key"} = $number if $sample =~ /_sum$/;
	} else {
		wrong("not of the format");
	}
}
for my $key (keys %buckets) {
	my ($last, $at) = (0, -1);

	for (@{$buckets{$key}}) {
		my ($le, $number) = @$_;
		my $edge = $le eq '+Inf' ? 9**9**9 : $le;

		die "$key: buckets are not in order\n" unless $edge > $at;
		die "$key: bucket $le has fewer than the one before\n" if $number < $last;
		($last, $at) = ($number, $edge);
	}
	die "$key: no bucket +Inf\n" unless $buckets{$key}[-1][0] eq '+Inf';
	die "$key: the count is not that of +Inf\n" unless defined $count{$key} && $count{$key} == $last;
	die "$key: no sum\n" unless defined $count{"sum of $key"};
}
die "nothing\n" unless %type;
