// SPDX-License-Identifier: GPL-2.0
/*
 * A registration that finds no space fails with ENOSPC, and leaves nothing behind:
 * neither pins of the pages that it had found by then, nor copies of shared blocks.
 */
#define _GNU_SOURCE
#include "extents.h"
#include "rdma.h"

#define PATH   PMEM "no-space"
#define OTHER  PMEM "no-space.other"
#define FILL   PMEM "no-space.fill"
#define LENGTH (8 * MIB)
#define OTHERS (2 * MIB)

/* XFS frees the blocks of an unlinked file some time later. */
static void file_drop(const char *path)
{
	if ((truncate(path, 0) || unlink(path)) && errno != ENOENT)
		tap_bail("%s: %s", path, strerror(errno));
}

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

static int register_errno(struct rdma *rdma, void *map)
{
	struct ibv_mr *mr = ibv_reg_mr(rdma->pd, map, LENGTH, RDMA_ACCESS);

	if (!mr)
		return errno;
	ibv_dereg_mr(mr);
	return 0;
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

/*
 * The pages that the registration had found become another file's, which ended just
 * before them and now grows.
 */
static void give_away(int fd, int other)
{
	uint64_t block[LENGTH / 2 / 4096], given;
	unsigned int shared = 0;

	for (size_t i = 0; i < LENGTH / 2 / 4096; i++)
		block[i] = block_of(fd, i * 4096);
	if (ftruncate(fd, 0))
		tap_bail("truncate: %s", strerror(errno));
	syncfs(fd);
	if (fallocate(other, 0, OTHERS, OTHERS))
		tap_bail("%s: %s", OTHER, strerror(errno));
	given = block_of(other, OTHERS);
	for (size_t i = 0; i < LENGTH / 2 / 4096; i++)
		shared += block[i] == given;
	if (!shared)
		tap_bail("the other file has other blocks");
}

/* Blocks that another file has, too, are copied first. */
static void test_shared_blocks(struct rdma *rdma)
{
	int fd = file_make(PATH, LENGTH), other = file_make(OTHER, LENGTH);
	void *map = map_shared(fd, 0, LENGTH);
	uint64_t block;
	int lease;

	if (ioctl(other, FICLONE, fd))
		tap_bail("reflink: %s", strerror(errno));
	block = block_of(fd, 0);
	close(fill());
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	tap_is(register_errno(rdma, map), ENOSPC,
	       "shared blocks, and no space for copies: ENOSPC");
	tap_is(lease_query(lease).pinned, 0, "nothing is pinned");
	tap_ok(block_of(other, 0) == block, "the other file is as it was");
	file_drop(FILL);
	tap_is(register_errno(rdma, map), 0, "with space they are copied");
	tap_ok(block_of(other, 0) == block && block_of(fd, 0) != block,
	       "the other file has the old ones");
	munmap(map, LENGTH);
	close(lease);
	close(other);
	close(fd);
	file_drop(OTHER);
	file_drop(PATH);
}

int main(void)
{
	unsigned long reserved = fs_is_xfs() ? 0 : ext4_reserve(0);
	int other = file_make(OTHER, OTHERS), fd = file_make(PATH, LENGTH);
	void *map = map_shared(fd, 0, LENGTH), *their_map;
	struct rdma rdma = rdma_open();
	int lease[2], theirs;
	struct ibv_mr *mr;
	uint64_t id[2];

	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      LENGTH / 2, LENGTH / 2))
		tap_bail("punch: %s", strerror(errno));
	close(fill());
	for (int i = 0; i < 2; i++) {
		lease[i] = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE,
				      LONG_BREAK);
		id[i] = lease_query(lease[i]).id;
	}
	tap_is(register_errno(&rdma, map), ENOSPC,
	       "a hole, and no space for it: ENOSPC");
	for (int i = 0; i < 2; i++) {
		tap_is(lease_query(lease[i]).state, HOLDFAST_ACTIVE,
		       "the lease is active");
		tap_is(lease_query(lease[i]).pinned, 0, "nothing is pinned");
	}
	give_away(fd, other);
	theirs = lease_make(other, OTHERS, OTHERS, HOLDFAST_BREAKABLE,
			    LONG_BREAK);
	their_map = map_shared(other, OTHERS, OTHERS);
	mr = rdma_register(&rdma, their_map, OTHERS);
	tap_is(lease_query(lease[0]).pinned, 0,
	       "another's pins of what it had found are not the lease's");
	close(lease[0]);
	tap_ok(gone(id[0], AT_ONCE), "it ends with its close");
	file_drop(FILL);
	tap_is(ftruncate(fd, LENGTH), 0, "space is there");
	tap_is(register_errno(&rdma, map), 0, "it can be registered");
	close(lease[1]);
	tap_ok(gone(id[1], AT_ONCE), "and ends with its close");
	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	munmap(their_map, OTHERS);
	close(theirs);
	close(other);
	close(fd);
	file_drop(OTHER);
	file_drop(PATH);
	if (fs_is_xfs())
		test_shared_blocks(&rdma);
	else
		ext4_reserve(reserved);
	rdma_close(&rdma);
	return tap_done();
}
