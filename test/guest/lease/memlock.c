// SPDX-License-Identifier: GPL-2.0
/*
 * A lease charges nothing to RLIMIT_MEMLOCK. A consumer charges what it pins of
 * the lease's memory, once, as it does for any other memory.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <sys/resource.h>

#include "rdma.h"
#include "status.h"

#define PATH   PMEM "memlock"
#define LENGTH (16 * MIB)
#define LIMIT  (8 * MIB)

struct holder {
	struct rdma rdma;
	int lease;
	char *map;
};

static int region_errno(struct holder *holder, size_t length)
{
	struct ibv_mr *mr =
		ibv_reg_mr(holder->rdma.pd, holder->map, length, RDMA_ACCESS);

	if (!mr)
		return errno;
	ibv_dereg_mr(mr);
	return 0;
}

static void test_region(struct holder *holder)
{
	struct ibv_mr *mr = rdma_register(&holder->rdma, holder->map, LIMIT);

	tap_is(status_bytes("VmPin:"), LIMIT,
	       "a region: its length is charged");
	tap_is(region_errno(holder, 4096), ENOMEM, "a page more: ENOMEM");
	tap_is(lease_query(holder->lease).pinned, LIMIT,
	       "and no more than the first is pinned");
	ibv_dereg_mr(mr);
	tap_is(status_bytes("VmPin:"), 0, "deregistered, nothing is charged");
	tap_is(region_errno(holder, LIMIT + 4096), ENOMEM,
	       "a region beyond the limit: ENOMEM");
	tap_is(lease_query(holder->lease).pinned, 0, "nothing of it is pinned");
	tap_is(region_errno(holder, LIMIT), 0, "the limit again");
}

/* A ring charges the user, not the process. */
static void test_buffers(struct holder *holder)
{
	struct iovec fits = { holder->map, LIMIT };
	struct iovec beyond = { holder->map, LIMIT + 4096 };
	struct io_uring ring;
	int ret = io_uring_queue_init(1, &ring, 0);

	if (ret)
		tap_bail("io_uring: %s", strerror(-ret));
	tap_is(io_uring_register_buffers(&ring, &fits, 1), 0,
	       "fixed buffers up to the limit");
	tap_is(lease_query(holder->lease).pinned, LIMIT, "are pinned");
	io_uring_unregister_buffers(&ring);
	tap_is(io_uring_register_buffers(&ring, &beyond, 1), -ENOMEM,
	       "beyond it: ENOMEM");
	tap_is(lease_query(holder->lease).pinned, 0, "nothing of it is pinned");
	io_uring_queue_exit(&ring);
}

int main(void)
{
	struct rlimit limit = { LIMIT, LIMIT };
	struct holder holder = { .rdma = rdma_open() };
	int fd = file_make(PATH, LENGTH), other;

	if (fchown(fd, 1000, 1000) || setrlimit(RLIMIT_MEMLOCK, &limit) ||
	    setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		tap_bail("a user: %s", strerror(errno));
	holder.lease =
		lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	tap_ok(holder.lease >= 0, "a lease longer than the limit");
	other = lease_make(fd, 0, LENGTH, HOLDFAST_EXCLUSIVE, 0);
	tap_ok(other >= 0, "and another one");
	holder.map = map_shared(fd, 0, LENGTH);
	tap_is(status_bytes("VmPin:") + status_bytes("VmLck:"), 0,
	       "nothing is charged for them");
	test_region(&holder);
	test_buffers(&holder);
	munmap(holder.map, LENGTH);
	close(other);
	close(holder.lease);
	close(fd);
	unlink(PATH);
	rdma_close(&holder.rdma);
	return tap_done();
}
