// SPDX-License-Identifier: GPL-2.0
/*
 * Changes outside a registered range do not wait, whether a lease covers their
 * range or not: the filesystems search the whole file for busy pages, Holdfast
 * narrows that down. A lease that a change does not meet is not broken. Nor do
 * operations wait that change no blocks of the file, wherever they are.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH	 PMEM "outside"
#define OTHER	 PMEM "outside.other"
#define FILE_LEN (16 * MIB)
#define OFFSET	 (4 * MIB)
#define LENGTH	 (4 * MIB)

static const struct {
	const char *op;
	uint64_t offset;
	uint64_t length;
	uint64_t size_after;
} changes[] = {
	{ "copy-from", 4 * MIB, MIB, FILE_LEN },
	{ "copy-to", 6 * MIB, MIB, FILE_LEN },
	{ "append", 0, 8192, FILE_LEN + 8192 },
	{ "truncate", FILE_LEN + 4 * MIB, 0, FILE_LEN + 4 * MIB },
	{ "allocate", FILE_LEN + 4 * MIB, MIB, FILE_LEN + 5 * MIB },
	{ "punch", 12 * MIB, 2 * MIB, FILE_LEN + 5 * MIB },
	{ "punch", 8 * MIB, 4096, FILE_LEN + 5 * MIB },
	{ "punch", 0, 2 * MIB, FILE_LEN + 5 * MIB },
	{ "punch", 4 * MIB - 4096, 4096, FILE_LEN + 5 * MIB },
	{ "zero", 10 * MIB, 4096, FILE_LEN + 5 * MIB },
	{ "insert", 10 * MIB, 4096, FILE_LEN + 5 * MIB + 4096 },
	{ "collapse", 10 * MIB, 4096, FILE_LEN + 5 * MIB },
	{ "truncate", 8 * MIB, 0, 8 * MIB },
};

/*
 * Give the change something to find on both sides of where it begins: kernels
 * from 6.15 warn when a DAX entry is left that they were not shown.
 */
static void touch_around(char *file, uint64_t at, uint64_t size)
{
	uint64_t end = at + MIB;

	if (end > size)
		end = size;
	if (end > FILE_LEN)
		end = FILE_LEN;
	for (uint64_t i = at < MIB ? 0 : at - MIB; i < end; i += 4096)
		file[i] ^= 1;
}

/* All changes beside a region in the middle, with a lease of this range. */
static void test_lease(struct rdma *rdma, uint64_t offset, uint64_t length,
		       const char *what)
{
	static char sent[4096], got[sizeof(sent)];
	int fd = file_make(PATH, FILE_LEN);
	/* A mapped file is what kernels up to 6.14 search for busy pages. */
	char *file = map_shared(fd, 0, FILE_LEN);
	int lease =
		lease_make(fd, offset, length, HOLDFAST_BREAKABLE, LONG_BREAK);
	struct ibv_mr *mr = rdma_register(rdma, file + OFFSET, LENGTH);
	struct stat st;

	for (size_t i = 0; i < FILE_LEN; i += 4096)
		file[i] ^= 1;

	st.st_size = FILE_LEN;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const char *op = changes[i].op;
		unsigned long long at = changes[i].offset;

		touch_around(file, at, st.st_size);
		tap_is(change_make(op, PATH, at, changes[i].length, OTHER,
				   AT_ONCE),
		       0, "%s: %s at %llu: at once", what, op, at);
		fstat(fd, &st);
		tap_is(st.st_size, changes[i].size_after,
		       "%s: %s at %llu: size", what, op, at);
		if (length == LENGTH)
			tap_ok(!readable(lease, 0), "%s: %s at %llu: no event",
			       what, op, at);
		pattern_fill(sent, sizeof(sent), i);
		tap_is(rdma_write(rdma, mr, MIB * (i % 4), sent, sizeof(sent)),
		       IBV_WC_SUCCESS, "%s: %s at %llu: RDMA goes on", what, op,
		       at);
		tap_ok(pread(fd, got, sizeof(got), OFFSET + MIB * (i % 4)) ==
				       sizeof(got) &&
			       !memcmp(sent, got, sizeof(sent)),
		       "%s: %s at %llu: into the file", what, op, at);
	}
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "%s: the lease is active", what);
	tap_is(lease_query(lease).pinned, LENGTH, "%s: the region is whole",
	       what);
	ibv_dereg_mr(mr);
	munmap(file, FILE_LEN);
	close(lease);
	close(fd);
	unlink(PATH);
}

/* A change that meets one of two regions of a lease waits for that one. */
static void test_two_regions(struct rdma *rdma)
{
	int fd = file_make(PATH, FILE_LEN);
	int lease = lease_make(fd, 0, FILE_LEN, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *file = map_shared(fd, 0, FILE_LEN);
	struct ibv_mr *first = rdma_register(rdma, file, 2 * MIB);
	struct ibv_mr *second = rdma_register(rdma, file + OFFSET, LENGTH);
	struct holdfast_event event;
	struct change change;
	char sent[512], got[512];

	change = change_start("punch", PATH, MIB, 4096, NULL);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "two regions: a change of the first: a break");
	change_waits_for(&change, first, "the first of two regions");
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_CHANGED,
	       "two regions: the end is told");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "two regions: the lease is active");
	tap_is(lease_query(lease).pinned, LENGTH,
	       "two regions: the second one is pinned as before");
	pattern_fill(sent, sizeof(sent), 77);
	tap_is(rdma_write(rdma, second, MIB, sent, sizeof(sent)),
	       IBV_WC_SUCCESS, "two regions: RDMA into it goes on");
	tap_ok(pread(fd, got, sizeof(got), OFFSET + MIB) == sizeof(got) &&
		       !memcmp(sent, got, sizeof(sent)),
	       "two regions: into the file");
	first = rdma_register(rdma, file, 2 * MIB);
	tap_is(lease_query(lease).pinned, LENGTH + 2 * MIB,
	       "two regions: the first registers again beside it");
	ibv_dereg_mr(first);
	ibv_dereg_mr(second);
	munmap(file, FILE_LEN);
	close(lease);
	close(fd);
	unlink(PATH);
}

int main(void)
{
	struct rdma rdma = rdma_open();

	close(file_make(OTHER, FILE_LEN));
	test_lease(&rdma, OFFSET, LENGTH, "outside the lease");
	test_lease(&rdma, 0, FILE_LEN, "in the lease");
	test_two_regions(&rdma);
	unlink(OTHER);
	rdma_close(&rdma);
	return tap_done();
}
