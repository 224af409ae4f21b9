/* SPDX-License-Identifier: GPL-2.0 */
/* Layout changes of leased files: see change.c. */
#ifndef HF_CHANGE_CHANGE_H
#define HF_CHANGE_CHANGE_H

#include "core/types.h"

void hf_change_init(struct hf_change *change, enum holdfast_op op, u64 offset,
		    u64 length);
void hf_change_reach_back(struct hf_change *change, u64 pos);
int hf_change_begin(struct hf_file *file, struct hf_change *change);
int hf_change_widen(struct hf_file *file, struct hf_change *change,
		    struct hf_change *by);
bool hf_change_excluded(struct hf_file *file, const struct hf_change *change);
struct hf_change *hf_change_current(struct hf_file *file);
void hf_change_set_task(struct hf_file *file, struct hf_change *change,
			struct task_struct *task);
bool hf_change_overlaps(struct hf_file *file, pgoff_t first, pgoff_t last);
void hf_change_break(struct hf_file *file, struct hf_change *change);
void hf_change_passed(struct hf_file *file, struct hf_change *change);
void hf_change_end(struct hf_file *file, struct hf_change *change, long ret);

#endif
