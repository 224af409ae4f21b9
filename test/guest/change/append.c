// SPDX-License-Identifier: GPL-2.0
/*
 * An append-only file on DAX: mmap(2) refuses it, and so does a new lease. A mapping
 * and a lease from before can be used as before.
 */
#define _GNU_SOURCE
#include <linux/fs.h>

#include "rdma.h"

#define PATH   PMEM "append"
#define LENGTH 4096UL

static void set_append(int fd, bool on)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags))
		tap_bail("FS_IOC_GETFLAGS: %s", strerror(errno));
	flags &= ~FS_APPEND_FL;
	flags |= on ? FS_APPEND_FL : 0;
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags))
		tap_bail("FS_IOC_SETFLAGS: %s", strerror(errno));
}

int main(void)
{
	struct rdma rdma = rdma_open();
	int fd = file_make(PATH, LENGTH), append;
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, 0);
	char *map = map_shared(fd, 0, LENGTH);
	struct ibv_mr *mr;

	set_append(fd, true);
	append = open(PATH, O_RDWR | O_APPEND | O_CLOEXEC);
	if (append < 0)
		tap_bail(PATH ": %s", strerror(errno));
	tap_ok(mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, append,
		    0) == MAP_FAILED &&
		       errno == EACCES,
	       "mmap(2): EACCES");
	tap_is(hf_acquire(append, 0, LENGTH, NULL), -EACCES, "a lease: EACCES");
	tap_ok(strstr(hf_error(), "append-only"), "%s", hf_error());
	mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);
	tap_ok(mr, "what was leased and mapped before is registered");
	if (mr)
		ibv_dereg_mr(mr);
	set_append(fd, false);
	close(lease);
	close(append);
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
