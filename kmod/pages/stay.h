/* SPDX-License-Identifier: GPL-2.0 */
/* Whether blocks stay where they are: see stay.c. */
#ifndef HF_PAGES_STAY_H
#define HF_PAGES_STAY_H

#include "core/types.h"

int hf_blocks_stay(struct file *target, pgoff_t first, pgoff_t last);

#endif
