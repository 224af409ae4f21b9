// SPDX-License-Identifier: MIT
/*
 * 03-serve FILE PORT: let 03-client read and write a file by RDMA, until it has
 * done or the filesystem wants the file's blocks.
 */
#include "03-wire.h"

int main(int argc, char **argv)
{
	struct hf_async_event event = { 0 };
	struct hf_context *context;
	struct hf_mr *mr;
	struct rdma rdma;
	size_t length;
	int file, sock;

	setlinebuf(stdout);
	if (argc != 3)
		errx(2, "usage: 03-serve FILE PORT");
	file = file_open(argv[1], &length);
	rdma = rdma_accept(argv[2], &sock);

	if (hf_open_context(rdma.device, NULL, &context) ||
	    hf_reg_mr(rdma.pd, file, 0, length,
		      IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
			      IBV_ACCESS_REMOTE_READ,
		      NULL, &mr))
		errx(1, "%s", hf_verbs_error());
	send_window(sock, mr);

	struct pollfd fds[] = {
		{ .fd = sock, .events = POLLIN },
		{ .fd = hf_context_fd(context), .events = POLLIN },
	};
	while (event.type != HF_ASYNC_DECOHERENCE) {
		poll(fds, 2, -1);
		if (fds[0].revents)
			break; /* the client has done */
		if (hf_get_async_event(context, &event, 0))
			continue;
		hf_ack_async_event(&event);
	}
	if (event.type == HF_ASYNC_DECOHERENCE)
		printf("%s by %s: no more service\n",
		       hf_op_name(event.change.op), event.change.comm);

	if (hf_dereg_mr(mr) || hf_close_context(context))
		errx(1, "%s", hf_verbs_error());
	printf("done\n");
	return 0;
}
