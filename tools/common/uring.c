// SPDX-License-Identifier: GPL-2.0
/* Fixed buffers of an io_uring, see uring.h. */
#include <errno.h>
#include <inttypes.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "uring.h"

#define TRIES	 50
#define RETRY_MS 10

struct buffer {
	unsigned int index;
	uint64_t addr;
	uint64_t length;
};

/*
 * "    0: 0x7f0000000000/65536", behind the line with their number. Names of
 * registered files come before that, and up to 6.1 as they are: whatever stands
 * there, the last line of that kind is the kernel's.
 */
static int read_buffers(FILE *file, struct buffer **to)
{
	struct buffer *buffers = NULL;
	unsigned int count = 0, want = 0;
	bool found = false;
	char line[256];

	while (fgets(line, sizeof(line), file)) {
		struct buffer buffer, *list;
		int none = 0;

		if (sscanf(line, "UserBufs: %u", &want) == 1) {
			found = true;
			count = 0;
		} else if (count == want) {
			continue;
		} else if (sscanf(line, "%u: %" SCNx64 "/%" SCNu64,
				  &buffer.index, &buffer.addr,
				  &buffer.length) == 3) {
			list = reallocarray(buffers, count + 1, sizeof(*list));
			if (!list) {
				free(buffers);
				return -ENOMEM;
			}
			buffers = list;
			buffers[count++] = buffer;
		} else if (sscanf(line, "%*u: <none>%n", &none) == 0 && none) {
			want--;
		}
	}
	/* A task in the ring has its lock, and the kernel does not wait. */
	if (!found || count < want) {
		free(buffers);
		return -EBUSY;
	}
	*to = buffers;
	return count;
}

static int get_buffers(const struct process *process, int fd,
		       struct buffer **to)
{
	const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000 };
	int ret = -EBUSY;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", process->pid, fd);
	for (int i = 0; i < TRIES && ret == -EBUSY; i++) {
		FILE *file;

		if (i)
			nanosleep(&pause, NULL);
		file = fopen(path, "re");
		if (!file)
			return -errno;
		ret = read_buffers(file, to);
		fclose(file);
	}
	return ret;
}

int uring_each_buffer(const struct process *process, int fd,
		      int (*look)(unsigned int index, uint64_t addr,
				  uint64_t length, void *arg),
		      void *arg)
{
	struct buffer *buffers;
	int count = get_buffers(process, fd, &buffers);
	int ret = 0;

	if (count < 0)
		return count;
	for (int i = 0; i < count && !ret; i++)
		ret = look(buffers[i].index, buffers[i].addr, buffers[i].length,
			   arg);
	free(buffers);
	return ret;
}

int uring_empty(int ring, unsigned int index)
{
	struct iovec nothing = { 0 };
	struct io_uring_rsrc_update2 update = {
		.offset = index,
		.data = (uintptr_t)&nothing,
		.nr = 1,
	};
	int ret = syscall(SYS_io_uring_register, ring,
			  IORING_REGISTER_BUFFERS_UPDATE, &update,
			  sizeof(update));

	return ret < 0 ? -errno : 0;
}
