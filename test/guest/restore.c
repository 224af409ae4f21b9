// SPDX-License-Identifier: GPL-2.0
/*
 * A broken lease is taken again, at the same address, on the file as it is
 * then: by HOLDFAST_IOC_RESTORE or by touching it.
 */
#define _GNU_SOURCE
#include "rdma.h"
#include "sigbus.h"

#define PATH	 PMEM "restore"
#define FILE_LEN (12 * MIB)
#define OFFSET	 (2 * MIB)
#define LENGTH	 (8 * MIB)

/* The length that is leased again, or -errno. */
static int64_t restore(int lease)
{
	struct holdfast_restore args = { .size = sizeof(args) };

	if (ioctl(lease, HOLDFAST_IOC_RESTORE, &args))
		return -errno;
	return args.length;
}

static bool told(int lease, uint32_t type)
{
	struct holdfast_event event;

	return event_next(lease, &event, SOON) && event.type == type;
}

/* The holder's cycle: told, deregister, restore, register, go on. */
static void cycle(struct rdma *rdma, int lease, char *map, const char *op,
		  uint64_t offset, uint64_t length, int64_t survives)
{
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	struct change change;
	char c;
	int fd;

	change = change_start(op, PATH, offset, length, NULL);
	tap_ok(told(lease, HOLDFAST_EVENT_BREAK), "%s: a break", op);
	tap_ok(!change_done(&change, STILL), "%s: the change waits", op);
	tap_is(restore(lease), -EDEADLK, "%s: a restore would, too", op);
	ibv_dereg_mr(mr);
	tap_is(restore(lease), survives, "%s: what survives", op);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: the change is done", op);
	tap_ok(told(lease, HOLDFAST_EVENT_CHANGED), "%s: its end is told", op);
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "%s: the lease is active", op);

	fd = open(PATH, O_RDWR);
	mr = rdma_register(rdma, map, survives);
	/* The file may end anywhere in the last page. */
	map[survives - 4096] = 'r';
	tap_ok(pread(fd, &c, 1, OFFSET + survives - 4096) == 1 && c == 'r',
	       "%s: the same address shows the file", op);
	ibv_dereg_mr(mr);
	close(fd);
}

static void test_nonblock(struct rdma *rdma, int fd)
{
	struct hf_attr attr = { .break_ms = LONG_BREAK, .flags = HF_NONBLOCK };
	int lease = hf_acquire(fd, OFFSET, MIB, &attr);
	char *map = lease_map(lease, 0, MIB);
	struct ibv_mr *mr = rdma_register(rdma, map, MIB);
	struct change change;

	tap_is(restore(lease), MIB, "a lease that is not broken is left alone");
	change = change_start("punch", PATH, OFFSET, 4096, NULL);
	tap_ok(told(lease, HOLDFAST_EVENT_BREAK), "a break");
	tap_is(restore(lease), -EAGAIN, "O_NONBLOCK: EAGAIN during a change");
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON), "the change ends");
	tap_ok(told(lease, HOLDFAST_EVENT_CHANGED), "it is told");
	tap_is(map[0], 0, "touching the mapping restores it");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE, "it is active");
	munmap(map, MIB);
	close(lease);
}

/* Who is interrupted gives the lease back as it was. */
static void test_given_up(struct rdma *rdma, int fd)
{
	int lease = lease_make(fd, OFFSET, MIB, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = lease_map(lease, 0, MIB);
	struct ibv_mr *mr = rdma_register(rdma, map, MIB);
	struct change change = change_start("punch", PATH, OFFSET, 4096, NULL);

	map[0] = 'g';
	tap_ok(told(lease, HOLDFAST_EVENT_BREAK), "a break");
	kill(change.pid, SIGKILL);
	tap_ok(told(lease, HOLDFAST_EVENT_CHANGED),
	       "a change that is killed is over");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "and the lease as good as before");
	tap_is(lease_query(lease).deadline_ns, 0, "without a deadline");
	tap_is(map[0], 'g', "with its content");
	tap_is(lease_query(lease).pinned, MIB, "and its region");
	waitpid(change.pid, NULL, 0);
	close(change.out);
	ibv_dereg_mr(mr);
	munmap(map, MIB);
	close(lease);
}

int main(void)
{
	int fd = file_make(PATH, FILE_LEN), lease;
	struct rdma rdma = rdma_open();
	char *map;

	sigbus_catch();
	lease = lease_make(fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = lease_map(lease, 0, LENGTH);
	cycle(&rdma, lease, map, "punch", 3 * MIB, MIB, LENGTH);
	cycle(&rdma, lease, map, "collapse", 4 * MIB, 2 * MIB, LENGTH);
	cycle(&rdma, lease, map, "truncate", OFFSET + 5 * MIB + 1, 0,
	      5 * MIB + 4096);
	tap_ok(gives_sigbus(map + 5 * MIB + 4096),
	       "beyond what survives: SIGBUS");
	tap_ok(!gives_sigbus(map + 5 * MIB), "up to there: none");

	tap_is(change_make("truncate", PATH, OFFSET, 0, NULL, AT_ONCE), 0,
	       "a file that ends where the lease begins");
	tap_is(restore(lease), -ENXIO, "nothing survives: ENXIO");
	tap_is(lease_query(lease).state, HOLDFAST_BROKEN,
	       "the lease stays broken");
	tap_is(ftruncate(fd, FILE_LEN), 0, "it grows again");
	tap_is(restore(lease), LENGTH, "the whole range is back");
	tap_is(map[LENGTH - 1], 0, "all of it");
	tap_is(hf_release(lease), 0, "release");
	munmap(map, LENGTH);

	test_nonblock(&rdma, fd);
	test_given_up(&rdma, fd);
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
