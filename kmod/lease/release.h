/* SPDX-License-Identifier: GPL-2.0 */
/* The end of a lease, and zombies: see release.c. */
#ifndef HF_LEASE_RELEASE_H
#define HF_LEASE_RELEASE_H

#include "core/types.h"

void hf_lease_reap(struct hf_lease *lease);
int hf_lease_release(struct hf_lease *lease, bool nonblock);
int hf_lease_revoke(const struct holdfast_revoke *args);
void hf_lease_remove(struct hf_lease *lease, bool wait);
void hf_lease_close(struct hf_lease *lease);

#endif
