// SPDX-License-Identifier: GPL-2.0
/* RDMA from a process to itself, by the device. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "rdma.h"
#include "world.h"

#define ACCESS                                              \
	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | \
	 IBV_ACCESS_REMOTE_READ)

/* A device that is being deleted never completes. */
#define LATE_MS 4000

static int rdma_connect(struct rdma *rdma)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = 1,
		.qp_access_flags = ACCESS,
	};

	if (ibv_modify_qp(rdma->qp, &attr,
			  IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
				  IBV_QP_ACCESS_FLAGS))
		return -1;
	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTR,
		/* A block is one packet, and so is written whole. */
		.path_mtu = IBV_MTU_4096,
		.dest_qp_num = rdma->qp->qp_num,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = {
			.is_global = 1,
			.grh = { .hop_limit = 1, .sgid_index = 1 },
			.port_num = 1,
		},
	};
	/* GID 1 is the IPv4 address in all our guests. */
	if (ibv_query_gid(rdma->context, 1, 1, &attr.ah_attr.grh.dgid) ||
	    ibv_modify_qp(rdma->qp, &attr,
			  IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
				  IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
				  IBV_QP_MAX_DEST_RD_ATOMIC |
				  IBV_QP_MIN_RNR_TIMER))
		return -1;
	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTS,
		.timeout = 18,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = 1,
	};
	return ibv_modify_qp(rdma->qp, &attr,
			     IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
				     IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
				     IBV_QP_MAX_QP_RD_ATOMIC);
}

/* What was opened ends with the process. */
int rdma_open(struct rdma *rdma)
{
	struct ibv_qp_init_attr init = {
		.cap = { .max_send_wr = 4,
			 .max_recv_wr = 1,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	struct ibv_device **list = ibv_get_device_list(NULL);

	*rdma = (struct rdma){ 0 };
	if (!list || !list[0])
		return -ENODEV;
	rdma->context = ibv_open_device(list[0]);
	rdma->pd = rdma->context ? ibv_alloc_pd(rdma->context) : NULL;
	rdma->cq = rdma->pd ? ibv_create_cq(rdma->context, 4, NULL, NULL, 0)
			    : NULL;
	if (!rdma->cq)
		return -ENODEV;
	init.send_cq = init.recv_cq = rdma->cq;
	rdma->qp = ibv_create_qp(rdma->pd, &init);
	if (!rdma->qp || rdma_connect(rdma))
		return -ENODEV;
	if (posix_memalign((void **)&rdma->buffer, BLOCK, BLOCK))
		return -ENOMEM;
	rdma->own = rdma_register(rdma, rdma->buffer, BLOCK);
	return rdma->own ? 0 : -errno;
}

struct ibv_mr *rdma_register(struct rdma *rdma, void *addr, size_t length)
{
	return ibv_reg_mr(rdma->pd, addr, length, ACCESS);
}

bool rdma_move(struct rdma *rdma, enum ibv_wr_opcode opcode, uint64_t addr,
	       uint32_t rkey)
{
	struct ibv_sge sge = { .addr = (uintptr_t)rdma->buffer,
			       .length = BLOCK,
			       .lkey = rdma->own->lkey };
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = opcode,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = addr, .rkey = rkey },
	};
	uint64_t limit = now_ns() + LATE_MS * world->scale * 1000000ULL;
	struct ibv_wc wc;
	int n;

	if (ibv_post_send(rdma->qp, &wr, &bad))
		return false;
	/* The device is made of kernel threads, which need the CPU. */
	while ((n = ibv_poll_cq(rdma->cq, 1, &wc)) == 0 && now_ns() < limit)
		nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
	return n == 1 && wc.status == IBV_WC_SUCCESS;
}
