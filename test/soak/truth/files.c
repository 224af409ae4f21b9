// SPDX-License-Identifier: GPL-2.0
/* The files, from one round to the next, and what they hold. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "change.h"
#include "files.h"
#include "oracle.h"

/* So many wrong blocks of a file are told in detail. */
#define TOLD 2

static char block[BLOCK];

static uint64_t block_at(int fd, uint32_t pos)
{
	uint32_t where;
	ssize_t n = pread(fd, block, BLOCK, (off_t)pos * BLOCK);

	if (n != BLOCK)
		return MARK_TORN;
	figure_add(FIGURE_CHECKED, BLOCK);
	return block_read(block, world->seed, &where);
}

void donor_make(void)
{
	int fd =
		open(PMEM "donor", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	for (uint32_t pos = 0; pos < DONOR_BLOCKS; pos++) {
		block_make(block, world->seed, MARK(FILE_DONOR, pos + 1), pos);
		if (pwrite(fd, block, BLOCK, (off_t)pos * BLOCK) != BLOCK)
			give_up("donor: %s", strerror(errno));
	}
	close(fd);
}

static void donor_judge(void)
{
	for (uint32_t pos = 0; pos < DONOR_BLOCKS; pos++) {
		uint64_t mark = block_at(world->donor, pos);

		if (mark != MARK(FILE_DONOR, pos + 1))
			lost(LOST_DONOR, "donor: block %u holds %llx", pos,
			     (unsigned long long)mark);
	}
}

/* A new file, under a number of its own. */
static void slot_make(struct slot *slot)
{
	static uint32_t ids = FILE_FIRST;
	unsigned int nr = slot - world->slots;

	snprintf(slot->path, sizeof(slot->path), "slot.%u", nr);
	slot->id = ids++;
	slot->marks = 0;
	slot->unlinked = false;
	slot->fd = openat(world->dir, slot->path,
			  O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (slot->fd < 0 || fchown(slot->fd, USER_ID, USER_ID))
		give_up("%s: %s", slot->path, strerror(errno));
	for (uint32_t pos = 0; pos < FIRST_BLOCKS; pos++) {
		slot->base[pos] = MARK(slot->id, ++slot->marks);
		block_make(block, world->seed, slot->base[pos], pos);
		if (pwrite(slot->fd, block, BLOCK, (off_t)pos * BLOCK) != BLOCK)
			give_up("%s: %s", slot->path, strerror(errno));
	}
	slot->blocks = FIRST_BLOCKS;
}

static void slot_open(struct slot *slot)
{
	struct stat st;

	if (!slot->id || slot->unlinked) {
		slot_make(slot);
	} else {
		slot->fd = openat(world->dir, slot->path, O_RDWR | O_CLOEXEC);
		if (slot->fd < 0 || fstat(slot->fd, &st))
			give_up("%s: %s", slot->path, strerror(errno));
		if (st.st_size != (off_t)slot->blocks * BLOCK)
			lost(LOST_LENGTH,
			     "%s: %lld bytes long, must be %u blocks",
			     slot->path, (long long)st.st_size, slot->blocks);
	}
	slot->first_blocks = slot->blocks;
	slot->change_count = 0;
	memset(slot->writes, 0, slot->write_count * sizeof(*slot->writes));
	slot->write_count = 0;
	slot->registration_count = 0;
	memset(slot->parts, 0, sizeof(slot->parts));
}

void files_open(void)
{
	world->dir = open(PMEM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	world->donor = openat(world->dir, "donor", O_RDONLY | O_CLOEXEC);
	if (world->dir < 0 || world->donor < 0)
		give_up(PMEM ": %s", strerror(errno));
	for (unsigned int i = 0; i < SLOTS; i++)
		slot_open(&world->slots[i]);
}

/*
 * One file, as it is now or as it was, from @pos to @end, when change
 * @stage + 1 gave that to another file.
 */
static void content_judge(const struct slot *slot, int fd, uint32_t pos,
			  uint32_t end, uint32_t stage,
			  uint64_t content[BLOCKS])
{
	unsigned int wrong = 0;

	for (; pos < end; pos++) {
		uint64_t mark = block_at(fd, pos);

		if (content)
			content[pos] = mark;
		if (oracle_allows(slot, stage, pos, mark))
			continue;
		lost(content ? LOST_FILE : LOST_CLONE,
		     "%s after %u changes%s: block %u holds %llx of file %u",
		     slot->path, stage, content ? "" : ", in its clone", pos,
		     (unsigned long long)mark, MARK_FILE(mark));
		if (wrong++ < TOLD)
			oracle_explain(slot, pos, mark);
	}
}

static void clones_judge(const struct slot *slot)
{
	char name[32];

	for (uint32_t i = 1; i <= slot->change_count; i++) {
		const struct change *change = &slot->changes[i];
		int fd;

		if (change->op != OP_CLONE && change->op != OP_EXCHANGE)
			continue;
		clone_name(name, slot - world->slots, i);
		fd = openat(world->dir, name, O_RDONLY | O_CLOEXEC);
		if (change->copied && fd < 0)
			lost(LOST_CLONE, "%s is gone", name);
		else if (change->copied)
			content_judge(slot, fd, change->first,
				      change->first + change->count, i - 1,
				      NULL);
		if (fd >= 0) {
			unlinkat(world->dir, name, 0);
			close(fd);
		}
	}
}

void files_judge(void)
{
	static uint64_t content[BLOCKS];

	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *slot = &world->slots[i];

		oracle_prepare(slot);
		clones_judge(slot);
		content_judge(slot, slot->fd, 0, slot->blocks,
			      slot->change_count, content);
		/* What it holds now is what the next round begins with. */
		memcpy(slot->base, content, sizeof(content));
	}
	donor_judge();
}

void files_close(void)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		close(world->slots[i].fd);
	close(world->donor);
	close(world->dir);
}

void files_compare(void)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct slot *slot = &world->slots[i];

		if (slot->unlinked)
			continue;
		for (uint32_t pos = 0; pos < slot->blocks; pos++) {
			uint64_t mark = block_at(slot->fd, pos);

			if (mark != slot->base[pos])
				lost(LOST_REMOUNT,
				     "%s after a remount: block %u holds %llx, held %llx",
				     slot->path, pos, (unsigned long long)mark,
				     (unsigned long long)slot->base[pos]);
		}
	}
}
