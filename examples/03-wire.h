/* SPDX-License-Identifier: MIT */
/* What the examples from 03 on share: TCP as 02 has it, and one work request. */
#ifndef EXAMPLE_SERVE_WIRE_H
#define EXAMPLE_SERVE_WIRE_H

#include <fcntl.h>
#include <holdfast_verbs.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "02-wire.h"

/* Wait for one client, and be connected with its queue pair. */
static inline struct rdma rdma_accept(const char *port, int *sock)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(atoi(port)) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 1))
		err(1, "port %s", port);
	printf("listening\n");
	*sock = accept(listener, NULL, NULL);
	if (*sock < 0)
		err(1, "accept");
	close(listener);
	setsockopt(*sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return rdma_connect_to(*sock);
}

static inline struct rdma rdma_call(const char *host, const char *port,
				    int *sock)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(atoi(port)) };

	inet_pton(AF_INET, host, &address.sin_addr);
	*sock = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(*sock, (struct sockaddr *)&address, sizeof(address)))
		err(1, "%s", host);
	return rdma_connect_to(*sock);
}

/* The whole of a file, as far as it can be leased. */
static inline int file_open(const char *path, size_t *length)
{
	int file = open(path, O_RDWR);
	struct stat st;

	if (file < 0 || fstat(file, &st))
		err(1, "%s", path);
	*length = st.st_size & ~4095UL;
	return file;
}

/* Tell the client where it may write, and with which key. */
static inline void send_window(int sock, struct hf_mr *mr)
{
	struct window window = { 0 };
	struct hf_mr_info info;

	if (hf_query_mr(mr, &info))
		errx(1, "%s", hf_verbs_error());
	window.addr = (uintptr_t)info.addr;
	window.length = info.length;
	window.rkey = info.rkey;
	send_all(sock, &window, sizeof(window));
	printf("serving %zu bytes, key %#x\n", info.length, info.rkey);
}

/* One RDMA write or read between local memory and @offset of the window. */
static inline void transfer(struct rdma *rdma, enum ibv_wr_opcode opcode,
			    struct ibv_mr *local, size_t length,
			    const struct window *window, uint64_t offset)
{
	struct ibv_sge sge = { (uintptr_t)local->addr, length, local->lkey };
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = opcode,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { window->addr + offset, window->rkey },
	};
	struct ibv_wc wc;

	if (ibv_post_send(rdma->qp, &wr, &bad))
		err(1, "ibv_post_send");
	while (!ibv_poll_cq(rdma->cq, 1, &wc))
		;
	if (wc.status)
		errx(1, "RDMA: %s", ibv_wc_status_str(wc.status));
}

#endif
