/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the workloads share: options, the clock, files, leases, and how a result
 * is said. A workload does the same thing in two or more ways, its variants, by
 * turns: A B A B. Each line of its output is one sample, an object of JSON:
 *
 *	{"measure":"register","at":4096,"variant":"lease","round":0,"value":81234}
 *
 * "at" is where on the x axis it belongs (a size, a number of leases), and
 * "value" is nanoseconds unless the measure is of something else. Whatever goes
 * wrong ends the program with a message: there are no results of failures.
 */
#ifndef HOLDFAST_BENCH_H
#define HOLDFAST_BENCH_H

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "holdfast.h"

#define KIB	   1024UL
#define MIB	   (1UL << 20)
#define PAGE	   4096UL
#define HUGE_PAGE  (2 * MIB)
#define MAX_SIZES  16
#define MAX_OPTION 12

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static inline void sample(const char *measure, uint64_t at, const char *variant,
			  unsigned int round, double value)
{
	printf("{\"measure\":\"%s\",\"at\":%llu,\"variant\":\"%s\",\"round\":%u,\"value\":%.0f}\n",
	       measure, (unsigned long long)at, variant, round, value);
	fflush(stdout);
}

static inline int compare_times(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* Of many short operations: the one that the timer interrupts does not count. */
static inline uint64_t median_time(uint64_t *times, unsigned int count)
{
	qsort(times, count, sizeof(*times), compare_times);
	return times[count / 2];
}

/* --- options */

/* One option, --@name=VALUE: a @text, a @number, or a @list of numbers. */
struct bench_option {
	const char *name;
	const char *help;
	const char **text;
	unsigned long *number;
	struct sizes *list;
};

struct sizes {
	unsigned int count;
	unsigned long size[MAX_SIZES];
};

/* "64K" is 65536; K, M, G. */
static inline unsigned long parse_number(const char *text, char **end)
{
	unsigned long value;

	errno = 0;
	value = strtoul(text, end, 0);
	if (*end == text || errno)
		errx(2, "not a number: %s", text);
	switch (**end) {
	case 'G':
		value <<= 10;
		/* fallthrough */
	case 'M':
		value <<= 10;
		/* fallthrough */
	case 'K':
		value <<= 10;
		++*end;
	}
	return value;
}

static inline void parse_option(const struct bench_option *option, char *value)
{
	char *end = value;

	if (option->text) {
		*option->text = value;
		return;
	}
	if (option->number) {
		*option->number = parse_number(value, &end);
	} else {
		option->list->count = 0;
		do {
			if (option->list->count == MAX_SIZES)
				errx(2, "--%s: at most %d", option->name,
				     MAX_SIZES);
			option->list->size[option->list->count++] =
				parse_number(end, &end);
		} while (*end == ',' && *++end);
	}
	if (*end)
		errx(2, "--%s: not a number: %s", option->name, value);
}

static inline void print_default(const struct bench_option *option)
{
	if (option->text)
		printf(" (%s)\n", *option->text ? *option->text : "none");
	else if (option->number)
		printf(" (%lu)\n", *option->number);
	for (unsigned int i = 0; option->list && i < option->list->count; i++)
		printf("%s%lu%s", i ? "," : " (", option->list->size[i],
		       i + 1 < option->list->count ? "" : ")\n");
}

/* @options ends with one without a name. What they point to has the defaults. */
static inline void parse_options(int argc, char **argv, const char *about,
				 const struct bench_option *options)
{
	struct option longs[MAX_OPTION + 2] = { { "help", 0, NULL, 'h' } };
	unsigned int count = 0;
	int index, c;

	for (; options[count].name; count++)
		longs[count + 1] =
			(struct option){ options[count].name, 1, NULL, 'o' };
	while ((c = getopt_long(argc, argv, "h", longs, &index)) != -1) {
		if (c == 'o') {
			parse_option(&options[index - 1], optarg);
			continue;
		}
		if (c != 'h')
			exit(2);
		printf("usage: %s [OPTION...]\n%s\n\n",
		       program_invocation_short_name, about);
		for (unsigned int i = 0; i < count; i++) {
			printf("  --%-12s %s", options[i].name,
			       options[i].help);
			print_default(&options[i]);
		}
		exit(0);
	}
	if (optind != argc)
		errx(2, "what is \"%s\"? See --help", argv[optind]);
}

/* --- files, leases, mappings */

static inline void allow_descriptors(unsigned long count)
{
	const struct rlimit limit = { count + 100, count + 100 };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "%lu descriptors", count);
}

/* A file whose first @length bytes have blocks and were written. */
static inline int make_file(const char *path, size_t length)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	char *bytes = calloc(1, MIB);

	if (fd < 0 || !bytes)
		err(1, "%s", path);
	/* In one go, so that it is in as few pieces as can be. */
	if (fallocate(fd, 0, 0, length))
		err(1, "%s: fallocate", path);
	for (size_t done = 0; done < length; done += MIB) {
		size_t part = length - done < MIB ? length - done : MIB;

		if (pwrite(fd, bytes, part, done) != (ssize_t)part)
			err(1, "%s: write", path);
	}
	free(bytes);
	if (fsync(fd))
		err(1, "%s: fsync", path);
	return fd;
}

static inline int acquire(int fd, uint64_t offset, uint64_t length)
{
	int lease = hf_acquire(fd, offset, length, NULL);

	if (lease < 0)
		errx(1, "lease: %s", hf_error());
	return lease;
}

static inline void release(int lease)
{
	if (hf_release(lease))
		errx(1, "release: %s", hf_error());
}

/* Of a file, or without one (@fd is -1) of anonymous memory. */
static inline void *map_shared(int fd, size_t length)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *addr = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (addr == MAP_FAILED)
		err(1, "mmap");
	return addr;
}

/* Device-dax is mapped in units of its pages. */
static inline size_t round_huge(size_t length)
{
	return (length + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

/* -1 for "none" */
static inline int open_dax(const char *path)
{
	int fd;

	if (!strcmp(path, "none"))
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

#endif
