// SPDX-License-Identifier: GPL-2.0
/* Dma-bufs of leases, see dmabuf.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "dmabuf-label.h"
#include "dmabuf.h"

/*
 * A name is what who has the dma-buf open says, also with newlines in it, and
 * comes last. That the module has made the dma-buf only the kernel says.
 */
static int read_fdinfo(FILE *file, struct dmabuf *to)
{
	bool ours = false;
	char line[128];

	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "size: %" SCNu64, &to->size) == 1)
			continue;
		if (!strncmp(line, "name:", 5))
			return ours && sscanf(line,
					      "name: " HF_DMABUF_LABEL
					      "%" SCNu64,
					      &to->lease) == 1
				       ? 0
				       : -EINVAL;
		ours |= !strcmp(line, "exp_name:\tholdfast\n");
	}
	return -EINVAL;
}

int dmabuf_read(const struct process *process, int fd, struct dmabuf *to)
{
	struct dmabuf found = { 0 };
	struct stat st;
	char path[64];
	FILE *file;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", process->pid, fd);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	err = read_fdinfo(file, &found);
	fclose(file);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", process->pid, fd);
	if (stat(path, &st))
		return -errno;
	found.inode = st.st_ino;
	*to = found;
	return 0;
}

/*
 * "size flags mode count exp_name ino name", then fences, "\tAttached Devices:",
 * a line for each, and "Total N devices attached".
 */
int dmabuf_devices(char room[DMABUF_DEVICES_ROOM], FILE *file, uint64_t inode)
{
	bool here = false, devices = false;
	int count = 0, length = 0;
	char line[256];

	room[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		uint64_t number;
		char name[64];

		if (sscanf(line, "%*u %*x %*x %*u holdfast %" SCNu64,
			   &number) == 1) {
			here = number == inode;
			devices = false;
		} else if (!here) {
			continue;
		} else if (!strcmp(line, "\tAttached Devices:\n")) {
			devices = true;
		} else if (devices && line[0] != '\t') {
			break;
		} else if (devices && sscanf(line, "%63s", name) == 1) {
			count++;
			if (length + strlen(name) + 2 > DMABUF_DEVICES_ROOM)
				continue;
			length += snprintf(room + length,
					   DMABUF_DEVICES_ROOM - length, "%s%s",
					   length ? " " : "", name);
		}
	}
	return count;
}
