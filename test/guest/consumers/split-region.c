// SPDX-License-Identifier: GPL-2.0
/*
 * The driver pins a large region in many calls. A change that comes between two of them
 * waits for the pins of the first, and the registration goes on: it does not fail.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>

#include "implicit.h"
#include "rdma.h"

#define PATH   PMEM "split-region"
#define LENGTH (8 * MIB)
#define ROUNDS 5

static struct rdma rdma;

/* Punches again and again, all of the file from some place on. */
static pid_t punch_on(void)
{
	int fd = open(PATH, O_RDWR | O_CLOEXEC);
	pid_t pid = fork();

	if (fd < 0 || pid < 0)
		tap_bail("%s: %s", PATH, strerror(errno));
	while (!pid) {
		off_t at = random() % 4 * (off_t)MIB;

		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      at, LENGTH - at))
			_exit(errno);
	}
	close(fd);
	return pid;
}

static void try_region(char *map, const char *what)
{
	unsigned int failed = 0, status;
	pid_t changer = punch_on();
	int error = 0;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct ibv_mr *mr =
			ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);

		if (mr) {
			ibv_dereg_mr(mr);
		} else {
			error = errno;
			failed++;
		}
	}
	tap_is(failed, 0, "%s: no registration fails (%s)", what,
	       strerror(error));
	kill(changer, SIGKILL);
	waitpid(changer, (int *)&status, 0);
	tap_ok(WIFSIGNALED(status), "%s: nor does a change", what);
}

int main(void)
{
	int fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int permit, lease;
	char *map;

	if (fd < 0 || ftruncate(fd, LENGTH))
		tap_bail("%s: %s", PATH, strerror(errno));
	rdma = rdma_open();
	map = map_shared(fd, 0, LENGTH);

	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, 0);
	try_region(map, "explicit");
	hf_release(lease);

	permit = implicit_allow(0);
	try_region(map, "implicit");
	close(permit);

	munmap(map, LENGTH);
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
