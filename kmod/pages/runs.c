// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of a record of pins, and whether anything holds them.
 *
 * A record holds no reference on its pages: what it knows of them stays true
 * because every change of the range goes through hf_change_break() first. So
 * any reference that is not a page table's is a consumer's.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "pages/runs.h"

/* How many pages to look at before others may run. */
#define HF_BATCH 512

static pgoff_t hf_run_end(const struct hf_runs *runs, unsigned int i)
{
	return i + 1 < runs->nr ? hf_run(runs, i + 1)->index : runs->end;
}

/* How many pages run @i has. */
unsigned long hf_run_pages(const struct hf_runs *runs, unsigned int i)
{
	return hf_run_end(runs, i) - hf_run(runs, i)->index;
}

void hf_runs_free(struct hf_runs *runs)
{
	if (runs->max)
		kvfree(runs->run);
	memset(runs, 0, sizeof(*runs));
}

/* Room for @nr runs, of which there are none yet or as many as before. 0 or -ENOMEM. */
static int hf_runs_reserve(struct hf_runs *runs, unsigned int nr)
{
	struct hf_run *run;

	if (nr <= max(runs->max, 1U))
		return 0;
	run = kvmalloc_array(nr, sizeof(*run),
			     GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!run)
		return -ENOMEM;
	if (runs->nr)
		memcpy(run, hf_run(runs, 0),
		       array_size(runs->nr, sizeof(*run)));
	if (runs->max)
		kvfree(runs->run);
	runs->run = run;
	runs->max = nr;
	return 0;
}

/*
 * Adds @nr pages, from @index on, which is behind all others. What is between
 * them is a run without pages. 0 or -ENOMEM.
 */
int hf_runs_add(struct hf_runs *runs, pgoff_t index, unsigned long pfn,
		unsigned long nr)
{
	struct hf_run *last;
	int err;

	if (runs->nr && index > runs->end && pfn != HF_NO_PFN) {
		err = hf_runs_add(runs, runs->end, HF_NO_PFN,
				  index - runs->end);
		if (err)
			return err;
	}
	last = hf_run(runs, runs->nr - 1);
	if (runs->nr && last->pfn != HF_NO_PFN &&
	    pfn - last->pfn == index - last->index) {
		runs->end = index + nr;
		return 0;
	}
	if (runs->nr && runs->nr >= runs->max) {
		err = hf_runs_reserve(runs, runs->max ? runs->max * 2 : 4);
		if (err)
			return err;
	}
	*hf_run(runs, runs->nr++) = (struct hf_run){ index, pfn };
	runs->end = index + nr;
	return 0;
}

/* Room for @nr runs more than there are: 0 or -ENOMEM. */
int hf_runs_reserve_more(struct hf_runs *runs, unsigned int nr)
{
	unsigned int all = runs->nr + nr;

	if (all <= max(runs->max, 1U))
		return 0;
	/* Not one at a time, where a region grows in many calls. */
	return hf_runs_reserve(runs, max(all, 2 * runs->nr));
}

/* Adds pages that are behind all others; there is room, also for a gap. */
void hf_runs_append(struct hf_runs *runs, const struct hf_runs *more)
{
	unsigned int i;

	for (i = 0; i < more->nr; i++)
		WARN_ON_ONCE(hf_runs_add(runs, hf_run(more, i)->index,
					 hf_run(more, i)->pfn,
					 hf_run_pages(more, i)));
}

/* The run that page @index is in. */
static unsigned int hf_runs_find(const struct hf_runs *runs, pgoff_t index)
{
	unsigned int low = 0, high = runs->nr;

	while (high - low > 1) {
		unsigned int mid = low + (high - low) / 2;

		if (hf_run(runs, mid)->index <= index)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* The page number of @index, where @nr pages from there are in one piece; or 0. */
static unsigned long hf_runs_span(const struct hf_runs *runs, pgoff_t index,
				  unsigned long nr)
{
	unsigned int i;

	if (!runs->nr || index < hf_run(runs, 0)->index)
		return 0;
	i = hf_runs_find(runs, index);
	if (index + nr > hf_run_end(runs, i) ||
	    hf_run(runs, i)->pfn == HF_NO_PFN)
		return 0;
	return hf_run(runs, i)->pfn + (index - hf_run(runs, i)->index);
}

/* Whether @part are the same pages, as far as it goes. */
bool hf_runs_have(const struct hf_runs *runs, const struct hf_runs *part)
{
	unsigned int i;

	for (i = 0; i < part->nr; i++) {
		const struct hf_run *run = hf_run(part, i);

		if (hf_runs_span(runs, run->index, hf_run_pages(part, i)) !=
		    run->pfn)
			return false;
	}
	return true;
}

/* Adds the pages of run @i of @from that are from @first on, before @end. */
static int hf_runs_add_part(struct hf_runs *runs, const struct hf_runs *from,
			    unsigned int i, pgoff_t first, pgoff_t end)
{
	const struct hf_run *run = hf_run(from, i);

	first = max(first, run->index);
	end = min(end, hf_run_end(from, i));
	if (first >= end)
		return 0;
	return hf_runs_add(runs, first, run->pfn + (first - run->index),
			   end - first);
}

/**
 * hf_runs_cut - forget some pages
 * @runs: the pages
 * @first: index of the first page to forget
 * @last: index of the last page to forget
 *
 * Return: 0, or -ENOMEM with nothing changed.
 */
int hf_runs_cut(struct hf_runs *runs, pgoff_t first, pgoff_t last)
{
	struct hf_runs left = {};
	unsigned int i;
	int err;

	/* One run can become two, with a gap between them. */
	err = hf_runs_reserve(&left, runs->nr + 2);
	for (i = 0; i < runs->nr && !err; i++) {
		if (hf_run(runs, i)->pfn == HF_NO_PFN)
			continue;
		err = hf_runs_add_part(&left, runs, i, 0, first);
		if (!err && last != ULONG_MAX)
			err = hf_runs_add_part(&left, runs, i, last + 1,
					       ULONG_MAX);
	}
	if (!err)
		swap(*runs, left);
	hf_runs_free(&left);
	return err;
}

/*
 * The first page from @first to @last that is held: by anything but page tables,
 * or (@pinned) for DMA, which is what consumers do.
 */
static struct page *hf_runs_held_page(const struct hf_runs *runs, pgoff_t first,
				      pgoff_t last, pgoff_t *index, bool pinned)
{
	unsigned int i;

	if (!runs->nr || last < hf_run(runs, 0)->index || first >= runs->end)
		return NULL;
	first = max(first, hf_run(runs, 0)->index);
	for (i = hf_runs_find(runs, first); i < runs->nr; i++) {
		const struct hf_run *run = hf_run(runs, i);
		pgoff_t end = hf_run_end(runs, i);

		if (run->pfn == HF_NO_PFN)
			first = end;
		for (; first < end; first++) {
			struct page *page;

			if (first > last)
				return NULL;
			page = pfn_to_page(run->pfn + (first - run->index));
			if (pinned ? hf_page_pinned(page)
				   : hf_page_busy(page)) {
				if (index)
					*index = first;
				return page;
			}
			if (!(first % HF_BATCH))
				cond_resched();
		}
	}
	return NULL;
}

/**
 * hf_runs_busy_page - the first page of a range that is held
 * @runs: the pages
 * @first: index of the first page to look at
 * @last: index of the last page to look at
 * @index: out, where a page is found: its index; may be NULL
 *
 * Page tables do not count. May sleep.
 */
struct page *hf_runs_busy_page(const struct hf_runs *runs, pgoff_t first,
			       pgoff_t last, pgoff_t *index)
{
	return hf_runs_held_page(runs, first, last, index, false);
}

/* The first page of a range that is pinned for DMA. May sleep. */
struct page *hf_runs_pinned_page(const struct hf_runs *runs, pgoff_t first,
				 pgoff_t last)
{
	return hf_runs_held_page(runs, first, last, NULL, true);
}
