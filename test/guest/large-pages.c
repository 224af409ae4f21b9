// SPDX-License-Identifier: GPL-2.0
/*
 * Where the file's blocks and the mapping are aligned, a lease is mapped 2 MiB
 * at a time; where they are not, a page at a time. Either is the same memory.
 */
#define _GNU_SOURCE
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/resource.h>

#include "rdma.h"

#define PATH	 PMEM "large-pages"
#define FILE_LEN (64 * MIB)
#define LENGTH	 (8 * MIB)

/* The first offset from which LENGTH bytes are in one aligned piece, or ~0. */
static uint64_t aligned_piece(int fd)
{
	struct {
		struct fiemap head;
		struct fiemap_extent extent[64];
	} map = { .head = { .fm_length = FILE_LEN,
			    .fm_flags = FIEMAP_FLAG_SYNC,
			    .fm_extent_count = 64 } };

	if (ioctl(fd, FS_IOC_FIEMAP, &map))
		tap_bail("fiemap: %s", strerror(errno));
	for (unsigned int i = 0; i < map.head.fm_mapped_extents; i++) {
		struct fiemap_extent *extent = &map.extent[i];
		uint64_t start = (extent->fe_logical + 2 * MIB - 1) &
				 ~(2 * MIB - 1);

		if ((extent->fe_physical - extent->fe_logical) % (2 * MIB))
			continue;
		if (start + LENGTH <= extent->fe_logical + extent->fe_length)
			return start;
	}
	return ~0ULL;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static long touch(volatile char *map)
{
	long before = faults();

	for (size_t i = 0; i < LENGTH; i += 4096)
		map[i] = i / 4096;
	return faults() - before;
}

static void test_use(struct rdma *rdma, int fd, uint64_t offset, char *map,
		     int lease)
{
	struct change change;
	struct holdfast_event event;
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	char byte;

	tap_is(lease_query(lease).pinned, LENGTH, "all of it is pinned");
	map[LENGTH - 1] = 'l';
	tap_ok(pread(fd, &byte, 1, offset + LENGTH - 1) == 1 && byte == 'l',
	       "it is the file");
	change = change_start("punch", PATH, offset + MIB, MIB, NULL);
	tap_ok(event_next(lease, &event, SOON), "a break");
	tap_ok(!change_done(&change, STILL), "waits");
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON) && !change.error, "and ends");
	tap_is(map[MIB], 0, "the mapping shows the hole");
	tap_is(munmap(map + MIB + 4096, 4096), 0, "a part is unmapped");
	tap_is(map[2 * MIB], 0, "the rest is there");
	tap_is(mprotect(map + 4 * MIB, 4096, PROT_READ), 0, "or protected");
	tap_is(map[5 * MIB] = 7, 7, "and the rest can be written");
	tap_is(lease_query(lease).pinned, 0, "nothing is pinned");
}

int main(void)
{
	int fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0644), lease;
	const char *kernel = getenv("HOLDFAST_LAB_KERNEL");
	struct rdma rdma = rdma_open();
	uint64_t offset;
	bool aligned;
	long count;
	char *map;

	if (fd < 0 || fallocate(fd, 0, 0, FILE_LEN))
		tap_bail("%s: %s", PATH, strerror(errno));
	offset = aligned_piece(fd);
	aligned = offset != ~0ULL;
	if (!aligned) {
		tap_skip("no 8 MiB in one aligned piece in this filesystem");
		offset = 0;
	}
	lease = lease_make(fd, offset, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = lease_map(lease, 0, LENGTH);
	count = touch(map);
	tap_diag("%ld faults for %lu MiB at %llu", count, LENGTH / MIB,
		 (unsigned long long)offset);
	tap_ok(count <= (long)(LENGTH / 4096) + 16, "no page faults twice");
	if (kernel && !strcmp(kernel, "6.1"))
		tap_skip(
			"6.1 lets only DAX files' own mappings have large pages");
	else if (aligned)
		tap_ok(count < 64, "large ones are used");
	test_use(&rdma, fd, offset, map, lease);
	close(lease);
	munmap(map, LENGTH);

	lease = lease_make(fd, offset + 4096, LENGTH, HOLDFAST_BREAKABLE,
			   LONG_BREAK);
	map = mmap(map, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   lease, 0);
	tap_ok(touch(map) >= (long)(LENGTH / 4096) - 16,
	       "at another address: small ones");
	close(lease);
	munmap(map, LENGTH);
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
