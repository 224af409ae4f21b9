// SPDX-License-Identifier: GPL-2.0
/*
 * When "holdfast run" takes a region: only if a change wants it at that moment, and then in time, whatever else the
 * program registers. This program runs itself under it, and from then on calls mmap(2) and libibverbs alone.
 */
#define _GNU_SOURCE
#include "common.h"
#include "rdma.h"

#define PATH	 PMEM "run-looks"
#define LENGTH	 (4 * MIB)
#define GRACE_S	 "2"
#define GRACE_MS 2000

static int file;

static bool is_usable(struct rdma *by, struct ibv_mr *mr)
{
	static char data[4096];

	return rdma_write(by, mr, 0, data, sizeof(data)) == IBV_WC_SUCCESS;
}

/* A change gives up before the time: the region stays. */
static void try_given_up(void)
{
	struct rdma own = rdma_open();
	char *addr = map_shared(file, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(&own, addr, LENGTH);
	struct change change =
		change_start("truncate", PATH, LENGTH / 2, 0, NULL);

	tap_ok(!change_done(&change, GRACE_MS / 3), "a change waits");
	kill(change.pid, SIGKILL);
	tap_ok(was_killed(child_wait(change.pid, SOON)), "and gives up");
	close(change.out);
	usleep(3 * GRACE_MS * 1000);
	tap_ok(is_usable(&own, mr), "given up: the region is as it was");
	tap_is(ibv_dereg_mr(mr), 0, "given up: and is deregistered");
	munmap(addr, LENGTH);
	rdma_close(&own);
}

/* Registrations that come while it waits do not give the first one more time. */
static void try_more(void)
{
	struct rdma own = rdma_open();
	char *addr = map_shared(file, 0, LENGTH);
	struct ibv_mr *mrs[16] = { rdma_register(&own, addr, LENGTH) };
	struct change change = change_start("punch", PATH, 0, LENGTH, NULL);
	long taken_ms = 0;
	int made = 0;

	tap_ok(is_usable(&own, mrs[0]), "more: a region works");
	for (int i = 1; i < 16; i++) {
		usleep(GRACE_MS / 4 * 1000);
		mrs[i] = ibv_reg_mr(own.pd, addr + i * 4096, 4096, RDMA_ACCESS);
		made += !!mrs[i];
		if (!taken_ms && !is_usable(&own, mrs[0]))
			taken_ms = change_ms(&change);
	}
	tap_is(made, 15, "more: others are made while a change waits");
	tap_ok(taken_ms >= GRACE_MS / 2 && taken_ms < GRACE_MS + AT_ONCE / 2,
	       "more: the first region is taken in time (%ld ms)", taken_ms);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "more: the change is done (%ld ms)", change_ms(&change));
	for (int i = 0; i < 16; i++)
		if (mrs[i])
			ibv_dereg_mr(mrs[i]);
	munmap(addr, LENGTH);
	rdma_close(&own);
}

int main(int argc, char **argv)
{
	if (argc == 1)
		execlp("holdfast", "holdfast", "run", "--hitless", "--grace",
		       GRACE_S, "--break-time", "60", argv[0], "under", NULL);
	file = file_make(PATH, LENGTH);
	try_given_up();
	try_more();
	close(file);
	unlink(PATH);
	return tap_done();
}
