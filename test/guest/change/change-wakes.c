// SPDX-License-Identifier: GPL-2.0
/*
 * A change goes on as soon as the last pin that it waits for has ended, also where the pages
 * are still mapped: from 6.15 on the kernel wakes nobody then.
 */
#define _GNU_SOURCE
#include "implicit.h"
#include "rdma.h"

#define PATH   PMEM "change-wakes"
#define LENGTH (4 * MIB)
#define ROUNDS 8
/* Who looks once a second takes longer. */
#define QUICK  500

static struct rdma rdma;
static int fd;

/* Milliseconds from the end of the region to the end of the change. */
static long round_takes(char *map, int events)
{
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
	struct change change = change_start("punch", PATH, 0, 65536, NULL);
	struct holdfast_event event;
	uint64_t end;

	if (!event_next(events, &event, SOON))
		tap_bail("no break");
	usleep(100000);
	ibv_dereg_mr(mr);
	end = now_ns();
	if (!change_done(&change, SOON) || change.error)
		tap_bail("the change is not done");
	events_drop(events);
	return ((long)change.end_ns - (long)end) / 1000000;
}

static void quick(int events, const char *what)
{
	char *map = map_shared(fd, 0, LENGTH);
	long best = SOON;

	for (int i = 0; i < ROUNDS; i++) {
		long took = round_takes(map, events);

		best = took < best ? took : best;
	}
	munmap(map, LENGTH);
	tap_diag("%s: %ld ms at best", what, best);
	tap_ok(best < QUICK, "%s: the change goes on at once", what);
}

/* A lease that is released, but has a region left, ends as soon as that is gone. */
static void quick_release(void)
{
	long best = SOON;

	for (int i = 0; i < ROUNDS; i++) {
		char *map = map_shared(fd, 0, LENGTH);
		int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, 0);
		struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
		uint64_t end, limit = now_ns() + SOON * 1000000ULL;
		long took;

		close(lease);
		usleep(100000);
		ibv_dereg_mr(mr);
		end = now_ns();
		while (lease_listed(PATH, "zombie") && now_ns() < limit)
			usleep(1000);
		took = (now_ns() - end) / 1000000;
		best = took < best ? took : best;
		munmap(map, LENGTH);
	}
	tap_diag("release: %ld ms at best", best);
	tap_ok(best < QUICK, "a lease that is closed ends at once");
}

int main(void)
{
	int lease, permit, events;

	fd = file_make(PATH, LENGTH);
	rdma = rdma_open();
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	quick(lease, "explicit");
	hf_release(lease);
	events = implicit_watch();
	permit = implicit_allow(LONG_BREAK);
	quick(events, "implicit");
	close(permit);
	close(events);
	quick_release();
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
