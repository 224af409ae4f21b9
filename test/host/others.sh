#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does test/others/compare see what differs? A comparison that finds everything the same looks just
# like one that compares nothing.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.sh"

# three ABSENT IDLE HELD - the cases of one suite, in printf's notation
three()
{
	local mode

	rm -rf "$scratch/s"
	for mode in absent idle held; do
		mkdir -p "$scratch/s/$mode"
		# shellcheck disable=SC2059	# a format on purpose
		printf "$1" >"$scratch/s/$mode/cases"
		shift
	done
}

compares()
{
	gives "$1" "$2" "$3" test/others/compare guest "$scratch" s
}

same='pass\ta\nfail\tb\nskip\tc\n'
three "$same" "$same" "$same"
compares "the same" 0 "*s * 3 | 1/1/1 *| 1/1/1 *| 1/1/1 *| 0*fails in all three  s: b"
three "$same" "$same" 'pass\ta\npass\tb\nskip\tc\n'
compares "one passes only with a lease" 1 "*| 1*DIFFERS  s: b: fail fail pass"
three "$same" 'skip\ta\nfail\tb\nskip\tc\n' "$same"
compares "one is skipped with the module" 1 "*| 1*DIFFERS  s: a: pass skip pass*"
three "$same" "$same" 'pass\ta\nfail\tb\n'
compares "one is not there with a lease" 1 "*| 1*DIFFERS  s: c: skip skip none*"
three 'pass\ta\npass\ta\n' 'pass\ta\npass\ta\n' 'pass\ta\nfail\ta\n'
compares "of two with one name the second differs" 1 "*DIFFERS  s: a (2): pass pass fail*"
three "$same" "$same" "$same"
rm "$scratch/s/held/cases"
compares "a mode without a result" 1 "*| no result*DIFFERS*"
three '' '' ''
compares "no cases at all" 1 "*nothing to compare*"
finish
