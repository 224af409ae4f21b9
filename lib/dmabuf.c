// SPDX-License-Identifier: LGPL-2.1-or-later
/* A lease as a dma-buf. */
#include <errno.h>
#include <sys/ioctl.h>

#include "error.h"
#include "visibility.h"

HF_EXPORT int hf_export_dmabuf(int lease, off_t offset, size_t length)
{
	struct holdfast_export_dmabuf export = {
		.size = sizeof(export),
		.offset = offset,
		.length = length,
	};
	int dmabuf = ioctl(lease, HOLDFAST_IOC_EXPORT_DMABUF, &export);

	if (dmabuf < 0) {
		struct hf_facts facts = {
			.call = HF_CALL_EXPORT_DMABUF,
			.err = errno,
			.fd = lease,
			.offset = offset,
			.length = length,
		};

		return hf_fail(&facts);
	}
	return dmabuf;
}
