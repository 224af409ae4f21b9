#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every symbol and every subcommand has a manual page, and every page is well formed.

# shellcheck source-path=SCRIPTDIR disable=SC2317	# functions by name
. "$(dirname "$0")/../tap.sh"

# Examples come first in our pages, which mandoc finds unconventional.
lint()
{
	mandoc -Tlint -W warning "$1" |
		grep -v 'sections out of conventional order: Sh DESCRIPTION$'
	return 0
}

if have mandoc mandoc; then
	for page in man/*.[1-8]; do
		quiet "mandoc: $page" lint "$page"
	done
fi

# pages_of NAME - the pages whose NAME section has it; make install links them under that name
pages_of()
{
	grep -lE "^\.Nm $1( ,)?$" man/*.3
}

while read -r symbol; do
	result $(($(pages_of "$symbol" | wc -l) != 1)) "$symbol has one manual page"
	quiet "... and is declared in holdfast.h" grep -q "\b$symbol(" lib/holdfast.h
done < <(grep -oE '\bhf_[a-z_]+' lib/holdfast.map)

exported=$(nm -D --defined-only "$BUILD/lib/libholdfast.so" | sed -n 's/.* T \(hf_[a-z_]*\).*/\1/p')
mapped=$(grep -oE '\bhf_[a-z_]+' lib/holdfast.map | sort)
quiet "the library exports what the map names" diff <(sort <<<"$exported") <(echo "$mapped")

for file in tool/cmd-*.c; do
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

finish
