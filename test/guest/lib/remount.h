/* SPDX-License-Identifier: GPL-2.0 */
/* The DAX filesystem unmounted, and mounted with other options for a test. */
#ifndef HOLDFAST_TEST_REMOUNT_H
#define HOLDFAST_TEST_REMOUNT_H

#include <sys/mount.h>

#include "common.h"

/* What a lease or a mapping still holds goes soon after its process. */
static inline bool pmem_unmount(int timeout_ms)
{
	uint64_t limit = now_ns() + timeout_ms * 1000000ULL;

	while (umount(PMEM)) {
		if (errno != EBUSY || now_ns() > limit)
			return false;
		usleep(20000);
	}
	return true;
}

static inline void pmem_mount(const char *options)
{
	if (mount("/dev/pmem0", PMEM, getenv("HOLDFAST_LAB_FS"), 0, options))
		tap_bail("mount -o %s: %s", options, strerror(errno));
}

/*
 * Mounts it with other options than the lab's, and goes on in a child: however
 * that one ends, all it held is gone when the parent mounts it as before.
 */
static inline void pmem_remount(const char *options)
{
	int status;
	pid_t pid;

	if (!pmem_unmount(SOON))
		tap_bail("umount: %s", strerror(errno));
	pmem_mount(options);
	pid = child_fork();
	if (!pid)
		return;
	/* A test that is late is told so, the child, too. */
	signal(SIGTERM, SIG_IGN);
	waitpid(pid, &status, 0);
	if (!pmem_unmount(SOON))
		tap_bail("umount: %s", strerror(errno));
	pmem_mount("dax=always");
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

#endif
