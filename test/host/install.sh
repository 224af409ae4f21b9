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
	usr/include/holdfast.h usr/include/linux/holdfast.h usr/share/man/man3/hf_report_next.3 \
	usr/share/man/man1/holdfast-ls.1 usr/lib/modules-load.d/holdfast.conf \
	usr/sbin/holdfastd usr/lib/systemd/system/holdfastd.service usr/share/man/man8/holdfastd.8 \
	"usr/src/holdfast-$version/dkms.conf" "usr/src/holdfast-$version/kmod/Kbuild" \
	"usr/src/holdfast-$version/include/uapi/linux/holdfast.h"; do
	quiet "installs $file" test -e "$root/$file"
done
quiet "no placeholder is left" bash -c \
	"! grep '@[A-Z]' $root/usr/lib/x/pkgconfig/holdfast.pc $root/usr/src/*/dkms.conf \
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
	PKG_CONFIG_PATH=$root/usr/lib/x/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root pkg-config "$@" holdfast
}
gives "pkg-config knows the version" 0 "$version" flags --modversion
# shellcheck disable=SC2046	# flags are words
quiet "a program builds" gcc -Wall -Werror -o "$scratch/program" "$scratch/program.c" \
	$(flags --cflags --libs)
gives "... and runs" 0 breakable env LD_LIBRARY_PATH="$root/usr/lib/x" "$scratch/program"
# shellcheck disable=SC2046
quiet "a static one builds" gcc -Wall -Werror -o "$scratch/static" "$scratch/program.c" \
	$(flags --cflags) "$root/usr/lib/x/libholdfast.a"
gives "... and runs" 0 breakable "$scratch/static"
# The loader is for the thread's own message.
quiet "the library needs the C library alone" bash -c \
	"! readelf -d $root/usr/lib/x/libholdfast.so | grep NEEDED | grep -vE '\[(libc|ld-linux.*)\.so'"

finish
