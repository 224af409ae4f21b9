/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SOAK_MISDEED_H
#define SOAK_MISDEED_H

#include "world.h"

/* The memory cgroup that ORDER_MEMORY fills. */
#define CGROUP "/sys/fs/cgroup/soak"

/**
 * misdeed - what a holder does to make itself hard to fence, or dies of
 * @lease: its lease, or -1
 * @device: its descriptor of the RDMA device
 *
 * Returns where the holder goes on.
 */
void misdeed(enum order order, int lease, int device);

#endif
