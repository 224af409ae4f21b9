/* SPDX-License-Identifier: GPL-2.0 */
/* Dma-bufs of leases, as other processes have them open. */
#ifndef HOLDFAST_TOOL_DMABUF_H
#define HOLDFAST_TOOL_DMABUF_H

#include <stdint.h>
#include <stdio.h>

#include "process.h"

#define DMABUF_BUFINFO "/sys/kernel/debug/dma_buf/bufinfo"

/**
 * struct dmabuf - what its fdinfo tells
 * @lease: the number of the lease that it is of, as hf_export_dmabuf(3) noted
 * @size: bytes
 * @inode: tells it from all others
 */
struct dmabuf {
	uint64_t lease;
	uint64_t size;
	uint64_t inode;
};

/*
 * Reads that of descriptor @fd of @process. 0 or a negative errno value: -EINVAL,
 * it is none of a lease, or of one that is not known.
 */
int dmabuf_read(const struct process *process, int fd, struct dmabuf *to);

/*
 * Where @file, DMABUF_BUFINFO, lists the devices that are attached to the dma-buf
 * with number @inode: their names in @room, with spaces, as far as they have
 * place there. Returns how many.
 */
#define DMABUF_DEVICES_ROOM 96
int dmabuf_devices(char room[DMABUF_DEVICES_ROOM], FILE *file, uint64_t inode);

#endif
