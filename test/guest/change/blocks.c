// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks under a consumer stay the file's: with two consumers of one lease, through
 * the exchange of extents of two files, and beside blocks that are copied on write.
 */
#define _GNU_SOURCE
#include "extents.h"
#include "rdma.h"

#define PATH   PMEM "blocks"
#define OTHER  PMEM "blocks.other"
#define LENGTH (4 * MIB)

/*
 * One consumer pins the first half, another the second. The change is of the
 * first half: only the first consumer is waited for.
 */
static void test_two_consumers(struct rdma *rdma)
{
	char sent[] = "the second consumer goes on", seen[sizeof(sent)];
	int fd = file_make(PATH, LENGTH);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(fd, 0, LENGTH);
	struct ibv_mr *first = rdma_register(rdma, map, 2 * MIB);
	struct ibv_mr *second = rdma_register(rdma, map + 2 * MIB, 2 * MIB);
	struct change punch = change_start("punch", PATH, 0, MIB, NULL);
	struct holdfast_event event;
	struct change truncate;

	tap_ok(event_next(lease, &event, SOON), "two consumers: a break");
	tap_ok(!change_done(&punch, STILL), "the change waits");
	tap_ok(bytes_of(PATH) >= LENGTH, "no block is freed");
	ibv_dereg_mr(first);
	tap_ok(change_done(&punch, SOON) && !punch.error,
	       "the first consumer lets go: it ends");
	tap_is(lease_query(lease).pinned, LENGTH / 2,
	       "the second has its pages");
	tap_is(rdma_write(rdma, second, MIB, sent, sizeof(sent)),
	       IBV_WC_SUCCESS, "RDMA goes on there");
	tap_ok(pread(fd, seen, sizeof(seen), 3 * MIB) == sizeof(seen) &&
		       !memcmp(seen, sent, sizeof(seen)),
	       "into the file");
	munmap(map, LENGTH);
	close(lease);
	truncate = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(!change_done(&truncate, STILL),
	       "a truncate waits for the second, also as a zombie's");
	tap_ok(bytes_of(PATH) >= LENGTH / 2, "no block of it is freed");
	ibv_dereg_mr(second);
	tap_ok(change_done(&truncate, SOON) && !truncate.error,
	       "the second lets go: it ends");
	close(fd);
	unlink(PATH);
}

/* A holder can use the file while a change waits for it. */
static void test_holder_goes_on(struct rdma *rdma)
{
	static const char *const ops[] = { "truncate", "zero" };

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		int fd = file_make(PATH, LENGTH);
		int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE,
				       LONG_BREAK);
		char *map = map_shared(fd, 0, LENGTH);
		struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
		struct change change =
			change_start(ops[i], PATH, 0, LENGTH, NULL);
		struct holdfast_event event;
		uint64_t began;

		tap_ok(event_next(lease, &event, SOON), "%s: a break", ops[i]);
		tap_ok(!change_done(&change, STILL), "%s: waits", ops[i]);
		began = now_ns();
		tap_is(pwrite(fd, "held", 4, MIB), 4, "%s: write(2)", ops[i]);
		tap_is(fsync(fd), 0, "%s: fsync(2)", ops[i]);
		tap_ok(block_of(fd, 0), "%s: fiemap", ops[i]);
		tap_ok(now_ns() - began < AT_ONCE * 1000000ULL,
		       "%s: go on meanwhile", ops[i]);
		ibv_dereg_mr(mr);
		tap_ok(change_done(&change, SOON) && !change.error,
		       "%s: then it ends", ops[i]);
		munmap(map, LENGTH);
		close(lease);
		close(fd);
	}
	unlink(PATH);
}

/* XFS exchanges extents without a look at pinned pages. */
static void test_swapext(struct rdma *rdma)
{
	int fd = file_make(PATH, LENGTH), other = file_make(OTHER, LENGTH);
	uint64_t block = block_of(fd, 0), moved;
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char sent[] = "after the exchange", seen[sizeof(sent)];
	char *map = map_shared(fd, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	struct holdfast_event event;
	struct change swap;

	close(other);
	swap = change_start("swapext", PATH, 0, LENGTH, OTHER);
	tap_ok(event_next(lease, &event, SOON), "swapext: a break");
	tap_is(event.op, HOLDFAST_OP_EXCHANGE, "swapext: an exchange");
	tap_ok(!change_done(&swap, STILL), "swapext: it waits");
	tap_is(block_of(fd, 0), block, "swapext: the block is the file's");
	ibv_dereg_mr(mr);
	tap_ok(change_done(&swap, SOON), "swapext: then it ends");
	moved = block_of(fd, 0);
	tap_diag("swapext: errno %d, block %llu, then %llu", swap.error,
		 (unsigned long long)block, (unsigned long long)moved);
	tap_ok(swap.error || moved != block, "swapext: and is done");
	mr = rdma_register(rdma, map, LENGTH);
	tap_is(rdma_write(rdma, mr, 0, sent, sizeof(sent)), IBV_WC_SUCCESS,
	       "swapext: registered again");
	tap_ok(pread(fd, seen, sizeof(seen), 0) == sizeof(seen) &&
		       !memcmp(seen, sent, sizeof(seen)),
	       "swapext: RDMA reaches the file's new blocks");
	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	close(lease);
	close(fd);
	unlink(PATH);
	unlink(OTHER);
}

/*
 * Blocks 0 to 3 are shared, 4 to 31 leased. A write to a shared block prepares
 * new blocks for all 32, and a write to a leased one must not go there.
 */
static void test_cow_beside(struct rdma *rdma)
{
	int fd = file_make(PATH, LENGTH), other = file_make(OTHER, LENGTH);
	struct file_clone_range range = { .src_fd = fd, .src_length = 16384 };
	char block[4096] = "written", seen[4096];
	uint64_t before, after;
	struct ibv_mr *mr;
	int lease;
	char *map;

	if (ioctl(other, FICLONERANGE, &range))
		tap_bail("reflink: %s", strerror(errno));
	lease = lease_make(fd, 16384, 28 * 4096, HOLDFAST_BREAKABLE,
			   LONG_BREAK);
	map = map_shared(fd, 16384, 28 * 4096);
	mr = rdma_register(rdma, map, 28 * 4096);
	before = block_of(fd, 5 * 4096);
	if (pwrite(fd, block, 4096, 0) != 4096 ||
	    pwrite(fd, block, 4096, 5 * 4096) != 4096)
		tap_bail("write: %s", strerror(errno));
	fsync(fd);
	after = block_of(fd, 5 * 4096);
	tap_is(after, before, "copy on write: the leased block stays");
	tap_ok(!memcmp(map + 4096, block, 4096),
	       "copy on write: the mapping shows what is written");
	strcpy(map + 4096, "through the mapping");
	tap_ok(pread(fd, seen, 4096, 5 * 4096) == 4096 &&
		       !memcmp(seen, map + 4096, 4096),
	       "copy on write: and the file what is stored there");
	ibv_dereg_mr(mr);
	munmap(map, 28 * 4096);
	close(lease);
	close(fd);
	close(other);
	unlink(PATH);
	unlink(OTHER);
}

int main(void)
{
	struct rdma rdma = rdma_open();

	test_two_consumers(&rdma);
	test_holder_goes_on(&rdma);
	if (fs_is_xfs()) {
		test_swapext(&rdma);
		test_cow_beside(&rdma);
	} else {
		tap_skip("extents are exchanged and shared on XFS only");
	}
	rdma_close(&rdma);
	return tap_done();
}
