// SPDX-License-Identifier: GPL-2.0
/*
 * A holder is gone before it could be fenced, and has left a child, which has
 * made no pins but has the memory region, as it shares the RDMA device's file.
 * The change ends all the same.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH	 PMEM "orphan"
#define LENGTH	 (4 * MIB)
#define BREAK_MS 3000

/* Writes the child's pid, and does nothing from then on. */
static void hold_and_fork(int lease, int fd, int ready)
{
	struct rdma rdma = rdma_open();
	pid_t pid;

	if (hf_join(lease))
		tap_bail("join: %s", hf_error());
	rdma_register(&rdma, map_shared(fd, 0, LENGTH), LENGTH);
	pid = fork();
	if (pid && write(ready, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	for (;;)
		pause();
}

static void try_orphan(bool before, const char *what)
{
	int fd = file_make(PATH, LENGTH), ready[2];
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	struct holdfast_event event;
	struct change change;
	pid_t pid, orphan;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid)
		hold_and_fork(lease, fd, ready[1]);
	if (!readable(ready[0], SOON) ||
	    read(ready[0], &orphan, sizeof(orphan)) != sizeof(orphan))
		tap_bail("no holder");
	if (before) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(event_next(lease, &event, SOON), "%s: a break", what);
	if (!before) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	tap_ok(!change_done(&change, STILL), "%s: the change waits", what);
	tap_ok(change_done(&change, BREAK_MS + SOON), "%s: it ends", what);
	kill(orphan, SIGKILL);
	if (!change_done(&change, SOON))
		tap_bail("the change does not end at all");
	tap_is(change.error, 0, "%s: with success", what);
	tap_is(lease_query(lease).pinned, 0, "%s: nothing is pinned", what);
	close(ready[0]);
	close(ready[1]);
	close(lease);
	close(fd);
	unlink(PATH);
}

int main(void)
{
	try_orphan(false, "gone before the deadline");
	try_orphan(true, "gone before the change");
	return tap_done();
}
