/* SPDX-License-Identifier: GPL-2.0 */
/* XFS_IOC_EXCHANGE_RANGE, as in <xfs/xfs_fs.h> from 6.10 on, which the host need not have. */
#ifndef HOLDFAST_TEST_EXCHANGE_RANGE_H
#define HOLDFAST_TEST_EXCHANGE_RANGE_H

#include <linux/types.h>
#include <sys/ioctl.h>

struct exchange_range {
	__s32 file1_fd;
	__u32 pad;
	__u64 file1_offset;
	__u64 file2_offset;
	__u64 length;
	__u64 flags;
};

/* With file 2 open as @fd: 0 or -1 and errno. */
static inline int exchange_range(int fd, struct exchange_range *range)
{
	return ioctl(fd, _IOW('X', 129, struct exchange_range), range);
}

#endif
