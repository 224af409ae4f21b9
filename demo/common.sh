# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What both acts of the demo share. Whatever is printed as a result was looked at just before. Sourced.

# shellcheck disable=SC2034	# for who sources this
pmem=/mnt/pmem
# shellcheck disable=SC2034
examples=/src/build/examples
work=$(mktemp -d)
failures=0

step()
{
	printf '\n(%s) %s\n' "$1" "$2"
}

say()
{
	printf '    %s\n' "$*"
}

# check TEXT COMMAND... - TEXT is so if COMMAND succeeds
check()
{
	local text=$1

	shift
	if "$@" >/dev/null 2>&1; then
		printf '    ok      %s\n' "$text"
	else
		printf '    FAILED  %s\n' "$text"
		failures=$((failures + 1))
	fi
}

# soon COMMAND... - until it succeeds, for 30 s at most, longer on slow kernels
soon()
{
	local limit=$((SECONDS + 30 * ${HOLDFAST_TIME_SCALE:-1}))

	until "$@" >/dev/null 2>&1; do
		((SECONDS < limit)) || return 1
		sleep 0.02
	done
}

show()
{
	sed 's/^/    | /'
}

# changed OP FILE [OFFSET [LENGTH [OTHER]]] - the change, by the tests' program: its $error, when it was to $begin and its $end, in ns
changed()
{
	{ read -r begin; read -r error end; } < <(change "$@")
	begin=$((10#$begin))
}

# verdict - the last line, and the exit status
verdict()
{
	if ((failures)); then
		printf '\nverdict: %d checks FAILED\n' "$failures"
		exit 1
	fi
	printf '\nverdict: all checks passed\n'
}
