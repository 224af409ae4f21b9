/* SPDX-License-Identifier: GPL-2.0 */
/* Taking from a holder what pins a lease, and nothing else. */
#ifndef HOLDFAST_FENCE_H
#define HOLDFAST_FENCE_H

#include "holdfast.h"

/**
 * struct fenced - what came of fence_lease()
 * @revoked: how many memory regions, fixed buffers and VFIO mappings are
 *	gone
 * @reasons: what could not be revoked, and why, as words; "" for nothing
 */
struct fenced {
	unsigned int revoked;
	char reasons[256];
};

/*
 * Revokes what has pinned the bytes of @lease that a change waits for, or all of
 * them where the lease ends, and logs each. 0, or a negative errno value: nothing
 * could be looked at.
 */
int fence_lease(const struct hf_report_entry *lease, struct fenced *fenced);

#endif
