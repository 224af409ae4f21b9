# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Test Anything Protocol for host tests that are scripts; test/tap.h is the same for programs.
# Sourced. Needs BUILD, the build folder; runs in the checkout.

set -u
export LC_ALL=C
: "${BUILD:=build}"
export LD_LIBRARY_PATH=$BUILD/lib
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

tap_count=0
tap_failures=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

diag()
{
	local line

	while IFS= read -r line; do
		printf '# %s\n' "$line"
	done <<<"$*"
}

# result STATUS TEXT... - one test, passed when STATUS is 0
result()
{
	local status=$1 not=''

	shift
	tap_count=$((tap_count + 1))
	if ((status)); then
		tap_failures=$((tap_failures + 1))
		not='not '
	fi
	printf '%sok %d - %s\n' "$not" "$tap_count" "$*"
	return "$status"
}

skip()
{
	tap_count=$((tap_count + 1))
	printf 'ok %d # SKIP %s\n' "$tap_count" "$*"
}

# quiet TEXT COMMAND... - one test: COMMAND succeeds and says nothing
quiet()
{
	local text=$1 out status=0

	shift
	out=$("$@" 2>&1) || status=$?
	[[ $out && $status == 0 ]] && status=1
	result "$status" "$text" || diag "$out"
}

# gives TEXT STATUS OUTPUT COMMAND... - one test: COMMAND exits with STATUS, and all that it
# prints matches the pattern OUTPUT
gives()
{
	local text=$1 want=$2 pattern=$3 out status=0

	shift 3
	out=$("$@" 2>&1) || status=$?
	# shellcheck disable=SC2053	# a pattern on purpose
	if [[ $status == "$want" && $out == $pattern ]]; then
		result 0 "$text"
	else
		result 1 "$text"
		diag "exit status $status, want $want, of: $*"$'\n'"$out"$'\n'"wanted: $pattern"
	fi
}

# have COMMAND PACKAGE - true when it is there; otherwise one failed test that says what to install
have()
{
	command -v "$1" >/dev/null && return
	result 1 "$1 is there (apt-get install $2)"
}

# sources PATTERN... - the files that match, as git knows them, or in a tarball all there are
sources()
{
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -- "$@" | while read -r file; do
			[[ -f $file ]] && printf '%s\n' "$file"
		done
	else
		for pattern; do
			find . -path "./$BUILD" -prune -o -path "./$pattern" -type f -print
		done | sed 's|^\./||'
	fi
}

finish()
{
	echo "1..$tap_count"
	exit $((tap_failures > 0))
}
