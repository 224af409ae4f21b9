// SPDX-License-Identifier: GPL-2.0
/*
 * How fast RDMA writes and reads memory on a lease, on device-dax, and of no
 * file: many at a time, and one by one.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define REGION (4 * MIB)

static const char *file = "/mnt/pmem/bench", *dax = "/dev/dax1.0";
static unsigned long rounds = 9, bytes = 2 * MIB, gid = 1;
static struct sizes sizes = { 5,
			      { 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB } };

static const struct bench_option options[] = {
	{ "file", "a file with DAX", .text = &file },
	{ "dax", "a device-dax device, or none", .text = &dax },
	{ "sizes", "bytes of an operation", .list = &sizes },
	{ "bytes", "moved at each size in a round", .number = &bytes },
	{ "rounds", "of all variants", .number = &rounds },
	{ "gid", "index of the device's own address", .number = &gid },
	{ 0 }
};

static const struct {
	const char *name;
	enum ibv_wr_opcode opcode;
	unsigned int depth;
} measures[] = {
	{ "write-bandwidth", IBV_WR_RDMA_WRITE, RDMA_DEPTH },
	{ "read-bandwidth", IBV_WR_RDMA_READ, RDMA_DEPTH },
	{ "write-latency", IBV_WR_RDMA_WRITE, 1 },
	{ "read-latency", IBV_WR_RDMA_READ, 1 },
};

static struct {
	const char *name;
	struct ibv_mr *mr;
} variants[] = {
	{ .name = "lease" },
	{ .name = "device-dax" },
	{ .name = "anonymous" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct rdma rdma;
static struct ibv_mr *local;

/* Nanoseconds for each operation. */
static double transfer(enum ibv_wr_opcode opcode, struct ibv_mr *mr,
		       size_t size, unsigned int depth)
{
	unsigned int count = bytes / size > depth ? bytes / size : depth;
	uint64_t began;

	/* One by one a few tell as much; large ones have no deep queue. */
	if (depth == 1)
		count = size < 256 * KIB ? 32 : 4;
	else if (size >= 256 * KIB)
		count = bytes / size + 1;
	began = now_ns();
	rdma_transfer(&rdma, opcode, local, mr, size, count, depth, size);
	return (double)(now_ns() - began) / count;
}

static void measure(unsigned int m, size_t size, int round)
{
	/* Each is first now and then: who comes first may find other queues. */
	for (unsigned int i = 0; i < COUNT(variants); i++) {
		unsigned int v = (round + 1 + i) % COUNT(variants);
		double ns;

		if (!variants[v].mr)
			continue;
		ns = transfer(measures[m].opcode, variants[v].mr, size,
			      measures[m].depth);
		if (round >= 0)
			sample(measures[m].name, size, variants[v].name, round,
			       ns);
	}
}

int main(int argc, char **argv)
{
	int fd, lease, dax_fd;

	parse_options(argc, argv,
		      "RDMA to a lease, device-dax and anonymous memory.",
		      options);
	fd = make_file(file, REGION);
	lease = acquire(fd, 0, REGION);
	dax_fd = open_dax(dax);
	rdma_open(&rdma);
	rdma_connect(&rdma, gid);
	local = rdma_register(&rdma, map_shared(-1, MIB), MIB);
	variants[0].mr = rdma_register(&rdma, map_shared(fd, REGION), REGION);
	if (dax_fd >= 0)
		variants[1].mr = rdma_register(
			&rdma, map_shared(dax_fd, REGION), REGION);
	variants[2].mr = rdma_register(&rdma, map_shared(-1, REGION), REGION);

	/* The first round is to warm up and not said. */
	for (int round = -1; round < (int)rounds; round++) {
		for (unsigned int s = 0; s < sizes.count; s++) {
			if (sizes.size[s] > MIB)
				errx(2, "at most 1M at a time");
			for (unsigned int m = 0; m < COUNT(measures); m++)
				measure(m, sizes.size[s], round);
		}
	}
	rdma_deregister(variants[0].mr);
	release(lease);
	unlink(file);
	return 0;
}
