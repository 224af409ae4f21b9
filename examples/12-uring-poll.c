// SPDX-License-Identifier: MIT
/* 12-uring-poll FILE: hold a lease in a program whose event loop is an io_uring. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <holdfast.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* One IORING_OP_POLL_ADD completes once: it is submitted again each time. */
static void ask(struct io_uring *ring, int lease)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_poll_add(sqe, lease, POLLIN);
	io_uring_sqe_set_data64(sqe, lease);
	io_uring_submit(ring);
}

/* Takes all events that there are. Returns false when the lease has ended. */
static bool take_events(int lease)
{
	struct holdfast_event event;
	int ret;

	while (!(ret = hf_wait(lease, &event, 0))) {
		printf("%s: %s by %.16s\n", hf_event_name(event.type),
		       hf_op_name(event.op), event.comm);
		/* HOLDFAST_EVENT_BREAK: deregister what the event concerns. */
	}
	if (ret != -ETIMEDOUT)
		printf("%s\n", hf_error());
	return ret == -ETIMEDOUT;
}

int main(int argc, char **argv)
{
	const struct hf_attr attr = { .flags = HF_NONBLOCK };
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	int lease, ret;

	setlinebuf(stdout);
	if (argc != 2)
		errx(2, "usage: 12-uring-poll FILE");
	lease = hf_acquire(open(argv[1], O_RDWR), 0, 2 << 20, &attr);
	if (lease < 0)
		errx(1, "%s", hf_error());
	ret = io_uring_queue_init(8, &ring, 0);
	if (ret)
		errx(1, "io_uring: %s", strerror(-ret));
	printf("leased\n");
	do {
		ask(&ring, lease);
		if (io_uring_wait_cqe(&ring, &cqe))
			errx(1, "io_uring_wait_cqe");
		if (cqe->res < 0)
			errx(1, "poll: %s", strerror(-cqe->res));
		io_uring_cqe_seen(&ring, cqe);
	} while (take_events(lease));
	io_uring_queue_exit(&ring);
	return 0;
}
