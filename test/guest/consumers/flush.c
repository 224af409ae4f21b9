// SPDX-License-Identifier: GPL-2.0
/*
 * A region that promises RDMA FLUSH to persistence: a leased file on an NVDIMM or on CXL memory can be one, as
 * that memory is persistent to the kernel. Legacy memory is not, and is refused with or without Holdfast.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH			PMEM "flush"
#define FILE_LEN		(4 * MIB)
/* <infiniband/verbs.h> of Debian 12 does not have these, the kernel's ABI does from 6.3 on. */
#define ACCESS_FLUSH_GLOBAL	(1 << 8)
#define ACCESS_FLUSH_PERSISTENT (1 << 9)

static struct rdma rdma;
static int lease;

/* Registers the file for @access, and takes it back. Returns 0 or the errno. */
static int register_errno(char *file, int access, uint64_t *pinned)
{
	struct ibv_mr *mr =
		ibv_reg_mr(rdma.pd, file, FILE_LEN, RDMA_ACCESS | access);

	if (!mr)
		return errno;
	*pinned = lease_query(lease).pinned;
	ibv_dereg_mr(mr);
	return 0;
}

int main(void)
{
	const char *memory = getenv("HOLDFAST_LAB_MEMORY");
	int fd = file_make(PATH, FILE_LEN), error;
	char *file = map_shared(fd, 0, FILE_LEN);
	uint64_t pinned = 0;

	rdma = rdma_open();
	lease = lease_make(fd, 0, FILE_LEN, HOLDFAST_BREAKABLE, LONG_BREAK);
	error = register_errno(file, ACCESS_FLUSH_PERSISTENT, &pinned);
	if (memory && strcmp(memory, "legacy")) {
		tap_is(error, 0, "a region that is flushed to persistence");
		tap_is(pinned, FILE_LEN, "pins the file");
		tap_is(register_errno(file,
				      ACCESS_FLUSH_PERSISTENT |
					      ACCESS_FLUSH_GLOBAL,
				      &pinned),
		       0, "and one that is flushed to visibility, too");
	} else {
		tap_ok(error, "legacy memory is not persistent: refused");
		tap_is(register_errno(file, 0, &pinned), 0,
		       "without the promise the file is registered");
	}
	tap_is(lease_query(lease).pinned, 0, "nothing stays pinned");
	close(lease);
	rdma_close(&rdma);
	unlink(PATH);
	return tap_done();
}
