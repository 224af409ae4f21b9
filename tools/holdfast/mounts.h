/* SPDX-License-Identifier: GPL-2.0 */
/* Mounted filesystems, by UUID. */
#ifndef HOLDFAST_MOUNTS_H
#define HOLDFAST_MOUNTS_H

#include <stdbool.h>

#define UUID_SIZE 16
#define UUID_ROOM 37 /* for uuid_text() */

/* The UUID of the filesystem of an open file; false: neither XFS nor ext4. */
bool uuid_of(int fd, unsigned char uuid[UUID_SIZE]);

/* "4b0e6f1c-6a3e-4f0a-9d7f-1f3f4f0c8a52", in lower case. */
void uuid_text(char room[UUID_ROOM], const unsigned char uuid[UUID_SIZE]);

/* The same in any case; false when it is not one, or is all zero. */
bool uuid_parse(const char *text, unsigned char uuid[UUID_SIZE]);

/*
 * Where the filesystem with this UUID (as text, in lower case) is mounted: the
 * first place that can be opened. Malloced; NULL: nowhere that we can see.
 */
char *mount_of(const char *uuid);

#endif
