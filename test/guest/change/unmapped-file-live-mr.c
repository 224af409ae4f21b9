// SPDX-License-Identifier: GPL-2.0
/*
 * No process maps the file, a memory region lives: the change waits, and the
 * blocks stay the file's until the region is gone. Kernels up to 6.14 search for
 * busy pages only in files that are mapped, so without Holdfast the filesystem
 * gives the blocks to another file while a device still writes to them.
 */
#define _GNU_SOURCE
#include "rdma.h"

#include <sys/statvfs.h>
#include <linux/fiemap.h>
#include <linux/fs.h>

#define PATH	 PMEM "unmapped"
#define FILE_LEN (6 * MIB)
#define OFFSET	 (2 * MIB)
#define LENGTH	 (2 * MIB)

enum shape {
	MAPPED,
	MUNMAPPED,
	CLOSED
};

/* Where the first block of the range is on the device; 0 when it has none. */
static uint64_t physical(int fd)
{
	struct {
		struct fiemap map;
		struct fiemap_extent extent;
	} ask = { .map = { .fm_start = OFFSET,
			   .fm_length = 4096,
			   .fm_extent_count = 1 } };

	if (ioctl(fd, FS_IOC_FIEMAP, &ask.map))
		tap_bail("fiemap: %s", strerror(errno));
	if (!ask.map.fm_mapped_extents)
		return 0;
	return ask.extent.fe_physical + (OFFSET - ask.extent.fe_logical);
}

static void try_shape(enum shape shape, const char *op, const char *what)
{
	static char sent[4096], *got;
	struct statvfs before, during, after;
	struct rdma rdma = rdma_open();
	int fd = file_make(PATH, FILE_LEN);
	int lease =
		lease_make(fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(fd, OFFSET, LENGTH);
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
	uint64_t where = physical(fd), dereg_ns;
	int pmem = open("/dev/pmem0", O_RDONLY | O_DIRECT);
	struct holdfast_event event;
	struct change change;
	struct stat st;

	if (pmem < 0 || posix_memalign((void **)&got, 4096, 4096))
		tap_bail("/dev/pmem0: %s", strerror(errno));
	if (shape >= MUNMAPPED)
		munmap(map, LENGTH);
	if (shape >= CLOSED)
		close(lease);

	fstatvfs(fd, &before);
	change = change_start(op, PATH, 0, 3 * MIB, NULL);
	if (shape < CLOSED)
		tap_ok(event_next(lease, &event, SOON),
		       "%s: the lease hears of it", what);
	tap_ok(!change_done(&change, 3 * STILL), "%s: %s waits", what, op);
	fstat(fd, &st);
	tap_is(st.st_size, FILE_LEN, "%s: the size is as it was", what);
	tap_is(st.st_blocks, FILE_LEN / 512, "%s: no block is freed", what);
	fstatvfs(fd, &during);
	tap_ok(during.f_bfree <= before.f_bfree,
	       "%s: nor does the filesystem say so", what);
	/*
	 * read(2) waits behind the change, and a mapping of the file would help
	 * the kernel: read the device.
	 */
	if (!change.done) {
		pattern_fill(sent, sizeof(sent), 0xf00d);
		tap_is(rdma_write(&rdma, mr, 8192, sent, sizeof(sent)),
		       IBV_WC_SUCCESS, "%s: RDMA goes on", what);
		tap_is(pread(pmem, got, 4096, where + 8192), 4096,
		       "%s: and arrives", what);
		tap_ok(!memcmp(sent, got, 4096), "%s: in the file's blocks",
		       what);
	}
	dereg_ns = now_ns();
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON),
	       "%s: it ends when the region is gone", what);
	tap_is(change.error, 0, "%s: with success", what);
	tap_ok(change.end_ns >= dereg_ns, "%s: not before", what);
	tap_is(physical(fd), 0, "%s: the blocks are free now", what);
	fstatvfs(fd, &after);
	tap_ok(after.f_bfree > before.f_bfree,
	       "%s: the filesystem says so, too", what);
	close(pmem);
	free(got);
	if (shape < CLOSED)
		close(lease);
	if (shape < MUNMAPPED)
		munmap(map, LENGTH);
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
}

int main(void)
{
	try_shape(MAPPED, "truncate", "file mapped");
	try_shape(MAPPED, "punch", "file mapped");
	try_shape(MUNMAPPED, "truncate", "file not mapped");
	try_shape(MUNMAPPED, "punch", "file not mapped");
	try_shape(CLOSED, "truncate", "lease closed");
	try_shape(CLOSED, "punch", "lease closed");
	return tap_done();
}
