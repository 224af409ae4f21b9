// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that were copied because their blocks were shared (reflink) are pages
 * like any other.
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <sys/wait.h>

#include "extents.h"
#include "rdma.h"

#define PATH   PMEM "copied-pages"
#define OTHER  PMEM "copied-pages.other"
#define LENGTH (64 * 1024)

/* Registers in a process of its own, which may hang: 0, an errno, or -1. */
static int registers(int fd, int lease, int prot, int access)
{
	pid_t child = fork();
	int status;

	if (!child) {
		struct rdma rdma = rdma_open();
		void *map = mmap(NULL, LENGTH, prot, MAP_SHARED, fd, 0);
		struct ibv_mr *mr;

		if (map == MAP_FAILED || hf_join(lease))
			_exit(255);
		mr = ibv_reg_mr(rdma.pd, map, LENGTH, access);
		_exit(mr ? 0 : errno);
	}
	for (uint64_t end = now_ns() + SOON * 1000000ULL; now_ns() < end;) {
		if (waitpid(child, &status, WNOHANG) == child)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		usleep(10000);
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return -1;
}

int main(void)
{
	int fd, other, lease;

	if (!fs_is_xfs()) {
		tap_skip("extents are shared on XFS only");
		return tap_done();
	}
	for (int shared = 0; shared < 2; shared++) {
		const char *which = shared ? "copied" : "plain";

		fd = file_make(PATH, LENGTH);
		other = file_make(OTHER, LENGTH);
		if (shared && ioctl(other, FICLONE, fd))
			tap_bail("reflink: %s", strerror(errno));
		lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE,
				   LONG_BREAK);
		tap_is(registers(fd, lease, PROT_READ | PROT_WRITE,
				 RDMA_ACCESS),
		       0, "%s: mapped and registered to be written", which);
		tap_is(registers(fd, lease, PROT_READ | PROT_WRITE, 0), 0,
		       "%s: mapped to be written, registered to be read",
		       which);
		/* XFS has prepared more copies than the file has pages. */
		tap_is(registers(fd, lease, PROT_READ, 0),
		       shared ? EINPROGRESS : 0,
		       "%s: mapped and registered to be read%s", which,
		       shared ? ": EINPROGRESS" : "");
		close(lease);
		close(fd);
		close(other);
		unlink(PATH);
		unlink(OTHER);
	}
	return tap_done();
}
