#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What make install installs is complete: a program builds against it and runs.

# shellcheck source-path=SCRIPTDIR disable=SC2317	# functions by name
. "$(dirname "$0")/../tap.sh"

root=$scratch/root
version=$(cat VERSION)
mkdir "$root"
unset MAKEFLAGS MFLAGS MAKELEVEL

quiet "make install" make -s BUILD="$scratch/build" DESTDIR="$root" PREFIX=/usr \
	LIBDIR=/usr/lib/x install
quiet "make install-dkms" make -s DESTDIR="$root" install-dkms
for file in usr/bin/holdfast usr/lib/x/libholdfast.so.0 usr/lib/x/libholdfast.a \
	usr/lib/x/libholdfast-preload.so \
	usr/lib/x/libholdfast-verbs.so.0 usr/lib/x/libholdfast-verbs.a \
	usr/lib/x/libholdfast-uring.so.0 usr/lib/x/libholdfast-uring.a \
	usr/lib/x/libholdfast-remote.so.0 usr/lib/x/libholdfast-remote.a \
	usr/include/holdfast_remote.h usr/share/man/man3/hf_remote_flush.3 \
	usr/include/holdfast_uring.h usr/share/man/man3/hf_uring_restore.3 \
	usr/include/holdfast_verbs.h usr/share/man/man3/hf_dereg_mr.3 \
	usr/include/holdfast.h usr/include/linux/holdfast.h usr/share/man/man3/hf_report_next.3 \
	usr/share/man/man1/holdfast-ls.1 usr/lib/modules-load.d/holdfast.conf \
	usr/lib/systemd/system/holdfast-policy.service \
	usr/lib/udev/rules.d/70-holdfast-policy.rules usr/share/man/man5/holdfast-policy.conf.5 \
	usr/sbin/holdfastd usr/lib/systemd/system/holdfastd.service usr/share/man/man8/holdfastd.8 \
	usr/lib/udev/rules.d/60-holdfast.rules usr/lib/sysusers.d/holdfast.conf etc/default/holdfastd \
	usr/share/bash-completion/completions/holdfast \
	"usr/src/holdfast-$version/dkms.conf" "usr/src/holdfast-$version/Kbuild" \
	"usr/src/holdfast-$version/VERSION" "usr/src/holdfast-$version/core/lease.h" \
	"usr/src/holdfast-$version/include/uapi/linux/holdfast.h"; do
	quiet "installs $file" test -e "$root/$file"
done
quiet "no placeholder is left" bash -c \
	"! grep '@[A-Z]' $root/usr/lib/x/pkgconfig/*.pc $root/usr/src/*/dkms.conf \
	$root/usr/lib/systemd/system/*"

cat >"$scratch/program.c" <<-END
	#include <holdfast.h>
	#include <stdio.h>
	int main(void)
	{
		puts(hf_kind_name(HOLDFAST_BREAKABLE));
		return hf_release(-1) != -9;
	}
END

# flags ARG... - pkg-config as if the root were /
flags()
{
	PKG_CONFIG_PATH=$root/usr/lib/x/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root pkg-config "$@"
}
gives "pkg-config knows the version" 0 "$version" flags --modversion holdfast
gives "... also of libholdfast-verbs" 0 "$version" flags --modversion holdfast-verbs
gives "... and of libholdfast-uring" 0 "$version" flags --modversion holdfast-uring
gives "... and of libholdfast-remote" 0 "$version" flags --modversion holdfast-remote
# shellcheck disable=SC2046	# flags are words
quiet "a program builds" gcc -Wall -Werror -o "$scratch/program" "$scratch/program.c" \
	$(flags --cflags --libs holdfast)
gives "... and runs" 0 breakable env LD_LIBRARY_PATH="$root/usr/lib/x" "$scratch/program"
# shellcheck disable=SC2046
quiet "a static one builds" gcc -Wall -Werror -o "$scratch/static" "$scratch/program.c" \
	$(flags --cflags holdfast) "$root/usr/lib/x/libholdfast.a"
gives "... and runs" 0 breakable "$scratch/static"

cat >"$scratch/verbs.c" <<-END
	#include <holdfast_verbs.h>
	#include <stdio.h>
	int main(void)
	{
		puts(hf_mr_state_name(HF_MR_ACTIVE));
		return hf_dereg_mr(NULL) != -22;
	}
END
# The compiler finds libibverbs, which libholdfast-verbs requires, in the real root.
# shellcheck disable=SC2046
quiet "a program with regions builds" gcc -Wall -Werror -o "$scratch/verbs" "$scratch/verbs.c" \
	$(flags --cflags --libs holdfast-verbs)
gives "... and runs" 0 active env LD_LIBRARY_PATH="$root/usr/lib/x" "$scratch/verbs"

# Who links to a library of ours links to what it needs only if it is linked statically.
gives "libibverbs is a private requirement" 0 "libibverbs" flags --print-requires-private holdfast-verbs
gives "... and liburing" 0 "liburing" flags --print-requires-private holdfast-uring

# The loader is for the thread's own message.
quiet "the library needs the C library alone" bash -c \
	"! readelf -d $root/usr/lib/x/libholdfast.so | grep NEEDED | grep -vE '\[(libc|ld-linux.*)\.so'"

# --- packages

# in_packages FILE - whether a package of debian/ has it; of a folder it has everything
in_packages()
{
	local pattern

	while read -r pattern; do
		# shellcheck disable=SC2053	# a pattern
		[[ $1 != $pattern && $1 != $pattern/* ]] || return 0
	done < <(cat debian/*.install)
}

# patterns - those of debian/ that are of no file
unmatched()
{
	local pattern found

	while read -r pattern; do
		found=$(cd "$root" && compgen -G "$pattern") && [[ $found ]] || echo "$pattern"
	done < <(cat debian/*.install)
}

homeless=$(cd "$root" && find . ! -type d -printf '%P\n')
homeless=$(while read -r file; do
	in_packages "$file" || echo "$file"
done <<<"$homeless")
quiet "every file is of a Debian package" printf %s "$homeless"
quiet "every Debian package has its files" unmatched
quiet "debian/changelog has the version" test "$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)" = "$version"

# symbols MAP - the names that it exports
symbols()
{
	sed -n 's/^\t\t\(hf_[a-z_]*\);/\1/p' "$1" | sort
}
for library in lib/holdfast/holdfast lib/verbs/holdfast-verbs lib/uring/holdfast-uring lib/remote/holdfast-remote; do
	symbols "$library.map" >"$scratch/map"
	sed -n 's/^ \(hf_[a-z_]*\)@.*/\1/p' "debian/lib${library##*/}0.symbols" | sort >"$scratch/symbols"
	quiet "debian/lib${library##*/}0.symbols has all names" diff "$scratch/map" "$scratch/symbols"
done

# --- less and nothing

# without PACKAGE... -- COMMAND... - COMMAND, where these packages of pkg-config are not installed: their
# headers, libraries and .pc files are hidden from it.
without()
{
	local hidden=() package folder

	while [[ $1 != -- ]]; do
		package=$1 folder=$(pkg-config --variable=libdir "$1")
		hidden+=("$folder/pkgconfig/$package.pc")
		case $package in
		libibverbs)	hidden+=(/usr/include/infiniband "$folder/libibverbs.so") ;;
		liburing)	hidden+=(/usr/include/liburing.h /usr/include/liburing "$folder/liburing.so") ;;
		smartcols)	hidden+=(/usr/include/libsmartcols "$folder/libsmartcols.so") ;;
		libsystemd)	hidden+=(/usr/include/systemd "$folder/libsystemd.so") ;;
		esac
		shift
	done
	shift
	# shellcheck disable=SC2016	# for the inner shell
	unshare --user --map-root-user --mount sh -euc '
		while [ "$1" != -- ]; do
			if [ -d "$1" ]; then
				mount -t tmpfs none "$1"
			else
				mount --bind /dev/null "$1"
			fi
			shift
		done
		shift
		exec "$@"
	' without "${hidden[@]}" -- "$@"
}

# lacks TEXT LIBRARIES PACKAGE... - two tests: without these packages it builds, leaves out what needs them,
# and then has these libraries
lacks()
{
	local text=$1 libraries=$2 package said='' less=$scratch/less

	shift 2
	for package; do
		said+="*left out: *lack of *$package*"
	done
	mkdir "$less"
	gives "it builds without $text" 0 "$said" without "$@" -- \
		make -s BUILD="$less/build" DESTDIR="$less/root" PREFIX=/usr LIBDIR=/usr/lib/x CFLAGS=-O0 install
	gives "... and then has $libraries" 0 "$libraries" bash -c "cd $less/root/usr/lib/x && echo *.so.0"
	rm -r "$less"
}
all='libholdfast-remote.so.0 libholdfast-uring.so.0 libholdfast-verbs.so.0 libholdfast.so.0'
lacks "libibverbs, liburing, libsmartcols and libsystemd" libholdfast.so.0 libibverbs liburing smartcols libsystemd
lacks "libibverbs" 'libholdfast-uring.so.0 libholdfast.so.0' libibverbs
lacks "liburing" 'libholdfast-remote.so.0 libholdfast-verbs.so.0 libholdfast.so.0' liburing
lacks "libsmartcols" "$all" smartcols
lacks "libsystemd" "$all" libsystemd

quiet "make uninstall" make -s BUILD="$scratch/build" DESTDIR="$root" PREFIX=/usr LIBDIR=/usr/lib/x uninstall
quiet "make uninstall-dkms" make -s DESTDIR="$root" uninstall-dkms
gives "... leave nothing" 0 '' find "$root" ! -type d

finish
