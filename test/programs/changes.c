// SPDX-License-Identifier: GPL-2.0
/*
 * changes [-k] BREAK_MS FILE...: change files at random until SIGTERM: holes in their spare pages (pages.h),
 * reflinks to FILE.clone, truncation to the length that they have. With -k only changes that keep
 * what is in the file: no holes. Prints a line for each change, and in the end "N changes, N failed, N late,
 * worst N ms"; a change is late when it took longer than the break time and what a busy machine needs beside.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pages.h"

#define PAUSE_MS   300
#define MACHINE_MS 3000

struct target {
	const char *path;
	int fd;
	int clone;
	off_t size;
};

static volatile sig_atomic_t over;

static void end(int signal)
{
	(void)signal;
	over = 1;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static off_t spare_page(const struct target *target)
{
	off_t spares = target->size / (SPARE_EVERY * PAGE);

	return (random() % spares * SPARE_EVERY + SPARE_EVERY - 1) * PAGE;
}

static int punch(const struct target *target)
{
	return fallocate(target->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 spare_page(target), PAGE);
}

static int zero(const struct target *target)
{
	return fallocate(target->fd, FALLOC_FL_ZERO_RANGE, spare_page(target),
			 PAGE);
}

static int truncate_same(const struct target *target)
{
	return ftruncate(target->fd, target->size);
}

static int reflink(const struct target *target)
{
	off_t pages = target->size / PAGE, from = random() % pages;
	struct file_clone_range range = {
		.src_fd = target->fd,
		.src_offset = from * PAGE,
		.src_length = (1 + random() % (pages - from)) * PAGE,
		.dest_offset = from * PAGE,
	};

	return ioctl(target->clone, FICLONERANGE, &range);
}

static const struct {
	const char *name;
	int (*make)(const struct target *target);
} ops[] = {
	{ "truncate", truncate_same },
	{ "reflink", reflink },
	/* These leave zeros. */
	{ "punch", punch },
	{ "zero", zero },
};

#define OPS	(sizeof(ops) / sizeof(ops[0]))
#define KEEPING (OPS - 2)

static void target_open(struct target *target, const char *path)
{
	char clone[256];
	struct stat st;

	snprintf(clone, sizeof(clone), "%s.clone", path);
	target->path = path;
	target->fd = open(path, O_RDWR);
	target->clone = open(clone, O_RDWR | O_CREAT, 0600);
	if (target->fd < 0 || target->clone < 0 || fstat(target->fd, &st)) {
		perror(path);
		exit(2);
	}
	target->size = st.st_size;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end };
	struct target *targets = calloc(argc, sizeof(*targets));
	unsigned int count = 0, failed = 0, late = 0, choice = OPS;
	long limit_ms, worst = 0;

	if (argc > 1 && !strcmp(argv[1], "-k")) {
		choice = KEEPING;
		argc--;
		argv++;
	}
	if (argc < 3)
		return 2;
	limit_ms = atol(argv[1]) + MACHINE_MS;
	for (int i = 2; i < argc; i++)
		target_open(&targets[i], argv[i]);
	sigaction(SIGTERM, &action, NULL);
	srandom(1);
	while (!over) {
		const struct target *target =
			&targets[2 + random() % (argc - 2)];
		unsigned int op = random() % choice;
		long began = now_ms(), took;
		int err = ops[op].make(target) ? errno : 0;

		if (err == EINTR && over)
			break;
		took = now_ms() - began;
		printf("%s of %s: %ld ms%s%s\n", ops[op].name, target->path,
		       took, err ? ", " : "", err ? strerror(err) : "");
		fflush(stdout);
		count++;
		failed += err != 0;
		late += took > limit_ms;
		worst = took > worst ? took : worst;
		usleep(random() % PAUSE_MS * 1000);
	}
	printf("%u changes, %u failed, %u late, worst %ld ms\n", count, failed,
	       late, worst);
	return failed || late;
}
