// SPDX-License-Identifier: GPL-2.0
/*
 * What leases cost in kernel memory: what the kernel has allocated for itself
 * with many of them and without, and how large it says that a lease is.
 */
#define _GNU_SOURCE
#include "bench.h"

#define LEASES 4000 /* of a page */
#define WHOLE  50   /* of a large file, or of one in pieces */

static const char *directory = "/mnt/pmem";
static unsigned long rounds = 3, length = 64 * MIB, pieces = 4096;

static const struct bench_option options[] = {
	{ "directory", "on a filesystem with DAX", .text = &directory },
	{ "length", "bytes of the contiguous file", .number = &length },
	{ "pieces", "pages of the fragmented one", .number = &pieces },
	{ "rounds", "of all", .number = &rounds },
	{ 0 }
};

/* Bytes that the kernel has allocated for itself, small and large. */
static int64_t kernel_memory(void)
{
	static const char *const counted[] = { "Slab:", "VmallocUsed:" };
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128], name[32];
	long long kib, sum = 0;

	if (!file)
		err(1, "/proc/meminfo");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%31s %lld", name, &kib) != 2)
			continue;
		for (size_t i = 0; i < 2; i++)
			sum += strcmp(name, counted[i]) ? 0 : kib;
	}
	fclose(file);
	return sum * 1024;
}

/* Once what nobody needs is gone. */
static int64_t kernel_memory_settled(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		FILE *file = fopen("/proc/sys/vm/drop_caches", "w");

		if (!file || fputs("2", file) < 0 || fclose(file))
			err(1, "drop_caches");
		usleep(100000);
	}
	return kernel_memory();
}

static double bytes_per_lease(int fd, size_t size, unsigned int count)
{
	static int leases[LEASES];
	int64_t before = kernel_memory_settled(), bytes;

	for (unsigned int i = 0; i < count; i++)
		leases[i] = acquire(fd, 0, size);
	bytes = kernel_memory_settled() - before;
	for (unsigned int i = 0; i < count; i++)
		release(leases[i]);
	return (double)bytes / count;
}

/* Two files that grow by turns have every other page each. */
static int make_pieces(const char *path, const char *filler_path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int filler =
		open(filler_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	for (unsigned long i = 0; i < pieces; i++) {
		if (fallocate(fd, 0, i * PAGE, PAGE) ||
		    fallocate(filler, 0, i * PAGE, PAGE))
			err(1, "fallocate");
	}
	close(filler);
	return fd;
}

int main(int argc, char **argv)
{
	const double gib = 1UL << 30;
	char path[3][300];
	int whole, split;

	parse_options(argc, argv, "What leases cost in kernel memory.",
		      options);
	allow_descriptors(LEASES);
	for (unsigned int i = 0; i < 3; i++)
		snprintf(path[i], sizeof(path[i]), "%s/bench-memory%u",
			 directory, i);
	split = make_pieces(path[1], path[2]);
	whole = make_file(path[0], length);
	/* What the first lease of all and of a file allocates stays. */
	bytes_per_lease(whole, length, 1);
	bytes_per_lease(split, pieces * PAGE, 1);
	for (unsigned int round = 0; round < rounds; round++) {
		double small = bytes_per_lease(whole, PAGE, LEASES);
		double large = bytes_per_lease(whole, length, WHOLE);
		double many = bytes_per_lease(split, pieces * PAGE, WHOLE);

		sample("memory-lease", 0, "lease", round, small);
		/* What a lease costs by itself is not said twice. */
		sample("memory-contiguous", 0, "lease", round,
		       (large > small ? large - small : 0) * gib / length);
		sample("memory-fragmented", 0, "lease", round,
		       (many - small) * gib / (pieces * PAGE));
	}
	for (unsigned int i = 0; i < 3; i++)
		unlink(path[i]);
	return 0;
}
