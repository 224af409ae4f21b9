# shellcheck shell=bash disable=SC2034	# most of this is for the scripts that source it
# SPDX-License-Identifier: GPL-2.0
#
# What every lab script shares: where things are, how to speak, what the host must have.
# Sourced, never run.

PATH=$PATH:/usr/sbin:/sbin	# chroot and others are there, and a user may not look there
LAB_SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)	# the checkout
# Images are big, shared by all checkouts and not worth a place in one.
LAB_CACHE=${HOLDFAST_LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/holdfast-lab}
# A kernel is one line here: its name, and the Debian suites that have it. Of one that is no number it is the newest of
# all these suites: "next", which need not work yet.
declare -A LAB_KERNEL_SUITES=(
	[6.1]=bookworm
	[6.12]=trixie
	[7.2]=trixie-backports
	[next]='trixie-backports sid experimental'
)
LAB_NEXT=next
mapfile -t LAB_KERNELS < <(printf '%s\n' "${!LAB_KERNEL_SUITES[@]}" | grep -vxF "$LAB_NEXT" | sort -V)
LAB_SUITES=(bookworm trixie)	# the Debians that packages are for: 12, 13
LAB_MEMORIES=(legacy nvdimm cxl)	# the kinds of persistent memory a guest can have
LAB_QEMU_MAJOR=10	# the oldest QEMU that guests run on: it has CXL memory, and runs tests in 3/4 of the time of 7.2
LAB_DEBUG=debug		# the one that is not stock: lab/debug-kernel.config
LAB_DEBUG_SCALE=6	# what takes a second on a stock kernel may take as many on that one

# The lab's own exit statuses; COMMAND's pass through unchanged.
LAB_EXIT_TIMEOUT=124	# COMMAND did not end in time
LAB_EXIT_BROKEN=125	# no verdict: the guest died, did not boot, or could not be built
LAB_EXIT_CUT=137	# the guest's power was cut, as planned
LAB_EXIT_DIRTY=126	# a verdict, but the kernel log or the clean-up shows a kernel bug

say()
{
	printf 'lab: %s\n' "$*" >&2
}

die()
{
	say "$*"
	exit "$LAB_EXIT_BROKEN"
}

# need_host - the host's part, checked as a whole before anything starts: one message names
# everything that is missing, rather than one thing after each long step.
need_host()
{
	local pair missing=()
	local needed=(qemu-system-x86_64:qemu-system-x86 mmdebstrap:mmdebstrap
		mksquashfs:squashfs-tools cpio:cpio make:make unshare:util-linux)

	# mmdebstrap without root asks newuidmap for a range of user ids.
	((EUID == 0)) || needed+=(newuidmap:uidmap)
	for pair in "${needed[@]}"; do
		command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	((${#missing[@]} == 0)) ||
		die "missing packages: ${missing[*]}; install with: sudo apt-get install ${missing[*]}"
}

# lab_qemu - print the QEMU that guests run on: the host's or, if that is too old, the one in the lab's cache
lab_qemu()
{
	local version

	version=$(qemu-system-x86_64 --version | sed -n 's/^QEMU emulator version \([0-9]*\)\..*/\1/p')
	if [[ ${HOLDFAST_QEMU:-} ]]; then
		printf '%s\n' "$HOLDFAST_QEMU"
	elif ((${version:-0} >= LAB_QEMU_MAJOR)); then
		command -v qemu-system-x86_64
	else
		printf '%s/qemu-system-x86_64\n' "$("$LAB_SRC/lab/build" qemu)"
	fi
}

# build_checkout SERIES... - all that guests of these kernels take from the checkout
build_checkout()
{
	local series

	[[ ! -e $LAB_SRC/Makefile ]] || make -s -C "$LAB_SRC" all >&2 || die "make all failed"
	[[ -e $LAB_SRC/kmod/Kbuild ]] || return 0
	for series; do
		"$LAB_SRC/lab/module" "$series"
		"$LAB_SRC/lab/module" "$series" "$LAB_SRC/test/kmod" "$LAB_SRC/build/test-kmod/$series"
	done
}

# The Debian mirror this host already uses, so that no address is written down here.
mirror()
{
	local uri

	uri=${HOLDFAST_MIRROR:-}
	# shellcheck disable=SC2016	# for apt
	[[ $uri ]] || uri=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 2>/dev/null |
		grep -v -- '-security' | head -n 1 || true)
	[[ $uri ]] || die "apt knows no Debian mirror (apt-get update?); name one in HOLDFAST_MIRROR"
	printf '%s\n' "${uri%/}"
}

is_kernel()
{
	[[ " ${LAB_KERNELS[*]} $LAB_NEXT $LAB_DEBUG " == *" $1 "* ]]
}

# in_builder ROOT SOURCE:TARGET... -- COMMAND [ARG...]
# Run COMMAND as root of the builder, with each SOURCE seen at TARGET in it. The mounts live in
# a namespace of their own and go with the command; a plain user is root in there only.
in_builder()
{
	local user=()

	((EUID == 0)) || user=(--user --map-root-user)
	# shellcheck disable=SC2016	# for the inner shell
	unshare "${user[@]}" --mount sh -euc '
		root=$1
		shift
		mount --rbind /dev "$root/dev"
		mount --rbind /proc "$root/proc"
		mount -t tmpfs tmp "$root/tmp"
		while [ "$1" != -- ]; do
			target=$root${1#*:}
			[ -e "$target" ] || mkdir -p "$target"
			mount --bind "${1%%:*}" "$target"
			shift
		done
		shift
		exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin HOME=/ LC_ALL=C.UTF-8 "$@"
	' in_builder "$@"
}
