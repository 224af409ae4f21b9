/* SPDX-License-Identifier: GPL-2.0 */
/* Fixed buffers of an io_uring of another process. */
#ifndef HOLDFAST_URING_H
#define HOLDFAST_URING_H

#include <stdint.h>

#include "process.h"

/*
 * Calls @look for each fixed buffer of descriptor @fd of @process: its place in
 * the ring, address and length. 0, what @look returned first that is not 0, or
 * a negative errno value: -EBUSY, the ring is at work and does not tell.
 */
int uring_each_buffer(const struct process *process, int fd,
		      int (*look)(unsigned int index, uint64_t addr,
				  uint64_t length, void *arg),
		      void *arg);

/*
 * Makes the place empty, by a descriptor of our own. The memory is let go when
 * requests that use it are done. -EEXIST: only its own thread may (the ring is
 * IORING_SETUP_SINGLE_ISSUER).
 */
int uring_empty(int ring, unsigned int index);

#endif
