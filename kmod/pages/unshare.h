/* SPDX-License-Identifier: GPL-2.0 */
/* Copies of shared blocks: see unshare.c. */
#ifndef HF_PAGES_UNSHARE_H
#define HF_PAGES_UNSHARE_H

#include "core/types.h"

int hf_read_reason(struct file *file, pgoff_t index);
int hf_fault_reason(struct file *file, pgoff_t index);
int hf_unshare(struct hf_file *file, const struct hf_pin *pin,
	       struct file *target);

#endif
