/* SPDX-License-Identifier: GPL-2.0 */
/* How fast the module's counters go up, from one frame of holdfast-watch(1) to the next. */
#ifndef HOLDFAST_RATES_H
#define HOLDFAST_RATES_H

#include <stdbool.h>
#include <stdio.h>

#include "counters.h"

/* Zeroed before the first frame. */
struct rates {
	bool known;
	int64_t time_ns;
	uint64_t value[COUNTERS];
};

/*
 * One line, if there was a frame before. 0 or a negative errno value: the counters
 * cannot be read.
 */
int rates_print(FILE *to, struct rates *rates);

#endif
