/* SPDX-License-Identifier: GPL-2.0 */
/* Who maps one of the files like any program, and reads it. */
#ifndef SOAK_READER_H
#define SOAK_READER_H

#include "world.h"

/* Until the round is over: another file each round, and the others unmapped. */
void reader_run(void);

#endif
