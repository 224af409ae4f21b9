// SPDX-License-Identifier: GPL-2.0
/*
 * After a break the holder registers its mapping again, and has the file as it
 * is then. Until the change is over the registration waits.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "rdma.h"
#include "extents.h"

#define PATH	 PMEM "register-again"
#define FILE_LEN (12 * MIB)
#define OFFSET	 (2 * MIB)
#define LENGTH	 (8 * MIB)

static struct rdma rdma;
static int file;

static bool told(int lease, uint32_t type)
{
	struct holdfast_event event;

	return event_next(lease, &event, SOON) && event.type == type;
}

/* Whether RDMA to @at of the region is in the file there. */
static bool reaches_file(struct ibv_mr *mr, size_t at)
{
	char sent[512], got[512];

	pattern_fill(sent, sizeof(sent), now_ns());
	return rdma_write(&rdma, mr, at, sent, sizeof(sent)) ==
		       IBV_WC_SUCCESS &&
	       pread(file, got, sizeof(got), OFFSET + at) == sizeof(got) &&
	       !memcmp(sent, got, sizeof(sent));
}

/*
 * The holder's cycle: it gets the event, deregisters, registers what @survives,
 * and goes on.
 */
static void cycle(int lease, char *map, const char *op, uint64_t offset,
		  uint64_t length, size_t survives)
{
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
	struct change change;
	char sent[512];

	pattern_fill(sent, sizeof(sent), now_ns());
	change = change_start(op, PATH, offset, length, NULL);
	tap_ok(told(lease, HOLDFAST_EVENT_BREAK), "%s: a break", op);
	tap_is(lease_query(lease).state, HOLDFAST_BREAKING,
	       "%s: the lease is breaking", op);
	tap_ok(!change_done(&change, STILL), "%s: the change waits", op);
	/* read(2) waits behind some changes, the mapping does not. */
	tap_ok(rdma_write(&rdma, mr, 0, sent, sizeof(sent)) == IBV_WC_SUCCESS &&
		       !memcmp(map, sent, sizeof(sent)),
	       "%s: RDMA goes on", op);
	tap_ok(!ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS) &&
		       errno == EDEADLK,
	       "%s: the change waits for the caller's own region: EDEADLK (%s)",
	       op, strerror(errno));
	ibv_dereg_mr(mr);
	/* It waits for the change, if that is not over yet. */
	mr = rdma_register(&rdma, map, survives);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: the change is done", op);
	tap_ok(told(lease, HOLDFAST_EVENT_CHANGED), "%s: its end is told", op);
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "%s: the lease is active", op);
	tap_is(lease_query(lease).length, LENGTH,
	       "%s: its range is what was acquired", op);
	tap_is(lease_query(lease).pinned, survives, "%s: the region is pinned",
	       op);
	tap_ok(reaches_file(mr, 0) && reaches_file(mr, survives - 4096),
	       "%s: RDMA goes to the file as it is now", op);
	ibv_dereg_mr(mr);
}

static void test_cycles(void)
{
	int lease = lease_make(file, OFFSET, LENGTH, HOLDFAST_BREAKABLE,
			       LONG_BREAK);
	char *map = map_shared(file, OFFSET, LENGTH);
	uint64_t before = block_of(file, 3 * MIB);
	struct ibv_mr *mr;

	map[MIB] = 'o';
	cycle(lease, map, "punch", 3 * MIB, MIB, LENGTH);
	tap_ok(block_of(file, 3 * MIB), "the hole has new blocks");
	tap_diag("block %llu, was %llu",
		 (unsigned long long)block_of(file, 3 * MIB),
		 (unsigned long long)before);
	tap_is(map[MIB], 0, "and shows zeros");
	cycle(lease, map, "collapse", 4 * MIB, 2 * MIB, LENGTH);
	cycle(lease, map, "truncate", OFFSET + 5 * MIB + 512, 0,
	      5 * MIB + 4096);

	tap_ok(!ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS) &&
		       errno == EFAULT,
	       "beyond the end of the file: EFAULT");
	tap_is(change_make("truncate", PATH, OFFSET, 0, NULL, AT_ONCE), 0,
	       "the file ends where the lease begins");
	tap_ok(told(lease, HOLDFAST_EVENT_BREAK) &&
		       told(lease, HOLDFAST_EVENT_CHANGED),
	       "a lease without pins has the events, too");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "the lease is active");
	tap_ok(!ibv_reg_mr(rdma.pd, map, 4096, RDMA_ACCESS),
	       "nothing is left to register");
	tap_is(ftruncate(file, FILE_LEN), 0, "it grows again");
	mr = rdma_register(&rdma, map, LENGTH);
	tap_ok(reaches_file(mr, LENGTH - 4096),
	       "the whole range is registered");
	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	tap_is(hf_release(lease), 0, "release");
}

struct registrar {
	pthread_t thread;
	char *map;
	struct ibv_mr *mr;
	bool done;
};

static void *registrar_main(void *arg)
{
	struct registrar *registrar = arg;

	registrar->mr = ibv_reg_mr(rdma.pd, registrar->map, MIB, RDMA_ACCESS);
	__atomic_store_n(&registrar->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void join_or_bail(int lease)
{
	if (hf_join(lease))
		tap_bail("join: %s", hf_error());
}

/* Another process pins, so a registration of ours is no deadlock: it waits. */
static void test_waits(void)
{
	int lease = lease_make(file, OFFSET, 2 * MIB, HOLDFAST_BREAKABLE,
			       LONG_BREAK);
	struct registrar registrar = { .map = map_shared(file, OFFSET, MIB) };
	int pair[2];
	struct change change;
	char byte;
	pid_t pid;

	if (pipe(pair))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		struct rdma own = rdma_open();

		join_or_bail(lease);
		rdma_register(&own, map_shared(file, OFFSET, MIB), MIB);
		if (write(pair[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(pair[0], &byte, 1) != 1)
		tap_bail("no other holder");
	change = change_start("punch", PATH, OFFSET, 4096, NULL);
	tap_ok(told(lease, HOLDFAST_EVENT_BREAK), "waiting: a break");
	if (pthread_create(&registrar.thread, NULL, registrar_main, &registrar))
		tap_bail("no thread");
	tap_ok(!change_done(&change, STILL) &&
		       !__atomic_load_n(&registrar.done, __ATOMIC_ACQUIRE),
	       "waiting: the change waits, and so does a registration");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "waiting: the other holder gone, the change is done");
	pthread_join(registrar.thread, NULL);
	tap_ok(registrar.mr, "waiting: then the region is made");
	tap_is(registrar.map[0], 0, "waiting: it shows the hole");
	if (registrar.mr) {
		tap_ok(reaches_file(registrar.mr, 0),
		       "waiting: RDMA goes to its new blocks");
		ibv_dereg_mr(registrar.mr);
	}
	munmap(registrar.map, MIB);
	close(pair[0]);
	close(pair[1]);
	close(lease);
}

/* A change that is interrupted leaves lease and region as they were. */
static void test_given_up(void)
{
	int lease =
		lease_make(file, OFFSET, MIB, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(file, OFFSET, MIB);
	struct ibv_mr *mr = rdma_register(&rdma, map, MIB);
	struct change change = change_start("punch", PATH, OFFSET, 4096, NULL);

	map[0] = 'g';
	tap_ok(told(lease, HOLDFAST_EVENT_BREAK), "given up: a break");
	kill(change.pid, SIGKILL);
	tap_ok(told(lease, HOLDFAST_EVENT_CHANGED),
	       "given up: a change that is killed is over");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "given up: the lease is as before");
	tap_is(lease_query(lease).deadline_ns, 0,
	       "given up: without a deadline");
	tap_is(map[0], 'g', "given up: with its content");
	tap_is(lease_query(lease).pinned, MIB, "given up: and its region");
	tap_ok(reaches_file(mr, 4096), "given up: which reaches the file");
	waitpid(change.pid, NULL, 0);
	close(change.out);
	ibv_dereg_mr(mr);
	munmap(map, MIB);
	close(lease);
}

int main(void)
{
	rdma = rdma_open();
	file = file_make(PATH, FILE_LEN);
	test_cycles();
	test_waits();
	test_given_up();
	close(file);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
