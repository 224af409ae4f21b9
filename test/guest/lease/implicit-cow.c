// SPDX-License-Identifier: GPL-2.0
/*
 * XFS copies on write in units of 32 blocks, or of the file's hint: what is
 * prepared for a shared block of a unit is used by later writes to the others.
 * A file of which some blocks are shared is registered through a plain mapping.
 * Whatever is written afterwards, no pinned block moves.
 */
#define _GNU_SOURCE
#include "extents.h"
#include "implicit.h"
#include "rdma.h"

#define PATH	  PMEM "implicit-cow"
#define OTHER	  PMEM "implicit-cow.other"
#define MAX_PAGES 128UL

struct range {
	size_t first, nr; /* in pages */
};

struct pattern {
	const char *name;
	size_t pages; /* of the file */
	struct range shared[3];
	struct range pinned; /* nr 0: all */
	uint32_t cowextsize, extsize;
	bool leftovers; /* what an earlier copy has prepared */
};

static const struct pattern patterns[] = {
	{ "shared before", 32, { { 0, 12 } }, { 0 }, 0, 0, false },
	{ "shared behind", 32, { { 20, 12 } }, { 0 }, 0, 0, false },
	{ "shared between", 32, { { 12, 8 } }, { 0 }, 0, 0, false },
	{ "every part",
	  32,
	  { { 2, 3 }, { 10, 1 }, { 30, 2 } },
	  { 0 },
	  0,
	  0,
	  false },
	{ "all", 32, { { 0, 32 } }, { 0 }, 0, 0, false },
	{ "several units", 96, { { 20, 20 }, { 70, 4 } }, { 0 }, 0, 0, false },
	{ "half a unit at the end", 80, { { 70, 4 } }, { 0 }, 0, 0, false },
	{ "shared behind the region",
	  32,
	  { { 20, 12 } },
	  { 0, 12 },
	  0,
	  0,
	  false },
	{ "shared before the region",
	  32,
	  { { 0, 4 } },
	  { 8, 12 },
	  0,
	  0,
	  false },
	{ "a region over the edge of units",
	  96,
	  { { 0, 4 }, { 90, 4 } },
	  { 24, 40 },
	  0,
	  0,
	  false },
	{ "cowextsize of 64 blocks",
	  128,
	  { { 60, 4 }, { 100, 4 } },
	  { 0 },
	  64 * 4096,
	  0,
	  false },
	{ "cowextsize of 64 blocks, a part",
	  128,
	  { { 60, 4 } },
	  { 0, 16 },
	  64 * 4096,
	  0,
	  false },
	{ "cowextsize of a block", 32, { { 20, 12 } }, { 0 }, 4096, 0, false },
	{ "extsize of 64 blocks",
	  128,
	  { { 60, 4 }, { 100, 4 } },
	  { 0 },
	  0,
	  64 * 4096,
	  false },
	{ "leftovers", 32, { { 20, 12 } }, { 0 }, 0, 0, true },
	{ "leftovers behind the region",
	  64,
	  { { 20, 12 } },
	  { 0, 12 },
	  0,
	  0,
	  true },
	{ "leftovers, a hint", 128, { { 60, 4 } }, { 0 }, 64 * 4096, 0, true },
};

static struct rdma rdma;

struct scene {
	const struct pattern *pattern;
	int file, other;
	size_t length;	     /* of the file */
	struct range pinned; /* in pages */
	char *map;
	struct ibv_mr *mr;
	uint64_t blocks[MAX_PAGES]; /* of the pinned pages */
};

static void hints_set(int fd, const struct pattern *pattern)
{
	struct fsxattr attr;

	if (!pattern->cowextsize && !pattern->extsize)
		return;
	if (ioctl(fd, FS_IOC_FSGETXATTR, &attr))
		tap_bail("FS_IOC_FSGETXATTR: %s", strerror(errno));
	if (pattern->cowextsize)
		attr.fsx_xflags |= FS_XFLAG_COWEXTSIZE;
	if (pattern->extsize)
		attr.fsx_xflags |= FS_XFLAG_EXTSIZE;
	attr.fsx_cowextsize = pattern->cowextsize;
	attr.fsx_extsize = pattern->extsize;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &attr))
		tap_bail("FS_IOC_FSSETXATTR: %s", strerror(errno));
}

static void share(const struct scene *scene, const struct range *range)
{
	struct file_clone_range clone = {
		.src_fd = scene->file,
		.src_offset = range->first * 4096,
		.src_length = range->nr * 4096,
		.dest_offset = range->first * 4096,
	};

	if (range->nr && ioctl(scene->other, FICLONERANGE, &clone))
		tap_bail("reflink: %s", strerror(errno));
}

/* A write to the first shared page prepares blocks for the whole unit. */
static void leave_over(const struct scene *scene)
{
	static char block[4096];
	off_t at = scene->pattern->shared[0].first * 4096;

	if (pread(scene->file, block, sizeof(block), at) != sizeof(block) ||
	    pwrite(scene->file, block, sizeof(block), at) != sizeof(block))
		tap_bail("write: %s", strerror(errno));
}

/* Hints can be set only while a file has no blocks. */
static void scene_set(struct scene *scene, const struct pattern *pattern)
{
	static char content[MAX_PAGES * 4096];

	*scene = (struct scene){
		.pattern = pattern,
		.length = pattern->pages * 4096,
		.pinned = pattern->pinned,
	};
	if (!scene->pinned.nr)
		scene->pinned.nr = pattern->pages;
	scene->file = file_make(PATH, 0);
	scene->other = file_make(OTHER, 0);
	hints_set(scene->file, pattern);
	pattern_fill(content, scene->length, 1);
	if (pwrite(scene->file, content, scene->length, 0) !=
		    (ssize_t)scene->length ||
	    ftruncate(scene->other, scene->length) || fsync(scene->file))
		tap_bail("files: %s", strerror(errno));
	for (size_t i = 0; i < 3; i++)
		share(scene, &pattern->shared[i]);
	if (pattern->leftovers)
		leave_over(scene);
	scene->map = map_shared(scene->file, 0, scene->length);
	scene->mr = ibv_reg_mr(rdma.pd, scene->map + scene->pinned.first * 4096,
			       scene->pinned.nr * 4096, RDMA_ACCESS);
	if (!scene->mr)
		tap_bail("%s: ibv_reg_mr: %s", pattern->name, strerror(errno));
	for (size_t i = 0; i < scene->pinned.nr; i++)
		scene->blocks[i] =
			block_of(scene->file, (scene->pinned.first + i) * 4096);
}

static size_t blocks_moved(const struct scene *scene)
{
	size_t moved = 0;

	for (size_t i = 0; i < scene->pinned.nr; i++) {
		uint64_t at = (scene->pinned.first + i) * 4096;
		uint64_t now = block_of(scene->file, at);

		if (now == scene->blocks[i])
			continue;
		if (!moved++)
			tap_diag("  page %zu was at %#llx, is at %#llx",
				 scene->pinned.first + i,
				 (unsigned long long)scene->blocks[i],
				 (unsigned long long)now);
	}
	return moved;
}

static bool rdma_is_in_the_file(const struct scene *scene)
{
	static char sent[MAX_PAGES * 4096], seen[MAX_PAGES * 4096];
	size_t length = scene->pinned.nr * 4096;

	pattern_fill(sent, length, now_ns());
	return rdma_write(&rdma, scene->mr, 0, sent, length) ==
		       IBV_WC_SUCCESS &&
	       pread(scene->file, seen, length, scene->pinned.first * 4096) ==
		       (ssize_t)length &&
	       !memcmp(sent, seen, length);
}

static void scene_check(const struct scene *scene, const char *after)
{
	const char *name = scene->pattern->name;

	tap_is(blocks_moved(scene), 0, "%s: %s: no pinned block moves", name,
	       after);
	tap_ok(rdma_is_in_the_file(scene), "%s: %s: RDMA goes to the file",
	       name, after);
}

static void scene_let_go(struct scene *scene)
{
	ibv_dereg_mr(scene->mr);
	scene->mr = NULL;
}

static void scene_end(struct scene *scene)
{
	if (scene->mr)
		scene_let_go(scene);
	munmap(scene->map, scene->length);
	close(scene->file);
	close(scene->other);
	tap_is(pins_become(getpid(), 0), 0, "%s: nothing is left",
	       scene->pattern->name);
	unlink(PATH);
	unlink(OTHER);
}

static void write_all(const struct scene *scene)
{
	static char block[4096];

	memset(block, 'w', sizeof(block));
	for (size_t at = 0; at < scene->length; at += 4096)
		if (pwrite(scene->file, block, 4096, at) != 4096)
			tap_bail("write: %s", strerror(errno));
	if (fsync(scene->file))
		tap_bail("fsync: %s", strerror(errno));
}

static void store_all(const struct scene *scene)
{
	char *map = map_shared(scene->file, 0, scene->length);

	for (size_t at = 0; at < scene->length; at += 4096)
		map[at] = 's';
	if (msync(map, scene->length, MS_SYNC))
		tap_bail("msync: %s", strerror(errno));
	munmap(map, scene->length);
}

/* Of all the file, which prepares blocks once more. */
static void register_again(const struct scene *scene)
{
	char *map = map_shared(scene->file, 0, scene->length);
	struct ibv_mr *mr = rdma_register(&rdma, map, scene->length);

	ibv_dereg_mr(mr);
	munmap(map, scene->length);
}

static void (*const disturbances[])(const struct scene *) = {
	write_all,
	store_all,
	register_again,
};

static const char *const disturbed[] = { "write(2)", "stores",
					 "a second registration" };

/* Each alone, and then the others. */
static void test_pattern(const struct pattern *pattern)
{
	struct scene scene;

	for (size_t first = 0; first < 3; first++) {
		scene_set(&scene, pattern);
		for (size_t i = 0; i < 3; i++) {
			size_t which = (first + i) % 3;

			disturbances[which](&scene);
			scene_check(&scene, disturbed[which]);
		}
		scene_end(&scene);
	}
}

static void test_reflink_of_pinned(void)
{
	static const struct pattern pattern = { "reflink", 64, { { 0 } },
						{ 0, 32 }, 0,  0,
						false };
	struct holdfast_event event;
	struct change change;
	struct scene scene;
	int watch = implicit_watch();

	scene_set(&scene, &pattern);
	change = change_start("reflink-from", PATH, 4 * 4096, 4 * 4096, OTHER);
	tap_ok(event_next(watch, &event, SOON) &&
		       event.op == HOLDFAST_OP_REFLINK,
	       "reflink of pinned blocks: is told");
	tap_ok(!change_done(&change, STILL), "reflink of pinned blocks: waits");
	scene_check(&scene, "meanwhile");
	scene_let_go(&scene);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "reflink of pinned blocks: is done when the region is gone");
	scene_end(&scene);
	close(watch);
}

/* Whether or not it waits: what is pinned stays where it is. */
static void test_reflink_nearby(size_t first, const char *what)
{
	const struct pattern pattern = { what, 128, { { 0 } }, { 0, 12 },
					 0,    0,   false };
	struct change change;
	struct scene scene;
	bool done;

	scene_set(&scene, &pattern);
	change = change_start("reflink-from", PATH, first * 4096, 4 * 4096,
			      OTHER);
	done = change_done(&change, STILL);
	tap_diag("%s: %s", what, done ? "is done at once" : "waits");
	write_all(&scene);
	scene_check(&scene, "write(2)");
	store_all(&scene);
	scene_check(&scene, "stores");
	/* It would wait for a change that waits for this process. */
	if (done) {
		register_again(&scene);
		scene_check(&scene, "a second registration");
	}
	scene_let_go(&scene);
	tap_ok(change_done(&change, SOON) && !change.error, "%s: it is done",
	       what);
	scene_end(&scene);
}

int main(void)
{
	int permission;

	if (!fs_is_xfs()) {
		tap_skip("only XFS shares blocks");
		return tap_done();
	}
	rdma = rdma_open();
	permission = implicit_allow(LONG_BREAK);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		test_pattern(&patterns[i]);
	test_reflink_of_pinned();
	test_reflink_nearby(20, "reflink in the same unit");
	test_reflink_nearby(64, "reflink in another unit");
	close(permission);
	rdma_close(&rdma);
	return tap_done();
}
