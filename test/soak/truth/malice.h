/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SOAK_MALICE_H
#define SOAK_MALICE_H

#include "world.h"

/* Once, before the first round. */
void malice_prepare(void);

/* Makes the faults of the round, as a process of its own. */
void malice_run(void);

/* Whatever happened: nothing is frozen, the device is there. */
void malice_undo(void);

#endif
