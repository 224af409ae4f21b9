// SPDX-License-Identifier: GPL-2.0
/* A lease that nothing pins delays no change; it only has the events. */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH   PMEM "no-consumer"
#define LENGTH (4 * MIB)

static void expect_at_once(int lease, const char *what)
{
	struct holdfast_event event;

	tap_is(change_make("truncate", PATH, 4096, 0, NULL, AT_ONCE), 0,
	       "%s: truncate at once", what);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "%s: a break is told", what);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_CHANGED,
	       "%s: and its end", what);
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "%s: the lease is active again", what);
	tap_is(lease_query(lease).deadline_ns, 0, "%s: no deadline is left",
	       what);
	tap_is(lease_query(lease).length, LENGTH, "%s: its range is as before",
	       what);
	close(lease);
}

int main(void)
{
	struct rdma rdma = rdma_open();
	struct holdfast_release release = { .size = sizeof(release) };
	int fd = file_make(PATH, LENGTH), lease;
	volatile char *map;

	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	expect_at_once(lease, "not mapped");

	fd = file_make(PATH, LENGTH);
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = map_shared(fd, 0, LENGTH);
	for (size_t i = 0; i < LENGTH; i += 4096)
		map[i] ^= 1;
	expect_at_once(lease, "mapped and touched");
	munmap((void *)map, LENGTH);

	fd = file_make(PATH, LENGTH);
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = map_shared(fd, 0, LENGTH);
	ibv_dereg_mr(rdma_register(&rdma, (void *)map, LENGTH));
	expect_at_once(lease, "registered once");
	munmap((void *)map, LENGTH);

	fd = file_make(PATH, LENGTH);
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	tap_is(ioctl(lease, HOLDFAST_IOC_RELEASE, &release), 0, "release");
	tap_is(change_make("truncate", PATH, 4096, 0, NULL, AT_ONCE), 0,
	       "released: truncate at once");
	tap_ok(!readable(lease, 0), "released: hears nothing");
	close(lease);
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
