// SPDX-License-Identifier: GPL-2.0
/*
 * Append to, extend, and punch a hole into a file outside of a lease that is in
 * use, and the same on a file that is mapped and that nobody has leased.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>

#include "rdma.h"

#define UNIT	  ((off_t)HOLDFAST_CHANGE_ALIGN)
/* Every other page of a unit, so that each is a hole of its own. */
#define MAX_COUNT (UNIT / PAGE / 2)

static const char *directory = "/mnt/pmem";
static unsigned long rounds = 15, count = 64;

static const struct bench_option options[] = {
	{ "directory", "on a filesystem with DAX", .text = &directory },
	{ "count", "operations in a round", .number = &count },
	{ "rounds", "of all variants", .number = &rounds },
	{ 0 }
};

static void append(int fd, unsigned int i)
{
	static const char bytes[PAGE];
	off_t end = lseek(fd, 0, SEEK_END);

	(void)i;
	if (end < 0 || write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		err(1, "append");
}

static void extend(int fd, unsigned int i)
{
	off_t end = lseek(fd, 0, SEEK_END);

	(void)i;
	if (end < 0 || ftruncate(fd, end + PAGE))
		err(1, "extend");
}

static void punch(int fd, unsigned int i)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      2 * UNIT + i * 2 * PAGE, PAGE))
		err(1, "punch");
}

static const struct {
	const char *name;
	void (*make)(int fd, unsigned int i);
} changes[] = {
	{ "append", append },
	{ "extend", extend },
	{ "punch", punch },
};

/* A file of four units, of which the first two are mapped and have been stored to. */
static int make(const char *name, char **map)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = make_file(path, 4 * UNIT);
	*map = map_shared(fd, 2 * UNIT);
	memset(*map, 1, 2 * UNIT);
	return fd;
}

static void measure(int fd, const char *variant, int round)
{
	uint64_t times[MAX_COUNT];
	char name[32];

	for (unsigned int c = 0; c < 3; c++) {
		if (changes[c].make == punch &&
		    fallocate(fd, 0, 2 * UNIT, 2 * UNIT))
			err(1, "fallocate");
		for (unsigned int i = 0; i < count; i++) {
			uint64_t began = now_ns();

			changes[c].make(fd, i);
			times[i] = now_ns() - began;
		}
		if (round < 0)
			continue;
		snprintf(name, sizeof(name), "outside-%s", changes[c].name);
		sample(name, 0, variant, round, median_time(times, count));
	}
	/* As it was, so that all rounds are alike. */
	if (ftruncate(fd, 4 * UNIT))
		err(1, "ftruncate");
}

int main(int argc, char **argv)
{
	struct holdfast_event event;
	struct rdma rdma;
	int leased, plain, lease;
	char path[256], *map, *plain_map;

	parse_options(argc, argv,
		      "Changes of a file outside of a lease, and without.",
		      options);
	if (count > MAX_COUNT)
		errx(2, "--count: at most %lu", MAX_COUNT);
	leased = make("bench-leased", &map);
	plain = make("bench-plain", &plain_map);
	rdma_open(&rdma);
	lease = acquire(leased, 0, 2 * UNIT);
	rdma_register(&rdma, map, 2 * UNIT);
	for (int round = -1; round < (int)rounds; round++) {
		measure(leased, "leased file", round);
		measure(plain, "unleased file", round);
	}
	if (hf_wait(lease, &event, 0) != -ETIMEDOUT)
		errx(1, "the lease has an event, though nothing has met it");
	for (unsigned int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory,
			 i ? "bench-leased" : "bench-plain");
		unlink(path);
	}
	return 0;
}
