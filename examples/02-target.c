// SPDX-License-Identifier: MIT
/*
 * 02-target FILE PORT: let 02-writer write a file by RDMA. When a change wants
 * the file's blocks, stop the writer, deregister, let the change happen, register
 * what the file is then, and go on. Ends when the writer does.
 */
#include <fcntl.h>
#include <holdfast.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "02-wire.h"

struct target {
	int file;
	int sock;
	struct rdma rdma;
	int lease;
	void *addr;
	struct ibv_mr *mr;
};

static void say(const char *what)
{
	printf("%.6f %s\n", now(), what);
}

/* All of it, once: lease and mapping stay as they are when the file changes. */
static void lease_file(struct target *target)
{
	struct stat st;

	fstat(target->file, &st);
	target->lease = hf_acquire(target->file, 0, st.st_size & ~4095UL, NULL);
	if (target->lease < 0)
		errx(1, "%s", hf_error());
	target->addr = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE,
			    MAP_SHARED, target->file, 0);
	if (target->addr == MAP_FAILED)
		err(1, "mmap");
}

/* Register what there is of the file, tell the writer. */
static void open_window(struct target *target)
{
	struct window window = { 0 };
	struct stat st;

	fstat(target->file, &st);
	window.length = st.st_size & ~4095UL;
	target->mr =
		ibv_reg_mr(target->rdma.pd, target->addr, window.length,
			   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	if (!target->mr)
		err(1, "ibv_reg_mr");
	window.addr = (uintptr_t)target->addr;
	window.rkey = target->mr->rkey;
	send_all(target->sock, &window, sizeof(window));
	printf("%.6f registered %lu bytes\n", now(), window.length);
}

static void close_window(struct target *target)
{
	struct window stop = { 0 };
	char stopped;

	/*
	 * A writer that is told to stop loses nothing. One that does not answer
	 * in time loses its writes, and its connection; the file is safe.
	 */
	send_all(target->sock, &stop, sizeof(stop));
	if (!receive_all(target->sock, &stopped, 1))
		warnx("the writer did not answer");
	say("stopped");
	ibv_dereg_mr(target->mr);
	say("deregistered");
}

/* False when the writer has gone. */
static bool next_break(struct target *target)
{
	struct pollfd fds[] = {
		{ .fd = target->lease, .events = POLLIN },
		{ .fd = target->sock, .events = POLLIN },
	};
	struct holdfast_event event;

	poll(fds, 2, -1);
	if (!(fds[0].revents & POLLIN))
		return false;
	if (hf_wait(target->lease, &event, 0) ||
	    event.type != HOLDFAST_EVENT_BREAK)
		return true;
	printf("%.6f break: %s by %s (%u)\n", event.time_ns / 1e9,
	       hf_op_name(event.op), event.comm, event.pid);
	close_window(target);
	do {
		if (hf_wait(target->lease, &event, -1))
			errx(1, "%s", hf_error());
	} while (event.type != HOLDFAST_EVENT_CHANGED);
	printf("%.6f changed\n", event.time_ns / 1e9);
	open_window(target);
	return true;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct timeval patience = { .tv_sec = 10 };
	struct target target = { 0 };
	int listener, on = 1;

	setlinebuf(stdout);
	if (argc != 3)
		errx(2, "usage: 02-target FILE PORT");
	target.file = open(argv[1], O_RDWR);
	if (target.file < 0)
		err(1, "%s", argv[1]);
	address.sin_port = htons(atoi(argv[2]));
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 1))
		err(1, "port %s", argv[2]);
	say("listening");
	target.sock = accept(listener, NULL, NULL);
	setsockopt(target.sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(target.sock, SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	target.rdma = rdma_connect_to(target.sock);

	lease_file(&target);
	open_window(&target);
	while (next_break(&target))
		;
	ibv_dereg_mr(target.mr);
	fsync(target.file);
	say("writer has gone");
	return hf_release(target.lease) ? 1 : 0;
}
