// SPDX-License-Identifier: GPL-2.0
/* Which file a path leads to: see place.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* The device of a mount that we can see. */
static bool device_of(unsigned long long mount, struct statx *stx)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	unsigned int major, minor;
	unsigned long long id;
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (file && !found && getline(&line, &room, file) > 0) {
		found = sscanf(line, "%llu %*u %u:%u", &id, &major, &minor) ==
				3 &&
			id == mount;
		if (found) {
			stx->stx_dev_major = major;
			stx->stx_dev_minor = minor;
		}
	}
	free(line);
	if (file)
		fclose(file);
	return found;
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
	if (!describe(fd, &mount, &ino) || !device_of(mount, stx))
		return false;
	stx->stx_mask = STATX_TYPE | STATX_INO | STATX_MNT_ID;
	stx->stx_mnt_id = mount;
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
