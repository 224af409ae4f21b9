// SPDX-License-Identifier: GPL-2.0
/*
 * Two processes have pins of the same pages, and what one has registered ends in the
 * hands of another task: the second process, which was passed the RDMA device's
 * file, or a worker that ends a closed ring. At the deadline the process that has
 * let go lives, and the one that holds on is killed.
 */
#define _GNU_SOURCE
#include <liburing.h>

#include "attack.h"
#include "implicit.h"
#include "rdma.h"
#include "status.h"

#define PATH	 PMEM "handed-over"
#define LENGTH	 MIB
#define BREAK_MS 1500

static void ready(int to)
{
	if (write(to, "r", 1) != 1)
		_exit(1);
}

static void wait_ready(int from)
{
	char byte;

	if (!readable(from, SOON) || read(from, &byte, 1) != 1)
		tap_bail("a process does not get there");
}

static char *leased_map(void)
{
	int file = open(PATH, O_RDWR | O_CLOEXEC);

	lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	return map_shared(file, 0, LENGTH);
}

/* Registers, passes the device on, and has it no more. */
static void hand_over(int socket, int to)
{
	char *map = leased_map();
	struct rdma rdma;

	become(OWNER);
	rdma = rdma_open();
	rdma_register(&rdma, map, LENGTH);
	fd_send(socket, rdma.context->cmd_fd);
	close(rdma.context->cmd_fd);
	close(rdma.context->async_fd);
	ready(to);
	for (;;)
		pause();
}

/* Has a region of its own, and ends the other one. */
static void take_over(int socket, int to)
{
	char *map = leased_map();
	struct rdma rdma;

	become(OWNER);
	rdma = rdma_open();
	rdma_register(&rdma, map, LENGTH);
	close(fd_receive(socket));
	ready(to);
	for (;;)
		pause();
}

static void ring_register(struct io_uring *ring)
{
	struct iovec buffer = { leased_map(), LENGTH };

	become(OWNER);
	if (io_uring_queue_init(4, ring, 0) ||
	    io_uring_register_buffers(ring, &buffer, 1))
		_exit(1);
}

/* A worker unpins, some time after the close. */
static void ring_closed(int socket, int to)
{
	struct io_uring ring;
	char byte;

	ring_register(&ring);
	ready(to);
	/* Both have their pins. */
	if (read(socket, &byte, 1) != 1)
		_exit(1);
	io_uring_queue_exit(&ring);
	while (status_bytes("VmPin:"))
		usleep(10000);
	ready(to);
	for (;;)
		pause();
}

static void ring_open(int socket, int to)
{
	struct io_uring ring;

	ring_register(&ring);
	if (write(socket, "b", 1) != 1)
		_exit(1);
	ready(to);
	for (;;)
		pause();
}

static pid_t start(void (*what)(int socket, int to), int socket, int from[2])
{
	pid_t pid;

	if (pipe(from))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid)
		what(socket, from[1]);
	close(from[1]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	child_wait(pid, SOON);
}

static void test_pair(const char *name, void (*gives)(int socket, int to),
		      void (*holds)(int socket, int to), bool twice)
{
	int sockets[2], giver_out[2], holder_out[2], status;
	int file = file_of(PATH, LENGTH, OWNER, 0644);
	struct change change;
	pid_t giver, holder;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets))
		tap_bail("socketpair: %s", strerror(errno));
	giver = start(gives, sockets[0], giver_out);
	wait_ready(giver_out[0]);
	holder = start(holds, sockets[1], holder_out);
	wait_ready(holder_out[0]);
	if (twice)
		wait_ready(giver_out[0]);
	tap_is(pins_become(giver, 0), 0, "%s: it has let go, the report says",
	       name);
	tap_is(pins_become(holder, 1), 1, "%s: and who has not", name);
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	status = child_wait(holder, BREAK_MS + SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "%s: the process that holds on is killed", name);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: the change is done", name);
	tap_is(child_wait(giver, 0), -1,
	       "%s: the process that has let go lives", name);
	end(giver);
	if (status == -1)
		end(holder);
	if (!change.done)
		change_done(&change, SOON);
	close(giver_out[0]);
	close(holder_out[0]);
	close(sockets[0]);
	close(sockets[1]);
	close(file);
	unlink(PATH);
}

int main(void)
{
	test_pair("region", hand_over, take_over, false);
	test_pair("ring", ring_closed, ring_open, true);
	return tap_done();
}
