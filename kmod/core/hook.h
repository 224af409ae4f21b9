/* SPDX-License-Identifier: GPL-2.0 */
/* How calls of the kernel's functions reach Holdfast's wrappers: see hook.c. */
#ifndef HF_CORE_HOOK_H
#define HF_CORE_HOOK_H

#include <linux/ftrace.h>
#include <linux/list.h>
#include <linux/ptrace.h>
#include <linux/refcount.h>
#include <linux/types.h>

struct file;

/* One function of the kernel, and the function that replaces it. */
struct hf_hook {
	const char *name;
	void *function;
	void *wrapper; /* of the same signature */
	/* Whether a call concerns a lease. Runs with preemption off. */
	bool (*wants)(struct pt_regs *regs);
	bool replaces;	/* the wrapper does not call it, or not in the test */
	bool by_caller; /* the wrapper asks where it was called from */

	/* Counted by the self-test, and by nothing else. */
	unsigned int entered, passed;
};

/*
 * The entry of @function is where its call of ftrace is: at its beginning, or
 * behind an ENDBR instruction.
 */
static inline bool hf_hook_is_entry(unsigned long ip, const void *function)
{
	return ip - (unsigned long)function <= 4;
}

/* Hooks that are registered together, while any lease needs them. */
struct hf_hook_set {
	struct list_head node; /* those registered; hf_hooks_mutex, or RCU */
	struct ftrace_ops ops;
	struct hf_hook *hooks;
	unsigned int nr;
	refcount_t users;   /* leases; from and to 0 with hf_hooks_mutex */
	unsigned long idle; /* in jiffies, since when; hf_hooks_mutex */
	bool registered;    /* hf_hooks_mutex */
	/* Frees what was allocated for the set, or NULL. */
	void (*free)(struct hf_hook_set *set);
};

/* What there is to hook: see hooks/table.c. */
struct hf_hook_source {
	struct hf_hook_set *kernel; /* functions of the kernel itself */
	/* Sets of methods of filesystems: whether one is of a file's; a new one. */
	bool (*is_of)(const struct hf_hook_set *set, const struct file *target);
	struct hf_hook_set *(*make)(struct file *target);
};

int hf_hook_set_init(struct hf_hook_set *set);
void hf_hook_set_free(struct hf_hook_set *set);

int hf_hooks_init(const struct hf_hook_source *source);
void hf_hooks_exit(void);
int hf_hooks_arm(struct file *target);
void hf_hooks_disarm(struct file *target);
void hf_hooks_unregister(void);
void hf_hooks_stay(void);
void hf_hooks_leave(void);

/* For the self-test. */
void hf_hooks_count(struct task_struct *task);
struct hf_hook *hf_hook_find(const char *name);
int hf_hooks_untested(void);

#endif
