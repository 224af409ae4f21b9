// SPDX-License-Identifier: GPL-2.0
/*
 * A restore that fails half way leaves the lease with nothing: what becomes of
 * the pages that it had found by then is no business of it.
 */
#define _GNU_SOURCE
#include "extents.h"
#include "rdma.h"

#define PATH   PMEM "failed-restore"
#define OTHER  PMEM "failed-restore.other"
#define FILL   PMEM "failed-restore.fill"
#define LENGTH (8 * MIB)
#define OTHERS (2 * MIB)

/* Blocks that ext4 gives to nobody but itself: the old value. */
static unsigned long ext4_reserve(unsigned long blocks)
{
	FILE *file = fopen("/sys/fs/ext4/pmem0/reserved_clusters", "r+");
	unsigned long before;

	if (!file || fscanf(file, "%lu", &before) != 1)
		tap_bail("reserved_clusters: %s", strerror(errno));
	rewind(file);
	fprintf(file, "%lu", blocks);
	if (fclose(file))
		tap_bail("reserved_clusters: %s", strerror(errno));
	return before;
}

/* Takes all that is free but a little: a truncation may want some. */
static int fill(void)
{
	int fd = open(FILL, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	off_t end = lseek(fd, 0, SEEK_END);

	for (off_t part = 64 * MIB; fd >= 0 && part >= 512 << 10;) {
		if (!fallocate(fd, 0, end, part))
			end += part;
		else if (errno == ENOSPC)
			part /= 2;
		else
			break;
	}
	if (fd < 0 || errno != ENOSPC)
		tap_bail("%s: %s", FILL, strerror(errno));
	return fd;
}

static int64_t restore(int lease)
{
	struct holdfast_restore args = { .size = sizeof(args) };

	if (ioctl(lease, HOLDFAST_IOC_RESTORE, &args))
		return -errno;
	return args.length;
}

static bool gone(uint64_t id, int timeout_ms)
{
	uint64_t limit = now_ns() + timeout_ms * 1000000ULL;
	bool found;

	do {
		struct hf_report_entry entry;
		struct hf_report *report;

		if (hf_report_open(NULL, &report))
			tap_bail("report: %s", hf_error());
		for (found = false; hf_report_next(report, &entry) == 1;)
			found |= entry.id == id;
		hf_report_close(report);
		if (found)
			usleep(10000);
	} while (found && now_ns() < limit);
	return !found;
}

/* A lease whose restore fails for lack of space, after half of the range. */
static int lease_make_failed(int fd)
{
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);

	if (change_make("punch", PATH, LENGTH / 2, LENGTH / 2, NULL, SOON))
		tap_bail("punch: %s", strerror(errno));
	close(fill());
	tap_is(restore(lease), -ENOSPC, "a restore without space: ENOSPC");
	tap_is(lease_query(lease).state, HOLDFAST_BROKEN,
	       "the lease is broken");
	return lease;
}

/* The pages that the restore had found become another file's. */
static void give_away(int fd, int other)
{
	uint64_t block[LENGTH / 2 / 4096], given;
	unsigned int shared = 0;

	for (size_t i = 0; i < LENGTH / 2 / 4096; i++)
		block[i] = block_of(fd, i * 4096);
	if (ftruncate(fd, 0))
		tap_bail("truncate: %s", strerror(errno));
	syncfs(fd);
	if (fallocate(other, 0, 0, OTHERS))
		tap_bail("%s: %s", OTHER, strerror(errno));
	given = block_of(other, 0);
	for (size_t i = 0; i < LENGTH / 2 / 4096; i++)
		shared += block[i] == given;
	if (!shared)
		tap_bail("the other file has other blocks");
}

int main(void)
{
	unsigned long reserved = fs_is_xfs() ? 0 : ext4_reserve(0);
	struct rdma rdma = rdma_open();

	for (int closed = 0; closed < 2; closed++) {
		int fd = file_make(PATH, LENGTH), other = file_make(OTHER, 0);
		int lease = lease_make_failed(fd), theirs;
		uint64_t id = lease_query(lease).id;
		struct ibv_mr *mr;
		void *map;

		give_away(fd, other);
		theirs = lease_make(other, 0, OTHERS, HOLDFAST_BREAKABLE,
				    LONG_BREAK);
		map = lease_map(theirs, 0, OTHERS);
		mr = rdma_register(&rdma, map, OTHERS);
		tap_is(lease_query(lease).pinned, 0,
		       "another's pins of them are not the lease's");
		if (!closed) {
			unlink(FILL);
			tap_is(ftruncate(fd, LENGTH), 0, "space is there");
			tap_is(restore(lease), LENGTH, "it is restored");
		}
		close(lease);
		tap_ok(gone(id, AT_ONCE), "%s: the lease ends with its close",
		       closed ? "broken" : "restored");
		ibv_dereg_mr(mr);
		munmap(map, OTHERS);
		close(theirs);
		close(other);
		close(fd);
		unlink(OTHER);
		unlink(PATH);
		unlink(FILL);
	}
	if (!fs_is_xfs())
		ext4_reserve(reserved);
	rdma_close(&rdma);
	return tap_done();
}
