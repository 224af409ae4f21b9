// SPDX-License-Identifier: GPL-2.0
/* What a lease's mapping shows: the file, in part or whole, until a break. */
#define _GNU_SOURCE
#include <pthread.h>

#include "rdma.h"
#include "sigbus.h"

#define PATH	 PMEM "mapping"
#define FILE_LEN (8 * MIB)
#define OFFSET	 (2 * MIB)
#define LENGTH	 (4 * MIB)

struct toucher {
	pthread_t thread;
	char *addr;
	bool done;
	bool sigbus;
};

static void *touch(void *arg)
{
	struct toucher *toucher = arg;

	toucher->sigbus = gives_sigbus(toucher->addr);
	__atomic_store_n(&toucher->done, true, __ATOMIC_RELEASE);
	return NULL;
}

int main(void)
{
	struct toucher toucher = { 0 };
	struct rdma rdma = rdma_open();
	int fd = file_make(PATH, FILE_LEN), lease, again;
	char *file =
		mmap(NULL, FILE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *map, *part, *ro;
	uint64_t pinned;
	struct holdfast_event event;
	struct change change;
	struct ibv_mr *mr;
	char c;

	sigbus_catch();
	lease = lease_make(fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	part = lease_map(lease, MIB + 4096, 4096);
	tap_ok(!memcmp(part, file + OFFSET + MIB + 4096, 4096),
	       "one page, by its offset in the range");
	map = lease_map(lease, 0, LENGTH);
	tap_ok(!memcmp(map, file + OFFSET, LENGTH),
	       "the whole range, beside it");
	map[MIB + 4096] ^= 0x77;
	tap_is(part[0], map[MIB + 4096], "both are the same memory");
	ro = mmap(NULL, 4096, PROT_READ, MAP_SHARED, lease, 0);
	tap_ok(ro != MAP_FAILED && ro[0] == map[0], "read-only works as well");
	mr = ibv_reg_mr(rdma.pd, part, 4096, RDMA_ACCESS);
	tap_ok(mr, "a part can be registered");
	/* From 6.15 on pins of a large page are counted for all of it. */
	pinned = lease_query(lease).pinned;
	tap_ok(pinned == 4096 || pinned == 2 * MIB, "and only that is pinned");
	if (mr)
		ibv_dereg_mr(mr);
	mr = ibv_reg_mr(rdma.pd, map + 3, LENGTH - 7, RDMA_ACCESS);
	tap_ok(mr, "so can bytes that are no whole pages");
	if (mr)
		ibv_dereg_mr(mr);
	tap_is(munmap(map + MIB, MIB), 0, "a hole in the mapping");
	tap_is(map[3 * MIB], file[OFFSET + 3 * MIB], "leaves the rest");
	munmap(map, LENGTH);
	map = lease_map(lease, 0, LENGTH);

	mr = rdma_register(&rdma, map, LENGTH);
	change = change_start("truncate", PATH, 0, 0, NULL);
	if (!event_next(lease, &event, SOON))
		tap_bail("no break");
	/* The event comes first, then the mappings are emptied. */
	tap_ok(!change_done(&change, STILL), "the change waits");
	toucher.addr = map;
	if (pthread_create(&toucher.thread, NULL, touch, &toucher))
		tap_bail("pthread_create: %s", strerror(errno));
	tap_ok(!change_done(&change, STILL), "it goes on waiting");
	tap_ok(!__atomic_load_n(&toucher.done, __ATOMIC_ACQUIRE),
	       "and so does who touches the mapping meanwhile");
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON) && !change.error, "the change ends");
	pthread_join(toucher.thread, NULL);
	tap_ok(toucher.sigbus, "who waited gets SIGBUS");
	tap_ok(gives_sigbus(map) && gives_sigbus(map + LENGTH - 1),
	       "there is no file: SIGBUS");
	tap_ok(gives_sigbus(part), "in every mapping of the lease");
	errno = 0;
	tap_ok(!ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS),
	       "nothing to register any more");
	tap_is(ftruncate(fd, FILE_LEN), 0, "the file grows again");
	tap_ok(!gives_sigbus(map) && !map[0],
	       "a broken lease comes back by being touched");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE, "and is active");
	again = lease_make(fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	part = lease_map(again, 0, LENGTH);
	part[10] = 'x';
	tap_ok(pread(fd, &c, 1, OFFSET + 10) == 1 && c == 'x',
	       "a new lease shows the new blocks");
	tap_is(hf_release(again), 0, "release");
	tap_ok(gives_sigbus(part), "empties the mapping: SIGBUS");
	close(lease);
	munmap(file, FILE_LEN);
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
