/* SPDX-License-Identifier: GPL-2.0 */
/* Changes that a rewriting lease absorbs: see absorb.c. */
#ifndef HF_CHANGE_ABSORB_H
#define HF_CHANGE_ABSORB_H

#include "core/types.h"

bool hf_change_is_absorbed(struct hf_file *file,
			   const struct hf_change *change);
u64 hf_absorb_size(struct hf_file *file, u64 size);
bool hf_absorb_next(struct hf_file *file, u64 *from, u64 *to);
void hf_absorbed(struct hf_file *file, enum holdfast_op op, u64 offset,
		 u64 length, u64 end);

#endif
