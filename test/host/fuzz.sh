#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Each fuzzer on its corpus, and on a fixed number of inputs that it makes of it: "make fuzz" goes
# on from there, see doc/testing.md.

# shellcheck source-path=SCRIPTDIR disable=SC2317	# functions by name
. "$(dirname "$0")/../tap.sh"

# run NAME OPTION... - says what it found only when it found something
run()
{
	local name=$1 status=0

	shift
	"$BUILD/fuzz/$name" -seed=1 -print_final_stats=0 "-artifact_prefix=$scratch/" "$@" \
		"test/fuzz/corpus/$name" >"$scratch/log" 2>&1 || status=$?
	((status == 0)) || grep -vE '^#[0-9]+' "$scratch/log" | head -n 40
	return "$status"
}

for source in test/fuzz/*.c; do
	name=$(basename "$source" .c)
	quiet "$name: its corpus" run "$name" -runs=0
	mkdir "$scratch/$name"
	quiet "$name: 20000 inputs" run "$name" -runs=20000 "$scratch/$name"
done
quiet "every corpus has its fuzzer" diff <(ls test/fuzz/corpus) \
	<(basename -s .c test/fuzz/*.c | sort)
finish
