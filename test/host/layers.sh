#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The folders of kmod/ are layers. A file includes headers of its own folder and of the folders before
# it. No files include each other in a circle. Libraries and programs have such an order as well. See
# doc/architecture.md.

# shellcheck source-path=SCRIPTDIR disable=SC2317
. "$(dirname "$0")/../tap.sh"

# The folders from the bottom up. "." is kmod/ itself.
LAYERS=(compat core pages change fence lease report hooks .)

# includes DIR - "FILE HEADER" for each header of the module that a file of it includes
includes()
{
	(cd "$1" && grep -r --include='*.[ch]' '^#include "' . |
		sed -n 's|^\./\(.*\):#include "\(.*\)"$|\1 \2|p')
}

# upwards - of those, the ones that reach into a folder that comes later, or into none
upwards()
{
	awk -v layers="${LAYERS[*]}" '
	BEGIN { n = split(layers, layer, " "); for (i = 1; i <= n; i++) level[layer[i]] = i }
	function folder(file) { return sub(/\/.*/, "", file) ? file : "." }
	!(folder($1) in level) || !(folder($2) in level) || level[folder($2)] > level[folder($1)] {
		print $1 " includes " $2
	}'
}

# circles - of those, the files that reach themselves; a file and its header are one
circles()
{
	sed 's/\.[ch]\b//g' | awk '$1 != $2' | sort -u | tsort 2>&1 >/dev/null | sed -n 's/^tsort: //p'
}

# without_header DIR - files of the folders of DIR that no header of the same name belongs to
without_header()
{
	find "$1" -mindepth 2 -name '*.c' | while IFS= read -r file; do
		[[ -e ${file%c}h ]] || echo "$file"
	done
}

is_text()
{
	printf '%s' "$1" | diff -u - <(printf '%s' "$2")
}

quiet "an include upwards is found" is_text "core/lease.c includes hooks/hook.h" \
	"$(printf 'core/lease.c hooks/hook.h\nhooks/hook.c core/lease.h\n' | upwards)"
quiet "an include of no layer is found" is_text "core/lease.c includes misc/a.h" \
	"$(printf 'core/lease.c misc/a.h\n' | upwards)"
quiet "a circle is found" is_text "1" \
	"$(printf 'core/a.c core/b.h\ncore/b.c core/a.h\n' | circles | grep -c 'loop')"
quiet "no file of the module includes upwards" is_text "" "$(includes kmod | upwards)"
quiet "no files of the module include each other in a circle" is_text "" \
	"$(includes kmod | circles)"
quiet "each file in a folder of the module has a header" is_text "" "$(without_header kmod)"

# Whose headers the files of a folder of user space may include, beside their own and the public ones
declare -A MAY=(
	[lib/internal]=""
	[lib/holdfast]=lib/internal
	[lib/verbs]=lib/internal
	[lib/uring]=lib/internal
	[lib/remote]=lib/internal
	[preload]=lib/internal
	[tools/common]=lib/internal
	[tools/holdfast]='lib/internal tools/common preload'
	[tools/holdfastd]='lib/internal tools/common'
)

# foreign FOLDER - includes in it of headers that it may not include
foreign()
{
	local other header name

	for other in "${!MAY[@]}"; do
		[[ " ${MAY[$1]} $1 " != *" $other "* ]] || continue
		for header in "$other"/*.h; do
			name=${header##*/}
			[[ $name == holdfast*.h || -e $1/$name ]] ||
				grep -l "^#include \"\(.*/\)\?$name\"$" "$1"/*.[ch] | sed "s|$| includes $header|"
		done
	done
}

mkdir -p "$scratch"/{lib/verbs,tools/common}
: >"$scratch/tools/common/size.h"
echo '#include "../../tools/common/size.h"' >"$scratch/lib/verbs/a.c"
quiet "an include of a program's header in a library is found" is_text "lib/verbs/a.c includes tools/common/size.h" \
	"$(cd "$scratch" && foreign lib/verbs)"
for folder in "${!MAY[@]}"; do
	quiet "$folder includes no header that is not its own, public, or in: ${MAY[$folder]}" is_text "" "$(foreign "$folder")"
	quiet "$folder: no files include each other in a circle" is_text "" "$(includes "$folder" | circles)"
done
# They are run by their names alone.
quiet "no two guest tests have the same name" is_text "" \
	"$(find test/guest -type f ! -name '*.h' -printf '%f\n' | sed 's/\.c$//' | sort | uniq -d)"
finish
