// SPDX-License-Identifier: GPL-2.0
/*
 * VFIO from outside, see vfio.h. A container does not tell what is mapped in it;
 * hf_vfio_map(3) leaves a label with that in the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "vfio.h"

#define MISC_MAJOR 10
#define VFIO_MINOR 196 /* /dev/vfio/vfio, on all kernels */

int vfio_label_read(const struct process *process, int fd,
		    struct hf_vfio_label *label)
{
	int own = process_borrow(process, fd);
	int ret = -EINVAL;

	if (own < 0)
		return own;
	/* Only files in memory have seals; a read of other files may wait. */
	if (fcntl(own, F_GET_SEALS) >= 0 &&
	    pread(own, label, sizeof(*label), 0) == sizeof(*label) &&
	    label->magic == HF_VFIO_LABEL_MAGIC && !label->zero)
		ret = 0;
	close(own);
	return ret;
}

int vfio_container_borrow(const struct process *process,
			  const struct hf_vfio_label *label)
{
	int own = process_borrow(process, label->container);
	struct stat st;

	if (own < 0)
		return own;
	/* The number may be any descriptor's. */
	if (!fstat(own, &st) && S_ISCHR(st.st_mode) &&
	    st.st_rdev == makedev(MISC_MAJOR, VFIO_MINOR))
		return own;
	close(own);
	return -ENOTTY;
}

int64_t vfio_unmap(const struct process *process,
		   const struct hf_vfio_label *label)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = label->iova,
		.size = label->length,
	};
	int own = vfio_container_borrow(process, label);
	int64_t ret;

	/* Any other file might do anything with the request. */
	if (own < 0)
		return own;
	ret = ioctl(own, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno
						       : (int64_t)unmap.size;
	close(own);
	return ret;
}
