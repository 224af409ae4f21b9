// SPDX-License-Identifier: GPL-2.0
/*
 * "holdfast ls --consumers" of what VFIO does not tell: where in a container a
 * lease is mapped. hf_vfio_map() leaves a label that says it; what is not certain
 * is not said.
 */
#define _GNU_SOURCE
#include "internal/vfio-label.h"
#include "vfio.h"

#define PATH   PMEM "consumers"
#define LENGTH (4 * MIB)

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

static void test_vfio(int fd, int lease)
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

	if (hf_vfio_map(vfio.container, IOVA, lease, fd, MIB, 2 * MIB, NULL,
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

	lie.addr = (uintptr_t)map_shared(fd, 0, MIB);
	if (vfio_map(&vfio, (void *)lie.addr, MIB, IOVA))
		tap_bail("VFIO_IOMMU_MAP_DMA");
	tap_ok(says("", " vfio %d consumers ", getpid()) &&
		       strstr(said, "1M recorded; no descriptor"),
	       "VFIO: without a label, what is recorded");
	memfd = memfd_create(HF_VFIO_LABEL, MFD_CLOEXEC);
	if (write(memfd, &lie, sizeof(lie)) != sizeof(lie))
		tap_bail("memfd: %s", strerror(errno));
	tap_ok(says("", "1M recorded; no descriptor") &&
		       !strstr(said, "the device's"),
	       "VFIO: a label of what is no container is not believed");
	close(memfd);
	vfio_close(&vfio);
}

int main(void)
{
	int fd = file_make(PATH, LENGTH);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);

	if (vfio_device())
		test_vfio(fd, lease);
	else
		tap_skip("VFIO: no device: lab/guest --iommu has one");
	close(lease);
	close(fd);
	unlink(PATH);
	return tap_done();
}
