// SPDX-License-Identifier: GPL-2.0
/*
 * The end of pins: whose they were.
 *
 * A driver that unpins pages does not name the registration. So the module takes each
 * page off a record of the current process. If that process has no pin of the page (a
 * worker ends a ring, or another process has the consumer's file, too), the module takes it
 * off a record of a process that is gone, or of the only other one. Records of other
 * consumers stay as they are: a process that reads a page for a moment unpins it, too.
 */
#include "core/caller.h"
#include "core/consumer.h"
#include "core/counts.h"
#include "core/file.h"
#include "core/lease.h"
#include "pages/record.h"
#include "pages/unpinned.h"

/* A pinned page, and the record that has it. */
struct hf_ending {
	struct hf_lease *lease;
	struct hf_pin *pin; /* NULL: there is none */
	pgoff_t index;
};

static bool hf_pin_is_meant(const struct hf_pin *pin,
			    const struct hf_unpinned *unpinned)
{
	return pin->made && pin->counts.all &&
	       pin->pinner.consumer == unpinned->consumer;
}

/*
 * The next pinned page of a process, from @first on. Of several records that have it
 * one is preferred whose turn it is: a driver lets go of a registration from
 * its beginning. Called with file->lock held.
 */
static struct hf_ending hf_pins_next(struct hf_file *file,
				     const struct hf_unpinned *unpinned,
				     const struct pid *tgid, pgoff_t first,
				     pgoff_t last)
{
	struct hf_ending best = { .index = last + 1 };
	struct hf_lease *lease;
	struct hf_pin *pin;

	/* In the order of their beginnings. */
	hf_for_each_overlap(lease, file, first, last) {
		if (lease->range.start > best.index)
			break;
		hf_for_each_pin(pin, lease, first, last) {
			pgoff_t index = max(first, pin->range.start);

			if (index > best.index)
				break;
			if (pin->tgid != tgid ||
			    !hf_pin_is_meant(pin, unpinned) ||
			    !hf_counts_next(&pin->counts, &index,
					    min(last, pin->range.last)))
				continue;
			if (index > best.index ||
			    (index == best.index && pin->next != index))
				continue;
			best = (struct hf_ending){ lease, pin, index };
			if (index == first && pin->next == index)
				return best;
		}
	}
	return best;
}

/* Takes pins off a record, of up to @nr pages: how many. Called with file->lock held. */
static u64 hf_ending_take(struct hf_unpinned *unpinned,
			  const struct hf_ending *ending, u64 nr)
{
	struct hf_lease *lease = ending->lease;
	struct hf_pin *pin = ending->pin;
	u64 before = pin->counts.all;

	nr = min(nr, pin->range.last - ending->index + 1);
	nr = hf_counts_take(&pin->counts, ending->index, nr);
	/* Without memory they are still counted. */
	if (pin->counts.all == before)
		pin->doubt = true;
	pin->next = ending->index + nr;
	if (pin->next > pin->range.last)
		pin->next = pin->range.start;
	if (!pin->counts.all) {
		unpinned->over = true;
		/* What it owed, it has given. */
		if (lease->owed &&
		    !hf_pins_made(lease, lease->first_due, lease->last_due))
			lease->owed = 0;
		WRITE_ONCE(lease->ended, lease->ended + 1);
	}
	return nr;
}

/*
 * Pins have ended, and were taken off records of process @tgid, or, with NULL, off
 * none. Where others have such pins as well they may have been theirs: see left.c.
 * Called with file->lock held.
 */
static void hf_pins_doubt(struct hf_file *file,
			  const struct hf_unpinned *unpinned,
			  const struct pid *tgid, u64 pins)
{
	struct hf_lease *lease;
	struct hf_pin *pin;
	bool others = false;

	hf_for_each_overlap(lease, file, unpinned->first, unpinned->last) {
		hf_for_each_pin(pin, lease, unpinned->first, unpinned->last) {
			if (pin->tgid == tgid ||
			    !hf_pin_is_meant(pin, unpinned))
				continue;
			pin->doubt = true;
			others = true;
		}
	}
	if (!others || !tgid)
		return;
	hf_for_each_overlap(lease, file, unpinned->first, unpinned->last) {
		hf_for_each_pin(pin, lease, unpinned->first, unpinned->last) {
			if (pin->tgid != tgid || !pin->made ||
			    pin->pinner.consumer != unpinned->consumer)
				continue;
			pin->doubt = true;
			pin->maybe += pins;
		}
	}
}

/*
 * The process that has such pins of a range, if it is the only one. One that is
 * gone comes first: its files were passed on. Called with file->lock held.
 */
static struct pid *hf_pins_only_owner(struct hf_file *file,
				      const struct hf_unpinned *unpinned,
				      pgoff_t first, pgoff_t last)
{
	struct pid *gone = NULL, *living = NULL;
	struct hf_lease *lease;
	struct hf_pin *pin;
	bool several = false;

	hf_for_each_overlap(lease, file, first, last) {
		hf_for_each_pin(pin, lease, first, last) {
			if (!hf_pin_is_meant(pin, unpinned))
				continue;
			if (!atomic_read(&pin->pinner.mm->mm_users)) {
				gone = pin->tgid;
				continue;
			}
			several |= living && living != pin->tgid;
			living = pin->tgid;
		}
	}
	return gone ?: several ? NULL : living;
}

/*
 * Takes up to @pins pins off pages of which the process that unpins has no pins.
 * Called with file->lock held.
 */
static void hf_pins_end_others(struct hf_file *file,
			       struct hf_unpinned *unpinned, pgoff_t first,
			       pgoff_t last, u64 pins)
{
	struct hf_ending ending;
	struct pid *owner;
	u64 nr;

	/* Drivers without a name are not told apart. */
	if (unpinned->consumer == HOLDFAST_CONSUMER_UNKNOWN)
		return;
	owner = hf_pins_only_owner(file, unpinned, first, last);
	if (!owner) {
		hf_pins_doubt(file, unpinned, NULL, 0);
		return;
	}
	while (first <= last && pins) {
		ending = hf_pins_next(file, unpinned, owner, first, last);
		if (!ending.pin)
			break;
		nr = min(pins, last - ending.index + 1);
		nr = hf_ending_take(unpinned, &ending, nr);
		pins -= nr;
		first = ending.index + nr;
	}
}

/* Each page of the range loses one pin. Called with file->lock held. */
static void hf_pins_end_each(struct hf_file *file, struct hf_unpinned *unpinned)
{
	pgoff_t first = unpinned->first, last = unpinned->last;
	struct pid *own = task_tgid(current);
	struct hf_ending ending;
	u64 nr, taken = 0;

	while (first <= last) {
		ending = hf_pins_next(file, unpinned, own, first, last);
		if (ending.index > first)
			hf_pins_end_others(file, unpinned, first,
					   ending.index - 1,
					   ending.index - first);
		if (!ending.pin)
			break;
		nr = hf_ending_take(unpinned, &ending, last - ending.index + 1);
		taken += nr;
		first = ending.index + nr;
	}
	if (taken && unpinned->consumer != HOLDFAST_CONSUMER_UNKNOWN)
		hf_pins_doubt(file, unpinned, own, taken);
}

/*
 * The pages lose @pins pins together: they are a folio's, which counts those of all its
 * pages as one. It is let go of as a whole, so it does not matter which they
 * are. Called with file->lock held.
 */
static void hf_pins_end_some(struct hf_file *file, struct hf_unpinned *unpinned,
			     u64 pins)
{
	struct pid *own = task_tgid(current);
	struct hf_ending ending;
	u64 left = pins;

	while (left) {
		ending = hf_pins_next(file, unpinned, own, unpinned->first,
				      unpinned->last);
		if (!ending.pin)
			break;
		left -= hf_ending_take(unpinned, &ending,
				       min(left,
					   unpinned->last - ending.index + 1));
	}
	if (left < pins && unpinned->consumer != HOLDFAST_CONSUMER_UNKNOWN)
		hf_pins_doubt(file, unpinned, own, pins - left);
	if (left)
		hf_pins_end_others(file, unpinned, unpinned->first,
				   unpinned->last, left);
}

/* @nr pages that follow each other in a file, too. */
static void hf_piece_end(struct hf_unpinned *unpinned, struct page *page,
			 unsigned long nr, unsigned long pins)
{
	struct address_space *mapping;
	struct hf_file *file;

	hf_pins_ended(unpinned);
	if (!hf_page_is_fsdax(page))
		return;
	/* Nothing but a lease's pins keeps the inode. */
	rcu_read_lock();
	file = hf_page_place(page, &mapping, &unpinned->first)
		       ? hf_file_find(mapping->host)
		       : NULL;
	rcu_read_unlock();
	if (!file)
		return;
	if (!unpinned->looked_up) {
		unpinned->lets_go = hf_caller_lets_go(unpinned->caller,
						      &unpinned->consumer);
		unpinned->looked_up = true;
	}
	if (!unpinned->lets_go) {
		hf_file_put(file);
		return;
	}
	unpinned->file = file;
	unpinned->last = unpinned->first + nr - 1;
	spin_lock(&file->lock);
	if (pins == nr)
		hf_pins_end_each(file, unpinned);
	else
		hf_pins_end_some(file, unpinned, pins);
	spin_unlock(&file->lock);
}

/* How many of some pages on the device follow each other in a file, too. */
static unsigned long hf_piece_length(struct page *page, unsigned long nr)
{
	struct address_space *mapping, *next;
	pgoff_t index, at;
	unsigned long i;

	if (!hf_page_is_fsdax(page) || !hf_page_place(page, &mapping, &index))
		return 1;
	for (i = 1; i < nr; i++) {
		if (!hf_page_is_fsdax(page + i) ||
		    !hf_page_place(page + i, &next, &at) || next != mapping ||
		    at != index + i)
			break;
	}
	return i;
}

/**
 * hf_pins_end - the current task unpins pages
 * @unpinned: zero except for the caller; call hf_pins_ended() afterwards
 * @page: the first one, which is still pinned
 * @nr: how many follow each other on the device: not always in a file
 * @pins: how many pins of these end
 *
 * Does not sleep.
 */
void hf_pins_end(struct hf_unpinned *unpinned, struct page *page,
		 unsigned long nr, unsigned long pins)
{
	unsigned long left, piece;

	/* No file's page follows other memory: a filesystem begins with its own. */
	if (!hf_page_is_fsdax(page)) {
		hf_pins_ended(unpinned);
		return;
	}
	for (left = nr; left; left -= piece, page += piece) {
		piece = hf_piece_length(page, left);
		hf_piece_end(unpinned, page, piece,
			     piece == nr ? pins : min(pins, piece));
	}
}

/* Whether no record has pins left. Called with file->lock held. */
static bool hf_lease_is_let_go(struct hf_lease *lease)
{
	return lease->reaper && !hf_pins_made(lease, 0, ULONG_MAX);
}

/*
 * The pages are let go of: leases without pins can end, and changes that wait for them
 * look again. From 6.15 on nothing else wakes these where the pages are mapped.
 * Does not sleep.
 */
void hf_pins_ended(struct hf_unpinned *unpinned)
{
	struct hf_file *file = unpinned->file;
	bool deferred = false, awaited;
	struct hf_lease *lease;
	ktime_t now;

	if (!file)
		return;
	now = ktime_get();
	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, unpinned->first, unpinned->last) {
		if (unpinned->over && hf_lease_is_let_go(lease))
			hf_lease_reap_now(lease);
		/* A deferred change has nobody to see it. */
		if (lease->breaker && !hf_break_is_of_change(lease) &&
		    ktime_before(now, lease->deadline)) {
			lease->fence_at = now;
			deferred = true;
		}
	}
	if (deferred)
		hf_fence_schedule(file);
	awaited = !list_empty(&file->breaking);
	spin_unlock(&file->lock);
	if (awaited)
		wake_up_all(&file->wait);
	hf_file_put(file);
	unpinned->file = NULL;
}
