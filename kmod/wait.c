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

static struct page *hf_lease_waits(struct hf_lease *lease,
				   const struct hf_change *change)
{
	pgoff_t first = 0, last = ULONG_MAX;
	struct page *page;

	hf_change_narrow(lease, change, &first, &last);
	page = hf_runs_busy_page(&lease->runs, first, last, NULL);
	if (page && !hf_change_waits(change, page))
		page = hf_runs_pinned_page(&lease->runs, first, last);
	return page;
}

/**
 * hf_change_busy_page - a leased page that the change has to wait for
 * @file: the file; its inode's invalidate_lock is held exclusively
 * @change: after hf_change_break()
 *
 * A change waits for all consumers of each explicit lease that it breaks, also
 * those of pages outside its range: the lease ends with it, and nothing would
 * know them. An implicit lease keeps those.
 * Nor do kernels before 6.15 look for busy pages when no process maps the file
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
		if (!hf_lease_has_pages(lease))
			continue;
		kref_get(&lease->kref);
		list_add_tail(&lease->zap_node, &look);
	}
	spin_unlock(&file->lock);

	list_for_each_entry_safe(lease, next, &look, zap_node) {
		down_read(&lease->runs_sem);
		if (!page && hf_lease_has_pages(lease))
			page = hf_lease_waits(lease, change);
		up_read(&lease->runs_sem);
		list_del(&lease->zap_node);
		hf_lease_put(lease);
	}
	return page;
}

/* All leases that it has broken should be without consumers by now. */
static bool hf_change_is_late(const struct hf_change *change)
{
	return !change->widest && ktime_after(ktime_get(), change->deadline);
}

/*
 * Pages of a broken lease that the change itself does not touch may be held by
 * consumers of another lease, whom nobody has told. From its deadline on the
 * change is one of all pages of the leases that it has broken.
 */
static int hf_change_spread(struct hf_file *file, struct hf_change *change)
{
	pgoff_t first = change->first, last = change->last;
	struct hf_lease *lease;
	int err;

	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, change->first, change->last) {
		if (lease->implicit)
			continue;
		first = min_t(pgoff_t, first, lease->range.start);
		last = max_t(pgoff_t, last, lease->range.last);
	}
	change->widest = first == change->first && last == change->last;
	change->first = first;
	change->last = last;
	err = hf_change_refuse(file, change);
	spin_unlock(&file->lock);
	return err;
}

static unsigned int hf_change_task_state(const struct hf_change *change)
{
	if (hf_change_is_hurried(change))
		return TASK_UNINTERRUPTIBLE;
	return change->unstoppable ? TASK_KILLABLE : TASK_INTERRUPTIBLE;
}

/**
 * hf_change_settle - break the leases of the range, and wait for consumers
 * @file: the file; the caller does not hold its inode's invalidate_lock
 * @change: begun
 *
 * Return: 0, or, unless it can not fail, -ERESTARTSYS when a signal came, or
 * -ETXTBSY when consumers may be those of an exclusive lease which it does not
 * overlap itself.
 */
int hf_change_settle(struct hf_file *file, struct hf_change *change)
{
	struct address_space *mapping = file->inode->i_mapping;
	struct page *page;
	int err = 0;

	if (change->nothing)
		return 0;
	while (!err || change->unstoppable) {
		filemap_invalidate_lock(mapping);
		hf_change_break(file, change);
		page = hf_change_busy_page(file, change);
		filemap_invalidate_unlock(mapping);
		if (!page)
			return 0;
		if (hf_change_is_late(change))
			err = hf_change_spread(file, change);
		else
			/* Not every page wakes: see hf_reap_work(). */
			err = ___wait_var_event(
				hf_page_idle_var(page),
				!hf_change_waits(change, page) ||
					hf_change_is_late(change),
				hf_change_task_state(change), 0, 0,
				schedule_timeout(HZ));
	}
	return err;
}
