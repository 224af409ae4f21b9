/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who does the agent's work: a fixed number of processes at a time, as a ring or a
 * device of a holder may keep whoever calls it waiting, and must not keep the holders of
 * other leases from being fenced. Users take turns, and none has more than a part of
 * them, so that a thousand late leases of one delay nobody else.
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
