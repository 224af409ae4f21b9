// SPDX-License-Identifier: GPL-2.0
/*
 * The administrator's limit for what is pinned on one filesystem, by all users. A
 * lease alone counts for nothing.
 */
#define _GNU_SOURCE
#include "implicit.h"
#include "parameter.h"
#include "rdma.h"

#define PATH   PMEM "fs-limit"
#define LENGTH (8 * MIB)
#define LIMIT  "fs_limit_mib"

static struct rdma rdma;
static char *map;

/* NULL, with errno set: it was refused. */
static struct ibv_mr *pin(uint64_t offset, uint64_t length)
{
	return ibv_reg_mr(rdma.pd, map + offset, length, RDMA_ACCESS);
}

static int pin_errno(uint64_t offset, uint64_t length)
{
	struct ibv_mr *mr = pin(offset, length);

	if (!mr)
		return errno;
	ibv_dereg_mr(mr);
	return 0;
}

/* Another user's try. */
static int pin_errno_as_user(int fd, uint64_t offset, uint64_t length)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		if (setresuid(1000, 1000, 1000))
			_exit(255);
		rdma = rdma_open();
		lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, 0);
		_exit(pin_errno(offset, length));
	}
	status = child_wait(pid, SOON);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* An implicit lease that has ended, or is about to, counts no more. */
static void test_again(void)
{
	int permit = implicit_allow(0), refused = 0;

	parameter_set(LIMIT, 4);
	for (int i = 0; i < 50; i++)
		refused += pin_errno(i % 2 * 4 * MIB, 4 * MIB) != 0;
	tap_is(refused, 0, "as much as there is, again and again: granted");
	close(permit);
}

int main(void)
{
	unsigned int before = parameter_get(LIMIT);
	int fd = file_make(PATH, LENGTH), lease;
	struct ibv_mr *first, *second;

	rdma = rdma_open();
	map = map_shared(fd, 0, LENGTH);
	tap_is(before, 0, "there is no limit");
	parameter_set(LIMIT, 4);
	lease = hf_acquire(fd, 0, LENGTH, NULL);
	tap_ok(lease >= 0, "a lease of more than the limit");
	tap_is(pin_errno(0, 4 * MIB + 4096), EDQUOT,
	       "pins of more than the limit: EDQUOT");
	tap_is(lease_query(lease).pinned, 0, "nothing is pinned");
	first = pin(0, 3 * MIB);
	tap_ok(first, "less: granted");
	tap_is(pin_errno(4 * MIB, MIB + 4096), EDQUOT, "pins count together");
	tap_is(pin_errno_as_user(fd, 4 * MIB, 2 * MIB), EDQUOT,
	       "and those of all users");
	tap_is(pin_errno_as_user(fd, 0, 2 * MIB), EDQUOT,
	       "another user's of the same pages, too");
	tap_is(pin_errno_as_user(fd, 4 * MIB, MIB), 0,
	       "another user gets what is left");
	second = pin(4 * MIB, MIB);
	tap_ok(second, "what that user had is free again");
	parameter_set(LIMIT, 1);
	tap_is(lease_query(lease).pinned, 4 * MIB,
	       "a lower limit takes nothing away");
	if (second)
		ibv_dereg_mr(second);
	tap_is(pin_errno(4 * MIB, 4096), EDQUOT, "but nothing is added");
	parameter_set(LIMIT, before);
	tap_is(pin_errno(0, LENGTH), 0, "without a limit: all of it");
	if (first)
		ibv_dereg_mr(first);
	close(lease);
	test_again();
	parameter_set(LIMIT, before);
	munmap(map, LENGTH);
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
