// SPDX-License-Identifier: GPL-2.0
/*
 * What "holdfast run --shim" does for a program that knows nothing of leases: this one
 * runs itself under it, and from then on calls mmap(2) and libibverbs alone.
 * "run-shim hold FILE": for scripts, only map and register FILE, until killed.
 */
#define _GNU_SOURCE
#include <dirent.h>

#include "common.h"
#include "rdma.h"

#define PATH   PMEM "run-shim"
#define LENGTH (4 * MIB)

static struct rdma rdma;

static int leases(void)
{
	char line[4096];
	int count = -1;
	FILE *report = fopen(HOLDFAST_REPORT, "re");

	while (report && fgets(line, sizeof(line), report))
		count++;
	if (report)
		fclose(report);
	return count;
}

/* A zombie's end is the work of another thread. */
static bool no_lease_soon(void)
{
	for (int i = 0; i < 200 && leases(); i++)
		usleep(20000);
	return leases() == 0;
}

static void *map_flags(size_t length, int prot, int flags)
{
	int fd = open(PATH, O_RDWR | O_CLOEXEC);
	void *addr = mmap(NULL, length, prot, flags, fd, 0);

	if (addr == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	close(fd);
	return addr;
}

static void *map(void)
{
	return map_flags(LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED);
}

/* Dies of it if it is not. */
static bool is_there(const volatile char *addr)
{
	return *addr || true;
}

static bool can_register(void *addr, size_t length)
{
	struct ibv_mr *mr = ibv_reg_mr(rdma.pd, addr, length, RDMA_ACCESS);

	if (mr)
		ibv_dereg_mr(mr);
	return mr;
}

/* A truncate of the file waits for no more than the shim. */
static void break_at_once(const char *what)
{
	struct change change =
		change_start("truncate", PATH, LENGTH / 2, 0, NULL);

	tap_ok(change_done(&change, SOON) && change.error == 0,
	       "%s: the truncate completes", what);
	tap_ok(change_ms(&change) < AT_ONCE, "%s: at once", what);
	if (truncate(PATH, LENGTH))
		tap_bail("truncate: %s", strerror(errno));
}

static void try_use(void)
{
	char data[4096], got[4096];
	char *addr = map();
	struct ibv_mr *mr;
	int fd = open(PATH, O_RDONLY | O_CLOEXEC);

	tap_is(leases(), 1, "a mapping of the file is a lease");
	mr = rdma_register(&rdma, addr, LENGTH);
	pattern_fill(data, sizeof(data), 77);
	tap_is(rdma_write(&rdma, mr, MIB, data, sizeof(data)), IBV_WC_SUCCESS,
	       "it can be registered and written");
	tap_ok(pread(fd, got, sizeof(got), MIB) == sizeof(got) &&
		       !memcmp(got, data, sizeof(got)),
	       "the file has it");
	munmap(addr + MIB, MIB);
	tap_is(leases(), 1, "a hole in the mapping: the lease is kept");
	tap_ok(is_there(addr) && is_there(addr + 3 * MIB),
	       "both sides of the hole are there");
	munmap(addr, LENGTH);
	tap_is(leases(), 1, "unmapped, but registered: the lease is kept");
	tap_is(ibv_dereg_mr(mr), 0, "it can be deregistered");
	tap_ok(no_lease_soon(), "and then the lease ends");
	close(fd);
}

static void try_break(void)
{
	struct rdma own = rdma_open();
	char *addr = map(), data[4096] = "";
	struct ibv_mr *mr = rdma_register(&own, addr, LENGTH), *other;

	break_at_once("a break");
	tap_ok(rdma_write(&own, mr, 0, data, sizeof(data)) > IBV_WC_SUCCESS,
	       "a break: the memory region is gone");
	tap_ok(is_there(addr), "a break: the mapping is there");
	/* It may get the number that the old one had. */
	other = rdma_register(&rdma, data, sizeof(data));
	tap_is(ibv_dereg_mr(mr), 0,
	       "a break: the program can deregister what is gone");
	tap_is(ibv_dereg_mr(other), 0, "a break: and nothing else with it");
	tap_ok(can_register(addr, LENGTH), "a break: it can register again");
	munmap(addr, LENGTH);
	tap_ok(no_lease_soon(), "a break: the lease ends with the mapping");
	/* Its queue pair has had an error. */
	rdma_close(&own);
}

/* The device is closed with a region on it, which ends the region. */
static void try_careless(void)
{
	struct rdma own = rdma_open();
	char *addr = map();

	rdma_register(&own, addr, LENGTH);
	ibv_close_device(own.context);
	break_at_once("a device that was closed");
	munmap(addr, LENGTH);
	tap_ok(no_lease_soon(), "a device that was closed: no lease is left");
}

static void try_moved(void)
{
	char *addr = map();
	char *place = mmap(NULL, 2 * LENGTH, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *moved = mremap(addr, LENGTH, LENGTH,
			     MREMAP_MAYMOVE | MREMAP_FIXED, place);

	tap_ok(moved == place && can_register(moved, LENGTH),
	       "a mapping can be moved");
	rdma_register(&rdma, moved, LENGTH);
	break_at_once("moved");
	/* Something else in its place ends it. */
	tap_ok(mmap(place, LENGTH, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == place,
	       "a mapping can be replaced");
	tap_ok(no_lease_soon(), "replaced: the lease ends");
	munmap(place, 2 * LENGTH);
}

static int lease_fd(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char link[64];
	int fd = -1;

	while (dir && (entry = readdir(dir))) {
		ssize_t length = readlinkat(dirfd(dir), entry->d_name, link,
					    sizeof(link) - 1);

		link[length > 0 ? length : 0] = '\0';
		if (!strcmp(link, HOLDFAST_DEVICE))
			fd = atoi(entry->d_name);
	}
	if (dir)
		closedir(dir);
	return fd;
}

static void try_close(void)
{
	char *addr = map();

	rdma_register(&rdma, addr, LENGTH);
	errno = 0;
	tap_ok(close(lease_fd()) == -1 && errno == EBADF,
	       "the shim's descriptors cannot be closed");
	break_at_once("close");
	munmap(addr, LENGTH);
	tap_ok(no_lease_soon(), "close: no lease is left");
}

static void try_fork(void)
{
	char *addr = map();
	int status;
	pid_t pid;

	addr[0] = 'a';
	pid = child_fork();
	if (!pid) {
		if (addr[0] != 'a')
			_exit(1);
		addr[0] = 'b';
		/* A device of its own: one does not share one with a parent. */
		rdma = rdma_open();
		rdma_register(&rdma, addr, LENGTH);
		change_make("truncate", PATH, LENGTH / 2, 0, NULL, SOON);
		_exit(0);
	}
	status = child_wait(pid, SOON);
	tap_is(status, 0, "a child of fork has the mapping");
	tap_ok(addr[0] == 'b', "and shares it");
	if (truncate(PATH, LENGTH))
		tap_bail("truncate: %s", strerror(errno));
	munmap(addr, LENGTH);
	tap_ok(no_lease_soon(), "fork: no lease is left");
}

/* What is no case for a lease is mapped as ever. */
static void try_plain(void)
{
	const int rw = PROT_READ | PROT_WRITE;
	char *addr = map_flags(2 * LENGTH, rw, MAP_SHARED);

	tap_is(leases(), 0, "beyond the end of the file: no lease");
	tap_ok(is_there(addr) && !can_register(addr, LENGTH),
	       "... a mapping like any other");
	munmap(addr, 2 * LENGTH);
	addr = map_flags(LENGTH, rw, MAP_PRIVATE);
	tap_is(leases(), 0, "private: no lease");
	munmap(addr, LENGTH);
	addr = map_flags(LENGTH, PROT_READ, MAP_SHARED);
	tap_is(leases(), 0, "read-only: no lease");
	munmap(addr, LENGTH);
	addr = map_flags(LENGTH, rw, MAP_SHARED_VALIDATE | MAP_SYNC);
	tap_ok(leases() == 1 && can_register(addr, LENGTH),
	       "MAP_SYNC: a lease that can be registered");
	munmap(addr, LENGTH);
	tap_ok(no_lease_soon(), "no lease is left");
}

static int hold(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *addr =
		mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	rdma = rdma_open();
	if (addr == MAP_FAILED || !ibv_reg_mr(rdma.pd, addr, LENGTH, 0))
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
		execlp("holdfast", "holdfast", "run", "--shim", "--break-time",
		       "30", argv[0], "under", NULL);
	close(file_make(PATH, LENGTH));
	rdma = rdma_open();
	try_use();
	try_break();
	try_careless();
	try_moved();
	try_close();
	try_fork();
	try_plain();
	unlink(PATH);
	return tap_done();
}
