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
 * Return: 0, or, with nothing to end, -ETXTBSY when a lease that excludes it is in the
 * way, or -ESTALE when it has to be narrowed once more, see absorb.c. An operation
 * without a name is let in: its callers can not all take an error, so it breaks such
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

/*
 * Stands for a change whose task may not wait, a thread of nfsd for one, until
 * that asks again. The deadline holds in the meantime.
 */
static struct hf_change hf_deferred;

/* Called with file->lock held. */
bool hf_break_is_deferred(const struct hf_lease *lease)
{
	return lease->breaker == &hf_deferred;
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

	if (until && !RB_EMPTY_ROOT(&lease->pins.rb_root))
		until = ktime_add_ms(until, HF_OWED_MS);
	return ktime_before(now, until) ? min(deadline, lease->owed) : deadline;
}

/* What the lease breaks for. Called with file->lock held. */
static void hf_break_set(struct hf_lease *lease, struct hf_change *change)
{
	lease->breaker = change;
	hf_change_info_put(&lease->change);
	hf_change_info_get(&lease->change, &change->info);
}

/* Called with file->lock held. */
static void hf_break_begin(struct hf_lease *lease, struct hf_change *change)
{
	ktime_t now = ktime_get();

	lease->fenced = false;
	lease->deadline = hf_break_deadline(lease, now);
	lease->owed = 0;
	lease->fence_at = lease->deadline;
	lease->first_due = change->first;
	lease->last_due = change->last;
	hf_break_set(lease, change);
	list_move_tail(&lease->break_node, &lease->file->breaking);
	WRITE_ONCE(lease->file->breaks, lease->file->breaks + 1);
	/* Who waits for the change may be who it waits for from here on. */
	wake_up_all(&lease->file->wait);
	hf_event_push(lease, HOLDFAST_EVENT_BREAK, now);
	trace_holdfast_break(lease);
}

/* Stands for whoever revoked a lease, for as long as that takes. */
static struct hf_change hf_revoker;

/* Whether a lease breaks for a change that waits. Called with file->lock held. */
bool hf_break_is_of_change(const struct hf_lease *lease)
{
	return lease->breaker && lease->breaker != &hf_revoker &&
	       !hf_break_is_deferred(lease);
}

/*
 * The process whose change the lease breaks for, if that gives up at the deadline
 * when it waits for pins of its own: NULL: none. Called with file->lock held.
 */
const struct mm_struct *hf_break_mm(const struct hf_lease *lease)
{
	return lease->breaker ? lease->breaker->mm : NULL;
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
	if (!lease->breaker)
		lease->fenced = false;
	if (lease->breaker && !ktime_before(deadline, lease->deadline))
		return;
	hf_break_revoked(lease, deadline);
	hf_event_push(lease, HOLDFAST_EVENT_BREAK, now);
	trace_holdfast_break(lease);
	hf_fence_schedule(lease->file);
}

/* Nothing breaks the lease any more. Called with file->lock held. */
static void hf_break_over(struct hf_lease *lease)
{
	lease->breaker = NULL;
	lease->deadline = 0;
	list_del_init(&lease->break_node);
	if (lease->state == HOLDFAST_BREAKING)
		WRITE_ONCE(lease->state, HOLDFAST_ACTIVE);
	hf_event_push(lease, HOLDFAST_EVENT_CHANGED, ktime_get());
	trace_holdfast_changed(lease);
	hf_lease_reap_now(lease);
}

static bool hf_break_meets(const struct hf_lease *lease,
			   const struct hf_change *change)
{
	return change->first <= lease->range.last &&
	       change->last >= lease->range.start;
}

/* Another change that waits for the lease. Called with file->lock held. */
static struct hf_change *hf_break_heir(struct hf_lease *lease)
{
	struct hf_change *change;

	list_for_each_entry(change, &lease->file->changes, node) {
		if (change->entered && hf_break_meets(lease, change))
			return change;
	}
	return NULL;
}

/* Whether the holder has been told to let go of all that a change takes. */
static bool hf_break_covers(const struct hf_lease *lease,
			    const struct hf_change *change)
{
	return lease->first_due <= change->first &&
	       lease->last_due >= change->last;
}

/* When the holder has to have let go of what a change alone takes. */
static ktime_t hf_break_own_deadline(const struct hf_lease *lease,
				     const struct hf_change *change)
{
	return ktime_add_ms(change->entered_at, lease->break_ms);
}

/* Another change has waited meanwhile. Called with file->lock held. */
static void hf_break_inherit(struct hf_lease *lease, struct hf_change *heir)
{
	if (!hf_break_covers(lease, heir)) {
		lease->fenced = false;
		lease->deadline = hf_break_own_deadline(lease, heir);
		lease->fence_at = lease->deadline;
	}
	lease->first_due = heir->first;
	lease->last_due = heir->last;
	hf_break_set(lease, heir);
	hf_fence_schedule(lease->file);
}

/*
 * The consumers that are due are gone, but the change waits for others: then it is
 * the turn of one whose own time is up. Called with file->lock held.
 */
void hf_break_next(struct hf_lease *lease)
{
	ktime_t now = ktime_get();
	struct hf_change *change;

	if (!hf_break_is_of_change(lease))
		return;
	list_for_each_entry(change, &lease->file->changes, node) {
		if (change != lease->breaker && change->entered &&
		    hf_break_meets(lease, change) &&
		    !hf_break_covers(lease, change) &&
		    !ktime_before(now, hf_break_own_deadline(lease, change))) {
			hf_break_inherit(lease, change);
			return;
		}
	}
}

/*
 * Whether the lease breaks for somebody else from here on: a revoke goes on,
 * whatever becomes of a change, or another change waits. Called with file->lock
 * held.
 */
static bool hf_break_goes_on(struct hf_lease *lease)
{
	struct hf_change *heir = hf_break_heir(lease);
	ktime_t deadline = lease->revoke_due;

	if (deadline) {
		if (heir)
			deadline = min(deadline,
				       hf_break_own_deadline(lease, heir));
		hf_break_revoked(lease, deadline);
		hf_fence_schedule(lease->file);
		return true;
	}
	if (heir)
		hf_break_inherit(lease, heir);
	return heir;
}

/*
 * The change that broke the lease is over. Where another one waits, that inherits
 * the break; else what the lease has left is as good as before.
 * Where the change gave up (it was interrupted), with consumers left, the deadline
 * is owed to the next one. Called with file->lock held.
 */
static void hf_break_end(struct hf_lease *lease, bool passed, bool busy)
{
	if (hf_break_goes_on(lease))
		return;
	lease->owed = passed || !busy ? 0 : lease->deadline;
	hf_break_over(lease);
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
	if (!hf_break_is_deferred(lease))
		return;
	if (!hf_break_goes_on(lease))
		hf_break_over(lease);
	wake_up_all(&lease->file->wait);
}

/*
 * @again: the change has been here before. One that takes more than another one
 * that the lease breaks for already is told of, and waits for its turn. Called with
 * file->lock held.
 */
static void hf_break_lease(struct hf_lease *lease, struct hf_change *change,
			   bool again)
{
	bool covered = hf_break_covers(lease, change);

	hf_pins_stale(lease, change->first, change->last, NULL);
	/* A deferred change asks again, or another comes. */
	if (hf_break_is_deferred(lease) && covered)
		hf_break_set(lease, change);
	if (lease->breaker) {
		if (!again && !covered)
			hf_event_tell(lease, HOLDFAST_EVENT_BREAK,
				      change->entered_at, &change->info,
				      hf_break_own_deadline(lease, change));
		return;
	}
	switch (lease->state) {
	case HOLDFAST_ACTIVE:
		WRITE_ONCE(lease->state, HOLDFAST_BREAKING);
		hf_break_begin(lease, change);
		break;
	case HOLDFAST_RELEASING:
	case HOLDFAST_ZOMBIE:
		/* A deadline for the consumers that are left. */
		hf_break_begin(lease, change);
		break;
	default:
		break;
	}
}

/*
 * A lease that was made while changes of its range wait has no more time than the
 * leases that they wait for. Called with file->lock held.
 */
void hf_changes_meet(struct hf_lease *lease)
{
	struct hf_change *change;

	lockdep_assert_held(&lease->file->lock);
	list_for_each_entry(change, &lease->file->changes, node) {
		if (!change->waits || !hf_break_meets(lease, change))
			continue;
		lease->owed = hf_break_own_deadline(lease, change);
		hf_break_lease(lease, change, true);
	}
	hf_fence_schedule(lease->file);
}

/**
 * hf_others_start_again - before a page cache entry is dropped, without a change
 * @file: the file
 * @pin: for whose pages
 * @first: index of the first page
 * @last: index of the last page
 *
 * Called with the inode's invalidate_lock held exclusively. Other records in the
 * making find out that their pages may not be known any more.
 *
 * Return: false: another record has pages there.
 */
bool hf_others_start_again(struct hf_file *file, const struct hf_pin *pin,
			   pgoff_t first, pgoff_t last)
{
	struct hf_lease *lease;
	bool none = true;

	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, first, last)
		none &= !hf_pins_made(lease, first, last);
	hf_for_each_overlap(lease, file, first, last) {
		if (none)
			hf_pins_stale(lease, first, last, pin);
	}
	spin_unlock(&file->lock);
	return none;
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
	hf_for_each_overlap(lease, file, change->first, change->last)
		hf_break_lease(lease, change, again);
	hf_fence_schedule(file);
	spin_unlock(&file->lock);
}

/**
 * hf_change_passed - the filesystem found no busy page
 * @file: the file; its inode's invalidate_lock is held exclusively
 * @change: what it goes on to do, still with the lock
 *
 * The leases lose the range now. Whoever pins it again faults, and so waits for
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

	hf_second_told(change, NULL);
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
	hf_change_info_put(&change->info);
	wake_up_all(&file->wait);
}
