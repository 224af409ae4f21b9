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
#include <unistd.h>

#include "internal/clock.h"

#define PART	 65536UL
#define NS_PER_S INT64_C(1000000000)

static int fd, other = -1;
static off_t size;

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
	unsigned int changes = 0, failed = 0;
	int64_t began = hf_clock_ns(), longest = 0, end, every, at, took;
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
	end = began + atoll(argv[3]) * NS_PER_S;
	every = NS_PER_S / atoi(argv[4]);
	while ((at = hf_clock_ns()) < end) {
		int64_t early = began + changes * every - at;

		if (early > 0) {
			usleep(early / 1000 + 1);
			continue;
		}
		if (change(changes++)) {
			warn("change %u", changes - 1);
			failed++;
		}
		took = hf_clock_ns() - at;
		if (took > longest)
			longest = took;
	}
	printf("changes %u failed %u longest_ms %.0f\n", changes, failed,
	       longest / 1e6);
	return 0;
}
