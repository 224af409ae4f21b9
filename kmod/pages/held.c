// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages of a lease are held: those of its records of pins that anything but
 * a page table has a reference of.
 */
#include <linux/sched/signal.h>
#include "core/counts.h"
#include "core/left.h"
#include "pages/held.h"
#include "pages/reserved.h"
#include "pages/runs.h"

/* See hf_lease_busy_page(); @counted: only of records with pins. */
static struct page *hf_lease_held_page(struct hf_lease *lease, pgoff_t *index,
				       pgoff_t last, bool counted)
{
	pgoff_t first = *index, found;
	struct page *page, *busy = NULL;
	struct hf_pin *pin;

	/* In the order of their beginnings; what is found makes the range shorter. */
	hf_for_each_pin(pin, lease, first, last) {
		if (busy && pin->range.start > last)
			break;
		if (counted && !READ_ONCE(pin->counts.all))
			continue;
		page = hf_runs_busy_page(&pin->runs, first, last, &found);
		if (!page)
			continue;
		busy = page;
		*index = found;
		if (found == first)
			break;
		last = found - 1;
	}
	return busy;
}

/**
 * hf_lease_busy_page - the first page of a range that is held
 * @lease: its runs_sem is held
 * @index: index of the first page to look at; out, where a page is found: its index
 * @last: index of the last page to look at
 *
 * May sleep.
 */
struct page *hf_lease_busy_page(struct hf_lease *lease, pgoff_t *index,
				pgoff_t last)
{
	return hf_lease_held_page(lease, index, last, false);
}

/* Whether anybody holds a page of a range. */
bool hf_lease_is_busy(struct hf_lease *lease, pgoff_t first, pgoff_t last)
{
	bool busy;

	down_read(&lease->runs_sem);
	busy = hf_lease_busy_page(lease, &first, last);
	up_read(&lease->runs_sem);
	return busy;
}

static bool hf_pins_are_left(struct hf_lease *lease, const struct mm_struct *mm,
			     bool others, pgoff_t first, pgoff_t last)
{
	struct hf_pin *pin;
	bool pinned = false;

	down_read(&lease->runs_sem);
	hf_for_each_pin(pin, lease, first, last) {
		bool other = pin->pinner.mm != mm;

		if (other != others ||
		    !hf_pin_is_left_now(lease, pin, first, last))
			continue;
		pinned = hf_runs_pinned_page(&pin->runs, first, last);
		if (pinned)
			break;
	}
	up_read(&lease->runs_sem);
	return pinned;
}

/* Whether a process has pins left that the lease let in. */
bool hf_lease_is_pinned_by(struct hf_lease *lease, const struct mm_struct *mm,
			   pgoff_t first, pgoff_t last)
{
	return hf_pins_are_left(lease, mm, false, first, last);
}

/* Whether another process has; @mm may be NULL. */
bool hf_lease_is_pinned_but_by(struct hf_lease *lease,
			       const struct mm_struct *mm, pgoff_t first,
			       pgoff_t last)
{
	return hf_pins_are_left(lease, mm, true, first, last);
}

/*
 * Bytes of pages that are pinned, each counted once. What a record had that has ended is
 * not, where others hold the same piece of the file.
 */
u64 hf_lease_pinned(struct hf_lease *lease)
{
	pgoff_t index = 0;
	u64 pages = 0;

	down_read(&lease->runs_sem);
	while (hf_lease_held_page(lease, &index, ULONG_MAX, true)) {
		pages++;
		index++;
		cond_resched();
		if (fatal_signal_pending(current))
			break;
	}
	up_read(&lease->runs_sem);
	return pages << PAGE_SHIFT;
}

/**
 * hf_lease_lose - forget pages that a change has taken, and nobody holds
 * @lease: the lease
 * @first: index of the first page
 * @last: index of the last page
 *
 * They leave the lease as they came. May sleep.
 */
void hf_lease_lose(struct hf_lease *lease, pgoff_t first, pgoff_t last)
{
	struct hf_pin *pin;
	int err = 0;

	down_write(&lease->runs_sem);
	hf_for_each_pin(pin, lease, first, last) {
		hf_reserved_restore(&pin->runs);
		if (hf_runs_busy_page(&pin->runs, first, last, NULL))
			continue;
		err = hf_runs_cut(&pin->runs, first, last) ?: err;
		/* Not every unpin is seen. */
		spin_lock(&lease->file->lock);
		if (pin->made)
			hf_counts_clear(&pin->counts,
					max(first, pin->range.start),
					min(last, pin->range.last));
		spin_unlock(&lease->file->lock);
	}
	up_write(&lease->runs_sem);
	/*
	 * Then a later holder of these blocks is waited for, too, until the
	 * record ends: late, but safe.
	 */
	if (err)
		pr_warn_ratelimited(
			"holdfast: lease %llu: no memory to forget pages\n",
			lease->id);
}
