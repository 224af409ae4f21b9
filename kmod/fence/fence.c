// SPDX-License-Identifier: GPL-2.0
/*
 * The last resort. A holder that has not let go at the deadline of a break is
 * killed: that ends its mappings and closes its files, and so its consumers.
 * It needs nobody's help, and works on a stopped process. Where pins are left
 * after that, it goes on to those that inherited them: see sharer.c.
 */
#define pr_fmt(fmt) "holdfast: " fmt

#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include "core/counters.h"
#include "core/event.h"
#include "core/file.h"
#include "core/lease.h"
#include "core/left.h"
#include "core/names.h"
#include "core/owner.h"
#include "core/trace.h"
#include "pages/held.h"
#include "change/break.h"
#include "fence/fence.h"
#include "fence/process.h"
#include "fence/sharer.h"

/* How soon to look again after a kill: there may be new owners. */
#define HF_FENCE_AGAIN_MS 1000

static bool fence_widely;
module_param(fence_widely, bool, 0644);
MODULE_PARM_DESC(
	fence_widely,
	"kill in the end also processes of the same user that may hold consumers; guesses");

/* An owner's address space that is not in this round yet, with a reference. */
static struct mm_struct *hf_fence_next(struct hf_lease *lease, bool *sharer)
{
	struct mm_struct *mm = NULL;
	struct hf_owner *owner;

	spin_lock(&lease->file->lock);
	list_for_each_entry(owner, &lease->owners, node) {
		if (owner->round == lease->fence_round)
			continue;
		owner->round = lease->fence_round;
		/* It has let go, or gives its own change up. */
		if (owner->mm == hf_break_mm(lease) ||
		    (owner->role == HF_PINS &&
		     !hf_mm_has_pins(lease, owner->mm, lease->first_due,
				     lease->last_due)))
			continue;
		*sharer = owner->role == HF_SHARES;
		mm = owner->mm;
		mmgrab(mm);
		break;
	}
	spin_unlock(&lease->file->lock);
	return mm;
}

static bool hf_is_dying(const struct task_struct *process)
{
	return process->signal->flags & SIGNAL_GROUP_EXIT;
}

static void hf_fence_one(struct hf_lease *lease, struct task_struct *process)
{
	bool dying = hf_is_dying(process);

	kill_pid(task_tgid(process), SIGKILL, 1);
	if (dying)
		return;
	hf_count(lease->file, HF_COUNT_KILLED);
	pr_notice_ratelimited(
		"lease %llu: killing process %d (%s): consumers still hold up a %s at its deadline\n",
		lease->id, task_tgid_nr(process), process->comm,
		hf_op_name(lease->change.op));
}

/*
 * A tracer can keep a killed process from dying (PTRACE_O_TRACEEXIT) until it dies
 * itself, and its own tracer can keep it from that. In RCU.
 */
static struct task_struct *hf_held_by(struct task_struct *process)
{
	struct task_struct *thread;

	if (!hf_is_dying(process))
		return NULL;
	for_each_thread(process, thread) {
		if (task_is_traced(thread))
			return rcu_dereference(thread->parent);
	}
	return NULL;
}

static void hf_fence_process(struct hf_lease *lease,
			     struct task_struct *process)
{
	unsigned int depth;

	/* Nothing kills that. */
	if (is_global_init(process))
		return;
	rcu_read_lock();
	/* Two can trace each other. */
	for (depth = 0; depth < 8 && process; depth++) {
		struct task_struct *tracer = hf_held_by(process);

		hf_fence_one(lease, process);
		process = tracer && hf_may_fence(lease, tracer) ? tracer : NULL;
	}
	rcu_read_unlock();
}

/*
 * A process that shares what may hold a owner's pins is for the next round, if
 * pins are left then: most often it only has the same device open.
 */
static void hf_fence_later(struct hf_lease *lease, struct task_struct *process)
{
	struct pid *tgid = get_task_pid(process, PIDTYPE_TGID);
	struct mm_struct *mm = hf_process_mm(process);

	/* A reaped process has neither; without memory, there is a next time. */
	if (mm && tgid)
		hf_owner_add(lease, mm, tgid, HF_SHARES);
	if (mm)
		mmput_async(mm);
	put_pid(tgid);
}

/*
 * Kills every process that runs in an address space; in the first round only
 * where it has a file that can hold pins. One that is there because it shares a
 * owner's files has others of its own: those are not followed.
 */
static void hf_fence_mm(struct hf_lease *lease, const struct mm_struct *mm,
			bool sharer, bool first)
{
	struct hf_pinners pinners = { .lease = lease };
	struct task_struct *process;
	int nr = 0;

	while (!sharer && (process = hf_process_next(&nr))) {
		if (hf_process_uses(process, mm))
			hf_pinners_collect(&pinners, process);
		put_task_struct(process);
	}
	if (first && !pinners.nr)
		return;
	nr = 0;
	while ((process = hf_process_next(&nr))) {
		if (hf_process_uses(process, mm))
			hf_fence_process(lease, process);
		else if (pinners.nr && hf_pinners_shared(&pinners, process))
			hf_fence_later(lease, process);
		put_task_struct(process);
	}
	hf_pinners_put(&pinners);
}

/* Room for as many credentials as there are owners, and one more. */
static bool hf_heirs_reserve(struct hf_heirs *heirs)
{
	struct hf_owner *owner;

	heirs->max = 1;
	spin_lock(&heirs->lease->file->lock);
	list_for_each_entry(owner, &heirs->lease->owners, node)
		heirs->max++;
	spin_unlock(&heirs->lease->file->lock);
	heirs->cred = kvcalloc(heirs->max, sizeof(*heirs->cred), GFP_KERNEL);
	return heirs->cred;
}

static void hf_heirs_add(struct hf_heirs *heirs, const struct cred *cred)
{
	if (heirs->nr < heirs->max)
		heirs->cred[heirs->nr++] = get_cred(cred);
}

/*
 * Those whose files may hold pins that are left: of owners that have let go they do
 * not.
 */
static void hf_heirs_fill(struct hf_heirs *heirs)
{
	struct hf_lease *lease = heirs->lease;
	bool taker_let_go = false;
	struct hf_owner *owner;

	spin_lock(&lease->file->lock);
	list_for_each_entry(owner, &lease->owners, node) {
		if (owner->role == HF_SHARES)
			continue;
		if (hf_mm_has_pins(lease, owner->mm, lease->first_due,
				   lease->last_due))
			hf_heirs_add(heirs, owner->cred);
		else
			taker_let_go |= owner->cred == lease->cred;
	}
	if (!taker_let_go)
		hf_heirs_add(heirs, lease->cred);
	spin_unlock(&lease->file->lock);
}

/* Kills processes that hold pins although the owners are gone. */
static void hf_fence_heirs(struct hf_lease *lease, bool wide)
{
	struct hf_heirs heirs = { .lease = lease, .wide = wide };
	struct task_struct *process;
	int nr = 0;

	/* Without memory, there is a next time. */
	if (!hf_heirs_reserve(&heirs))
		return;
	hf_heirs_fill(&heirs);
	while ((process = hf_process_next(&nr))) {
		if (hf_process_inherits(&heirs, process))
			hf_fence_process(lease, process);
		put_task_struct(process);
	}
	while (heirs.nr)
		put_cred(heirs.cred[--heirs.nr]);
	kvfree(heirs.cred);
}

static void hf_fence(struct hf_lease *lease)
{
	struct mm_struct *mm;
	unsigned int round;
	bool sharer;

	spin_lock(&lease->file->lock);
	/* It has ended, or its break has, and another one may have begun. */
	if (!lease->target || !lease->breaker ||
	    ktime_before(ktime_get(), lease->deadline)) {
		spin_unlock(&lease->file->lock);
		return;
	}
	if (!lease->fenced) {
		lease->fenced = true;
		lease->first_round = lease->fence_round + 1;
		hf_event_push(lease, HOLDFAST_EVENT_FENCED, ktime_get());
		hf_count(lease->file, HF_COUNT_FENCED);
		trace_holdfast_fence(lease);
	}
	round = ++lease->fence_round - lease->first_round;
	spin_unlock(&lease->file->lock);

	while ((mm = hf_fence_next(lease, &sharer))) {
		hf_fence_mm(lease, mm, sharer, !round);
		mmdrop(mm);
	}
	/* A second each for what was killed to be gone. */
	if (round) {
		hf_heirs_collect_cycles();
		hf_fence_heirs(lease, false);
	}
	if (round > 1 && READ_ONCE(fence_widely) && hf_user_is_plain(lease))
		hf_fence_heirs(lease, true);
}

/* A lease to look at, with a reference. Called with file->lock held. */
static struct hf_lease *hf_fence_due(struct hf_file *file, ktime_t now)
{
	struct hf_lease *lease;

	list_for_each_entry(lease, &file->breaking, break_node) {
		if (!ktime_after(lease->fence_at, now)) {
			/* Those that come later are found at once. */
			list_move_tail(&lease->break_node, &file->breaking);
			kref_get(&lease->kref);
			return lease;
		}
	}
	return NULL;
}

/*
 * A holder whose consumers are gone has answered in time, whatever else the change
 * still waits for: a process that can read the file can hold a page for a while, and
 * also pin it. So the fence kills no process where nothing is pinned for DMA, nor where
 * the records say that all consumers are gone.
 */
void hf_fence_work(struct work_struct *work)
{
	struct hf_file *file =
		container_of(to_delayed_work(work), struct hf_file, fence);
	ktime_t now = ktime_get();
	const struct mm_struct *mm; /* to compare */
	struct hf_lease *lease;
	bool busy, late, pinned;

	spin_lock(&file->lock);
	while ((lease = hf_fence_due(file, now))) {
		/* It may be looked at before, see hf_pins_ended(). */
		late = !ktime_before(now, lease->deadline);
		lease->fence_at = late ? ktime_add_ms(now, HF_FENCE_AGAIN_MS)
				       : lease->deadline;
		mm = hf_break_mm(lease);
		spin_unlock(&file->lock);
		pinned = hf_lease_is_pinned_but_by(lease, mm, lease->first_due,
						   lease->last_due);
		if (late && pinned && READ_ONCE(lease->breaker))
			hf_fence(lease);
		busy = hf_lease_is_busy(lease, lease->first_due,
					lease->last_due);
		spin_lock(&file->lock);
		if (!busy)
			hf_break_answered(lease);
		if (late && !pinned)
			hf_break_next(lease);
		spin_unlock(&file->lock);
		hf_lease_put(lease);
		spin_lock(&file->lock);
	}
	hf_fence_schedule(file);
	spin_unlock(&file->lock);
}
