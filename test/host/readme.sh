#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# README.md is short, its programs compile, and its figures are those of bench/results.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.sh"

if [[ ! -e README.md ]]; then
	skip "there is no README.md"
	finish
fi

# Each block of C becomes a file; fragments are not programs.
awk -v dir="$scratch" '
	/^```c$/ { file = dir "/" ++n ".c"; next }
	/^```/ { if (file) close(file); file = ""; next }
	file { print > file }
' README.md
for file in "$scratch"/*.c; do
	grep -qs 'main(' "$file" || continue
	found=1
	quiet "block $(basename "$file" .c) compiles" gcc -std=gnu11 -Wall -Wextra -Werror \
		-Iinclude/uapi -Ilib/holdfast -o "$scratch/program" "$file" -L"$BUILD/lib" -lholdfast \
		-libverbs -lrdmacm -lpthread
done
[[ ${found-} ]] || skip "README.md has no program"

quiet "README.md has at most 130 lines" test "$(wc -l <README.md)" -le 130

# The rows of the table of figures, but not its heading
awk '/^## / { on = /^## Figures/ } on && /^\|/' README.md | tail -n +3 >"$scratch/figures"
quiet "README.md has figures" test -s "$scratch/figures"
while read -r row; do
	quiet "bench/results/README.md has the row: $row" grep -qxF -- "$row" bench/results/README.md
done <"$scratch/figures"

finish
