/* SPDX-License-Identifier: GPL-2.0 */
/* Waiting for the consumers of leases: see settle.c. */
#ifndef HF_CHANGE_SETTLE_H
#define HF_CHANGE_SETTLE_H

#include "core/types.h"

struct page *hf_change_busy_page(struct hf_file *file,
				 const struct hf_change *change);
bool hf_changes_let_in(struct hf_file *file, pgoff_t first, pgoff_t last,
		       bool more);
bool hf_change_is_under_way(struct hf_file *file, pgoff_t first, pgoff_t last);
int hf_changes_wait(struct hf_file *file, pgoff_t first, pgoff_t last,
		    unsigned int task_state, bool *more);
int hf_changes_wait_to_pin(struct hf_lease *lease, const struct hf_span *span,
			   const struct hf_pinner *pinner, bool *more);
bool hf_change_is_clear(struct hf_file *file, struct hf_change *change);
void hf_change_set_waits(struct hf_file *file, struct hf_change *change);
int hf_change_settle(struct hf_file *file, struct hf_change *change);

#endif
