// SPDX-License-Identifier: GPL-2.0
/*
 * Extents are exchanged with a file that has no DAX, and with one that is
 * leased only while the exchange waits: blocks under a consumer stay the
 * file's.
 */
#define _GNU_SOURCE
#include "extents.h"
#include "rdma.h"
#include "remount.h"

#define FOLDER	PMEM "dax"
#define PATH	FOLDER "/swap"
#define OTHER	FOLDER "/swap.other"
#define NOT_DAX PMEM "swap.not-dax"
#define LENGTH	(4 * MIB)

/* Files that are made in it from now on have DAX. */
static void folder_make_dax(const char *path)
{
	int fd = mkdir(path, 0755) ? -1 : open(path, O_RDONLY | O_DIRECTORY);
	struct fsxattr attr;

	if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &attr))
		tap_bail("%s: %s", path, strerror(errno));
	attr.fsx_xflags |= FS_XFLAG_DAX;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &attr))
		tap_bail("%s: DAX: %s", path, strerror(errno));
	close(fd);
}

static bool is_dax(const char *path)
{
	struct statx stx;

	if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &stx))
		tap_bail("%s: %s", path, strerror(errno));
	return stx.stx_attributes & STATX_ATTR_DAX;
}

struct holder {
	int fd;
	int lease;
	char *map;
	struct ibv_mr *mr;
	uint64_t block;
};

static struct holder hold(struct rdma *rdma, const char *path)
{
	struct holder holder = { .fd = open(path, O_RDWR | O_CLOEXEC) };

	if (holder.fd < 0)
		tap_bail("%s: %s", path, strerror(errno));
	holder.lease = lease_make(holder.fd, 0, LENGTH, HOLDFAST_BREAKABLE,
				  LONG_BREAK);
	holder.map = map_shared(holder.fd, 0, LENGTH);
	holder.mr = rdma_register(rdma, holder.map, LENGTH);
	holder.block = block_of(holder.fd, 0);
	return holder;
}

static void let_go(struct holder *holder)
{
	munmap(holder->map, LENGTH);
	close(holder->lease);
	close(holder->fd);
}

/* In one extent: XFS exchanges none for more. */
static void file_make_whole(const char *path, unsigned int seed)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || fallocate(fd, 0, 0, LENGTH))
		tap_bail("%s: %s", path, strerror(errno));
	for (unsigned int i = 0; i < LENGTH / 4096; i++) {
		char block[4096];

		pattern_fill(block, sizeof(block), seed + i);
		if (pwrite(fd, block, 4096, i * 4096) != 4096)
			tap_bail("%s: %s", path, strerror(errno));
	}
	if (fsync(fd))
		tap_bail("%s: %s", path, strerror(errno));
	close(fd);
}

/* What the mapping shows is what the file has. */
static bool shows_file(const struct holder *holder)
{
	char byte = ~holder->map[0];

	if (pread(holder->fd, &byte, 1, 0) != 1 || byte != holder->map[0])
		return false;
	holder->map[0]++;
	return pread(holder->fd, &byte, 1, 0) == 1 && byte == holder->map[0];
}

static void test_mixed(struct rdma *rdma, const char *op, bool leased_first)
{
	const char *first = leased_first ? "to" : "from";
	struct holder holder;
	struct change swap;

	file_make_whole(PATH, 1);
	file_make_whole(NOT_DAX, 5);
	if (!is_dax(PATH) || is_dax(NOT_DAX))
		tap_bail("files are not as they should be");
	holder = hold(rdma, PATH);
	swap = leased_first ? change_start(op, PATH, 0, LENGTH, NOT_DAX)
			    : change_start(op, NOT_DAX, 0, LENGTH, PATH);
	tap_ok(readable(holder.lease, AT_ONCE), "%s %s no DAX: a break", op,
	       first);
	tap_ok(!change_done(&swap, STILL), "%s %s no DAX: it waits", op, first);
	tap_is(block_of(holder.fd, 0), holder.block,
	       "%s %s no DAX: the block is the file's", op, first);
	ibv_dereg_mr(holder.mr);
	tap_ok(change_done(&swap, SOON), "%s %s no DAX: then it ends", op,
	       first);
	tap_ok(shows_file(&holder), "%s %s no DAX: the mapping shows the file",
	       op, first);
	tap_is(swap.error, 0, "%s %s no DAX: well", op, first);
	let_go(&holder);
	unlink(PATH);
	unlink(NOT_DAX);
}

/*
 * The other file is leased for the first time while one is waited for. Leasing
 * touches it, and XFS exchanges no first file whose times are not those that
 * the caller has seen. But before it looks it forgets the pages of both, with a
 * complaint in the log when they are pinned.
 */
static void test_leased_meanwhile(struct rdma *rdma, bool leased_first)
{
	const char *what = leased_first ? "second file" : "first file";
	struct holder holder, late;
	struct change swap;

	file_make_whole(PATH, 1);
	file_make_whole(OTHER, 5);
	holder = hold(rdma, PATH);
	swap = leased_first ? change_start("swapext", PATH, 0, LENGTH, OTHER)
			    : change_start("swapext", OTHER, 0, LENGTH, PATH);
	if (!readable(holder.lease, SOON))
		tap_bail("no break");
	late = hold(rdma, OTHER);
	ibv_dereg_mr(holder.mr);
	tap_ok(readable(late.lease, AT_ONCE),
	       "%s leased meanwhile: it is broken", what);
	tap_ok(!change_done(&swap, STILL), "%s leased meanwhile: waited for",
	       what);
	tap_is(block_of(late.fd, 0), late.block,
	       "%s leased meanwhile: the block is the file's", what);
	ibv_dereg_mr(late.mr);
	tap_ok(change_done(&swap, SOON), "%s leased meanwhile: then it ends",
	       what);
	tap_ok((block_of(late.fd, 0) == late.block) == (swap.error != 0),
	       "%s leased meanwhile: it does what it says", what);
	tap_ok(shows_file(&holder) && shows_file(&late),
	       "%s leased meanwhile: the mappings show the files", what);
	let_go(&holder);
	let_go(&late);
	unlink(PATH);
	unlink(OTHER);
}

int main(void)
{
	struct rdma rdma;

	if (!fs_is_xfs()) {
		tap_skip("extents are exchanged on XFS only");
		return tap_done();
	}
	rdma = rdma_open();
	pmem_remount("dax=inode");
	folder_make_dax(FOLDER);
	test_mixed(&rdma, "swapext", true);
	test_mixed(&rdma, "swapext", false);
	test_leased_meanwhile(&rdma, true);
	test_leased_meanwhile(&rdma, false);
	rmdir(FOLDER);
	rdma_close(&rdma);
	return tap_done();
}
