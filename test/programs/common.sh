# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What tests of other people's programs share: files that a program works on, and another process that
# changes these meanwhile (changes.c). Sourced.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../guest/lib/common.sh"

# shellcheck disable=SC2034	# for who sources this
# For how long a program works while its files change
seconds=${HOLDFAST_PROGRAM_SECONDS:-6}
files=("$pmem/program.0" "$pmem/program.1")
# rxe has less room than libfabric's rxm asks for by default.
export FI_PROVIDER=verbs,ofi_rxm FI_VERBS_IFACE=dummy0 FI_UNIVERSE_SIZE=2 FI_OFI_RXM_MSG_TX_SIZE=128 FI_OFI_RXM_MSG_RX_SIZE=128
# What runs a program with Holdfast: a change has a minute. The shim reports what it does.
# shellcheck disable=SC2034
held=(holdfast run -v --break-time 60)

# ucx_for_mpi LINK - what MPI needs of UCX. Workers find each other by TCP on LINK, because by UD they do not (ucx).
ucx_for_mpi()
{
	export UCX_TLS=rc_verbs,tcp UCX_NET_DEVICES="rxe0:1,$1" UCX_IB_GID_INDEX=1 UCX_WARN_UNUSED_ENV_VARS=n
	# At a job's end UCX does not expect one of the events of the device. Soft RoCE takes 7 retries, UCX's default, for
	# no limit, also where the peer has gone before it has acknowledged all.
	export UCX_IB_ASYNC_EVENTS=n UCX_RC_RETRY_COUNT=6
}

files_remove()
{
	rm -f "${files[@]}" "${files[@]/%/.clone}"
}

# Not a multiple of 2 MiB: then a truncation to this length concerns mapped bytes.
file_kib=1984

# By turns, so that no file has 2 MiB in one piece. Programs store to these files while parts of them are shared:
# with large page cache entries the kernel by itself stops then (doc/semantics.md, clear_inode()).
files_make()
{
	local file at length

	files_remove
	for ((at = 0; at < file_kib; at += 1024)); do
		length=$((file_kib - at < 1024 ? file_kib - at : 1024))
		for file in "${files[@]}"; do
			fallocate -o ${at}K -l ${length}K "$file" || bail "cannot make $file"
		done
	done
}

# within SECONDS COMMAND... - true as soon as COMMAND is, for what takes a program some time
within()
{
	local limit_=$((SECONDS + $1 * scale))

	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < limit_)) || return 1
		sleep 0.2
	done
}

# limited COMMAND... - what it prints is in $scratch/out
limited()
{
	local status=0

	timeout -s KILL $((120 * scale)) "$@" >"$scratch/out" 2>&1 || status=$?
	((status == 0)) || diag "$(tail -n 30 "$scratch/out" | tr -d '\0')"
	return "$status"
}

# changing TEXT COMMAND... - COMMAND works while its files change, and each change is done within its break
# time. $change_options are those of changes.c.
change_options=()
changing()
{
	local text=$1 changes

	shift
	changes "${change_options[@]}" 60000 "${files[@]}" >"$scratch/changes" 2>&1 &
	changes=$!
	ok "$text while its files change" limited "$@"
	kill -TERM $changes
	wait $changes
	is $? 0 "... all changes are done within the break time"
	diag "$(tail -n 1 "$scratch/changes")"
	diag "$(sort -t: -k2 -n "$scratch/changes" | grep -v changes, | tail -n 3)"
}

# goes_on TEXT COMMAND... - the same, nothing is taken from COMMAND, and it met changes
goes_on()
{
	changing "$@"
	is "$(grep -ac 'took the memory region' "$scratch/out")" 0 "... nothing is taken from it"
	is "$(grep -ac 'a change waits' "$scratch/out" | grep -c '^0$')" 0 "... and changes met it"
	ok "... no lease is left" soon no_leases
}

# How many ranks of a program write to $scratch/out
ranks=2

# rounds_right - what they say of their data
rounds_right()
{
	diag "$(grep -a '^rank' "$scratch/out")"
	is "$(grep -ac ' 0 pages wrong' "$scratch/out")" $ranks "... all data is right"
}
