/* SPDX-License-Identifier: GPL-2.0 */
/* Fuzz: the leased files, and descriptors of every other kind. */
#ifndef HOLDFAST_SOAK_FUZZ_FILE_H
#define HOLDFAST_SOAK_FUZZ_FILE_H

#include <linux/fs.h>

#include "fuzz-world.h"

static void some_path(char path[64])
{
	snprintf(path, 64, FOLDER "%u", random_below(FILES));
}

static int file_open(const char *path, int flags)
{
	return open(path, flags | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
}

/* The files on the DAX filesystem; and in memory, which are leased as well. */
static void op_file(void)
{
	char path[64];
	int fd;

	count_call();
	some_path(path);
	if (one_in(6)) {
		fd = memfd_create("fuzz",
				  MFD_CLOEXEC | MFD_ALLOW_SEALING |
					  (one_in(4) ? MFD_HUGETLB : 0));
		ftruncate(fd, one_in(4) ? FILE_SIZE : 2 * MIB);
	} else {
		fd = file_open(path,
			       one_in(8) ? ONE_OF(O_RDONLY, O_WRONLY) : O_RDWR);
	}
	fd_put(KIND_FILE, fd);
}

static void op_other(void)
{
	int fd = -1, pair[2];

	count_call();
	switch (random_below(12)) {
	case 0:
		if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) == 0) {
			fd_put(KIND_OTHER, pair[0]);
			fd = pair[1];
		}
		break;
	case 1:
		fd = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		break;
	case 2:
		fd = open(FOLDER "0", O_PATH | O_CLOEXEC);
		break;
	case 3:
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		break;
	case 4:
		fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
		break;
	case 5:
		/* On overlayfs, 9p and procfs: they lend nothing. */
		fd = open("/var/tmp/fuzz", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		break;
	case 6:
		fd = open("/src/README.md", O_RDONLY | O_CLOEXEC);
		break;
	case 7:
		fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
		break;
	case 8:
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		break;
	case 9:
		fd = open("/tmp/fuzz", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		break;
	case 10:
		fd = open(FOLDER, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
		break;
	case 11:
		fd = open(HOLDFAST_DEVICE, O_RDWR | O_CLOEXEC);
		break;
	}
	fd_put(KIND_OTHER, fd);
}

static int share_range(int fd)
{
	struct file_clone_range clone = {
		.src_fd = fd_some(KIND_FILE),
		.src_offset = random_offset(FILE_SIZE),
		.src_length = one_in(4) ? 0 : random_length(FILE_SIZE),
		.dest_offset = random_offset(FILE_SIZE),
	};
	struct {
		struct file_dedupe_range range;
		struct file_dedupe_range_info info;
	} dedupe = { .range = { .src_offset = random_offset(FILE_SIZE),
				.src_length = random_length(FILE_SIZE),
				.dest_count = 1 },
		     .info = { .dest_fd = fd_some(KIND_FILE),
			       .dest_offset = random_offset(FILE_SIZE) } };

	if (!may_share)
		return -1;
	if (one_in(3))
		return ioctl(fd, FIDEDUPERANGE, &dedupe);
	return ioctl(fd, FICLONERANGE, &clone);
}

/* Mostly back to where leases are, so that there is something to take. */
static off_t some_file_size(void)
{
	if (one_in(3))
		return random_offset(FILE_SIZE);
	return FILE_SIZE;
}

static int change_file(int fd, const char *path)
{
	const off_t at = random_offset(FILE_SIZE);
	const off_t length = random_length(FILE_SIZE);
	char other[64];

	switch (random_below(12)) {
	case 0:
	case 1:
	case 2:
		return ftruncate(fd, some_file_size());
	case 3:
		return truncate(path, some_file_size());
	case 4:
	case 5:
		return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 at, length);
	case 6:
		return fallocate(
			fd,
			ONE_OF(FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE,
			       FALLOC_FL_ZERO_RANGE, FALLOC_FL_UNSHARE_RANGE),
			at, length);
	case 7:
		return fallocate(fd, random_below(128), at, length);
	case 8:
		return share_range(fd);
	case 9:
		return pwrite(fd, some_memory(), 4096, at) < 0 ? -1 : 0;
	case 10:
		some_path(other);
		return rename(path, other);
	default:
		return unlink(path);
	}
}

static void op_change(void)
{
	char path[64];
	int fd;

	some_path(path);
	/* What is gone is made again. */
	fd = file_open(path, O_RDWR | (one_in(24) ? O_TRUNC : 0));
	if (fd >= 0 && one_in(3))
		ftruncate(fd, FILE_SIZE);
	count_deep(DEEP_CHANGE, change_file(fd, path));
	if (fd >= 0)
		close(fd);
}

#endif
