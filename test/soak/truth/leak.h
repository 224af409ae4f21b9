/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SOAK_LEAK_H
#define SOAK_LEAK_H

#include "world.h"

/* Before the first round: what there is then is not leaked. */
void leak_begin(void);

/* After a round: no lease and nothing of RDMA is left, or comes to an end soon. */
void leak_look(void);

/* After all rounds: open files, and what the user is charged for. */
void leak_end(void);

/* Unmounts, checks and mounts the filesystem: nothing holds it. */
void fsck(void);

/* How many processes the kernel has said it killed since the last call. */
unsigned int kernel_kills(void);

#endif
