/* SPDX-License-Identifier: GPL-2.0 */
/* Taking from a holder what pins a lease, and nothing else. */
#ifndef HOLDFAST_FENCE_H
#define HOLDFAST_FENCE_H

#include "pinned.h"

/**
 * struct fence_job - what is to be taken from a process
 * @pid: @start_ns: the process
 * @uid: its user
 * @demands: leases, and bytes of them, sorted by lease
 * @demand_count: how many
 * @pinned: the process's records of these
 */
struct fence_job {
	pid_t pid;
	uint64_t start_ns;
	uid_t uid;
	struct demand *demands;
	size_t demand_count;
	struct pinned pinned;
};

/**
 * struct fenced - what came of fence_process()
 * @revoked: how many memory regions, fixed buffers and VFIO mappings are
 *	gone
 * @reasons: what could not be revoked, and why, as words; "" for nothing
 */
struct fenced {
	unsigned int revoked;
	char reasons[256];
};

/*
 * Revokes what has pinned the bytes that are wanted, and logs each. 0, or a negative
 * errno value: nothing could be looked at.
 */
int fence_process(const struct fence_job *job, struct fenced *fenced);

#endif
