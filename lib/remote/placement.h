/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory placement extensions of InfiniBand (specification, annex A19): RDMA FLUSH and
 * ATOMIC WRITE. The libibverbs of Debian 12 does not have them. A library that is built
 * with it can do neither: then hf_placement_of() returns 0 for all devices, and the rest
 * is not called.
 */
#ifndef HOLDFAST_REMOTE_PLACEMENT_H
#define HOLDFAST_REMOTE_PLACEMENT_H

#include <rdma/rdma_cma.h>
#include <stdint.h>

/* What a device can do, as both sides of an operation. */
#define HF_PLACEMENT_FLUSH	  1U /* RDMA FLUSH, persistently */
#define HF_PLACEMENT_ATOMIC_WRITE 2U

/* The wire has 32 bits for the length of a flush. */
#define HF_PLACEMENT_FLUSH_MAX UINT32_MAX

unsigned int hf_placement_of(struct ibv_context *device);

/* What a registration needs in addition, so that RDMA FLUSH reaches it. */
int hf_placement_access(void);

/**
 * hf_placement_create_qp - as rdma_create_qp(), for these operations, too
 * @can: out: which of them the queue pair can post; ibv_post_send() works anyway
 *
 * Returns 0 or -errno.
 */
int hf_placement_create_qp(struct rdma_cm_id *id, struct ibv_pd *pd,
			   const struct ibv_qp_init_attr *init,
			   unsigned int *can);

/* Post one operation, signaled: 0, or a positive errno value as ibv_post_send(). */
int hf_placement_flush(struct ibv_qp *qp, uint64_t wr_id, uint32_t rkey,
		       uint64_t address, uint64_t length);
int hf_placement_atomic_write(struct ibv_qp *qp, uint64_t wr_id, uint32_t rkey,
			      uint64_t address, uint64_t value);

#endif
