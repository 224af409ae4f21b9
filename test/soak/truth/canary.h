/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SOAK_CANARY_H
#define SOAK_CANARY_H

#include "world.h"

/*
 * Takes the space that changes free, until there is no more, and looks whether
 * anybody else writes to it: a process of its own.
 */
void canary_run(void);

/* Once: leaves little free, so that what is freed is used again soon. */
void canary_prepare(void);

#endif
