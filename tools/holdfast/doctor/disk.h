/* SPDX-License-Identifier: GPL-2.0 */
/* The block device under a filesystem. */
#ifndef HOLDFAST_DOCTOR_DISK_H
#define HOLDFAST_DOCTOR_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sysfs.h"

/**
 * struct disk - what sysfs says of a block device
 * @name: "pmem0", "pmem0p1", "dm-3"
 * @dax: it can be mapped, by its own word
 * @partition: it is one
 * @start: where on the whole device it begins, in bytes
 */
struct disk {
	char name[ATTR_ROOM];
	bool dax;
	bool partition;
	uint64_t start;
};

/* False: sysfs does not know it. */
bool disk_read(struct disk *disk, dev_t dev);

#endif
