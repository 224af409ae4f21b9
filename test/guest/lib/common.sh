# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What guest tests that are scripts share, beyond test/tap.sh. Sourced.

# shellcheck disable=SC2034	# for who sources this
pmem=/mnt/pmem
# How many times slower than others this guest is: lab/guest knows.
scale=${HOLDFAST_TIME_SCALE:-1}
# Whole, because tests go to other folders.
BUILD=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../../build" && pwd)
# shellcheck source=test/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tap.sh"

bail()
{
	echo "Bail out! $*"
	exit 1
}

# ok TEXT COMMAND... - one test: COMMAND succeeds. It may be a function of the test, which sees
# our local names: hence the underscores.
ok()
{
	local text_=$1 out_ status_=0

	shift
	out_=$("$@" 2>&1) || status_=$?
	result "$status_" "$text_"
	((status_ == 0)) || diag "exit status $status_ of: $*"$'\n'"$out_"
}

# fails TEXT COMMAND... - one test: COMMAND does not succeed
fails()
{
	local text_=$1 out_ status_=0

	shift
	out_=$("$@" 2>&1) || status_=$?
	result $((status_ == 0)) "$text_"
	((status_)) || diag "succeeded: $*"$'\n'"$out_"
}

# is GOT WANT TEXT - one test: two strings are equal
is()
{
	local status=0

	[[ $1 == "$2" ]] || status=1
	result "$status" "$3"
	((status == 0)) || diag "got:  $1"$'\n'"want: $2"
}

# like TEXT-TO-SEARCH REGEX TEXT - one test
like()
{
	local status=0

	[[ $1 =~ $2 ]] || status=1
	result "$status" "$3"
	((status == 0)) || diag "got:  $1"$'\n'"want: $2"
}

# soon COMMAND... - true as soon as COMMAND is, false when that takes 20 s (or more: see scale)
soon()
{
	local limit_=$((SECONDS + 20 * scale))

	until "$@" >/dev/null 2>&1; do
		((SECONDS < limit_)) || return 1
		sleep 0.02
	done
}

# make_file FILE MIB
make_file()
{
	dd if=/dev/urandom of="$1" bs=1M count="$2" status=none || bail "cannot make $1"
}

# hold_start ARG... - run test/guest/hold.c in the background until it has all it wants: sets holder
# (its pid) and lease (its descriptor)
hold_start()
{
	local line

	exec {holder_out}< <(exec hold "$@" 2>&1)
	holder=$!
	read -r -t $((20 * scale)) line <&"$holder_out" || line="nothing said"
	[[ $line == "lease "* ]] || bail "hold $*: $line"
	# shellcheck disable=SC2034	# for who sources this
	lease=${line#lease }
}

# drop - end the holder by SIGKILL
drop()
{
	kill -KILL "$holder" 2>/dev/null
	wait "$holder" 2>/dev/null
	exec {holder_out}<&-
}

gone()
{
	[[ ! -e /proc/$1 ]]
}

# leases - how many there are
leases()
{
	tail -n +2 /proc/fs/holdfast/leases | wc -l
}

no_leases()
{
	(($(leases) == 0))
}

# any_pinned - a lease has pins
any_pinned()
{
	holdfast ls --json | grep -q '"pinned": *[1-9]'
}

# at_once COMMAND... - it ends well before any break time
at_once()
{
	timeout $((5 * scale)) "$@"
}
