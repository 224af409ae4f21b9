/* SPDX-License-Identifier: GPL-2.0 */
/* The beginning and the end of leases: see acquire.c. */
#ifndef HF_LEASE_ACQUIRE_H
#define HF_LEASE_ACQUIRE_H

#include "core/types.h"

bool hf_owns_or_may_lease(struct file *target);
bool hf_may_hold_up(struct file *target);
bool hf_lease_enter(struct hf_lease *lease, u64 id, bool more);
void hf_lease_leave(struct hf_lease *lease);
int hf_lease_acquire(struct hf_lease *lease, struct holdfast_acquire *args);
void hf_lease_unbind(struct hf_lease *lease);

#endif
