#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What make install installs is complete: a program builds against it and runs.

# shellcheck source-path=SCRIPTDIR
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
	usr/include/holdfast_uring.h usr/share/man/man3/hf_uring_restore.3 \
	usr/include/holdfast_verbs.h usr/share/man/man3/hf_dereg_mr.3 \
	usr/include/holdfast.h usr/include/linux/holdfast.h usr/share/man/man3/hf_report_next.3 \
	usr/share/man/man1/holdfast-ls.1 usr/lib/modules-load.d/holdfast.conf \
	usr/lib/systemd/system/holdfast-policy.service \
	usr/lib/udev/rules.d/70-holdfast-policy.rules usr/share/man/man5/holdfast-policy.conf.5 \
	usr/sbin/holdfastd usr/lib/systemd/system/holdfastd.service usr/share/man/man8/holdfastd.8 \
	"usr/src/holdfast-$version/dkms.conf" "usr/src/holdfast-$version/kmod/Kbuild" \
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

# The loader is for the thread's own message.
quiet "the library needs the C library alone" bash -c \
	"! readelf -d $root/usr/lib/x/libholdfast.so | grep NEEDED | grep -vE '\[(libc|ld-linux.*)\.so'"

finish
