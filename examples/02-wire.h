/* SPDX-License-Identifier: MIT */
/*
 * What 02-target and 02-writer share: a TCP connection for words, a reliable
 * queue pair for data.
 *
 *	02-writer                         02-target
 *	   |  <--------- struct peer --------->  |   once, each way
 *	   |  <-------- struct window ---------  |   here you may write
 *	   |  ====== RDMA writes to it ======>   |
 *	   |  <--- struct window, length 0 ----  |   stop: a break
 *	   |  ------------- 1 byte ----------->  |   stopped, nothing is in flight
 *	   |  <-------- struct window ---------  |   go on, the file is shorter
 */
#ifndef EXAMPLE_WIRE_H
#define EXAMPLE_WIRE_H

#include <arpa/inet.h>
#include <err.h>
#include <infiniband/verbs.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct peer {
	uint32_t qp;
	union ibv_gid gid;
};

struct window {
	uint64_t addr;
	uint64_t length;
	uint32_t rkey;
	uint32_t reserved;
};

struct rdma {
	struct ibv_context *device;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	int gid_index;
};

static inline double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static inline void send_all(int sock, const void *data, size_t length)
{
	if (send(sock, data, length, MSG_NOSIGNAL) != (ssize_t)length)
		err(1, "send");
}

/* False when the peer has closed the connection. */
static inline bool receive_all(int sock, void *data, size_t length)
{
	return recv(sock, data, length, MSG_WAITALL) == (ssize_t)length;
}

/* The GID that is an IPv4 address: RoCE v2 can be routed by it. */
static inline int find_gid(struct ibv_context *device, union ibv_gid *gid)
{
	static const uint8_t ipv4[12] = { [10] = 0xff, [11] = 0xff };

	for (int i = 0; !ibv_query_gid(device, 1, i, gid); i++)
		if (!memcmp(gid->raw, ipv4, sizeof(ipv4)))
			return i;
	errx(1, "the RDMA device has no IPv4 address");
}

/* A queue pair on the first device, connected to the peer's over @sock. */
static inline struct rdma rdma_connect_to(int sock)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct peer us, them;
	struct rdma rdma = { 0 };

	rdma.device = list && list[0] ? ibv_open_device(list[0]) : NULL;
	if (!rdma.device)
		errx(1, "no RDMA device");
	rdma.pd = ibv_alloc_pd(rdma.device);
	rdma.cq = ibv_create_cq(rdma.device, 64, NULL, NULL, 0);
	struct ibv_qp_init_attr init = {
		.send_cq = rdma.cq,
		.recv_cq = rdma.cq,
		.cap = { .max_send_wr = 64,
			 .max_recv_wr = 1,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	rdma.qp = rdma.pd && rdma.cq ? ibv_create_qp(rdma.pd, &init) : NULL;
	if (!rdma.qp)
		err(1, "queue pair");
	rdma.gid_index = find_gid(rdma.device, &us.gid);
	us.qp = rdma.qp->qp_num;
	send_all(sock, &us, sizeof(us));
	if (!receive_all(sock, &them, sizeof(them)))
		errx(1, "the peer is gone");

	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = 1,
		.qp_access_flags = IBV_ACCESS_REMOTE_WRITE |
				   IBV_ACCESS_REMOTE_READ,
	};
	if (ibv_modify_qp(rdma.qp, &attr,
			  IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
				  IBV_QP_ACCESS_FLAGS))
		err(1, "queue pair to INIT");
	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTR,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = them.qp,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = {
			.is_global = 1,
			.grh = { .dgid = them.gid, .sgid_index = rdma.gid_index, .hop_limit = 64 },
			.port_num = 1,
		},
	};
	if (ibv_modify_qp(rdma.qp, &attr,
			  IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
				  IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
				  IBV_QP_MAX_DEST_RD_ATOMIC |
				  IBV_QP_MIN_RNR_TIMER))
		err(1, "queue pair to RTR");
	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTS,
		.timeout = 14,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = 1,
	};
	if (ibv_modify_qp(rdma.qp, &attr,
			  IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
				  IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
				  IBV_QP_MAX_QP_RD_ATOMIC))
		err(1, "queue pair to RTS");
	return rdma;
}

#endif
