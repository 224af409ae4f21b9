// SPDX-License-Identifier: GPL-2.0
/*
 * How calls of the kernel's functions reach Holdfast's wrappers.
 *
 * ftrace calls hf_hook_entry() at the entry of each hooked function. If the call
 * concerns a lease, hf_hook_entry() makes it continue in a wrapper of the same
 * signature. The wrapper runs in the caller's context, so it may sleep.
 *
 * A wrapper calls the hooked function by its name. hf_hook_entry() lets a call
 * through whose return address is in this module. The ftrace trampoline of each
 * supported kernel reads the return address once, at its entry, before it calls
 * any user of ftrace. So it is the wrapper's also where a graph tracer, a
 * kretprobe or an exit fprobe replaces the return address on the stack: they do
 * so later. A BPF trampoline replaces no return address; it is called after
 * ftrace's, and while an IPMODIFY user has the function it goes on where that
 * user says (BPF_TRAMP_F_ORIG_STACK), so it calls the wrapper, not the function.
 *
 * One thing would break this: a wrapper that jumps to the hooked function (a tail
 * call) leaves its own caller's return address, and would be called again for
 * ever. So the module is compiled with -fno-optimize-sibling-calls, a host test
 * looks for such jumps in the compiled module, and the self-test (hooks/selftest.c)
 * calls every wrapper when the module is loaded.
 *
 * The flags: IPMODIFY, since the handler changes the instruction pointer; ftrace
 * then refuses a second such user (livepatch), or us. PERMANENT, because an
 * administrator who sets kernel.ftrace_enabled to 0 would leave pinned blocks
 * without protection: ftrace refuses that while the hooks are registered.
 *
 * A set of hooks is registered while there are leases that need it. A module
 * reference for each task in a wrapper keeps the module loaded; hf_hooks_leave()
 * drops it as the last thing, and unloading waits for the few instructions behind
 * that.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "core/caller.h"
#include "core/file.h"
#include "core/hook.h"

/*
 * Registering patches the kernel's text. A program that takes and drops the only
 * lease again and again must not make it do so each time.
 */
#define HF_UNREGISTER_DELAY (5 * HZ)

static void hf_hooks_idle_work(struct work_struct *work);

static DEFINE_MUTEX(hf_hooks_mutex); /* the sets, and their users */
static LIST_HEAD(hf_hook_sets);
static DECLARE_DELAYED_WORK(hf_hooks_idle, hf_hooks_idle_work);
static struct task_struct *hf_counted_task;
static const struct hf_hook_source *hf_source; /* from hf_hooks_init() on */

static notrace struct hf_hook *hf_hook_at(struct ftrace_ops *ops,
					  unsigned long ip)
{
	struct hf_hook_set *set = container_of(ops, struct hf_hook_set, ops);
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		if (hf_hook_is_entry(ip, set->hooks[i].function))
			return &set->hooks[i];
	}
	return NULL;
}

/* Runs with preemption off; ftrace does not let it recurse. */
static notrace void hf_hook_entry(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops,
				  struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	struct hf_hook *hook = hf_hook_at(ops, ip);
	bool counted = READ_ONCE(hf_counted_task) == current;

	if (!hook)
		return;
	/* Not the self-test's own calls: that is in the init section. */
	if (within_module_core(parent_ip, THIS_MODULE)) {
		if (counted)
			hook->passed++;
		return;
	}
	if (!hook->wants(regs))
		return;
	/* A second time is a wrapper's fault, and would have no end. */
	if (counted && hook->entered++)
		return;
	/* Fails only when the module goes, and then there are no leases. */
	if (!try_module_get(THIS_MODULE))
		return;
	if (hook->by_caller)
		hf_caller_note(parent_ip, kernel_stack_pointer(regs));
	instruction_pointer_set(regs, (unsigned long)hook->wrapper);
}

/* One more reference, for what goes on after the wrapper has returned. */
void hf_hooks_stay(void)
{
	__module_get(THIS_MODULE);
}

/* The last thing a wrapper does. */
void hf_hooks_leave(void)
{
	module_put(THIS_MODULE);
}

/**
 * hf_hook_set_init - prepare a set of hooks
 * @set: hooks and nr are filled in
 *
 * Return: 0, or -errno if ftrace does not know one of the functions.
 */
int hf_hook_set_init(struct hf_hook_set *set)
{
	unsigned int i;
	int err;

	set->ops.func = hf_hook_entry;
	set->ops.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY |
			 FTRACE_OPS_FL_PERMANENT;
	for (i = 0; i < set->nr; i++) {
		struct hf_hook *hook = &set->hooks[i];

		err = ftrace_set_filter_ip(&set->ops,
					   (unsigned long)hook->function, 0, 0);
		if (err) {
			pr_err("holdfast: %s: ftrace cannot hook it: %d\n",
			       hook->name, err);
			ftrace_free_filter(&set->ops);
			return err;
		}
	}
	return 0;
}

/* The set is not registered. */
void hf_hook_set_free(struct hf_hook_set *set)
{
	ftrace_free_filter(&set->ops);
	if (set->free)
		set->free(set);
}

/* Called with hf_hooks_mutex held. */
static int hf_hook_set_register(struct hf_hook_set *set)
{
	int err;

	/* A BPF trampoline that is just being changed: ftrace has slept. */
	do {
		err = register_ftrace_function(&set->ops);
	} while (err == -EAGAIN);
	if (err) {
		pr_err_ratelimited(
			"holdfast: ftrace refuses the hooks on %s and others: %d; set kernel.ftrace_enabled to 1, or end what has flag I on one of them in /sys/kernel/tracing/enabled_functions (a live patch)\n",
			set->hooks[0].name, err);
		return err;
	}
	set->registered = true;
	list_add_rcu(&set->node, &hf_hook_sets);
	return 0;
}

/* Nobody uses the set. Called with hf_hooks_mutex held. */
static void hf_hook_set_unregister(struct hf_hook_set *set)
{
	WARN_ON(unregister_ftrace_function(&set->ops));
	set->registered = false;
	list_del_rcu(&set->node);
	synchronize_rcu();
	if (set->free)
		hf_hook_set_free(set);
}

static void hf_hooks_unregister_idle(unsigned long delay)
{
	struct hf_hook_set *set, *next;
	bool more = false;

	mutex_lock(&hf_hooks_mutex);
	list_for_each_entry_safe(set, next, &hf_hook_sets, node) {
		if (refcount_read(&set->users))
			continue;
		if (time_after_eq(jiffies, set->idle + delay))
			hf_hook_set_unregister(set);
		else
			more = true;
	}
	mutex_unlock(&hf_hooks_mutex);
	if (more)
		queue_delayed_work(hf_wq, &hf_hooks_idle, HZ);
}

static void hf_hooks_idle_work(struct work_struct *work)
{
	hf_hooks_unregister_idle(HF_UNREGISTER_DELAY);
}

/* Unregisters what nobody uses, at once: there is no reason to think that it is used soon. */
void hf_hooks_unregister(void)
{
	hf_hooks_unregister_idle(0);
}

/* One more user, maybe the first. Called with hf_hooks_mutex held. */
static int hf_hook_set_use(struct hf_hook_set *set)
{
	int err = 0;

	if (refcount_inc_not_zero(&set->users))
		return 0;
	if (!set->registered)
		err = hf_hook_set_register(set);
	if (!err)
		refcount_set(&set->users, 1);
	return err;
}

/* Called without hf_hooks_mutex. */
static void hf_hook_set_unuse(struct hf_hook_set *set)
{
	if (!refcount_dec_and_mutex_lock(&set->users, &hf_hooks_mutex))
		return;
	set->idle = jiffies;
	queue_delayed_work(hf_wq, &hf_hooks_idle, HF_UNREGISTER_DELAY);
	mutex_unlock(&hf_hooks_mutex);
}

/*
 * The methods of @target's filesystem, or NULL. Called with hf_hooks_mutex held, or
 * in RCU.
 */
static struct hf_hook_set *hf_method_set_find(struct file *target)
{
	struct hf_hook_set *set;

	list_for_each_entry_rcu(set, &hf_hook_sets, node,
				lockdep_is_held(&hf_hooks_mutex)) {
		if (hf_source->is_of(set, target))
			return set;
	}
	return NULL;
}

static int hf_method_set_use(struct file *target)
{
	struct hf_hook_set *set = hf_method_set_find(target);
	int err;

	if (set)
		return hf_hook_set_use(set);
	set = hf_source->make(target);
	if (IS_ERR_OR_NULL(set))
		return PTR_ERR_OR_ZERO(set);
	err = hf_hook_set_use(set);
	if (err)
		hf_hook_set_free(set);
	return err;
}

/* One more user of sets that have some; false: none was added. */
static bool hf_hooks_arm_more(struct file *target)
{
	struct hf_hook_set *set;
	bool more;

	if (!refcount_inc_not_zero(&hf_source->kernel->users))
		return false;
	if (!target)
		return true;
	rcu_read_lock();
	set = hf_method_set_find(target);
	more = set && refcount_inc_not_zero(&set->users);
	rcu_read_unlock();
	if (!more)
		hf_hook_set_unuse(hf_source->kernel);
	return more;
}

/**
 * hf_hooks_arm - one more lease, or permission for leases, needs the hooks
 * @target: the file that is leased; NULL: there is none yet
 *
 * Each part of a registration comes by here, so where others use the hooks no
 * mutex is taken.
 *
 * Return: 0, -EBUSY when another user of ftrace that changes the instruction
 * pointer (livepatch) has one of the functions, or kernel.ftrace_enabled is 0, or
 * what ftrace says.
 */
int hf_hooks_arm(struct file *target)
{
	bool used;
	int err;

	if (hf_hooks_arm_more(target))
		return 0;
	mutex_lock(&hf_hooks_mutex);
	err = hf_hook_set_use(hf_source->kernel);
	used = !err;
	if (!err && target)
		err = hf_method_set_use(target);
	mutex_unlock(&hf_hooks_mutex);
	if (err && used)
		hf_hook_set_unuse(hf_source->kernel);
	return err;
}

/* Called with what hf_hooks_arm() was called with, while it is open. */
void hf_hooks_disarm(struct file *target)
{
	struct hf_hook_set *set = NULL;

	/* It stays, as it is used. */
	rcu_read_lock();
	if (target)
		set = hf_method_set_find(target);
	rcu_read_unlock();
	if (set)
		hf_hook_set_unuse(set);
	hf_hook_set_unuse(hf_source->kernel);
}

/* Counts calls of hooked functions by @task; NULL: of no task. */
void __init hf_hooks_count(struct task_struct *task)
{
	WRITE_ONCE(hf_counted_task, task);
}

/* A hook of the sets that are registered, or NULL. */
struct hf_hook *__init hf_hook_find(const char *name)
{
	struct hf_hook *found = NULL;
	struct hf_hook_set *set;
	unsigned int i;

	mutex_lock(&hf_hooks_mutex);
	list_for_each_entry(set, &hf_hook_sets, node) {
		for (i = 0; i < set->nr; i++) {
			if (!strcmp(set->hooks[i].name, name))
				found = &set->hooks[i];
		}
	}
	mutex_unlock(&hf_hooks_mutex);
	return found;
}

/* Returns 0 if each hook of the registered sets was called, or -EIO. */
int __init hf_hooks_untested(void)
{
	struct hf_hook_set *set;
	unsigned int i;
	int err = 0;

	mutex_lock(&hf_hooks_mutex);
	list_for_each_entry(set, &hf_hook_sets, node) {
		for (i = 0; i < set->nr; i++) {
			if (set->hooks[i].entered)
				continue;
			pr_err("holdfast: no test of the hook on %s; not loading\n",
			       set->hooks[i].name);
			err = -EIO;
		}
	}
	mutex_unlock(&hf_hooks_mutex);
	return err;
}

/*
 * There are no leases, so no task is in a wrapper: they each hold a reference on
 * the module, except for the instructions between the module_put() of
 * hf_hooks_leave() and the wrapper's return.
 */
void hf_hooks_exit(void)
{
	cancel_delayed_work_sync(&hf_hooks_idle);
	hf_hooks_unregister();
	ftrace_free_filter(&hf_source->kernel->ops);
	synchronize_rcu_tasks();
}

int __init hf_hooks_init(const struct hf_hook_source *source)
{
	hf_source = source;
	return hf_hook_set_init(source->kernel);
}
