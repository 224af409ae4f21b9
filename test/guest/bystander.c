// SPDX-License-Identifier: GPL-2.0
/*
 * Two holders of the same pages, or of some of them: who has answered is not
 * fenced for the other, and who was not told is told in time.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH	 PMEM "bystander"
#define LENGTH	 (8 * MIB)
#define BREAK_MS 1500

/* A process that has mapped a lease, and a region on it until it is told. */
static pid_t holder(int lease, bool answers, uint64_t length)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		struct rdma rdma = rdma_open();
		struct ibv_mr *mr = rdma_register(
			&rdma, lease_map(lease, 0, length), length);
		struct holdfast_event event;

		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		if (answers && event_next(lease, &event, -1)) {
			ibv_dereg_mr(mr);
			hf_restore(lease, NULL);
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
	       "%s: who did not answer was killed", what);
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
	pid_t good_pid = holder(good, true, LENGTH);
	pid_t bad_pid = holder(bad, false, LENGTH);
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

/* Has the file mapped by a lease, and nothing that could pin it. */
static void test_no_device(void)
{
	const char *what = "without a device";
	int fd = file_make(PATH, LENGTH);
	int idle = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	int bad = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	pid_t bad_pid = holder(bad, false, LENGTH), idle_pid;
	struct change change;
	int ready[2];
	char byte;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	idle_pid = child_fork();
	if (!idle_pid) {
		lease_map(idle, 0, LENGTH);
		if (write(ready[1], "r", 1) != 1)
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
 * The change overlaps one lease, and the consumers are those of another that
 * shares pages with the first: it is told when the first has had its time.
 */
static void test_not_told(void)
{
	const char *what = "half of the pages";
	int fd = file_make(PATH, LENGTH);
	int good = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	int bad = lease_make(fd, LENGTH / 2, LENGTH / 2, HOLDFAST_BREAKABLE,
			     BREAK_MS);
	pid_t good_pid = holder(good, true, LENGTH);
	pid_t bad_pid = holder(bad, false, LENGTH / 2);
	struct change change = change_start("punch", PATH, 0, 2 * MIB, NULL);

	tap_ok(!change_done(&change, STILL), "%s: a punch waits", what);
	tap_ok(!readable(bad, 0), "%s: of the one lease at first", what);
	tap_ok(readable(bad, BREAK_MS + SOON), "%s: then of both", what);
	tap_ok(change_done(&change, BREAK_MS + SOON) && !change.error,
	       "%s: and ends", what);
	check_fenced(bad_pid, what);
	check_alive(good_pid, what);
	close(good);
	close(bad);
	close(fd);
	unlink(PATH);
}

/* The consumers turn out to be those of an exclusive lease beside the change. */
static void test_excluded(void)
{
	const char *what = "half of the pages, exclusive";
	int fd = file_make(PATH, LENGTH);
	int idle = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	int exclusive = lease_make(fd, LENGTH / 2, LENGTH / 2,
				   HOLDFAST_EXCLUSIVE, BREAK_MS);
	pid_t pid = holder(exclusive, false, LENGTH / 2);
	struct change change = change_start("punch", PATH, 0, 2 * MIB, NULL);
	struct holdfast_query query;

	tap_ok(change_done(&change, BREAK_MS + SOON) && change.error == ETXTBSY,
	       "%s: a punch fails with ETXTBSY", what);
	tap_ok(!hf_query(idle, &query) && query.state == HOLDFAST_ACTIVE,
	       "%s: the lease it has broken is as good as before", what);
	tap_ok(!readable(exclusive, 0), "%s: the other heard nothing", what);
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
	test_not_told();
	test_excluded();
	return tap_done();
}
