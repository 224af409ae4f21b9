// SPDX-License-Identifier: GPL-2.0
/*
 * A file that is mapped 2 MiB at a time, and shares a half of each 2 MiB with
 * another file: a lease of it has copies of these blocks, all mappings of the
 * file show them, the other file keeps the old ones. What the kernel makes of
 * such a file when its last descriptor is closed is in the kernel log.
 */
#define _GNU_SOURCE
#include <linux/fs.h>

#include "../large-map.h"
#include "extents.h"
#include "rdma.h"

#define PATH   PMEM "half-shared"
#define OTHER  PMEM "half-shared.other"
#define COUNT  4UL
#define LENGTH (COUNT * LARGE_PAGE)

/* Stores a byte at the same place of each 2 MiB; a fault each, if they are. */
static void store(volatile char *map, size_t at, char byte)
{
	for (size_t i = 0; i < COUNT; i++)
		map[i * LARGE_PAGE + at] = byte;
}

/* Whether each 2 MiB of a file has a byte there. */
static bool has(int fd, size_t at, char byte)
{
	char seen;

	for (size_t i = 0; i < COUNT; i++) {
		if (pread(fd, &seen, 1, i * LARGE_PAGE + at) != 1 ||
		    seen != byte)
			return false;
	}
	return true;
}

static void share_halves(int from, int to)
{
	for (size_t i = 0; i < COUNT; i++) {
		struct file_clone_range range = {
			.src_fd = from,
			.src_offset = i * LARGE_PAGE,
			.src_length = MIB,
			.dest_offset = i * LARGE_PAGE,
		};

		if (ioctl(to, FICLONERANGE, &range))
			tap_bail("reflink: %s", strerror(errno));
	}
}

static void test_lease(struct rdma *rdma, const char *which, bool dirty)
{
	int fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0644);
	int other = open(OTHER, O_RDWR | O_CREAT | O_TRUNC, 0644), lease;
	char word[4] = "rdma";
	volatile char *plain;
	struct ibv_mr *mr;
	char *map;

	if (fd < 0 || other < 0 || fallocate(fd, 0, 0, LENGTH))
		tap_bail("%s: %s", PATH, strerror(errno));
	if (block_of(fd, 0) % LARGE_PAGE)
		tap_skip("%s: the blocks are not aligned", which);
	plain = map_large(fd, LENGTH, PROT_READ | PROT_WRITE);
	if (plain == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	store(plain, 4096, 'o');
	share_halves(fd, other);
	if (dirty)
		store(plain, MIB, 'd');

	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = lease_map(lease, 0, LENGTH);
	mr = rdma_register(rdma, map, LENGTH);
	tap_is(rdma_write(rdma, mr, LARGE_PAGE, word, sizeof(word)),
	       IBV_WC_SUCCESS, "%s: RDMA into a half that was shared", which);
	store(map, 4096, 'n');
	tap_ok(has(fd, 4096, 'n') && plain[LARGE_PAGE] == 'r' &&
		       plain[LARGE_PAGE + 4096] == 'n',
	       "%s: the file shows it, read and mapped", which);
	tap_ok(has(other, 4096, 'o'), "%s: the other one does not", which);
	tap_ok(!dirty || has(fd, MIB, 'd'),
	       "%s: what was stored before is there", which);
	store(plain, 8192, 'p');
	tap_ok(has(fd, 8192, 'p') && map[8192] == 'p',
	       "%s: and what is stored later is the lease's", which);

	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	munmap((void *)plain, LENGTH);
	close(lease);
	unlink(PATH);
	unlink(OTHER);
	tap_is(close(fd), 0, "%s: the file goes", which);
	close(other);
}

int main(void)
{
	struct rdma rdma = rdma_open();

	if (fs_is_xfs()) {
		test_lease(&rdma, "clean", false);
		test_lease(&rdma, "written since", true);
	} else {
		tap_skip("extents are shared on XFS only");
	}
	rdma_close(&rdma);
	return tap_done();
}
