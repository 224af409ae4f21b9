// SPDX-License-Identifier: GPL-2.0
/*
 * Parties to a lease: the processes whose long-term pins it covers. The process
 * that acquired the lease is one, and others join. A party is an address space.
 */
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "core/file.h"
#include "core/owner.h"
#include "pages/pin.h"
#include "pages/record.h"
#include "pages/runs.h"
#include "change/settle.h"
#include "change/turn.h"
#include "lease/party.h"

struct hf_party {
	struct list_head node; /* hf_lease.parties */
	struct mm_struct *mm;  /* grabbed, to compare */
};

/* Called with file->lock held. */
static bool hf_party_exists(const struct hf_lease *lease,
			    const struct mm_struct *mm)
{
	const struct hf_party *party;

	list_for_each_entry(party, &lease->parties, node) {
		if (party->mm == mm)
			return true;
	}
	return false;
}

/* Moves to @gone those whose process is no more. Called with file->lock held. */
static void hf_parties_forget(struct hf_lease *lease, struct list_head *gone)
{
	struct hf_party *party, *next;

	list_for_each_entry_safe(party, next, &lease->parties, node) {
		if (!atomic_read(&party->mm->mm_users))
			list_move(&party->node, gone);
	}
}

static void hf_parties_free(struct list_head *parties)
{
	struct hf_party *party, *next;

	list_for_each_entry_safe(party, next, parties, node) {
		mmdrop(party->mm);
		kfree(party);
	}
}

/**
 * hf_party_add - the current process becomes a party
 * @lease: its file is set
 *
 * Return: 0, -ENOMEM, or -EBADFD when the lease has ended.
 */
int hf_party_add(struct hf_lease *lease)
{
	struct hf_file *file = lease->file;
	struct hf_party *party;
	LIST_HEAD(gone);
	int err = 0;

	party = kmalloc(sizeof(*party), GFP_KERNEL_ACCOUNT);
	if (!party)
		return -ENOMEM;
	party->mm = current->mm;
	spin_lock(&file->lock);
	hf_parties_forget(lease, &gone);
	if (!lease->target) {
		err = -EBADFD;
	} else if (!hf_party_exists(lease, party->mm)) {
		mmgrab(party->mm);
		list_add_tail(&party->node, &lease->parties);
		party = NULL;
	}
	spin_unlock(&file->lock);
	kfree(party);
	hf_parties_free(&gone);
	return err;
}

/* The lease ends: nobody is a party to it any longer. */
void hf_parties_end(struct hf_lease *lease)
{
	LIST_HEAD(gone);

	spin_lock(&lease->file->lock);
	list_splice_init(&lease->parties, &gone);
	spin_unlock(&lease->file->lock);
	hf_parties_free(&gone);
}

/* Whether the lease covers a page. Called with file->lock held. */
static bool hf_lease_covers(const struct hf_lease *lease, pgoff_t index)
{
	return lease->target &&
	       (lease->state == HOLDFAST_ACTIVE ||
		lease->state == HOLDFAST_BREAKING) &&
	       index >= lease->range.start && index <= lease->range.last;
}

/**
 * hf_party_lease - an explicit lease that covers the beginning of a span
 * @span: of a file
 * @mm: has to be a party
 *
 * Return: the lease with a reference, or NULL.
 */
struct hf_lease *hf_party_lease(const struct hf_span *span,
				const struct mm_struct *mm)
{
	struct hf_file *file = hf_file_find(file_inode(span->file));
	struct hf_lease *lease;

	if (!file)
		return NULL;
	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, span->index, span->index) {
		if (hf_party_exists(lease, mm) &&
		    hf_lease_covers(lease, span->index)) {
			kref_get(&lease->kref);
			break;
		}
	}
	spin_unlock(&file->lock);
	hf_file_put(file);
	return lease;
}

/*
 * The record enters the lease: 0; -EAGAIN: a change of its range is under way;
 * -EOPNOTSUPP: the lease has ended. @more: of hf_changes_wait_to_pin().
 */
static int hf_party_enter(struct hf_lease *lease, struct hf_pin *pin, bool more)
{
	struct hf_file *file = lease->file;
	int err = 0;

	down_write(&lease->runs_sem);
	hf_pins_prune(lease);
	spin_lock(&file->lock);
	if (!hf_lease_covers(lease, pin->range.start))
		err = -EOPNOTSUPP;
	else if (!hf_changes_let_in(file, pin->range.start, pin->range.last,
				    more))
		err = -EAGAIN;
	else
		hf_pin_enter(lease, pin);
	spin_unlock(&file->lock);
	up_write(&lease->runs_sem);
	return err;
}

/* A record of the lease that can have the pages, or NULL. With runs_sem. */
static struct hf_pin *hf_party_find(struct hf_lease *lease,
				    const struct hf_span *span,
				    const struct hf_pinner *pinner,
				    const struct hf_runs *runs)
{
	pgoff_t first = span->index ? span->index - 1 : 0;
	unsigned int seen = 0;
	struct hf_pin *pin;

	hf_for_each_pin(pin, lease, first, span->index) {
		/* What has ended is dropped, and may be of more pages. */
		if (!READ_ONCE(pin->counts.all))
			continue;
		if (hf_pin_takes(pin, span, pinner, runs,
				 ++seen > HF_PINS_OF_PAGE))
			return pin;
	}
	return NULL;
}

/*
 * The pages need not be prepared once more. A change that is under way, and waits for
 * pins (hf_changes_wait_to_pin()), has told of them already. Called with file->lock
 * held.
 */
static void hf_party_keep(struct hf_lease *lease, const struct hf_span *span)
{
	pgoff_t last = span->index + span->nr - 1;

	if (!span->readonly &&
	    hf_changes_let_in(lease->file, span->index, last, false))
		hf_intact_add(&lease->intact, span->index, last);
}

/*
 * The pages of a record are pinned: 0, and it or another one has them; or -EAGAIN: a
 * change came before.
 */
static int hf_party_commit(struct hf_lease *lease, struct hf_pin *pin,
			   const struct hf_span *span,
			   const struct hf_pinner *pinner, struct hf_runs *runs)
{
	struct hf_pin *to;
	int err = 0;

	down_write(&lease->runs_sem);
	to = hf_party_find(lease, span, pinner, runs);
	/* A change that comes later finds the pages busy. */
	spin_lock(&lease->file->lock);
	if (pin->stale)
		err = -EAGAIN;
	else if (to)
		hf_pin_join(lease, to, pin, span, runs);
	else
		hf_pin_make(lease, pin, span->nr, runs);
	if (!err)
		hf_party_keep(lease, span);
	spin_unlock(&lease->file->lock);
	up_write(&lease->runs_sem);
	if (!err)
		hf_pin_open(lease, to ?: pin);
	return err;
}

/* The record leaves the lease, if it is in there, and is freed. */
static void hf_party_drop(struct hf_lease *lease, struct hf_pin *pin)
{
	down_write(&lease->runs_sem);
	spin_lock(&lease->file->lock);
	/* The lease may have ended. */
	if (!RB_EMPTY_NODE(&pin->range.rb))
		hf_pin_leave(lease, pin);
	spin_unlock(&lease->file->lock);
	up_write(&lease->runs_sem);
	hf_pin_free(lease, pin);
}

/* Pins, and makes what is pinned the record's: see hf_party_pin(). */
static long hf_party_make(struct hf_lease *lease, struct hf_pin *pin,
			  const struct hf_span *span,
			  const struct hf_pinner *pinner, unsigned int flags,
			  struct page **pages)
{
	struct hf_span pinned = *span;
	struct hf_runs runs = {};
	long ret;
	int err;

	ret = hf_pin_pages(lease, pin, span, flags, pages, &runs);
	if (ret > 0) {
		pinned.nr = ret;
		err = hf_owner_add(lease, pinner->mm, task_tgid(current),
				   HF_PINS)
			      ?: hf_party_commit(lease, pin, &pinned, pinner,
						 &runs);
		if (err) {
			unpin_user_pages(pages, ret);
			ret = err;
		}
	}
	hf_runs_free(&runs);
	return ret;
}

/* One try. -EAGAIN: a change came in between. */
static long hf_party_try(struct hf_lease *lease, const struct hf_span *span,
			 const struct hf_pinner *pinner, unsigned int flags,
			 struct page **pages, bool more)
{
	struct hf_pin *pin = hf_pin_new(span, pinner);
	long ret;

	if (IS_ERR(pin))
		return PTR_ERR(pin);
	ret = hf_party_enter(lease, pin, more);
	if (!ret)
		ret = hf_party_make(lease, pin, span, pinner, flags, pages);
	if (ret <= 0 || !pin->made)
		hf_party_drop(lease, pin);
	return ret;
}

/**
 * hf_party_pin - pin pages of an explicit lease
 * @lease: covers the beginning of the span
 * @span: a mapping of the leased file
 * @pinner: a party to the lease
 * @flags: of the call
 * @pages: room for span->nr pages
 *
 * Waits, killably, for changes of the pages that are under way.
 *
 * Return: how many pages are pinned, up to the end of the lease or the file;
 * -ESTALE when the mapping is not there any longer; -EDEADLK when a change waits for
 * pins of the caller's own, except for those of this very registration; or -errno.
 */
long hf_party_pin(struct hf_lease *lease, const struct hf_span *span,
		  const struct hf_pinner *pinner, unsigned int flags,
		  struct page **pages)
{
	struct hf_turn turn = {};
	struct hf_span part;
	bool more;
	long ret;

	do {
		part = *span;
		part.nr = min(part.nr, lease->range.last - part.index + 1);
		ret = -EFAULT;
		if (!hf_span_limit(&part))
			break;
		ret = hf_changes_wait_to_pin(lease, &part, pinner, &more);
		if (!ret)
			ret = hf_party_try(lease, &part, pinner, flags, pages,
					   more);
		if (ret == -EAGAIN)
			hf_turn_take(&turn, lease, &part);
	} while (ret == -EAGAIN && !fatal_signal_pending(current));
	hf_turn_end(&turn);
	return ret == -ERESTARTSYS ? -EINTR : ret;
}
