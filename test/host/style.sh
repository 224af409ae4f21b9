#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The style of all sources: layout, length, licence lines, what linters find.

# shellcheck source-path=SCRIPTDIR disable=SC2013,SC2317	# words are meant; functions by name
. "$(dirname "$0")/../tap.sh"

c_files=$(sources '*.c' '*.h')
# Scripts have no common suffix: they are what begins like one.
shell_files=$(sources '*' | while read -r file; do
	head -n 2 "$file" | grep -qaE '^#!.*sh$|^# shellcheck shell=' && printf '%s\n' "$file"
done)

# The ABI header keeps to the layout of its like, values in a column after tabs, which
# clang-format cannot make; checkpatch reads it.
if have clang-format clang-format; then
	for file in $(grep -v '^include/uapi/' <<<"$c_files"); do
		quiet "clang-format: $file" clang-format --dry-run -Werror "$file"
	done
fi

if have shellcheck shellcheck; then
	for file in $shell_files; do
		quiet "shellcheck: $file" shellcheck -x "$file"
	done
fi

# checkpatch comes with the kernel's source alone, as one file of a big archive.
find_checkpatch()
{
	local dir=$BUILD/checkpatch archive

	[[ -x $dir/scripts/checkpatch.pl ]] && return
	archive=$(find /usr/src -maxdepth 1 -name 'linux-source-6.*.tar.xz' | sort -V | tail -n 1)
	[[ $archive ]] || return
	mkdir -p "$dir"
	tar -xJf "$archive" -C "$dir" --strip-components=1 --wildcards --occurrence=1 \
		'*/scripts/checkpatch.pl' '*/scripts/spelling.txt' '*/scripts/const_structs.checkpatch'
}

# Types of checkpatch that we do not follow:
#   LINUX_VERSION_CODE CONSTANT_COMPARISON	a module outside the tree has to ask; compat/ only
#   PARENTHESIS_ALIGNMENT	clang-format, which has its own idea of it, decides
#   LINE_SPACING	wants an empty line between a structure and the ioctl that takes it
#   MACRO_ARG_REUSE	list iterators are macros of this kind, as the kernel's own are
checkpatch()
{
	perl "$BUILD/checkpatch/scripts/checkpatch.pl" --no-tree --strict --terse --show-types \
		--no-summary --ignore "$1" -f "$2"
}

if find_checkpatch; then
	# clang-format begins a new line before a long string.
	ignored=PARENTHESIS_ALIGNMENT,LINE_SPACING,MACRO_ARG_REUSE,OPEN_ENDED_LINE
	for file in $(grep -E '^(kmod|include/uapi)/' <<<"$c_files"); do
		case $file in
		kmod/compat/*)	more=,LINUX_VERSION_CODE,CONSTANT_COMPARISON ;;
		# The form that trace events have.
		kmod/core/trace.h | include/uapi/linux/holdfast_names.h)	more=,COMPLEX_MACRO ;;
		kmod/core/names.c)	more=,BRACKET_SPACE ;;
		*)		more= ;;
		esac
		quiet "checkpatch: $file" checkpatch "$ignored$more" "$file"
	done
else
	result 1 "checkpatch.pl is there (apt-get install linux-source-6.1)"
fi

for file in $c_files $shell_files; do
	head -n 3 "$file" | grep -q 'SPDX-License-Identifier: ' ||
		no_licence+="$file "
	(($(wc -l <"$file") <= 700)) || long+="$file "
done
quiet "every source has its SPDX line" printf %s "${no_licence-}"
quiet "no source has more than 700 lines" printf %s "${long-}"

for licence in $(sources '*' | xargs grep -haoE 'SPDX-License-Identifier: [A-Za-z0-9.+-]+' |
	sed 's/.*: //; s/-or-later$//; s/-only$//' | sort -u); do
	quiet "the text of $licence is in LICENSES/" test -e "LICENSES/$licence"
done

header()
{
	gcc -Wall -Wextra -Wpedantic -Werror -Iinclude/uapi -Ilib/holdfast -fsyntax-only "$@"
}
quiet "holdfast.h stands alone in C99" header -std=c99 -x c lib/holdfast/holdfast.h
quiet "holdfast_names.h stands alone in C11" header -std=c11 -x c include/uapi/linux/holdfast_names.h
quiet "holdfast_names.h stands alone in C++" header -std=c++17 -x c++ include/uapi/linux/holdfast_names.h
quiet "holdfast.h stands alone in C++" header -std=c++11 -x c++ lib/holdfast/holdfast.h

for library in verbs remote; do
	quiet "holdfast_$library.h stands alone in C11" header "-Ilib/$library" -std=gnu11 -Wno-pedantic -x c \
		"lib/$library/holdfast_$library.h"
	quiet "holdfast_$library.h stands alone in C++" header "-Ilib/$library" -std=c++11 -Wno-pedantic -x c++ \
		"lib/$library/holdfast_$library.h"
done

finish
