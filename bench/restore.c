// SPDX-License-Identifier: GPL-2.0
/*
 * After a change that broke a lease, until its memory is registered again:
 * restore it, or close all and open it again. On device-dax, which has no
 * changes, register again what stayed mapped.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>

#include "rdma.h"

static const char *file = "/mnt/pmem/bench", *dax = "/dev/dax1.0";
static unsigned long rounds = 7;
static struct sizes sizes = { 3, { 64 * KIB, 2 * MIB, 64 * MIB } };

static const struct bench_option options[] = {
	{ "file", "a file with DAX", .text = &file },
	{ "dax", "a device-dax device, or none", .text = &dax },
	{ "sizes", "bytes of a region", .list = &sizes },
	{ "rounds", "of all variants", .number = &rounds },
	{ 0 }
};

static struct rdma rdma;

/* A file, open, leased, mapped, registered. */
struct region {
	int fd;
	int lease;
	size_t size;
	void *addr;
	struct ibv_mr *mr;
};

static void open_region(struct region *region, size_t size)
{
	region->size = size;
	region->fd = open(file, O_RDWR | O_CLOEXEC);
	if (region->fd < 0)
		err(1, "%s", file);
	region->lease = acquire(region->fd, 0, size);
	region->addr = map_lease(region->lease, size);
	region->mr = rdma_register(&rdma, region->addr, size);
}

static void close_region(struct region *region)
{
	munmap(region->addr, region->size);
	close(region->lease);
	close(region->fd);
}

/*
 * Nothing is registered any more, then the change. One that leaves the blocks
 * where they are, if the filesystem has that; otherwise it takes the last page.
 */
static void break_lease(struct region *region)
{
	struct holdfast_query query;

	rdma_deregister(region->mr);
	if (fallocate(region->fd, FALLOC_FL_UNSHARE_RANGE, 0, region->size) &&
	    fallocate(region->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      region->size - PAGE, PAGE))
		err(1, "change");
	if (hf_query(region->lease, &query) || query.state != HOLDFAST_BROKEN)
		errx(1, "the change has not broken the lease");
}

static void measure(size_t size, int dax_fd)
{
	int fd = make_file(file, size);
	struct region region;
	struct ibv_mr *mr = NULL;
	void *addr = NULL;
	uint64_t began;

	close(fd);
	open_region(&region, size);
	if (dax_fd >= 0) {
		addr = map_shared(dax_fd, round_huge(size));
		mr = rdma_register(&rdma, addr, size);
	}
	for (int round = -1; round < (int)rounds; round++) {
		uint64_t restore, reopen, again = 0;

		break_lease(&region);
		began = now_ns();
		if (hf_restore(region.lease, NULL))
			errx(1, "restore: %s", hf_error());
		region.mr = rdma_register(&rdma, region.addr, size);
		restore = now_ns() - began;

		break_lease(&region);
		began = now_ns();
		close_region(&region);
		open_region(&region, size);
		reopen = now_ns() - began;

		if (dax_fd >= 0) {
			rdma_deregister(mr);
			began = now_ns();
			mr = rdma_register(&rdma, addr, size);
			again = now_ns() - began;
		}
		if (round < 0)
			continue;
		sample("restore", size, "restore", round, restore);
		sample("restore", size, "reopen", round, reopen);
		if (dax_fd >= 0)
			sample("restore", size, "device-dax", round, again);
	}
	if (dax_fd >= 0) {
		rdma_deregister(mr);
		munmap(addr, round_huge(size));
	}
	rdma_deregister(region.mr);
	close_region(&region);
	unlink(file);
}

int main(int argc, char **argv)
{
	int dax_fd;

	parse_options(
		argc, argv,
		"From a change that broke a lease to a registered region.",
		options);
	dax_fd = open_dax(dax);
	rdma_open(&rdma);
	for (unsigned int s = 0; s < sizes.count; s++)
		measure(sizes.size[s], dax_fd);
	return 0;
}
