// SPDX-License-Identifier: GPL-2.0
/*
 * Where a wrapper was called from.
 *
 * Some wrappers decide by the driver that called them. Their own return address
 * does not name it while a tracer is attached to the hooked function: the function
 * graph tracer, a kretprobe and an exit fprobe put a trampoline of theirs in its
 * place, and a BPF trampoline calls the wrapper itself. ftrace gives hf_hook_entry()
 * the right address in all these cases (hook.c).
 *
 * So the handler notes that address for the current task, and the wrapper takes
 * it as the first thing it does. The handler may not allocate, nor wait, so the
 * notes are in a table. A task claims a free place with cmpxchg(), and only this
 * task reads the place or frees it; preemption and migration in between do no harm.
 * Interrupts note nothing: no hook with a note wants calls from there. A second
 * call of the same task can only come before the first has taken its note when a
 * BPF program on the hooked function makes it. It is deeper in the stack, so of
 * several notes the task takes the one with the lowest stack pointer.
 *
 * The table is full when HF_CALLS tasks were all preempted in the few instructions
 * from the handler to the wrapper. The next one then uses its return address,
 * which is right without a tracer.
 */
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/sched.h>
#include "core/caller.h"

#define HF_CALLS 64

struct hf_call {
	unsigned long caller, sp;
};

static struct task_struct *hf_call_tasks[HF_CALLS]; /* NULL: free */
static struct hf_call hf_calls[HF_CALLS];	    /* its task's */

/* Runs with preemption off. */
notrace void hf_caller_note(unsigned long caller, unsigned long sp)
{
	unsigned int first = hash_ptr(current, ilog2(HF_CALLS)), i, at;

	for (i = 0; i < HF_CALLS; i++) {
		at = (first + i) % HF_CALLS;
		if (READ_ONCE(hf_call_tasks[at]) ||
		    cmpxchg(&hf_call_tasks[at], NULL, current))
			continue;
		hf_calls[at] = (struct hf_call){ caller, sp };
		return;
	}
}

/* The place of the current task's latest note, or NULL. */
static struct hf_call *hf_call_find(void)
{
	struct hf_call *found = NULL;
	unsigned int i;

	for (i = 0; i < HF_CALLS; i++) {
		if (READ_ONCE(hf_call_tasks[i]) == current &&
		    (!found || hf_calls[i].sp < found->sp))
			found = &hf_calls[i];
	}
	return found;
}

/**
 * hf_caller_take - where the current wrapper was called from
 * @return_address: of the wrapper
 *
 * To be called once, as the first thing, by each wrapper whose hook is by_caller.
 *
 * Return: the address behind the call.
 */
unsigned long hf_caller_take(unsigned long return_address)
{
	struct hf_call *call = hf_call_find();
	unsigned long caller;

	if (!call)
		return return_address;
	caller = call->caller;
	/* The next task writes there only when it sees the place free. */
	smp_store_release(&hf_call_tasks[call - hf_calls], NULL);
	return caller;
}

/* Whether a wrapper has not taken the current task's note. */
bool hf_caller_is_noted(void)
{
	return hf_call_find();
}
