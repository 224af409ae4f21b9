// SPDX-License-Identifier: MIT
/*
 * 06-vfio [-r] FILE DEVICE: a driver in user space for QEMU's edu device, at PCI
 * address DEVICE, bound to vfio-pci. The device's DMA engine copies the first half
 * of FILE, on a DAX filesystem, over its second half, and goes round for ever.
 * When a change wants the file the device is told off, and takes its place again
 * when the change is over, at the same address. With -r it never stops: in the meantime
 * it works on a copy.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <holdfast.h>
#include <libgen.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define IOVA	  0x1000000UL /* the device's addresses have 28 bits */
#define BUFFER	  0x40000UL   /* its own memory */
#define BLOCK	  2048	      /* half of it: see test/guest/lib/vfio.h */
#define LARGEST	  (64UL << 20)
#define DMA_SRC	  0x80
#define DMA_DST	  0x88
#define DMA_COUNT 0x90
#define DMA_CMD	  0x98

struct device {
	int container, group, fd;
	volatile char *registers;
};

/* As the kernel's Documentation/driver-api/vfio.rst has it. */
static struct device device_open(const char *name)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX
	};
	struct vfio_region_info bar = { .argsz = sizeof(bar) };
	char path[PATH_MAX], target[PATH_MAX] = "";
	const uint16_t bus_master = 0x6;
	struct device device;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group",
		 name);
	if (readlink(path, target, sizeof(target) - 1) < 0)
		err(1, "%s", path);
	snprintf(path, sizeof(path), "/dev/vfio/%s", basename(target));

	device.container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	device.group = open(path, O_RDWR | O_CLOEXEC);
	if (device.container < 0 || device.group < 0 ||
	    ioctl(device.group, VFIO_GROUP_SET_CONTAINER, &device.container) ||
	    ioctl(device.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		err(1, "%s", path);
	device.fd = ioctl(device.group, VFIO_GROUP_GET_DEVICE_FD, name);
	if (device.fd < 0 ||
	    ioctl(device.fd, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    ioctl(device.fd, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pwrite(device.fd, &bus_master, 2, config.offset + 4) != 2)
		err(1, "%s", name);
	device.registers = mmap(NULL, bar.size, PROT_READ | PROT_WRITE,
				MAP_SHARED, device.fd, bar.offset);
	if (device.registers == MAP_FAILED)
		err(1, "%s", name);
	return device;
}

static volatile uint64_t *reg(const struct device *device, unsigned int at)
{
	return (volatile uint64_t *)(device->registers + at);
}

/* One piece of DMA, waited for. @to_memory: 2, or 0 */
static void device_move(const struct device *device, uint64_t from, uint64_t to,
			unsigned int to_memory)
{
	*reg(device, DMA_SRC) = from;
	*reg(device, DMA_DST) = to;
	*reg(device, DMA_COUNT) = BLOCK;
	*reg(device, DMA_CMD) = 1 | to_memory;
	while (*reg(device, DMA_CMD) & 1)
		usleep(1000);
}

/* The device is at rest: nothing of its is under way. */
static void answer(struct hf_vfio *mapping, const struct holdfast_event *event,
		   const struct device *device, uint64_t half)
{
	struct hf_vfio_info info;
	int ret;

	printf("%s by %s\n", hf_op_name(event->op), event->comm);
	if (hf_vfio_break(mapping))
		errx(1, "%s", hf_error());
	hf_vfio_query(mapping, &info);
	if (info.shadow) { /* it would not notice */
		device_move(device, IOVA, BUFFER, 0);
		device_move(device, BUFFER, IOVA + half, 2);
	}
	while ((ret = hf_vfio_restore(mapping)) == -EAGAIN)
		;
	if (ret)
		errx(1, "%s", hf_error());
	hf_vfio_query(mapping, &info);
	printf("mapped again: %lu bytes", info.length);
	if (info.shadow)
		printf("; %lu bytes are in the shadow only; at most %lu us without memory",
		       info.written, info.gap_ns / 1000);
	printf("\n");
}

int main(int argc, char **argv)
{
	struct hf_vfio_attr attr = { 0 };
	struct holdfast_event event;
	struct hf_vfio *mapping;
	struct hf_vfio_info info;
	struct device device;
	struct stat st;
	uint64_t half, at = 0;
	int file, lease;

	setlinebuf(stdout);
	if (argc == 4 && !strcmp(argv[1], "-r"))
		attr.policy = HF_VFIO_REDIRECT;
	else if (argc != 3)
		errx(2, "usage: 06-vfio [-r] FILE DEVICE");
	file = open(argv[argc - 2], O_RDWR);
	if (file < 0 || fstat(file, &st))
		err(1, "%s", argv[argc - 2]);
	half = st.st_size / 8192 * 4096;
	if (!half || half * 2 > LARGEST)
		errx(1, "%s: from 8 KiB to 64 MiB will do", argv[argc - 2]);

	device = device_open(argv[argc - 1]);
	lease = hf_acquire(file, 0, half * 2, NULL);
	if (lease < 0 || hf_vfio_map(device.container, IOVA, lease, file, 0,
				     half * 2, &attr, &mapping))
		errx(1, "%s", hf_error());
	printf("mapped: the device works on the file\n");

	for (;; at = (at + BLOCK) % half) {
		/* Behind the end of a file that became shorter is nothing. */
		hf_vfio_query(mapping, &info);
		if (info.length >= half + at + BLOCK) {
			device_move(&device, IOVA + at, BUFFER, 0);
			device_move(&device, BUFFER, IOVA + half + at, 2);
		}
		if (!hf_wait(lease, &event, 0) &&
		    event.type == HOLDFAST_EVENT_BREAK)
			answer(mapping, &event, &device, half);
	}
}
