/* SPDX-License-Identifier: GPL-2.0 */
/* Pages of a lease that are as they were when they were pinned: see intact.c. */
#ifndef HF_CORE_INTACT_H
#define HF_CORE_INTACT_H

#include <linux/types.h>

#define HF_INTACT_GAPS 4

struct hf_intact_gap {
	pgoff_t first, last;
};

/**
 * struct hf_intact - pages, by their index
 * @first: @last: what was pinned, without an end in between; last < first: nothing
 * @nr: how many of @gaps there are
 * @gaps: what has changed of it, or may have
 */
struct hf_intact {
	pgoff_t first, last;
	unsigned int nr;
	struct hf_intact_gap gaps[HF_INTACT_GAPS];
};

void hf_intact_init(struct hf_intact *intact);
void hf_intact_add(struct hf_intact *intact, pgoff_t first, pgoff_t last);
void hf_intact_cut(struct hf_intact *intact, pgoff_t first, pgoff_t last);
bool hf_intact_has(const struct hf_intact *intact, pgoff_t first, pgoff_t last);

#endif
