/* SPDX-License-Identifier: GPL-2.0 */
/* HOLDFAST_COUNTERS: what has happened to leases since the module was loaded. */
#ifndef HOLDFAST_COUNTERS_H
#define HOLDFAST_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

enum counter {
	COUNTER_LEASES,
	COUNTER_BREAKS,
	COUNTER_REFUSED,
	COUNTER_ABSORBED,
	COUNTER_REVOKED,
	COUNTER_FENCED,
	COUNTER_KILLED,
	COUNTER_MEDIA_ERRORS,
	COUNTER_WAIT_US,
	COUNTER_LE_1MS,
	COUNTER_LE_10MS,
	COUNTER_LE_100MS,
	COUNTER_LE_1S,
	COUNTER_LE_10S,
	COUNTER_LE_60S,
	COUNTER_WAITS,
	COUNTERS
};

/* Of one filesystem; 0:0 is all files in memory. A column that is missing is 0. */
struct counters {
	unsigned int major, minor;
	uint64_t value[COUNTERS];
};

struct counters_list {
	struct counters *list;
	size_t count;
};

/* 0 or a negative errno value, -EPROTO: not such a file. End it in either case. */
int counters_read(const char *path, struct counters_list *counters);
void counters_end(struct counters_list *counters);

/* All filesystems together. */
void counters_sum(const struct counters_list *counters, uint64_t sum[COUNTERS]);

#endif
