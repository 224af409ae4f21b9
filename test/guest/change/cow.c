// SPDX-License-Identifier: GPL-2.0
/*
 * XFS copies on write in units of 32 blocks, or of the file's hint. A leased
 * block must not move with a shared one of its unit, nor of the next unit:
 * whichever blocks were shared, and whatever an earlier copy left prepared.
 */
#define _GNU_SOURCE
#include <sys/utsname.h>

#include "extents.h"
#include "rdma.h"

#define PATH  PMEM "cow"
#define OTHER PMEM "cow.other"
#define PAGE  4096UL
#define MOST  1024U

static struct rdma rdma;
static int fd, other;

static void set_hint(uint32_t flag, uint32_t bytes)
{
	struct fsxattr attr;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &attr))
		tap_bail("FS_IOC_FSGETXATTR: %s", strerror(errno));
	attr.fsx_xflags |= flag;
	attr.fsx_cowextsize = flag == FS_XFLAG_COWEXTSIZE ? bytes : 0;
	attr.fsx_extsize = flag == FS_XFLAG_EXTSIZE ? bytes : 0;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &attr))
		tap_bail("FS_IOC_FSSETXATTR: %s", strerror(errno));
}

static void share(size_t page, size_t count)
{
	struct file_clone_range range = { .src_fd = fd,
					  .src_offset = page * PAGE,
					  .src_length = count * PAGE,
					  .dest_offset = page * PAGE };

	if (ioctl(other, FICLONERANGE, &range))
		tap_bail("reflink: %s", strerror(errno));
}

static void write_pages(size_t page, size_t count)
{
	char block[PAGE];

	memset(block, 'w', sizeof(block));
	for (; count--; page++) {
		if (pwrite(fd, block, PAGE, page * PAGE) != (ssize_t)PAGE)
			tap_bail("write: %s", strerror(errno));
	}
}

static void store_pages(size_t page, size_t count)
{
	char *map = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, page * PAGE);

	if (map == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	for (size_t i = 0; i < count; i++)
		map[i * PAGE] = 's';
	munmap(map, count * PAGE);
}

/*
 * A store to a shared page through a mapping of the file leaves a mark on the page
 * on 6.1, and the kernel warns of it later, also without Holdfast.
 */
static bool stores_leave_marks(void)
{
	struct utsname system;

	return !uname(&system) && strverscmp(system.release, "6.2") < 0;
}

/*
 * Steps, each a letter and numbers of pages: s FIRST+COUNT shares, w writes, m
 * stores through a mapping, t truncates to so many pages.
 */
static void do_steps(const char *steps)
{
	unsigned int first, count;
	int used;
	char what;

	while (sscanf(steps, " %c%u%n", &what, &first, &used) == 2) {
		steps += used;
		count = 1;
		if (sscanf(steps, "+%u%n", &count, &used) == 1)
			steps += used;
		switch (what) {
		case 's':
			share(first, count);
			break;
		case 'w':
			write_pages(first, count);
			break;
		case 'm':
			if (stores_leave_marks())
				write_pages(first, count);
			else
				store_pages(first, count);
			break;
		case 't':
			if (ftruncate(fd, first * PAGE))
				tap_bail("truncate: %s", strerror(errno));
			break;
		default:
			tap_bail("step \"%c\"", what);
		}
	}
	if (*steps)
		tap_bail("steps: \"%s\"", steps);
}

static const struct pattern {
	const char *name;
	const char *before;		  /* steps before the lease */
	unsigned int first, count, pages; /* of the lease; of the file */
	const char *after;		  /* steps with the lease, beside it */
	unsigned int cowextsize, extsize; /* in pages */
} patterns[] = {
	{ "shared before", "s0+12", 0, 32, 32, "", 0, 0 },
	{ "shared behind", "s20+12", 0, 32, 32, "", 0, 0 },
	{ "shared between", "s12+8", 0, 32, 32, "", 0, 0 },
	{ "every other page", "s1 s3 s5 s17 s31", 0, 32, 32, "", 0, 0 },
	{ "behind the range", "s24+8", 0, 24, 32, "m30", 0, 0 },
	{ "before the range", "s0+8", 8, 24, 32, "m2", 0, 0 },
	{ "several units", "s20+12 s40+4 s90+6 s127", 16, 112, 128, "m8", 0,
	  0 },
	{ "a leftover of write(2)", "s16 w16", 0, 32, 32, "", 0, 0 },
	{ "a leftover of a store", "s16 m16", 0, 32, 32, "", 0, 0 },
	{ "a leftover and shared", "s8+16 w12", 0, 16, 32, "m20", 0, 0 },
	{ "a leftover in the next unit", "s32+32 w32+18 s40", 0, 32, 96,
	  "w40 m50", 0, 0 },
	{ "a leftover in the unit before", "s0+32 w14+18 s20", 32, 32, 96,
	  "w20 m10", 0, 0 },
	{ "a leftover two units on", "s64+32 w64+18 s72", 0, 32, 96,
	  "w72 m82 m40", 0, 0 },
	{ "leftovers on both sides", "s0+32 s64+32 w14+18 w64+18 s20 s72", 32,
	  32, 96, "w20 w72", 0, 0 },
	{ "cowextsize 16 KiB", "s6", 0, 8, 32, "", 4, 0 },
	{ "cowextsize 1 MiB", "s200+8", 0, 64, 256, "m201", 256, 0 },
	{ "cowextsize 2 MiB", "s1000 w1000 s1010", 512, 16, 1024, "m1010", 512,
	  0 },
	{ "extsize 256 KiB", "s60+4", 0, 32, 128, "m61", 0, 64 },
	{ "the end of the file", "s16+4", 0, 20, 20, "t32 w20+12", 0, 0 },
	{ "a short lease at its end", "s12+8", 0, 12, 20, "m13 t64 w20+44", 0,
	  0 },
	{ "a leftover beyond the end", "s4 w4", 0, 20, 20, "t32 w20+12", 0, 0 },
};

static void stir_write(const struct pattern *p)
{
	write_pages(p->first, p->count);
}

static void stir_store(const struct pattern *p)
{
	store_pages(p->first, p->count);
}

static void stir_lease(const struct pattern *p)
{
	size_t length = p->count * PAGE;
	int lease = lease_make(fd, p->first * PAGE, length, HOLDFAST_BREAKABLE,
			       LONG_BREAK);
	char *map = map_shared(fd, p->first * PAGE, length);

	ibv_dereg_mr(rdma_register(&rdma, map, length));
	munmap(map, length);
	close(lease);
	write_pages(p->first, p->count);
}

static const struct stir {
	const char *name;
	void (*run)(const struct pattern *p);
} stirs[] = {
	{ "write(2)", stir_write },
	{ "a store through a mapping of the file", stir_store },
	{ "a second lease", stir_lease },
};

static void files_make(const struct pattern *p)
{
	fd = file_make(PATH, 0);
	if (p->cowextsize)
		set_hint(FS_XFLAG_COWEXTSIZE, p->cowextsize * PAGE);
	if (p->extsize)
		set_hint(FS_XFLAG_EXTSIZE, p->extsize * PAGE);
	write_pages(0, p->pages);
	other = open(OTHER, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (other < 0 || ftruncate(other, p->pages * PAGE))
		tap_bail("%s: %s", OTHER, strerror(errno));
}

static void files_remove(void)
{
	close(fd);
	close(other);
	unlink(PATH);
	unlink(OTHER);
}

static void blocks_look(const struct pattern *p, uint64_t *block)
{
	for (size_t i = 0; i < p->count; i++)
		block[i] = block_of(fd, (p->first + i) * PAGE);
}

/* How many blocks are elsewhere, and a page whose is, if any. */
static unsigned int blocks_moved(const struct pattern *p, const uint64_t *block,
				 size_t *page)
{
	uint64_t now[MOST];
	unsigned int moved = 0;

	*page = 0;
	blocks_look(p, now);
	for (size_t i = 0; i < p->count; i++) {
		if (now[i] != block[i] && !moved++)
			*page = i;
	}
	return moved;
}

/* What is done to the file, and beside the range, moves no registered block. */
static void check_pinned(const struct pattern *p, const struct stir *stir,
			 int lease, void *map)
{
	char sent[PAGE], seen[PAGE];
	uint64_t block[MOST];
	struct ibv_mr *mr = rdma_register(&rdma, map, p->count * PAGE);
	size_t page;

	blocks_look(p, block);
	do_steps(p->after);
	stir->run(p);
	fsync(fd);
	tap_is(blocks_moved(p, block, &page), 0, "%s, %s: no block moves",
	       p->name, stir->name);
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "%s, %s: the lease is active", p->name, stir->name);
	tap_ok(!readable(lease, 0), "%s, %s: and hears nothing", p->name,
	       stir->name);
	pattern_fill(sent, sizeof(sent), 77);
	tap_is(rdma_write(&rdma, mr, page * PAGE, sent, PAGE), IBV_WC_SUCCESS,
	       "%s, %s: RDMA", p->name, stir->name);
	tap_ok(pread(fd, seen, PAGE, (p->first + page) * PAGE) ==
			       (ssize_t)PAGE &&
		       !memcmp(seen, sent, PAGE),
	       "%s, %s: the file has what it wrote", p->name, stir->name);
	ibv_dereg_mr(mr);
}

static void test_pattern(const struct pattern *p, const struct stir *stir)
{
	void *map;
	int lease;

	files_make(p);
	do_steps(p->before);
	lease = lease_make(fd, p->first * PAGE, p->count * PAGE,
			   HOLDFAST_BREAKABLE, LONG_BREAK);
	map = map_shared(fd, p->first * PAGE, p->count * PAGE);
	check_pinned(p, stir, lease, map);
	munmap(map, p->count * PAGE);
	close(lease);
	files_remove();
}

/* The same after a break that has shared the blocks anew. */
static void test_again(const struct stir *stir)
{
	static const struct pattern p = {
		"registered again", "", 0, 32, 64, "m40", 0, 0
	};
	void *map;
	int lease;

	files_make(&p);
	lease = lease_make(fd, 0, p.count * PAGE, HOLDFAST_BREAKABLE,
			   LONG_BREAK);
	map = map_shared(fd, 0, p.count * PAGE);
	ibv_dereg_mr(rdma_register(&rdma, map, p.count * PAGE));
	do_steps("s20+12 w24 s40+4");
	events_drop(lease);
	check_pinned(&p, stir, lease, map);
	munmap(map, p.count * PAGE);
	close(lease);
	files_remove();
}

/*
 * What is shared in the unit beside the range is a change of the range, also
 * where HOLDFAST_CHANGE_ALIGN is between them.
 */
static void test_beside(const char *op, uint64_t page, uint64_t count,
			bool breaks)
{
	static const struct pattern p = {
		"beside", "", 512, 32, 1536, "", 0, 0
	};
	struct holdfast_event event;
	struct change change;
	int lease;

	files_make(&p);
	lease = lease_make(fd, p.first * PAGE, 512 * PAGE, HOLDFAST_BREAKABLE,
			   LONG_BREAK);
	change = change_start(op, PATH, page * PAGE, count * PAGE, OTHER);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s of %d at page %d", op, (int)count, (int)page);
	tap_is(event_next(lease, &event, 0), breaks, "%s: %s", op,
	       breaks ? "breaks the lease" : "the lease hears nothing");
	close(lease);
	files_remove();
}

int main(void)
{
	if (!fs_is_xfs()) {
		tap_skip("only XFS shares blocks");
		return tap_done();
	}
	rdma = rdma_open();
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		for (size_t j = 0; j < sizeof(stirs) / sizeof(*stirs); j++)
			test_pattern(&patterns[i], &stirs[j]);
	for (size_t j = 0; j < sizeof(stirs) / sizeof(*stirs); j++)
		test_again(&stirs[j]);
	test_beside("reflink-from", 480, 16, true);
	test_beside("reflink-from", 1024, 16, true);
	test_beside("reflink-from", 1040, 32, true);
	test_beside("reflink-from", 400, 80, false);
	test_beside("reflink-from", 1056, 32, false);
	test_beside("insert", 1040, 512, true);
	test_beside("punch", 1040, 16, false);
	rdma_close(&rdma);
	return tap_done();
}
