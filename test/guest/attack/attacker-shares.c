// SPDX-License-Identifier: GPL-2.0
/*
 * Tricks to hold up another user's truncate: to share what holds the pins with
 * other processes, which know nothing of the lease.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/uio.h>
#include <linux/io_uring.h>

#include "attacker.h"

#define CHILDREN 8

/* Children that have all he has, and do not run. */
static void forks_stopped(struct attacker *me)
{
	attacker_hold(me);
	for (unsigned int n = 0; n < CHILDREN; n++) {
		pid_t pid = fork();

		if (!pid) {
			raise(SIGSTOP);
			sit();
		}
		must(waitpid(pid, NULL, WUNTRACED) == pid, "stopped");
	}
	attacker_ready(me);
}

/* A daemon, by the book: no parent, session or descriptor of ours. */
static void makes_a_daemon(struct attacker *me)
{
	attacker_hold(me);
	if (!fork()) {
		setsid();
		if (fork())
			_exit(0);
		close(me->lease);
		close(me->fd);
		munmap(me->map, LENGTH);
		sit();
	}
	wait(NULL);
	attacker_ready(me);
}

/* Another program has the device open and never heard of the lease. */
static void child_executes(struct attacker *me)
{
	int gone[2];
	char byte;

	attacker_hold(me);
	must(!pipe2(gone, O_CLOEXEC), "pipe");
	if (!fork()) {
		fcntl(me->rdma.context->cmd_fd, F_SETFD, 0);
		execlp("sleep", "sleep", "1000", NULL);
		_exit(1);
	}
	close(gone[1]);
	must(read(gone[0], &byte, 1) == 0, "exec");
	attacker_ready(me);
}

/* A chain of forks, of which each has it from the one before. */
static void forks_a_chain(struct attacker *me)
{
	attacker_hold(me);
	for (unsigned int n = 1; n < CHILDREN; n++) {
		if (fork()) {
			if (n > 1)
				raise(SIGSTOP);
			sit();
		}
	}
	attacker_ready(me);
}

/*
 * A ring of processes that pass it round: each keeps what it got, and sends it
 * on to one that reads.
 */
static void passes_in_a_ring(struct attacker *me)
{
	int sockets[CHILDREN][2], back[2];

	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, back), "socketpair");
	for (unsigned int n = 0; n < CHILDREN; n++)
		must(!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets[n]),
		     "socketpair");
	for (unsigned int n = 0; n < CHILDREN; n++) {
		if (!fork()) {
			int fd = fd_receive(sockets[n][1]);

			if (n + 1 < CHILDREN)
				fd_send(sockets[n + 1][0], fd);
			else
				fd_send(back[0], fd);
			sit();
		}
	}
	attacker_hold(me);
	fd_send(sockets[0][0], me->rdma.context->cmd_fd);
	/* It has been everywhere when it is here again. */
	must(fd_receive(back[1]) >= 0, "ring");
	attacker_ready(me);
}

/* --- io_uring */

static int ring_make(void)
{
	struct io_uring_params params = { 0 };

	return syscall(SYS_io_uring_setup, 4, &params);
}

static void ring_register(int ring, struct attacker *me)
{
	struct iovec part = { me->map, LENGTH };

	must(!syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS,
		      &part, 1),
	     "fixed buffer");
}

static void has_a_ring(struct attacker *me)
{
	attacker_lease(me);
	ring_register(ring_make(), me);
	attacker_ready(me);
}

/* The ring's thread in the kernel, and a child that has the ring. */
static void shares_a_ring(struct attacker *me)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SQPOLL };
	int ring;

	attacker_lease(me);
	ring = syscall(SYS_io_uring_setup, 4, &params);
	must(ring >= 0, "ring");
	ring_register(ring, me);
	if (!fork()) {
		munmap(me->map, LENGTH);
		raise(SIGSTOP);
		sit();
	}
	attacker_ready(me);
}

/* The device is only in a ring, and the ring only in a child. */
static void hides_in_a_ring(struct attacker *me)
{
	int ring = ring_make();
	pid_t pid;

	must(ring >= 0, "ring");
	pid = fork();
	if (!pid)
		sit();
	attacker_hold(me);
	must(!syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES,
		      &me->rdma.context->cmd_fd, 1),
	     "fixed file");
	attacker_ready(me);
}

int main(void)
{
	unsigned int before = attack_init();
	int ring = ring_make();

	attack("stopped children", forks_stopped);
	attack("a daemon", makes_a_daemon);
	attack("a child that executes another program", child_executes);
	attack("a chain of stopped children", forks_a_chain);
	attack("passed on in a ring", passes_in_a_ring);
	if (ring < 0) {
		tap_skip("io_uring: %s", strerror(errno));
	} else {
		close(ring);
		attack("the device in a ring of a child", hides_in_a_ring);
		attack("a fixed buffer of io_uring", has_a_ring);
		attack("a ring shared with a stopped child", shares_a_ring);
	}
	parameter_set(CAP, before);
	return tap_done();
}
