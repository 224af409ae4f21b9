// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a lease: released, revoked, or closed, and with consumers left a
 * zombie, until the last pin is gone.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include "core/file.h"
#include "core/lease.h"
#include "pages/held.h"
#include "pages/record.h"
#include "pages/reserved.h"
#include "change/break.h"
#include "lease/acquire.h"
#include "lease/release.h"

/* How often to look at a page whose wake-up does not come. */
#define HF_REAP_AGAIN HZ

/* Ends a lease when its consumers are gone: a worker's own. */
struct hf_reaper {
	struct delayed_work work;
	struct hf_lease *lease; /* with a reference, and one on the module */
	/* Woken when the busy page that was found becomes idle. */
	struct wait_bit_queue_entry wait;
	pgoff_t index; /* nothing below it is busy */
};

/*
 * The first page from *@index on that consumers hold, of a lease that gets no new
 * ones, and its index; or NULL: then its pages are as they were before the lease.
 */
static struct page *hf_lease_last_page(struct hf_lease *lease, pgoff_t *index)
{
	struct hf_pin *pin;
	struct page *page;

	down_read(&lease->runs_sem);
	page = hf_lease_busy_page(lease, index, ULONG_MAX);
	if (!page) {
		hf_for_each_pin(pin, lease, 0, ULONG_MAX)
			page = hf_reserved_restore(&pin->runs) ?: page;
	}
	up_read(&lease->runs_sem);
	return page;
}

/* In the wake-up of some page's reference count, under its queue's lock. */
static int hf_idle_wake(struct wait_queue_entry *entry, unsigned int mode,
			int sync, void *arg)
{
	struct wait_bit_queue_entry *wait =
		container_of(entry, struct wait_bit_queue_entry, wq_entry);
	struct hf_reaper *reaper = container_of(wait, struct hf_reaper, wait);
	struct wait_bit_key *key = arg;

	if (key->flags == wait->key.flags)
		mod_delayed_work(hf_wq, &reaper->work, 0);
	return 0;
}

/* Nothing holds the pages, nor is the reaper in any queue. */
static void hf_reaper_end(struct hf_reaper *reaper)
{
	struct hf_lease *lease = reaper->lease;

	mutex_lock(&lease->mutex);
	hf_lease_unbind(lease);
	mutex_unlock(&lease->mutex);
	hf_lease_put(lease);
	kfree(reaper);
	module_put(THIS_MODULE);
}

enum hf_retired {
	HF_RETIRED,
	HF_HAS_BUSY_PAGES,
	HF_IS_BREAKING,
};

/*
 * An implicit lease can be given more pages while the reaper looks: it ends only
 * if nobody does from here on. Nor does it before its holder knows that a change
 * has ended: see hf_lease_reap_now().
 */
static enum hf_retired hf_implicit_retire(struct hf_lease *lease)
{
	enum hf_retired ret = HF_RETIRED;
	pgoff_t index = 0;

	down_write(&lease->runs_sem);
	if (hf_lease_busy_page(lease, &index, ULONG_MAX) ||
	    (lease->pin && hf_reserved_restore(&lease->pin->runs)))
		ret = HF_HAS_BUSY_PAGES;
	spin_lock(&lease->file->lock);
	if (ret == HF_RETIRED)
		hf_break_answered(lease);
	if (ret == HF_RETIRED && lease->state == HOLDFAST_BREAKING) {
		ret = HF_IS_BREAKING;
	} else if (ret == HF_RETIRED) {
		hf_lease_out(lease);
		lease->reaper = NULL;
		/* A revoke may have ended it. */
		if (lease->target)
			WRITE_ONCE(lease->state, HOLDFAST_RELEASING);
	}
	spin_unlock(&lease->file->lock);
	up_write(&lease->runs_sem);
	return ret;
}

/*
 * Ends a lease, or has itself called when its first busy page is idle. A page
 * that some process maps as well does not wake anybody when its last pin goes
 * (from 6.15 on), so it looks again from time to time.
 */
static void hf_reap_work(struct work_struct *work)
{
	struct hf_reaper *reaper =
		container_of(to_delayed_work(work), struct hf_reaper, work);
	struct wait_bit_queue_entry *wait = &reaper->wait;
	struct page *page;
	void *var = wait->key.flags;

	if (var)
		remove_wait_queue(__var_waitqueue(var), &wait->wq_entry);
again:
	/* It may have been given pages that were idle before. */
	if (reaper->lease->implicit)
		reaper->index = 0;
	while ((page = hf_lease_last_page(reaper->lease, &reaper->index))) {
		var = hf_page_idle_var(page);
		init_wait_var_entry(wait, var, 0);
		wait->wq_entry.func = hf_idle_wake;
		add_wait_queue(__var_waitqueue(var), &wait->wq_entry);
		/* Pairs with the atomic that dropped the last reference. */
		smp_mb();
		if (hf_page_busy(page)) {
			queue_delayed_work(hf_wq, &reaper->work, HF_REAP_AGAIN);
			return;
		}
		remove_wait_queue(__var_waitqueue(var), &wait->wq_entry);
	}
	switch (reaper->lease->implicit ? hf_implicit_retire(reaper->lease)
					: HF_RETIRED) {
	case HF_HAS_BUSY_PAGES:
		goto again;
	case HF_IS_BREAKING:
		wait->key.flags = NULL;
		return;
	case HF_RETIRED:
		break;
	}
	/* Nothing wakes it from now on; drop an earlier wake-up. */
	spin_lock(&reaper->lease->file->lock);
	reaper->lease->reaper = NULL;
	spin_unlock(&reaper->lease->file->lock);
	cancel_delayed_work(&reaper->work);
	hf_reaper_end(reaper);
}

/*
 * Once, with lease->mutex held if others know the lease: nothing below page
 * @index is busy.
 */
static void hf_reaper_start(struct hf_lease *lease, pgoff_t index)
{
	struct hf_reaper *reaper =
		kzalloc(sizeof(*reaper), GFP_KERNEL | __GFP_NOFAIL);

	lease->reaping = true;
	kref_get(&lease->kref);
	__module_get(THIS_MODULE);
	reaper->lease = lease;
	reaper->index = index;
	INIT_DELAYED_WORK(&reaper->work, hf_reap_work);
	spin_lock(&lease->file->lock);
	lease->reaper = &reaper->work;
	spin_unlock(&lease->file->lock);
	queue_delayed_work(hf_wq, &reaper->work, 0);
}

/* An implicit lease, whose pages are pinned, ends by itself. */
void hf_lease_reap(struct hf_lease *lease)
{
	hf_reaper_start(lease, lease->range.start);
}

/*
 * Ends the lease if nothing pins its pages; otherwise the reaper does so later.
 * Called with lease->mutex held. Returns true if it has ended.
 */
static bool hf_lease_finish(struct hf_lease *lease)
{
	pgoff_t index = lease->range.start;

	lockdep_assert_held(&lease->mutex);
	if (READ_ONCE(lease->state) == HOLDFAST_RELEASED)
		return true;
	if (!hf_lease_last_page(lease, &index)) {
		hf_lease_unbind(lease);
		return true;
	}
	if (!lease->reaping)
		hf_reaper_start(lease, index);
	return false;
}

/* Waits for the worker. */
static int hf_lease_wait_released(struct hf_lease *lease)
{
	return wait_event_killable(lease->file->wait,
				   READ_ONCE(lease->state) == HOLDFAST_RELEASED)
		       ? -EINTR
		       : 0;
}

/*
 * From here on nothing is pinned. @grace_ms: how long consumers may stay
 * before the holder is fenced; 0: until a change breaks the lease.
 */
static void hf_lease_stop(struct hf_lease *lease, unsigned int grace_ms)
{
	struct hf_file *file = lease->file;

	spin_lock(&file->lock);
	if (lease->state != HOLDFAST_ZOMBIE && lease->target)
		WRITE_ONCE(lease->state, HOLDFAST_RELEASING);
	hf_pins_stale(lease, 0, ULONG_MAX, NULL);
	if (grace_ms && lease->target)
		hf_break_by_revoke(lease, grace_ms);
	spin_unlock(&file->lock);
	wake_up_all(&file->wait);
}

/* Ends a stopped lease, or waits for that; @unfinished: or returns that. */
static int hf_lease_end(struct hf_lease *lease, int unfinished)
{
	bool done;

	if (mutex_lock_killable(&lease->mutex))
		return -EINTR;
	done = hf_lease_finish(lease);
	mutex_unlock(&lease->mutex);
	if (done)
		return 0;
	return unfinished ?: hf_lease_wait_released(lease);
}

/* HOLDFAST_IOC_RELEASE; the errors are in the ABI header. */
int hf_lease_release(struct hf_lease *lease, bool nonblock)
{
	if (!hf_lease_bound(lease))
		return -EBADFD;
	hf_lease_stop(lease, 0);
	return hf_lease_end(lease, nonblock ? -EAGAIN : 0);
}

/* Whose lease it is, or an administrator: may also hurry its holder. */
static bool hf_may_hurry(const struct hf_lease *lease)
{
	return uid_eq(lease->cred->uid, current_uid()) ||
	       capable(CAP_SYS_ADMIN);
}

static bool hf_may_revoke(const struct hf_lease *lease, struct file *target)
{
	return hf_may_hurry(lease) ||
	       inode_owner_or_capable(hf_file_idmap(target),
				      file_inode(target));
}

static int hf_lease_do_revoke(struct hf_lease *lease,
			      const struct holdfast_revoke *args)
{
	unsigned int grace_ms = lease->break_ms;

	if (args->grace_ms && hf_may_hurry(lease))
		grace_ms = min(args->grace_ms, grace_ms);
	hf_lease_stop(lease, max(grace_ms, 1U));
	return hf_lease_end(
		lease, args->flags & HOLDFAST_REVOKE_NOWAIT ? -EINPROGRESS : 0);
}

/* HOLDFAST_IOC_REVOKE; the errors are in the ABI header. */
int hf_lease_revoke(const struct holdfast_revoke *args)
{
	struct hf_lease *lease;
	struct file *target;
	int err = -ENOENT;
	bool may;

	if (args->flags & ~HOLDFAST_REVOKE_NOWAIT || args->__reserved)
		return -EINVAL;
	lease = hf_lease_find(args->id);
	if (!lease)
		return -ENOENT;
	target = hf_lease_target(lease);
	if (target) {
		may = hf_may_revoke(lease, target);
		fput(target);
		err = may ? hf_lease_do_revoke(lease, args) : -EPERM;
	}
	hf_lease_put(lease);
	return err;
}

/*
 * The device of the lease's file goes: its holder is told; or, with @wait, the end
 * is waited for, which the fence brings about.
 */
void hf_lease_remove(struct hf_lease *lease, bool wait)
{
	bool done;

	/* Once more before the wait: it may be a new one. */
	hf_lease_stop(lease, max(lease->break_ms, 1U));
	if (!wait)
		return;
	mutex_lock(&lease->mutex);
	done = hf_lease_finish(lease);
	mutex_unlock(&lease->mutex);
	if (!done)
		wait_event_idle(lease->file->wait,
				READ_ONCE(lease->state) == HOLDFAST_RELEASED);
}

/* The open file is gone. */
void hf_lease_close(struct hf_lease *lease)
{
	if (!hf_lease_bound(lease))
		goto put;

	spin_lock(&lease->file->lock);
	if (lease->target)
		WRITE_ONCE(lease->state, HOLDFAST_ZOMBIE);
	hf_pins_stale(lease, 0, ULONG_MAX, NULL);
	spin_unlock(&lease->file->lock);
	wake_up_all(&lease->file->wait);
	mutex_lock(&lease->mutex);
	hf_lease_finish(lease);
	mutex_unlock(&lease->mutex);
put:
	hf_lease_put(lease);
}
