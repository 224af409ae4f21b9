// SPDX-License-Identifier: GPL-2.0
/*
 * Regions of one process that have pages in common come and go: what is known of their
 * pins stays right page by page. Otherwise the fence would spare a process that
 * holds pages, and a change of them would wait without end.
 */
#define _GNU_SOURCE
#include <signal.h>

#include "implicit.h"
#include "rdma.h"

#define PATH	 PMEM "overlap"
#define PAGE	 4096
#define PAGES	 500 /* no large page */
#define LENGTH	 ((size_t)PAGES * PAGE)
#define BREAK_MS (2000 * time_scale())
#define REGIONS	 12
#define ROUNDS	 2000

static struct rdma rdma;
static char *map;

static struct ibv_mr *reg(unsigned int first, unsigned int last)
{
	return rdma_register(&rdma, map + first * PAGE,
			     (size_t)(last - first + 1) * PAGE);
}

static void holder_begin(size_t length)
{
	int file = open(PATH, O_RDWR | O_CLOEXEC);

	rdma = rdma_open();
	map = map_shared(file, 0, length);
}

/*
 * Pages 20-60 are registered in the end. Those of the short ones that were taken off
 * the record of pages 0-100, too, would be missing there for good when the
 * record that they were added to goes.
 */
static void register_and_deregister(void)
{
	struct ibv_mr *wide = reg(0, 100), *beside;

	reg(20, 60);
	ibv_dereg_mr(wide);
	beside = reg(90, 110);
	for (int i = 0; i < 16; i++)
		ibv_dereg_mr(reg(95, 110));
	ibv_dereg_mr(beside);
}

static void hold_implicit(void)
{
	implicit_allow(BREAK_MS);
	holder_begin(LENGTH);
	register_and_deregister();
}

static void hold_explicit(void)
{
	holder_begin(LENGTH);
	lease_make(open(PATH, O_RDWR | O_CLOEXEC), 0, LENGTH,
		   HOLDFAST_BREAKABLE, BREAK_MS);
	register_and_deregister();
}

static void fenced(void (*hold)(void), const char *what)
{
	pid_t holder = child_holding(hold);
	struct change change = change_start("truncate", PATH, 0, 0, NULL);
	int status;

	status = child_wait(holder, BREAK_MS + SOON);
	tap_ok(was_killed(status), "%s: who does not let go is fenced", what);
	/* What fails must not hang. */
	kill(holder, SIGKILL);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: and the change is done", what);
	if (truncate(PATH, LENGTH))
		tap_bail("%s: %s", PATH, strerror(errno));
}

/* --- of two processes */

#define FAR	   ((unsigned int)(2 * MIB / PAGE)) /* in the next 2 MiB */
#define FAR_LENGTH (4 * MIB)

/* One record, of which a single page is left. */
static void hold_first_page(void)
{
	struct ibv_mr *all;

	implicit_allow(BREAK_MS);
	holder_begin(FAR_LENGTH);
	all = reg(0, FAR_LENGTH / PAGE - 1);
	reg(0, 0);
	ibv_dereg_mr(all);
}

static void hold_far_page(void)
{
	implicit_allow(BREAK_MS);
	holder_begin(FAR_LENGTH);
	reg(FAR + 10, FAR + 10);
}

static void spared(void)
{
	struct change change;
	pid_t first, far;
	int status;

	if (truncate(PATH, FAR_LENGTH))
		tap_bail("%s: %s", PATH, strerror(errno));
	first = child_holding(hold_first_page);
	far = child_holding(hold_far_page);
	change = change_start("punch", PATH, FAR * PAGE, 16 * PAGE, NULL);
	status = child_wait(far, BREAK_MS + SOON);
	tap_ok(was_killed(status), "who holds a page of the change is fenced");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "and the change is done");
	tap_is(child_wait(first, 0), -1,
	       "who had that page in a region, and has others left, lives");
	kill(first, SIGKILL);
	child_wait(first, SOON);
}

/* Regions at random, of an explicit lease: the report counts each page once. */
static void at_random(void)
{
	struct ibv_mr *regions[REGIONS] = { 0 };
	unsigned int held[PAGES] = { 0 }, wrong = 0;
	int file = open(PATH, O_RDWR | O_CLOEXEC), lease;

	holder_begin(LENGTH);
	lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, 0);
	srandom(2026);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct ibv_mr **mr = &regions[random() % REGIONS];
		unsigned int first, last, pages = 0;

		if (*mr) {
			first = ((char *)(*mr)->addr - map) / PAGE;
			last = first + (*mr)->length / PAGE - 1;
			ibv_dereg_mr(*mr);
			*mr = NULL;
		} else {
			first = random() % PAGES;
			last = first + random() % (PAGES - first);
			*mr = reg(first, last);
		}
		for (unsigned int j = first; j <= last; j++)
			held[j] += *mr ? 1 : -1;
		for (unsigned int j = 0; j < PAGES; j++)
			pages += held[j] > 0;
		wrong += report_pinned() != (uint64_t)pages * PAGE;
	}
	tap_is(wrong, 0,
	       "the report has the pages of all regions, each once, at each look");
	for (unsigned int i = 0; i < REGIONS; i++) {
		if (regions[i])
			ibv_dereg_mr(regions[i]);
	}
	tap_is(report_pinned(), 0, "and none in the end");
	tap_is(hf_release(lease), 0, "the lease is released");
	munmap(map, LENGTH);
	rdma_close(&rdma);
	close(file);
}

int main(void)
{
	close(file_make(PATH, LENGTH));
	fenced(hold_implicit, "implicit");
	fenced(hold_explicit, "explicit");
	at_random();
	spared();
	unlink(PATH);
	return tap_done();
}
