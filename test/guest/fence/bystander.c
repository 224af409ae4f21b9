// SPDX-License-Identifier: GPL-2.0
/*
 * Two holders of the same pages, or of some of them: a holder that has answered is
 * not fenced for the other, and one of other pages hears nothing.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH	 PMEM "bystander"
#define LENGTH	 (8 * MIB)
#define BREAK_MS 1500

/* A process that has joined a lease, and has a region until it is told. */
static pid_t holder(int fd, int lease, bool answers, uint64_t offset,
		    uint64_t length)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		char *map = map_shared(fd, offset, length);
		struct rdma rdma = rdma_open();
		struct holdfast_event event;
		struct ibv_mr *mr;

		if (hf_join(lease))
			_exit(1);
		mr = rdma_register(&rdma, map, length);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		if (answers && event_next(lease, &event, -1)) {
			ibv_dereg_mr(mr);
			/* It waits for the change. */
			ibv_reg_mr(rdma.pd, map, length, RDMA_ACCESS);
		}
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		tap_bail("no holder");
	close(ready[0]);
	return pid;
}

static void check_fenced(pid_t pid, const char *what)
{
	int status = child_wait(pid, SOON);

	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "%s: the holder that did not answer was killed", what);
}

static void check_alive(pid_t pid, const char *what)
{
	tap_ok(!waitpid(pid, NULL, WNOHANG), "%s: the other was not", what);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* @later: the one who does not answer has that much more time. */
static void test_same_pages(unsigned int later, const char *what)
{
	int fd = file_make(PATH, LENGTH);
	int good = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	int bad =
		lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS + later);
	pid_t good_pid = holder(fd, good, true, 0, LENGTH);
	pid_t bad_pid = holder(fd, bad, false, 0, LENGTH);
	struct change change = change_start("truncate", PATH, 0, 0, NULL);

	tap_ok(change_done(&change, BREAK_MS + later + SOON) && !change.error,
	       "%s: the truncate ends", what);
	check_fenced(bad_pid, what);
	check_alive(good_pid, what);
	close(good);
	close(bad);
	close(fd);
	unlink(PATH);
}

/* A process that has joined a lease and mapped the file, and pins nothing. */
static void test_no_device(void)
{
	const char *what = "without a device";
	int fd = file_make(PATH, LENGTH);
	int idle = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	int bad = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	pid_t bad_pid = holder(fd, bad, false, 0, LENGTH), idle_pid;
	struct change change;
	int ready[2];
	char byte;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	idle_pid = child_fork();
	if (!idle_pid) {
		map_shared(fd, 0, LENGTH);
		if (hf_join(idle) || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(ready[0], &byte, 1) != 1)
		tap_bail("no mapping");
	close(ready[0]);
	close(ready[1]);
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(change_done(&change, BREAK_MS + SOON) && !change.error,
	       "%s: the truncate ends", what);
	check_fenced(bad_pid, what);
	check_alive(idle_pid, what);
	close(idle);
	close(bad);
	close(fd);
	unlink(PATH);
}

/*
 * The change meets one of two leases that share pages. The other's consumers are of
 * bytes beside the change: nobody waits for them.
 */
static void test_beside(void)
{
	const char *what = "half of the pages";
	int fd = file_make(PATH, LENGTH);
	int good = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	int beside = lease_make(fd, LENGTH / 2, LENGTH / 2, HOLDFAST_BREAKABLE,
				BREAK_MS);
	pid_t good_pid = holder(fd, good, true, 0, LENGTH);
	pid_t beside_pid = holder(fd, beside, false, LENGTH / 2, LENGTH / 2);
	struct change change = change_start("punch", PATH, 0, 2 * MIB, NULL);

	tap_ok(change_done(&change, AT_ONCE) && !change.error,
	       "%s: a punch waits for the one holder only", what);
	tap_ok(!readable(beside, STILL), "%s: the other hears nothing", what);
	tap_is(lease_query(beside).pinned, LENGTH / 2, "%s: and has its pages",
	       what);
	check_alive(good_pid, what);
	check_alive(beside_pid, what);
	close(good);
	close(beside);
	close(fd);
	unlink(PATH);
}

/* The same, with an exclusive lease beside the change. */
static void test_beside_exclusive(void)
{
	const char *what = "half of the pages, exclusive";
	int fd = file_make(PATH, LENGTH);
	int idle = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	int exclusive = lease_make(fd, LENGTH / 2, LENGTH / 2,
				   HOLDFAST_EXCLUSIVE, BREAK_MS);
	pid_t pid = holder(fd, exclusive, false, LENGTH / 2, LENGTH / 2);

	tap_is(change_make("punch", PATH, 0, 2 * MIB, NULL, AT_ONCE), 0,
	       "%s: a punch is made at once", what);
	tap_is(lease_query(idle).state, HOLDFAST_ACTIVE,
	       "%s: the lease that it met is active", what);
	tap_ok(!readable(exclusive, 0), "%s: the other heard nothing", what);
	tap_is(lease_query(exclusive).pinned, LENGTH / 2,
	       "%s: and has its pages", what);
	check_alive(pid, what);
	close(idle);
	close(exclusive);
	close(fd);
	unlink(PATH);
}

int main(void)
{
	test_same_pages(0, "the same pages");
	test_same_pages(3000, "the same pages, later");
	test_no_device();
	test_beside();
	test_beside_exclusive();
	return tap_done();
}
