/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shim for programs that know nothing of leases, holdfast-run(1). The kernel
 * leases what they register; the shim lets go of it for them when a change comes:
 *
 *   mr.c	stands before ibv_reg_mr, ibv_dereg_mr and their like
 *   table.c	the program's memory regions
 *   thread.c	reads the events of the process's leases, and lets go
 *   settings.c	what holdfast run was told; messages
 *
 * It is a guest in other people's programs. It has no signal handler, no thread
 * before the first registration, and allocates nothing by malloc(), as an allocator
 * may be what calls it. It never touches a descriptor of the program.
 */
#ifndef HOLDFAST_SHIM_H
#define HOLDFAST_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIM_EXPORT __attribute__((visibility("default")))

struct ibv_context;
struct ibv_mr;

/* --- settings.c */

struct settings {
	unsigned int grace_ms; /* from a break until regions are taken */
	bool verbose;
};

const struct settings *settings(void);

/*
 * One line on a standard error of the shim's own: "holdfast run: ...". It is lost
 * where writing would wait.
 */
__attribute__((format(printf, 1, 2))) void shim_say(const char *fmt, ...);

/* A copy of a descriptor, above what programs use, or -1. Closes @fd. */
int fd_move_up(int fd);

/* --- table.c */

/**
 * struct tracked_mr - a memory region of the program
 * @take_ms: when it is taken, by CLOCK_MONOTONIC; 0: no change wants it
 * @leaving: the program deregisters it right now, or it cannot be taken
 * @taken: the kernel's part of it is gone
 */
struct tracked_mr {
	struct tracked_mr *next;
	struct ibv_mr *mr;
	int64_t take_ms;
	bool leaving;
	bool taken;
};

/* All that follows is under this lock. */
void table_lock(void);
void table_unlock(void);

/* One without memory for it is left to the kernel. */
void table_add_mr(struct ibv_mr *mr);
struct tracked_mr *table_find_mr(const struct ibv_mr *mr);
void table_drop_mr(struct tracked_mr *tracked);
void table_drop_all(void);

/* The next one after @tracked, NULL to begin with, that overlaps a range. */
struct tracked_mr *table_next_mr(const struct tracked_mr *tracked,
				 uintptr_t addr, size_t length);

/* --- mr.c */

/* Takes the kernel's part of a region. With the lock held. */
void mr_take(struct tracked_mr *tracked);

/* --- thread.c */

/* From now on breaks are noticed; starts the thread. Without the lock. */
void thread_start(void);

/*
 * A registration waits for a change that waits for regions of this process: those
 * are taken soon. Returns when they are gone, or false: it is not for them.
 */
bool thread_hurry(void);

#endif
