/* SPDX-License-Identifier: GPL-2.0 */
/* What the threads of one fuzzing process share: descriptors, memory, regions. */
#ifndef HOLDFAST_SOAK_FUZZ_WORLD_H
#define HOLDFAST_SOAK_FUZZ_WORLD_H

#include <setjmp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "../guest/lib/rdma.h"
#include "fuzz-random.h"

#define FOLDER	  PMEM "fuzz/"
#define FILES	  4
#define FILE_SIZE (8 * MIB)
/* Files grow no further than this; RLIMIT_FSIZE. */
#define FILE_MOST (32 * MIB)

#define WORKERS 4
#define THREADS 2

/* Calls of which at least one has to succeed, or the fuzz is a shallow one. */
enum deep {
	DEEP_ACQUIRE,
	DEEP_RELEASE,
	DEEP_QUERY,
	DEEP_REVOKE,
	DEEP_READ,
	DEEP_MAP,
	DEEP_TOUCH,
	DEEP_REGISTER,
	DEEP_CHANGE,
	DEEP_REPORT,
	DEEP_ALLOW,
	DEEP_JOIN,
	DEEP_WATCH,
	DEEP_POLICY,
	DEEP_COUNT
};

static const char *const deep_names[DEEP_COUNT] = {
	"acquire",  "release", "query",	 "revoke", "read", "mmap",  "touching",
	"register", "change",  "report", "allow",  "join", "watch", "policy",
};

/* Shared with the supervisor. */
struct board {
	struct {
		uint64_t calls;
		uint64_t deep[DEEP_COUNT];
		/* Keeps neighbours off the same line of the cache. */
		uint64_t room[3];
	} thread[WORKERS][THREADS];
	uint64_t ids[64]; /* of leases, to be revoked by anybody */
	bool stop;
};

static struct board *board;
static dev_t folder_device; /* of the DAX files */
/* 6.1 forgets the mark of a page that two files had, and warns: doc/semantics.md. */
static bool may_share;
static int mail[2]; /* descriptors from process to process */
static unsigned int own_worker;
static __thread unsigned int own_thread;

static inline void count_call(void)
{
	__atomic_fetch_add(&board->thread[own_worker][own_thread].calls, 1,
			   __ATOMIC_RELAXED);
}

static inline long count_deep(enum deep what, long ret)
{
	count_call();
	if (ret >= 0)
		__atomic_fetch_add(
			&board->thread[own_worker][own_thread].deep[what], 1,
			__ATOMIC_RELAXED);
	return ret;
}

/* Both threads use them, and close them under each other's hands. */
enum kind {
	KIND_LEASE,
	KIND_FILE, /* on the DAX filesystem */
	KIND_OTHER,
	KIND_RING,
	KIND_PERMISSION,
	KIND_WATCH,
	KINDS
};

#define SLOTS 8
static int slots[KINDS][SLOTS];

static inline int fd_some(enum kind kind)
{
	int fd = slots[kind][random_below(SLOTS)];

	/* Now and then something that is not what the call expects. */
	if (one_in(40))
		fd = slots[random_below(KINDS)][random_below(SLOTS)];
	if (one_in(200))
		fd = ONE_OF(-1, -100, 9999, INT32_MAX, INT32_MIN, 0, 3);
	return fd;
}

static inline void fd_put(enum kind kind, int fd)
{
	int old;

	if (fd < 0)
		return;
	old = __atomic_exchange_n(&slots[kind][random_below(SLOTS)], fd,
				  __ATOMIC_RELAXED);
	if (old >= 0)
		close(old);
}

/*
 * Mappings are made at fixed places here only: far below where the kernel puts
 * those that nobody places, so nothing else ever comes to lie in a hole of it.
 * All places are an even number of pages, see map_file().
 */
#define ARENA	   0x100000000000UL
#define ARENA_SIZE (256 * MIB)
#define AREA	   (8 * MIB)

static inline char *some_memory(void)
{
	/* Mostly one of a few places, so that there is something. */
	uint64_t at = one_in(32)
			      ? (uint64_t)random_below(ARENA_SIZE >> 13) << 13
			      : (uint64_t)random_below(8) * AREA;

	if (one_in(8))
		at += (uint64_t)random_below(8) << 13;
	return (char *)ARENA + at;
}

static __thread sigjmp_buf touch_failed;
static __thread volatile bool touching;

static void touch_handler(int signal)
{
	if (!touching)
		_exit(100 + signal);
	touching = false;
	siglongjmp(touch_failed, 1);
}

/* A place in @room to give the kernel: not always one it can read or write. */
static inline void *some_buffer(char *room, size_t size)
{
	switch (random_below(24)) {
	case 0:
		return NULL;
	case 1:
		return (void *)0xffff888000000000UL;
	case 2:
	case 3:
		return some_memory();
	case 4:
		return some_memory() + 4096 - random_below(size + 1);
	default:
		return room;
	}
}

#endif
