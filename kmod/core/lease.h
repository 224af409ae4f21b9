/* SPDX-License-Identifier: GPL-2.0 */
/* A lease: see lease.c. */
#ifndef HF_CORE_LEASE_H
#define HF_CORE_LEASE_H

#include "core/types.h"

/* In place of the change that a lease breaks for. */
extern struct hf_change hf_deferred;
extern struct hf_change hf_revoker;

int hf_leases_init(void);
void hf_leases_exit(void);
struct hf_lease *hf_lease_new(void);
void hf_lease_put(struct hf_lease *lease);
struct hf_lease *hf_lease_find(u64 id);
struct hf_lease *hf_lease_next(unsigned long *id);
unsigned long hf_lease_newest(void);
struct file *hf_lease_target(struct hf_lease *lease);
bool hf_lease_visible(const struct hf_lease *lease, struct file *target,
		      const struct file *report);
int hf_lease_reserve(u64 *id);
void hf_lease_unreserve(u64 id);
void hf_lease_publish(struct hf_lease *lease);
void hf_lease_unpublish(struct hf_lease *lease);
bool hf_break_is_deferred(const struct hf_lease *lease);
bool hf_break_is_of_change(const struct hf_lease *lease);
void hf_lease_reap_now(struct hf_lease *lease);

#endif
