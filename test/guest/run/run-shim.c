// SPDX-License-Identifier: GPL-2.0
/*
 * What "holdfast run" does for a program that knows nothing of leases: this
 * one runs itself under it, and from then on calls mmap(2) and libibverbs alone. It
 * has a cache of registrations, as MPI libraries do: that stands before madvise().
 * "run-shim hold FILE": for scripts, only map and register FILE, until killed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>

#include "common.h"
#include "rdma.h"

#define PATH	 PMEM "run-shim"
#define LENGTH	 (4 * MIB)
/* Half of it is the grace: less than SOON, and more than AT_ONCE. */
#define BREAK_S	 "30"
#define GRACE_MS 15000

static struct rdma rdma;

#define MANY 300

/* --- the cache: dereg when told, at once or at the next operation */

static struct {
	struct ibv_mr *mr;
	bool at_once;
	int told;
	bool stale;
	struct ibv_mr *many[MANY];
} cache;

static bool overlaps(const struct ibv_mr *mr, char *addr, size_t length)
{
	return mr && addr < (char *)mr->addr + mr->length &&
	       (char *)mr->addr < addr + length;
}

static void drop_many(char *addr, size_t length)
{
	for (int i = 0; i < MANY; i++) {
		struct ibv_mr *mr = cache.many[i];

		if (overlaps(mr, addr, length)) {
			cache.many[i] = NULL;
			ibv_dereg_mr(mr);
		}
	}
}

int madvise(void *addr, size_t length, int advice)
{
	static int (*real)(void *, size_t, int);
	struct ibv_mr *mr = cache.mr;

	if (!real)
		real = dlsym(RTLD_NEXT, "madvise");
	if (advice == MADV_DONTNEED)
		drop_many(addr, length);
	if (advice == MADV_DONTNEED && overlaps(mr, addr, length)) {
		if (cache.at_once) {
			cache.mr = NULL;
			ibv_dereg_mr(mr);
		}
		cache.stale = !cache.at_once;
		__atomic_add_fetch(&cache.told, 1, __ATOMIC_RELEASE);
	}
	return real(addr, length, advice);
}

/* --- */

static bool no_lease_soon(void)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	struct hf_report_entry entry;
	bool any = true;

	while (any && now_ns() < limit) {
		struct hf_report *report;

		if (hf_report_open(NULL, &report))
			tap_bail("report: %s", hf_error());
		any = hf_report_next(report, &entry) == 1;
		hf_report_close(report);
		if (any)
			usleep(20000);
	}
	return !any;
}

static char *map(void)
{
	int fd = open(PATH, O_RDWR | O_CLOEXEC);
	char *addr = map_shared(fd, 0, LENGTH);

	close(fd);
	return addr;
}

static bool is_usable(struct rdma *by, struct ibv_mr *mr)
{
	static char data[4096];

	return rdma_write(by, mr, 0, data, sizeof(data)) == IBV_WC_SUCCESS;
}

static void lengthen(void)
{
	if (truncate(PATH, LENGTH))
		tap_bail("truncate: %s", strerror(errno));
}

static struct change shorten(void)
{
	return change_start("truncate", PATH, LENGTH / 2, 0, NULL);
}

/* Nobody lets go: the shim takes the region near the deadline. */
static void try_taken(void)
{
	struct rdma own = rdma_open();
	char *addr = map(), data[4096] = "";
	struct ibv_mr *mr = rdma_register(&own, addr, LENGTH), *other, *late;
	struct change change;

	tap_ok(lease_listed(PATH, "active"), "a region is a lease");
	tap_ok(is_usable(&own, mr), "it can be written");
	change = shorten();
	tap_ok(!change_done(&change, STILL), "a change waits");
	tap_ok(is_usable(&own, mr), "and the region is as it was");
	late = rdma_register(&own, addr + LENGTH / 2, LENGTH / 4);
	tap_ok(change_done(&change, GRACE_MS + SOON) && !change.error,
	       "then the change is done");
	tap_ok(change_ms(&change) >= GRACE_MS - 1000,
	       "after half of the break time (%ld ms)", change_ms(&change));
	tap_ok(!is_usable(&own, mr), "the memory region is gone");
	lengthen();
	tap_ok(*(volatile char *)addr || true, "the mapping is there");
	/* It may get the number that the old one had. */
	other = rdma_register(&rdma, data, sizeof(data));
	tap_is(ibv_dereg_mr(mr), 0, "the program can deregister what is gone");
	tap_is(ibv_dereg_mr(late), 0,
	       "and what it had registered while the change waited");
	tap_is(ibv_dereg_mr(other), 0, "and nothing else with it");
	mr = rdma_register(&rdma, addr, LENGTH);
	tap_ok(is_usable(&rdma, mr), "it can register again");
	tap_is(ibv_dereg_mr(mr), 0, "and deregister that");
	munmap(addr, LENGTH);
	tap_ok(no_lease_soon(), "no lease is left");
	/* Its queue pair has had an error. */
	rdma_close(&own);
}

/* A cache that hears of it deregisters: nothing is taken, nothing fails. */
static void try_cache(void)
{
	char *addr = map();
	struct change change;

	cache.mr = rdma_register(&rdma, addr, LENGTH);
	cache.at_once = true;
	change = shorten();
	tap_ok(change_done(&change, SOON) && !change.error,
	       "a cache: the change is done");
	tap_ok(change_ms(&change) < AT_ONCE, "a cache: at once (%ld ms)",
	       change_ms(&change));
	tap_is(cache.told, 1, "a cache: it was told once");
	tap_ok(!cache.mr, "a cache: and has deregistered");
	lengthen();
	munmap(addr, LENGTH);
	tap_ok(no_lease_soon(), "a cache: no lease is left");
}

/* A cache that deregisters at its next operation, which waits for the change. */
static void try_late_cache(void)
{
	struct rdma own = rdma_open();
	char *addr = map();
	struct change change;
	struct ibv_mr *mr;
	uint64_t began;

	cache.mr = rdma_register(&own, addr, LENGTH);
	cache.at_once = cache.stale = false;
	cache.told = 0;
	change = shorten();
	for (int i = 0; i < 200 && !cache.told; i++)
		usleep(20000);
	tap_ok(cache.stale, "a late cache: was told");
	began = now_ns();
	mr = ibv_reg_mr(own.pd, addr, LENGTH / 4, RDMA_ACCESS);
	tap_ok(mr, "a late cache: the next registration succeeds");
	tap_ok(now_ns() - began < AT_ONCE * 1000000ULL,
	       "a late cache: soon (%lu ms)", (now_ns() - began) / 1000000);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "a late cache: after the change");
	tap_is(ibv_dereg_mr(cache.mr), 0, "a late cache: deregisters");
	cache.mr = NULL;
	if (mr) {
		tap_ok(is_usable(&own, mr), "a late cache: the region works");
		ibv_dereg_mr(mr);
	}
	lengthen();
	munmap(addr, LENGTH);
	tap_ok(no_lease_soon(), "a late cache: no lease is left");
	rdma_close(&own);
}

/* More regions than the kernel keeps events for. */
static void try_many(void)
{
	char *addr = map();
	struct change change;
	int left = 0;

	for (int i = 0; i < MANY; i++)
		cache.many[i] = rdma_register(&rdma, addr + i * 2 * 4096, 4096);
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%d regions: the change is done", MANY);
	tap_ok(change_ms(&change) < GRACE_MS,
	       "%d regions: before any is taken (%ld ms)", MANY,
	       change_ms(&change));
	for (int i = 0; i < MANY; i++)
		left += !!cache.many[i];
	tap_is(left, 0, "%d regions: the cache has let go of all", MANY);
	lengthen();
	munmap(addr, LENGTH);
	tap_ok(no_lease_soon(), "%d regions: no lease is left", MANY);
}

/*
 * A region that is registered while a change waits: the cache knows it only some time
 * after the kernel has told of it.
 */
static void try_cache_that_learns_late(void)
{
	struct ibv_mr *first, *second;
	char *addr = map();
	struct change change;

	first = cache.mr = rdma_register(&rdma, addr, LENGTH);
	cache.at_once = cache.stale = false;
	change = shorten();
	for (int i = 0; i < 200 && !cache.stale; i++)
		usleep(20000);
	cache.mr = NULL;
	second = rdma_register(&rdma, addr + LENGTH / 2, LENGTH / 4);
	usleep(300000);
	cache.at_once = true;
	cache.mr = second;
	tap_is(ibv_dereg_mr(first), 0, "a cache that learns late: deregisters");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "a cache that learns late: the change is done");
	tap_ok(!cache.mr, "a cache that learns late: has let go of the second");
	lengthen();
	munmap(addr, LENGTH);
	tap_ok(no_lease_soon(), "a cache that learns late: no lease is left");
}

/*
 * The region's mapping is gone, and other memory of the program is there: that is
 * not dropped for the caches' sake.
 */
static void try_unmapped(void)
{
	char *addr = map(), *own;
	struct ibv_mr *mr = rdma_register(&rdma, addr, LENGTH);
	struct change change;

	own = mmap(addr, LENGTH, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	memset(own, 'x', LENGTH);
	change = shorten();
	tap_ok(!change_done(&change, STILL), "unmapped: the change waits");
	tap_is(ibv_dereg_mr(mr), 0, "unmapped: for the program");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "unmapped: and then is done");
	tap_ok(own[0] == 'x' && own[LENGTH - 1] == 'x',
	       "unmapped: other memory in its place is untouched");
	lengthen();
	munmap(own, LENGTH);
	tap_ok(no_lease_soon(), "unmapped: no lease is left");
}

/* The device is closed with a region on it, which ends the region. */
static void try_careless(void)
{
	struct rdma own = rdma_open();
	char *addr = map();
	struct change change;

	rdma_register(&own, addr, LENGTH);
	ibv_close_device(own.context);
	change = shorten();
	tap_ok(change_done(&change, SOON) && change_ms(&change) < AT_ONCE,
	       "a device that was closed: a change does not wait");
	lengthen();
	munmap(addr, LENGTH);
	tap_ok(no_lease_soon(), "a device that was closed: no lease is left");
}

/* A child has leases of its own, and the shim looks after those. */
static void try_fork(void)
{
	char *addr = map();
	struct change change;
	int ready[2], status;
	pid_t pid;
	char c;

	if (pipe2(ready, O_CLOEXEC))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		/* A device of its own: one does not share one with a parent. */
		struct rdma own = rdma_open();

		cache.mr = rdma_register(&own, addr, LENGTH);
		cache.at_once = true;
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (int i = 0; i < 500 && cache.mr; i++)
			usleep(20000);
		_exit(cache.mr ? 2 : 0);
	}
	if (read(ready[0], &c, 1) != 1)
		tap_bail("no child");
	change = shorten();
	tap_ok(change_done(&change, SOON) && !change.error,
	       "fork: a change of what the child has registered is done");
	status = child_wait(pid, SOON);
	tap_is(status, 0, "fork: the child has let go");
	lengthen();
	munmap(addr, LENGTH);
	close(ready[0]);
	close(ready[1]);
	tap_ok(no_lease_soon(), "fork: no lease is left");
}

/* Until it registers something a program has one thread, and can unshare(2). */
static void try_threads(void)
{
	pid_t pid = child_fork();

	if (!pid)
		_exit(unshare(CLONE_NEWUSER) ? errno : 0);
	tap_is(child_wait(pid, SOON), 0,
	       "a program that registers nothing can unshare(CLONE_NEWUSER)");
}

/* The shim cannot be cancelled in a registration, and leaves the thread as it was. */
static void try_cancel_state(void)
{
	char *addr = map();
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	ibv_dereg_mr(rdma_register(&rdma, addr, LENGTH));
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	tap_is(state, PTHREAD_CANCEL_DISABLE,
	       "a thread that cannot be cancelled stays so");
	ibv_dereg_mr(rdma_register(&rdma, addr, LENGTH));
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	tap_is(state, PTHREAD_CANCEL_ENABLE, "and one that can be, too");
	munmap(addr, LENGTH);
}

static int hold(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *addr =
		mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	rdma = rdma_open();
	if (addr == MAP_FAILED ||
	    !ibv_reg_mr(rdma.pd, addr, LENGTH, IBV_ACCESS_LOCAL_WRITE))
		return 1;
	puts("holds");
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return hold(argv[2]);
	if (argc == 1)
		execlp("holdfast", "holdfast", "run", "--hitless",
		       "--break-time", BREAK_S, argv[0], "under", NULL);
	close(file_make(PATH, LENGTH));
	try_threads();
	rdma = rdma_open();
	try_cancel_state();
	try_cache();
	try_late_cache();
	try_many();
	try_cache_that_learns_late();
	try_unmapped();
	try_careless();
	try_fork();
	try_taken();
	unlink(PATH);
	return tap_done();
}
