// SPDX-License-Identifier: GPL-2.0
/*
 * What the shim and the agent know of addresses, without a kernel that has
 * leases: pieces of mappings, regions on them, ranges that meet.
 */
#include <infiniband/verbs.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../daemon/mappings.h"
#include "../../preload/shim.h"
#include "../tap.h"

#define BASE 0x10000000UL
#define PAGE 4096UL

static struct lease *add(uintptr_t addr, size_t length)
{
	struct lease *lease = table_add_lease(dup(0), 7);

	table_add_piece(lease, addr, length, PROT_READ);
	return lease;
}

static void test_pieces(void)
{
	struct lease *lease;
	int fd;

	tap_ok(!table_used(), "nothing to look for before the first lease");
	lease = add(BASE, 8 * PAGE);
	fd = lease->fd;
	tap_ok(table_used(), "afterwards there is");
	tap_ok(fd_is_protected(fd), "the lease's descriptor is protected");
	tap_ok(!fd_is_protected(fd + 1) && !fd_is_protected(-1) &&
		       !fd_is_protected(1 << 30),
	       "others are not");
	table_cut_pieces(BASE + 8 * PAGE, PAGE);
	table_cut_pieces(BASE - PAGE, PAGE);
	tap_is(lease->pieces, 1, "what is beside it changes nothing");
	table_cut_pieces(BASE + 2 * PAGE, PAGE);
	tap_is(lease->pieces, 2, "a hole makes two of one");
	table_cut_pieces(BASE - PAGE, 2 * PAGE);
	tap_is(lease->pieces, 2, "a cut at the start leaves the rest");
	table_cut_pieces(BASE + 7 * PAGE, 4 * PAGE);
	tap_is(lease->pieces, 2, "and one at the end");
	table_cut_pieces(BASE + PAGE, PAGE);
	tap_is(lease->pieces, 1, "one piece can go as a whole");
	table_move_pieces(BASE + 3 * PAGE, 4 * PAGE, 2 * BASE);
	table_cut_pieces(BASE, 8 * PAGE);
	tap_is(lease->pieces, 1,
	       "a piece that was moved is not there any more");
	table_cut_pieces(2 * BASE, 4 * PAGE);
	tap_ok(!table_leases(), "with the last piece the lease goes");
	tap_ok(!fd_is_protected(fd) && close(fd), "and is closed");
}

static void test_regions(void)
{
	struct lease *one = add(BASE, 4 * PAGE);
	struct lease *two = add(BASE + 4 * PAGE, 4 * PAGE);
	struct ibv_mr both = { .addr = (void *)BASE, .length = 8 * PAGE };
	struct ibv_mr first = { .addr = (void *)BASE, .length = 4 * PAGE };
	struct ibv_mr none = { .addr = (void *)(2 * BASE), .length = PAGE };

	table_add_mr(&both);
	table_add_mr(&both);
	table_add_mr(&first);
	table_add_mr(&none);
	tap_is(one->mrs, 2, "a region is on the leases that it meets");
	tap_is(two->mrs, 1, "and on no other");
	tap_ok(!table_find_mr(&none), "one that meets none is not kept");
	table_cut_pieces(BASE, 8 * PAGE);
	tap_ok(table_leases(), "leases without a mapping stay for regions");
	table_fence_mr(table_find_mr(&both));
	table_close_unused();
	tap_ok(table_leases() == one && !one->next,
	       "a region that is fenced keeps none");
	tap_ok(table_find_mr(&both)->fenced, "but is known");
	table_drop_mr(table_find_mr(&first));
	tap_ok(!table_leases(), "with the last region the lease goes");
	table_drop_mr(table_find_mr(&both));
	tap_ok(!table_mrs(), "nothing is left");
}

static void test_meet(void)
{
	struct mapping list[] = {
		{ .lease = 1, .pid = 5, .start = BASE, .end = BASE + PAGE },
		{ .lease = 1, .pid = 6, .start = PAGE, .end = 2 * PAGE },
	};
	struct mappings mappings = { list, 2 };

	tap_ok(mappings_meet(&mappings, 5, BASE, PAGE), "the range itself");
	tap_ok(mappings_meet(&mappings, 5, BASE - 1, 2), "its first byte");
	tap_ok(mappings_meet(&mappings, 5, BASE + PAGE - 1, 9),
	       "its last byte");
	tap_ok(!mappings_meet(&mappings, 5, BASE - PAGE, PAGE), "before it");
	tap_ok(!mappings_meet(&mappings, 5, BASE + PAGE, PAGE), "behind it");
	tap_ok(mappings_meet(&mappings, 5, 0, UINT64_MAX), "all there is");
	tap_ok(!mappings_meet(&mappings, 5, UINT64_MAX, 1),
	       "an empty place of io_uring");
	tap_ok(!mappings_meet(&mappings, 6, BASE, PAGE), "another process");
	tap_ok(mappings_meet(&mappings, 6, 0, PAGE + 1), "near zero");
	tap_ok(!mappings_meet(&mappings, 6, 0, PAGE), "just before it");
}

int main(void)
{
	test_pieces();
	test_regions();
	test_meet();
	return tap_done();
}
