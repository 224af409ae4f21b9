// SPDX-License-Identifier: GPL-2.0
/*
 * A reflink of two files waits for the i_rwsem of the first one. In the meantime the
 * second one is leased and registered, which the reflink could not know of when it
 * began. It must not wait for the holder with both files locked: the holder uses
 * the file, and then lets go.
 */
#define _GNU_SOURCE
#include "extents.h"
#include "held-write.h"
#include "rdma.h"

#define FIRST  PMEM "late-lease.1"
#define SECOND PMEM "late-lease.2"
#define LENGTH MIB

struct holder {
	struct rdma rdma;
	int fd;
	int lease;
	struct ibv_mr *mr;
	bool ready;
};

static void *hold(void *arg)
{
	struct holder *holder = arg;

	holder->lease = lease_make(holder->fd, 0, LENGTH, HOLDFAST_BREAKABLE,
				   LONG_BREAK);
	holder->mr = rdma_register(&holder->rdma,
				   map_shared(holder->fd, 0, LENGTH), LENGTH);
	__atomic_store_n(&holder->ready, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool holds_soon(struct holder *holder)
{
	uint64_t limit = now_ns() + AT_ONCE * 1000000ULL;

	while (!__atomic_load_n(&holder->ready, __ATOMIC_ACQUIRE)) {
		if (now_ns() > limit)
			return false;
		usleep(5000);
	}
	return true;
}

static void use_file(int fd)
{
	uint64_t began = now_ns();

	tap_is(pwrite(fd, "late", 4, 0), 4, "the holder writes");
	tap_ok(block_of(fd, 0), "and asks where the blocks are");
	tap_ok(now_ns() - began < AT_ONCE * 1000000ULL,
	       "and has not to wait for the change");
}

/*
 * XFS locks the file first that has the lower address in the kernel. False: that is
 * not @first, and @second cannot be leased before the change has ended.
 */
static bool test_late(const char *first, const char *second)
{
	struct holder holder = { .rdma = rdma_open() };
	int fd = file_make(first, LENGTH);
	struct held_write held;
	struct change change;
	pthread_t thread;
	bool ready;

	holder.fd = file_make(second, LENGTH);
	held_write_start(&held, fd, NULL);
	if (!held_write_holds(&held, SOON))
		tap_bail("no write holds %s", first);
	change = change_start("reflink", second, 0, LENGTH, first);
	if (change_done(&change, STILL))
		tap_bail("the reflink does not wait for the write");
	if (pthread_create(&thread, NULL, hold, &holder))
		tap_bail("pthread_create: %s", strerror(errno));
	ready = holds_soon(&holder);
	held_write_end(&held);
	if (ready) {
		tap_ok(readable(holder.lease, SOON), "the lease is broken");
		use_file(holder.fd);
		change_waits_for(&change, holder.mr, "a late lease");
	} else if (!change_done(&change, SOON)) {
		tap_bail("the reflink does not end");
	}
	pthread_join(thread, NULL);
	if (!ready)
		ibv_dereg_mr(holder.mr);
	close(holder.lease);
	close(holder.fd);
	close(fd);
	rdma_close(&holder.rdma);
	return ready;
}

int main(void)
{
	if (!fs_is_xfs()) {
		tap_skip("only XFS shares blocks");
		return tap_done();
	}
	tap_ok(test_late(FIRST, SECOND) || test_late(SECOND, FIRST),
	       "one of the files is leased while the other is waited for");
	unlink(FIRST);
	unlink(SECOND);
	return tap_done();
}
