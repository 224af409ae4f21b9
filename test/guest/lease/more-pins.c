// SPDX-License-Identifier: GPL-2.0
/*
 * A process has a region that a change waits for, and needs another one in the range before it can let go
 * of that. When it reads its events it gets it, with the deadline of the first; otherwise EDEADLK.
 */
#define _GNU_SOURCE
#include "implicit.h"
#include "rdma.h"

#define PATH	 PMEM "more-pins"
#define LENGTH	 (8 * MIB)
#define PART	 (64 * 1024)
#define BREAK_MS 4000

static struct rdma rdma;
static char *map;

static struct ibv_mr *reg(size_t offset, size_t length)
{
	return ibv_reg_mr(rdma.pd, map + offset, length, RDMA_ACCESS);
}

static struct change punch(void)
{
	return change_start("punch", PATH, 0, 4096, NULL);
}

static void expect_break(int watch, struct holdfast_event *event,
			 const char *what)
{
	tap_ok(event_next(watch, event, SOON) &&
		       event->type == HOLDFAST_EVENT_BREAK,
	       "%s: an event says so", what);
}

static void try_unheard(void)
{
	struct ibv_mr *first = reg(0, PART), *second;
	struct change change = punch();

	tap_ok(lease_awaited(PATH, "breaking"), "a change waits for a region");
	second = reg(PART, PART);
	tap_ok(!second && errno == EDEADLK,
	       "a process that does not read its events: EDEADLK");
	ibv_dereg_mr(first);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change is done after it");
}

static void try_heard(void)
{
	int watch = implicit_watch();
	struct ibv_mr *first = reg(0, PART), *second, *large;
	struct holdfast_event one, two;
	struct change change = punch();
	uint64_t began;

	expect_break(watch, &one, "the change waits");
	began = now_ns();
	second = reg(PART, PART);
	tap_ok(second, "one that does: it is registered (%s)",
	       second ? "" : strerror(errno));
	tap_ok(now_ns() - began < AT_ONCE * 1000000ULL, "at once");
	expect_break(watch, &two, "the second one has to go, too");
	tap_ok(two.deadline_ns <= one.deadline_ns + 50000000ULL,
	       "by the same time (%lld ms later)",
	       (long long)(two.deadline_ns - one.deadline_ns) / 1000000);
	large = reg(0, LENGTH);
	tap_ok(large, "one that overlaps, and is made in many calls, as well");
	ibv_dereg_mr(first);
	ibv_dereg_mr(large);
	tap_ok(!change_done(&change, STILL), "the change waits for the second");
	ibv_dereg_mr(second);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "and is done after that");
	second = reg(0, LENGTH);
	tap_ok(second, "then all can be registered");
	ibv_dereg_mr(second);
	close(watch);
}

/* A region after the other: no more time than one of them has. */
static void hold_on(void)
{
	int watch;

	rdma = rdma_open();
	watch = implicit_watch();
	map = map_shared(open(PATH, O_RDWR), 0, LENGTH);
	if (watch < 0 || !reg(0, PART))
		_exit(1);
}

static void forever(int ready)
{
	size_t at = PART;
	struct ibv_mr *mr;

	hold_on();
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;; at = at == PART ? 2 * PART : PART) {
		mr = reg(at, PART);
		usleep(50000);
		if (mr)
			ibv_dereg_mr(mr);
	}
}

static void try_deadline(void)
{
	struct change change;
	int ready[2], status;
	pid_t pid;
	char c;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid)
		forever(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		tap_bail("no holder");
	change = punch();
	tap_ok(change_done(&change, BREAK_MS * time_scale() + SOON) &&
		       !change.error,
	       "a process that goes on registering: the change is done");
	tap_ok(change_ms(&change) >= BREAK_MS - 100 &&
		       change_ms(&change) < BREAK_MS + AT_ONCE,
	       "at the deadline (%ld ms)", change_ms(&change));
	status = child_wait(pid, SOON);
	tap_ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	       "and the process is fenced");
}

int main(void)
{
	int file = file_make(PATH, LENGTH), permission;

	permission = implicit_allow(BREAK_MS * time_scale());
	map = map_shared(file, 0, LENGTH);
	rdma = rdma_open();
	try_unheard();
	try_heard();
	rdma_close(&rdma);
	try_deadline();
	close(permission);
	close(file);
	unlink(PATH);
	return tap_done();
}
