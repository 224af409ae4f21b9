// SPDX-License-Identifier: GPL-2.0
/*
 * After a change that broke a lease, until its memory is registered again, beside
 * the first registration of that memory. Lease and mapping stay as they are.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>

#include "rdma.h"

static const char *file = "/mnt/pmem/bench";
static unsigned long rounds = 7;
static struct sizes sizes = { 3, { 64 * KIB, 2 * MIB, 64 * MIB } };

static const struct bench_option options[] = {
	{ "file", "a file with DAX", .text = &file },
	{ "sizes", "bytes of a region", .list = &sizes },
	{ "rounds", "of both", .number = &rounds },
	{ 0 }
};

static struct rdma rdma;

/* What it takes to register. */
static uint64_t time_register(void *addr, size_t size, struct ibv_mr **mr)
{
	uint64_t began = now_ns();

	*mr = rdma_register(&rdma, addr, size);
	return now_ns() - began;
}

/*
 * One that leaves the blocks where they are, if the filesystem has that; otherwise
 * it takes the last page.
 */
static void change(int fd, int lease, size_t size)
{
	struct holdfast_event event;

	if (fallocate(fd, FALLOC_FL_UNSHARE_RANGE, 0, size) &&
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      size - PAGE, PAGE))
		err(1, "change");
	if (hf_wait(lease, &event, 0) || event.type != HOLDFAST_EVENT_BREAK)
		errx(1, "the change has not met the lease");
}

static void measure(int fd, size_t size, int round)
{
	int lease = acquire(fd, 0, size);
	void *addr = map_shared(fd, size);
	uint64_t first, again;
	struct ibv_mr *mr;

	first = time_register(addr, size, &mr);
	rdma_deregister(mr);
	change(fd, lease, size);
	again = time_register(addr, size, &mr);
	rdma_deregister(mr);
	munmap(addr, size);
	release(lease);
	if (round < 0)
		return;
	sample("again", size, "again", round, again);
	sample("again", size, "first", round, first);
}

int main(int argc, char **argv)
{
	parse_options(argc, argv,
		      "Registering again after a change that broke a lease.",
		      options);
	rdma_open(&rdma);
	for (unsigned int s = 0; s < sizes.count; s++) {
		int fd = make_file(file, sizes.size[s]);

		for (int round = -1; round < (int)rounds; round++)
			measure(fd, sizes.size[s], round);
		close(fd);
		unlink(file);
	}
	return 0;
}
