// SPDX-License-Identifier: GPL-2.0
/*
 * A lease is passed over a socket to another user's process that was there
 * before it. That process has the lease's events, and pins after it has joined.
 */
#define _GNU_SOURCE
#include "implicit.h"
#include "pass-fd.h"
#include "rdma.h"

#define PATH   PMEM "passed-fd"
#define LENGTH (4 * MIB)

/* What it sends to the other end of the socket. */
struct answer {
	struct holdfast_query query;
	struct holdfast_event event;
	int waited;
	int last;
	int refused; /* errno of a registration before it has joined */
};

/*
 * The receiver: joins the lease, registers, waits for an event, lets go, and waits
 * for the lease's end.
 */
static void receiver(int socket)
{
	struct answer answer = { 0 };
	struct holdfast_event event;
	struct rdma rdma = rdma_open();
	struct ibv_mr *mr;
	int lease, fd;
	char *map;

	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		_exit(2);
	lease = fd_receive(socket);
	fd = open(PATH, O_RDWR | O_CLOEXEC);
	map = map_shared(fd, MIB, 4096);
	mr = ibv_reg_mr(rdma.pd, map, 4096, RDMA_ACCESS);
	answer.refused = mr ? 0 : errno;
	if (hf_query(lease, &answer.query) || hf_join(lease))
		_exit(3);
	mr = rdma_register(&rdma, map, 4096);
	if (send(socket, "m", 1, 0) != 1)
		_exit(4);
	answer.waited = hf_wait(lease, &answer.event, SOON);
	ibv_dereg_mr(mr);
	hf_wait(lease, &event, SOON); /* the end of the change */
	if (send(socket, &answer, sizeof(answer), 0) != sizeof(answer))
		_exit(5);
	answer.last = hf_wait(lease, &event, SOON);
	if (send(socket, &answer, sizeof(answer), 0) != sizeof(answer))
		_exit(6);
	_exit(0);
}

int main(void)
{
	int sockets[2], fd, lease;
	struct pin_record record = { 0 };
	struct answer answer;
	uint64_t id;
	pid_t pid;
	char byte;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets))
		tap_bail("socketpair: %s", strerror(errno));
	pid = child_fork();
	if (!pid)
		receiver(sockets[1]);
	fd = file_make(PATH, LENGTH);
	if (fchmod(fd, 0666))
		tap_bail("chmod: %s", strerror(errno));
	lease = lease_make(fd, MIB, LENGTH - MIB, HOLDFAST_BREAKABLE,
			   LONG_BREAK);
	id = lease_query(lease).id;
	fd_send(sockets[0], lease);
	close(lease);
	tap_is(recv(sockets[0], &byte, 1, 0), 1,
	       "another process has the lease, and registers");
	tap_is(pins_of(pid, &record, 1), 1, "its pins are listed");
	tap_is(record.lease, id, "as those of the lease");
	tap_is(record.uid, 1000, "with its user");

	tap_is(change_make("punch", PATH, MIB, 4096, NULL, SOON), 0,
	       "a change, after we have closed ours");
	tap_is(recv(sockets[0], &answer, sizeof(answer), 0), sizeof(answer),
	       "its answer");
	tap_is(answer.query.id, id, "it is the same lease");
	tap_is(answer.query.offset, MIB, "of the same range");
	tap_is(answer.refused, EOPNOTSUPP,
	       "without having joined it could not register");
	tap_is(answer.waited, 0, "it waits for events");
	tap_is(answer.event.type, HOLDFAST_EVENT_BREAK, "and reads them");
	tap_is(answer.event.op, HOLDFAST_OP_PUNCH, "a punch");
	tap_is(answer.event.offset, MIB, "where it was made");

	tap_is(hf_revoke(id, 0, 0), 0, "revoked");
	tap_is(recv(sockets[0], &answer, sizeof(answer), 0), sizeof(answer),
	       "its answer to that");
	tap_is(answer.last, 0, "it is told of the revocation");
	tap_is(child_wait(pid, SOON), 0, "it ends");
	close(fd);
	unlink(PATH);
	return tap_done();
}
