// SPDX-License-Identifier: GPL-2.0
/*
 * A page of a leased file that somebody keeps in a pipe, by vmsplice(2) of his
 * own mapping of the file: no consumer, and nobody is fenced for it. An exchange
 * of extents waits for that as well. (It can be killed, and then goes on with
 * the page held, as it does without leases: the kernel warns of that.)
 */
#define _GNU_SOURCE
#include <sys/uio.h>

#include "extents.h"

#define PATH	 PMEM "spliced"
#define OTHER	 PMEM "spliced.other"
#define LENGTH	 (4 * MIB)
#define BREAK_MS 1500

/* Another user's process, which may read the file; ready when it has said so. */
static void keep_page(int ready)
{
	int fd = open(PATH, O_RDONLY), pipefd[2];
	struct iovec page = { .iov_len = 4096 };

	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000) ||
	    pipe(pipefd))
		_exit(1);
	page.iov_base = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (page.iov_base == MAP_FAILED ||
	    vmsplice(pipefd[1], &page, 1, 0) != 4096)
		_exit(2);
	munmap(page.iov_base, 4096);
	if (write(ready, "", 1) != 1)
		_exit(3);
	for (;;)
		pause();
}

int main(void)
{
	int fd, lease, ready[2];
	struct holdfast_event event;
	struct change swap;
	pid_t pid;
	char byte;

	if (!fs_is_xfs()) {
		tap_skip("extents are exchanged on XFS only");
		return tap_done();
	}
	fd = file_make(PATH, LENGTH);
	close(file_make(OTHER, LENGTH));
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid)
		keep_page(ready[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		tap_bail("no page in a pipe");
	tap_ok(lease_query(lease).pinned >= 4096, "a page is held");

	swap = change_start("swapext", PATH, 0, LENGTH, OTHER);
	tap_ok(event_next(lease, &event, SOON), "a break");
	tap_ok(!change_done(&swap, BREAK_MS + STILL),
	       "the exchange waits for the page, whatever the deadline");
	tap_ok(!kill(pid, 0) && !waitpid(pid, NULL, WNOHANG),
	       "who holds it was left alone");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tap_ok(change_done(&swap, SOON),
	       "it goes on when the page is given back");
	close(lease);
	close(fd);
	unlink(PATH);
	unlink(OTHER);
	return tap_done();
}
