// SPDX-License-Identifier: GPL-2.0
/*
 * A live patch and the hooks: only one of them can say where a function goes on.
 * Whichever is second is refused.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "hooked.h"

#define PATH PMEM "hooks-livepatch"
#define SYS  "/sys/kernel/livepatch/hf_livepatch/"

/* Returns 0 or errno. */
static int patch_load(void)
{
	char path[80];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/src/build/test-kmod/%s/hf_livepatch.ko",
		 getenv("HOLDFAST_LAB_KERNEL") ?: "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		tap_bail("%s: %s", path, strerror(errno));
	if (syscall(SYS_finit_module, fd, "", 0))
		err = errno;
	close(fd);
	return err;
}

/* The kernel has told all tasks. */
static bool patch_is_settled(void)
{
	char byte = '1';
	int fd = open(SYS "transition", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return true;
	if (read(fd, &byte, 1) < 0)
		byte = '1';
	close(fd);
	return byte == '0';
}

static void patch_wait(void)
{
	const uint64_t end = now_ns() + 2 * SOON * 1000000ULL;

	while (!patch_is_settled()) {
		if (now_ns() > end)
			tap_bail("the live patch does not settle");
		usleep(50000);
	}
}

static void patch_unload(void)
{
	const uint64_t end = now_ns() + SOON * 1000000ULL;

	write_to(SYS "enabled", "0");
	patch_wait();
	while (syscall(SYS_delete_module, "hf_livepatch", O_NONBLOCK)) {
		if (now_ns() > end)
			tap_bail("unload: %s", strerror(errno));
		usleep(50000);
	}
}

int main(void)
{
	int fd, lease;

	if (access("/sys/kernel/livepatch", F_OK)) {
		tap_skip("the debug kernel is built without live patches");
		return tap_done();
	}
	fd = file_make(PATH, HOOKED_LENGTH);
	tracing_mount();
	unhooked_wait();
	tap_is(patch_load(), 0, "no lease: a live patch is enabled");
	patch_wait();
	lease = hf_acquire(fd, 0, HOOKED_LENGTH, NULL);
	tap_is(lease, -EBUSY, "live patch: no lease is given");
	tap_ok(strstr(hf_error(), "live patch"), "%s", hf_error());
	patch_unload();
	hooks_protect("the live patch is gone");

	lease = lease_make(fd, 0, HOOKED_LENGTH, HOLDFAST_BREAKABLE,
			   LONG_BREAK);
	tap_is(patch_load(), EBUSY, "a lease: no live patch is enabled");
	hooks_protect("a live patch was refused");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "the lease is as it was");
	close(lease);
	close(fd);
	unlink(PATH);
	return tap_done();
}
