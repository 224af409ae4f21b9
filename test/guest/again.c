// SPDX-License-Identifier: GPL-2.0
/*
 * A process whose registered memory a change waits for asks for that range again:
 * it hears at once that this would be a deadlock.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH   PMEM "again"
#define LENGTH (2 * MIB)

static int file;

static int acquire(uint64_t offset, unsigned int flags)
{
	struct hf_attr attr = { .break_ms = LONG_BREAK, .flags = flags };

	return hf_acquire(file, offset, LENGTH, &attr);
}

/* @lease is registered, a change has broken it and waits. */
static void asks(int lease, struct change *change, const char *who)
{
	uint64_t began = now_ns();
	int beside;

	tap_is(acquire(0, 0), -EDEADLK, "%s: the same range: EDEADLK", who);
	tap_is(acquire(0, HF_NONBLOCK), -EDEADLK, "%s: the same, HF_NONBLOCK",
	       who);
	tap_is(hf_restore(lease, NULL), -EDEADLK, "%s: a restore: EDEADLK",
	       who);
	tap_ok(strstr(hf_error(), "deregister"), "%s: %s", who, hf_error());
	beside = acquire(2 * LENGTH, 0);
	tap_ok(beside >= 0, "%s: another range is to be had", who);
	tap_ok((now_ns() - began) / 1000000 < (uint64_t)AT_ONCE,
	       "%s: all of it at once", who);
	tap_ok(!change_done(change, STILL), "%s: the change still waits", who);
	close(beside);
}

static void test_own(void)
{
	struct rdma rdma = rdma_open();
	int lease = acquire(0, 0), again;
	void *map = lease_map(lease, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
	struct change change = change_start("punch", PATH, 0, 4096, NULL);

	if (!readable(lease, SOON))
		tap_bail("no break");
	asks(lease, &change, "who took it");
	ibv_dereg_mr(mr);
	tap_is(hf_restore(lease, NULL), 0, "deregistered: restored");
	again = acquire(0, 0);
	tap_ok(again >= 0, "and leased once more");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change is done");
	close(again);
	munmap(map, LENGTH);
	close(lease);
	rdma_close(&rdma);
}

/* The registration is that of a process which the lease was passed to. */
static void mapper(int lease, int ready, int go)
{
	struct rdma rdma = rdma_open();
	int ret;
	char c;

	rdma_register(&rdma, lease_map(lease, 0, LENGTH), LENGTH);
	if (write(ready, "r", 1) != 1 || read(go, &c, 1) != 1)
		_exit(1);
	ret = acquire(0, 0);
	if (ret != -EDEADLK)
		_exit(2);
	ret = hf_restore(lease, NULL);
	_exit(ret == -EDEADLK ? 0 : 3);
}

/* Somebody who has nothing registered waits for the change. */
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
		mapper(lease, ready[1], go[0]);
	if (read(ready[0], &c, 1) != 1)
		tap_bail("the mapper has no region");
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
	tap_is(status, 0, "who mapped it: EDEADLK");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change is done when that one is gone");
	tap_is(child_wait(other, SOON), 0, "the bystander has his lease then");
	close(lease);
}

int main(void)
{
	file = file_make(PATH, 4 * LENGTH);
	test_own();
	test_others();
	unlink(PATH);
	return tap_done();
}
