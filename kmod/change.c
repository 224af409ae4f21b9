// SPDX-License-Identifier: GPL-2.0
/*
 * Layout changes of leased files, and the leases they break.
 *
 * A change begins where the VFS is entered (hooks/), which knows the operation
 * and the range, and ends when that call returns. In between the filesystem
 * asks, with the inode's invalidate_lock held exclusively, whether pages are
 * busy, as often as it takes: each time hf_change_break() marks the leases,
 * tells the holders, and empties their mappings; the waiting is the
 * filesystem's.
 *
 * Ranges are rounded out to HOLDFAST_CHANGE_ALIGN, because one DAX entry can be
 * that large and the filesystem waits for whole entries.
 */
#include <linux/math.h>
#include <linux/sched/signal.h>
#include "trace.h"

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

void hf_change_info_get(struct hf_change_info *to,
			const struct hf_change_info *from)
{
	*to = *from;
	get_pid(to->tgid);
}

void hf_change_info_put(struct hf_change_info *info)
{
	put_pid(info->tgid);
	info->tgid = NULL;
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
		if (lease->kind == HOLDFAST_EXCLUSIVE &&
		    (lease->state == HOLDFAST_ACQUIRING ||
		     lease->state == HOLDFAST_ACTIVE))
			return true;
	}
	return false;
}

/* -ETXTBSY for what has a name, and so can fail. Called with file->lock held. */
int hf_change_refuse(struct hf_file *file, const struct hf_change *change)
{
	return change->info.op != HOLDFAST_OP_UNKNOWN &&
			       hf_excluded(file, change)
		       ? -ETXTBSY
		       : 0;
}

/**
 * hf_change_begin - a change is about to enter the filesystem
 * @file: the file it changes
 * @change: from hf_change_init(); stays in place until hf_change_end()
 *
 * From here on no lease of the range is taken. None is broken yet: the
 * filesystem may still refuse the change.
 *
 * Return: 0, or -ETXTBSY when an exclusive lease is in the way (then there is
 * nothing to end). An operation without a name is let in: its callers can not
 * all take an error, so it breaks exclusive leases like others.
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

/* Whether an exclusive lease is in the way of a change without a name. */
bool hf_change_excluded(struct hf_file *file, const struct hf_change *change)
{
	bool excluded;

	spin_lock(&file->lock);
	excluded = hf_excluded(file, change);
	spin_unlock(&file->lock);
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

/* Whether a change of the range is under way. Called with file->lock held. */
bool hf_change_overlaps(struct hf_file *file, pgoff_t first, pgoff_t last)
{
	struct hf_change *change;

	lockdep_assert_held(&file->lock);
	list_for_each_entry(change, &file->changes, node) {
		if (!change->nothing && change->first <= last &&
		    change->last >= first)
			return true;
	}
	return false;
}

/* What of a lease a change takes: all of it, but of an implicit one its range. */
void hf_change_narrow(const struct hf_lease *lease,
		      const struct hf_change *change, pgoff_t *first,
		      pgoff_t *last)
{
	*first = lease->implicit ? change->first : 0;
	*last = lease->implicit ? change->last : ULONG_MAX;
}

/*
 * A change that begins again (a signal, SA_RESTART) gives no time anew, also where
 * the signal came just when the time was up. What has let go owes nothing: the
 * records of pins say so.
 */
#define HF_OWED_MS 1000

static ktime_t hf_break_deadline(const struct hf_lease *lease, ktime_t now)
{
	ktime_t deadline = ktime_add_ms(now, lease->break_ms);
	ktime_t until = lease->owed;

	if (until && !list_empty(&lease->pins))
		until = ktime_add_ms(until, HF_OWED_MS);
	return ktime_before(now, until) ? min(deadline, lease->owed) : deadline;
}

/* Called with file->lock held. */
static void hf_break_begin(struct hf_lease *lease, struct hf_change *change)
{
	ktime_t now = ktime_get();

	lease->breaker = change;
	lease->lost = false;
	lease->fenced = false;
	lease->restore_failed = false;
	lease->deadline = hf_break_deadline(lease, now);
	lease->owed = 0;
	lease->fence_at = lease->deadline;
	hf_change_narrow(lease, change, &lease->first_due, &lease->last_due);
	hf_change_info_put(&lease->change);
	hf_change_info_get(&lease->change, &change->info);
	list_move_tail(&lease->break_node, &lease->file->breaking);
	WRITE_ONCE(lease->file->breaks, lease->file->breaks + 1);
	/* Who waits for the change may be who it waits for from here on. */
	wake_up_all(&lease->file->wait);
	hf_event_push(lease, HOLDFAST_EVENT_BREAK, now);
	hf_dmabuf_notify(lease);
	trace_holdfast_break(lease);
}

/* Stands for whoever revoked a lease, for as long as that takes. */
static struct hf_change hf_revoker;

/*
 * Stands for a change whose task may not wait, a thread of nfsd for one, until
 * that asks again. The deadline holds in the meantime.
 */
static struct hf_change hf_deferred;

/* Whether a lease breaks for a change that waits. Called with file->lock held. */
bool hf_break_is_of_change(const struct hf_lease *lease)
{
	return lease->breaker && lease->breaker != &hf_revoker &&
	       lease->breaker != &hf_deferred;
}

/* Called with file->lock held. */
static void hf_break_revoked(struct hf_lease *lease, ktime_t deadline)
{
	lease->breaker = &hf_revoker;
	lease->deadline = deadline;
	lease->fence_at = deadline;
	lease->first_due = 0;
	lease->last_due = ULONG_MAX;
	hf_change_info_put(&lease->change);
	lease->change = (struct hf_change_info){
		.op = HOLDFAST_OP_REVOKE,
		.offset = hf_lease_offset(lease),
		.length = hf_lease_pages(lease) << PAGE_SHIFT,
		.tgid = get_pid(task_tgid(current)),
	};
	get_task_comm(lease->change.comm, current);
	list_move_tail(&lease->break_node, &lease->file->breaking);
}

/**
 * hf_break_by_revoke - set a deadline that no change has to be waiting for
 * @lease: its file->lock held, HOLDFAST_RELEASING or HOLDFAST_ZOMBIE
 * @grace_ms: from now
 *
 * A lease that is breaking already only gets less time.
 */
void hf_break_by_revoke(struct hf_lease *lease, unsigned int grace_ms)
{
	ktime_t now = ktime_get(), deadline = ktime_add_ms(now, grace_ms);

	lockdep_assert_held(&lease->file->lock);
	if (!lease->revoke_due || ktime_before(deadline, lease->revoke_due))
		lease->revoke_due = deadline;
	if (lease->breaker && !ktime_before(deadline, lease->deadline))
		return;
	hf_break_revoked(lease, deadline);
	hf_event_push(lease, HOLDFAST_EVENT_BREAK, now);
	trace_holdfast_break(lease);
	hf_fence_schedule(lease->file);
}
/* Another change that waits for the lease. Called with file->lock held. */
static struct hf_change *hf_break_heir(struct hf_lease *lease)
{
	struct hf_change *change;

	list_for_each_entry(change, &lease->file->changes, node) {
		if (change->entered && change->first <= lease->range.last &&
		    change->last >= lease->range.start)
			return change;
	}
	return NULL;
}

/*
 * The change that broke the lease is over. Where it never got past the busy
 * pages (it was interrupted), nor any other change did, the range is as it was,
 * and the lease as good as before, unless another change waits: that one
 * inherits the break with its deadline. Consumers that are left although the
 * change went on keep the lease in the tree, for later changes to wait for.
 * Called with file->lock held.
 */
static void hf_break_end(struct hf_lease *lease, bool passed, bool busy)
{
	passed |= lease->settled || lease->lost;
	lease->breaker = passed && !lease->implicit ? NULL
						    : hf_break_heir(lease);
	if (lease->breaker) {
		hf_change_info_put(&lease->change);
		hf_change_info_get(&lease->change, &lease->breaker->info);
		hf_change_narrow(lease, lease->breaker, &lease->first_due,
				 &lease->last_due);
		return;
	}
	/* A revoke goes on, whatever becomes of the change. */
	if (lease->revoke_due && busy) {
		hf_break_revoked(lease,
				 min(lease->deadline, lease->revoke_due));
		hf_fence_schedule(lease->file);
		return;
	}
	lease->owed = passed || !busy ? 0 : lease->deadline;
	lease->deadline = 0;
	list_del_init(&lease->break_node);
	/* What it has left is as good as before. */
	if (lease->implicit)
		passed = false;
	if (passed && !busy) {
		WRITE_ONCE(lease->settled, true);
		hf_lease_out(lease);
	}
	if (lease->state == HOLDFAST_BREAKING)
		WRITE_ONCE(lease->state,
			   passed ? HOLDFAST_BROKEN : HOLDFAST_ACTIVE);
	hf_event_push(lease, HOLDFAST_EVENT_CHANGED, ktime_get());
	trace_holdfast_changed(lease);
	hf_lease_reap_now(lease);
}

/* What may not wait has told the lease. Called with file->lock held. */
static void hf_break_defer(struct hf_lease *lease)
{
	lease->breaker = &hf_deferred;
}

/*
 * The consumers that a deferred change asked for are gone. Called with file->lock
 * held.
 */
void hf_break_answered(struct hf_lease *lease)
{
	lockdep_assert_held(&lease->file->lock);
	if (lease->breaker != &hf_deferred)
		return;
	lease->breaker = NULL;
	lease->deadline = 0;
	list_del_init(&lease->break_node);
	if (lease->state == HOLDFAST_BREAKING)
		WRITE_ONCE(lease->state, HOLDFAST_ACTIVE);
	hf_event_push(lease, HOLDFAST_EVENT_CHANGED, ktime_get());
	trace_holdfast_changed(lease);
	hf_lease_reap_now(lease);
	wake_up_all(&lease->file->wait);
}

/* Its holder finds out, and starts again. Called with file->lock held. */
static void hf_break_acquiring(struct hf_lease *lease)
{
	WRITE_ONCE(lease->settled, true);
	WRITE_ONCE(lease->state, HOLDFAST_BROKEN);
}

/* A deferred change asks again, or another comes. Called with file->lock held. */
static void hf_break_take_over(struct hf_lease *lease, struct hf_change *change)
{
	if (lease->breaker != &hf_deferred)
		return;
	lease->breaker = change;
	hf_change_info_put(&lease->change);
	hf_change_info_get(&lease->change, &change->info);
	hf_change_narrow(lease, change, &lease->first_due, &lease->last_due);
}

/* Called with file->lock held; true if the lease has mappings to empty. */
static bool hf_break_lease(struct hf_lease *lease, struct hf_change *change)
{
	switch (lease->state) {
	case HOLDFAST_ACQUIRING:
		hf_break_acquiring(lease);
		return false;
	case HOLDFAST_ACTIVE:
		WRITE_ONCE(lease->state, HOLDFAST_BREAKING);
		hf_break_begin(lease, change);
		return true;
	case HOLDFAST_BREAKING:
		hf_break_take_over(lease, change);
		return false;
	case HOLDFAST_BROKEN:
	case HOLDFAST_RELEASING:
	case HOLDFAST_ZOMBIE:
		/* Nothing mapped, but consumers: a deadline for those. */
		hf_break_take_over(lease, change);
		if (!lease->breaker && !lease->settled)
			hf_break_begin(lease, change);
		return false;
	default:
		return false;
	}
}

/**
 * hf_others_start_again - before a page cache entry is dropped, without a change
 * @lease: who drops it
 * @first: index of the first page
 * @last: index of the last page
 *
 * Called with the inode's invalidate_lock held exclusively. Leases that are being
 * acquired there find out that their pages may not be known any more.
 *
 * Return: false: another lease has pages there.
 */
bool hf_others_start_again(struct hf_lease *lease, pgoff_t first, pgoff_t last)
{
	struct hf_file *file = lease->file;
	struct hf_lease *other;
	bool none = true;

	spin_lock(&file->lock);
	hf_for_each_overlap(other, file, first, last)
		none &= other == lease || !hf_lease_has_pages(other);
	hf_for_each_overlap(other, file, first, last) {
		if (none && other != lease &&
		    other->state == HOLDFAST_ACQUIRING)
			hf_break_acquiring(other);
	}
	spin_unlock(&file->lock);
	return none;
}

/**
 * hf_change_break - break the leases that a change meets
 * @file: the file; its inode's invalidate_lock is held exclusively
 * @change: begun
 *
 * On return no page table has a page of the range through a lease, and none
 * gets one until the change has ended. May be called again for the same
 * change: a lease is told once.
 */
void hf_change_break(struct hf_file *file, struct hf_change *change)
{
	struct hf_lease *lease, *next;
	LIST_HEAD(zap);

	spin_lock(&file->lock);
	change->entered = true;
	hf_for_each_overlap(lease, file, change->first, change->last) {
		if (hf_break_lease(lease, change)) {
			kref_get(&lease->kref);
			list_add_tail(&lease->zap_node, &zap);
		}
		change->deadline = max(change->deadline, lease->deadline);
	}
	hf_fence_schedule(file);
	spin_unlock(&file->lock);

	list_for_each_entry_safe(lease, next, &zap, zap_node) {
		hf_unmap(lease, lease->range.start, lease->range.last);
		list_del(&lease->zap_node);
		hf_lease_put(lease);
	}
}

/* Forgets what a change has taken, and nobody holds. May sleep. */
static void hf_implicit_lose(struct hf_lease *lease,
			     const struct hf_change *change)
{
	int err = 0;

	down_write(&lease->runs_sem);
	if (hf_lease_has_pages(lease) &&
	    !hf_runs_busy_page(&lease->runs, change->first, change->last, NULL))
		err = hf_runs_cut(&lease->runs, change->first, change->last);
	up_write(&lease->runs_sem);
	/*
	 * Then a later holder of these blocks is waited for, too, until the
	 * lease ends: late, but safe.
	 */
	if (err)
		pr_warn_ratelimited(
			"holdfast: lease %llu: no memory to forget pages\n",
			lease->id);
}

/* The lease is between two states of the file. Called with file->lock held. */
static bool hf_lease_broken(const struct hf_lease *lease)
{
	return lease->state != HOLDFAST_ACTIVE &&
	       lease->state != HOLDFAST_ACQUIRING;
}

/* The pages leave the leases as they came. */
static void hf_change_give_back(struct hf_file *file,
				const struct hf_change *change)
{
	struct hf_lease *lease, *next;
	LIST_HEAD(leaving);

	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, change->first, change->last) {
		kref_get(&lease->kref);
		list_add_tail(&lease->zap_node, &leaving);
	}
	spin_unlock(&file->lock);

	list_for_each_entry_safe(lease, next, &leaving, zap_node) {
		down_read(&lease->runs_sem);
		if (hf_lease_has_pages(lease))
			hf_reserved_restore(&lease->runs);
		up_read(&lease->runs_sem);
		if (lease->implicit)
			hf_implicit_lose(lease, change);
		list_del(&lease->zap_node);
		hf_lease_put(lease);
	}
}

/**
 * hf_change_passed - the filesystem found no busy page
 * @file: the file; its inode's invalidate_lock is held exclusively
 * @change: what it goes on to do, still with the lock
 *
 * The leases lose the range now, also those that another change broke, or a
 * revoke: they are as idle as its own. Whoever leases it again faults, and so
 * waits for the lock.
 */
void hf_change_passed(struct hf_file *file, struct hf_change *change)
{
	struct hf_lease *lease;

	hf_change_give_back(file, change);
	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, change->first, change->last) {
		if (hf_lease_broken(lease) && !lease->implicit)
			WRITE_ONCE(lease->settled, true);
	}
	spin_unlock(&file->lock);
}

/*
 * A change that entered the filesystem may have gone on without having asked
 * once more. Called with file->lock held.
 */
static void hf_change_lose(struct hf_file *file, struct hf_change *change)
{
	struct hf_lease *lease;

	hf_for_each_overlap(lease, file, change->first, change->last) {
		if (hf_lease_broken(lease))
			lease->lost = true;
	}
}

/*
 * A change of memory is done: what consumers hold is the file's no more. Called
 * with file->lock held.
 */
static void hf_change_decohere(struct hf_file *file, struct hf_change *change)
{
	struct hf_lease *lease;

	while ((lease = hf_lease_first(file, change->first, change->last))) {
		lease->settled = true;
		hf_lease_out(lease);
		if (lease->state == HOLDFAST_ACQUIRING)
			WRITE_ONCE(lease->state, HOLDFAST_BROKEN);
		if (lease->state != HOLDFAST_ACTIVE)
			continue;
		WRITE_ONCE(lease->state, HOLDFAST_BROKEN);
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
		      !change->deferred;
	struct hf_lease *lease;

	hf_second_told(change, NULL);
	spin_lock(&file->lock);
	list_del(&change->node);
	if (change->entered && passed)
		hf_change_lose(file, change);
	while ((lease = hf_change_broke(file, change))) {
		bool busy;

		spin_unlock(&file->lock);
		busy = hf_lease_is_busy(lease, lease->first_due,
					lease->last_due);
		if (lease->implicit && passed && change->entered)
			hf_implicit_lose(lease, change);
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
	hf_change_info_put(&change->info);
	wake_up_all(&file->wait);
}
