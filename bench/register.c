// SPDX-License-Identifier: GPL-2.0
/*
 * From an open file to a registered region: acquire, mmap, ibv_reg_mr. On
 * device-dax that is mmap and ibv_reg_mr.
 */
#define _GNU_SOURCE
#include "rdma.h"

static const char *file = "/mnt/pmem/bench", *dax = "/dev/dax1.0";
static unsigned long rounds = 7;
static struct sizes sizes = {
	7, { 4 * KIB, 64 * KIB, MIB, 2 * MIB, 16 * MIB, 64 * MIB, 256 * MIB }
};

static const struct bench_option options[] = {
	{ "file", "a file with DAX", .text = &file },
	{ "dax", "a device-dax device, or none", .text = &dax },
	{ "sizes", "bytes of a region", .list = &sizes },
	{ "rounds", "of all variants", .number = &rounds },
	{ 0 }
};

static struct rdma rdma;

/* Also says what the steps take; @round below 0 says nothing. */
static void with_lease(int fd, size_t size, int round)
{
	uint64_t time[4] = { now_ns() };
	struct ibv_mr *mr;
	void *addr;
	int lease;

	lease = acquire(fd, 0, size);
	time[1] = now_ns();
	addr = map_lease(lease, size);
	time[2] = now_ns();
	mr = rdma_register(&rdma, addr, size);
	time[3] = now_ns();
	rdma_deregister(mr);
	munmap(addr, size);
	release(lease);
	if (round < 0)
		return;
	sample("register", size, "lease", round, time[3] - time[0]);
	sample("register-steps", size, "acquire", round, time[1] - time[0]);
	sample("register-steps", size, "map", round, time[2] - time[1]);
	sample("register-steps", size, "ibv_reg_mr", round, time[3] - time[2]);
}

static void with_dax(int fd, size_t size, int round)
{
	uint64_t began = now_ns(), took;
	void *addr = map_shared(fd, round_huge(size));
	struct ibv_mr *mr = rdma_register(&rdma, addr, size);

	took = now_ns() - began;
	rdma_deregister(mr);
	munmap(addr, round_huge(size));
	if (round >= 0)
		sample("register", size, "device-dax", round, took);
}

int main(int argc, char **argv)
{
	int dax_fd, fd;

	parse_options(
		argc, argv,
		"From an open file to a registered region, on a lease and on device-dax.",
		options);
	dax_fd = open_dax(dax);
	rdma_open(&rdma);
	/* The largest first: it is in fewer pieces where nothing was yet. */
	for (unsigned int s = sizes.count; s--;) {
		size_t size = sizes.size[s];

		/* A new one: pages that were small once stay so. */
		fd = make_file(file, size);
		/* Not said: the first lease of all also registers the hooks. */
		for (int round = -1; round < (int)rounds; round++) {
			with_lease(fd, size, round);
			if (dax_fd >= 0)
				with_dax(dax_fd, size, round);
		}
		close(fd);
		unlink(file);
	}
	return 0;
}
