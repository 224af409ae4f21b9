// SPDX-License-Identifier: MIT
/*
 * 08-drain: receives go into a file, and a change of the file drains them.
 *
 *	08-drain FILE
 *
 * A receive that is posted cannot be taken back, and the region that it names must go
 * before the file can be changed. So the program moves its queue pair to the error
 * state, takes the completions of all receives, lets go of the region, and connects
 * and posts again when the change is over. Its peer is itself.
 */
#include <err.h>
#include <fcntl.h>
#include <holdfast_verbs.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RECEIVES 16
#define BYTES	 4096
#define LENGTH	 (RECEIVES * BYTES)
#define ACCESS	 IBV_ACCESS_LOCAL_WRITE

static struct ibv_context *device;
static struct ibv_pd *pd;
static struct ibv_cq *cq;
static struct ibv_qp *qp;

static void connect_self(void)
{
	struct ibv_qp_attr init = { .qp_state = IBV_QPS_INIT, .port_num = 1 };
	struct ibv_qp_attr ready = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = qp->qp_num,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = { .is_global = 1,
			     .grh = { .hop_limit = 1, .sgid_index = 1 },
			     .port_num = 1 },
	};
	struct ibv_qp_attr send = { .qp_state = IBV_QPS_RTS,
				    .timeout = 14,
				    .retry_cnt = 7,
				    .rnr_retry = 7,
				    .max_rd_atomic = 1 };
	struct ibv_qp_attr reset = { .qp_state = IBV_QPS_RESET };

	if (ibv_query_gid(device, 1, 1, &ready.ah_attr.grh.dgid) ||
	    ibv_modify_qp(qp, &reset, IBV_QP_STATE) ||
	    ibv_modify_qp(qp, &init,
			  IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
				  IBV_QP_ACCESS_FLAGS) ||
	    ibv_modify_qp(qp, &ready,
			  IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
				  IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
				  IBV_QP_MAX_DEST_RD_ATOMIC |
				  IBV_QP_MIN_RNR_TIMER) ||
	    ibv_modify_qp(qp, &send,
			  IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
				  IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
				  IBV_QP_MAX_QP_RD_ATOMIC))
		err(1, "queue pair");
}

static void post_all(const struct hf_mr_info *info)
{
	for (int i = 0; i < RECEIVES; i++) {
		struct ibv_sge sge = { .addr = info->iova + i * BYTES,
				       .length = BYTES,
				       .lkey = info->lkey };
		struct ibv_recv_wr *bad,
			receive = { .wr_id = i, .sg_list = &sge, .num_sge = 1 };

		if (ibv_post_recv(qp, &receive, &bad))
			err(1, "ibv_post_recv");
	}
}

/* Each receive completes, here with IBV_WC_WR_FLUSH_ERR. */
static void drain(void)
{
	struct ibv_qp_attr error = { .qp_state = IBV_QPS_ERR };
	struct ibv_wc wc;
	int left = RECEIVES;

	if (ibv_modify_qp(qp, &error, IBV_QP_STATE))
		err(1, "queue pair");
	while (left) {
		int n = ibv_poll_cq(cq, 1, &wc);

		if (n < 0)
			errx(1, "ibv_poll_cq");
		left -= n;
	}
	printf("drained %d receives\n", RECEIVES);
}

static void begin(struct hf_mr *mr)
{
	struct hf_mr_info info;

	if (hf_query_mr(mr, &info))
		errx(1, "%s", hf_verbs_error());
	connect_self();
	post_all(&info);
	printf("posted %d receives, key %#x\n", RECEIVES, info.lkey);
	fflush(stdout);
}

static void open_queue_pair(void)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_qp_init_attr init = {
		.cap = { .max_send_wr = 1,
			 .max_recv_wr = RECEIVES,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	if (!list || !list[0])
		errx(1, "no RDMA device");
	device = ibv_open_device(list[0]);
	pd = device ? ibv_alloc_pd(device) : NULL;
	cq = pd ? ibv_create_cq(device, RECEIVES, NULL, NULL, 0) : NULL;
	init.send_cq = init.recv_cq = cq;
	qp = cq ? ibv_create_qp(pd, &init) : NULL;
	if (!qp)
		err(1, "RDMA device");
	ibv_free_device_list(list);
}

int main(int argc, char **argv)
{
	struct hf_async_event event;
	struct hf_context *context;
	struct hf_mr *mr;
	int fd;

	if (argc != 2)
		errx(2, "usage: 08-drain FILE");
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		err(1, "%s", argv[1]);
	open_queue_pair();
	if (hf_open_context(device, NULL, &context) ||
	    hf_reg_mr(pd, fd, 0, LENGTH, ACCESS, NULL, &mr))
		errx(1, "%s", hf_verbs_error());
	begin(mr);
	while (!hf_get_async_event(context, &event, -1)) {
		if (event.type == HF_ASYNC_DECOHERENCE) {
			drain();
			if (event.change.op == HOLDFAST_OP_REVOKE)
				break;
			if (hf_restore_mr(mr))
				errx(1, "%s", hf_verbs_error());
			begin(mr);
		}
		hf_ack_async_event(&event);
	}
	if (hf_dereg_mr(mr) || hf_close_context(context))
		errx(1, "%s", hf_verbs_error());
	ibv_destroy_qp(qp);
	ibv_destroy_cq(cq);
	ibv_dealloc_pd(pd);
	ibv_close_device(device);
	return 0;
}
