// SPDX-License-Identifier: GPL-2.0
/*
 * A process whose registered memory a change waits for leases or registers that
 * range again: EDEADLK, at once.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH   PMEM "again"
#define LENGTH (2 * MIB)

static int file;
static struct rdma rdma;

static int acquire(uint64_t offset, unsigned int flags)
{
	struct hf_attr attr = { .break_ms = LONG_BREAK, .flags = flags };

	return hf_acquire(file, offset, LENGTH, &attr);
}

/* The error of registering the range, or 0. */
static int register_errno(void *map)
{
	struct ibv_mr *mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);

	if (!mr)
		return errno;
	ibv_dereg_mr(mr);
	return 0;
}

/* @map is registered, and a change waits for that. */
static void asks(void *map, struct change *change, const char *who)
{
	uint64_t began = now_ns();
	int beside;

	tap_is(acquire(0, 0), -EDEADLK, "%s: the same range: EDEADLK", who);
	tap_is(acquire(0, HF_NONBLOCK), -EDEADLK, "%s: the same, HF_NONBLOCK",
	       who);
	tap_ok(strstr(hf_error(), "deregister"), "%s: %s", who, hf_error());
	tap_is(register_errno(map), EDEADLK, "%s: a registration: EDEADLK",
	       who);
	beside = acquire(2 * LENGTH, 0);
	tap_ok(beside >= 0, "%s: another range is to be had", who);
	tap_ok((now_ns() - began) / 1000000 < (uint64_t)AT_ONCE,
	       "%s: all of it at once", who);
	tap_ok(!change_done(change, STILL), "%s: the change still waits", who);
	close(beside);
}

static void test_own(void)
{
	int lease = acquire(0, 0), again;
	void *map = map_shared(file, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
	struct change change = change_start("punch", PATH, 0, 4096, NULL);

	if (!readable(lease, SOON))
		tap_bail("no break");
	asks(map, &change, "the holder");
	ibv_dereg_mr(mr);
	tap_is(register_errno(map), 0, "deregistered: registered again");
	again = acquire(0, 0);
	tap_ok(again >= 0, "and leased once more");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change is done");
	close(again);
	munmap(map, LENGTH);
	close(lease);
}

/* The registration is that of a process which has joined the lease. */
static void joiner(int lease, int ready, int go)
{
	void *map = map_shared(file, 0, LENGTH);
	char c;

	rdma = rdma_open();
	if (hf_join(lease))
		_exit(1);
	rdma_register(&rdma, map, LENGTH);
	if (write(ready, "r", 1) != 1 || read(go, &c, 1) != 1)
		_exit(1);
	if (acquire(0, 0) != -EDEADLK)
		_exit(2);
	_exit(register_errno(map) == EDEADLK ? 0 : 3);
}

/* A process that has nothing registered waits for the change. */
static void bystander(void)
{
	_exit(acquire(0, 0) >= 0 ? 0 : 1);
}

static void test_others(void)
{
	int lease = acquire(0, 0), ready[2], go[2], status;
	struct change change;
	pid_t pid, other;
	char c;

	if (pipe(ready) || pipe(go))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid)
		joiner(lease, ready[1], go[0]);
	if (read(ready[0], &c, 1) != 1)
		tap_bail("the joiner has no region");
	change = change_start("punch", PATH, 0, 4096, NULL);
	if (!readable(lease, SOON))
		tap_bail("no break");
	other = child_fork();
	if (!other)
		bystander();
	tap_is(child_wait(other, STILL), -1, "a bystander waits");
	if (write(go[1], "g", 1) != 1)
		tap_bail("go: %s", strerror(errno));
	status = child_wait(pid, SOON);
	tap_is(status, 0, "a process that has joined: EDEADLK");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change is done when that process is gone");
	tap_is(child_wait(other, SOON), 0, "the bystander has its lease then");
	close(lease);
}

int main(void)
{
	file = file_make(PATH, 4 * LENGTH);
	rdma = rdma_open();
	test_own();
	test_others();
	rdma_close(&rdma);
	unlink(PATH);
	return tap_done();
}
