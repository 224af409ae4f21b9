// SPDX-License-Identifier: GPL-2.0
/*
 * A short-term pin is the kernel's own business, with Holdfast as without. Direct
 * I/O of a disk goes to or from a mapping of a DAX file; in the meantime the file is
 * truncated, and another file takes the blocks. The truncate has to wait for the
 * I/O: else a read would come into the other file, or the other file's content go to
 * the disk by a write.
 *
 *	disk    |-- read(2): pages are pinned, the disk is slow -------- data |
 *	file         |-- truncate(2) ---------------------- has to wait ------|
 *	canary                                                                |-- takes the blocks
 *
 * "short-pin unmapped" shows what it looks like when a kernel does not wait: up to
 * 6.14 none does once nobody maps the file (doc/semantics.md), so there it fails,
 * with the data in the other file, and the kernel warns.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/uio.h>

#include "extents.h"
#include "slow-disk.h"

#define PATH   PMEM "short-pin"
#define CANARY PMEM "short-pin.canary"
#define FILLER PMEM "short-pin.filler"
#define OTHER  PMEM "short-pin.other"
#define LENGTH (8 * MIB)
#define REST   (2 * MIB) /* of the file, behind what the I/O is of */
#define SPARE  (4 * MIB) /* what else is free on the filesystem */

#define SEED_FILE   1
#define SEED_CANARY 1000
#define SEED_DISK   2000

enum mode {
	ABSENT,
	IDLE,
	OTHER_LEASED,
	LEASED,
	REST_LEASED,
	MODES,
	IDLE_UNMAPPED = MODES, /* on demand only */
};

static const char *const modes[] = {
	[ABSENT] = "no module",
	[IDLE] = "no lease",
	[OTHER_LEASED] = "a lease of another file",
	[LEASED] = "a lease of the range",
	[REST_LEASED] = "a lease of another range",
	[IDLE_UNMAPPED] = "no lease, the file not mapped",
};

static struct slow_disk disk;

struct io {
	pthread_t thread;
	bool writes; /* to the disk */
	void *memory;
	ssize_t result;
};

static void *io_main(void *arg)
{
	struct io *io = arg;
	int fd = open(disk.path, O_RDWR | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		tap_bail("%s: %s", disk.path, strerror(errno));
	io->result = io->writes ? pwrite(fd, io->memory, LENGTH, 0)
				: pread(fd, io->memory, LENGTH, 0);
	close(fd);
	return NULL;
}

/* Returns when the pages are pinned, and the disk has all requests. */
static void io_start(struct io *io)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	unsigned int before = 0, waiting;

	if (pthread_create(&io->thread, NULL, io_main, io))
		tap_bail("no thread");
	for (;;) {
		usleep(20000);
		waiting = slow_disk_waiting();
		if (waiting && waiting == before)
			return;
		before = waiting;
		if (now_ns() > limit)
			tap_bail("the I/O does not begin");
	}
}

static void disk_io(bool write, char *buffer)
{
	int fd = open(disk.under, O_RDWR | O_DIRECT | O_CLOEXEC);

	if (fd < 0 || (write ? pwrite(fd, buffer, LENGTH, 0)
			     : pread(fd, buffer, LENGTH, 0)) != LENGTH)
		tap_bail("%s: %s", disk.under, strerror(errno));
	close(fd);
}

/* As file_make_seed() has them. */
static void buffer_fill(char *buffer, unsigned int seed)
{
	for (size_t i = 0; i < LENGTH / MIB; i++)
		pattern_fill(buffer + i * MIB, MIB, seed + i);
}

static bool buffer_is(const char *buffer, unsigned int seed)
{
	static char want[LENGTH];

	buffer_fill(want, seed);
	return !memcmp(buffer, want, LENGTH);
}

static char *buffer_make(void)
{
	char *buffer = aligned_alloc(4096, LENGTH);

	if (!buffer)
		tap_bail("no memory");
	return buffer;
}

static bool canary_is_intact(int fd)
{
	char *buffer = buffer_make();
	bool intact = pread(fd, buffer, LENGTH, 0) == LENGTH &&
		      buffer_is(buffer, SEED_CANARY);

	free(buffer);
	return intact;
}

static bool disk_is(unsigned int seed)
{
	char *buffer = buffer_make();
	bool is;

	disk_io(false, buffer);
	is = buffer_is(buffer, seed);
	free(buffer);
	return is;
}

/* Where each MiB of a file is. */
#define PARTS (LENGTH / MIB)

static void parts_of(int fd, uint64_t parts[PARTS])
{
	for (size_t i = 0; i < PARTS; i++)
		parts[i] = block_of(fd, i * MIB);
}

/* How many parts of one file lie, at least a block, in those that another had. */
static unsigned int parts_reused(const uint64_t now[PARTS],
				 const uint64_t before[PARTS])
{
	unsigned int reused = 0;

	for (size_t i = 0; i < PARTS; i++)
		for (size_t j = 0; j < PARTS; j++)
			if (now[i] > before[j] - MIB &&
			    now[i] < before[j] + MIB) {
				reused++;
				break;
			}
	return reused;
}

/* XFS frees what is unlinked some time later. */
static void file_end(const char *path, int fd)
{
	if (ftruncate(fd, 0) || unlink(path))
		tap_bail("%s: %s", path, strerror(errno));
	close(fd);
}

struct resblks {
	uint64_t resblks;
	uint64_t resblks_avail;
};

#define XFS_IOC_SET_RESBLKS _IOWR('X', 114, struct resblks)
#define XFS_IOC_GET_RESBLKS _IOR('X', 115, struct resblks)
#define EXT4_RESERVED	    "/sys/fs/ext4/pmem0/reserved_clusters"

/*
 * What the filesystem keeps free for itself is more than our files, and a new file
 * can have that. Sets how much it is, in blocks, and returns how much it was.
 */
static uint64_t reserve_set(uint64_t want)
{
	int fd = open(fs_is_xfs() ? PMEM : EXT4_RESERVED,
		      fs_is_xfs() ? O_RDONLY : O_RDWR);
	struct resblks was = { 0 }, is = { .resblks = want };
	char text[32] = "";

	if (fs_is_xfs()) {
		if (ioctl(fd, XFS_IOC_GET_RESBLKS, &was) ||
		    ioctl(fd, XFS_IOC_SET_RESBLKS, &is))
			tap_bail("reserved blocks: %s", strerror(errno));
	} else {
		if (read(fd, text, sizeof(text) - 1) <= 0)
			tap_bail(EXT4_RESERVED ": %s", strerror(errno));
		was.resblks = strtoull(text, NULL, 0);
		snprintf(text, sizeof(text), "%llu", (unsigned long long)want);
		if (pwrite(fd, text, strlen(text), 0) < 0)
			tap_bail(EXT4_RESERVED ": %s", strerror(errno));
	}
	close(fd);
	return was.resblks;
}

/* Leaves so little that who wants more gets what the file had. */
static int filesystem_fill(void)
{
	int fd = open(FILLER, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	off_t size = 0, step = 64 * MIB;

	/* ext4 gives blocks again when it is on disk that they are free. */
	if (fd < 0 || syncfs(fd))
		tap_bail(FILLER ": %s", strerror(errno));
	while (step >= (off_t)MIB) {
		if (!fallocate(fd, 0, size, step))
			size += step;
		else
			step /= 2;
	}
	if (ftruncate(fd, size - SPARE))
		tap_bail(FILLER ": %s", strerror(errno));
	return fd;
}

static void module_set(bool want)
{
	bool there = !access("/dev/holdfast", F_OK);

	if (want == there)
		return;
	if (want ? RUN("insmod", "/run/lab/holdfast.ko") ||
			    chmod("/dev/holdfast", 0666)
		 : RUN("rmmod", "holdfast"))
		tap_bail("the module does not %s", want ? "load" : "go");
}

/* -1: none. */
static int lease_for(enum mode mode, int fd, int other)
{
	switch (mode) {
	case OTHER_LEASED:
		return lease_make(other, 0, MIB, HOLDFAST_BREAKABLE,
				  LONG_BREAK);
	case LEASED:
		return lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE,
				  LONG_BREAK);
	case REST_LEASED:
		return lease_make(fd, LENGTH, REST, HOLDFAST_EXCLUSIVE, 0);
	default:
		return -1;
	}
}

/*
 * Stock 6.1 forgets to wake who waits when direct I/O is done with a DAX page
 * (__bio_release_pages() of block/bio.c does not go by put_page()); the end of any
 * other pin does.
 */
static void wake_change(struct change *change, const char *memory)
{
	const char *kernel = getenv("HOLDFAST_LAB_KERNEL");
	char byte;

	if (!kernel || strcmp(kernel, "6.1"))
		return;
	for (size_t at = 0; at < LENGTH && !change_done(change, 0);
	     at += 4096) {
		struct iovec to = { &byte, 1 },
			     from = { (void *)(memory + at), 1 };

		/* The file may be shorter already. */
		process_vm_readv(getpid(), &to, 1, &from, 1, 0);
	}
}

/* What comes too late is what a kernel that does not wait would do. */
static void test_race(struct io *io, enum mode mode, const char *what, int fd)
{
	bool rest = mode == REST_LEASED, waits;
	uint64_t before[PARTS], now[PARTS], end_ns;
	struct change change;
	int canary;

	parts_of(fd, before);
	io_start(io);
	if (mode == IDLE_UNMAPPED)
		munmap(io->memory, LENGTH);
	change = change_start(rest ? "punch" : "truncate", PATH, 0,
			      rest ? LENGTH : 0, NULL);
	waits = tap_ok(!change_done(&change, STILL), "%s: the change waits",
		       what);
	tap_ok(slow_disk_waiting(), "%s: for I/O that is under way", what);
	end_ns = now_ns();
	if (waits) {
		slow_disk_go_on();
		pthread_join(io->thread, NULL);
		if (mode != IDLE_UNMAPPED)
			wake_change(&change, io->memory);
		tap_ok(change_done(&change, SOON) && !change.error,
		       "%s: then it goes on", what);
		tap_ok(change.end_ns > end_ns, "%s: not before the I/O did",
		       what);
	}
	syncfs(fd); /* see filesystem_fill() */
	canary = file_make_seed(CANARY, LENGTH, SEED_CANARY);
	if (!waits) {
		slow_disk_go_on();
		pthread_join(io->thread, NULL);
	}
	parts_of(canary, now);
	tap_ok(parts_reused(now, before), "%s: its blocks are used again",
	       what);
	tap_is(io->result, LENGTH, "%s: all is %s", what,
	       io->writes ? "written" : "read");
	tap_ok(canary_is_intact(canary), "%s: the other file is intact", what);
	if (io->writes)
		tap_ok(disk_is(SEED_FILE), "%s: the disk has what the file had",
		       what);
	file_end(CANARY, canary);
}

static void test_mode(enum mode mode, bool writes)
{
	struct io io = { .writes = writes };
	char what[96], *buffer = buffer_make();
	int fd, other, filler, lease;

	snprintf(what, sizeof(what), "%s, %s", modes[mode],
		 writes ? "write" : "read");
	module_set(mode != ABSENT);
	other = file_make(OTHER, MIB);
	fd = file_make_seed(PATH, LENGTH + REST, SEED_FILE);
	filler = filesystem_fill();
	buffer_fill(buffer, SEED_DISK);
	disk_io(true, buffer);
	lease = lease_for(mode, fd, other);
	io.memory = map_shared(fd, 0, LENGTH);
	test_race(&io, mode, what, fd);
	if (mode != IDLE_UNMAPPED)
		munmap(io.memory, LENGTH);
	close(lease);
	file_end(PATH, fd);
	file_end(OTHER, other);
	file_end(FILLER, filler);
	free(buffer);
}

/* In the other modes nothing is different for a write. */
static void test_both(enum mode mode)
{
	test_mode(mode, false);
	if (mode == ABSENT || mode == LEASED || mode == IDLE_UNMAPPED)
		test_mode(mode, true);
}

int main(int argc, char **argv)
{
	uint64_t reserve = reserve_set(0);

	disk = slow_disk_make();
	tap_diag("on %s", disk.under);
	if (argc > 1 && !strcmp(argv[1], "unmapped")) {
		test_both(IDLE_UNMAPPED);
	} else {
		for (enum mode mode = ABSENT; mode < MODES; mode++)
			test_both(mode);
	}
	slow_disk_end(&disk);
	reserve_set(reserve);
	return tap_done();
}
