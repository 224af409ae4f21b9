/* SPDX-License-Identifier: GPL-2.0 */
/* The pages of a record: see runs.c. */
#ifndef HF_PAGES_RUNS_H
#define HF_PAGES_RUNS_H

#include "core/types.h"

unsigned long hf_run_pages(const struct hf_runs *runs, unsigned int i);
void hf_runs_free(struct hf_runs *runs);
int hf_runs_add(struct hf_runs *runs, pgoff_t index, unsigned long pfn,
		unsigned long nr);
int hf_runs_reserve_more(struct hf_runs *runs, unsigned int nr);
void hf_runs_append(struct hf_runs *runs, const struct hf_runs *more);
bool hf_runs_have(const struct hf_runs *runs, const struct hf_runs *part);
int hf_runs_cut(struct hf_runs *runs, pgoff_t first, pgoff_t last);
struct page *hf_runs_busy_page(const struct hf_runs *runs, pgoff_t first,
			       pgoff_t last, pgoff_t *index);
struct page *hf_runs_pinned_page(const struct hf_runs *runs, pgoff_t first,
				 pgoff_t last);

#endif
