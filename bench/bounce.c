// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes that come by RDMA and end in a file: straight into a lease, or into a
 * buffer, and from there by pwrite(2), or by memcpy(3) to a mapping.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define REGION (8 * MIB)

static const char *file = "/mnt/pmem/bench";
static unsigned long rounds = 7, bytes = 8 * MIB, gid = 1;
static struct sizes sizes = { 2, { 64 * KIB, MIB } };

static const struct bench_option options[] = {
	{ "file", "a file with DAX", .text = &file },
	{ "sizes", "bytes of an operation", .list = &sizes },
	{ "bytes", "moved at each size in a round", .number = &bytes },
	{ "rounds", "of all variants", .number = &rounds },
	{ "gid", "index of the device's own address", .number = &gid },
	{ 0 }
};

static struct rdma rdma;
static struct ibv_mr *source, *leased, *buffer;
static char *mapped;
static int fd;

/* What came into the buffer goes to the file at @at. */
static void with_pwrite(size_t at, size_t size)
{
	if (pwrite(fd, buffer->addr, size, at) != (ssize_t)size)
		err(1, "pwrite");
}

static void with_memcpy(size_t at, size_t size)
{
	memcpy(mapped + at, buffer->addr, size);
}

/*
 * Nanoseconds for each operation until it is in the file, and of that what is
 * not RDMA: as soft RoCE needs the CPU for what a card does, that is what the
 * CPU would do beside a card.
 */
static void measure(const char *variant, struct ibv_mr *to,
		    void (*copy)(size_t at, size_t size), size_t size,
		    int round)
{
	unsigned int count = bytes > size ? bytes / size : 1;
	uint64_t began = now_ns(), copying = 0, copied;

	for (unsigned int i = 0; i < count; i++) {
		rdma_transfer(&rdma, IBV_WR_RDMA_WRITE, source, to, size, 1, 1,
			      size);
		if (!copy)
			continue;
		copied = now_ns();
		copy(i * size % REGION, size);
		copying += now_ns() - copied;
	}
	if (round < 0)
		return;
	sample("into-file", size, variant, round,
	       (double)(now_ns() - began) / count);
	if (copy)
		sample("into-file-copy", size, variant, round,
		       (double)copying / count);
}

int main(int argc, char **argv)
{
	int lease;

	parse_options(argc, argv,
		      "RDMA straight into a file, and through a buffer.",
		      options);
	fd = make_file(file, REGION);
	mapped = map_shared(fd, REGION);
	lease = acquire(fd, 0, REGION);
	rdma_open(&rdma);
	rdma_connect(&rdma, gid);
	source = rdma_register(&rdma, map_shared(-1, MIB), MIB);
	buffer = rdma_register(&rdma, map_shared(-1, MIB), MIB);
	leased = rdma_register(&rdma, mapped, REGION);
	for (unsigned int s = 0; s < sizes.count; s++) {
		if (sizes.size[s] > MIB)
			errx(2, "at most 1M at a time");
		for (int round = -1; round < (int)rounds; round++) {
			measure("lease", leased, NULL, sizes.size[s], round);
			measure("buffer, pwrite", buffer, with_pwrite,
				sizes.size[s], round);
			measure("buffer, memcpy", buffer, with_memcpy,
				sizes.size[s], round);
		}
	}
	rdma_deregister(leased);
	release(lease);
	unlink(file);
	return 0;
}
