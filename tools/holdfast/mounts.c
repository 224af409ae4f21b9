// SPDX-License-Identifier: GPL-2.0
/*
 * Mounted filesystems, see mounts.h. Only XFS and ext4 are opened: on another
 * filesystem (NFS, FUSE) that could take for ever.
 */
#include <fcntl.h>
#include <linux/types.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mounts.h"

/* From xfs_fs.h and fs/ext4/ext4.h: the kernel exports neither. */
struct xfs_geometry {
	__u32 sizes[8];
	__u64 counts[4];
	unsigned char uuid[UUID_SIZE];
	__u32 rest[7];
};
#define XFS_GEOMETRY _IOR('X', 100, struct xfs_geometry)

struct ext4_uuid {
	__u32 size;
	__u32 flags;
	unsigned char uuid[UUID_SIZE];
};
/* The kernel's structure ends in an array without a size. */
#define EXT4_GET_UUID _IOC(_IOC_READ, 'f', 44, 2 * sizeof(__u32))

bool uuid_of(int fd, unsigned char uuid[UUID_SIZE])
{
	struct ext4_uuid ext4 = { .size = UUID_SIZE };
	struct xfs_geometry xfs;

	/* Each refuses the other's. */
	if (!ioctl(fd, XFS_GEOMETRY, &xfs)) {
		memcpy(uuid, xfs.uuid, UUID_SIZE);
		return true;
	}
	if (!ioctl(fd, EXT4_GET_UUID, &ext4)) {
		memcpy(uuid, ext4.uuid, UUID_SIZE);
		return true;
	}
	return false;
}

/* Whether a dash comes before this byte. */
static bool has_dash(int byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void uuid_text(char room[UUID_ROOM], const unsigned char uuid[UUID_SIZE])
{
	for (int i = 0; i < UUID_SIZE; i++)
		room += sprintf(room, has_dash(i) ? "-%02x" : "%02x", uuid[i]);
}

bool uuid_parse(const char *text, unsigned char uuid[UUID_SIZE])
{
	static const char digits[] = "0123456789abcdefABCDEF";
	unsigned char any = 0;

	for (int i = 0; i < UUID_SIZE; i++) {
		unsigned int byte;

		if (has_dash(i) && *text++ != '-')
			return false;
		if (strspn(text, digits) < 2 || sscanf(text, "%2x", &byte) != 1)
			return false;
		uuid[i] = byte;
		any |= byte;
		text += 2;
	}
	return !*text && any;
}

static bool is_mount_of(const struct mntent *mount, const char *wanted)
{
	unsigned char uuid[UUID_SIZE];
	char text[UUID_ROOM] = "";
	int fd;

	if (strcmp(mount->mnt_type, "xfs") && strcmp(mount->mnt_type, "ext4"))
		return false;
	fd = open(mount->mnt_dir, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (uuid_of(fd, uuid))
		uuid_text(text, uuid);
	close(fd);
	return !strcmp(text, wanted);
}

char *mount_of(const char *uuid)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *mount;
	char *path = NULL;

	if (!mounts)
		return NULL;
	while (!path && (mount = getmntent(mounts)))
		if (is_mount_of(mount, uuid))
			path = strdup(mount->mnt_dir);
	endmntent(mounts);
	return path;
}
