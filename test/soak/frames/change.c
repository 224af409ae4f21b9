// SPDX-License-Identifier: GPL-2.0
/*
 * A changer, in the manner of fsstress: one call after the other on the files, drawn
 * at random, most of them small, and none of them asks whether somebody holds a lease.
 * Calls may fail, at the edges of files for example.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../exchange-range.h"
#include "frames.h"

struct changer {
	uint64_t random;
	char path[32];
	int fd, other; /* the other may be the same file */
	uint32_t pages;
	uint32_t at, to, count; /* pages; @to is in the other */
	char *buffer;		/* MOST pages */
};

static bool do_write(struct changer *me)
{
	/* Not only whole pages. */
	off_t at = me->at * PAGE + random_below(&me->random, PAGE);
	size_t length = me->count * PAGE - random_below(&me->random, PAGE);

	if (at + length > MOST * PAGE)
		length = MOST * PAGE - at;
	no_faults_from_here(me->fd);
	return pwrite(me->fd, me->buffer, length, at) == (ssize_t)length;
}

static bool do_write_direct(struct changer *me)
{
	int fd = open(me->path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	ssize_t n;

	no_faults_from_here(fd);
	n = pwrite(fd, me->buffer, me->count * PAGE, me->at * PAGE);
	close(fd);
	return n > 0;
}

/* Another process may cut the file at any time, so reads and stores are the kernel's. */
static bool through_map(struct changer *me, bool store)
{
	char *map = map_file(me->fd, me->at * PAGE, me->count * PAGE, true);
	int null = open(store ? "/dev/zero" : "/dev/null", O_RDWR | O_CLOEXEC);
	bool done = map != MAP_FAILED;

	no_writes_from_here(me->fd);
	for (uint32_t i = 0; i < me->count && done; i++)
		done = (store ? read(null, map + i * PAGE, 8)
			      : madvise(map + i * PAGE, PAGE,
					MADV_POPULATE_READ)) >= 0;
	close(null);
	if (map != MAP_FAILED)
		munmap(map, me->count * PAGE);
	return done;
}

static bool do_store(struct changer *me)
{
	return through_map(me, true);
}

static bool do_load(struct changer *me)
{
	return through_map(me, false);
}

static bool do_truncate(struct changer *me)
{
	return !ftruncate(me->fd,
			  me->at * PAGE + random_below(&me->random, PAGE));
}

/* There has to be something to lease. */
static bool do_extend(struct changer *me)
{
	return !ftruncate(me->fd, MOST * PAGE);
}

static bool allocate(struct changer *me, int mode)
{
	return !fallocate(me->fd, mode, me->at * PAGE, me->count * PAGE);
}

static bool do_allocate(struct changer *me)
{
	return allocate(me, 0);
}

static bool do_punch(struct changer *me)
{
	return allocate(me, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

static bool do_zero(struct changer *me)
{
	return allocate(me, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
}

static bool do_collapse(struct changer *me)
{
	return allocate(me, FALLOC_FL_COLLAPSE_RANGE);
}

static bool do_insert(struct changer *me)
{
	if (me->pages + me->count > MOST)
		return false;
	return allocate(me, FALLOC_FL_INSERT_RANGE);
}

static bool do_unshare(struct changer *me)
{
	return allocate(me, FALLOC_FL_UNSHARE_RANGE);
}

static bool do_clone(struct changer *me)
{
	struct file_clone_range range = { .src_fd = me->fd,
					  .src_offset = me->at * PAGE,
					  .src_length = me->count * PAGE,
					  .dest_offset = me->to * PAGE };

	return !ioctl(me->other, FICLONERANGE, &range);
}

static bool do_dedupe(struct changer *me)
{
	struct {
		struct file_dedupe_range range;
		struct file_dedupe_range_info info;
	} dedupe = { .range = { .src_offset = me->at * PAGE,
				.src_length = me->count * PAGE,
				.dest_count = 1 },
		     .info = { .dest_fd = me->other,
			       .dest_offset = me->to * PAGE } };

	return !ioctl(me->fd, FIDEDUPERANGE, &dedupe) &&
	       dedupe.info.status == FILE_DEDUPE_RANGE_SAME;
}

static bool do_copy(struct changer *me)
{
	off_t in = me->at * PAGE, out = me->to * PAGE;

	no_faults_from_here(me->other);
	return copy_file_range(me->fd, &in, me->other, &out, me->count * PAGE,
			       0) > 0;
}

static bool do_exchange(struct changer *me)
{
	struct exchange_range range = { .file1_fd = me->fd,
					.file1_offset = me->at * PAGE,
					.file2_offset = me->to * PAGE,
					.length = me->count * PAGE };

	return !exchange_range(me->other, &range);
}

static bool do_sync(struct changer *me)
{
	return !fsync(me->fd);
}

/* Another file has the name; the old one lives as long as somebody has it open. */
static bool do_replace(struct changer *me)
{
	int fd;

	unlink(me->path);
	fd = open(me->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static const struct {
	const char *name;
	bool (*make)(struct changer *me);
	unsigned int weight;
	bool shares;
} changes[CHANGES] = {
	{ "write", do_write, 10, false },
	{ "O_DIRECT write", do_write_direct, 6, false },
	{ "store", do_store, 8, false },
	{ "load", do_load, 3, false },
	{ "truncate", do_truncate, 3, false },
	{ "extend", do_extend, 3, false },
	{ "allocate", do_allocate, 3, false },
	{ "punch", do_punch, 4, false },
	{ "zero", do_zero, 3, false },
	{ "collapse", do_collapse, 2, false },
	{ "insert", do_insert, 2, false },
	{ "unshare", do_unshare, 2, true },
	{ "clone", do_clone, 10, true },
	{ "dedupe", do_dedupe, 6, true },
	{ "copy", do_copy, 4, true },
	{ "exchange", do_exchange, 4, true },
	{ "fsync", do_sync, 1, false },
	{ "replace", do_replace, 1, false },
};

const char *change_name(unsigned int change)
{
	return changes[change].name;
}

bool change_is_here(unsigned int change)
{
	if (changes[change].make == do_unshare && !may_unshare)
		return false;
	return may_share || !changes[change].shares;
}

static unsigned int draw(struct changer *me)
{
	unsigned int sum = 0, n;

	for (unsigned int i = 0; i < CHANGES; i++)
		sum += change_is_here(i) ? changes[i].weight : 0;
	n = random_below(&me->random, sum);
	for (unsigned int i = 0;; i++) {
		if (!change_is_here(i))
			continue;
		if (n < changes[i].weight)
			return i;
		n -= changes[i].weight;
	}
}

static void place(struct changer *me)
{
	struct stat st;

	me->pages = fstat(me->fd, &st) ? 0 : st.st_size / PAGE;
	/* A little beyond the end, too, and often the same place in both. */
	me->at = random_below(&me->random,
			      me->pages < MOST - 32 ? me->pages + 32 : MOST);
	me->to = random_below(&me->random, 2) ? me->at
					      : random_below(&me->random, MOST);
	me->count = 1 + random_below(&me->random,
				     1U << random_below(&me->random, 9));
	if (me->count > MOST - me->at)
		me->count = MOST - me->at;
	if (me->count > MOST - me->to)
		me->count = MOST - me->to;
}

void changer_run(uint64_t seed)
{
	struct changer *me = calloc(1, sizeof(*me));
	unsigned int change;
	char path[32];

	if (!me)
		exit(1);
	me->random = seed;
	me->buffer = aligned_alloc(PAGE, MOST * PAGE);
	if (!me->buffer)
		exit(1);
	while (!board->stop) {
		file_path(me->path, random_below(&me->random, FILES));
		file_path(path, random_below(&me->random, FILES));
		me->fd = open(me->path, O_RDWR | O_CLOEXEC);
		me->other = open(path, O_RDWR | O_CLOEXEC);
		/* Few contents, so that there is something to dedupe. */
		memset(me->buffer, 'a' + random_below(&me->random, 2),
		       MOST * PAGE);
		place(me);
		change = draw(me);
		board->tried[change]++;
		if (me->fd >= 0 && me->other >= 0 && changes[change].make(me))
			board->made[change]++;
		close(me->fd);
		close(me->other);
	}
}
