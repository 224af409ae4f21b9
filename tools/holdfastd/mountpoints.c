// SPDX-License-Identifier: GPL-2.0
/* See mountpoints.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mountpoints.h"

struct mountpoint {
	unsigned int major, minor;
	char *path;
};

static int octal(const char *at)
{
	for (int i = 1; i < 4; i++)
		if (at[i] < '0' || at[i] > '7')
			return -1;
	return (at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0');
}

/* "\040" is a space. In place. */
static void unescape(char *path)
{
	char *to = path;

	while (*path) {
		int byte = *path == '\\' ? octal(path) : -1;

		*to++ = byte < 0 ? *path : (char)byte;
		path += byte < 0 ? 1 : 4;
	}
	*to = '\0';
}

static int add(struct mountpoints *mountpoints, unsigned int major,
	       unsigned int minor, const char *path)
{
	struct mountpoint *list = reallocarray(
		mountpoints->list, mountpoints->count + 1, sizeof(*list));
	char *copy = strdup(path);

	if (list)
		mountpoints->list = list;
	if (!list || !copy) {
		free(copy);
		return -ENOMEM;
	}
	unescape(copy);
	list[mountpoints->count++] = (struct mountpoint){ .major = major,
							  .minor = minor,
							  .path = copy };
	return 0;
}

/* "36 35 98:0 /root /mnt/point options ... - xfs /dev/pmem0 ..." */
static int add_line(struct mountpoints *mountpoints, char *line)
{
	unsigned int major, minor;
	int end = 0;
	char *path;

	if (sscanf(line, "%*u %*u %u:%u %*s %n", &major, &minor, &end) != 2 ||
	    !end)
		return 0;
	path = line + end;
	path[strcspn(path, " \n")] = '\0';
	return add(mountpoints, major, minor, path);
}

int mountpoints_read(struct mountpoints *mountpoints)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;
	int ret = 0;

	*mountpoints = (struct mountpoints){ 0 };
	if (!file)
		return -errno;
	while (!ret && getline(&line, &room, file) > 0)
		ret = add_line(mountpoints, line);
	free(line);
	fclose(file);
	return ret;
}

void mountpoints_end(struct mountpoints *mountpoints)
{
	for (size_t i = 0; i < mountpoints->count; i++)
		free(mountpoints->list[i].path);
	free(mountpoints->list);
	*mountpoints = (struct mountpoints){ 0 };
}

const char *mountpoints_find(const struct mountpoints *mountpoints,
			     unsigned int major, unsigned int minor)
{
	for (size_t i = 0; i < mountpoints->count; i++)
		if (mountpoints->list[i].major == major &&
		    mountpoints->list[i].minor == minor)
			return mountpoints->list[i].path;
	return NULL;
}
