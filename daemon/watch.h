/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Breaks that are under way, and when to act on them. All of it is from the
 * report; what is remembered here is for the log, and not missed when lost.
 */
#ifndef HOLDFAST_WATCH_H
#define HOLDFAST_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch;

/* Breaks by lease, and what was asked for on the command line. */
struct watches {
	struct watch *list;
	uint32_t margin_ms;
};

/*
 * Reads the report, acts where it is time to, and sets *@next_ms: in how many
 * milliseconds the next break is due, -1 for none. 0, or a negative errno
 * value with the reason logged.
 */
int watches_round(struct watches *watches, int *next_ms);

void watches_free(struct watches *watches);

#endif
