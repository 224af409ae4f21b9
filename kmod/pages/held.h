/* SPDX-License-Identifier: GPL-2.0 */
/* Which pages of a lease are held: see held.c. */
#ifndef HF_PAGES_HELD_H
#define HF_PAGES_HELD_H

#include "core/types.h"

struct page *hf_lease_busy_page(struct hf_lease *lease, pgoff_t *index,
				pgoff_t last);
bool hf_lease_is_busy(struct hf_lease *lease, pgoff_t first, pgoff_t last);
bool hf_lease_is_pinned_by(struct hf_lease *lease, const struct mm_struct *mm,
			   pgoff_t first, pgoff_t last);
bool hf_lease_is_pinned_but_by(struct hf_lease *lease,
			       const struct mm_struct *mm, pgoff_t first,
			       pgoff_t last);
u64 hf_lease_pinned(struct hf_lease *lease);
void hf_lease_lose(struct hf_lease *lease, pgoff_t first, pgoff_t last);

#endif
