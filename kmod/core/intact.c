// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of a lease that are as they were when they were pinned: no change has met
 * them since. What a first registration does to its blocks (pages/unshare.c) a later
 * one need not do again, even if nothing was pinned in between: what would share
 * one of them, or prepare another block for it, is a change that meets the lease.
 *
 * It is an estimate. Pages that are missing are prepared once more, so where there is
 * no room for what has changed, more counts as changed.
 */
#include <linux/kernel.h>
#include "core/intact.h"

/* There are none. */
void hf_intact_init(struct hf_intact *intact)
{
	intact->first = 1;
	intact->last = 0;
	intact->nr = 0;
}

static bool hf_intact_none(const struct hf_intact *intact)
{
	return intact->last < intact->first;
}

static bool hf_gap_meets(const struct hf_intact_gap *gap, pgoff_t first,
			 pgoff_t last)
{
	return gap->first <= last && gap->last >= first;
}

/* A gap is filled, or loses one of its ends; what is in its middle stays a part of it. */
static void hf_intact_fill(struct hf_intact *intact, pgoff_t first,
			   pgoff_t last)
{
	unsigned int i = 0;

	while (i < intact->nr) {
		struct hf_intact_gap *gap = &intact->gaps[i];

		if (!hf_gap_meets(gap, first, last)) {
			i++;
		} else if (first <= gap->first && last >= gap->last) {
			*gap = intact->gaps[--intact->nr];
		} else {
			if (first <= gap->first)
				gap->first = last + 1;
			else if (last >= gap->last)
				gap->last = first - 1;
			i++;
		}
	}
}

/**
 * hf_intact_add - pages have been prepared and pinned
 * @intact: the lease's
 * @first: index of the first page
 * @last: index of the last one
 *
 * What does not touch the others takes their place.
 */
void hf_intact_add(struct hf_intact *intact, pgoff_t first, pgoff_t last)
{
	if (hf_intact_none(intact) || (first && first - 1 > intact->last) ||
	    (intact->first && last < intact->first - 1)) {
		intact->first = first;
		intact->last = last;
		intact->nr = 0;
		return;
	}
	intact->first = min(intact->first, first);
	intact->last = max(intact->last, last);
	hf_intact_fill(intact, first, last);
}

/**
 * hf_intact_cut - pages change, or may change
 * @intact: the lease's
 * @first: index of the first page
 * @last: index of the last one
 */
void hf_intact_cut(struct hf_intact *intact, pgoff_t first, pgoff_t last)
{
	struct hf_intact_gap *gap;

	if (hf_intact_none(intact) || first > intact->last ||
	    last < intact->first)
		return;
	if (first <= intact->first && last >= intact->last) {
		hf_intact_init(intact);
		return;
	}
	gap = &intact->gaps[intact->nr];
	if (intact->nr < HF_INTACT_GAPS) {
		intact->nr++;
		*gap = (struct hf_intact_gap){ first, last };
		return;
	}
	gap = &intact->gaps[0];
	gap->first = min(gap->first, first);
	gap->last = max(gap->last, last);
}

/**
 * hf_intact_has - whether all pages of a range are intact
 * @intact: the lease's
 * @first: index of the first page
 * @last: index of the last one
 */
bool hf_intact_has(const struct hf_intact *intact, pgoff_t first, pgoff_t last)
{
	unsigned int i;

	if (first < intact->first || last > intact->last)
		return false;
	for (i = 0; i < intact->nr; i++) {
		if (hf_gap_meets(&intact->gaps[i], first, last))
			return false;
	}
	return true;
}
