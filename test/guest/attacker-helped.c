// SPDX-License-Identifier: GPL-2.0
/*
 * Tricks to hold up another user's truncate, in which another takes part: a
 * second user, or the kernel itself, which waits also for pages that a pipe has.
 */
#define _GNU_SOURCE
#include <sys/uio.h>

#include "attacker.h"

/* Another user, who is in on it. */
static int partner_socket;

static void passes_to_partner(struct attacker *me)
{
	attacker_hold(me);
	fd_send(partner_socket, me->rdma.context->cmd_fd);
	attacker_ready(me);
}

static void test_partner(void)
{
	int sockets[2];

	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), "socketpair");
	attack_partner = child_fork();
	if (!attack_partner) {
		user_become(ATTACKER - 1);
		close(sockets[0]);
		fd_receive(sockets[1]);
		sit();
	}
	close(sockets[1]);
	partner_socket = sockets[0];
	attack("passed to another user", passes_to_partner);
	close(partner_socket);
}

/* No consumer, but a reference: stock kernels wait for these for ever, too. */

static void splice_pages(struct attacker *me, char *map)
{
	struct iovec part = { map, 16 * 4096 };
	int pipefd[2];

	must(!pipe(pipefd), "pipe");
	must(vmsplice(pipefd[1], &part, 1, 0) > 0, "vmsplice");
	attacker_ready(me);
}

static void pipe_of_the_lease(struct attacker *me)
{
	attacker_lease(me);
	splice_pages(me, me->map);
}

static void pipe_of_the_file(struct attacker *me)
{
	attacker_lease(me);
	splice_pages(me, mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED,
			      me->fd, 0));
}

int main(void)
{
	unsigned int before = attack_init();

	test_partner();
	attack("a pipe has pages of the lease", pipe_of_the_lease);
	attack("a pipe has pages of the file", pipe_of_the_file);
	parameter_set(CAP, before);
	return tap_done();
}
