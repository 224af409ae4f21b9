/* SPDX-License-Identifier: GPL-2.0 */
/* Mounted filesystems, by UUID. */
#ifndef HOLDFAST_MOUNTS_H
#define HOLDFAST_MOUNTS_H

/*
 * Where the filesystem with this UUID (as text, in lower case) is mounted: the
 * first place that can be opened. Malloced; NULL: nowhere that we can see.
 */
char *mount_of(const char *uuid);

#endif
