/* SPDX-License-Identifier: GPL-2.0 */
/* Where leases are mapped: HOLDFAST_MAPPINGS. */
#ifndef HOLDFAST_MAPPINGS_H
#define HOLDFAST_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping {
	uint64_t lease;
	pid_t pid;
	uint64_t start;
	uint64_t end; /* behind the last byte */
};

struct mappings {
	struct mapping *list;
	size_t count;
};

/*
 * Reads those of one lease whose process is visible. 0, or a negative errno
 * value with *@to unchanged.
 */
int mappings_read(struct mappings *to, uint64_t lease);
void mappings_free(struct mappings *mappings);

/* Whether some byte of a range is one of the lease's in process @pid. */
bool mappings_meet(const struct mappings *mappings, pid_t pid, uint64_t start,
		   uint64_t length);

#endif
