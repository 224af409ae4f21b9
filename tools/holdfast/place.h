/* SPDX-License-Identifier: GPL-2.0 */
/* Which file a path leads to, also where the filesystem does not say. */
#ifndef HOLDFAST_PLACE_H
#define HOLDFAST_PLACE_H

struct statx;

/*
 * As statx(2) of a path. On a filesystem that has shut down XFS fails that with EIO; then
 * the kernel's own knowledge gives device, inode number, mount and whether it is a
 * directory, and a mount point. Returns 0, or -1 with errno set.
 */
int place_of(const char *path, int flags, unsigned int mask, struct statx *stx);

#endif
