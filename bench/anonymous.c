// SPDX-License-Identifier: GPL-2.0
/*
 * Registering memory that is no file's: with no lease in the system, and with leases
 * of files, so that the kernel's functions for pinning are hooked.
 */
#define _GNU_SOURCE
#include "rdma.h"

static const char *directory = "/mnt/pmem";
static unsigned long rounds = 15, leases = 1000;
static struct sizes sizes = { 4, { 4 * KIB, 64 * KIB, MIB, 16 * MIB } };

static const struct bench_option options[] = {
	{ "directory", "on a filesystem with DAX", .text = &directory },
	{ "sizes", "bytes of a region", .list = &sizes },
	{ "leases", "of other memory", .number = &leases },
	{ "rounds", "of each", .number = &rounds },
	{ 0 }
};

static struct rdma rdma;
/* The same pages for both, large ones or not. */
static void *memory[MAX_SIZES];

static void measure(const char *variant)
{
	for (unsigned int s = 0; s < sizes.count; s++) {
		for (int round = -1; round < (int)rounds; round++) {
			uint64_t began = now_ns(), took;
			struct ibv_mr *mr =
				rdma_register(&rdma, memory[s], sizes.size[s]);

			rdma_deregister(mr);
			took = now_ns() - began;
			if (round >= 0)
				sample("anonymous", sizes.size[s], variant,
				       round, took);
		}
	}
}

int main(int argc, char **argv)
{
	char path[256];
	int fd;

	parse_options(argc, argv,
		      "Registering anonymous memory while others have leases.",
		      options);
	rdma_open(&rdma);
	for (unsigned int s = 0; s < sizes.count; s++) {
		memory[s] = map_shared(-1, sizes.size[s]);
		memset(memory[s], 1, sizes.size[s]);
	}
	/* Once a lease is there the hooks stay for some seconds: so not by turns. */
	measure("no leases");
	allow_descriptors(leases);
	snprintf(path, sizeof(path), "%s/bench-anonymous", directory);
	fd = make_file(path, PAGE);
	for (unsigned long i = 0; i < leases; i++)
		acquire(fd, 0, PAGE);
	measure("leases elsewhere");
	unlink(path);
	return 0;
}
