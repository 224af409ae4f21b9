// SPDX-License-Identifier: GPL-2.0
/*
 * Implicit leases: made by the long-term pin that needs one.
 *
 * Such a lease has one record of pins, and is in its file's tree with it before a
 * page is pinned: see pin.c. It ends when the pages are idle. A large region comes
 * in many calls: what goes on where a lease of the same process ends becomes part
 * of that lease, and what it has already is not recorded twice.
 */
#include <linux/file.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include "core/backing.h"
#include "core/counters.h"
#include "core/event.h"
#include "core/file.h"
#include "core/hook.h"
#include "core/lease.h"
#include "core/owner.h"
#include "core/trace.h"
#include "pages/pin.h"
#include "pages/record.h"
#include "pages/runs.h"
#include "change/break.h"
#include "change/settle.h"
#include "change/turn.h"
#include "lease/acquire.h"
#include "lease/implicit.h"
#include "lease/release.h"

/* What an implicit lease has until its pages are known. */
static int hf_implicit_bind(struct hf_lease *lease, const struct hf_span *span,
			    unsigned int break_ms)
{
	struct inode *inode = file_inode(span->file);
	int err;

	lease->implicit = true;
	lease->reaping = true;
	lease->kind = HOLDFAST_BREAKABLE;
	lease->backing = HF_DAX;
	lease->break_ms = break_ms;
	lease->cred = get_current_cred();
	lease->may_kill = ns_capable_noaudit(&init_user_ns, CAP_KILL);
	lease->tgid = get_pid(task_tgid(current));
	get_task_comm(lease->comm, current);
	lease->acquired = ktime_get();
	lease->target = get_file(span->file);

	err = hf_hooks_arm(span->file);
	if (err)
		goto put_target;
	lease->file = hf_file_get(inode, false, hf_cow_unit(span->file));
	if (!IS_ERR(lease->file))
		return 0;

	err = PTR_ERR(lease->file);
	lease->file = NULL;
	hf_hooks_disarm(span->file);
put_target:
	fput(lease->target);
	lease->target = NULL;
	return err;
}

/* Undoes hf_implicit_bind(): nobody but the caller knows the lease. */
static void hf_implicit_unbind(struct hf_lease *lease)
{
	hf_file_unbind(lease->file);
	hf_hooks_disarm(lease->target);
	fput(lease->target);
	lease->target = NULL;
}

/*
 * With the record, into the file's tree; false: a change is under way. @more: of
 * hf_changes_wait_to_pin(), here and below.
 */
static bool hf_implicit_enter(struct hf_lease *lease, struct hf_pin *pin,
			      bool more)
{
	lease->range.start = pin->range.start;
	lease->range.last = pin->range.last;
	down_write(&lease->runs_sem);
	spin_lock(&lease->file->lock);
	lease->pin = pin;
	hf_pin_enter(lease, pin);
	spin_unlock(&lease->file->lock);
	up_write(&lease->runs_sem);
	return hf_lease_enter(lease, 0, more);
}

/* Undoes hf_implicit_enter(), whatever it has returned. */
static void hf_implicit_leave(struct hf_lease *lease)
{
	hf_lease_leave(lease);
	down_write(&lease->runs_sem);
	spin_lock(&lease->file->lock);
	hf_pin_leave(lease, lease->pin);
	lease->pin = NULL;
	spin_unlock(&lease->file->lock);
	up_write(&lease->runs_sem);
}

static bool hf_implicit_is_open(const struct hf_lease *lease, bool more)
{
	return lease->state == HOLDFAST_ACTIVE ||
	       (more && lease->state == HOLDFAST_BREAKING);
}

/* An implicit lease of the same process, that the pages may become part of. */
static struct hf_lease *hf_implicit_find(struct hf_lease *lease,
					 const struct hf_span *span,
					 const struct hf_pinner *pinner,
					 bool more)
{
	pgoff_t first = span->index ? span->index - 1 : 0;
	struct hf_file *file = lease->file;
	struct hf_lease *other, *found = NULL;
	unsigned int seen = 0;

	spin_lock(&file->lock);
	hf_for_each_overlap(other, file, first, span->index) {
		if (other == lease || !other->implicit ||
		    !hf_implicit_is_open(other, more) ||
		    other->break_ms != lease->break_ms ||
		    !hf_pin_may_take(other->pin, span, pinner,
				     ++seen > HF_PINS_OF_PAGE))
			continue;
		kref_get(&other->kref);
		found = other;
		break;
	}
	spin_unlock(&file->lock);
	return found;
}

/*
 * The process has made more pins of the lease while changes wait: it has to give these
 * back, too. Called with file->lock held.
 */
static void hf_implicit_tell(struct hf_lease *lease)
{
	if (lease->state == HOLDFAST_BREAKING)
		hf_event_push(lease, HOLDFAST_EVENT_BREAK, ktime_get());
	else
		hf_changes_meet(lease);
}

/*
 * Whether pages that are pinned could be given to a lease that the process has.
 * The charge of @pin goes with them.
 */
static bool hf_implicit_join(struct hf_lease *to, struct hf_pin *pin,
			     const struct hf_span *span,
			     const struct hf_pinner *pinner,
			     const struct hf_runs *runs, bool more)
{
	struct hf_file *file = to->file;
	bool joined = false;

	down_write(&to->runs_sem);
	/* It may have ended. */
	if (to->pin && hf_pin_takes(to->pin, span, pinner, runs, true)) {
		spin_lock(&file->lock);
		joined = to->target && hf_implicit_is_open(to, more) &&
			 !pin->stale;
		if (joined) {
			hf_pin_join(to, to->pin, pin, span, runs);
			hf_lease_out(to);
			to->range.last = to->pin->range.last;
			interval_tree_insert(&to->range, &file->leases);
			hf_implicit_tell(to);
		}
		spin_unlock(&file->lock);
	}
	up_write(&to->runs_sem);
	return joined;
}

/*
 * Pinned: it is a lease from here on, which ends when its pages are idle. -EAGAIN: a
 * change came before.
 */
static int hf_implicit_activate(struct hf_lease *lease,
				const struct hf_span *span,
				const struct hf_pinner *pinner,
				struct hf_runs *runs)
{
	struct hf_file *file = lease->file;
	struct hf_pin *pin = lease->pin;
	int err;

	err = hf_owner_add(lease, pinner->mm, task_tgid(current), HF_PINS)
		      ?: hf_lease_reserve(&lease->id);
	if (err)
		return err;
	/* Nobody finds it by its number yet. */
	down_write(&lease->runs_sem);
	spin_lock(&file->lock);
	if (pin->stale) {
		err = -EAGAIN;
	} else {
		/* Only what is pinned: a short pin leaves the rest alone. */
		hf_pin_make(lease, pin, span->nr, runs);
		hf_lease_out(lease);
		lease->range.last = pin->range.last;
		interval_tree_insert(&lease->range, &file->leases);
		WRITE_ONCE(lease->state, HOLDFAST_ACTIVE);
		hf_changes_meet(lease);
	}
	spin_unlock(&file->lock);
	up_write(&lease->runs_sem);
	if (err) {
		hf_lease_unreserve(lease->id);
		lease->id = 0;
		return err;
	}
	hf_lease_publish(lease);
	/* A reader that looked at all leases before this did not find it. */
	spin_lock(&file->lock);
	if (lease->breaker)
		hf_event_push(lease, HOLDFAST_EVENT_BREAK, ktime_get());
	spin_unlock(&file->lock);
	hf_count(lease->file, HF_COUNT_LEASES);
	trace_holdfast_acquire(lease);
	hf_pin_open(lease, pin);
	hf_lease_reap(lease);
	return 0;
}

/* Gives pages that are pinned to another lease, or to this one: *@made. */
static int hf_implicit_commit(struct hf_lease *lease,
			      const struct hf_span *span,
			      const struct hf_pinner *pinner,
			      struct hf_runs *runs, bool more, bool *made)
{
	struct hf_lease *to = hf_implicit_find(lease, span, pinner, more);
	bool joined = false;
	int err;

	if (to) {
		joined = hf_implicit_join(to, lease->pin, span, pinner, runs,
					  more);
		if (joined)
			hf_pin_open(to, to->pin);
		hf_lease_put(to);
	}
	if (joined)
		return 0;
	err = hf_implicit_activate(lease, span, pinner, runs);
	*made = !err;
	return err;
}

/*
 * One try. -EAGAIN: a change came in between. *@made: the lease is one, and has the
 * record.
 */
static long hf_implicit_try(struct hf_lease *lease, const struct hf_span *span,
			    const struct hf_pinner *pinner, unsigned int flags,
			    struct page **pages, bool more, bool *made)
{
	struct hf_pin *pin = hf_pin_new(span, pinner);
	struct hf_span pinned = *span;
	struct hf_runs runs = {};
	long ret = -EAGAIN;
	int err;

	if (IS_ERR(pin))
		return PTR_ERR(pin);
	if (hf_implicit_enter(lease, pin, more))
		ret = hf_pin_pages(lease, pin, span, flags, pages, &runs);
	if (ret > 0) {
		pinned.nr = ret;
		err = hf_implicit_commit(lease, &pinned, pinner, &runs, more,
					 made);
		if (err) {
			unpin_user_pages(pages, ret);
			ret = err;
		}
	}
	hf_runs_free(&runs);
	if (!*made) {
		hf_implicit_leave(lease);
		hf_pin_free(lease, pin);
	}
	return ret;
}

/**
 * hf_implicit_pin - pin pages under an implicit lease
 * @span: a mapping of a file, which the current process may have one of
 * @pinner: the process
 * @break_ms: break time of the lease
 * @flags: of the call
 * @pages: room for span->nr pages
 *
 * Waits, killably, for changes that are under way. The caller holds no lock.
 *
 * Return: how many pages are pinned; -ESTALE when the mapping is not there any
 * longer; -EDEADLK when a change waits for pins of the caller's own, which does not
 * read its events, and not for those of this very registration; or -errno.
 */
long hf_implicit_pin(const struct hf_span *span, const struct hf_pinner *pinner,
		     unsigned int break_ms, unsigned int flags,
		     struct page **pages)
{
	struct hf_lease *lease;
	bool made = false, more;
	struct hf_turn turn = {};
	struct hf_span part;
	long ret;

	if (hf_backing_of(span->file) != HF_DAX)
		return -EOPNOTSUPP;
	lease = hf_lease_new();
	if (!lease)
		return -ENOMEM;
	ret = hf_implicit_bind(lease, span, break_ms);
	if (ret)
		goto put;
	ret = hf_file_quiesce(lease->file);
	if (ret)
		goto unbind;
	do {
		part = *span;
		ret = -EFAULT;
		if (!hf_span_limit(&part))
			break;
		ret = hf_changes_wait_to_pin(lease, &part, pinner, &more);
		if (!ret)
			ret = hf_implicit_try(lease, &part, pinner, flags,
					      pages, more, &made);
		if (ret == -EAGAIN)
			hf_turn_take(&turn, lease, &part);
	} while (ret == -EAGAIN && !fatal_signal_pending(current));
	hf_turn_end(&turn);
	if (made)
		goto put;
unbind:
	hf_implicit_unbind(lease);
put:
	hf_lease_put(lease);
	return ret == -ERESTARTSYS ? -EINTR : ret;
}
