// SPDX-License-Identifier: MIT
/*
 * 04-survive FILE PORT: as 02-target, but the library answers changes of the
 * file: this program only says how to stop its client, 02-writer, and how to
 * let it go on.
 */
#define _GNU_SOURCE
#include "03-wire.h"

/* Called before the memory region is deregistered. */
static void quiesce(struct hf_mr *mr, const struct holdfast_event *change,
		    void *arg)
{
	struct window stop = { 0 };
	int sock = *(int *)arg;
	char stopped;

	(void)mr;
	printf("%s by %s\n", hf_op_name(change->op), change->comm);
	send_all(sock, &stop, sizeof(stop));
	if (!receive_all(sock, &stopped, 1))
		warnx("the writer did not answer");
}

/* Called when it is registered again: the same address, another key. */
static void resume(struct hf_mr *mr, int error, void *arg)
{
	if (error)
		errx(1, "not restored: %s", strerror(error));
	send_window(*(int *)arg, mr);
}

int main(int argc, char **argv)
{
	int file, sock;
	const struct hf_context_attr attr = { .flags = HF_AUTOMATIC,
					      .quiesce = quiesce,
					      .resume = resume,
					      .arg = &sock };
	struct hf_context *context;
	struct hf_mr *mr;
	struct rdma rdma;
	size_t length;

	setlinebuf(stdout);
	if (argc != 3)
		errx(2, "usage: 04-survive FILE PORT");
	file = file_open(argv[1], &length);
	rdma = rdma_accept(argv[2], &sock);

	if (hf_open_context(rdma.device, &attr, &context) ||
	    hf_reg_mr(rdma.pd, file, 0, length,
		      IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE, NULL,
		      &mr))
		errx(1, "%s", hf_verbs_error());
	send_window(sock, mr);

	/* Only for the end of the connection: words are for quiesce(). */
	struct pollfd gone = { .fd = sock, .events = POLLRDHUP };
	poll(&gone, 1, -1);

	if (hf_dereg_mr(mr) || hf_close_context(context))
		errx(1, "%s", hf_verbs_error());
	printf("done\n");
	return 0;
}
