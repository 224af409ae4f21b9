// SPDX-License-Identifier: GPL-2.0
/*
 * A lease that is passed over a socket, to another user's process that was
 * there before it: who has the descriptor has the lease.
 */
#define _GNU_SOURCE
#include "pass-fd.h"

#define PATH   PMEM "passed-fd"
#define LENGTH (4 * MIB)

/* What it has found out, to the other end of the socket. */
struct answer {
	struct holdfast_query query;
	struct holdfast_event event;
	int waited;
	int last;
	char seen;
};

/* The receiver: looks at the lease, waits for an event, then for the end. */
static void receiver(int socket)
{
	struct answer answer = { 0 };
	struct holdfast_event event;
	int lease;
	void *map;

	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		_exit(2);
	lease = fd_receive(socket);
	if (hf_query(lease, &answer.query) || hf_map(lease, 0, 4096, &map))
		_exit(3);
	answer.seen = *(char *)map;
	if (send(socket, "m", 1, 0) != 1)
		_exit(4);
	answer.waited = hf_wait(lease, &answer.event, SOON);
	hf_wait(lease, &event, SOON); /* the end of the change */
	if (send(socket, &answer, sizeof(answer), 0) != sizeof(answer))
		_exit(5);
	answer.last = hf_wait(lease, &event, SOON);
	if (send(socket, &answer, sizeof(answer), 0) != sizeof(answer))
		_exit(6);
	_exit(0);
}

static bool listed(uint64_t id, pid_t mapper)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	bool found = false;

	if (hf_report_open(NULL, &report))
		tap_bail("report: %s", hf_error());
	while (hf_report_next(report, &entry) == 1) {
		if (entry.id != id)
			continue;
		for (size_t i = 0; i < entry.mapper_count; i++)
			found = found || entry.mappers[i] == mapper;
	}
	hf_report_close(report);
	return found;
}

int main(void)
{
	int sockets[2], fd, lease;
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
	if (pwrite(fd, "x", 1, MIB) != 1)
		tap_bail("write: %s", strerror(errno));
	lease = lease_make(fd, MIB, LENGTH - MIB, HOLDFAST_BREAKABLE,
			   LONG_BREAK);
	id = lease_query(lease).id;
	fd_send(sockets[0], lease);
	close(lease);
	tap_is(recv(sockets[0], &byte, 1, 0), 1, "it got the lease");
	tap_ok(listed(id, pid), "and is listed as one who mapped it");

	tap_is(change_make("punch", PATH, MIB, 4096, NULL, SOON), 0,
	       "a change, after we have closed ours");
	tap_is(recv(sockets[0], &answer, sizeof(answer), 0), sizeof(answer),
	       "its answer");
	tap_is(answer.query.id, id, "it is the same lease");
	tap_is(answer.query.offset, MIB, "of the same range");
	tap_is(answer.seen, 'x', "with the file's content");
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
