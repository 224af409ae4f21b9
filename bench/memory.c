// SPDX-License-Identifier: GPL-2.0
/*
 * What leases cost in kernel memory: what the kernel has allocated for itself
 * with many of them and without, and how large it says that a lease is.
 */
#define _GNU_SOURCE
#include "bench.h"

#define LEASES 4000

static const char *directory = "/mnt/pmem";
static unsigned long rounds = 3, length = 64 * MIB;

static const struct bench_option options[] = {
	{ "directory", "on a filesystem with DAX", .text = &directory },
	{ "length", "bytes of the range", .number = &length },
	{ "rounds", "of it", .number = &rounds },
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

static double bytes_per_lease(int fd, unsigned int count)
{
	static int leases[LEASES];
	int64_t before = kernel_memory_settled(), bytes;

	for (unsigned int i = 0; i < count; i++)
		leases[i] = acquire(fd, 0, length);
	bytes = kernel_memory_settled() - before;
	for (unsigned int i = 0; i < count; i++)
		release(leases[i]);
	return (double)bytes / count;
}

int main(int argc, char **argv)
{
	char path[300];
	int fd;

	parse_options(argc, argv, "What leases cost in kernel memory.",
		      options);
	allow_descriptors(LEASES);
	snprintf(path, sizeof(path), "%s/bench-memory", directory);
	fd = make_file(path, length);
	/* What the first lease of all and of a file allocates stays. */
	bytes_per_lease(fd, 1);
	for (unsigned int round = 0; round < rounds; round++)
		sample("memory-lease", 0, "lease", round,
		       bytes_per_lease(fd, LEASES));
	unlink(path);
	return 0;
}
