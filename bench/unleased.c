// SPDX-License-Identifier: GPL-2.0
/*
 * What a file that nobody has leased pays for the module: truncate, fallocate,
 * mmap, a fault, a reflink. One round of one variant, as the module comes and
 * goes between them: bench/guest does that.
 *
 * With --leases it does not measure, but takes leases of other files, says
 * "ready", and has them until its input ends.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <linux/fs.h>

#include "bench.h"

#define PER_FILE 10

static const char *directory = "/mnt/pmem", *variant = "as it is";
static unsigned long this_round, count = 200, leases;

static const struct bench_option options[] = {
	{ "directory", "on a filesystem with DAX", .text = &directory },
	{ "variant", "name of what is measured", .text = &variant },
	{ "round", "its number", .number = &this_round },
	{ "count", "operations of each kind", .number = &count },
	{ "leases", "take so many leases, and wait", .number = &leases },
	{ 0 }
};

static int fd, other;
static char *mapping;

static void do_truncate(off_t at)
{
	if (ftruncate(fd, MIB - at - PAGE))
		err(1, "ftruncate");
}

static void do_punch(off_t at)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, PAGE))
		err(1, "fallocate, punch");
}

static void do_allocate(off_t at)
{
	if (fallocate(fd, 0, at, PAGE))
		err(1, "fallocate");
}

static void do_mmap(off_t at)
{
	void *addr =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);

	if (addr == MAP_FAILED || munmap(addr, PAGE))
		err(1, "mmap");
}

static void do_fault(off_t at)
{
	*(volatile char *)(mapping + at) = 1;
}

static void do_reflink(off_t at)
{
	struct file_clone_range range = { .src_fd = fd,
					  .src_offset = at,
					  .src_length = PAGE,
					  .dest_offset = at };

	if (ioctl(other, FICLONERANGE, &range))
		err(1, "FICLONERANGE");
}

static const struct {
	const char *name;
	void (*make)(off_t at);
} kinds[] = {
	{ "truncate", do_truncate },  { "punch", do_punch },
	{ "fallocate", do_allocate }, { "mmap", do_mmap },
	{ "fault", do_fault },	      { "reflink", do_reflink },
};

static int make(const char *name, char path[256])
{
	snprintf(path, 256, "%s/%s", directory, name);
	return make_file(path, MIB);
}

static bool has_reflink(void)
{
	struct file_clone_range range = { .src_fd = fd, .src_length = PAGE };

	return !ioctl(other, FICLONERANGE, &range);
}

/* Each on files of its own, of which the operations take page after page. */
static void measure(unsigned int k)
{
	char path[256], other_path[256], name[32];
	uint64_t times[MIB / PAGE];

	fd = make("bench-unleased", path);
	other = make("bench-other", other_path);
	if (kinds[k].make == do_reflink && !has_reflink())
		goto close;
	/* Another page table than the last one's, whose pages are gone. */
	mapping = map_shared(fd, MIB);
	kinds[k].make(MIB - PAGE);
	for (unsigned int i = 0; i < count; i++) {
		uint64_t began = now_ns();

		kinds[k].make(i * PAGE);
		times[i] = now_ns() - began;
	}
	snprintf(name, sizeof(name), "unleased-%s", kinds[k].name);
	sample(name, 0, variant, this_round, median_time(times, count));
	munmap(mapping, MIB);
close:
	close(fd);
	close(other);
	unlink(path);
	unlink(other_path);
}

static void hold_leases(void)
{
	char path[300];

	allow_descriptors(leases);
	snprintf(path, sizeof(path), "%s/bench-many", directory);
	if (mkdir(path, 0755) && errno != EEXIST)
		err(1, "%s", path);
	for (unsigned long i = 0; i < leases; i += PER_FILE) {
		int file;

		snprintf(path, sizeof(path), "%s/bench-many/%lu", directory,
			 i / PER_FILE);
		file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (file < 0 || ftruncate(file, PAGE))
			err(1, "%s", path);
		for (unsigned int n = 0; n < PER_FILE && i + n < leases; n++)
			acquire(file, 0, PAGE);
		close(file);
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
}

int main(int argc, char **argv)
{
	parse_options(argc, argv,
		      "What a file without leases pays for the module.",
		      options);
	if (count > MIB / PAGE - 1)
		errx(2, "--count: at most %lu", MIB / PAGE - 1);
	if (leases) {
		hold_leases();
		return 0;
	}
	for (unsigned int k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		measure(k);
	return 0;
}
