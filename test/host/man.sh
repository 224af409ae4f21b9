#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every symbol and every subcommand has a manual page, and every page is well formed.

# shellcheck source-path=SCRIPTDIR disable=SC2317	# functions by name
. "$(dirname "$0")/../tap.sh"

if have mandoc mandoc; then
	for page in man/*.[1-8]; do
		quiet "mandoc: $page" mandoc -Tlint -W warning "$page"
	done
fi

# pages_of NAME - the pages whose NAME section has it; make install links them under that name
pages_of()
{
	grep -lE "^\.Nm $1( ,)?$" man/*.3
}

# symbols MAP - what a library exports of ours, as lines
symbols()
{
	grep -oE '\bhf_[a-z_]+' "$1" | sort
}

# library NAME MAP HEADER
library()
{
	local symbol

	for symbol in $(symbols "$2"); do
		result $(($(pages_of "$symbol" | wc -l) != 1)) "$symbol has one manual page"
		quiet "... and is declared in $3" grep -q "\b$symbol(" "$3"
	done
	quiet "$1 exports what its map names" diff \
		<(nm -D --defined-only "$BUILD/lib/$1.so" | sed -n 's/.* T \(hf_[a-z_]*\).*/\1/p' | sort) \
		<(symbols "$2")
}

library libholdfast lib/holdfast/holdfast.map lib/holdfast/holdfast.h
library libholdfast-verbs lib/verbs/holdfast-verbs.map lib/verbs/holdfast_verbs.h
library libholdfast-remote lib/remote/holdfast-remote.map lib/remote/holdfast_remote.h
library libholdfast-uring lib/uring/holdfast-uring.map lib/uring/holdfast_uring.h

# A program's registration cache watches munmap() and its like: no library of ours takes these names.
quiet "libholdfast-verbs takes no names of the C library" \
	bash -c "! nm -D --defined-only $BUILD/lib/libholdfast-verbs.so |
		sed -n 's/.* [TBD] //p' | grep -v '^hf_'"

for file in tools/holdfast/cmd-*.c; do
	name=$(basename "$file" .c)
	name=${name#cmd-}
	quiet "holdfast $name has a manual page" test -e "man/holdfast-$name.1"
	for option in $("$BUILD/bin/holdfast" "$name" --help | grep -oE -e '--[a-z][a-z-]+'); do
		quiet "... that explains $option" grep -q -- "Fl -${option#--}\b" \
			"man/holdfast-$name.1"
	done
done
for option in $("$BUILD/sbin/holdfastd" --help | grep -oE -e '--[a-z][a-z-]+'); do
	quiet "holdfastd.8 explains $option" grep -q -- "Fl -${option#--}\b" man/holdfastd.8
done

# Where a reader begins, and every page that is found from there.
reached=" libholdfast.7 holdfast.1 "
queue=(libholdfast.7 holdfast.1)
while ((${#queue[@]})); do
	page=${queue[0]}
	queue=("${queue[@]:1}")
	while read -r other; do
		[[ -e man/$other && $reached != *" $other "* ]] || continue
		reached+="$other "
		queue+=("$other")
	done < <(sed -nE 's/^\..*Xr ([^ ]+) ([1-8])( .*)?$/\1.\2/p' "man/$page")
done
for page in man/*.[1-8]; do
	quiet "${page#man/} is reached from libholdfast.7 or holdfast.1" \
		grep -qF " ${page#man/} " <<<"$reached"
done

finish
