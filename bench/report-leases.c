// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the report of all leases, where there are many, of ranges that are large:
 * 1 TiB of sparse files together.
 */
#define _GNU_SOURCE
#include "bench.h"

#define REPORT	 "/proc/fs/holdfast/leases"
#define PER_FILE 10
#define LEASED	 (1UL << 40)

static const char *directory = "/mnt/pmem";
static unsigned long rounds = 5;
static struct sizes counts = { 3, { 100, 1000, 10000 } };

static const struct bench_option options[] = {
	{ "directory", "on a filesystem with DAX", .text = &directory },
	{ "counts", "of leases, from few to many", .list = &counts },
	{ "rounds", "at each of them", .number = &rounds },
	{ 0 }
};

/* Files of PER_FILE leases each; @length of each is leased. */
static void add_leases(unsigned long from, unsigned long to, size_t length)
{
	char path[300];

	for (unsigned long i = from; i < to; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/bench-report%lu", directory,
			 i / PER_FILE);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0 || ftruncate(fd, PER_FILE * length))
			err(1, "%s", path);
		acquire(fd, i % PER_FILE * length, length);
		close(fd);
	}
}

static void read_report(void)
{
	static char buffer[128 * KIB];
	int fd = open(REPORT, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		err(1, REPORT);
	while ((length = read(fd, buffer, sizeof(buffer))) > 0)
		;
	if (length < 0)
		err(1, REPORT);
	close(fd);
}

int main(int argc, char **argv)
{
	size_t length;
	unsigned long have = 0, most;

	parse_options(argc, argv, "Reading the report of many leases.",
		      options);
	most = counts.size[counts.count - 1];
	length = LEASED / most & ~(PAGE - 1);
	allow_descriptors(most);
	for (unsigned int c = 0; c < counts.count; c++) {
		add_leases(have, counts.size[c], length);
		have = counts.size[c];
		for (int round = -1; round < (int)rounds; round++) {
			uint64_t began = now_ns();

			read_report();
			if (round >= 0)
				sample("report", have, "report", round,
				       now_ns() - began);
		}
	}
	return 0;
}
