// SPDX-License-Identifier: GPL-2.0
/*
 * write(2) to a file whose blocks are shared, while another process registers it: nothing
 * that was written is lost. Registering has the filesystem copy shared blocks, too.
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <sys/wait.h>

#include "extents.h"
#include "implicit.h"
#include "rdma.h"

#define PATH   PMEM "write-beside"
#define OTHER  PMEM "write-beside.other"
#define LENGTH (256 * 1024)
#define ROUNDS 150

static char written[LENGTH];

/* Registers again and again, until it is killed. */
static pid_t register_on(int fd)
{
	pid_t pid = child_fork();

	if (!pid) {
		struct rdma rdma = rdma_open();
		char *map = map_shared(fd, 0, LENGTH);

		for (;;) {
			struct ibv_mr *mr =
				ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);

			if (!mr)
				_exit(errno);
			ibv_dereg_mr(mr);
		}
	}
	return pid;
}

/* The other file's blocks are the file's, and each is written over: pages lost. */
static unsigned int round_lost(int fd, int other, int number)
{
	static char read_back[LENGTH];
	unsigned int lost = 0;

	if (ioctl(fd, FICLONE, other))
		tap_bail("reflink: %s", strerror(errno));
	memset(written, number % 255 + 1, LENGTH);
	if (pwrite(fd, written, LENGTH, 0) != LENGTH ||
	    pread(fd, read_back, LENGTH, 0) != LENGTH)
		tap_bail("%s: %s", PATH, strerror(errno));
	for (size_t at = 0; at < LENGTH; at += 4096)
		lost += memcmp(written + at, read_back + at, 4096) != 0;
	return lost;
}

int main(void)
{
	int fd, other, permit, status;
	unsigned int lost = 0;
	pid_t pid;

	if (!fs_is_xfs()) {
		tap_skip("extents are shared on XFS only");
		return tap_done();
	}
	fd = file_make(PATH, LENGTH);
	other = file_make_seed(OTHER, LENGTH, 2);
	permit = implicit_allow(LONG_BREAK);
	pid = register_on(fd);
	for (int i = 0; i < ROUNDS; i++)
		lost += round_lost(fd, other, i);
	tap_is(lost, 0, "each page has what was written");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	tap_ok(WIFSIGNALED(status), "the other process registered meanwhile");
	close(permit);
	close(fd);
	close(other);
	unlink(PATH);
	unlink(OTHER);
	return tap_done();
}
