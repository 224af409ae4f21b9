#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The compiled modules have no tail call: one of a hooked function would come back to its hook, for
# ever (kmod/core/hook.c).

# shellcheck source-path=SCRIPTDIR disable=SC2317
. "$(dirname "$0")/../tap.sh"

# tail_calls OBJECT - its jumps to other objects' functions, and to where a register says
#
# A jump to the return thunk is a return. A jump by a register goes through another thunk, or is
# written out; one by a table of constants stays in its function.
tail_calls()
{
	objdump -dr --no-show-raw-insn "$1" | awk -v undefined="$(nm -u "$1" | awk '{print $2}')" '
	BEGIN {
		split(undefined, names)
		for (i in names)
			outside[names[i]] = 1
		delete outside["__x86_return_thunk"]
	}
	/^[0-9a-f]+ <.*>:$/ { function_ = $2 }
	/R_X86_64_/ && jump {
		target = $3
		sub(/[-+]0x[0-9a-f]+$/, "", target)
		if (target in outside)
			print function_ " jumps to " target
	}
	by_register && !/R_X86_64_32S\t\.rodata/ { print by_register " jumps by a register or by memory" }
	{ jump = /^ *[0-9a-f]+:\t(notrack )?j[a-z]+ /; by_register = "" }
	/^ *[0-9a-f]+:\t(notrack )?jmp +\*/ { by_register = function_ }
	END { if (by_register) print by_register " jumps by a register or by memory" }'
}

# compiled OPTION... - the object of two wrappers
compiled()
{
	gcc -c -O2 -fno-pic "$@" -x c -o "$scratch/wrapper.o" - <<-END
		extern int notify_change(void *);
		struct ops { long (*fallocate)(void *); };
		int wrapper(void *p) { return notify_change(p); }
		long method(struct ops *ops, void *p) { return ops->fallocate(p); }
	END
	tail_calls "$scratch/wrapper.o"
}

is_text()
{
	printf '%s' "$1" | diff -u - <(printf '%s' "$2")
}
quiet "a tail call is found, direct or not" is_text \
	"$(compiled)" $'<wrapper>: jumps to notify_change\n<method>: jumps by a register or by memory'
quiet "by a thunk, too" is_text "$(compiled -mindirect-branch=thunk-extern)" \
	$'<wrapper>: jumps to notify_change\n<method>: jumps to __x86_indirect_thunk_rax'
quiet "without the optimisation there is none" compiled -fno-optimize-sibling-calls

# by_table - the tail calls of a function that the compiler makes a table for
by_table()
{
	gcc -c -O2 -fno-pic -mcmodel=kernel -fjump-tables -fno-optimize-sibling-calls -x c -o "$scratch/table.o" - <<-END
		extern void a(void), b(void), c(void), d(void), e(void);
		void choose(int n)
		{
			switch (n) {
			case 0: a(); break;
			case 1: b(); break;
			case 2: c(); break;
			case 3: d(); break;
			case 4: e(); break;
			}
		}
	END
	objdump -dr "$scratch/table.o" | grep -q 'jmp .*\*' || echo "no table"
	tail_calls "$scratch/table.o"
}
quiet "a table of constants is none" by_table

for module in build/kmod/*/holdfast.ko; do
	if [[ -e $module ]]; then
		quiet "$module has no tail call" tail_calls "$module"
	else
		skip "no module is compiled: lab/module does it"
	fi
done

finish
