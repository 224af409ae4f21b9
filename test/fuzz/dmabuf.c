// SPDX-License-Identifier: GPL-2.0
/*
 * The fdinfo of a dma-buf and debugfs' list of all of them, read by "holdfast ls
 * --consumers": names of others' dma-bufs are in both.
 */
#include <errno.h>
#include <unistd.h>

#include "dmabuf.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct process process = { .pid = getpid(), .pidfd = -1 };
	char devices[DMABUF_DEVICES_ROOM];
	struct dmabuf dmabuf;
	FILE *file;
	int ret;

	file_give(data, size);
	ret = dmabuf_read(&process, STDERR_FILENO, &dmabuf);
	must(ret == 0 || ret == -EINVAL);
	must(ret || memmem(data, size, "exp_name:\tholdfast\n", 19));
	file = fopen(DMABUF_BUFINFO, "re");
	must(file);
	ret = dmabuf_devices(devices, file, 7);
	fclose(file);
	file_given = false;
	must(ret >= 0 && (size_t)ret <= size);
	must(strlen(devices) < sizeof(devices) && (ret || !devices[0]));
	return 0;
}
