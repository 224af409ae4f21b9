/* SPDX-License-Identifier: GPL-2.0 */
/* Blocks that are shared with another file: see shared.c. */
#ifndef HF_PAGES_SHARED_H
#define HF_PAGES_SHARED_H

#include "core/types.h"

int hf_file_shares(struct file *file, pgoff_t first, pgoff_t last);
bool hf_folios_are_ours(const struct hf_runs *runs,
			struct address_space *mapping);
int hf_drop_large(struct hf_file *file, const struct hf_pin *pin,
		  struct file *target, pgoff_t first, pgoff_t last);

#endif
