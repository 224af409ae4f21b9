// SPDX-License-Identifier: GPL-2.0
/*
 * many-leases [FILES LEASES]: many leases on many files, each on its own or
 * overlapping its neighbours. A change meets those of its range and no others,
 * and takes no longer for those of other files. 1000 files in one of the guests
 * only; FILES and LEASES are for more by hand, which takes minutes in emulation.
 */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "common.h"

#define UNIT (2 * MIB) /* as changes are rounded */
#define PAGE 4096UL

/* Files that are truncated, of which the quickest counts. */
#define SAMPLES 8
#define SLOWER	5 /* times, of what is too little to tell from noise */

static unsigned int files = 100, per_file = 10;
static int *leases;

static void path_of(char path[64], unsigned int file)
{
	snprintf(path, 64, PMEM "many/%u", file);
}

static int *lease_at(unsigned int file, unsigned int n)
{
	return &leases[file * per_file + n];
}

/*
 * Sparse: a lease allocates nothing. Half of a file's leases share the
 * first unit, and some of them pages; the others have a unit each.
 */
static uint64_t offset_of(unsigned int n)
{
	return n < per_file / 2 ? n % 8 * PAGE : (n - per_file / 2 + 1) * UNIT;
}

static void acquire(unsigned int count)
{
	char path[64];

	for (unsigned int file = 0; file < count; file++) {
		int fd;

		path_of(path, file);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0 || ftruncate(fd, (per_file / 2 + 2) * UNIT))
			tap_bail("%s: %s", path, strerror(errno));
		for (unsigned int n = 0; n < per_file; n++)
			*lease_at(file, n) = lease_make(fd, offset_of(n), PAGE,
							HOLDFAST_BREAKABLE,
							LONG_BREAK);
		close(fd);
	}
}

static unsigned int count_listed(void)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	unsigned int count = 0;
	uint64_t last = 0;

	if (hf_report_open(NULL, &report))
		tap_bail("report: %s", hf_error());
	while (hf_report_next(report, &entry) == 1) {
		/* By number, each once. */
		if (entry.id > last)
			count++;
		last = entry.id;
	}
	hf_report_close(report);
	return count;
}

static unsigned int count_told(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < files * per_file; i++)
		count += readable(leases[i], 0);
	return count;
}

static unsigned int count_active(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < files * per_file; i++)
		count += lease_query(leases[i]).state == HOLDFAST_ACTIVE;
	return count;
}

/* How long a truncate of a file with leases takes at least, in us. */
static long truncate_us(void)
{
	long least = -1, us;
	char path[64];

	for (unsigned int file = 0; file < SAMPLES; file++) {
		struct change change;

		path_of(path, file);
		change = change_start("truncate", path, 0, 0, NULL);
		if (!change_done(&change, SOON) || change.error)
			tap_bail("%s: truncate", path);
		us = (change.end_ns - change.begin_ns) / 1000;
		if (least < 0 || us < least)
			least = us;
	}
	return least;
}

static uint64_t timed(const char *what, uint64_t began)
{
	uint64_t now = now_ns();

	tap_diag("%s: %llu ms", what,
		 (unsigned long long)(now - began) / 1000000);
	return now;
}

int main(int argc, char **argv)
{
	const char *kernel = getenv("HOLDFAST_LAB_KERNEL");
	const char *fs = getenv("HOLDFAST_LAB_FS");
	long few_us, many_us;
	struct rlimit limit;
	unsigned int all;
	char path[64];
	uint64_t time;

	if (kernel && fs && !strcmp(kernel, "6.12") && !strcmp(fs, "ext4")) {
		files = 1000;
		per_file = 10;
	}
	if (argc == 3) {
		files = atoi(argv[1]);
		per_file = atoi(argv[2]) / files;
	}
	if (files < SAMPLES + 2 || per_file < 2)
		tap_bail(
			"usage: many-leases [FILES LEASES], at least %u and %u",
			SAMPLES + 2, 2 * (SAMPLES + 2));
	all = files * per_file;
	limit.rlim_cur = limit.rlim_max = all + 100;
	leases = calloc(all, sizeof(*leases));
	if (!leases || setrlimit(RLIMIT_NOFILE, &limit))
		tap_bail("%u leases: %s", all, strerror(errno));
	mkdir(PMEM "many", 0755);

	acquire(SAMPLES);
	few_us = truncate_us();
	for (unsigned int i = 0; i < SAMPLES * per_file; i++)
		close(leases[i]);

	time = now_ns();
	acquire(files);
	time = timed("acquire all", time);
	tap_is(count_listed(), all, "%u leases on %u files are listed", all,
	       files);
	time = timed("list all", time);

	path_of(path, files / 2);
	tap_is(change_make("punch", path, 0, PAGE, NULL, SOON), 0,
	       "a change of the unit that many share");
	time = timed("change one file", time);
	tap_is(count_told(), per_file / 2, "breaks these and no others");
	path_of(path, files - 1);
	tap_is(change_make("punch", path, offset_of(per_file - 1), PAGE, NULL,
			   SOON),
	       0, "a change of a unit that one has");
	tap_is(count_told(), per_file / 2 + 1, "breaks that one");
	tap_is(change_make("truncate", path, 0, 0, NULL, SOON), 0,
	       "a truncate of a file");
	tap_is(count_told(), per_file / 2 + per_file, "breaks all of the file");
	tap_is(count_active(), all, "broken leases are active again");
	many_us = truncate_us();
	tap_ok(many_us <= SLOWER * few_us,
	       "and takes no longer for the leases of other files");
	tap_diag(
		"truncate a file with %u leases: %ld us, with %u in all %ld us",
		per_file, few_us, all, many_us);

	time = now_ns();
	for (unsigned int i = 0; i < all; i++)
		close(leases[i]);
	timed("close all", time);
	tap_is(count_listed(), 0, "closed, none is listed");
	for (unsigned int file = 0; file < files; file++) {
		path_of(path, file);
		unlink(path);
	}
	rmdir(PMEM "many");
	return tap_done();
}
