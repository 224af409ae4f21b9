// SPDX-License-Identifier: MIT
/* 10-epoll FILE: hold a lease in a program whose event loop is epoll(7). */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <holdfast.h>
#include <stdio.h>
#include <sys/epoll.h>

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
	/* Two threads may take events at once, so none may block. */
	const struct hf_attr attr = { .flags = HF_NONBLOCK };
	struct epoll_event wanted = { .events = EPOLLIN };
	struct epoll_event got;
	int lease, loop;

	setlinebuf(stdout);
	if (argc != 2)
		errx(2, "usage: 10-epoll FILE");
	lease = hf_acquire(open(argv[1], O_RDWR), 0, 2 << 20, &attr);
	if (lease < 0)
		errx(1, "%s", hf_error());
	wanted.data.fd = lease;
	loop = epoll_create1(EPOLL_CLOEXEC);
	if (loop < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, lease, &wanted))
		err(1, "epoll");
	printf("leased\n");
	do {
		/* EPOLLIN: there is an event. EPOLLHUP: the lease has ended. */
		if (epoll_wait(loop, &got, 1, -1) < 0 && errno != EINTR)
			err(1, "epoll_wait");
	} while (take_events(lease));
	return 0;
}
