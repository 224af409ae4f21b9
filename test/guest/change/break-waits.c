// SPDX-License-Identifier: GPL-2.0
/*
 * A change that overlaps a breakable lease waits until the memory region is
 * gone, and the lease's events say what it is.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH	 PMEM "break-waits"
#define OTHER	 PMEM "break-waits.other"
#define FILE_LEN (8 * MIB)
#define OFFSET	 (2 * MIB)
#define LENGTH	 (4 * MIB)
#define TO_END	 (~0ULL)

static const struct {
	const char *op;
	uint64_t offset;
	uint64_t length;
	uint32_t want_op;
	uint64_t want_length;
	bool reflink;
} changes[] = {
	{ "truncate", 3 * MIB, 0, HOLDFAST_OP_TRUNCATE, TO_END, false },
	{ "ftruncate", 0, 0, HOLDFAST_OP_TRUNCATE, TO_END, false },
	{ "open", 0, 0, HOLDFAST_OP_TRUNCATE, TO_END, false },
	{ "punch", 4 * MIB, 4096, HOLDFAST_OP_PUNCH, 4096, false },
	{ "zero", 3 * MIB, MIB, HOLDFAST_OP_ZERO, MIB, false },
	{ "collapse", 0, 4096, HOLDFAST_OP_COLLAPSE, TO_END, false },
	{ "insert", MIB, 4096, HOLDFAST_OP_INSERT, TO_END, false },
	{ "reflink", 2 * MIB, MIB, HOLDFAST_OP_REFLINK, MIB, true },
	{ "reflink-from", 2 * MIB, MIB, HOLDFAST_OP_REFLINK, MIB, true },
	{ "dedupe", 2 * MIB, MIB, HOLDFAST_OP_DEDUPE, MIB, true },
};

static void try_change(size_t i)
{
	const char *op = changes[i].op;
	struct rdma rdma = rdma_open();
	struct holdfast_query query;
	struct holdfast_event event;
	struct change change;
	uint64_t asked_ns, told_ns, dereg_ns;
	struct ibv_mr *mr;
	double left_ms;
	int fd, lease, other;
	char *map;

	fd = file_make(PATH, FILE_LEN);
	/* The same bytes, for dedupe to find the same. */
	other = file_make(OTHER, FILE_LEN);
	lease = lease_make(fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = map_shared(fd, OFFSET, LENGTH);
	mr = rdma_register(&rdma, map, LENGTH);
	tap_ok(!readable(lease, 0), "%s: no event before it", op);

	asked_ns = now_ns();
	change = change_start(op, PATH, changes[i].offset, changes[i].length,
			      OTHER);
	if (!tap_ok(event_next(lease, &event, SOON),
		    "%s: the lease becomes readable", op)) {
		ibv_dereg_mr(mr);
		change_done(&change, SOON);
		tap_diag("errno %d after %ld ms", change.error,
			 change_ms(&change));
		goto out;
	}
	told_ns = now_ns();
	tap_is(event.type, HOLDFAST_EVENT_BREAK, "%s: with a break", op);
	tap_is(event.seq, 1, "%s: the first event", op);
	tap_is(event.op, changes[i].want_op, "%s: operation", op);
	tap_is(event.offset, changes[i].offset, "%s: offset", op);
	tap_is(event.length, changes[i].want_length, "%s: length", op);
	tap_is(event.pid, change.pid, "%s: pid", op);
	tap_is_str(event.comm, "change", "%s: name of the task", op);
	tap_ok(event.time_ns >= asked_ns && event.time_ns <= told_ns,
	       "%s: time", op);
	left_ms = (event.deadline_ns - event.time_ns) / 1e6;
	tap_ok(left_ms > LONG_BREAK - 100 && left_ms <= LONG_BREAK,
	       "%s: the deadline is a break time away", op);

	query = lease_query(lease);
	tap_is(query.state, HOLDFAST_BREAKING, "%s: state", op);
	tap_is(query.deadline_ns, event.deadline_ns,
	       "%s: deadline of the query", op);
	tap_is(event.lease, query.id, "%s: lease id", op);

	tap_ok(!change_done(&change, STILL), "%s: waits while the region lives",
	       op);
	tap_ok(!readable(lease, 0), "%s: one break is one event", op);
	dereg_ns = now_ns();
	ibv_dereg_mr(mr);
	mr = NULL;
	tap_ok(change_done(&change, SOON), "%s: ends when it is gone", op);
	tap_is(change.error, 0, "%s: with success", op);
	tap_ok(change.end_ns >= dereg_ns, "%s: not before", op);
	tap_diag(
		"%s: event %.1f ms after the start, end %.1f ms after deregistration",
		op, (event.time_ns - change.begin_ns) / 1e6,
		(change.end_ns - dereg_ns) / 1e6);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_CHANGED,
	       "%s: an event says it has ended", op);
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "%s: the lease is active", op);
out:
	if (mr)
		ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	close(lease);
	close(fd);
	close(other);
	unlink(PATH);
	unlink(OTHER);
	rdma_close(&rdma);
}

int main(void)
{
	const char *fs = getenv("HOLDFAST_LAB_FS");

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		if (changes[i].reflink && fs && strcmp(fs, "xfs"))
			tap_skip("%s: %s shares no blocks", changes[i].op, fs);
		else
			try_change(i);
	}
	return tap_done();
}
