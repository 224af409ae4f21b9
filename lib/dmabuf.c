// SPDX-License-Identifier: LGPL-2.1-or-later
/* A lease as a dma-buf. */
#include <errno.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dmabuf-label.h"
#include "error.h"
#include "visibility.h"

/* 0 or a negative errno value. */
static int set_label(int dmabuf, int lease)
{
	char name[DMA_BUF_NAME_LEN];
	struct holdfast_query query;
	int err = hf_query(lease, &query);

	if (err)
		return err;
	snprintf(name, sizeof(name), HF_DMABUF_LABEL "%" PRIu64,
		 (uint64_t)query.id);
	return ioctl(dmabuf, DMA_BUF_SET_NAME_B, name) ? -errno : 0;
}

HF_EXPORT int hf_export_dmabuf(int lease, off_t offset, size_t length)
{
	struct holdfast_export_dmabuf export = {
		.size = sizeof(export),
		.offset = offset,
		.length = length,
	};
	int dmabuf = ioctl(lease, HOLDFAST_IOC_EXPORT_DMABUF, &export);
	int err = dmabuf < 0 ? -errno : set_label(dmabuf, lease);

	if (err) {
		struct hf_facts facts = {
			.call = HF_CALL_EXPORT_DMABUF,
			.err = -err,
			.fd = lease,
			.offset = offset,
			.length = length,
		};

		if (dmabuf >= 0)
			close(dmabuf);
		return hf_fail(&facts);
	}
	return dmabuf;
}
