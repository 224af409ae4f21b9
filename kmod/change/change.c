// SPDX-License-Identifier: GPL-2.0
/*
 * Layout changes of leased files, and the leases they break.
 *
 * A change begins where the VFS is entered (hooks/), which knows the operation
 * and the range, and ends when that call returns. In between the filesystem
 * asks, with the inode's invalidate_lock held exclusively, whether pages are
 * busy, as often as it takes: each time hf_change_break() marks the leases and
 * tells the holders; the waiting is the filesystem's.
 *
 * Ranges are rounded out to HOLDFAST_CHANGE_ALIGN, because one DAX entry can be
 * that large and the filesystem waits for whole entries.
 */
#include <linux/math.h>
#include "core/counters.h"
#include "core/event.h"
#include "core/file.h"
#include "core/info.h"
#include "core/lease.h"
#include "core/trace.h"
#include "pages/held.h"
#include "change/absorb.h"
#include "change/break.h"
#include "change/change.h"
#include "change/pair.h"

static_assert(HOLDFAST_CHANGE_ALIGN == PMD_SIZE);

/**
 * hf_change_init - describe a change by the current task
 * @change: to be filled in
 * @op: what it does
 * @offset: where it begins, in bytes
 * @length: how many bytes it takes away or replaces; 0: none; ~0: from @offset
 *	to any end of the file
 */
void hf_change_init(struct hf_change *change, enum holdfast_op op, u64 offset,
		    u64 length)
{
	*change = (struct hf_change){
		.task = current,
		.info.op = op,
		.info.offset = offset,
		.info.length = length,
		.first = round_down(offset, PMD_SIZE) >> PAGE_SHIFT,
		.last = ULONG_MAX,
		.nothing = !length,
	};
	if (length != ~0ULL)
		change->last =
			(round_up(offset + length, PMD_SIZE) >> PAGE_SHIFT) - 1;
}

/* The filesystem flushes and unmaps from @pos on, before what was asked for. */
void hf_change_reach_back(struct hf_change *change, u64 pos)
{
	change->first = min_t(pgoff_t, change->first,
			      round_down(pos, PMD_SIZE) >> PAGE_SHIFT);
}

/* Whether it can put blocks that another file has, too, where there were others. */
static bool hf_change_shares(const struct hf_change *change)
{
	switch (change->info.op) {
	case HOLDFAST_OP_REFLINK:
	case HOLDFAST_OP_DEDUPE:
	case HOLDFAST_OP_EXCHANGE:
	case HOLDFAST_OP_COLLAPSE:
	case HOLDFAST_OP_INSERT:
		return !change->nothing;
	default:
		return false;
	}
}

/*
 * A write to a shared block can prepare others for its unit of copy on write, and
 * for those beside it: see hf_cow_window(). What is leased there must not move.
 */
static void hf_change_reach_units(struct hf_file *file,
				  struct hf_change *change)
{
	u64 start = change->info.offset, unit = READ_ONCE(file->cow_unit);

	if (unit <= 1 || !hf_change_shares(change))
		return;
	unit <<= PAGE_SHIFT;
	hf_change_reach_back(change, start - min(start, unit));
	if (change->last != ULONG_MAX)
		change->last =
			max_t(pgoff_t, change->last,
			      (round_up(start + change->info.length + unit,
					PMD_SIZE) >>
			       PAGE_SHIFT) -
				      1);
}

/* Called with file->lock held. */
static bool hf_excluded(struct hf_file *file, const struct hf_change *change)
{
	struct hf_lease *lease;

	if (change->nothing)
		return false;
	hf_for_each_overlap(lease, file, change->first, change->last) {
		if (lease->kind != HOLDFAST_BREAKABLE &&
		    (lease->state == HOLDFAST_ACTIVE ||
		     lease->state == HOLDFAST_BREAKING))
			return true;
	}
	return false;
}

/*
 * -ETXTBSY for what has a name, and so can fail; -ESTALE: it has to be narrowed, see
 * absorb.c. Called with file->lock held.
 */
static int hf_change_refuse(struct hf_file *file,
			    const struct hf_change *change)
{
	if (hf_change_is_absorbed(file, change))
		return -ESTALE;
	if (change->info.op == HOLDFAST_OP_UNKNOWN ||
	    !hf_excluded(file, change))
		return 0;
	hf_count(file, HF_COUNT_REFUSED);
	return -ETXTBSY;
}

/**
 * hf_change_begin - a change is about to enter the filesystem
 * @file: the file it changes
 * @change: from hf_change_init(); stays in place until hf_change_end()
 *
 * From here on no lease of the range is taken. None is broken yet: the
 * filesystem may still refuse the change.
 *
 * Return: 0, or, with nothing to end, -ETXTBSY when a lease that excludes it is in the
 * way, or -ESTALE when it has to be narrowed once more, see absorb.c. An operation
 * without a name is let in: not all of its callers can take an error, so it breaks such
 * leases like others.
 */
int hf_change_begin(struct hf_file *file, struct hf_change *change)
{
	int err;

	change->mapping = file->inode->i_mapping;
	INIT_LIST_HEAD(&change->second_node);
	hf_change_reach_units(file, change);
	spin_lock(&file->lock);
	err = hf_change_refuse(file, change);
	if (!err)
		list_add_tail(&change->node, &file->changes);
	spin_unlock(&file->lock);
	if (err)
		return err;

	change->info.tgid = get_pid(task_tgid(current));
	get_task_comm(change->info.comm, current);
	return 0;
}

/* A change of the current task is also of another range, and all in between. */
int hf_change_widen(struct hf_file *file, struct hf_change *change,
		    struct hf_change *by)
{
	int err;

	hf_change_reach_units(file, by);
	spin_lock(&file->lock);
	change->first = min(change->first, by->first);
	change->last = max(change->last, by->last);
	err = hf_change_refuse(file, change);
	spin_unlock(&file->lock);
	return err;
}

/* Whether an exclusive lease is in the way of a change without a name: it is refused. */
bool hf_change_excluded(struct hf_file *file, const struct hf_change *change)
{
	bool excluded;

	spin_lock(&file->lock);
	excluded = hf_excluded(file, change);
	spin_unlock(&file->lock);
	if (excluded)
		hf_count(file, HF_COUNT_REFUSED);
	return excluded;
}

/* The change of the current task that is under way, if any. */
struct hf_change *hf_change_current(struct hf_file *file)
{
	struct hf_change *change, *found = NULL;

	spin_lock(&file->lock);
	list_for_each_entry(change, &file->changes, node) {
		if (change->task == current) {
			found = change;
			break;
		}
	}
	spin_unlock(&file->lock);
	return found;
}

/* Whose change it is, see hf_change_current(); NULL: nobody's. */
void hf_change_set_task(struct hf_file *file, struct hf_change *change,
			struct task_struct *task)
{
	spin_lock(&file->lock);
	change->task = task;
	spin_unlock(&file->lock);
}

/*
 * Whether a change of the range is under way, or has been put off until consumers
 * are gone. Called with file->lock held.
 */
bool hf_change_overlaps(struct hf_file *file, pgoff_t first, pgoff_t last)
{
	struct hf_change *change;
	struct hf_lease *lease;

	lockdep_assert_held(&file->lock);
	list_for_each_entry(change, &file->changes, node) {
		if (!change->nothing && change->first <= last &&
		    change->last >= first)
			return true;
	}
	list_for_each_entry(lease, &file->breaking, break_node) {
		if (hf_break_is_deferred(lease) && lease->first_due <= last &&
		    lease->last_due >= first)
			return true;
	}
	return false;
}

/**
 * hf_change_break - break the leases that a change meets
 * @file: the file; its inode's invalidate_lock is held exclusively
 * @change: begun
 *
 * May be called again for the same change: a lease is told once.
 */
void hf_change_break(struct hf_file *file, struct hf_change *change)
{
	bool again = change->entered;
	struct hf_lease *lease;

	spin_lock(&file->lock);
	change->entered = true;
	change->waits = false;
	if (!again)
		change->entered_at = ktime_get();
	hf_for_each_overlap(lease, file, change->first, change->last) {
		change->met = true;
		hf_break_lease(lease, change, again);
	}
	hf_fence_schedule(file);
	spin_unlock(&file->lock);
}

/**
 * hf_change_passed - the filesystem found no busy page
 * @file: the file; its inode's invalidate_lock is held exclusively
 * @change: what it goes on to do, still with the lock
 *
 * The leases lose the range now. A task that pins it again faults, and so waits for
 * the lock.
 */
void hf_change_passed(struct hf_file *file, struct hf_change *change)
{
	struct hf_lease *lease, *next;
	LIST_HEAD(losing);

	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, change->first, change->last) {
		kref_get(&lease->kref);
		list_add_tail(&lease->look_node, &losing);
	}
	spin_unlock(&file->lock);
	list_for_each_entry_safe(lease, next, &losing, look_node) {
		hf_lease_lose(lease, change->first, change->last);
		list_del(&lease->look_node);
		hf_lease_put(lease);
	}
}

/*
 * A change of memory is done: what consumers hold is the file's no more. Called
 * with file->lock held.
 */
static void hf_change_decohere(struct hf_file *file, struct hf_change *change)
{
	struct hf_lease *lease;

	hf_for_each_overlap(lease, file, change->first, change->last) {
		if (lease->state != HOLDFAST_ACTIVE)
			continue;
		hf_change_info_put(&lease->change);
		hf_change_info_get(&lease->change, &change->info);
		hf_event_push(lease, HOLDFAST_EVENT_DECOHERENCE, ktime_get());
		trace_holdfast_changed(lease);
	}
}

/* A lease that the change broke, with a reference. Called with file->lock held. */
static struct hf_lease *hf_change_broke(struct hf_file *file,
					const struct hf_change *change)
{
	struct hf_lease *lease;

	list_for_each_entry(lease, &file->breaking, break_node) {
		if (lease->breaker == change) {
			kref_get(&lease->kref);
			return lease;
		}
	}
	return NULL;
}

/**
 * hf_change_end - a change has returned from the filesystem
 * @file: the file
 * @change: begun
 * @ret: what it returned; not known: 0
 *
 * A filesystem that was entered may have gone on without asking once more (XFS,
 * with two files): only -ERESTARTSYS, from the wait for busy pages, and -ETXTBSY,
 * which is from before it, tell for certain that it has not. -EINTR does not: XFS
 * looks for a fatal signal after each extent that it has remapped.
 */
void hf_change_end(struct hf_file *file, struct hf_change *change, long ret)
{
	bool passed = ret != -ERESTARTSYS && ret != -ETXTBSY &&
		      !change->deferred && !change->deadlocked;
	struct hf_lease *lease;

	hf_pair_told(change, NULL);
	spin_lock(&file->lock);
	list_del(&change->node);
	while ((lease = hf_change_broke(file, change))) {
		bool busy;

		spin_unlock(&file->lock);
		busy = hf_lease_is_busy(lease, lease->first_due,
					lease->last_due);
		if (passed && change->entered)
			hf_lease_lose(lease, change->first, change->last);
		spin_lock(&file->lock);
		if (lease->breaker == change && change->deferred && busy)
			hf_break_defer(lease);
		else if (lease->breaker == change)
			hf_break_end(lease, passed, busy);
		spin_unlock(&file->lock);
		hf_lease_put(lease);
		spin_lock(&file->lock);
	}
	if (file->dram && ret >= 0 && !change->nothing)
		hf_change_decohere(file, change);
	spin_unlock(&file->lock);
	if (change->met && !change->deferred)
		hf_count_wait(file, change->entered_at);
	hf_change_info_put(&change->info);
	wake_up_all(&file->wait);
}
