/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The RDMA that workloads need: the first device, and a reliable connection
 * from it to itself. Who waits for a completion sleeps: soft RoCE works in the
 * kernel's threads, and a program that polls keeps the CPU from them.
 */
#ifndef HOLDFAST_BENCH_RDMA_H
#define HOLDFAST_BENCH_RDMA_H

#include <infiniband/verbs.h>

#include "bench.h"

#define RDMA_DEPTH 16
#define RDMA_ACCESS                                         \
	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | \
	 IBV_ACCESS_REMOTE_READ)

struct rdma {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_comp_channel *channel;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
};

static inline void rdma_open(struct rdma *rdma)
{
	struct ibv_device **list = ibv_get_device_list(NULL);

	*rdma = (struct rdma){ 0 };
	if (!list || !list[0])
		errx(1, "no RDMA device");
	rdma->context = ibv_open_device(list[0]);
	if (rdma->context)
		rdma->pd = ibv_alloc_pd(rdma->context);
	if (!rdma->pd)
		err(1, "RDMA device");
	ibv_free_device_list(list);
}

/* To the address @gid of the device itself, with its largest packets. */
static inline void rdma_connect(struct rdma *rdma, unsigned int gid)
{
	struct ibv_port_attr port;
	struct ibv_qp_init_attr init = {
		.cap = { .max_send_wr = RDMA_DEPTH,
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

	rdma->channel = ibv_create_comp_channel(rdma->context);
	rdma->cq = rdma->channel ? ibv_create_cq(rdma->context, 2 * RDMA_DEPTH,
						 NULL, rdma->channel, 0)
				 : NULL;
	init.send_cq = init.recv_cq = rdma->cq;
	rdma->qp = rdma->cq ? ibv_create_qp(rdma->pd, &init) : NULL;
	if (!rdma->qp || ibv_query_port(rdma->context, 1, &port) ||
	    ibv_modify_qp(rdma->qp, &attr,
			  IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
				  IBV_QP_ACCESS_FLAGS))
		err(1, "queue pair");
	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTR,
		.path_mtu = port.active_mtu,
		.dest_qp_num = rdma->qp->qp_num,
		.max_dest_rd_atomic = RDMA_DEPTH,
		.min_rnr_timer = 12,
		.ah_attr = {
			.is_global = 1,
			.grh = { .hop_limit = 1, .sgid_index = gid },
			.port_num = 1,
		},
	};
	if (ibv_query_gid(rdma->context, 1, gid, &attr.ah_attr.grh.dgid) ||
	    ibv_modify_qp(rdma->qp, &attr,
			  IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
				  IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
				  IBV_QP_MAX_DEST_RD_ATOMIC |
				  IBV_QP_MIN_RNR_TIMER))
		err(1, "queue pair, ready to receive");
	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTS,
		/* 4.3 s: nothing gets lost here, it only takes long. */
		.timeout = 20,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = RDMA_DEPTH,
	};
	if (ibv_modify_qp(rdma->qp, &attr,
			  IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
				  IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
				  IBV_QP_MAX_QP_RD_ATOMIC))
		err(1, "queue pair, ready to send");
}

static inline struct ibv_mr *rdma_register(struct rdma *rdma, void *addr,
					   size_t length)
{
	struct ibv_mr *mr = ibv_reg_mr(rdma->pd, addr, length, RDMA_ACCESS);

	if (!mr)
		err(1, "ibv_reg_mr of %zu bytes", length);
	return mr;
}

static inline void rdma_deregister(struct ibv_mr *mr)
{
	if (ibv_dereg_mr(mr))
		err(1, "ibv_dereg_mr");
}

/* How many completions there are, after at least one has come. */
static inline unsigned int rdma_wait(struct rdma *rdma)
{
	struct ibv_wc wc[RDMA_DEPTH];
	struct ibv_cq *cq;
	void *arg;
	int n;

	for (;;) {
		n = ibv_poll_cq(rdma->cq, RDMA_DEPTH, wc);
		if (n)
			break;
		/* What came before we asked for a notice gives none. */
		if (ibv_req_notify_cq(rdma->cq, 0))
			err(1, "ibv_req_notify_cq");
		n = ibv_poll_cq(rdma->cq, RDMA_DEPTH, wc);
		if (n)
			break;
		if (ibv_get_cq_event(rdma->channel, &cq, &arg))
			err(1, "ibv_get_cq_event");
		ibv_ack_cq_events(cq, 1);
	}
	if (n < 0)
		errx(1, "ibv_poll_cq fails");
	for (int i = 0; i < n; i++) {
		if (wc[i].status != IBV_WC_SUCCESS)
			errx(1, "RDMA: %s", ibv_wc_status_str(wc[i].status));
	}
	return n;
}

/*
 * @count operations of @length bytes between the beginning of @local and @mr,
 * at most @depth of them at a time; @step bytes further in @mr each time, and
 * from its start again.
 */
static inline void rdma_transfer(struct rdma *rdma, enum ibv_wr_opcode opcode,
				 struct ibv_mr *local, struct ibv_mr *mr,
				 size_t length, unsigned int count,
				 unsigned int depth, size_t step)
{
	unsigned int posted = 0, done = 0;
	size_t at = 0;

	while (done < count) {
		struct ibv_sge sge = { .addr = (uintptr_t)local->addr,
				       .length = length,
				       .lkey = local->lkey };
		struct ibv_send_wr *bad, wr = {
			.sg_list = &sge,
			.num_sge = 1,
			.opcode = opcode,
			.send_flags = IBV_SEND_SIGNALED,
			.wr.rdma = { .remote_addr = (uintptr_t)mr->addr + at,
				     .rkey = mr->rkey },
		};

		if (posted == count || posted - done == depth) {
			done += rdma_wait(rdma);
			continue;
		}
		if (ibv_post_send(rdma->qp, &wr, &bad))
			err(1, "ibv_post_send");
		posted++;
		at = at + step + length <= mr->length ? at + step : 0;
	}
}

#endif
