/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fixed number of worker processes does the agent's work. A holder's ring or device can
 * keep a worker waiting, and must not delay the work on other leases. Users take turns,
 * and each has at most a part of the workers, so that a thousand late leases of one user
 * delay no other user.
 */
#ifndef HOLDFAST_WORKERS_H
#define HOLDFAST_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct demand;
struct watches;

#define WORKERS	       8
#define WORKERS_A_USER 2

/* So long a worker may take; then it is killed, and what it did has to be done again. */
#define WORKER_MS 10000

/* So soon, at the earliest, a process is given to a worker again. */
#define WORKER_AGAIN_MS 400

/*
 * Starts workers for the processes that have pins of what is wanted, as many as may
 * be. 0, or a negative errno value: try again soon.
 */
int workers_give(struct watches *watches, const struct demand *demands,
		 size_t count);

/* Whether a worker is at work on pins of the lease. */
bool workers_have(uint64_t lease);

/* Takes what workers that have ended have to say. */
void workers_reap(struct watches *watches);

#endif
