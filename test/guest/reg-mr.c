// SPDX-License-Identifier: GPL-2.0
/* Stock ibv_reg_mr() refuses an fs-dax mapping and takes a lease's. */
#define _GNU_SOURCE
#include "rdma.h"

#define FILE_LEN (8 * MIB)
#define OFFSET	 (2 * MIB)
#define LENGTH	 (4 * MIB)

int main(void)
{
	static char sent[64 << 10], got[sizeof(sent)];
	struct rdma rdma = rdma_open();
	int fd = file_make(PMEM "reg-mr", FILE_LEN), lease;
	char *file = mmap(NULL, FILE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0),
	     *map;
	struct ibv_mr *mr, *plain;

	if (file == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	file[OFFSET] = 1;
	errno = 0;
	mr = ibv_reg_mr(rdma.pd, file + OFFSET, LENGTH, RDMA_ACCESS);
	tap_ok(!mr, "an fs-dax mapping is refused");
	tap_is(errno, EOPNOTSUPP, "with EOPNOTSUPP");

	lease = lease_make(fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = lease_map(lease, 0, LENGTH);
	tap_ok(!memcmp(map, file + OFFSET, LENGTH),
	       "the lease's mapping shows the file");
	mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);
	if (!tap_ok(mr, "the lease's mapping is accepted"))
		tap_bail("ibv_reg_mr: %s", strerror(errno));
	tap_is(lease_query(lease).pinned, LENGTH,
	       "the lease counts the pinned bytes");
	plain = ibv_reg_mr(rdma.pd, file + OFFSET, LENGTH, RDMA_ACCESS);
	tap_ok(plain, "and so is the file's, as the lease covers it");
	tap_ok(!ibv_reg_mr(rdma.pd, file, LENGTH, RDMA_ACCESS),
	       "but not where the lease does not reach");
	if (plain)
		ibv_dereg_mr(plain);

	pattern_fill(sent, sizeof(sent), 0xbeef);
	tap_is(rdma_write(&rdma, mr, MIB + 12, sent, sizeof(sent)),
	       IBV_WC_SUCCESS, "RDMA writes through the lease");
	tap_is(pread(fd, got, sizeof(got), OFFSET + MIB + 12), sizeof(got),
	       "read(2) of the file");
	tap_ok(!memcmp(sent, got, sizeof(sent)), "sees what RDMA wrote");
	tap_ok(!memcmp(sent, file + OFFSET + MIB + 12, sizeof(sent)),
	       "so does the file's mapping");
	tap_ok(!memcmp(sent, map + MIB + 12, sizeof(sent)), "and the lease's");

	pattern_fill(sent, sizeof(sent), 0xcafe);
	tap_is(pwrite(fd, sent, sizeof(sent), OFFSET), sizeof(sent),
	       "write(2) to the file");
	tap_ok(!memcmp(sent, map, sizeof(sent)), "shows in the lease");
	file[OFFSET + 5000] ^= 0x55;
	tap_is(map[5000], file[OFFSET + 5000],
	       "a store to the file's mapping shows in the lease");
	map[9000] ^= 0x55;
	tap_is(pread(fd, got, 1, OFFSET + 9000), 1,
	       "a store to the lease's mapping");
	tap_is(got[0], map[9000], "shows in read(2)");

	tap_is(ibv_dereg_mr(mr), 0, "deregister");
	tap_is(lease_query(lease).pinned, 0, "nothing is pinned any more");
	tap_is(hf_release(lease), 0, "release");
	rdma_close(&rdma);
	unlink(PMEM "reg-mr");
	return tap_done();
}
