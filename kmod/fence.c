// SPDX-License-Identifier: GPL-2.0
/*
 * The last resort. A holder that has not let go at the deadline of a break is
 * killed: that ends its mappings and closes its files, and so its consumers.
 * It needs nobody's help, and works on a stopped process.
 */
#define pr_fmt(fmt) "holdfast: " fmt

#include <linux/ratelimit.h>
#include <linux/sched/signal.h>
#include "trace.h"

/* How soon to look again after a kill: there may be new mappers. */
#define HF_FENCE_AGAIN_MS 1000

static void hf_fence_report(struct hf_lease *lease, struct pid *victim)
{
	pr_notice_ratelimited(
		"lease %llu: killing process %d: its consumers still hold %s's %s after %u ms\n",
		lease->id, pid_nr(victim), lease->change.comm,
		hf_op_name(lease->change.op), lease->break_ms);
}

/* Called with file->lock held. */
static void hf_fence_kill(struct hf_lease *lease)
{
	struct hf_mapper *mapper;

	lockdep_assert_held(&lease->file->lock);
	if (!lease->fenced) {
		lease->fenced = true;
		hf_event_push(lease, HOLDFAST_EVENT_FENCED, ktime_get());
		trace_holdfast_fence(lease);
		list_for_each_entry (mapper, &lease->mappers, node)
			hf_fence_report(lease, mapper->tgid);
	}
	list_for_each_entry (mapper, &lease->mappers, node)
		kill_pid(mapper->tgid, SIGKILL, 1);
}

/* Called with file->lock held. */
void hf_fence_schedule(struct hf_file *file)
{
	ktime_t now = ktime_get(), next = KTIME_MAX;
	struct hf_lease *lease;

	lockdep_assert_held(&file->lock);
	list_for_each_entry (lease, &file->breaking, break_node)
		next = min(next, lease->fence_at);
	if (next != KTIME_MAX)
		mod_delayed_work(hf_wq, &file->fence,
				 nsecs_to_jiffies(max(next - now, 0LL)) + 1);
}

/* A lease to look at, with a reference. Called with file->lock held. */
static struct hf_lease *hf_fence_due(struct hf_file *file, ktime_t now)
{
	struct hf_lease *lease;

	list_for_each_entry (lease, &file->breaking, break_node) {
		if (!ktime_after(lease->fence_at, now)) {
			kref_get(&lease->kref);
			return lease;
		}
	}
	return NULL;
}

/*
 * A holder whose consumers are gone answered in time, whatever else the
 * change still waits for: only those with busy pages are killed.
 */
void hf_fence_work(struct work_struct *work)
{
	struct hf_file *file =
		container_of(to_delayed_work(work), struct hf_file, fence);
	ktime_t now = ktime_get();
	struct hf_lease *lease;

	spin_lock(&file->lock);
	while ((lease = hf_fence_due(file, now))) {
		bool busy;

		lease->fence_at = ktime_add_ms(now, HF_FENCE_AGAIN_MS);
		spin_unlock(&file->lock);
		busy = hf_lease_is_busy(lease);
		spin_lock(&file->lock);
		if (busy && lease->breaker)
			hf_fence_kill(lease);
		spin_unlock(&file->lock);
		hf_lease_put(lease);
		spin_lock(&file->lock);
	}
	hf_fence_schedule(file);
	spin_unlock(&file->lock);
}
