// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to prepare blocks for a lease where copy on write could move them:
 * acquire and register a file of which nothing is shared, and one with a shared block
 * right behind the range. Each round shares that block again, as the registration
 * has it copied.
 */
#define _GNU_SOURCE
#include <linux/fs.h>

#include "rdma.h"

static const char *directory = "/mnt/pmem";
static unsigned long rounds = 7;
static struct sizes sizes = { 5,
			      { 4 * KIB, 64 * KIB, MIB, 2 * MIB, 16 * MIB } };

static const struct bench_option options[] = {
	{ "directory", "on a filesystem with DAX", .text = &directory },
	{ "sizes", "bytes of a region", .list = &sizes },
	{ "rounds", "of all variants", .number = &rounds },
	{ 0 }
};

static struct rdma rdma;

static void measure(const char *variant, int fd, size_t size, int round)
{
	uint64_t began = now_ns(), took;
	int lease = acquire(fd, 0, size);
	void *addr = map_shared(fd, size);
	struct ibv_mr *mr = rdma_register(&rdma, addr, size);

	took = now_ns() - began;
	rdma_deregister(mr);
	munmap(addr, size);
	release(lease);
	if (round >= 0)
		sample("shared", size, variant, round, took);
}

static int make(const char *name, size_t length, char path[256])
{
	snprintf(path, 256, "%s/%s", directory, name);
	return make_file(path, length);
}

/* False: the filesystem does not share blocks. */
static bool share(int from, int to, off_t at)
{
	struct file_clone_range range = { .src_fd = from,
					  .src_offset = at,
					  .src_length = PAGE };

	if (!ioctl(to, FICLONERANGE, &range))
		return true;
	if (errno != EOPNOTSUPP)
		err(1, "FICLONERANGE");
	return false;
}

int main(int argc, char **argv)
{
	char path[256], other_path[256];

	parse_options(argc, argv,
		      "Registering a file beside blocks that are shared.",
		      options);
	rdma_open(&rdma);
	for (unsigned int s = 0; s < sizes.count; s++) {
		size_t size = sizes.size[s];
		int fd = make("bench-shared", size + PAGE, path);
		int other = make("bench-other", PAGE, other_path);

		for (int round = -1; round < (int)rounds; round++) {
			measure("nothing is shared", fd, size, round);
			if (!share(fd, other, size))
				break;
			measure("a block is shared", fd, size, round);
		}
		close(fd);
		close(other);
		unlink(path);
		unlink(other_path);
	}
	return 0;
}
