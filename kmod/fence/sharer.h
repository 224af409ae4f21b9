/* SPDX-License-Identifier: GPL-2.0 */
/* Processes that hold consumers without having made the pins: see sharer.c. */
#ifndef HF_FENCE_SHARER_H
#define HF_FENCE_SHARER_H

#include "core/types.h"

/* Open files of an owner that can hold its pins. */
#define HF_PINNERS 32

struct hf_pinners {
	const struct hf_lease *lease;
	struct file *file[HF_PINNERS];
	unsigned int nr;
};

/* Processes that may hold consumers of a lease without having made the pins. */
struct hf_heirs {
	struct hf_lease *lease;
	const struct cred **cred; /* of the lease and of the pins */
	unsigned int nr, max;
	bool wide; /* all of the user's processes that can hold one */
};

bool hf_may_fence(const struct hf_lease *lease, struct task_struct *process);
bool hf_user_is_plain(const struct hf_lease *lease);
void hf_pinners_collect(struct hf_pinners *pinners,
			struct task_struct *process);
bool hf_pinners_shared(const struct hf_pinners *pinners,
		       struct task_struct *process);
void hf_pinners_put(struct hf_pinners *pinners);
bool hf_process_inherits(const struct hf_heirs *heirs,
			 struct task_struct *process);
void hf_heirs_collect_cycles(void);

#endif
