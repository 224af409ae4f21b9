/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SOAK_CHANGE_H
#define SOAK_CHANGE_H

#include "world.h"

/* Makes the changes of a file, one after the other: a process of its own. */
void changer_run(unsigned int slot);

/* The name of the file that change @n (from 1) of a file cloned it to. */
void clone_name(char name[32], unsigned int slot, unsigned int n);

#endif
