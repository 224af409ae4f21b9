/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SOAK_HOLDER_H
#define SOAK_HOLDER_H

#include "world.h"

/* The longest break time of any holder, in ms. */
#define BREAK_MS 4000

/* Keeps one part of a file leased and written to: as a process of its own. */
void keeper_run(unsigned int slot, unsigned int part);

#endif
