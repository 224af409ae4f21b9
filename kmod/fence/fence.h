/* SPDX-License-Identifier: GPL-2.0 */
/* What happens at the deadline: see fence.c. */
#ifndef HF_FENCE_FENCE_H
#define HF_FENCE_FENCE_H

#include "core/types.h"

void hf_fence_work(struct work_struct *work);

#endif
