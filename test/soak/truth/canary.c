// SPDX-License-Identifier: GPL-2.0
/* Files that nobody but their owner writes to, made of freed blocks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "canary.h"

#define BALLAST	    "ballast"
#define FREE_MIB    56
#define CHUNK	    64 /* blocks of one write(2) */
#define FILE_BLOCKS 512

struct canary {
	int fd;
	uint32_t blocks;
	uint32_t era; /* which file of this name */
};

static struct canary canaries[CANARIES];
static char chunk[CHUNK * BLOCK];

void canary_prepare(void)
{
	struct statvfs st;
	int fd = open(PMEM BALLAST, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	off_t length;

	if (fd < 0 || fstatvfs(fd, &st))
		give_up("%s: %s", BALLAST, strerror(errno));
	length = (off_t)st.f_bavail * st.f_frsize - ((off_t)FREE_MIB << 20);
	if (length <= 0 || fallocate(fd, 0, 0, length))
		give_up("%s: %s", BALLAST, strerror(errno));
	close(fd);
}

static uint64_t canary_mark(unsigned int nr, uint32_t pos)
{
	return MARK(FILE_CANARY + nr, canaries[nr].era * FILE_BLOCKS + pos + 1);
}

static void canary_look(unsigned int nr)
{
	const struct canary *canary = &canaries[nr];

	for (uint32_t pos = 0; pos < canary->blocks; pos += CHUNK) {
		uint32_t count = canary->blocks - pos, where = 0;
		ssize_t n;

		if (count > CHUNK)
			count = CHUNK;
		n = pread(canary->fd, chunk, count * BLOCK, (off_t)pos * BLOCK);
		if (n != (ssize_t)count * BLOCK) {
			lost(LOST_CANARY, "canary %u: read %zd at block %u", nr,
			     n, pos);
			return;
		}
		for (uint32_t i = 0; i < count; i++) {
			uint64_t mark = block_read(chunk + i * BLOCK,
						   world->seed, &where);

			if (mark != canary_mark(nr, pos + i))
				lost(LOST_CANARY,
				     "canary %u: block %u holds %llx, written to block %u of file %u",
				     nr, pos + i, (unsigned long long)mark,
				     where, MARK_FILE(mark));
		}
		figure_add(FIGURE_CHECKED, n);
	}
}

/* False: the filesystem is full. */
static bool canary_fill(unsigned int nr)
{
	struct canary *canary = &canaries[nr];
	char name[32];

	snprintf(name, sizeof(name), "canary.%u", nr);
	canary->blocks = 0;
	canary->era++;
	canary->fd = openat(world->dir, name,
			    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (canary->fd < 0)
		return false;
	while (canary->blocks < FILE_BLOCKS) {
		ssize_t n;

		for (uint32_t i = 0; i < CHUNK; i++)
			block_make(chunk + i * BLOCK, world->seed,
				   canary_mark(nr, canary->blocks + i),
				   canary->blocks + i);
		n = pwrite(canary->fd, chunk, sizeof(chunk),
			   (off_t)canary->blocks * BLOCK);
		if (n < 0 && errno != ENOSPC)
			problem("canary: write: %s", strerror(errno));
		if (n > 0) {
			canary->blocks += n / BLOCK;
			figure_add(FIGURE_FREED, n);
		}
		if (n != (ssize_t)sizeof(chunk))
			return false;
	}
	return true;
}

static void canary_free(unsigned int nr)
{
	char name[32];

	snprintf(name, sizeof(name), "canary.%u", nr);
	if (unlinkat(world->dir, name, 0))
		problem("%s: %s", name, strerror(errno));
	close(canaries[nr].fd);
	canaries[nr].fd = -1;
}

void canary_run(void)
{
	uint64_t random = world->plan.seed;

	for (unsigned int nr = 0; nr < CANARIES; nr++)
		canaries[nr].fd = -1;
	do {
		/* Now and then all there is. */
		uint32_t most = 4 + random_below(&random, CANARIES / 2);

		for (unsigned int nr = 0; nr < most; nr++) {
			if (canaries[nr].fd < 0 && !canary_fill(nr))
				break;
		}
		sleep_until_stop(50);
		for (unsigned int nr = 0; nr < CANARIES; nr++) {
			if (canaries[nr].fd >= 0)
				canary_look(nr);
		}
		for (unsigned int nr = 0; nr < CANARIES; nr++) {
			if (canaries[nr].fd >= 0 && random_below(&random, 2))
				canary_free(nr);
		}
	} while (!world->stop);
	/* What changes free in the end is taken, too, while devices still write. */
	for (unsigned int nr = 0; nr < CANARIES; nr++) {
		if (canaries[nr].fd < 0 && !canary_fill(nr))
			break;
	}
	while (!world->over)
		sleep_ms(10);
	for (unsigned int nr = 0; nr < CANARIES; nr++) {
		if (canaries[nr].fd >= 0) {
			canary_look(nr);
			canary_free(nr);
		}
	}
}
