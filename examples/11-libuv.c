// SPDX-License-Identifier: MIT
/* 11-libuv FILE: hold a lease in a program whose event loop is libuv's. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <holdfast.h>
#include <stdio.h>
#include <uv.h>

/* libuv calls this while there is an event, and when the lease has ended. */
static void on_lease(uv_poll_t *poll, int status, int events)
{
	int lease = *(int *)poll->data;
	struct holdfast_event event;
	int ret;

	(void)events;
	if (status < 0)
		errx(1, "%s", uv_strerror(status));
	while (!(ret = hf_wait(lease, &event, 0))) {
		printf("%s: %s by %.16s\n", hf_event_name(event.type),
		       hf_op_name(event.op), event.comm);
		/* HOLDFAST_EVENT_BREAK: deregister what the event concerns. */
	}
	if (ret == -ETIMEDOUT)
		return;
	printf("%s\n", hf_error());
	uv_close((uv_handle_t *)poll, NULL); /* uv_run() returns */
}

int main(int argc, char **argv)
{
	const struct hf_attr attr = { .flags = HF_NONBLOCK };
	uv_poll_t poll;
	int lease, ret;

	setlinebuf(stdout);
	if (argc != 2)
		errx(2, "usage: 11-libuv FILE");
	lease = hf_acquire(open(argv[1], O_RDWR), 0, 2 << 20, &attr);
	if (lease < 0)
		errx(1, "%s", hf_error());
	ret = uv_poll_init(uv_default_loop(), &poll, lease);
	poll.data = &lease;
	if (!ret)
		ret = uv_poll_start(&poll, UV_READABLE, on_lease);
	if (ret)
		errx(1, "%s", uv_strerror(ret));
	printf("leased\n");
	return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
