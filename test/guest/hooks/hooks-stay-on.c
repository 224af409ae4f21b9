// SPDX-License-Identifier: GPL-2.0
/*
 * An administrator cannot switch the hooks off while there is a lease. Where ftrace
 * was off before, no lease is given.
 */
#define _GNU_SOURCE
#include "hooked.h"

#define PATH	PMEM "hooks-stay-on"
#define KPROBES "/sys/kernel/debug/kprobes/enabled"

static void test_with_lease(void)
{
	int fd = file_make(PATH, HOOKED_LENGTH);
	int lease = lease_make(fd, 0, HOOKED_LENGTH, HOLDFAST_EXCLUSIVE,
			       LONG_BREAK);

	tap_is(try_write_to(FTRACE_ON, "0"), EBUSY,
	       "a lease: kernel.ftrace_enabled cannot be set to 0");
	tap_is(change_make("punch", PATH, 0, 4096, NULL, SOON), ETXTBSY,
	       "a lease: the hooks are there");
	write_to(KPROBES, "0");
	tap_is(change_make("punch", PATH, 0, 4096, NULL, SOON), ETXTBSY,
	       "kprobes are switched off: the hooks are there");
	hooks_protect("kprobes are switched off");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "kprobes are switched off: the lease is as it was");
	write_to(KPROBES, "1");
	close(lease);
	close(fd);
}

static void test_off_before(void)
{
	int fd = file_make(PATH, HOOKED_LENGTH), lease;

	unhooked_wait();
	write_to(FTRACE_ON, "0");
	lease = hf_acquire(fd, 0, HOOKED_LENGTH, NULL);
	tap_is(lease, -EBUSY, "ftrace is off: no lease is given");
	tap_ok(strstr(hf_error(), "kernel.ftrace_enabled"), "%s", hf_error());
	tap_is(change_make("punch", PATH, 0, 4096, NULL, SOON), 0,
	       "ftrace is off: changes are as ever");
	write_to(FTRACE_ON, "1");
	hooks_protect("ftrace is on again");
	close(fd);
	unlink(PATH);
}

int main(void)
{
	tracing_mount();
	if (mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL) &&
	    errno != EBUSY)
		tap_bail("debugfs: %s", strerror(errno));
	test_with_lease();
	test_off_before();
	return tap_done();
}
