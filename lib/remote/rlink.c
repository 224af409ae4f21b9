// SPDX-License-Identifier: LGPL-2.1-or-later
/* The control connection: see rlink.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "rerror.h"
#include "rlink.h"
#include "wire.h"

#define BUFFERS	  (HF_LINK_RECEIVES + HF_LINK_SENDS)
#define ALL_SENDS ((1U << HF_LINK_SENDS) - 1)

/* 4.096 us * 2^17, and HF_RETRIES times again: about four seconds. */
#define ACK_TIMEOUT 17

static unsigned char *buffer_at(const struct hf_link *link, unsigned int i)
{
	return link->memory + (size_t)i * HF_WIRE_MESSAGE;
}

static int post_receive(struct hf_link *link, unsigned int i)
{
	struct ibv_sge sge = { (uintptr_t)buffer_at(link, i), HF_WIRE_MESSAGE,
			       link->mr->lkey };
	struct ibv_recv_wr *bad,
		wr = { .wr_id = i, .sg_list = &sge, .num_sge = 1 };

	return -ibv_post_recv(link->id->qp, &wr, &bad);
}

static int make_qp(struct hf_link *link, struct ibv_pd *pd)
{
	struct ibv_qp_init_attr init = {
		.send_cq = link->cq,
		.recv_cq = link->cq,
		.cap = { .max_send_wr = HF_LINK_SENDS,
			 .max_recv_wr = HF_LINK_RECEIVES,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
	};

	if (rdma_create_qp(link->id, pd, &init))
		return hf_rfail(errno, "queue pair: %s", strerror(errno));
	for (unsigned int i = 0; i < HF_LINK_RECEIVES; i++) {
		int ret = post_receive(link, i);

		if (ret)
			return hf_rfail(-ret, "ibv_post_recv: %s",
					strerror(-ret));
	}
	return 0;
}

int hf_link_open(struct hf_link *link, struct rdma_cm_id *id, struct ibv_pd *pd,
		 struct ibv_comp_channel *channel, void *context)
{
	int ret;

	*link = (struct hf_link){ .id = id, .free = ALL_SENDS };
	link->memory = aligned_alloc(HF_WIRE_MESSAGE,
				     (size_t)BUFFERS * HF_WIRE_MESSAGE);
	if (!link->memory)
		return hf_rfail(ENOMEM, "no memory");
	memset(link->memory, 0, (size_t)BUFFERS * HF_WIRE_MESSAGE);
	link->mr = ibv_reg_mr(pd, link->memory,
			      (size_t)BUFFERS * HF_WIRE_MESSAGE,
			      IBV_ACCESS_LOCAL_WRITE);
	if (link->mr)
		link->cq =
			ibv_create_cq(id->verbs, BUFFERS, context, channel, 0);
	if (!link->cq) {
		ret = hf_rfail(errno, "control connection: %s",
			       strerror(errno));
		goto close;
	}
	ret = make_qp(link, pd);
	if (!ret && ibv_req_notify_cq(link->cq, 0))
		ret = hf_rfail(EIO, "ibv_req_notify_cq fails");
	if (!ret)
		return 0;
close:
	hf_link_close(link);
	return ret;
}

void hf_link_close(struct hf_link *link)
{
	if (link->id && link->id->qp)
		rdma_destroy_qp(link->id);
	if (link->cq)
		ibv_destroy_cq(link->cq);
	if (link->mr)
		ibv_dereg_mr(link->mr);
	free(link->memory);
	*link = (struct hf_link){ 0 };
}

void *hf_link_buffer(struct hf_link *link)
{
	int bit = ffs(link->free);

	if (!bit || !link->id)
		return NULL;
	link->free &= ~(1U << (bit - 1));
	return buffer_at(link, HF_LINK_RECEIVES + bit - 1);
}

int hf_link_send(struct hf_link *link, void *buffer, size_t length)
{
	unsigned int i =
		((unsigned char *)buffer - link->memory) / HF_WIRE_MESSAGE;
	struct ibv_sge sge = { (uintptr_t)buffer, length, link->mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.wr_id = i, .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND
	};
	int ret = length ? -ibv_post_send(link->id->qp, &wr, &bad) : 0;

	if (!length || ret)
		link->free |= 1U << (i - HF_LINK_RECEIVES);
	return ret;
}

bool hf_link_is_idle(const struct hf_link *link)
{
	return link->free == ALL_SENDS;
}

static int take(struct hf_link *link, const struct ibv_wc *wc,
		int (*receive)(void *arg, const void *data, size_t length),
		void *arg)
{
	int ret;

	if (wc->status != IBV_WC_SUCCESS)
		return -EPIPE;
	if (wc->wr_id >= HF_LINK_RECEIVES) {
		link->free |= 1U << (wc->wr_id - HF_LINK_RECEIVES);
		return 0;
	}
	/* A write with immediate data has no message. */
	ret = receive(arg, buffer_at(link, wc->wr_id),
		      wc->opcode == IBV_WC_RECV ? wc->byte_len : 0);
	return ret ? ret : post_receive(link, wc->wr_id);
}

int hf_link_poll(struct hf_link *link,
		 int (*receive)(void *arg, const void *data, size_t length),
		 void *arg)
{
	struct ibv_wc wc[16];
	int n, ret = 0;

	while (!ret && (n = ibv_poll_cq(link->cq, 16, wc)) != 0) {
		if (n < 0)
			return -EPIPE;
		for (int i = 0; i < n && !ret; i++)
			ret = take(link, &wc[i], receive, arg);
	}
	return ret;
}

void *hf_link_event(struct ibv_comp_channel *channel)
{
	struct ibv_cq *cq;
	void *context;

	if (ibv_get_cq_event(channel, &cq, &context))
		return NULL;
	ibv_ack_cq_events(cq, 1);
	/* Before the queue is polled: what comes after that has an event again. */
	ibv_req_notify_cq(cq, 0);
	return context;
}

int hf_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -errno : 0;
}

void hf_link_set_timeout(struct rdma_cm_id *id)
{
	uint8_t timeout = ACK_TIMEOUT;

	/* Kernels that do not know it have a longer one of their own. */
	rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_ACK_TIMEOUT,
			&timeout, sizeof(timeout));
}
