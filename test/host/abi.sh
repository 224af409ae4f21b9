#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The libraries have the binary interface that packaging/abi has stored of them.

# shellcheck source-path=SCRIPTDIR disable=SC2317	# functions by name
. "$(dirname "$0")/../tap.sh"

if ! have abidiff abigail-tools; then
	finish
fi

export BUILD
for name in libholdfast libholdfast-verbs libholdfast-uring libholdfast-remote; do
	quiet "$name has its stored interface (renew: packaging/abi/run --renew)" packaging/abi/run "$name"
done

# changed HEADER SOURCE - libholdfast-uring after these sed commands, in a build folder of its own
changed()
{
	mkdir -p "$scratch/include" "$scratch/lib"
	sed -E "$1" lib/uring/holdfast_uring.h >"$scratch/include/holdfast_uring.h"
	sed -E "$2" lib/uring/buffers.c >"$scratch/buffers.c"
	! { cmp -s lib/uring/holdfast_uring.h "$scratch/include/holdfast_uring.h" &&
		cmp -s lib/uring/buffers.c "$scratch/buffers.c"; } || return
	gcc -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -g -shared -fPIC -fvisibility=hidden -I"$scratch/include" \
		-Iinclude/uapi -Ilib -Ilib/holdfast -Wl,--version-script,lib/uring/holdfast-uring.map \
		-Wl,-soname,libholdfast-uring.so.0 -o "$scratch/lib/libholdfast-uring.so" "$scratch/buffers.c"
}

# compared - what packaging/abi/run says of that
compared()
{
	BUILD=$scratch packaging/abi/run libholdfast-uring
}

# It finds what breaks programs, and only that.
parameter='s/(hf_uring_break\()/\1int more, /'
quiet "with one more member a structure ..." changed 's/^(\tunsigned int )count;/\1more;\n&/' ''
gives "... is found" 1 '*hf_uring_info*more*' compared
quiet "with one more parameter a function ..." changed "$parameter" "$parameter; s/hf_uring_break\(buffers/hf_uring_break(0, buffers/"
gives "... is found" 1 '*hf_uring_break*' compared
quiet "with one more member a structure of our own ..." changed '' 's/^struct hf_uring \{/&\n\tint more;/'
quiet "... is no difference" compared
finish
