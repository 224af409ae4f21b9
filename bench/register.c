// SPDX-License-Identifier: GPL-2.0
/*
 * From an open file to a registered region: acquire, mmap, ibv_reg_mr. On
 * device-dax, and on a file in memory with pages of the same size, that is mmap and
 * ibv_reg_mr.
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
	addr = map_shared(fd, size);
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
	sample("register-steps", size, "mmap", round, time[2] - time[1]);
	sample("register-steps", size, "ibv_reg_mr", round, time[3] - time[2]);
}

/* What the filesystem takes for the page faults alone. */
static void with_faults(int fd, size_t size, int round)
{
	uint64_t began = now_ns();
	void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, fd, 0);

	if (addr == MAP_FAILED)
		err(1, "mmap");
	if (round >= 0)
		sample("register-steps", size, "MAP_POPULATE alone", round,
		       now_ns() - began);
	munmap(addr, size);
}

static void without_lease(const char *variant, int fd, size_t size,
			  size_t length, int round)
{
	uint64_t began = now_ns(), took;
	void *addr = map_shared(fd, length);
	struct ibv_mr *mr = rdma_register(&rdma, addr, size);

	took = now_ns() - began;
	rdma_deregister(mr);
	munmap(addr, length);
	if (round >= 0)
		sample("register", size, variant, round, took);
}

/* With pages as large as those that the DAX file has in so many bytes. */
static int make_memory(size_t size)
{
	int fd = memfd_create("bench", size < HUGE_PAGE ? 0 : MFD_HUGETLB);

	if (fd < 0 || fallocate(fd, 0, 0, size))
		err(1, "memory of %zu bytes", size);
	return fd;
}

static void measure(size_t size, int dax_fd)
{
	const char *memory = size < HUGE_PAGE ? "shmem" : "hugetlbfs";
	/* A new one: pages that were small once stay so. */
	int fd = make_file(file, size), memory_fd = make_memory(size);

	/* Not said: the first lease of all also registers the hooks. */
	for (int round = -1; round < (int)rounds; round++) {
		with_lease(fd, size, round);
		without_lease(memory, memory_fd, size, size, round);
		if (dax_fd >= 0)
			without_lease("device-dax", dax_fd, size,
				      round_huge(size), round);
		with_faults(fd, size, round);
	}
	close(memory_fd);
	close(fd);
	unlink(file);
}

int main(int argc, char **argv)
{
	int dax_fd;

	parse_options(
		argc, argv,
		"From an open file to a registered region, on a lease and without.",
		options);
	dax_fd = open_dax(dax);
	rdma_open(&rdma);
	/* The largest first: it is in fewer pieces where nothing was yet. */
	for (unsigned int s = sizes.count; s--;)
		measure(sizes.size[s], dax_fd);
	return 0;
}
