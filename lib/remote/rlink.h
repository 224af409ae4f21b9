/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control connection: a queue pair for messages, and buffers of a fixed number. A
 * side whose messages are not taken runs out of buffers, and goes on when they are.
 */
#ifndef HOLDFAST_REMOTE_LINK_H
#define HOLDFAST_REMOTE_LINK_H

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stddef.h>

#define HF_LINK_RECEIVES 16U
#define HF_LINK_SENDS	 8U

/*
 * Of a connection: how often a packet without an answer is sent again. Soft RoCE takes 7
 * for ever (rxe_completer()), and a peer whose power is gone would never be found dead.
 */
#define HF_RETRIES 6

/**
 * struct hf_link - one end of it
 * @cq: for the messages of both directions
 * @mr: @memory: receive buffers, then send buffers
 * @free: send buffers that are free, as bits
 */
struct hf_link {
	struct rdma_cm_id *id;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	unsigned char *memory;
	unsigned int free;
};

/**
 * hf_link_open - make the queue pair of an id that has a route, or asks to be accepted
 * @channel: for completions, whose context will be @context
 *
 * The first messages can come at once. Returns 0 or -errno with a message.
 */
int hf_link_open(struct hf_link *link, struct rdma_cm_id *id, struct ibv_pd *pd,
		 struct ibv_comp_channel *channel, void *context);
/* Ends the queue pair, not the id. Nothing of the peer arrives any longer. */
void hf_link_close(struct hf_link *link);

/* A buffer of HF_WIRE_MESSAGE bytes for the next message; NULL: none is free. */
void *hf_link_buffer(struct hf_link *link);
/* Sends it; or, with length 0, gives it back. 0 or -errno: the connection is no more. */
int hf_link_send(struct hf_link *link, void *buffer, size_t length);
/* Whether the peer's device has taken everything. */
bool hf_link_is_idle(const struct hf_link *link);

/*
 * Takes what has come, and calls @receive for each message, until that returns an error.
 * Returns 0, that error, or -EPIPE: the connection is no more.
 */
int hf_link_poll(struct hf_link *link,
		 int (*receive)(void *arg, const void *data, size_t length),
		 void *arg);

/*
 * Has the kernel report an event of the channel, if there is one, and be ready for the
 * next. Returns the context of its queue, or NULL.
 */
void *hf_link_event(struct ibv_comp_channel *channel);

/* Descriptors of librdmacm and libibverbs that do not make a thread wait. */
int hf_nonblocking(int fd);

/* How long a device tries before it gives up: some seconds. */
void hf_link_set_timeout(struct rdma_cm_id *id);

#endif
