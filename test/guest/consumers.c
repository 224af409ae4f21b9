// SPDX-License-Identifier: GPL-2.0
/*
 * "holdfast ls --consumers" of what the kernel does not tell: a lease in a VFIO
 * container, where hf_vfio_map() has left a label, and a dma-buf of a lease that
 * a device has imported. What is not certain is not said.
 */
#define _GNU_SOURCE
#include <sys/mount.h>

#include "../../lib/vfio-label.h"
#include "importer.h"
#include "vfio.h"

#define PATH	PMEM "consumers"
#define LENGTH	(4 * MIB)
#define DEBUGFS "/sys/kernel/debug"

static char said[8192];

/* Columns are as wide as what is in them. */
static void squeeze(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if (from[0] != ' ' || from[1] != ' ')
			*to++ = *from;
	*to = '\0';
}

/* What is said of this process's lease; @option is "" or "--json". */
static const char *consumers(const char *option)
{
	char command[64];
	size_t n;
	FILE *out;

	snprintf(command, sizeof(command), "holdfast ls --consumers %s 2>&1",
		 option);
	out = popen(command, "re");
	if (!out)
		tap_bail("%s: %s", command, strerror(errno));
	n = fread(said, 1, sizeof(said) - 1, out);
	said[n] = '\0';
	if (pclose(out))
		tap_bail("%s: %s", command, said);
	squeeze(said);
	return said;
}

static bool says(const char *option, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static bool says(const char *option, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (strstr(consumers(option), text))
		return true;
	tap_diag("no \"%s\" in:\n%s", text, said);
	return false;
}

static void test_vfio(int lease)
{
	struct vfio vfio = vfio_open();
	struct hf_vfio *mapping;
	struct hf_vfio_label lie = {
		.magic = HF_VFIO_LABEL_MAGIC,
		.lease = lease_query(lease).id,
		.iova = IOVA,
		.length = LENGTH,
		.container = lease,
	};
	int memfd;

	if (hf_vfio_map(vfio.container, IOVA, lease, MIB, 2 * MIB, NULL,
			&mapping))
		tap_bail("hf_vfio_map: %s", hf_error());
	tap_ok(says("", " vfio %d consumers 0x%llx 2M descriptor %d; ",
		    getpid(), IOVA, vfio.container),
	       "VFIO: process, address for the device, size, container");
	tap_ok(says("--json", "\"kind\": \"vfio\""), "VFIO: as JSON");
	tap_ok(strstr(said, "\"size\": 2097152"), "VFIO: with its bytes");
	tap_ok(strstr(said, "\"address\": \"0x1000000\""),
	       "VFIO: and its address");
	tap_is(hf_vfio_unmap(mapping), 0, "VFIO: unmap");
	tap_is(*consumers(""), '\0', "VFIO: then there is none");

	if (vfio_map(&vfio, lease_map(lease, 0, MIB), MIB, IOVA))
		tap_bail("VFIO_IOMMU_MAP_DMA");
	tap_ok(says("", "descriptor %d; the kernel does not tell",
		    vfio.container),
	       "VFIO: without a label, as much as is known");
	memfd = memfd_create(HF_VFIO_LABEL, MFD_CLOEXEC);
	if (write(memfd, &lie, sizeof(lie)) != sizeof(lie))
		tap_bail("memfd: %s", strerror(errno));
	tap_ok(says("", "descriptor %d; the kernel does not tell",
		    vfio.container) &&
		       !strstr(said, "the device's"),
	       "VFIO: a label of what is no container is not believed");
	close(memfd);
	vfio_close(&vfio);
}

static void test_dmabuf(int lease)
{
	int dmabuf = dmabuf_make(lease, MIB, 2 * MIB);
	int unused = dmabuf_make(lease, 0, MIB);
	int importer = importer_make(dmabuf, 0);

	tap_ok(says("",
		    " dma-buf %d consumers - 2M descriptor %d, attached: "
		    "hf_importer",
		    getpid(), dmabuf),
	       "dma-buf: process, size, descriptor, device");
	tap_ok(says("--json", "\"kind\": \"dma-buf\""), "dma-buf: as JSON");
	tap_ok(!strstr(said, "unknown"), "dma-buf: nothing is unknown");
	tap_ok(!strstr(said, "\"size\": 1048576"),
	       "dma-buf: one that no device has is no consumer");
	close(unused);

	/* Where debugfs is kept from root, or not mounted. */
	if (umount(DEBUGFS))
		tap_bail(DEBUGFS ": %s", strerror(errno));
	tap_ok(says("", " dma-buf %d consumers - 2M descriptor %d; debugfs ",
		    getpid(), dmabuf),
	       "dma-buf: without debugfs, as much as is known");
	if (mount("debugfs", DEBUGFS, "debugfs", 0, NULL))
		tap_bail(DEBUGFS ": %s", strerror(errno));

	close(dmabuf);
	tap_ok(says("", " unknown %d ", getpid()),
	       "dma-buf: unknown, where no process has it open");
	close(importer);
	tap_is(*consumers(""), '\0', "dma-buf: then there is none");
}

int main(void)
{
	int fd = file_make(PATH, LENGTH);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);

	if (vfio_device())
		test_vfio(lease);
	else
		tap_skip("VFIO: no device: lab/guest --iommu has one");
	importer_load();
	test_dmabuf(lease);
	close(lease);
	close(fd);
	importer_unload();
	unlink(PATH);
	return tap_done();
}
