// SPDX-License-Identifier: GPL-2.0
/*
 * changer FILE OTHER SECONDS PER_SECOND: change a file in the way administrators do, so many
 * times a second. The first half keeps its contents: parts of it are shared with OTHER. The
 * second half loses them: parts are punched. A truncate to the same length concerns all
 * of it. OTHER "-": nothing is shared.
 *
 * Prints "changes N failed N longest_ms N".
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PART 65536UL

static int fd, other = -1;
static off_t size;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* A part of a half of the file. */
static off_t somewhere(int half)
{
	return half * (size / 2) + random() % (size / 2 / PART) * PART;
}

static int share(void)
{
	struct file_clone_range range = { .src_fd = fd,
					  .src_offset = somewhere(0),
					  .src_length = PART };

	range.dest_offset = range.src_offset;
	return ioctl(other, FICLONERANGE, &range);
}

static int punch(void)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 somewhere(1), PART);
}

static int change(unsigned int number)
{
	switch (number % 3) {
	case 0:
		return punch();
	case 1:
		return ftruncate(fd, size);
	default:
		return other < 0 ? punch() : share();
	}
}

int main(int argc, char **argv)
{
	unsigned int changes = 0, failed = 0, per_second;
	double began = now(), longest = 0, end;
	struct stat st;

	if (argc != 5)
		errx(2, "usage: changer FILE OTHER SECONDS PER_SECOND");
	fd = open(argv[1], O_RDWR);
	if (fd < 0 || fstat(fd, &st))
		err(2, "%s", argv[1]);
	size = st.st_size;
	if (strcmp(argv[2], "-")) {
		other = open(argv[2], O_RDWR | O_CREAT, 0600);
		if (other < 0 || ftruncate(other, size))
			err(2, "%s", argv[2]);
	}
	end = began + atoi(argv[3]);
	per_second = atoi(argv[4]);
	for (double at = now(); at < end; at = now()) {
		double due = began + (double)changes / per_second;

		if (at < due) {
			usleep((due - at) * 1e6);
			continue;
		}
		if (change(changes++)) {
			warn("change %u", changes - 1);
			failed++;
		}
		if (now() - at > longest)
			longest = now() - at;
	}
	printf("changes %u failed %u longest_ms %.0f\n", changes, failed,
	       longest * 1e3);
	return 0;
}
