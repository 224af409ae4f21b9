// SPDX-License-Identifier: GPL-2.0
/*
 * A holder: leases a part of a file, maps and registers it, and has the device
 * write blocks to it. It also checks what is there: while a registration lives the
 * file is what the device sees, whoever wants to change it, and no block of it
 * moves.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "holder.h"
#include "misdeed.h"
#include "rdma.h"
#include "holdfast.h"

struct holder {
	struct slot *slot;
	struct part *part;
	struct plan_holder plan;
	unsigned int part_nr;
	uint64_t random;
	struct rdma rdma;
	int lease;
	uint32_t first; /* block */
	uint32_t leased;
	uint32_t count; /* registered */
	char *map;
	struct ibv_mr *mr;
	uint64_t addr; /* of the region, also when it is unmapped */
	uint32_t registration;
	uint64_t answer_ns; /* KIND_SLOW: then */
	/* by block of this registration */
	uint64_t known[BLOCKS]; /* what it has written */
	uint64_t place[BLOCKS]; /* where the block is on the device */
};

/* Nothing goes on: the keeper starts another one. */
static _Noreturn void holder_leave(const char *why, int error)
{
	note(why, error);
	_exit(0);
}

static void holder_become_user(void)
{
	struct rlimit limit = { 64 << 20, 64 << 20 };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setgroups(0, NULL) ||
	    setgid(USER_ID) || setuid(USER_ID))
		give_up("setuid: %s", strerror(errno));
}

/* Length of the file as it is now, in blocks. */
static uint32_t holder_file_blocks(const struct holder *me)
{
	struct stat st;

	if (fstat(me->slot->fd, &st))
		give_up("fstat: %s", strerror(errno));
	return st.st_size / BLOCK < BLOCKS ? st.st_size / BLOCK : BLOCKS;
}

/* Where the registered blocks are on the device now; 0: nowhere. */
static void holder_places(const struct holder *me, uint64_t place[BLOCKS])
{
	const uint64_t start = (uint64_t)me->first * BLOCK;
	const uint64_t end = start + (uint64_t)me->count * BLOCK;
	struct {
		struct fiemap head;
		struct fiemap_extent extents[128];
	} map;
	uint64_t at = start;

	memset(place, 0, BLOCKS * sizeof(*place));
	while (at < end) {
		map.head = (struct fiemap){ .fm_start = at,
					    .fm_length = end - at,
					    .fm_extent_count = 128 };
		if (ioctl(me->slot->fd, FS_IOC_FIEMAP, &map))
			give_up("fiemap: %s", strerror(errno));
		if (!map.head.fm_mapped_extents)
			break;
		for (uint32_t i = 0; i < map.head.fm_mapped_extents; i++) {
			const struct fiemap_extent *extent = &map.extents[i];
			uint64_t last = extent->fe_logical + extent->fe_length;

			if (at < extent->fe_logical)
				at = extent->fe_logical;
			for (; at < last && at < end; at += BLOCK)
				place[(at - start) / BLOCK] =
					extent->fe_physical + at -
					extent->fe_logical;
		}
	}
}

/* Whether what is leased of the file, as long as it is now, is registered. */
static bool holder_register(struct holder *me)
{
	uint32_t blocks = holder_file_blocks(me), n;

	me->count = blocks < me->first ? 0 : blocks - me->first;
	if (me->count > me->leased)
		me->count = me->leased;
	if (me->count < 16)
		holder_leave("a short file", 0);
	me->mr = rdma_register(&me->rdma, me->map, (size_t)me->count * BLOCK);
	if (!me->mr)
		return false;
	me->addr = (uintptr_t)me->map;
	n = atomic_fetch_add(&me->slot->registration_count, 1);
	if (n >= REGISTRATIONS)
		holder_leave("enough registrations", 0);
	me->slot->registrations[n].had = now_ns();
	me->registration = n;
	note("registered", 0);
	memset(me->known, 0, sizeof(me->known));
	holder_places(me, me->place);
	return true;
}

static void holder_acquire(struct holder *me)
{
	struct hf_attr attr = {
		.kind = me->plan.kind == KIND_EXCLUSIVE ? HOLDFAST_EXCLUSIVE
							: HOLDFAST_BREAKABLE,
		.break_ms = me->plan.kind == KIND_AGENT ? BREAK_MS : 2000,
		.flags = HF_NONBLOCK,
	};
	unsigned int parts = world->plan.parts[me->slot - world->slots];

	me->leased = holder_file_blocks(me) / parts;
	me->first = me->leased * me->part_nr;
	if (me->leased < 16)
		holder_leave("a short file", 0);
	note("hf_acquire is asked", 0);
	me->lease = hf_acquire(me->slot->fd, (off_t)me->first * BLOCK,
			       (size_t)me->leased * BLOCK, &attr);
	if (me->lease < 0)
		holder_leave("hf_acquire", -me->lease);
	me->map = mmap(NULL, (size_t)me->leased * BLOCK, PROT_READ | PROT_WRITE,
		       MAP_SHARED, me->slot->fd, (off_t)me->first * BLOCK);
	if (me->map == MAP_FAILED)
		holder_leave("mmap", errno);
	if (!holder_register(me))
		holder_leave("ibv_reg_mr", errno);
	if (me->plan.kind == KIND_GONE) {
		munmap(me->map, (size_t)me->leased * BLOCK);
		close(me->lease);
		me->map = NULL;
		me->lease = -1;
	}
}

/* A registration waits for the change, and fails where that took the file's end. */
static void holder_register_again(struct holder *me)
{
	me->answer_ns = 0;
	if (ibv_dereg_mr(me->mr))
		holder_leave("ibv_dereg_mr", errno);
	me->mr = NULL;
	while (!holder_register(me))
		if (errno != EFAULT ||
		    me->first + me->count <= holder_file_blocks(me))
			holder_leave("ibv_reg_mr again", errno);
}

static void holder_listen(struct holder *me)
{
	struct holdfast_event event;

	while (me->lease >= 0 && hf_wait(me->lease, &event, 0) == 0) {
		if (event.type == HOLDFAST_EVENT_FENCED)
			figure_add(FIGURE_FENCES, 1);
		if (event.type != HOLDFAST_EVENT_BREAK)
			continue;
		figure_add(FIGURE_BREAKS, 1);
		if (event.op == HOLDFAST_OP_REVOKE)
			holder_leave("revoked", 0);
		if (me->plan.kind == KIND_GOOD)
			holder_register_again(me);
		else if (me->plan.kind == KIND_SLOW && !me->answer_ns)
			me->answer_ns =
				now_ns() + me->plan.slow_ms * 1000000ULL;
	}
	if (me->answer_ns && now_ns() >= me->answer_ns)
		holder_register_again(me);
}

/*
 * As the file grows and shrinks the ranges of its holders overlap. A block is
 * written by one of them only.
 */
static uint32_t holder_block(struct holder *me)
{
	uint32_t n, pos;

	do {
		n = random_below(&me->random, me->count);
		pos = me->first + n;
	} while (IS_CPU_BLOCK(pos) || pos / 8 % PARTS != me->part_nr);
	return n;
}

static void holder_write(struct holder *me)
{
	uint32_t n = holder_block(me);
	struct write *write =
		write_begin(me->slot, me->first + n, me->registration);
	bool landed;

	if (!write) {
		sleep_ms(20);
		return;
	}
	block_make(me->rdma.buffer, world->seed, write->mark, write->pos);
	landed = rdma_move(&me->rdma, IBV_WR_RDMA_WRITE,
			   me->addr + (uint64_t)n * BLOCK, me->mr->rkey);
	write_end(write, landed);
	if (!landed)
		holder_leave("an RDMA write", 0);
	me->known[n] = write->mark;
	figure_add(FIGURE_WRITTEN, BLOCK);
}

static uint64_t holder_device_sees(struct holder *me, uint32_t n)
{
	uint32_t pos;

	if (!rdma_move(&me->rdma, IBV_WR_RDMA_READ,
		       me->addr + (uint64_t)n * BLOCK, me->mr->rkey))
		holder_leave("an RDMA read", 0);
	return block_read(me->rdma.buffer, world->seed, &pos);
}

/*
 * Only we write this block, and nobody may move any of ours. Where the file shows
 * something else, our registration is gone (an agent took it): the device would
 * say so.
 */
static void holder_look(struct holder *me)
{
	uint32_t n = holder_block(me), pos;
	static uint64_t place[BLOCKS];
	static char block[BLOCK];
	uint64_t file, device;

	if (!me->known[n])
		return;
	holder_places(me, place);
	if (pread(me->slot->fd, block, BLOCK, (off_t)(me->first + n) * BLOCK) !=
	    BLOCK)
		memset(block, 0, BLOCK);
	file = block_read(block, world->seed, &pos);
	device = holder_device_sees(me, n);
	figure_add(FIGURE_CHECKED, 2 * BLOCK);
	if (file != me->known[n] || device != me->known[n])
		lost(LOST_LIVE,
		     "%s: block %u under a live registration: written %llx, the device sees %llx, the file shows %llx",
		     me->slot->path, me->first + n,
		     (unsigned long long)me->known[n],
		     (unsigned long long)device, (unsigned long long)file);
	for (n = 0; n < me->count; n++) {
		if (place[n] == me->place[n])
			continue;
		lost(LOST_MOVED,
		     "%s: block %u under a live registration was at %llx of the device, and is at %llx",
		     me->slot->path, me->first + n,
		     (unsigned long long)me->place[n],
		     (unsigned long long)place[n]);
		break;
	}
}

static _Noreturn void holder_run(unsigned int slot, unsigned int part,
				 unsigned int life)
{
	struct holder *me = calloc(1, sizeof(*me));
	enum order order;
	int error;

	if (!me)
		holder_leave("calloc", errno);
	me->slot = &world->slots[slot];
	me->part = &me->slot->parts[part];
	me->part_nr = part;
	me->plan = world->plan.holders[slot][part][life];
	me->random = world->plan.seed + slot * 100 + part * 10 + life;
	if (me->plan.user)
		holder_become_user();
	error = rdma_open(&me->rdma);
	if (error) {
		sleep_ms(100);
		holder_leave("rdma_open", -error);
	}
	holder_acquire(me);
	while (!world->no_more) {
		holder_listen(me);
		holder_write(me);
		if (!random_below(&me->random, 4))
			holder_look(me);
		order = atomic_exchange(&me->part->order, ORDER_NONE);
		if (order)
			misdeed(order, me->lease, me->rdma.context->cmd_fd);
	}
	holder_leave("the end", 0);
}

/* All that it will start is in its group. */
static pid_t holder_start(unsigned int slot, unsigned int part,
			  unsigned int life)
{
	pid_t pid = process_start();

	if (!pid) {
		setpgid(0, 0);
		holder_run(slot, part, life);
	}
	setpgid(pid, pid);
	return pid;
}

void keeper_run(unsigned int slot, unsigned int part)
{
	struct part *me = &world->slots[slot].parts[part];
	pid_t pids[4 * LIVES], pid = 0;
	unsigned int life = 0;
	int status;

	while (!world->no_more) {
		if (!pid && (!world->device || world->slots[slot].unlinked ||
			     life == sizeof(pids) / sizeof(*pids))) {
			sleep_ms(20);
			continue;
		}
		if (!pid) {
			pid = holder_start(slot, part, life % LIVES);
			pids[life++] = pid;
			me->holder = pid;
		}
		if (waitpid(pid, &status, WNOHANG) == 0) {
			sleep_ms(10);
			continue;
		}
		me->holder = 0;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
			figure_add(FIGURE_KILLS, 1);
		else if (!WIFEXITED(status))
			problem("a holder (%s) died of signal %d",
				kind_name(world->plan
						  .holders[slot][part]
							  [(life - 1) % LIVES]
						  .kind),
				WTERMSIG(status));
		pid = 0;
	}
	me->holder = 0;
	/* Also what they have left behind. */
	for (unsigned int i = 0; i < life; i++)
		kill(-pids[i], SIGKILL);
	if (pid)
		process_end(pid, 30000 * world->scale, "a killed holder");
}
