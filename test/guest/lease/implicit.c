// SPDX-License-Identifier: GPL-2.0
/*
 * A program that maps a file with mmap(2) and registers the mapping: refused as
 * by the stock kernel, until implicit leases are allowed.
 */
#define _GNU_SOURCE
#include "implicit.h"
#include "rdma.h"

#define PATH   PMEM "implicit"
#define LENGTH (8 * MIB)

static struct rdma rdma;
static char *map;
static int file;

static void refused_by_default(void)
{
	struct ibv_mr *mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);

	tap_ok(!mr && errno == EOPNOTSUPP,
	       "without a permission a mapping is refused (%s)",
	       mr ? "it was not" : strerror(errno));
	if (mr)
		ibv_dereg_mr(mr);
}

static void registers(void)
{
	struct ibv_mr *mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);
	static char sent[4096], seen[4096];
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	struct pin_record record = { 0 };
	int nr;

	tap_ok(mr, "with a permission it is registered (%s)",
	       mr ? "yes" : strerror(errno));
	if (!mr)
		return;
	nr = pins_of(getpid(), &record, 1);
	tap_is(nr, 1, "the report has one record for the region");
	tap_ok(!strcmp(record.consumer, "mr"), "its consumer is a region (%s)",
	       record.consumer);
	tap_is(record.address, (uintptr_t)map, "its address is the mapping's");
	tap_is(record.offset, 0, "its range begins at the file's beginning");
	tap_is(record.length, LENGTH, "and is as long as the region");
	tap_is(record.uid, getuid(), "its user is this one");
	pattern_fill(sent, sizeof(sent), 7);
	tap_is(rdma_write(&rdma, mr, 4096, sent, sizeof(sent)), IBV_WC_SUCCESS,
	       "RDMA writes into it");
	tap_ok(pread(file, seen, sizeof(seen), 4096) == sizeof(seen) &&
		       !memcmp(seen, sent, sizeof(seen)),
	       "and the file has it");
	ibv_dereg_mr(mr);
	tap_is(pins_become(getpid(), 0), 0, "deregistered it has no record");
	/* A worker ends it. */
	while (lease_listed(PATH, "active") && now_ns() < limit)
		usleep(5000);
	tap_ok(!lease_listed(PATH, "active"), "nor a lease");
}

static void waits(void)
{
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
	struct holdfast_event event = { 0 };
	struct change change;
	int watch = implicit_watch();

	change = change_start("punch", PATH, 0, 2 * MIB, NULL);
	tap_ok(event_next(watch, &event, SOON), "a change is told");
	tap_is(event.type, HOLDFAST_EVENT_BREAK, "as a break");
	tap_is(event.op, HOLDFAST_OP_PUNCH, "with its operation");
	tap_is(event.address, (uintptr_t)map, "the address of the pins");
	tap_is(event.lease_length, LENGTH, "and their length");
	change_waits_for(&change, mr, "an implicit lease");
	tap_ok(event_next(watch, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_CHANGED,
	       "the end of it is told");
	close(watch);
}

static void outside_range(void)
{
	struct ibv_mr *first = rdma_register(&rdma, map, 2 * MIB);
	struct ibv_mr *second = rdma_register(&rdma, map + 4 * MIB, 2 * MIB);
	struct holdfast_event event = { 0 };
	struct change change;
	int watch = implicit_watch();
	static char sent[4096];

	tap_is(change_make("punch", PATH, 2 * MIB, 2 * MIB, NULL, SOON), 0,
	       "a change between two regions does not wait");
	tap_ok(!readable(watch, 0), "nor is anybody told");
	change = change_start("punch", PATH, 0, 4096, NULL);
	tap_ok(event_next(watch, &event, SOON) &&
		       event.address == (uintptr_t)map,
	       "a change of the first one's range is told of that one");
	ibv_dereg_mr(first);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "it is done when that one is gone");
	tap_is(rdma_write(&rdma, second, 0, sent, sizeof(sent)), IBV_WC_SUCCESS,
	       "the other lives on");
	ibv_dereg_mr(second);
	close(watch);
}

/* Two regions that follow each other are two records, and two leases. */
static void contiguous(void)
{
	struct ibv_mr *first = rdma_register(&rdma, map, 2 * MIB);
	struct ibv_mr *second = rdma_register(&rdma, map + 2 * MIB, 2 * MIB);
	struct holdfast_event event = { 0 };
	int watch = implicit_watch();
	static char sent[4096];
	struct change change;

	tap_is(pins_of(getpid(), NULL, 0), 2, "regions side by side: records");
	change = change_start("punch", PATH, 0, 2 * MIB, NULL);
	tap_ok(event_next(watch, &event, SOON) && event.lease_length == 2 * MIB,
	       "a change of the first is told of the first");
	ibv_dereg_mr(first);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "it is done when that one is gone");
	tap_is(pins_of(getpid(), NULL, 0), 1, "the other's record stays");
	tap_is(rdma_write(&rdma, second, 0, sent, sizeof(sent)), IBV_WC_SUCCESS,
	       "the other lives on");
	ibv_dereg_mr(second);
	tap_is(pins_become(getpid(), 0), 0, "and goes with its own region");
	close(watch);
}

/* One region: a change of a part of it waits for all of it, as it is one. */
static void partial(void)
{
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH), *again;
	struct change change;

	change = change_start("punch", PATH, 4 * MIB, 2 * MIB, NULL);
	change_waits_for(&change, mr, "inside a region");
	again = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);
	tap_ok(again, "the program just registers again");
	if (again)
		ibv_dereg_mr(again);
}

static void interrupted(void)
{
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
	struct holdfast_event event = { 0 };
	int watch = implicit_watch();
	struct change change;
	static char sent[4096];

	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(event_next(watch, &event, SOON), "a truncation is told");
	kill(change.pid, SIGKILL);
	waitpid(change.pid, NULL, 0);
	tap_ok(event_next(watch, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_CHANGED,
	       "killed, it has ended");
	tap_is(rdma_write(&rdma, mr, 0, sent, sizeof(sent)), IBV_WC_SUCCESS,
	       "the region is as good as before");
	ibv_dereg_mr(mr);
	close(watch);
}

static void fences(void)
{
	int pipefd[2], status;
	struct change change;
	char ready;
	pid_t pid;

	if (pipe(pipefd))
		tap_bail("pipe");
	pid = child_fork();
	if (!pid) {
		struct rdma own = rdma_open();

		rdma_register(&own, map_shared(file, 0, LENGTH), LENGTH);
		if (write(pipefd[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(pipefd[0], &ready, 1) != 1)
		tap_bail("child");
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	status = child_wait(pid, SOON);
	tap_ok(was_killed(status),
	       "a process that does not let go is killed (status %#x)", status);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "and the change is done");
}

int main(void)
{
	int permission;

	rdma = rdma_open();
	file = file_make(PATH, LENGTH);
	map = map_shared(file, 0, LENGTH);
	refused_by_default();
	permission = implicit_allow(3000);
	registers();
	waits();
	outside_range();
	contiguous();
	partial();
	interrupted();
	fences();
	close(permission);
	refused_by_default();
	munmap(map, LENGTH);
	close(file);
	rdma_close(&rdma);
	return tap_done();
}
