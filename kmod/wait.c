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

/*
 * Whether a page that is pinned may be so by another process, through a lease of
 * its own; then *@index becomes that lease's last page.
 */
static bool hf_page_is_foreign(struct hf_file *file, pgoff_t *index)
{
	pgoff_t first = *index, last = *index;
	struct hf_lease *lease;
	bool foreign = false;

	/* Where pins are counted for all of an entry. */
	if (HF_ENTRY_IS_FOLIO) {
		first = round_down(first, PTRS_PER_PTE);
		last |= PTRS_PER_PTE - 1;
	}
	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, first, last) {
		if (hf_lease_has_pages(lease) && !hf_lease_is_own(lease)) {
			foreign = true;
			*index = max_t(pgoff_t, *index, lease->range.last);
			break;
		}
	}
	spin_unlock(&file->lock);
	return foreign;
}

/* Whether a page of a lease is pinned by nobody else than the caller's process. */
static bool hf_lease_is_pinned_by_caller(struct hf_lease *lease)
{
	bool pinned = false;
	pgoff_t index;

	down_read(&lease->runs_sem);
	for (index = lease->range.start;
	     !pinned && hf_lease_has_pages(lease) &&
	     hf_runs_next_pinned(&lease->runs, &index);
	     index++)
		pinned = !hf_page_is_foreign(lease->file, &index);
	up_read(&lease->runs_sem);
	return pinned;
}

/* Called with file->lock held. */
static bool hf_lease_holds_up(const struct hf_lease *lease)
{
	return lease->breaker && hf_lease_has_pages(lease) &&
	       hf_lease_is_own(lease);
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

/**
 * hf_changes_wait_for_caller - whether waiting for changes would be a deadlock
 * @file: the file; the caller does not hold its inode's invalidate_lock
 * @first: index of the first page of a range
 * @last: index of the last page
 *
 * Return: true: a change of the range waits for consumers of a lease that the
 * caller's process took or mapped, and other processes' leases have not these
 * pages. False for what has not broken its leases yet: hf_file.breaks counts when
 * it does.
 */
bool hf_changes_wait_for_caller(struct hf_file *file, pgoff_t first,
				pgoff_t last)
{
	struct address_space *mapping = file->inode->i_mapping;
	struct hf_lease *lease, *next;
	bool waits = false;
	LIST_HEAD(own);

	if (file->dram)
		return false;
	filemap_invalidate_lock(mapping);
	spin_lock(&file->lock);
	if (hf_changes_reach(file, &first, &last)) {
		hf_for_each_overlap(lease, file, first, last) {
			if (!hf_lease_holds_up(lease))
				continue;
			kref_get(&lease->kref);
			list_add_tail(&lease->zap_node, &own);
		}
	}
	spin_unlock(&file->lock);
	list_for_each_entry_safe(lease, next, &own, zap_node) {
		waits = waits || hf_lease_is_pinned_by_caller(lease);
		list_del(&lease->zap_node);
		hf_lease_put(lease);
	}
	filemap_invalidate_unlock(mapping);
	return waits;
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
 * when a signal came, or -ETXTBSY when consumers may be those of an exclusive
 * lease which it does not overlap itself.
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
