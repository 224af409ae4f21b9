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
	uint64_t first = block_of(fd, 0), block;

	if (ftruncate(fd, 0))
		tap_bail("truncate: %s", strerror(errno));
	syncfs(fd);
	if (fallocate(other, 0, 0, LENGTH / 2 - MIB / 2))
		tap_bail("%s: %s", OTHER, strerror(errno));
	block = block_of(other, 0);
	if (block < first || block >= first + LENGTH / 2)
		tap_bail("the other file has other blocks");
}

int main(void)
{
	struct rdma rdma = rdma_open();

	for (int closed = 0; closed < 2; closed++) {
		int fd = file_make(PATH, LENGTH), other = file_make(OTHER, 0);
		int lease = lease_make_failed(fd), theirs;
		uint64_t id = lease_query(lease).id;
		struct ibv_mr *mr;
		void *map;

		give_away(fd, other);
		theirs = lease_make(other, 0, 2 * MIB, HOLDFAST_BREAKABLE,
				    LONG_BREAK);
		map = lease_map(theirs, 0, 2 * MIB);
		mr = rdma_register(&rdma, map, 2 * MIB);
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
		munmap(map, 2 * MIB);
		close(theirs);
		close(other);
		close(fd);
		unlink(OTHER);
		unlink(PATH);
		unlink(FILL);
	}
	rdma_close(&rdma);
	return tap_done();
}
