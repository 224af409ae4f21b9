// SPDX-License-Identifier: GPL-2.0
/* Which file a path leads to: see place.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mountinfo.h"
#include "place.h"

/* The number after "NAME:" in a file of lines; false: there is none. */
static bool number_in(const char *path, const char *name,
		      unsigned long long *number)
{
	FILE *file = fopen(path, "re");
	size_t length = strlen(name), room = 0;
	char *line = NULL;
	bool found = false;

	while (file && !found && getline(&line, &room, file) > 0)
		found = !strncmp(line, name, length) && line[length] == ':' &&
			sscanf(line + length + 1, "%llu", number) == 1;
	free(line);
	if (file)
		fclose(file);
	return found;
}

/* What proc(5) knows of a descriptor. */
static bool describe(int fd, unsigned long long *mount, unsigned long long *ino)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return number_in(path, "mnt_id", mount) && number_in(path, "ino", ino);
}

/* Looks for the device of the mount @stx->stx_mnt_id. */
static bool take_device(struct libmnt_fs *fs, void *arg)
{
	struct statx *stx = arg;

	if ((uint64_t)mnt_fs_get_id(fs) != stx->stx_mnt_id)
		return true;
	stx->stx_dev_major = major(mnt_fs_get_devno(fs));
	stx->stx_dev_minor = minor(mnt_fs_get_devno(fs));
	stx->stx_mask |= STATX_MNT_ID;
	return false;
}

/* A directory whose ".." is on another mount is a mount point. */
static void describe_directory(int fd, struct statx *stx)
{
	int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned long long mount, ino;

	stx->stx_mode = up < 0 ? S_IFREG : S_IFDIR;
	if (up < 0)
		return;
	if (describe(up, &mount, &ino) && mount != stx->stx_mnt_id)
		stx->stx_attributes |= STATX_ATTR_MOUNT_ROOT;
	close(up);
}

static bool describe_place(int fd, struct statx *stx)
{
	unsigned long long mount, ino;

	memset(stx, 0, sizeof(*stx));
	if (!describe(fd, &mount, &ino))
		return false;
	stx->stx_mnt_id = mount;
	if (each_mount(take_device, stx) || !(stx->stx_mask & STATX_MNT_ID))
		return false;
	stx->stx_mask |= STATX_TYPE | STATX_INO;
	stx->stx_ino = ino;
	describe_directory(fd, stx);
	return true;
}

int place_of(const char *path, int flags, unsigned int mask, struct statx *stx)
{
	bool found;
	int fd;

	if (!statx(AT_FDCWD, path, flags, mask, stx))
		return 0;
	if (errno != EIO)
		return -1;
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -1;
	found = describe_place(fd, stx);
	close(fd);
	errno = EIO;
	return found ? 0 : -1;
}
