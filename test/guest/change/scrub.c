// SPDX-License-Identifier: GPL-2.0
/*
 * XFS repairs its metadata while pages of a leased file are pinned
 * (XFS_IOC_SCRUB_METADATA, xfs_scrub(8)): no block of the file moves or is freed,
 * and a change waits for the pins as before. The repair of the file's own block
 * map, which drops its page cache first, is refused with EBUSY.
 */
#define _GNU_SOURCE
#include "extents.h"
#include "rdma.h"

#define PATH   PMEM "scrub"
#define LENGTH (8 * MIB)
#define STEP   (256 * 1024UL)

/* As in xfs_fs.h, of Linux 6.10 and later. */
struct scrub {
	uint32_t type, flags;
	uint64_t ino;
	uint32_t gen, agno;
	uint64_t reserved[5];
};
#define SCRUB_METADATA	    _IOWR('X', 60, struct scrub)
#define SCRUB_REPAIR	    ((1U << 0) | (1U << 8)) /* rebuilt in any case */
#define SCRUB_BMBTD	    12
#define SCRUB_BMBTC	    14
/* These are of a group of the filesystem; the others of a file, or the whole. */
#define SCRUB_LAST_OF_GROUP 10

/* What the filesystem has of a group, of a file, and of the whole. */
static const struct {
	uint32_t type;
	const char *name;
} types[] = {
	{ 1, "sb" },	      { 2, "agf" },
	{ 3, "agfl" },	      { 4, "agi" },
	{ 5, "bnobt" },	      { 6, "cntbt" },
	{ 7, "inobt" },	      { 8, "finobt" },
	{ 9, "rmapbt" },      { 10, "refcntbt" },
	{ 11, "inode" },      { SCRUB_BMBTD, "bmbtd" },
	{ 13, "bmbta" },      { SCRUB_BMBTC, "bmbtc" },
	{ 16, "xattr" },      { 18, "parent" },
	{ 24, "fscounters" }, { 26, "nlinks" },
};

static struct rdma rdma;
static struct ibv_mr *mr;
static uint64_t blocks[LENGTH / STEP];
static char sent[4096], *map;
static int file;

/* Of the open file, or of group @group: 0 or an errno. */
static int repair(uint32_t type, uint32_t group)
{
	struct scrub scrub = { .type = type,
			       .flags = SCRUB_REPAIR,
			       .agno = group };

	return ioctl(file, SCRUB_METADATA, &scrub) ? errno : 0;
}

static bool blocks_stay(void)
{
	for (size_t i = 0; i < LENGTH / STEP; i++) {
		if (block_of(file, i * STEP) != blocks[i])
			return false;
	}
	return true;
}

/* What the device writes is in the file. */
static bool device_writes(unsigned int seed)
{
	static char seen[sizeof(sent)];
	off_t at = seed % (LENGTH / STEP) * STEP;

	pattern_fill(sent, sizeof(sent), seed);
	return rdma_write(&rdma, mr, at, sent, sizeof(sent)) ==
		       IBV_WC_SUCCESS &&
	       pread(file, seen, sizeof(seen), at) == sizeof(seen) &&
	       !memcmp(seen, sent, sizeof(sent));
}

static void repair_each(int lease, uint32_t group)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		int error = repair(types[i].type,
				   types[i].type <= SCRUB_LAST_OF_GROUP ? group
									: 0);

		tap_diag("repair of %s: %s", types[i].name, strerror(error));
		if (types[i].type == SCRUB_BMBTD ||
		    types[i].type == SCRUB_BMBTC)
			tap_is(error, EBUSY, "%s is not rebuilt",
			       types[i].name);
		tap_ok(blocks_stay(), "%s: the file's blocks stay",
		       types[i].name);
		tap_ok(device_writes(i), "%s: the device writes into them",
		       types[i].name);
		tap_is(lease_query(lease).pinned, LENGTH, "%s: they are pinned",
		       types[i].name);
	}
}

int main(void)
{
	struct change change;
	int lease;

	file = file_make(PATH, LENGTH);
	if (!fs_is_xfs() || repair(SCRUB_BMBTD, 0) == ENOTTY) {
		tap_skip("only XFS repairs itself, and not on each kernel");
		return tap_done();
	}
	for (size_t i = 0; i < LENGTH / STEP; i++)
		blocks[i] = block_of(file, i * STEP);
	rdma = rdma_open();
	lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = map_shared(file, 0, LENGTH);
	mr = rdma_register(&rdma, map, LENGTH);
	/* The group that has the file is one of the two. */
	repair_each(lease, 0);
	repair_each(lease, 1);
	/* Also where no process maps it. */
	munmap(map, LENGTH);
	tap_is(repair(SCRUB_BMBTD, 0), EBUSY, "unmapped: not rebuilt");

	change = change_start("punch", PATH, 0, 2 * MIB, NULL);
	tap_ok(!change_done(&change, STILL), "a punch waits for the region");
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "and ends when that is gone");
	tap_is(repair(SCRUB_BMBTD, 0), 0,
	       "with nothing pinned the block map is rebuilt");
	close(lease);
	close(file);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
