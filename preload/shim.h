/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shim for programs that know nothing of leases, holdfast-run(1). The kernel
 * leases what they register; the shim lets go of it for them when a change comes:
 *
 *   mr.c	stands before ibv_reg_mr, ibv_dereg_mr and their like
 *   table.c	the program's memory regions
 *   placeholder.c	what keeps the number of a region that was taken
 *   wants.c	which regions changes want: tells caches, and takes what is due
 *   thread.c	reads the events of the process's leases
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
 * @mr: to compare only. A program that finds ibv_dereg_mr() in the library by its
 *	handle ends regions unseen, and what follows is from when it was registered
 * @take_ms: when it is taken, by CLOCK_MONOTONIC; 0: no change wants it
 * @tell_ms: when caches are told again that a change wants it
 * @tell_wait_ms: how long after that the next time is
 * @look: the last look at the leases in which a change wanted it
 * @leaving: the program deregisters it right now, or it cannot be taken
 * @taken: the kernel's part of it is gone
 * @placed: a placeholder has its number
 */
struct tracked_mr {
	struct tracked_mr *next;
	struct ibv_mr *mr;
	struct ibv_context *context;
	int fd;
	uint32_t pd;
	uint32_t handle;
	uint32_t lkey;
	uint32_t rkey;
	uintptr_t addr;
	size_t length;
	int64_t take_ms;
	int64_t tell_ms;
	unsigned int tell_wait_ms;
	unsigned int look;
	bool leaving;
	bool taken;
	bool placed;
};

/**
 * struct making_mr - a registration under way, on its caller's stack
 * @take_ms: as in struct tracked_mr. The kernel has the region, and tells of a change
 *	that wants it, before the call returns
 * @look: as there
 * @cancel: whether the thread could be cancelled before
 */
struct making_mr {
	struct making_mr *next;
	uintptr_t addr;
	size_t length;
	int64_t take_ms;
	unsigned int look;
	int cancel;
};

/* All that follows is under this lock. */
void table_lock(void);
void table_unlock(void);

void table_add_making(struct making_mr *making);
void table_drop_making(struct making_mr *making);
struct making_mr *table_making(void);

/* NULL: without memory for it, it is left to the kernel. */
struct tracked_mr *table_add_mr(struct ibv_mr *mr);
struct tracked_mr *table_find_mr(const struct ibv_mr *mr);
void table_drop_mr(struct tracked_mr *tracked);
void table_drop_all(void);

/* The next one after @tracked, NULL to begin with, that overlaps a range. */
struct tracked_mr *table_next_mr(const struct tracked_mr *tracked,
				 uintptr_t addr, size_t length);

/* --- mr.c */

/*
 * Takes the kernel's part of a region, or drops a region that is gone. With the
 * lock held.
 */
void mr_take(struct tracked_mr *tracked);

/* --- placeholder.c */

/*
 * Deregisters region @handle of the open device @fd, and registers a page without
 * access in domain @pd that gets its number: what the program deregisters later is
 * this page. *@placed: that has worked. 0, or a negative errno value and the region
 * is as it was. Not for two threads at a time.
 */
int placeholder_swap(int fd, int driver, uint32_t pd, uint32_t handle,
		     bool *placed);

/* --- wants.c. Without the lock, but for wants_made(). Times are CLOCK_MONOTONIC. */

struct holdfast_event;

/* How often to look whether something is to be done. */
#define LOOK_MS 20

/* A registration has ended: what wanted it wants the region. With the lock. */
void wants_made(struct tracked_mr *tracked, const struct making_mr *making);

/* A lease breaks; a break of it is over. */
void wants_break(const struct holdfast_event *event);
void wants_changed(const struct holdfast_event *event);

/* From here on breaks belong to another look; and what it has not shown is forgotten. */
void wants_look(void);
void wants_forget(void);

/* In how many milliseconds something is due, -1: no change wants anything. */
int wants_next(int64_t now);

/* Takes what is due, if the latest look has shown it. */
void wants_take(int64_t now);

/* What the latest look has shown is due at @until_ms: how many regions that is. */
unsigned int wants_hurry(int64_t until_ms);

/* Tells caches of registrations. They may call us. */
void wants_tell(void);

/* --- thread.c */

/* From now on breaks are noticed; starts the thread. Without the lock. */
void thread_start(void);

/*
 * A registration waits for a change that waits for regions of this process: those
 * are taken soon. Returns when they are gone, or false: it is not for them.
 */
bool thread_hurry(unsigned int tries);

#endif
