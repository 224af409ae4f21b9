/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VFIO as far as tests need it: a type1 container with QEMU's edu device in it
 * (lab/guest --iommu), whose DMA engine copies to or from a 4096-byte
 * buffer of its own: less than that, QEMU 7.2 ends itself when it is used whole.
 */
#ifndef HOLDFAST_TEST_VFIO_H
#define HOLDFAST_TEST_VFIO_H

#include <endian.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include "common.h"

/* Addresses of the device have 28 bits. */
#define IOVA 0x1000000ULL

#define EDU_DMA_SRC    0x80
#define EDU_DMA_DST    0x88
#define EDU_DMA_COUNT  0x90
#define EDU_DMA_CMD    0x98
#define EDU_DMA_RUN    0x1
#define EDU_FROM_EDU   0x2 /* to memory, not from it */
#define EDU_BUFFER     0x40000ULL
#define EDU_BUFFER_LEN 2048

struct vfio {
	int container, group, device;
	volatile char *bar;
};

static inline const char *vfio_device(void)
{
	const char *name = getenv("HOLDFAST_LAB_EDU");

	return name && *name ? name : NULL;
}

static inline struct vfio vfio_open(void)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	struct vfio_region_info bar = { .argsz = sizeof(bar) };
	struct vfio_region_info config = {
		.argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	const char *name = vfio_device();
	char path[128], link[128], group[64];
	uint16_t command = htole16(0x6); /* memory, bus master */
	struct vfio vfio;
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group",
		 name);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		tap_bail("%s: %s", path, strerror(errno));
	link[length] = '\0';
	snprintf(group, sizeof(group), "/dev/vfio%.32s", strrchr(link, '/'));

	vfio.container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	vfio.group = open(group, O_RDWR | O_CLOEXEC);
	if (vfio.container < 0 || vfio.group < 0 ||
	    ioctl(vfio.group, VFIO_GROUP_GET_STATUS, &status) ||
	    !(status.flags & VFIO_GROUP_FLAGS_VIABLE) ||
	    ioctl(vfio.group, VFIO_GROUP_SET_CONTAINER, &vfio.container) ||
	    ioctl(vfio.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		tap_bail("%s: %s", group, strerror(errno));
	vfio.device = ioctl(vfio.group, VFIO_GROUP_GET_DEVICE_FD, name);
	if (vfio.device < 0 ||
	    ioctl(vfio.device, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    ioctl(vfio.device, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pwrite(vfio.device, &command, 2, config.offset + 4) != 2)
		tap_bail("%s: %s", name, strerror(errno));
	vfio.bar = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			vfio.device, bar.offset);
	if (vfio.bar == MAP_FAILED)
		tap_bail("%s: registers: %s", name, strerror(errno));
	return vfio;
}

static inline void vfio_close(struct vfio *vfio)
{
	munmap((void *)vfio->bar, MIB);
	close(vfio->device);
	close(vfio->group);
	close(vfio->container);
}

static inline int vfio_map(const struct vfio *vfio, const void *addr,
			   size_t length, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)addr,
		.iova = iova,
		.size = length,
	};

	return ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

/* How many bytes, or -errno. */
static inline int64_t vfio_unmap(const struct vfio *vfio, size_t length,
				 uint64_t iova)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = length,
	};

	return ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &unmap)
		       ? -errno
		       : (int64_t)unmap.size;
}

static inline void edu_set(const struct vfio *vfio, unsigned int reg,
			   uint64_t value)
{
	*(volatile uint64_t *)(vfio->bar + reg) = value;
}

static inline uint64_t edu_get(const struct vfio *vfio, unsigned int reg)
{
	return *(volatile uint64_t *)(vfio->bar + reg);
}

/* Begins a copy; the device takes about 100 ms for each. */
static inline void edu_begin(const struct vfio *vfio, uint64_t iova,
			     size_t length, bool to_memory)
{
	edu_set(vfio, EDU_DMA_SRC, to_memory ? EDU_BUFFER : iova);
	edu_set(vfio, EDU_DMA_DST, to_memory ? iova : EDU_BUFFER);
	edu_set(vfio, EDU_DMA_COUNT, length);
	edu_set(vfio, EDU_DMA_CMD,
		EDU_DMA_RUN | (to_memory ? EDU_FROM_EDU : 0));
}

static inline bool edu_end(const struct vfio *vfio)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;

	while (edu_get(vfio, EDU_DMA_CMD) & EDU_DMA_RUN) {
		if (now_ns() > limit)
			return false;
		usleep(1000);
	}
	return true;
}

/* The device reads from, or writes to, memory. */
static inline bool edu_copy(const struct vfio *vfio, uint64_t iova,
			    size_t length, bool to_memory)
{
	edu_begin(vfio, iova, length, to_memory);
	return edu_end(vfio);
}

#endif
