// SPDX-License-Identifier: GPL-2.0
/*
 * A holder that does not answer a break is killed at the deadline, and the
 * change completes: one that ignores it, one that is stopped and could not
 * answer, and one whose region another process keeps alive.
 */
#define _GNU_SOURCE
#include "pass-fd.h"
#include "rdma.h"

#define PATH	 PMEM "fence"
#define LENGTH	 (4 * MIB)
#define BREAK_MS 1500

static void join_and_register(int fd, int lease, struct rdma *rdma)
{
	if (hf_join(lease))
		_exit(1);
	rdma_register(rdma, map_shared(fd, 0, LENGTH), LENGTH);
}

/* Registers the file, says so, and does nothing from then on. */
static void ignore(int fd, int lease, int ready)
{
	struct rdma rdma = rdma_open();

	join_and_register(fd, lease, &rdma);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/*
 * Registers the file, and leaves a child with the RDMA device, which keeps the
 * region alive; @passed: the child gets it over a socket.
 */
static void ignore_with_child(int fd, int lease, int ready, bool passed)
{
	int sock[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sock))
		_exit(1);
	pid = passed ? fork() : 1;
	if (pid) {
		struct rdma rdma = rdma_open();

		join_and_register(fd, lease, &rdma);
		if (passed)
			fd_send(sock[0], rdma.context->cmd_fd);
		else
			pid = fork();
	} else {
		fd_receive(sock[1]);
	}
	if (pid && write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

enum holder {
	IGNORES,
	STOPPED,
	HAS_CHILD,
	PASSES_ON
};

static void try_fence(enum holder holder, const char *what)
{
	int fd = file_make(PATH, LENGTH), ready[2], status;
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	struct holdfast_event event;
	struct change change;
	uint64_t deadline;
	pid_t pid;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid && (holder == HAS_CHILD || holder == PASSES_ON))
		ignore_with_child(fd, lease, ready[1], holder == PASSES_ON);
	if (!pid)
		ignore(fd, lease, ready[1]);
	if (!readable(ready[0], SOON))
		tap_bail("no holder");
	if (holder == STOPPED)
		kill(pid, SIGSTOP);

	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "%s: the break is told", what);
	deadline = event.deadline_ns;
	tap_ok(change_done(&change, BREAK_MS + SOON),
	       "%s: the change completes", what);
	tap_is(change.error, 0, "%s: with success", what);
	tap_ok(change.end_ns >= deadline, "%s: not before the deadline", what);
	tap_diag("%s: done %.1f ms after the deadline", what,
		 (change.end_ns - deadline) / 1e6);
	status = child_wait(pid, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "%s: the holder was killed", what);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_FENCED,
	       "%s: the others that have the lease hear of the fence", what);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_CHANGED,
	       "%s: and the end of the change", what);
	tap_is(lease_query(lease).pinned, 0, "%s: nothing is pinned", what);
	close(ready[0]);
	close(ready[1]);
	close(lease);
	close(fd);
	unlink(PATH);
}

/* The test itself acquired the lease but pinned nothing: it lives on. */
int main(void)
{
	try_fence(IGNORES, "ignored");
	try_fence(STOPPED, "stopped");
	try_fence(HAS_CHILD, "a child has the device");
	try_fence(PASSES_ON, "the device was passed on");
	return tap_done();
}
