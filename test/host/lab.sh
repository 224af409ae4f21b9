#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the lab's scripts refuse before they start anything, and what they make of their options. lab/selftest and
# test/pair try the rest in guests.

# shellcheck source-path=SCRIPTDIR disable=SC2016	# for the shells that are started
. "$(dirname "$0")/../tap.sh"

for kernel in 6.1 6.12 7.2 next debug; do
	quiet "kernel $kernel is known" bash -c '. lab/common.sh; is_kernel "$1"' bash $kernel
done
gives "the kernels by default are numbered ones, in order" 0 '6.1 6.12 7.2' \
	bash -c '. lab/common.sh; echo "${LAB_KERNELS[*]}"'
gives "one that is named is taken as QEMU" 0 /some/qemu env HOLDFAST_QEMU=/some/qemu bash -c '. lab/common.sh; lab_qemu'

gives "guest: no such kernel" 2 'lab: no kernel 9.9*' lab/guest --kernel 9.9 -- true
gives "guest: no such memory" 2 'lab: no memory core; there are legacy nvdimm cxl' lab/guest --memory core -- true

gives "pair: one command is too few" 2 'lab: two or three commands*' lab/pair -- a
gives "pair: four are too many" 2 'lab: two or three commands*' lab/pair -- a -- b -- c -- d
gives "pair: an empty one" 2 'lab: a command is empty' lab/pair -- a -- -- c
gives "pair: none" 2 'usage: *' lab/pair --fs xfs
gives "pair: no such option" 2 '*lab: unknown option --nonsense' lab/pair --nonsense -- a -- b
gives "pair: a value is missing" 2 'lab: --fs needs a value' lab/pair --fs
gives "pair: kernels for three of two" 2 'lab: --kernel takes one value*' lab/pair --kernel 6.1,6.12,7.2 -- a -- b
gives "pair: kernels for two of three" 2 'lab: --kernel takes one value*' lab/pair --kernel 6.1,6.12 -- a -- b -- c
for plan in 5 5:A 5:A:explode x:A:cut 5:C:cut 5:AB:cut '5:A:delay' '5:A:cut now'; do
	gives "pair: --at $plan" 2 "lab: --at $plan: *" lab/pair --at "$plan" -- a -- b
done
gives "pair: the debug kernel" 2 'lab: kernel debug has no wire' lab/pair --kernel 6.12,debug -- a -- b
gives "pair: no time" 2 'lab: --timeout takes *' lab/pair --timeout soon -- a -- b

# What only an emulator can have done is tried again, and nothing else.
# fault STATUS OUTPUT NAME - the kernel log comes on stdin
fault()
{
	gives "emulator-fault: $3" "$1" "$2" lab/emulator-fault /dev/stdin
}

step='[ 1771.27] WARNING: CPU: 0 PID: 14305 at arch/x86/kernel/traps.c:1120 exc_debug_kernel+0xca/0x160
[ 1771.28] RIP: 0010:exc_debug_kernel+0xca/0x160
[ 1771.29] RSP: 0000:fffffe0000010f28 EFLAGS: 0cf0a002'
patch='[   10.1] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI
[   10.2] RIP: 0010:kfree+0x5/0x10
[   10.3] Code: 90 0f <1f> 44 00 00
[   10.4] RSP: 0018:ffff888 EFLAGS: 00000246'
fault 0 "the emulator's impossible flags" "flags that no processor pushes" <<<"$step"
fault 1 '' "a single step with flags that are possible" <<<"${step/0cf0a002/00200346}"
fault 1 '' "impossible flags after another complaint" <<<"${step/WARNING/BUG: first, EFLAGS: 00000246
[ 1771.28] WARNING}"
fault 0 "the emulator's int3 fault" "the int3 of a patch" <<<"$patch"
fault 1 '' "the int3 in Holdfast" <<<"${patch/kfree+0x5\/0x10/hf_put+0x5\/0x10 [holdfast]}"
fault 1 '' "an int3 where nothing is patched" <<<"${patch/0f </48 <}"
fault 1 '' "the int3 after another complaint" <<<"[   10.0] WARNING: a, EFLAGS: 00000246
$patch"
fault 1 '' "a quiet log" <<<'[    6.1] XFS (pmem0): Ending clean mount'

export PAIR_ALL='A B' PAIR_SELF=A
gives "in a guest: no such command" 2 'usage: pair *' lab/pair-guest fly
gives "in a guest: a barrier without a name" 2 'usage: pair *' lab/pair-guest barrier
gives "in a guest: help" 0 '*Guests: A B. This one is A.' lab/pair-guest --help

finish
