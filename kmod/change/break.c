// SPDX-License-Identifier: GPL-2.0
/*
 * The break of a lease: what it breaks for, until when its holder has to let go, and
 * what the lease breaks for next.
 *
 * The deadline belongs to the lease, not to the change. It stays when the change
 * gives up, and a second demand can only bring it nearer.
 */
#include "core/counters.h"
#include "core/event.h"
#include "core/file.h"
#include "core/info.h"
#include "core/lease.h"
#include "core/trace.h"
#include "pages/record.h"
#include "change/break.h"

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
	/* From here on the change may wait for a task that waits for the change. */
	wake_up_all(&lease->file->wait);
	hf_event_push(lease, HOLDFAST_EVENT_BREAK, now);
	hf_count(lease->file, HF_COUNT_BREAKS);
	trace_holdfast_break(lease);
}

/* Half of the break time is over, or less is left. Called with file->lock held. */
bool hf_break_is_late(const struct hf_lease *lease)
{
	return ktime_ms_delta(lease->deadline, ktime_get()) <
	       lease->break_ms / 2;
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
	if (!lease->revoke_due)
		hf_count(lease->file, HF_COUNT_REVOKED);
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

/* Nothing breaks the lease any longer. Called with file->lock held. */
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

/* Another change has waited in the meantime. Called with file->lock held. */
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
void hf_break_end(struct hf_lease *lease, bool passed, bool busy)
{
	if (hf_break_goes_on(lease))
		return;
	lease->owed = passed || !busy ? 0 : lease->deadline;
	hf_break_over(lease);
}

/* What may not wait has told the lease. Called with file->lock held. */
void hf_break_defer(struct hf_lease *lease)
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
void hf_break_lease(struct hf_lease *lease, struct hf_change *change,
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
	bool met = false;

	lockdep_assert_held(&lease->file->lock);
	list_for_each_entry(change, &lease->file->changes, node) {
		if (!change->waits || !hf_break_meets(lease, change))
			continue;
		if (!lease->breaker)
			lease->owed = hf_break_own_deadline(lease, change);
		hf_break_lease(lease, change, true);
		met = true;
	}
	if (met)
		hf_fence_schedule(lease->file);
}
