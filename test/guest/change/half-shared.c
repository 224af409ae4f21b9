// SPDX-License-Identifier: GPL-2.0
/*
 * A file that is mapped 2 MiB at a time, and shares a half of each 2 MiB with
 * another file: a registration copies these blocks, all mappings of the file show
 * the copies, the other file keeps the old ones. What the kernel makes of such a
 * file when its last descriptor is closed is in the kernel log.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <linux/fs.h>

#include "../../large-map.h"
#include "extents.h"
#include "rdma.h"

#define PATH   PMEM "half-shared"
#define OTHER  PMEM "half-shared.other"
#define COUNT  4UL
#define LENGTH (COUNT * LARGE_PAGE)
#define ROUNDS 8

/* Whole large pages. */
static volatile char *map_plain(int fd, int protection)
{
	char *map = map_large(fd, LENGTH, protection);

	if (map == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	return map;
}

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
	plain = map_plain(fd, PROT_READ | PROT_WRITE);
	store(plain, 4096, 'o');
	share_halves(fd, other);
	if (dirty)
		store(plain, MIB, 'd');

	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = map_shared(fd, 0, LENGTH);
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
	       "%s: and what is stored later", which);

	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	munmap((void *)plain, LENGTH);
	close(lease);
	unlink(PATH);
	unlink(OTHER);
	tap_is(close(fd), 0, "%s: the file goes", which);
	close(other);
}

/* Blocks of its own and shared ones in entries that readers have made. */
static bool make_mixed(int fd, int other)
{
	volatile char *plain;

	if (fallocate(fd, 0, 0, LENGTH) || block_of(fd, 0) % LARGE_PAGE)
		return false;
	plain = map_plain(fd, PROT_READ | PROT_WRITE);
	store(plain, 0, 'o');
	munmap((void *)plain, LENGTH);
	if (ioctl(other, FICLONE, fd))
		tap_bail("reflink: %s", strerror(errno));
	plain = map_plain(fd, PROT_READ);
	for (size_t i = 0; i < COUNT; i++) {
		if (plain[i * LARGE_PAGE] != 'o' ||
		    fallocate(other, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      i * LARGE_PAGE, MIB))
			tap_bail("punch: %s", strerror(errno));
	}
	munmap((void *)plain, LENGTH);
	return true;
}

/* Whether a process leases and registers a range without a wait. */
static bool registers_at_once(int fd, uint64_t offset, uint64_t length)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		struct rdma rdma = rdma_open();

		lease_make(fd, offset, length, HOLDFAST_BREAKABLE, 0);
		rdma_register(&rdma, map_shared(fd, offset, length), length);
		_exit(0);
	}
	status = child_wait(pid, AT_ONCE);
	if (status == -1) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return !status;
}

/*
 * A consumer of blocks of the file's own that are in one entry with shared ones:
 * what becomes of those does not end what is known of this consumer.
 */
static void test_neighbours(struct rdma *rdma)
{
	int fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0644);
	int other = open(OTHER, O_RDWR | O_CREAT | O_TRUNC, 0644), lease;
	struct holdfast_event event;
	struct change change;
	struct ibv_mr *mr;

	if (fd < 0 || other < 0)
		tap_bail("%s: %s", PATH, strerror(errno));
	if (!make_mixed(fd, other)) {
		tap_skip("neighbours: the blocks are not aligned");
		return;
	}
	lease = lease_make(fd, MIB / 2, MIB / 2, HOLDFAST_BREAKABLE,
			   LONG_BREAK);
	mr = rdma_register(rdma, map_shared(fd, MIB / 2, MIB / 2), MIB / 2);
	tap_ok(registers_at_once(fd, MIB, MIB / 2),
	       "neighbours: the shared ones are registered beside these");
	tap_is(pwrite(fd, "n", 1, MIB + MIB / 2), 1,
	       "neighbours: a shared one is written");
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(event_next(lease, &event, SOON), "neighbours: a break");
	change_waits_for(&change, mr, "neighbours");
	close(lease);
	close(fd);
	close(other);
	unlink(PATH);
	unlink(OTHER);
}

/*
 * The block behind a large page is copied again and again. The first copy leaves the
 * rest of its unit prepared, so the next one is prepared together with blocks of the
 * large page, which are copied by the next store to them.
 */
static void test_beside(struct rdma *rdma)
{
	int fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0644);
	int other = open(OTHER, O_RDWR | O_CREAT | O_TRUNC, 0644);
	struct file_clone_range range = {
		.src_fd = fd,
		.src_offset = LARGE_PAGE,
		.src_length = 4096,
	};
	unsigned int good = 0;
	char byte = 'b', seen;

	if (fd < 0 || other < 0 || fallocate(fd, 0, 0, LARGE_PAGE + 4096) ||
	    pwrite(fd, &byte, 1, LARGE_PAGE) != 1)
		tap_bail("%s: %s", PATH, strerror(errno));
	if (block_of(fd, 0) % LARGE_PAGE)
		tap_skip("beside: the blocks are not aligned");
	for (unsigned int i = 0; i < 4; i++) {
		int lease = lease_make(fd, 0, LARGE_PAGE, HOLDFAST_BREAKABLE,
				       LONG_BREAK);
		char *map = map_large(fd, LARGE_PAGE, PROT_READ | PROT_WRITE);
		struct ibv_mr *mr = rdma_register(rdma, map, LARGE_PAGE);

		byte = '0' + i;
		good += rdma_write(rdma, mr, LARGE_PAGE - 1, &byte, 1) ==
				IBV_WC_SUCCESS &&
			pread(fd, &seen, 1, LARGE_PAGE - 1) == 1 &&
			seen == byte;
		ibv_dereg_mr(mr);
		munmap(map, LARGE_PAGE);
		close(lease);
		if (ioctl(other, FICLONERANGE, &range))
			tap_bail("reflink: %s", strerror(errno));
	}
	tap_is(good, 4, "beside: each registration is the file's memory");
	tap_ok(pread(other, &seen, 1, 0) == 1 && seen == 'b',
	       "beside: the shared block is as it was");
	unlink(PATH);
	unlink(OTHER);
	tap_is(close(fd), 0, "beside: the file goes");
	close(other);
}

/* Reads the file in large pages, again and again, until it is killed. */
static pid_t reader_start(int fd)
{
	pid_t pid = child_fork();
	volatile char *map;

	if (pid)
		return pid;
	map = map_plain(fd, PROT_READ);
	for (size_t i = 0;; i = (i + 1) % COUNT) {
		(void)map[i * LARGE_PAGE];
		madvise((char *)map + i * LARGE_PAGE, LARGE_PAGE,
			MADV_DONTNEED);
	}
}

/*
 * A process that reads large pages while a registration copies the shared blocks in
 * them: none becomes large again before all is copied.
 */
static void test_reader(struct rdma *rdma)
{
	unsigned int good = 0;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		int fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0644);
		int other = open(OTHER, O_RDWR | O_CREAT | O_TRUNC, 0644);
		struct ibv_mr *mr;
		pid_t reader;
		char *map;
		int lease;

		if (fd < 0 || other < 0 || fallocate(fd, 0, 0, LENGTH))
			tap_bail("%s: %s", PATH, strerror(errno));
		if (!i && block_of(fd, 0) % LARGE_PAGE)
			tap_skip("reader: the blocks are not aligned");
		share_halves(fd, other);
		reader = reader_start(fd);
		lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE,
				   LONG_BREAK);
		map = map_shared(fd, 0, LENGTH);
		mr = rdma_register(rdma, map, LENGTH);
		good += mr != NULL;
		ibv_dereg_mr(mr);
		munmap(map, LENGTH);
		close(lease);
		kill(reader, SIGKILL);
		waitpid(reader, NULL, 0);
		unlink(PATH);
		unlink(OTHER);
		close(fd);
		close(other);
	}
	tap_is(good, ROUNDS, "reader: registered, and the files go");
}

int main(void)
{
	struct rdma rdma = rdma_open();

	if (fs_is_xfs()) {
		test_reader(&rdma);
		test_beside(&rdma);
		test_neighbours(&rdma);
		test_lease(&rdma, "clean", false);
		test_lease(&rdma, "written since", true);
	} else {
		tap_skip("extents are shared on XFS only");
	}
	rdma_close(&rdma);
	return tap_done();
}
