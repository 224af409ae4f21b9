# shellcheck shell=bash disable=SC2154	# common.sh is sourced before
# SPDX-License-Identifier: GPL-2.0
#
# What tests of holdfast doctor share. Sourced.

# What it is told to look at
files=()

# examine [COMMAND...] - what the doctor, run by COMMAND, finds
examine()
{
	findings=$("$@" holdfast doctor "${files[@]}" 2>&1)
}

# finds SEVERITY CHECK PATTERN - one test: it has this finding, and as a note or worse says why it matters
finds()
{
	local severity=$1 check=$2 pattern=$3 line why

	while IFS= read -r line; do
		# shellcheck disable=SC2053	# a pattern on purpose
		[[ $line == $severity*" $check "*$pattern ]] || continue
		why=$(grep -F -A 1 "$line" <<<"$findings")
		if [[ $severity == ok || $why == *" why: "* ]]; then
			result 0 "$severity, $check: $pattern"
			return
		fi
	done <<<"$findings"
	result 1 "$severity, $check: $pattern"
	diag "$findings"
}
