// SPDX-License-Identifier: GPL-2.0
/*
 * A process changes a file that it has pinned itself. Another of its threads can let
 * go in time; if none does, the change fails with EDEADLK at the deadline, and the
 * process lives.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "implicit.h"
#include "rdma.h"

#define PATH	 PMEM "own-change"
#define LENGTH	 (4 * MIB)
#define BREAK_MS (2000 * time_scale())

/* How much later than the deadline it may be: it is looked at each second. */
#define LATE_MS (3000 * time_scale())

static struct rdma rdma;
static int file;

static int truncate_all(void)
{
	return ftruncate(file, 0);
}

static int punch_all(void)
{
	return fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 LENGTH);
}

/* How long it took, in ms; *@error: its errno, or 0. */
static long timed(int (*change)(void), int *error)
{
	uint64_t begin = now_ns();

	*error = change() ? errno : 0;
	return (now_ns() - begin) / 1000000;
}

static void file_refill(void)
{
	close(file);
	file = file_make(PATH, LENGTH);
}

/* In a child: a failure of the test is then that it is killed. */
static int stuck(int (*change)(void), bool explicit)
{
	int lease = explicit ? lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE,
					  BREAK_MS)
			     : implicit_allow(BREAK_MS);
	char *map = map_shared(file, 0, LENGTH), sent[4096] = "sent";
	struct ibv_mr *mr;
	int error;
	long ms;

	rdma = rdma_open();
	mr = rdma_register(&rdma, map, LENGTH);
	ms = timed(change, &error);
	if (error != EDEADLK || ms < BREAK_MS - 100 || ms > BREAK_MS + LATE_MS)
		return 1;
	/* Nothing has happened to the region. */
	if (rdma_write(&rdma, mr, 0, sent, sizeof(sent)) != IBV_WC_SUCCESS ||
	    strcmp(map, "sent"))
		return 2;
	ibv_dereg_mr(mr);
	timed(change, &error);
	close(lease);
	return error ? 3 : 0;
}

static void test_stuck(int (*change)(void), bool explicit, const char *what)
{
	pid_t pid;

	file_refill();
	pid = child_fork();
	if (!pid)
		_exit(stuck(change, explicit));
	tap_is(child_wait(pid, BREAK_MS + SOON), 0,
	       "%s, %s: EDEADLK, then its regions go and it is done", what,
	       explicit ? "explicit" : "implicit");
}

struct answer {
	int lease;
	struct ibv_mr *mr;
};

static void *answer(void *arg)
{
	struct answer *args = arg;
	struct holdfast_event event;

	if (event_next(args->lease, &event, SOON))
		ibv_dereg_mr(args->mr);
	return NULL;
}

static void test_answered(void)
{
	struct answer args;
	pthread_t thread;
	int error;

	file_refill();
	args.lease =
		lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	args.mr = rdma_register(&rdma, map_shared(file, 0, LENGTH), LENGTH);
	if (pthread_create(&thread, NULL, answer, &args))
		tap_bail("pthread_create");
	tap_ok(timed(truncate_all, &error) < LONG_BREAK / 2 && !error,
	       "another thread lets go: the change goes on");
	pthread_join(thread, NULL);
	close(args.lease);
}

/* Another process's change is not held up by that. */
static void test_both(void)
{
	struct change other;
	pid_t pid;

	file_refill();
	pid = child_fork();
	if (!pid) {
		lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
		rdma = rdma_open();
		rdma_register(&rdma, map_shared(file, 0, LENGTH), LENGTH);
		for (;;)
			truncate_all();
	}
	tap_ok(lease_awaited(PATH, "breaking"),
	       "a change waits for its own pin");
	other = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_ok(change_done(&other, 2 * BREAK_MS + SOON) && !other.error,
	       "a change of another process goes on");
	tap_ok(change_ms(&other) <= 2 * BREAK_MS + LATE_MS, "in time: %ld ms",
	       change_ms(&other));
	tap_ok(WIFSIGNALED(child_wait(pid, SOON)), "the holder is fenced");
}

int main(void)
{
	file = file_make(PATH, LENGTH);
	test_stuck(truncate_all, true, "truncate");
	test_stuck(punch_all, true, "punch");
	test_stuck(truncate_all, false, "truncate");
	test_stuck(punch_all, false, "punch");
	rdma = rdma_open();
	test_answered();
	test_both();
	close(file);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
