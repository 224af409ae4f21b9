// SPDX-License-Identifier: GPL-2.0
/* The administrator's limit for what is leased on one filesystem, by anybody. */
#define _GNU_SOURCE
#include "parameter.h"

#define PATH  PMEM "fs-limit"
#define LIMIT "fs_limit_mib"

static int acquire(int fd, uint64_t offset, uint64_t length)
{
	return hf_acquire(fd, offset, length, NULL);
}

/* Another user's try, as an errno. */
static int acquire_as_user(uint64_t offset, uint64_t length)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		int fd = open(PATH, O_RDWR), lease;

		if (setresuid(1000, 1000, 1000))
			_exit(255);
		lease = acquire(fd, offset, length);
		_exit(lease < 0 ? -lease : 0);
	}
	status = child_wait(pid, SOON);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void)
{
	unsigned int before = parameter_get(LIMIT);
	int fd = file_make(PATH, 8 * MIB);
	int other = open("/dev/shm/fs-limit", O_RDWR | O_CREAT, 0600);
	int lease, second;

	tap_is(before, 0, "there is no limit");
	if (other < 0 || ftruncate(other, 8 * MIB))
		tap_bail("/dev/shm/fs-limit: %s", strerror(errno));
	parameter_set(LIMIT, 4);
	tap_is(acquire(fd, 0, 4 * MIB + 4096), -EDQUOT,
	       "more than the limit: EDQUOT");
	tap_ok(strstr(hf_error(), LIMIT), "%s", hf_error());
	lease = acquire(fd, 0, 3 * MIB);
	tap_ok(lease >= 0, "less: granted");
	tap_is(acquire(fd, 4 * MIB, MIB + 4096), -EDQUOT,
	       "leases count together");
	tap_is(acquire(fd, 0, 2 * MIB), -EDQUOT, "the same pages twice, too");
	tap_is(acquire_as_user(4 * MIB, 2 * MIB), EDQUOT,
	       "and those of all users");
	tap_is(acquire_as_user(4 * MIB, MIB), 0, "he gets what is left");
	second = acquire(other, 0, 8 * MIB);
	tap_ok(second >= 0, "a file in memory is not counted");
	close(second);
	second = acquire(fd, 4 * MIB, MIB);
	tap_ok(second >= 0, "what he had is free again");
	parameter_set(LIMIT, 1);
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "a lower limit takes nothing away");
	close(second);
	tap_is(acquire(fd, 4 * MIB, 4096), -EDQUOT, "but nothing is added");
	parameter_set(LIMIT, before);
	second = acquire(fd, 0, 8 * MIB);
	tap_ok(second >= 0, "without a limit: all of it");
	close(second);
	close(lease);
	close(other);
	close(fd);
	unlink("/dev/shm/fs-limit");
	unlink(PATH);
	return tap_done();
}
