// SPDX-License-Identifier: GPL-2.0
/*
 * One page of a lease, mapped 32768 times and pinned through all of these mappings
 * again and again: that is refused long before the page's count overflows, and what
 * is pinned is waited for and fenced as ever.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "importer.h"
#include "rdma.h"

#define PATH	 PMEM "overflow"
#define PAGE	 4096UL
#define MAPPINGS 32768UL
#define LENGTH	 (MAPPINGS * PAGE)
#define TIMES	 64 /* 2^21 pins: more than a count has room for */
#define BREAK_MS (3000 * time_scale())

struct result {
	int rings;	  /* what registering TIMES buffers gave */
	uint64_t pinned;  /* after that */
	int regions;	  /* how many there were */
	int region_error; /* and why no more */
	int dmabuf;	  /* mapping a dma-buf after that */
};

static void *map_often(int lease)
{
	char *map = mmap(NULL, LENGTH, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	for (unsigned long i = 0; i < MAPPINGS; i++)
		if (mmap(map + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, lease, 0) == MAP_FAILED)
			tap_bail("mapping %lu: %s", i, strerror(errno));
	return map;
}

static int ring_buffers(void *map)
{
	struct iovec buffers[TIMES];
	struct io_uring ring;
	int ret = io_uring_queue_init(1, &ring, 0);

	if (ret)
		tap_bail("io_uring: %s", strerror(-ret));
	for (int i = 0; i < TIMES; i++)
		buffers[i] = (struct iovec){ map, LENGTH };
	ret = io_uring_register_buffers(&ring, buffers, TIMES);
	io_uring_queue_exit(&ring);
	return ret;
}

/* Takes what room is left, then dma-bufs: the error of one of the first. */
static int import(struct rdma *rdma, void *map, int lease)
{
	int ret = 0;

	for (unsigned long pages = MAPPINGS / 2; pages; pages /= 2)
		ibv_reg_mr(rdma->pd, map, pages * PAGE, RDMA_ACCESS);
	for (int i = 0; i < 3 && !ret; i++) {
		int dmabuf = dmabuf_make(lease, 0, PAGE);
		int importer = importer_open();

		ret = importer_attach(importer, dmabuf, 0);
		if (!ret)
			ret = importer_do(importer, IMPORTER_MAP);
	}
	return ret;
}

static void attack(uid_t user, int out)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct rdma rdma = rdma_open();
	struct result result = { 0 };
	void *map;
	int lease;

	/* As on machines with RDMA. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	if (setegid(user) || seteuid(user))
		tap_bail("seteuid: %s", strerror(errno));
	lease = lease_make(open(PATH, O_RDWR), 0, PAGE, HOLDFAST_BREAKABLE,
			   BREAK_MS);
	map = map_often(lease);
	result.rings = ring_buffers(map);
	/* From 6.15 on 1024 references of page tables look like a pin. */
	if (madvise(map, LENGTH, MADV_DONTNEED))
		tap_bail("madvise: %s", strerror(errno));
	result.pinned = lease_query(lease).pinned;
	while (result.regions < TIMES &&
	       ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS))
		result.regions++;
	result.region_error = errno;
	if (!user)
		result.dmabuf = import(&rdma, map, lease);
	if (write(out, &result, sizeof(result)) != sizeof(result))
		_exit(1);
	for (;;)
		pause();
}

static void test_user(uid_t user, const char *who)
{
	struct result result;
	struct change change;
	int out[2], status;
	pid_t pid;

	if (fchown(file_make(PATH, PAGE), user, user) || pipe(out))
		tap_bail("%s: %s", PATH, strerror(errno));
	pid = child_fork();
	if (!pid)
		attack(user, out[1]);
	close(out[1]);
	if (read(out[0], &result, sizeof(result)) != sizeof(result))
		tap_bail("%s: no result", who);
	close(out[0]);
	if (result.rings == -EOPNOTSUPP)
		tap_skip("%s: no fixed buffers of device memory here", who);
	else
		tap_is(result.rings, -ENOMEM, "%s: fixed buffers: ENOMEM", who);
	tap_is(result.pinned, 0, "%s: they leave no pin", who);
	tap_ok(result.regions && result.regions < TIMES, "%s: %d regions of %d",
	       who, result.regions, TIMES);
	tap_is(result.region_error, ENOMEM, "%s: then ENOMEM", who);
	if (!user)
		tap_is(result.dmabuf, -ENOMEM, "%s: a dma-buf: ENOMEM", who);

	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(change_done(&change, BREAK_MS + 3 * SOON) && !change.error,
	       "%s: a truncate comes to its end", who);
	tap_ok(change_ms(&change) >= BREAK_MS - 100,
	       "%s: after the break time: %ld ms", who, change_ms(&change));
	status = child_wait(pid, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "%s: by the fence", who);
	unlink(PATH);
}

int main(void)
{
	importer_load();
	test_user(0, "root");
	importer_unload();
	test_user(1000, "a user");
	return tap_done();
}
