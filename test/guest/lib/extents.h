/* SPDX-License-Identifier: GPL-2.0 */
/* Where a file's blocks are, and which filesystem the guest has. */
#ifndef HOLDFAST_TEST_EXTENTS_H
#define HOLDFAST_TEST_EXTENTS_H

#include <linux/fiemap.h>
#include <linux/fs.h>

#include "common.h"

/* Extents are exchanged, shared and given hints on XFS only. */
static inline bool fs_is_xfs(void)
{
	const char *fs = getenv("HOLDFAST_LAB_FS");

	return fs && !strcmp(fs, "xfs");
}

/* Where on the device the block at @offset is; 0: nowhere. */
static inline uint64_t block_of(int fd, uint64_t offset)
{
	struct {
		struct fiemap head;
		struct fiemap_extent extent;
	} map = { .head = { .fm_start = offset,
			    .fm_length = 4096,
			    .fm_flags = FIEMAP_FLAG_SYNC,
			    .fm_extent_count = 1 } };

	if (ioctl(fd, FS_IOC_FIEMAP, &map))
		tap_bail("fiemap: %s", strerror(errno));
	if (!map.head.fm_mapped_extents)
		return 0;
	return map.extent.fe_physical + offset - map.extent.fe_logical;
}

/* Bytes that a file has blocks for. Takes none of the file's locks. */
static inline uint64_t bytes_of(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		tap_bail("%s: %s", path, strerror(errno));
	return st.st_blocks * 512ULL;
}

#endif
