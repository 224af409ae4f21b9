// SPDX-License-Identifier: GPL-2.0
/* Stock ibv_reg_mr() refuses an fs-dax mapping, and accepts it under a lease. */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH	 PMEM "reg-mr"
#define FILE_LEN (8 * MIB)
#define OFFSET	 (2 * MIB)
#define LENGTH	 (4 * MIB)

static struct rdma rdma;

/* 0 or why it is refused. */
static int register_errno(char *addr, size_t length)
{
	struct ibv_mr *mr = ibv_reg_mr(rdma.pd, addr, length, RDMA_ACCESS);

	if (!mr)
		return errno;
	ibv_dereg_mr(mr);
	return 0;
}

static void test_parts(int lease, char *file)
{
	struct ibv_mr *part, *odd;

	part = ibv_reg_mr(rdma.pd, file + OFFSET + MIB, 4096, RDMA_ACCESS);
	tap_ok(part, "one page is registered");
	tap_is(lease_query(lease).pinned, 4096, "and only that is pinned");
	odd = ibv_reg_mr(rdma.pd, file + OFFSET + 2 * MIB + 3, 8192 - 7,
			 RDMA_ACCESS);
	tap_ok(odd, "so are bytes that are no whole pages");
	tap_is(lease_query(lease).pinned, 4096 + 8192,
	       "whose pages are pinned, too");
	if (part)
		ibv_dereg_mr(part);
	if (odd)
		ibv_dereg_mr(odd);
	tap_is(lease_query(lease).pinned, 0, "nothing is pinned");
	tap_is(register_errno(file, LENGTH), EOPNOTSUPP,
	       "what begins before the lease is refused");
	tap_is(register_errno(file + OFFSET + 4096, LENGTH), EOPNOTSUPP,
	       "and what ends behind it");
	tap_is(lease_query(lease).pinned, 0, "nothing of that is pinned");
}

static void test_data(int fd, char *map, struct ibv_mr *mr)
{
	static char sent[64 << 10], got[sizeof(sent)];

	pattern_fill(sent, sizeof(sent), 0xbeef);
	tap_is(rdma_write(&rdma, mr, MIB + 12, sent, sizeof(sent)),
	       IBV_WC_SUCCESS, "RDMA writes into the region");
	tap_is(pread(fd, got, sizeof(got), OFFSET + MIB + 12), sizeof(got),
	       "read(2) of the file");
	tap_ok(!memcmp(sent, got, sizeof(sent)), "has what RDMA wrote");
	tap_ok(!memcmp(sent, map + MIB + 12, sizeof(sent)),
	       "and so has the mapping");

	pattern_fill(sent, sizeof(sent), 0xcafe);
	tap_is(pwrite(fd, sent, sizeof(sent), OFFSET), sizeof(sent),
	       "write(2) to the file");
	tap_ok(!memcmp(sent, map, sizeof(sent)), "shows in the mapping");
}

int main(void)
{
	int fd = file_make(PATH, FILE_LEN), lease;
	char *file = map_shared(fd, 0, FILE_LEN);
	struct ibv_mr *mr;

	rdma = rdma_open();
	file[OFFSET] = 1;
	tap_is(register_errno(file + OFFSET, LENGTH), EOPNOTSUPP,
	       "without a lease a mapping is refused");

	lease = lease_make(fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	mr = ibv_reg_mr(rdma.pd, file + OFFSET, LENGTH, RDMA_ACCESS);
	if (!tap_ok(mr, "with a lease it is accepted"))
		tap_bail("ibv_reg_mr: %s", strerror(errno));
	tap_is(lease_query(lease).pinned, LENGTH,
	       "the lease counts the pinned bytes");
	test_data(fd, file + OFFSET, mr);
	tap_is(ibv_dereg_mr(mr), 0, "deregister");
	test_parts(lease, file);
	tap_is(hf_release(lease), 0, "release");
	tap_is(register_errno(file + OFFSET, LENGTH), EOPNOTSUPP,
	       "after the lease it is refused again");
	munmap(file, FILE_LEN);
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
