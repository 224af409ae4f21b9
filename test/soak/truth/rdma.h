/* SPDX-License-Identifier: GPL-2.0 */
/* A queue pair connected to itself, one operation at a time. */
#ifndef SOAK_RDMA_H
#define SOAK_RDMA_H

#include <infiniband/verbs.h>
#include <stdbool.h>

#include "block.h"

struct rdma {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	struct ibv_mr *own; /* of the buffer */
	char *buffer;	    /* a block */
};

/* 0 or -errno: while the device is away there is none. */
int rdma_open(struct rdma *rdma);

struct ibv_mr *rdma_register(struct rdma *rdma, void *addr, size_t length);

/**
 * rdma_move - a block between the buffer and remote memory
 * @opcode: IBV_WR_RDMA_WRITE or IBV_WR_RDMA_READ
 *
 * Return: true when it is done; false, and the queue pair is of no use any more.
 */
bool rdma_move(struct rdma *rdma, enum ibv_wr_opcode opcode, uint64_t addr,
	       uint32_t rkey);

#endif
