/* SPDX-License-Identifier: GPL-2.0 */
/* What tests of the hooks share: which functions are hooked, and whether they protect. */
#ifndef HOLDFAST_TEST_HOOKED_H
#define HOLDFAST_TEST_HOOKED_H

#include <sys/mount.h>

#include "rdma.h"

#define TRACING	  "/sys/kernel/tracing/"
#define FTRACE_ON "/proc/sys/kernel/ftrace_enabled"

#define HOOKED_PATH   PMEM "hooked"
#define HOOKED_LENGTH (4 * MIB)

/* Names of functions that go on somewhere else (or of all those with a lease). */
struct hooked {
	char name[32][64];
	unsigned int nr;
};

static inline void tracing_mount(void)
{
	if (mount("tracefs", TRACING, "tracefs", 0, NULL) && errno != EBUSY)
		tap_bail("tracefs: %s", strerror(errno));
}

/* Returns 0 or errno. */
static inline int try_write_to(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC), err = 0;

	if (fd < 0 || write(fd, value, strlen(value)) != (ssize_t)strlen(value))
		err = errno;
	if (fd >= 0)
		close(fd);
	return err;
}

static inline void write_to(const char *path, const char *value)
{
	int err = try_write_to(path, value);

	if (err)
		tap_bail("%s: %s: %s", path, value, strerror(err));
}

static inline struct hooked hooked_now(void)
{
	FILE *list = fopen(TRACING "enabled_functions", "r");
	struct hooked hooked = { .nr = 0 };
	char line[512], *flags;

	if (!list)
		tap_bail("enabled_functions: %s", strerror(errno));
	while (hooked.nr < 32 && fgets(line, sizeof(line), list)) {
		flags = strchr(line, ')');
		if (!flags || !memchr(flags, 'I', strnlen(flags, 6)))
			continue;
		if (sscanf(line, "%63[^ (]", hooked.name[hooked.nr]) == 1)
			hooked.nr++;
	}
	fclose(list);
	return hooked;
}

/* All leases are gone, and then so are the hooks. */
static inline void unhooked_wait(void)
{
	const uint64_t end = now_ns() + SOON * 1000000ULL;

	while (hooked_now().nr) {
		if (now_ns() > end)
			tap_bail("functions stay hooked without a lease");
		usleep(50000);
	}
}

/* The functions that are hooked while a file here is leased; now they are not. */
static inline struct hooked hooked_with_lease(void)
{
	int fd = file_make(HOOKED_PATH, HOOKED_LENGTH);
	int lease = lease_make(fd, 0, HOOKED_LENGTH, HOLDFAST_BREAKABLE,
			       LONG_BREAK);
	struct hooked hooked = hooked_now();

	close(lease);
	close(fd);
	if (!hooked.nr)
		tap_bail("a lease, and no function is hooked");
	unhooked_wait();
	return hooked;
}

/* An exclusive lease refuses; a breakable one makes a change wait. */
static inline void hooks_protect(const char *what)
{
	int fd = file_make(HOOKED_PATH, HOOKED_LENGTH);
	int lease = lease_make(fd, 0, HOOKED_LENGTH, HOLDFAST_EXCLUSIVE,
			       LONG_BREAK);
	struct rdma rdma = rdma_open();
	struct holdfast_event event;
	struct change change;
	struct ibv_mr *mr;
	char *map;

	tap_is(change_make("punch", HOOKED_PATH, 0, 4096, NULL, SOON), ETXTBSY,
	       "%s: exclusive: a punch is refused", what);
	tap_is(change_make("truncate", HOOKED_PATH, 0, 0, NULL, SOON), ETXTBSY,
	       "%s: exclusive: a truncation is refused", what);
	close(lease);
	lease = lease_make(fd, 0, HOOKED_LENGTH, HOLDFAST_BREAKABLE,
			   LONG_BREAK);
	map = map_shared(fd, 0, HOOKED_LENGTH);
	mr = rdma_register(&rdma, map, HOOKED_LENGTH);
	change = change_start("punch", HOOKED_PATH, 0, 4096, NULL);
	tap_ok(event_next(lease, &event, SOON) && event.op == HOLDFAST_OP_PUNCH,
	       "%s: breakable: the holder is told of a punch", what);
	tap_ok(!change_done(&change, STILL), "%s: breakable: it waits", what);
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: breakable: then it is done", what);
	munmap(map, HOOKED_LENGTH);
	close(lease);
	close(fd);
	rdma_close(&rdma);
	unlink(HOOKED_PATH);
}

#endif
