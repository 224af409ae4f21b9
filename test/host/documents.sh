#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Documents for people: every link leads to a file and a heading, and every listing that names an example is a part of it.

# shellcheck source-path=SCRIPTDIR disable=SC2317	# functions by name
. "$(dirname "$0")/../tap.sh"

# links FILE - prints each link of FILE that does not lead to a file or folder, or not to a heading
links()
{
	perl -e '
		use File::Basename;
		sub anchors {
			my %found;
			open my $in, "<", $_[0] or return;
			while (<$in>) {
				next unless /^#+ +(.*)/;
				my $name = lc $1;
				$name =~ s/[^\w -]//g;
				$name =~ s/ /-/g;
				$found{$name} = 1;
			}
			return \%found;
		}
		my ($page) = @ARGV;
		open my $in, "<", $page or die "$page: $!";
		while (<$in>) {
			my $line = $.;
			$code = !$code if /^```/;
			next if $code;
			while (/\]\(([^)\s]+)\)/g) {
				my ($file, $heading) = split /#/, $1, 2;
				next if $file =~ /^[a-z]+:/;
				my $path = $file eq "" ? $page : dirname($page) . "/$file";
				if (!-e $path) {
					print "$page:$line: no $file\n";
				} elsif (defined $heading && !anchors($path)->{$heading}) {
					print "$page:$line: no heading #$heading in $path\n";
				}
			}
		}' "$1"
}

# listings FILE - prints each listing of FILE that says "```c examples/NAME" and is no part of that file
listings()
{
	perl -0777 -e '
		my ($page) = @ARGV;
		open my $in, "<", $page or die "$page: $!";
		my $text = <$in>;
		while ($text =~ /^```c +(\S+)\n(.*?)^```$/msg) {
			my ($file, $listing) = ($1, $2);
			open my $source, "<", $file or do { print "$page: no $file\n"; next };
			print "$page: not in $file:\n$listing" if index(<$source>, $listing) < 0;
		}' "$1"
}

mapfile -t pages < <(sources '*.md')
for page in "${pages[@]}"; do
	quiet "$page: links" links "$page"
	quiet "$page: listings" listings "$page"
done

# A test that cannot fail says nothing.
printf '%s\n' '[a](gone.md)' '[b](page.md#nothing)' '# Some heading' '[c](#some-heading)' >"$scratch/page.md"
gives "a link to nothing is found" 0 "*:1: no gone.md*:2: no heading #nothing in *page.md" links "$scratch/page.md"
printf '%s\n' '```c examples/01-register.c' 'int nothing;' '```' >"$scratch/page.md"
gives "a listing that is not the example's is found" 0 "*not in examples/01-register.c:*int nothing;" listings "$scratch/page.md"
for page in doc/guide/*.md; do
	quiet "$page: each listing in C names its example" bash -c "! grep -n '^\`\`\`c\$' $page"
done

finish
