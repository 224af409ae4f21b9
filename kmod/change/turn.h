/* SPDX-License-Identifier: GPL-2.0 */
/* The turn of a registration that a change has made begin again: see turn.c. */
#ifndef HF_CHANGE_TURN_H
#define HF_CHANGE_TURN_H

#include "core/types.h"

struct hf_turn {
	struct hf_file *file;  /* NULL: not taken */
	struct list_head node; /* in file->turns; file->lock */
	pgoff_t first, last;
	unsigned long until; /* jiffies */
};

void hf_turn_take(struct hf_turn *turn, const struct hf_lease *lease,
		  const struct hf_span *span);
void hf_turn_end(struct hf_turn *turn);
int hf_turns_await(struct hf_file *file, const struct hf_change *change);

#endif
