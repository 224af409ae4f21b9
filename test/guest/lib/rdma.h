/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RDMA as far as tests need it: the guest's soft-RoCE device, memory regions,
 * and a queue pair connected to itself that writes into one.
 */
#ifndef HOLDFAST_TEST_RDMA_H
#define HOLDFAST_TEST_RDMA_H

#include <infiniband/verbs.h>

#include "common.h"

#define RDMA_ACCESS                                         \
	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | \
	 IBV_ACCESS_REMOTE_READ)

struct rdma {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
};

static inline struct rdma rdma_open(void)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct rdma rdma = { 0 };

	if (!list || !list[0])
		tap_bail("no RDMA device");
	rdma.context = ibv_open_device(list[0]);
	if (rdma.context)
		rdma.pd = ibv_alloc_pd(rdma.context);
	if (!rdma.pd)
		tap_bail("RDMA device: %s", strerror(errno));
	ibv_free_device_list(list);
	return rdma;
}

static inline void rdma_close(struct rdma *rdma)
{
	if (rdma->qp)
		ibv_destroy_qp(rdma->qp);
	if (rdma->cq)
		ibv_destroy_cq(rdma->cq);
	ibv_dealloc_pd(rdma->pd);
	ibv_close_device(rdma->context);
}

static inline struct ibv_mr *rdma_register(struct rdma *rdma, void *addr,
					   size_t len)
{
	struct ibv_mr *mr = ibv_reg_mr(rdma->pd, addr, len, RDMA_ACCESS);

	if (!mr)
		tap_bail("ibv_reg_mr: %s", strerror(errno));
	return mr;
}

/* Two tests: a change waits for a region, and succeeds once that is deregistered. */
static inline void change_waits_for(struct change *change, struct ibv_mr *mr,
				    const char *what)
{
	tap_ok(!change_done(change, STILL), "%s: the change waits", what);
	ibv_dereg_mr(mr);
	tap_ok(change_done(change, SOON) && !change->error,
	       "%s: and succeeds when the region is gone", what);
}

static inline int rdma_connect_self(struct rdma *rdma)
{
	struct ibv_qp_init_attr init = {
		.cap = { .max_send_wr = 16,
			 .max_recv_wr = 1,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = 1,
		.qp_access_flags = RDMA_ACCESS,
	};

	rdma->cq = ibv_create_cq(rdma->context, 16, NULL, NULL, 0);
	init.send_cq = init.recv_cq = rdma->cq;
	rdma->qp = rdma->cq ? ibv_create_qp(rdma->pd, &init) : NULL;
	if (!rdma->qp ||
	    ibv_modify_qp(rdma->qp, &attr,
			  IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
				  IBV_QP_ACCESS_FLAGS))
		return -1;
	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTR,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = rdma->qp->qp_num,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = {
			.is_global = 1,
			.grh = { .hop_limit = 1, .sgid_index = 1 },
			.port_num = 1,
		},
	};
	/* GID 1 is the IPv4 address in all our guests; 0 is the link-local one. */
	if (ibv_query_gid(rdma->context, 1, 1, &attr.ah_attr.grh.dgid) ||
	    ibv_modify_qp(rdma->qp, &attr,
			  IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
				  IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
				  IBV_QP_MAX_DEST_RD_ATOMIC |
				  IBV_QP_MIN_RNR_TIMER))
		return -1;
	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTS,
		.timeout = 14,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = 1,
	};
	return ibv_modify_qp(rdma->qp, &attr,
			     IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
				     IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
				     IBV_QP_MAX_QP_RD_ATOMIC);
}

static inline int rdma_transfer(struct rdma *rdma, struct ibv_mr *mr,
				size_t offset, void *memory, size_t len,
				enum ibv_wr_opcode opcode)
{
	struct ibv_mr *local = rdma_register(rdma, memory, len);
	struct ibv_sge sge = { .addr = (uintptr_t)memory,
			       .length = len,
			       .lkey = local->lkey };
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = opcode,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = (uintptr_t)mr->addr + offset,
			     .rkey = mr->rkey },
	};
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	struct ibv_wc wc = { 0 };
	int n = 0;

	if (!rdma->qp && rdma_connect_self(rdma))
		tap_bail("queue pair: %s", strerror(errno));
	if (ibv_post_send(rdma->qp, &wr, &bad))
		tap_bail("ibv_post_send: %s", strerror(errno));
	while (n == 0 && now_ns() < limit) {
		n = ibv_poll_cq(rdma->cq, 1, &wc);
		if (n == 0)
			sched_yield();
	}
	ibv_dereg_mr(local);
	return n == 1 ? (int)wc.status : -1;
}

/*
 * RDMA-write @len bytes from @from to @offset in @mr, and wait for the end of
 * it. Returns enum ibv_wc_status, or -1.
 */
static inline int rdma_write(struct rdma *rdma, struct ibv_mr *mr,
			     size_t offset, const void *from, size_t len)
{
	return rdma_transfer(rdma, mr, offset, (void *)from, len,
			     IBV_WR_RDMA_WRITE);
}

/* The same, from @mr to @to. */
static inline int rdma_read(struct rdma *rdma, struct ibv_mr *mr, size_t offset,
			    void *to, size_t len)
{
	return rdma_transfer(rdma, mr, offset, to, len, IBV_WR_RDMA_READ);
}

#endif
