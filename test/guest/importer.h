/* SPDX-License-Identifier: GPL-2.0 */
/* The importer of test/kmod, for tests of dma-bufs. */
#ifndef HOLDFAST_TEST_IMPORTER_H
#define HOLDFAST_TEST_IMPORTER_H

#include <sys/syscall.h>

#include "../kmod/hf_importer.h"
#include "parameter.h"
#include "test-module.h"

static inline void importer_load(void)
{
	parameter_set("dmabuf_export", 1);
	test_module_load("hf_importer");
}

static inline void importer_unload(void)
{
	parameter_set("dmabuf_export", 0);
	/* Some process may still be closing it. */
	for (int i = 0; syscall(SYS_delete_module, "hf_importer", O_NONBLOCK);
	     i++) {
		if (errno != EAGAIN || i == 100)
			tap_bail("hf_importer does not go: %s",
				 strerror(errno));
		usleep(SOON * 10);
	}
}

static inline int importer_open(void)
{
	int fd = open(IMPORTER_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		tap_bail("%s: %s", IMPORTER_DEVICE, strerror(errno));
	return fd;
}

/* The result of a command, or its errno, negative. */
static inline int importer_do(int importer, unsigned int command)
{
	int ret = ioctl(importer, command);

	return ret < 0 ? -errno : ret;
}

static inline int importer_attach(int importer, int dmabuf, uint32_t flags)
{
	struct importer_attach attach = { .fd = dmabuf, .flags = flags };

	return ioctl(importer, IMPORTER_ATTACH, &attach) ? -errno : 0;
}

static inline int importer_fill(int importer, uint64_t offset, uint64_t length,
				uint32_t byte)
{
	struct importer_fill fill = { .offset = offset,
				      .length = length,
				      .byte = byte };

	return ioctl(importer, IMPORTER_FILL, &fill) ? -errno : 0;
}

static inline int dmabuf_make(int lease, uint64_t offset, uint64_t length)
{
	int dmabuf = hf_export_dmabuf(lease, offset, length);

	if (dmabuf < 0)
		tap_bail("export: %s", hf_error());
	return dmabuf;
}

/* An importer that has a dma-buf mapped. */
static inline int importer_make(int dmabuf, uint32_t flags)
{
	int importer = importer_open();

	if (importer_attach(importer, dmabuf, flags) ||
	    importer_do(importer, IMPORTER_MAP))
		tap_bail("import: %s", strerror(errno));
	return importer;
}

/* Whether the file has @length times @byte at @offset. */
static inline bool file_has(int fd, uint64_t offset, size_t length,
			    unsigned char byte)
{
	unsigned char *buf = malloc(length);
	size_t i = 0;

	if (!buf || pread(fd, buf, length, offset) != (ssize_t)length)
		tap_bail("read: %s", strerror(errno));
	while (i < length && buf[i] == byte)
		i++;
	free(buf);
	return i == length;
}

#endif
