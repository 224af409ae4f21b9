// SPDX-License-Identifier: GPL-2.0
/*
 * change OP FILE [OFFSET [LENGTH [OTHER]]]: make one change to a file and say
 * when and how it went: "BEGIN_NS" on a line of 20 digits just before the call,
 * "ERRNO END_NS" on a second when it has returned, both of CLOCK_MONOTONIC. A
 * program of its own, so that who makes the change shares no mapping and no
 * lease with who holds them. Exit status 1 when the change failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <linux/falloc.h>
#include <linux/fs.h>

#include "../../exchange-range.h"

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* The call comes next. */
static void begin(void)
{
	printf("%020llu\n", (unsigned long long)now_ns());
	fflush(stdout);
}

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0) {
		perror(path);
		exit(2);
	}
	return fd;
}

struct job {
	const char *path;
	const char *other;
	uint64_t offset;
	uint64_t length;
	int mode;
};

static int do_truncate(const struct job *job)
{
	begin();
	return truncate(job->path, job->offset);
}

static int do_ftruncate(const struct job *job)
{
	int fd = open_or_die(job->path, O_RDWR);

	begin();
	return ftruncate(fd, job->offset);
}

static int do_open(const struct job *job)
{
	begin();
	return open(job->path, O_WRONLY | O_TRUNC) < 0 ? -1 : 0;
}

static int do_fallocate(const struct job *job)
{
	int fd = open_or_die(job->path, O_RDWR);

	begin();
	return fallocate(fd, job->mode, job->offset, job->length);
}

static int do_append(const struct job *job)
{
	int fd = open_or_die(job->path, O_WRONLY | O_APPEND);
	char *buf = calloc(1, job->length);
	ssize_t n;

	begin();
	n = write(fd, buf, job->length);
	free(buf);
	return n == (ssize_t)job->length ? 0 : -1;
}

static int reflink(const char *from, const char *to, const struct job *job)
{
	struct file_clone_range range = {
		.src_fd = open_or_die(from, O_RDONLY),
		.src_offset = job->offset,
		.src_length = job->length,
		.dest_offset = job->offset,
	};
	int fd = open_or_die(to, O_RDWR);

	begin();
	return ioctl(fd, FICLONERANGE, &range);
}

/* OTHER's blocks take the place of FILE's. */
static int do_reflink(const struct job *job)
{
	return reflink(job->other, job->path, job);
}

/* OTHER shares FILE's blocks: the next write to FILE would go elsewhere. */
static int do_reflink_from(const struct job *job)
{
	return reflink(job->path, job->other, job);
}

static int copy(const char *from, const char *to, const struct job *job)
{
	off_t in = job->offset, out = job->offset;
	int from_fd = open_or_die(from, O_RDONLY), fd = open_or_die(to, O_RDWR);
	size_t left = job->length;
	ssize_t n;

	begin();
	for (; left; left -= n) {
		n = copy_file_range(from_fd, &in, fd, &out, left, 0);
		if (n <= 0)
			return -1;
	}
	return 0;
}

static int do_copy_to(const struct job *job)
{
	return copy(job->other, job->path, job);
}

static int do_copy_from(const struct job *job)
{
	return copy(job->path, job->other, job);
}

/*
 * FILE and OTHER hold the same bytes; FILE gives its blocks up for OTHER's. The
 * descriptor of FILE is opened with the flags in @mode.
 */
static int do_dedupe(const struct job *job)
{
	struct file_dedupe_range *range =
		calloc(1, sizeof(*range) + sizeof(range->info[0]));
	int fd = open_or_die(job->other, O_RDONLY), ret;

	range->src_offset = job->offset;
	range->src_length = job->length;
	range->dest_count = 1;
	range->info[0].dest_fd = open_or_die(job->path, job->mode);
	range->info[0].dest_offset = job->offset;
	begin();
	ret = ioctl(fd, FIDEDUPERANGE, range);
	if (!ret && range->info[0].status < 0) {
		errno = -range->info[0].status;
		ret = -1;
	} else if (!ret && range->info[0].status != FILE_DEDUPE_RANGE_SAME) {
		errno = EILSEQ;
		ret = -1;
	}
	free(range);
	return ret;
}

/* FILE and OTHER exchange all extents; xfs_io knows the structures. */
static int do_swapext(const struct job *job)
{
	char line[512], says[256] = "";
	FILE *xfs_io;

	snprintf(line, sizeof(line), "xfs_io -c 'swapext %s' %s 2>&1",
		 job->other, job->path);
	begin();
	xfs_io = popen(line, "r");
	if (!xfs_io)
		return -1;
	/* It prints nothing when all is well. */
	fread(says, 1, sizeof(says) - 1, xfs_io);
	pclose(xfs_io);
	errno = strstr(says, strerror(ETXTBSY)) ? ETXTBSY : EIO;
	return says[0] ? -1 : 0;
}

/* FILE and OTHER exchange a range, that in OTHER from @other_offset on. */
static int exchange(const struct job *job, uint64_t other_offset)
{
	struct exchange_range range = {
		.file1_fd = open_or_die(job->other, O_RDWR),
		.file1_offset = other_offset,
		.file2_offset = job->offset,
		.length = job->length,
	};
	int fd = open_or_die(job->path, O_RDWR);

	begin();
	return exchange_range(fd, &range);
}

static int do_exchange(const struct job *job)
{
	return exchange(job, job->offset);
}

/* With what is at the end of OTHER. */
static int do_exchange_ends(const struct job *job)
{
	struct stat st;

	return stat(job->other, &st) ? -1
				     : exchange(job, st.st_size - job->length);
}

static const struct {
	const char *name;
	int (*make)(const struct job *job);
	int mode;
} ops[] = {
	{ "truncate", do_truncate, 0 },
	{ "ftruncate", do_ftruncate, 0 },
	{ "open", do_open, 0 },
	{ "append", do_append, 0 },
	{ "allocate", do_fallocate, 0 },
	{ "punch", do_fallocate, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE },
	{ "collapse", do_fallocate, FALLOC_FL_COLLAPSE_RANGE },
	{ "insert", do_fallocate, FALLOC_FL_INSERT_RANGE },
	{ "zero", do_fallocate, FALLOC_FL_ZERO_RANGE },
	{ "unshare", do_fallocate, FALLOC_FL_UNSHARE_RANGE },
	{ "reflink", do_reflink, 0 },
	{ "reflink-from", do_reflink_from, 0 },
	{ "copy-to", do_copy_to, 0 },
	{ "copy-from", do_copy_from, 0 },
	{ "dedupe", do_dedupe, O_RDWR },
	{ "dedupe-append", do_dedupe, O_RDWR | O_APPEND },
	{ "dedupe-read", do_dedupe, O_RDONLY },
	{ "swapext", do_swapext, 0 },
	{ "exchange-ends", do_exchange_ends, 0 },
	{ "exchange", do_exchange, 0 },
};

int main(int argc, char **argv)
{
	struct job job = { 0 };
	int error;

	if (argc < 3 || argc > 6) {
		fprintf(stderr,
			"usage: change OP FILE [OFFSET [LENGTH [OTHER]]]\n");
		return 2;
	}
	job.path = argv[2];
	if (argc > 3)
		job.offset = strtoull(argv[3], NULL, 0);
	if (argc > 4)
		job.length = strtoull(argv[4], NULL, 0);
	if (argc > 5)
		job.other = argv[5];
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(argv[1], ops[i].name))
			continue;
		job.mode = ops[i].mode;
		error = ops[i].make(&job) ? errno : 0;
		printf("%d %llu\n", error, (unsigned long long)now_ns());
		if (error)
			fprintf(stderr, "change: %s: %s\n", argv[1],
				strerror(error));
		return error ? 1 : 0;
	}
	fprintf(stderr, "change: no operation %s\n", argv[1]);
	return 2;
}
