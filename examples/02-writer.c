// SPDX-License-Identifier: MIT
/*
 * 02-writer ADDRESS PORT COPY: write the file that 02-target lends by RDMA,
 * block after block, round and round, until SIGTERM comes and each block has
 * been written at least once. COPY gets what the file must hold then.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "02-wire.h"

#define BLOCK (64UL << 10)

struct writer {
	int sock;
	struct rdma rdma;
	struct window window;
	uint64_t *copy; /* what the file must hold */
	size_t size;
	struct ibv_mr *mr;
	size_t next;	 /* offset of the next block */
	uint64_t serial; /* of the next block */
	uint64_t since;	 /* blocks since the window opened */
};

static volatile sig_atomic_t enough;

static void on_signal(int signal)
{
	(void)signal;
	enough = 1;
}

static void receive_window(struct writer *writer)
{
	if (!receive_all(writer->sock, &writer->window, sizeof(writer->window)))
		errx(1, "the target has gone");
}

/* Blocks differ from each other and from their earlier contents. */
static void write_block(struct writer *writer)
{
	size_t left = writer->window.length - writer->next;
	size_t length = left < BLOCK ? left : BLOCK;
	uint64_t *block = writer->copy + writer->next / sizeof(*block);
	struct ibv_sge sge = { (uintptr_t)block, length, writer->mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { writer->window.addr + writer->next,
			     writer->window.rkey },
	};
	struct ibv_wc wc;

	for (size_t i = 0; i < length / sizeof(*block); i++)
		block[i] = (writer->serial << 32) + i * 2654435761U;
	if (ibv_post_send(writer->rdma.qp, &wr, &bad))
		err(1, "ibv_post_send");
	while (!ibv_poll_cq(writer->rdma.cq, 1, &wc))
		;
	if (wc.status)
		errx(1, "RDMA write: %s", ibv_wc_status_str(wc.status));
	writer->serial++;
	writer->since++;
	writer->next += length;
	if (writer->next >= writer->window.length)
		writer->next = 0;
}

static void open_copy(struct writer *writer)
{
	writer->size = writer->window.length;
	writer->copy = calloc(1, writer->size);
	writer->mr = ibv_reg_mr(writer->rdma.pd, writer->copy, writer->size, 0);
	if (!writer->mr)
		err(1, "ibv_reg_mr");
}

/* The target wants its memory back: nothing is in flight here, so say so. */
static void stop(struct writer *writer)
{
	send_all(writer->sock, "", 1);
	receive_window(writer);
	if (writer->window.length > writer->size)
		errx(1, "the file has grown");
	writer->next = 0;
	writer->since = 0;
}

static void report(uint64_t blocks, double began)
{
	double seconds = now() - began;

	printf("%.6f wrote %.0f MiB in %.2f s, %.0f MiB/s\n", now(),
	       blocks * BLOCK / 1048576.0, seconds,
	       blocks * BLOCK / 1048576.0 / seconds);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct writer writer = { 0 };
	double began;
	int copy, on = 1;

	setlinebuf(stdout);
	if (argc != 4)
		errx(2, "usage: 02-writer ADDRESS PORT COPY");
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	inet_pton(AF_INET, argv[1], &address.sin_addr);
	address.sin_port = htons(atoi(argv[2]));
	writer.sock = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(writer.sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(writer.sock, (struct sockaddr *)&address, sizeof(address)))
		err(1, "%s", argv[1]);
	writer.rdma = rdma_connect_to(writer.sock);
	receive_window(&writer);
	open_copy(&writer);

	began = now();
	while (!enough || writer.since * BLOCK < writer.window.length) {
		struct pollfd word = { .fd = writer.sock, .events = POLLIN };

		if (poll(&word, 1, 0) == 1) {
			receive_window(&writer);
			report(writer.since, began);
			stop(&writer);
			began = now();
			printf("%.6f moving again\n", began);
		}
		write_block(&writer);
	}
	report(writer.since, began);
	copy = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (copy < 0 || write(copy, writer.copy, writer.window.length) !=
				(ssize_t)writer.window.length)
		err(1, "%s", argv[3]);
	return 0;
}
