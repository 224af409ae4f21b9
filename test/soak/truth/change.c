// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of a file while others lease it and write to it. Each is made by a
 * process of its own, which may be killed, and is timed: what is held up longer
 * than a break may hold it up is a hang.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../exchange-range.h"
#include "change.h"
#include "holder.h"
#include "holdfast.h"

/*
 * The break time, and a fence that goes to the widest circle: those who
 * answered are spared for two seconds, then three steps, a second apart. The
 * rest is the emulator's.
 */
#define LIMIT_MS (BREAK_MS + 5000 + 30000 * world->scale)

/* Longer than that is worth a look, though not always wrong. */
#define TOLD_MS (BREAK_MS + 5000U * world->scale)

void clone_name(char name[32], unsigned int slot, unsigned int n)
{
	snprintf(name, 32, "clone.%u.%u", slot, n);
}

static uint32_t scaled(uint32_t random, uint32_t limit)
{
	return (uint64_t)random * limit >> 32;
}

/* Where, in the file as long as it is now. False: there is no room for it. */
static bool change_place(struct change *change, const struct plan_change *plan,
			 uint32_t blocks)
{
	uint32_t most = 256;

	change->op = plan->op;
	change->before = blocks;
	change->first = scaled(plan->where, blocks + 1);
	change->donor = scaled(plan->length, DONOR_BLOCKS / 2);
	switch (plan->op) {
	case OP_TRUNCATE:
		if (change->first < 64)
			change->first = 64;
		return change->first < blocks;
	case OP_INSERT:
		change->count = 1 + scaled(plan->length, 64);
		return change->first < blocks &&
		       blocks + change->count <= BLOCKS;
	case OP_APPEND:
	case OP_EXTEND:
		change->first = blocks;
		change->count = 1 + scaled(plan->length, most);
		return blocks + change->count <= BLOCKS;
	case OP_CLONE:
		change->first = 0;
		change->count = blocks;
		return true;
	case OP_RENAME:
	case OP_UNLINK:
	case OP_REMOUNT:
	case OP_REVOKE:
		return true;
	case OP_REFLINK:
	case OP_DEDUPE:
	case OP_EXCHANGE:
		most = DONOR_BLOCKS / 2;
		break;
	default:
		break;
	}
	change->count = 1 + scaled(plan->length, most);
	if (change->op == OP_COLLAPSE && blocks < 256)
		return false;
	/* A collapse must not reach the end. */
	return change->first + change->count < blocks;
}

static int do_fallocate(const struct slot *slot, const struct change *change,
			int mode)
{
	return fallocate(slot->fd, mode, (off_t)change->first * BLOCK,
			 (off_t)change->count * BLOCK);
}

static int do_reflink(const struct slot *slot, const struct change *change)
{
	struct file_clone_range range = {
		.src_fd = world->donor,
		.src_offset = (uint64_t)change->donor * BLOCK,
		.src_length = (uint64_t)change->count * BLOCK,
		.dest_offset = (uint64_t)change->first * BLOCK,
	};

	return ioctl(slot->fd, FICLONERANGE, &range);
}

static int do_clone(const struct slot *slot, unsigned int nr, unsigned int n)
{
	char name[32];
	int fd;

	clone_name(name, nr, n);
	fd = openat(world->dir, name, O_RDWR | O_CREAT | O_EXCL, 0644);
	return fd < 0 ? -1 : ioctl(fd, FICLONE, slot->fd);
}

/* Which block of the donor is at @pos, or DONOR_BLOCKS. */
static uint32_t donor_block_at(const struct slot *slot, uint32_t pos)
{
	static char block[BLOCK];
	uint64_t mark;
	uint32_t where;

	if (pread(slot->fd, block, BLOCK, (off_t)pos * BLOCK) != BLOCK)
		return DONOR_BLOCKS;
	mark = block_read(block, world->seed, &where);
	return MARK_FILE(mark) == FILE_DONOR ? (uint32_t)mark - 1
					     : DONOR_BLOCKS;
}

/* Where the file has blocks of the donor; else it stays where it is. */
static void dedupe_place(const struct slot *slot, struct change *change)
{
	uint32_t donor = DONOR_BLOCKS, pos;

	for (pos = 0; pos < change->before; pos++) {
		donor = donor_block_at(slot, pos);
		if (donor < DONOR_BLOCKS)
			break;
	}
	if (pos == change->before)
		return;
	change->first = pos;
	change->donor = donor;
	for (change->count = 1;
	     pos + change->count < change->before &&
	     donor + change->count < DONOR_BLOCKS &&
	     donor_block_at(slot, pos + change->count) == donor + change->count;
	     change->count++)
		;
}

static int do_dedupe(const struct slot *slot, struct change *change)
{
	struct {
		struct file_dedupe_range range;
		struct file_dedupe_range_info info;
	} dedupe;

	dedupe_place(slot, change);
	dedupe.range = (struct file_dedupe_range){
		.src_offset = (uint64_t)change->donor * BLOCK,
		.src_length = (uint64_t)change->count * BLOCK,
		.dest_count = 1,
	};
	dedupe.info = (struct file_dedupe_range_info){
		.dest_fd = slot->fd,
		.dest_offset = (uint64_t)change->first * BLOCK,
	};
	if (ioctl(world->donor, FIDEDUPERANGE, &dedupe))
		return -1;
	if (dedupe.info.status == FILE_DEDUPE_RANGE_SAME) {
		change->count = dedupe.info.bytes_deduped / BLOCK;
		return 0;
	}
	/* They differ, or somebody has written there in the meantime. */
	errno = dedupe.info.status < 0 ? -dedupe.info.status : EBADE;
	return -1;
}

/* With a new file that has the donor's bytes at this place, and is kept. */
static int do_exchange(const struct slot *slot, const struct change *change,
		       unsigned int n)
{
	struct exchange_range range = {
		.file1_offset = (uint64_t)change->first * BLOCK,
		.file2_offset = (uint64_t)change->first * BLOCK,
		.length = (uint64_t)change->count * BLOCK,
	};
	static char block[BLOCK];
	char name[32];

	clone_name(name, slot - world->slots, n);
	range.file1_fd =
		openat(world->dir, name, O_RDWR | O_CREAT | O_EXCL, 0644);
	if (range.file1_fd < 0)
		return -1;
	for (uint32_t i = 0; i < change->count; i++) {
		off_t from = (off_t)(change->donor + i) * BLOCK;
		off_t to = (off_t)(change->first + i) * BLOCK;

		if (pread(world->donor, block, BLOCK, from) != BLOCK ||
		    pwrite(range.file1_fd, block, BLOCK, to) != BLOCK)
			return -1;
	}
	return exchange_range(slot->fd, &range);
}

/* By write(2): one block is one write of the log. */
static int do_write(struct slot *slot, uint32_t pos)
{
	struct write *write = write_begin(slot, pos, NO_REGISTRATION);
	static char block[BLOCK];
	ssize_t n;

	if (!write)
		return 0;
	block_make(block, world->seed, write->mark, pos);
	n = pwrite(slot->fd, block, BLOCK, (off_t)pos * BLOCK);
	write_end(write, n == BLOCK);
	return n == BLOCK ? 0 : -1;
}

static int do_writes(struct slot *slot, const struct change *change)
{
	for (uint32_t i = 0; i < change->count; i++) {
		uint32_t pos = change->first + i;

		/* Behind the end is nobody else. */
		if ((IS_CPU_BLOCK(pos) || change->op == OP_APPEND) &&
		    do_write(slot, pos))
			return -1;
	}
	return 0;
}

static int do_copies(struct slot *slot, const struct change *change)
{
	for (uint32_t i = 0; i < change->count; i++) {
		uint32_t pos = change->first + i;
		uint32_t from = change->donor + i % (DONOR_BLOCKS / 2);
		off_t in = (off_t)from * BLOCK, out = (off_t)pos * BLOCK;
		struct write *write;
		ssize_t n;

		write = IS_CPU_BLOCK(pos)
				? write_begin(slot, pos, NO_REGISTRATION)
				: NULL;
		if (!write)
			continue;
		write->mark = MARK(FILE_DONOR, from + 1);
		n = copy_file_range(world->donor, &in, slot->fd, &out, BLOCK,
				    0);
		write_end(write, n == BLOCK);
		if (n != BLOCK)
			return -1;
	}
	return 0;
}

static int rename_back(const struct slot *slot)
{
	char from[48];

	snprintf(from, sizeof(from), "%s.renamed", slot->path);
	return renameat(world->dir, from, world->dir, slot->path);
}

static int do_rename(const struct slot *slot)
{
	char to[48];

	snprintf(to, sizeof(to), "%s.renamed", slot->path);
	return renameat(world->dir, slot->path, world->dir, to)
		       ? -1
		       : rename_back(slot);
}

/* All leases of the file. */
static int do_revoke(const struct slot *slot)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	struct stat st;

	if (fstat(slot->fd, &st) || hf_report_open(NULL, &report))
		return -1;
	while (hf_report_next(report, &entry) == 1) {
		if (entry.ino == st.st_ino)
			hf_revoke(entry.id, 500, 0);
	}
	hf_report_close(report);
	return 0;
}

/* In a process that may be killed: 0 or -1 and errno. */
static int change_make(struct slot *slot, struct change *change, unsigned int n)
{
	switch (change->op) {
	case OP_TRUNCATE:
		return ftruncate(slot->fd, (off_t)change->first * BLOCK);
	case OP_EXTEND:
		return ftruncate(slot->fd,
				 (off_t)(change->before + change->count) *
					 BLOCK);
	case OP_PUNCH:
		return do_fallocate(slot, change,
				    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	case OP_COLLAPSE:
		return do_fallocate(slot, change, FALLOC_FL_COLLAPSE_RANGE);
	case OP_INSERT:
		return do_fallocate(slot, change, FALLOC_FL_INSERT_RANGE);
	case OP_ZERO:
		return do_fallocate(slot, change, FALLOC_FL_ZERO_RANGE);
	case OP_REFLINK:
		return do_reflink(slot, change);
	case OP_CLONE:
		return do_clone(slot, slot - world->slots, n);
	case OP_DEDUPE:
		return do_dedupe(slot, change);
	case OP_EXCHANGE:
		return do_exchange(slot, change, n);
	case OP_COPY:
		return do_copies(slot, change);
	case OP_APPEND:
	case OP_WRITE:
		return do_writes(slot, change);
	case OP_RENAME:
		return do_rename(slot);
	case OP_UNLINK:
		return unlinkat(world->dir, slot->path, 0);
	case OP_REMOUNT:
		return mount(NULL, PMEM, NULL, MS_REMOUNT | MS_NOATIME, NULL);
	case OP_REVOKE:
		return do_revoke(slot);
	default:
		return 0;
	}
}

/* What fails half way through may have been done to some of the blocks. */
static enum outcome change_outcome(int status)
{
	if (!WIFEXITED(status))
		return PERHAPS;
	switch (WEXITSTATUS(status)) {
	case 0:
		return CHANGED;
	case ENOSPC:
	case EINTR:
	case EIO:
	case ENOMEM:
		return PERHAPS;
	default:
		return UNCHANGED;
	}
}

/* The length tells of some changes whether they came to pass. */
static void change_settle(struct slot *slot, struct change *change)
{
	struct stat st;

	if (fstat(slot->fd, &st))
		give_up("fstat: %s", strerror(errno));
	change->after = st.st_size / BLOCK;
	slot->blocks = change->after;
	if (change->outcome != PERHAPS)
		return;
	switch (change->op) {
	case OP_TRUNCATE:
	case OP_COLLAPSE:
		change->outcome = change->after == change->before ? UNCHANGED
								  : CHANGED;
		break;
	case OP_INSERT:
		/* It first makes the file longer, and then may have no space. */
		if (change->after == change->before)
			change->outcome = UNCHANGED;
		break;
	default:
		break;
	}
}

static uint32_t length_expected(const struct change *change)
{
	switch (change->op) {
	case OP_TRUNCATE:
		return change->first;
	case OP_COLLAPSE:
		return change->before - change->count;
	case OP_INSERT:
	case OP_EXTEND:
	case OP_APPEND:
		return change->before + change->count;
	default:
		return change->before;
	}
}

static bool holders_there(const struct slot *slot)
{
	for (unsigned int part = 0; part < PARTS; part++) {
		if (slot->parts[part].holder)
			return true;
	}
	return false;
}

/* As comments; of a process' status the one line that matters. */
static void file_say(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		if (!strstr(path, "status") || !strncmp(line, "State", 5))
			printf("#   %s", line);
	}
	if (file)
		fclose(file);
}

/* What is to be known of a change that takes longer than it should. */
static void change_explain(const struct change *change, pid_t pid)
{
	static const char *const holder_files[] = { "status", "stack" };
	char path[64];

	printf("# round %u: a %s takes long; it waits in\n", world->round,
	       op_name(change->op));
	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	file_say(path);
	file_say("/proc/fs/holdfast/leases");
	for (unsigned int i = 0; i < SLOTS * PARTS; i++) {
		pid_t holder = world->slots[i / PARTS].parts[i % PARTS].holder;

		for (unsigned int j = 0; holder && j < 2; j++) {
			printf("# %s, holder %d of it: %s\n",
			       world->slots[i / PARTS].path, holder,
			       holder_files[j]);
			snprintf(path, sizeof(path), "/proc/%d/%s", holder,
				 holder_files[j]);
			file_say(path);
		}
	}
	fflush(stdout);
}

static void change_wait(struct change *change, pid_t pid, unsigned int kill_ms,
			int *status)
{
	uint64_t begin = change->begin, held_up = world->held_up_ms, ms;
	bool late = false, told = false;

	while (waitpid(pid, status, WNOHANG) == 0) {
		ms = (now_ns() - begin) / 1000000;
		if (kill_ms && ms >= kill_ms)
			kill(pid, SIGKILL);
		if (ms > TOLD_MS && !told) {
			change_explain(change, pid);
			told = true;
		}
		/* While it is frozen it is nobody's turn. */
		if (ms > LIMIT_MS + 5000 + world->held_up_ms - held_up &&
		    !late) {
			problem("%s of %u blocks at %u: held up for %llu ms",
				op_name(change->op), change->count,
				change->first, (unsigned long long)ms);
			late = true;
			kill(pid, SIGKILL);
		}
		sleep_ms(2);
	}
	change->end = now_ns();
	ms = (change->end - begin) / 1000000;
	/* For people to look at: that it is of another one does no harm. */
	if (ms > world->slowest_ms) {
		world->slowest_ms = ms;
		world->slowest_op = change->op;
		world->slowest_round = world->round;
	}
}

/*
 * Blocks are shared, or change hands: also by a copy on XFS, at a moment when the
 * file has no lease.
 */
static bool op_shares(enum op op)
{
	return op == OP_REFLINK || op == OP_CLONE || op == OP_DEDUPE ||
	       op == OP_EXCHANGE || (op == OP_COPY && world->xfs);
}

static void change_run(struct slot *slot, const struct plan_change *plan)
{
	unsigned int n = slot->change_count + 1;
	struct change *change = &slot->changes[n];
	int status;
	pid_t pid;

	*change = (struct change){ 0 };
	if ((op_shares(plan->op) && !world->reflink) ||
	    !change_place(change, plan, slot->blocks))
		return;
	if (holders_there(slot))
		figure_add(FIGURE_CHANGES, 1);
	change->begin = now_ns();
	pid = process_start();
	if (!pid)
		_exit(change_make(slot, change, n) ? errno : 0);
	change_wait(change, pid, plan->kill_ms, &status);
	change->outcome = change_outcome(status);
	note(op_name(change->op),
	     WIFEXITED(status) ? WEXITSTATUS(status) : EINTR);
	change->copied =
		(change->op == OP_CLONE || change->op == OP_EXCHANGE) &&
		change->outcome == CHANGED;
	/* Killed between the two. */
	if (change->op == OP_RENAME && change->outcome == PERHAPS &&
	    rename_back(slot) && errno != ENOENT)
		give_up("%s: rename: %s", slot->path, strerror(errno));
	if (change->op == OP_UNLINK && change->outcome != UNCHANGED)
		slot->unlinked = true;
	change_settle(slot, change);
	if (change->outcome == CHANGED &&
	    change->after != length_expected(change))
		lost(LOST_LENGTH, "%s: %u blocks long after %s, must be %u",
		     slot->path, change->after, op_name(change->op),
		     length_expected(change));
	slot->change_count = n;
}

void changer_run(unsigned int nr)
{
	struct slot *slot = &world->slots[nr];

	for (unsigned int i = 0; i < CHANGES; i++) {
		const struct plan_change *plan = &world->plan.changes[nr][i];

		if (sleep_until_stop(plan->delay_ms))
			break;
		/* One file less is enough, and it has to be the last. */
		if (plan->op != OP_UNLINK || !slot->unlinked)
			change_run(slot, plan);
	}
}
