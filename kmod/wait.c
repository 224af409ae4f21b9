// SPDX-License-Identifier: GPL-2.0
/* How a change waits for the consumers of the leases that it breaks. */
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include "holdfast.h"

/*
 * References that are not for DMA are waited for, too, but the fence does not
 * end those: a kill does. Then a change that can not fail goes on as it would
 * have without leases.
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

/* test/oracle leaves it out: the truth test must find the blocks that are lost then. */
#ifdef HF_UNGUARDED
#define HF_GUARDED false
#else
#define HF_GUARDED true
#endif

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

/* Widens a range to the changes of it. False: none. Called with file->lock held. */
static bool hf_changes_reach(struct hf_file *file, pgoff_t *first,
			     pgoff_t *last)
{
	pgoff_t from = ULONG_MAX, to = 0;
	struct hf_change *change;

	list_for_each_entry(change, &file->changes, node) {
		if (change->nothing || change->first > *last ||
		    change->last < *first)
			continue;
		from = min(from, change->first);
		to = max(to, change->last);
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
 * leases yet: hf_file.breaks counts when it does.
 */
static bool hf_changes_wait_for_caller(struct hf_file *file, pgoff_t first,
				       pgoff_t last)
{
	struct address_space *mapping = file->inode->i_mapping;
	struct hf_lease *lease, *next;
	bool waits = false;
	LIST_HEAD(look);

	if (file->dram || !current->mm)
		return false;
	filemap_invalidate_lock(mapping);
	spin_lock(&file->lock);
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
 *
 * Return: 0: there was none for a moment; -EDEADLK: one waits for pins of the
 * caller's process; -ERESTARTSYS: a signal came.
 */
int hf_changes_wait(struct hf_file *file, pgoff_t first, pgoff_t last,
		    unsigned int task_state)
{
	unsigned int breaks;
	int err = 0;

	while (!err) {
		breaks = READ_ONCE(file->breaks);
		if (!hf_change_is_under_way(file, first, last))
			return 0;
		if (hf_changes_wait_for_caller(file, first, last))
			return -EDEADLK;
		err = wait_event_state(
			file->wait,
			!hf_change_is_under_way(file, first, last) ||
				READ_ONCE(file->breaks) != breaks,
			task_state);
	}
	return err;
}

static unsigned int hf_change_task_state(const struct hf_change *change)
{
	if (hf_change_is_hurried(change))
		return TASK_UNINTERRUPTIBLE;
	return change->unstoppable ? TASK_KILLABLE : TASK_INTERRUPTIBLE;
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
	filemap_invalidate_unlock(mapping);
	return page;
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

/**
 * hf_change_settle - break the leases of the range, and wait for consumers
 * @file: the file; the caller does not hold its inode's invalidate_lock
 * @change: begun
 *
 * A kernel thread serves others, too, so it does not wait: its client asks again
 * (nfsd makes NFS3ERR_JUKEBOX or NFS4ERR_DELAY of -EAGAIN). The leases go on
 * breaking, with the deadline that they have.
 *
 * Return: 0, or, unless it can not fail, -EAGAIN for a kernel thread, -ERESTARTSYS
 * when a signal came.
 */
int hf_change_settle(struct hf_file *file, struct hf_change *change)
{
	struct page *page;
	int err = 0;

	if (change->nothing)
		return 0;
	while (!err || change->unstoppable) {
		page = hf_change_demand(file, change);
		if (!page)
			return 0;
		if (current->flags & PF_KTHREAD && !change->unstoppable) {
			change->deferred = true;
			return -EAGAIN;
		}
		/* Not every page wakes: see hf_reap_work(). */
		err = ___wait_var_event(hf_page_idle_var(page),
					!hf_change_waits(change, page),
					hf_change_task_state(change), 0, 0,
					schedule_timeout(HZ));
	}
	return err;
}
