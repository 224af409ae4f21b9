// SPDX-License-Identifier: GPL-2.0
/* How a change waits for the consumers of the leases that it breaks. */
#include <linux/jiffies.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include "core/lease.h"
#include "core/watch.h"
#include "pages/held.h"
#include "pages/record.h"
#include "change/break.h"
#include "change/change.h"
#include "change/settle.h"

/*
 * A change also waits for references that are not for DMA, but the fence does not
 * end those: a kill ends the wait. Then a change that cannot fail goes on as it would
 * without leases.
 */
static bool hf_change_is_hurried(const struct hf_change *change)
{
	return change->unstoppable && fatal_signal_pending(current);
}

static bool hf_change_waits(const struct hf_change *change, struct page *page)
{
	return hf_change_is_hurried(change) ? hf_page_pinned(page)
					    : hf_page_busy(page);
}

static struct page *hf_lease_waits(struct hf_lease *lease,
				   const struct hf_change *change)
{
	pgoff_t index = change->first;
	struct page *page;

	page = hf_lease_busy_page(lease, &index, change->last);
	while (page && !hf_change_waits(change, page)) {
		if (index++ == change->last)
			return NULL;
		page = hf_lease_busy_page(lease, &index, change->last);
	}
	return page;
}

/**
 * hf_change_busy_page - a leased page that the change has to wait for
 * @file: the file; its inode's invalidate_lock is held exclusively
 * @change: after hf_change_break()
 *
 * Kernels before 6.15 do not look for busy pages when no process maps the file
 * (DAX pages were thought to be pinned through mappings only).
 */
struct page *hf_change_busy_page(struct hf_file *file,
				 const struct hf_change *change)
{
	struct hf_lease *lease, *next;
	struct page *page = NULL;
	LIST_HEAD(look);

	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, change->first, change->last) {
		kref_get(&lease->kref);
		list_add_tail(&lease->look_node, &look);
	}
	spin_unlock(&file->lock);

	list_for_each_entry_safe(lease, next, &look, look_node) {
		if (!page && HF_GUARDED) {
			down_read(&lease->runs_sem);
			page = hf_lease_waits(lease, change);
			up_read(&lease->runs_sem);
		}
		list_del(&lease->look_node);
		hf_lease_put(lease);
	}
	return page;
}

/*
 * Whether all changes of the range wait for pins and have not entered the filesystem:
 * then more pins can be made. Called with file->lock held.
 */
static bool hf_changes_all_wait(struct hf_file *file, pgoff_t first,
				pgoff_t last)
{
	struct hf_change *change;

	lockdep_assert_held(&file->lock);
	list_for_each_entry(change, &file->changes, node) {
		if (!change->nothing && !change->waits &&
		    change->first <= last && change->last >= first)
			return false;
	}
	return true;
}

/**
 * hf_changes_let_in - whether a record of pins can enter the file now
 * @file: its lock is held
 * @first: index of the first page
 * @last: index of the last page
 * @more: of hf_changes_wait_to_pin()
 */
bool hf_changes_let_in(struct hf_file *file, pgoff_t first, pgoff_t last,
		       bool more)
{
	return more ? hf_changes_all_wait(file, first, last)
		    : !hf_change_overlaps(file, first, last);
}

/* Whether a change of the range is under way, for a moment. */
bool hf_change_is_under_way(struct hf_file *file, pgoff_t first, pgoff_t last)
{
	bool found;

	spin_lock(&file->lock);
	found = hf_change_overlaps(file, first, last);
	spin_unlock(&file->lock);
	return found;
}

/* Widens a range to the changes of it. False: none. Called with file->lock held. */
static bool hf_changes_reach(struct hf_file *file, pgoff_t *first,
			     pgoff_t *last)
{
	pgoff_t from = ULONG_MAX, to = 0;
	struct hf_change *change;
	struct hf_lease *lease;

	list_for_each_entry(change, &file->changes, node) {
		if (change->nothing || change->first > *last ||
		    change->last < *first)
			continue;
		from = min(from, change->first);
		to = max(to, change->last);
	}
	list_for_each_entry(lease, &file->breaking, break_node) {
		if (!hf_break_is_deferred(lease) || lease->first_due > *last ||
		    lease->last_due < *first)
			continue;
		from = min(from, lease->first_due);
		to = max(to, lease->last_due);
	}
	if (from > to)
		return false;
	*first = from;
	*last = to;
	return true;
}

/*
 * Whether a change of the range waits for pins that the caller's process has: then
 * to wait for the change would be a deadlock. False for what has not broken its
 * leases yet: hf_file.breaks counts when it does. *@more, unless NULL: whether the
 * process could make more pins, as no change is in the filesystem.
 */
static bool hf_changes_wait_for_caller(struct hf_file *file, pgoff_t first,
				       pgoff_t last, bool *more)
{
	struct address_space *mapping = file->inode->i_mapping;
	struct hf_lease *lease, *next;
	bool waits = false;
	LIST_HEAD(look);

	if (file->dram || !current->mm)
		return false;
	filemap_invalidate_lock(mapping);
	spin_lock(&file->lock);
	if (more)
		*more = hf_changes_all_wait(file, first, last);
	if (hf_changes_reach(file, &first, &last)) {
		hf_for_each_overlap(lease, file, first, last) {
			if (!lease->breaker)
				continue;
			kref_get(&lease->kref);
			list_add_tail(&lease->look_node, &look);
		}
	}
	spin_unlock(&file->lock);
	list_for_each_entry_safe(lease, next, &look, look_node) {
		waits = waits ||
			hf_lease_is_pinned_by(lease, current->mm, first, last);
		list_del(&lease->look_node);
		hf_lease_put(lease);
	}
	filemap_invalidate_unlock(mapping);
	return waits;
}

/**
 * hf_changes_wait - wait until no change of a range is under way
 * @file: the file; the caller holds no lock
 * @first: index of the first page
 * @last: index of the last page
 * @task_state: TASK_INTERRUPTIBLE or TASK_KILLABLE
 * @more: out, with -EDEADLK: whether more pins could be made, as no change is in the
 *	filesystem; or NULL
 *
 * Return: 0: there was none for a moment; -EDEADLK: one waits for pins of the caller's
 * process; -ERESTARTSYS: a signal came.
 */
int hf_changes_wait(struct hf_file *file, pgoff_t first, pgoff_t last,
		    unsigned int task_state, bool *more)
{
	unsigned int breaks;
	int err = 0;

	while (!err) {
		breaks = READ_ONCE(file->breaks);
		if (!hf_change_is_under_way(file, first, last))
			return 0;
		if (hf_changes_wait_for_caller(file, first, last, more))
			return -EDEADLK;
		err = wait_event_state(
			file->wait,
			!hf_change_is_under_way(file, first, last) ||
				READ_ONCE(file->breaks) != breaks,
			task_state);
	}
	return err;
}

/* Whether half of the time that changes of a range give is over. */
static bool hf_changes_are_late(struct hf_file *file, pgoff_t first,
				pgoff_t last)
{
	struct hf_lease *lease;
	bool late = false;

	spin_lock(&file->lock);
	if (hf_changes_reach(file, &first, &last)) {
		hf_for_each_overlap(lease, file, first, last)
			late = late ||
			       (lease->breaker && hf_break_is_late(lease));
	}
	spin_unlock(&file->lock);
	return late;
}

/**
 * hf_changes_wait_to_pin - wait until pages of a lease can be pinned
 * @lease: the caller holds no lock
 * @span: the pages
 * @pinner: the current process, and for what
 * @more: out: a change waits for pins of the process, and these have to be made
 *
 * A process can need another registration before it can let go of what a change waits
 * for: a library that completes a transfer only when it is called again. One that
 * reads its events (HOLDFAST_WATCH_OWN) hears of the change, and so may make it, in
 * the first half of the break time: threads that register all the time would leave no
 * moment without pins. So may one whose registration has begun. The deadline stays.
 *
 * Return: 0, or as hf_changes_wait().
 */
int hf_changes_wait_to_pin(struct hf_lease *lease, const struct hf_span *span,
			   const struct hf_pinner *pinner, bool *more)
{
	pgoff_t last = span->index + span->nr - 1;
	bool can;
	int err = hf_changes_wait(lease->file, span->index, last, TASK_KILLABLE,
				  &can);

	*more = err == -EDEADLK && can &&
		(hf_registration_goes_on(lease->file, span, pinner) ||
		 (lease->implicit && hf_watch_is_open(pinner->mm) &&
		  !hf_changes_are_late(lease->file, span->index, last)));
	return *more ? 0 : err;
}

static unsigned int hf_change_task_state(const struct hf_change *change)
{
	if (hf_change_is_hurried(change))
		return TASK_UNINTERRUPTIBLE;
	return change->unstoppable ? TASK_KILLABLE : TASK_INTERRUPTIBLE;
}

/*
 * Whether the time is up for pins that the caller's own process has. Called with the
 * inode's invalidate_lock held exclusively.
 */
static bool hf_change_is_deadlocked(struct hf_file *file,
				    const struct hf_change *change)
{
	ktime_t now = ktime_get();
	struct hf_lease *lease, *next;
	bool deadlocked = false;
	LIST_HEAD(late);

	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, change->first, change->last) {
		if (lease->breaker != change ||
		    ktime_before(now, lease->deadline))
			continue;
		kref_get(&lease->kref);
		list_add_tail(&lease->look_node, &late);
	}
	spin_unlock(&file->lock);
	list_for_each_entry_safe(lease, next, &late, look_node) {
		deadlocked |= hf_lease_is_pinned_by(
			lease, current->mm, change->first, change->last);
		list_del(&lease->look_node);
		hf_lease_put(lease);
	}
	return deadlocked;
}

/*
 * The change has found pins, and begins again from its beginning: until hf_change_break()
 * more pins can be made. Called with the inode's invalidate_lock held exclusively.
 */
void hf_change_set_waits(struct hf_file *file, struct hf_change *change)
{
	spin_lock(&file->lock);
	change->waits = true;
	spin_unlock(&file->lock);
}

/* Breaks the leases of the range: a page to wait for, or NULL. */
static struct page *hf_change_demand(struct hf_file *file,
				     struct hf_change *change)
{
	struct address_space *mapping = file->inode->i_mapping;
	struct page *page;

	filemap_invalidate_lock(mapping);
	hf_change_break(file, change);
	page = hf_change_busy_page(file, change);
	if (page && change->mm)
		change->deadlocked = hf_change_is_deadlocked(file, change);
	if (page)
		hf_change_set_waits(file, change);
	filemap_invalidate_unlock(mapping);
	return page;
}

/* Whose pins are not fenced: see hf_change_settle(). */
static void hf_change_set_mm(struct hf_file *file, struct hf_change *change,
			     struct mm_struct *mm)
{
	spin_lock(&file->lock);
	change->mm = mm;
	spin_unlock(&file->lock);
}

/**
 * hf_change_is_clear - break the leases of the range, and wait for nobody
 * @file: the file; the caller does not hold its inode's invalidate_lock
 * @change: begun
 *
 * Return: whether there are no consumers that the change has to wait for.
 */
bool hf_change_is_clear(struct hf_file *file, struct hf_change *change)
{
	return change->nothing || !hf_change_demand(file, change);
}

/* One look, and wait; 0: nothing is busy; 1: again. */
static int hf_change_wait(struct hf_file *file, struct hf_change *change)
{
	struct page *page = hf_change_demand(file, change);
	unsigned long again = jiffies + HZ;
	DECLARE_WAITQUEUE(ended, current);
	int err;

	if (!page)
		return 0;
	if (current->flags & PF_KTHREAD && !change->unstoppable) {
		change->deferred = true;
		return -EAGAIN;
	}
	if (change->deadlocked)
		return -EDEADLK;
	/*
	 * Not every page wakes when it is idle (hf_reap_work()), and not every end of a
	 * pin is seen, which wakes, too (hf_pins_ended()).
	 */
	add_wait_queue(&file->wait, &ended);
	err = ___wait_var_event(
		hf_page_idle_var(page),
		!hf_change_waits(change, page) ||
			(change->mm && time_after_eq(jiffies, again)),
		hf_change_task_state(change), 0, 0, schedule_timeout(HZ));
	remove_wait_queue(&file->wait, &ended);
	return err ?: 1;
}

/**
 * hf_change_settle - break the leases of the range, and wait for consumers
 * @file: the file; the caller does not hold its inode's invalidate_lock
 * @change: begun
 *
 * A kernel thread serves others, too, so it does not wait: its client asks again
 * (nfsd makes NFS3ERR_JUKEBOX or NFS4ERR_DELAY of -EAGAIN). The leases go on
 * breaking, with the deadline that they have.
 *
 * A process can wait for pins of its own, which another of its threads, or a signal
 * handler, lets go of. If none has at the deadline, the change fails, and nobody is
 * killed.
 *
 * Return: 0, or, unless it cannot fail, -EAGAIN for a kernel thread, -ERESTARTSYS
 * when a signal came, -EDEADLK when the caller's own pins are left at the deadline.
 */
int hf_change_settle(struct hf_file *file, struct hf_change *change)
{
	int ret = 1;

	if (change->nothing)
		return 0;
	if (!change->unstoppable && !(current->flags & PF_KTHREAD))
		hf_change_set_mm(file, change, current->mm);
	while (ret == 1 || (ret && change->unstoppable))
		ret = hf_change_wait(file, change);
	/* One that gives up is spared until it has ended. */
	if (ret != -EDEADLK)
		hf_change_set_mm(file, change, NULL);
	return ret;
}
