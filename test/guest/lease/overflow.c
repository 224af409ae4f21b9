// SPDX-License-Identifier: GPL-2.0
/*
 * One page of a leased file is mapped many times and pinned through all of these
 * mappings again and again: that is refused long before the page's count overflows,
 * and what is pinned is waited for and fenced as ever.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "pages.h"
#include "rdma.h"

#define PATH	 PMEM "overflow"
#define PAGE	 4096UL
#define MAPPINGS 64UL
#define LENGTH	 (MAPPINGS * PAGE)
#define BUFFERS	 4
#define REGIONS	 100
#define USER	 1000
#define BREAK_MS (3000 * time_scale())

/* As many pins may be made. */
#define LEFT (BUFFERS * MAPPINGS + REGIONS / 2 * MAPPINGS)

struct result {
	int buffers;	  /* what registering BUFFERS fixed buffers gave */
	int regions;	  /* how many there were after that */
	int region_error; /* and why no more */
	int buffer;	  /* what one more buffer gave */
	uint64_t pinned;
};

/* See HF_PAGE_REFS_MAX in kmod/compat/: 1024 references are a pin. */
static void references_add(const struct pages *pages, int sign)
{
	int64_t more = sign * ((1LL << 29) - LEFT * 1024LL);
	int fd = open(PAGES_DEVICE, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || pwrite(fd, &more, sizeof(more),
			     pages->pfn[0] * sizeof(more)) != sizeof(more))
		tap_bail("%s: %s", PAGES_DEVICE, strerror(errno));
	close(fd);
}

static void *map_often(int fd)
{
	char *map = mmap(NULL, LENGTH, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	for (unsigned long i = 0; i < MAPPINGS; i++)
		if (mmap(map + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			tap_bail("mapping %lu: %s", i, strerror(errno));
	return map;
}

/* The ring stays. */
static int ring_buffers(void *map, unsigned int count)
{
	static struct iovec buffers[BUFFERS];
	struct io_uring ring;
	int ret = io_uring_queue_init(1, &ring, 0);

	if (ret)
		tap_bail("io_uring: %s", strerror(-ret));
	for (unsigned int i = 0; i < count; i++)
		buffers[i] = (struct iovec){ map, LENGTH };
	return io_uring_register_buffers(&ring, buffers, count);
}

static _Noreturn void attack(int out)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct rdma rdma = rdma_open();
	struct result result = { 0 };
	int fd, lease;
	void *map;

	/* As on machines with RDMA. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	if (setegid(USER) || seteuid(USER))
		tap_bail("seteuid: %s", strerror(errno));
	fd = open(PATH, O_RDWR | O_CLOEXEC);
	lease = lease_make(fd, 0, PAGE, HOLDFAST_BREAKABLE, BREAK_MS);
	map = map_often(fd);
	result.buffers = ring_buffers(map, BUFFERS);
	while (result.regions < REGIONS &&
	       ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS))
		result.regions++;
	result.region_error = errno;
	result.buffer = ring_buffers(map, 1);
	result.pinned = lease_query(lease).pinned;
	if (write(out, &result, sizeof(result)) != sizeof(result))
		_exit(1);
	for (;;)
		pause();
}

int main(void)
{
	struct result result;
	struct change change;
	int out[2], status, fd = file_make(PATH, PAGE);
	struct pages pages;
	pid_t pid;

	if (fchown(fd, USER, USER) || pipe(out))
		tap_bail("%s: %s", PATH, strerror(errno));
	pages = pages_of(fd, 0, PAGE);
	references_add(&pages, 1);
	pid = child_fork();
	if (!pid)
		attack(out[1]);
	close(out[1]);
	if (read(out[0], &result, sizeof(result)) != sizeof(result))
		tap_bail("no result");
	close(out[0]);
	references_add(&pages, -1);
	pages_free(&pages);
	tap_ok(result.regions && result.regions < REGIONS, "%d regions of %d",
	       result.regions, REGIONS);
	tap_is(result.region_error, ENOMEM, "then ENOMEM");
	if (result.buffers == -EOPNOTSUPP) {
		tap_skip("no fixed buffers of device memory here");
	} else {
		tap_is(result.buffers, 0, "with %d fixed buffers before",
		       BUFFERS);
		tap_is(result.buffer, -ENOMEM, "another one: ENOMEM, too");
	}
	tap_is(result.pinned, PAGE, "it is one page that is pinned");

	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(change_done(&change, BREAK_MS + 3 * SOON) && !change.error,
	       "a truncate comes to its end");
	tap_ok(change_ms(&change) >= BREAK_MS - 100,
	       "after the break time: %ld ms", change_ms(&change));
	status = child_wait(pid, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "by the fence");
	unlink(PATH);
	return tap_done();
}
