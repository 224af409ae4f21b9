/* SPDX-License-Identifier: GPL-2.0 */
/* How often each page of a record is pinned: see counts.c. */
#ifndef HF_CORE_COUNTS_H
#define HF_CORE_COUNTS_H

#include "core/types.h"

int hf_counts_init(struct hf_counts *counts);
void hf_counts_free(struct hf_counts *counts);
void hf_counts_begin(struct hf_counts *counts, pgoff_t first, u64 nr);
void hf_counts_add(struct hf_counts *counts, pgoff_t first, u64 nr);
u64 hf_counts_take(struct hf_counts *counts, pgoff_t first, u64 nr);
void hf_counts_clear(struct hf_counts *counts, pgoff_t first, pgoff_t last);
bool hf_counts_next(const struct hf_counts *counts, pgoff_t *index,
		    pgoff_t last);
void hf_counts_pass(struct hf_counts *counts, struct hf_counts *from);

#endif
