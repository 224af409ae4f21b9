/* SPDX-License-Identifier: GPL-2.0 */
/* Where filesystems are mounted, by device. */
#ifndef HOLDFAST_MOUNTPOINTS_H
#define HOLDFAST_MOUNTPOINTS_H

#include <stddef.h>

struct mountpoint;

struct mountpoints {
	struct mountpoint *list;
	size_t count;
};

/* From /proc/self/mountinfo. 0 or a negative errno value; end it in either case. */
int mountpoints_read(struct mountpoints *mountpoints);
void mountpoints_end(struct mountpoints *mountpoints);

/* The first place of a filesystem, or NULL. */
const char *mountpoints_find(const struct mountpoints *mountpoints,
			     unsigned int major, unsigned int minor);

#endif
