// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "blocks.h"
#include "frames.h"

#define DEVICE	    "/sys/block/pmem0/device/resource"
#define EXTENTS	    256
#define MAP_PRESENT (1ULL << 63)
#define MAP_FRAME   ((1ULL << 55) - 1)

static uint64_t device_start;
static int pagemap;

void blocks_init(void)
{
	FILE *file = fopen(DEVICE, "re");
	unsigned long long start;

	if (!file || fscanf(file, "%llx", &start) != 1)
		err(1, DEVICE);
	fclose(file);
	device_start = start;
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		err(1, "pagemap");
}

unsigned int blocks_of_file(int fd, uint32_t first, uint32_t count,
			    uint64_t *block)
{
	const uint64_t end = (first + count) * PAGE;
	struct {
		struct fiemap head;
		struct fiemap_extent extents[EXTENTS];
	} map;
	uint64_t at = first * PAGE;
	unsigned int shared = 0;

	for (uint32_t i = 0; i < count; i++)
		block[i] = NOWHERE;
	while (at < end) {
		map.head = (struct fiemap){ .fm_start = at,
					    .fm_length = end - at,
					    .fm_extent_count = EXTENTS };
		if (ioctl(fd, FS_IOC_FIEMAP, &map))
			err(1, "fiemap");
		if (!map.head.fm_mapped_extents)
			break;
		for (uint32_t i = 0; i < map.head.fm_mapped_extents; i++) {
			const struct fiemap_extent *extent = &map.extents[i];
			uint64_t last = extent->fe_logical + extent->fe_length;

			if (at < extent->fe_logical)
				at = extent->fe_logical;
			for (; at < last && at < end; at += PAGE) {
				block[at / PAGE - first] = extent->fe_physical +
							   at -
							   extent->fe_logical;
				if (extent->fe_flags & FIEMAP_EXTENT_SHARED)
					shared++;
			}
		}
	}
	return shared;
}

unsigned int blocks_of_map(const char *map, uint32_t count, uint64_t *block)
{
	ssize_t length = count * sizeof(*block);
	unsigned int unseen = 0;

	if (pread(pagemap, block, length,
		  (uintptr_t)map / PAGE * sizeof(*block)) != length)
		err(1, "pagemap");
	for (uint32_t i = 0; i < count; i++) {
		if (block[i] & MAP_PRESENT) {
			block[i] = (block[i] & MAP_FRAME) * PAGE - device_start;
		} else {
			block[i] = NOWHERE;
			unseen++;
		}
	}
	return unseen;
}
