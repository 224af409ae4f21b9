# shellcheck shell=bash disable=SC2154	# what lab/build has
# SPDX-License-Identifier: GPL-2.0
#
# How the debug kernel is made: a part of lab/build, which sources it. Never run.

# Runs in the builder: compiles the debug kernel of /work/source in /work/out. Says how far it is.
# shellcheck disable=SC2016	# for the shell in the builder
DEBUG_KERNEL='
	jobs=$1 cc=$2
	mkdir -p /work/out /work/tree/usr/lib
	# A new configuration finds most of the last one in the cache.
	export CCACHE_DIR=/ccache CCACHE_MAXSIZE=2G
	export KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=holdfast
	kbuild()
	{
		nice make -C /work/source O=/work/out "CC=ccache $cc" "HOSTCC=ccache $cc" "-j$jobs" "$@"
	}
	kbuild -s "KCONFIG_ALLCONFIG=/work/config" allnoconfig
	# What a line of ours depends on may be missing, and kconfig says nothing of it.
	refused=$(grep -E "^(# )?CONFIG_" /work/config | while read -r line; do
		grep -qxF "$line" /work/out/.config || echo "$line"
	done)
	if [ "$refused" ]; then
		echo "lab/debug-kernel.config: kconfig did not take: $refused"
		exit 1
	fi
	files=0
	# Not awk, which waits for a full buffer.
	if ! kbuild bzImage modules 2>&1 | tee /work/log | while read -r kind _; do
		case $kind in
		CC|AS|LD|AR)	((++files % 250)) || echo "lab: $files files so far" ;;
		esac
	done; then
		grep -B 1 -A 10 -E "error:|\*\*\*" /work/log || tail -n 30 /work/log
		exit 1
	fi
	kbuild -s INSTALL_MOD_PATH=/work/tree/usr modules_install
	cp /work/out/arch/x86/boot/bzImage /work/vmlinuz
	cat /work/out/include/config/kernel.release >/work/release
	# The part of source and output that the build of a module takes. A compiler that differs
	# in name only would have kbuild make its tools once more.
	kbuild -s run-command "KBUILD_RUN_COMMAND=\$(srctree)/scripts/package/install-extmod-build /work/headers"
	echo "CC = $cc" >/work/headers/.kernelvariables
	cp /work/out/.config /work/out/System.map /work/headers
'

# fetch_source WORK - the source of the debug kernel, in WORK/source
fetch_source()
{
	local work=$1

	say "fetching $DEBUG_SOURCE (150 MB)"
	mkdir -p "$work"/{debs,source}
	apt_private "$work/apt" "$DEBUG_SUITE"
	(cd "$work/debs" && APT_CONFIG=$work/apt/apt.conf apt-get -qq download "$DEBUG_SOURCE")
	dpkg-deb --fsys-tarfile "$work/debs/"*.deb |
		tar -x -O --wildcards "*/$DEBUG_SOURCE.tar.xz" | xz -d | tar -x -C "$work/source" --strip-components=1
}

make_debug_kernel()
{
	local dir=$1 builder=$2 work=$1/work release

	fetch_source "$work"
	mkdir -p "$work/tree/usr" "$LAB_CACHE/ccache" "$dir/headers/usr/src"
	cp "$LAB_SRC/lab/debug-kernel.config" "$work/config"

	say "compiling it: 10 minutes with two CPUs of one's own, and 3 GB of disk meanwhile"
	in_builder "$builder" "$work:/work" "$LAB_CACHE/ccache:/ccache" -- \
		bash -euo pipefail -c "$DEBUG_KERNEL" debug-kernel "$(nproc)" "$DEBUG_CC"
	release=$(<"$work/release")
	mv "$work/headers" "$dir/headers/usr/src/linux-headers-$release"
	mv "$work/vmlinuz" "$dir/vmlinuz"
	rm -f "$work/tree/usr/lib/modules/$release"/{build,source}
	ln -s usr/lib "$work/tree/lib"
	pack_kernel "$dir" "$release" "$builder"
}
