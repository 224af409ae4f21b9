// SPDX-License-Identifier: GPL-2.0
/*
 * A region of a file by on-demand paging (Linux 7.2 has it for soft RoCE) and
 * on a lease: from nothing until all of its pages were written by RDMA, once
 * more, and with truncates in between. Without on-demand paging there is
 * nothing to compare, and no sample.
 *
 * Soft RoCE of 7.2 misplaces packets that do not begin with a page: here all do.
 */
#define _GNU_SOURCE
#include "rdma.h"

static const char *file = "/mnt/pmem/bench";
static unsigned long rounds = 3, size = 256 * MIB, changed = 16 * MIB, gid = 1;

static const struct bench_option options[] = {
	{ "file", "a file with DAX", .text = &file },
	{ "size", "bytes of the region", .number = &size },
	{ "changed", "bytes of the one under truncates", .number = &changed },
	{ "rounds", "of both variants", .number = &rounds },
	{ "gid", "index of the device's own address", .number = &gid },
	{ 0 }
};

#define TRUNCATES 8
#define WRITES	  256 /* after each truncate */
#define BYTES	  256 /* of each page that is written */

static struct rdma rdma;
static struct ibv_mr *source;
static int fd;

struct region {
	int lease; /* -1: on-demand paging */
	size_t length;
	void *addr;
	struct ibv_mr *mr;
};

static struct ibv_mr *reg_on_demand(void *addr, size_t length)
{
	struct ibv_mr *mr = ibv_reg_mr(rdma.pd, addr, length,
				       RDMA_ACCESS | IBV_ACCESS_ON_DEMAND);

	if (!mr)
		err(1, "ibv_reg_mr, on demand");
	return mr;
}

static struct region open_region(bool on_demand, size_t length)
{
	struct region region = { .lease = -1, .length = length };

	region.addr = map_shared(fd, length);
	if (on_demand) {
		region.mr = reg_on_demand(region.addr, length);
	} else {
		region.lease = acquire(fd, 0, length);
		region.mr = rdma_register(&rdma, region.addr, length);
	}
	return region;
}

static void close_region(struct region *region)
{
	rdma_deregister(region->mr);
	munmap(region->addr, region->length);
	if (region->lease >= 0)
		release(region->lease);
}

/* The beginnings of @count pages. */
static void write_pages(struct region *region, unsigned int count)
{
	rdma_transfer(&rdma, IBV_WR_RDMA_WRITE, source, region->mr, BYTES,
		      count, RDMA_DEPTH, PAGE);
}

/* The last page goes and comes again. A holder lets go, and registers again. */
static void change(struct region *region)
{
	if (region->lease >= 0)
		rdma_deregister(region->mr);
	if (ftruncate(fd, region->length - PAGE) ||
	    ftruncate(fd, region->length))
		err(1, "ftruncate");
	if (region->lease >= 0)
		region->mr = rdma_register(&rdma, region->addr, region->length);
}

static void measure(bool on_demand, unsigned int round)
{
	const char *variant = on_demand ? "on-demand" : "lease";
	uint64_t began = now_ns();
	struct region region = open_region(on_demand, size);

	write_pages(&region, size / PAGE);
	sample("odp-cold", size, variant, round, now_ns() - began);
	began = now_ns();
	write_pages(&region, size / PAGE / 4);
	sample("odp-warm", size, variant, round, now_ns() - began);
	close_region(&region);
}

static void measure_changed(bool on_demand, unsigned int round)
{
	struct region region = open_region(on_demand, changed);
	uint64_t began = now_ns();

	for (unsigned int i = 0; i < TRUNCATES; i++) {
		change(&region);
		write_pages(&region, WRITES);
	}
	sample("odp-truncates", changed, on_demand ? "on-demand" : "lease",
	       round, now_ns() - began);
	close_region(&region);
}

static bool device_pages_on_demand(void)
{
	struct ibv_device_attr_ex attr;

	return !ibv_query_device_ex(rdma.context, NULL, &attr) &&
	       attr.odp_caps.general_caps & IBV_ODP_SUPPORT;
}

int main(int argc, char **argv)
{
	parse_options(argc, argv,
		      "On-demand paging, and the same region on a lease.",
		      options);
	rdma_open(&rdma);
	if (!device_pages_on_demand()) {
		warnx("the device does not page on demand");
		return 0;
	}
	rdma_connect(&rdma, gid);
	source = rdma_register(&rdma, map_shared(-1, PAGE), PAGE);
	fd = make_file(file, size);
	for (unsigned int round = 0; round < rounds; round++) {
		measure(false, round);
		measure(true, round);
	}
	close(fd);
	unlink(file);
	fd = make_file(file, changed);
	for (unsigned int round = 0; round < rounds; round++) {
		measure_changed(false, round);
		measure_changed(true, round);
	}
	unlink(file);
	return 0;
}
