#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The benchmarks' reports: bench/results/README.md has the table of the committed results, and "check" sees what is
# worse. The workloads are tried in a guest: test/guest/tool/bench.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.sh"

report=bench/report
results=(bench/results/*.json)

if [[ -e ${results[0]} ]]; then
	cp bench/results/README.md "$scratch/README.md"
	quiet "README.md takes the table" $report readme "$scratch/README.md" "${results[@]}"
	quiet "bench/results/README.md has the table of the results: see bench/report readme" \
		cmp bench/results/README.md "$scratch/README.md"
else
	skip "there are no bench/results"
fi

# samples LEASE PEER - three rounds of one measure, and a bit of spread
samples()
{
	local round

	for round in 0 1 2; do
		printf '{"measure":"register","at":4194304,"variant":"lease","round":%d,"value":%d}\n' \
			$round $(($1 + round))
		printf '{"measure":"register","at":4194304,"variant":"device-dax","round":%d,"value":%d}\n' \
			$round "$2"
	done
}

# digest NAME LEASE PEER - results of such samples
digest()
{
	samples "$2" "$3" >"$scratch/$1.samples"
	$report digest "$scratch/about" "$scratch/$1.samples" >"$scratch/$1.json"
}

cat >"$scratch/about" <<-END
kernel 6.12
release 6.12.0-test
fs xfs
date today
commit none
emulator none
load none
END
digest old 900 1000
digest same 905 1000
digest better 500 1000
digest worse 950 1000
digest missed 1060 1000
digest far 2000 1000
digest farther 2200 1000

gives "a digest says ratio and goal" 0 '*"met" : true*"median" : 0.901*' cat "$scratch/old.json"
gives "a missed goal is told" 0 '*missed*' $report table "$scratch/missed.json"
gives "check: the same" 0 '*0 of 1 ratios are worse*' $report check "$scratch/old.json" "$scratch/same.json"
gives "check: better" 0 '*0 of 1*' $report check "$scratch/old.json" "$scratch/better.json"
gives "check: worse beyond the spread" 1 '*is worse*1 of 1*' \
	$report check "$scratch/old.json" "$scratch/worse.json"
gives "check: a goal that was met" 1 '*misses the goal*' \
	$report check "$scratch/old.json" "$scratch/missed.json"
gives "check: one that was missed, as far as before" 0 '*0 of 1*' \
	$report check "$scratch/far.json" "$scratch/far.json"
gives "check: farther than before" 1 '*is worse*' $report check "$scratch/far.json" "$scratch/farther.json"
quiet "lint: samples" $report lint "$scratch/old.samples"
echo '{"measure":"nonsense","at":0,"variant":"lease","round":0,"value":1}' >"$scratch/bad"
gives "lint: of no known measure" 2 '*bench/measures has no nonsense*' $report lint "$scratch/bad"
echo 'value 7' >"$scratch/bad"
gives "lint: no sample at all" 2 '*:1: not a sample*' $report lint "$scratch/bad"

finish
