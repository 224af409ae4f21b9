// SPDX-License-Identifier: GPL-2.0
/*
 * What one lease more costs to acquire, break and release where there are many:
 * each on a file of its own, or all in one file.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>

#include "bench.h"

static const char *directory = "/mnt/pmem";
static unsigned long rounds = 9;
static struct sizes counts = { 4, { 1, 100, 10000, 100000 } };

static const struct bench_option options[] = {
	{ "directory", "on a filesystem with DAX", .text = &directory },
	{ "counts", "of leases, from few to many", .list = &counts },
	{ "rounds", "at each of them", .number = &rounds },
	{ 0 }
};

static int *leases;

static int open_at(const char *name, unsigned long n)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s%lu", directory, name, n);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

/* With its block: a filesystem that has many files is slower by itself. */
static void make_files(unsigned long count)
{
	for (unsigned long n = 0; n < count; n++) {
		int fd = open_at("bench-file", n);

		if (pwrite(fd, "", 1, PAGE - 1) != 1)
			err(1, "write");
		close(fd);
	}
}

static int lease_file(unsigned long n)
{
	int fd = open_at("bench-file", n), lease = acquire(fd, 0, PAGE);

	close(fd);
	return lease;
}

/*
 * One lease more, of a unit of its own: acquired, met by a change, and
 * released.
 */
static void measure(const char *what, int fd, off_t at, unsigned long count,
		    int round)
{
	struct holdfast_event event;
	uint64_t time[4];
	char name[32];
	int lease;

	if (fallocate(fd, 0, at, PAGE))
		err(1, "fallocate");
	time[0] = now_ns();
	lease = acquire(fd, at, PAGE);
	time[1] = now_ns();
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, PAGE))
		err(1, "punch");
	time[2] = now_ns();
	if (hf_wait(lease, &event, 0) || event.type != HOLDFAST_EVENT_BREAK)
		errx(1, "the change has not met the lease");
	time[3] = now_ns();
	release(lease);
	if (round < 0)
		return;
	snprintf(name, sizeof(name), "%s-acquire", what);
	sample(name, count, "lease", round, time[1] - time[0]);
	snprintf(name, sizeof(name), "%s-break", what);
	sample(name, count, "lease", round, time[2] - time[1]);
	snprintf(name, sizeof(name), "%s-release", what);
	sample(name, count, "lease", round, now_ns() - time[3]);
}

/* @count leases each in its own file, and one of them in the one looked at. */
static void in_files(void)
{
	int fd = open_at("bench-one-more", 0);
	unsigned long have = 0;

	if (ftruncate(fd, PAGE))
		err(1, "ftruncate");
	make_files(counts.size[counts.count - 1]);
	for (unsigned int c = 0; c < counts.count; c++) {
		for (; have < counts.size[c] - 1; have++)
			leases[have] = lease_file(have);
		for (int round = -1; round < (int)rounds; round++)
			measure("files", fd, 0, have + 1, round);
	}
	while (have--)
		close(leases[have]);
	close(fd);
}

/* All in one file, page after page; the one more has a unit behind them. */
static void in_one_file(void)
{
	size_t length = round_huge(counts.size[counts.count - 1] * PAGE);
	unsigned long have = 0;
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/bench-one-file", directory);
	fd = make_file(path, length + HUGE_PAGE);
	for (unsigned int c = 0; c < counts.count; c++) {
		for (; have < counts.size[c] - 1; have++)
			leases[have] = acquire(fd, have * PAGE, PAGE);
		for (int round = -1; round < (int)rounds; round++)
			measure("one", fd, length, have + 1, round);
	}
	while (have--)
		close(leases[have]);
	close(fd);
	unlink(path);
}

int main(int argc, char **argv)
{
	unsigned long most;

	parse_options(argc, argv, "One lease more where there are many.",
		      options);
	most = counts.size[counts.count - 1];
	leases = calloc(most, sizeof(*leases));
	if (!leases)
		err(1, "%lu leases", most);
	allow_descriptors(most);
	in_one_file();
	in_files();
	return 0;
}
