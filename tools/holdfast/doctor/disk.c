// SPDX-License-Identifier: GPL-2.0
/* Block devices, see disk.h. */
#include <string.h>
#include <sys/sysmacros.h>

#include "disk.h"

#define BLOCK "/sys/dev/block/%u:%u"

bool disk_read(struct disk *disk, dev_t dev)
{
	unsigned int a = major(dev), b = minor(dev);
	uint64_t dax = 0, number;

	memset(disk, 0, sizeof(*disk));
	if (!link_name(disk->name, BLOCK, a, b))
		return false;
	disk->partition = attr_number(&number, BLOCK "/partition", a, b);
	if (disk->partition && attr_number(&disk->start, BLOCK "/start", a, b))
		disk->start *= 512;
	/* A partition has no queue of its own. */
	if (disk->partition)
		attr_number(&dax, BLOCK "/../queue/dax", a, b);
	else
		attr_number(&dax, BLOCK "/queue/dax", a, b);
	disk->dax = dax;
	return true;
}
