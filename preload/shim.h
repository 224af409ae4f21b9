/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shim for programs that know nothing of leases, holdfast-run(1):
 *
 *   map.c	stands before mmap, munmap, mremap, close: what is leased
 *   mr.c	stands before ibv_reg_mr and its like: which memory region is on
 *		which lease
 *   table.c	leases, their pieces of the address space, their regions
 *   thread.c	waits for breaks, and deregisters
 *   settings.c	what holdfast run was told; messages
 *
 * It is a guest in other people's programs. It installs no signal handler and
 * blocks all signals in its thread. Under its lock it calls the kernel alone,
 * and it allocates nothing by malloc(): an allocator may be what calls it.
 */
#ifndef HOLDFAST_SHIM_H
#define HOLDFAST_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holdfast.h"

#define SHIM_EXPORT __attribute__((visibility("default")))

struct ibv_context;
struct ibv_mr;

/* --- settings.c */

struct settings {
	struct hf_attr attr;
	unsigned int grace_ms; /* from a break until regions are taken */
	bool verbose;
};

const struct settings *settings(void);

/* One line on standard error: "holdfast run: ...". */
__attribute__((format(printf, 1, 2))) void shim_say(const char *fmt, ...);

/* --- table.c */

/**
 * struct lease - a lease that the shim holds for the program
 * @fd: a descriptor of the shim's own
 * @id: the lease's number, by which @fd is known not to be another file by now
 * @pieces: how many pieces of the address space it has
 * @mrs: how many memory regions that are not fenced; it is closed when both
 *	are zero
 * @fence_ms: when regions are taken, by CLOCK_MONOTONIC; 0: there is no break
 */
struct lease {
	struct lease *next;
	int fd;
	uint64_t id;
	unsigned int pieces;
	unsigned int mrs;
	int64_t fence_ms;
};

/* A region that lies on more leases than this is left to the kernel. */
#define MR_LEASES 8

/**
 * struct tracked_mr - a memory region of the program that is on leases
 * @leaving: the program deregisters it right now
 * @fenced: the kernel's part of it is gone
 */
struct tracked_mr {
	struct tracked_mr *next;
	struct ibv_mr *mr;
	bool leaving;
	bool fenced;
	unsigned int count;
	struct lease *leases[MR_LEASES];
};

/* All that follows is under this lock, but where it says otherwise. */
void table_lock(void);
void table_unlock(void);

/* Without the lock: whether there is, or ever was, a lease. */
bool table_used(void);

/* Takes @fd over. NULL: no memory. */
struct lease *table_add_lease(int fd, uint64_t id);
struct lease *table_leases(void);

/* Closes leases of which nothing is left. */
void table_close_unused(void);

/* @addr shows the lease from its start on. */
void table_add_piece(struct lease *lease, uintptr_t addr, size_t length,
		     int prot);
void table_move_pieces(uintptr_t from, size_t length, uintptr_t to);
void table_cut_pieces(uintptr_t addr, size_t length);

/* In a child of fork(2), which has not inherited the mappings. */
void table_map_again(void);

/* Nothing is done for memory that is on no lease. */
void table_add_mr(struct ibv_mr *mr);
struct tracked_mr *table_find_mr(const struct ibv_mr *mr);
struct tracked_mr *table_mrs(void);

/* The kernel's part is gone; leases may be unused now. */
void table_fence_mr(struct tracked_mr *tracked);
void table_drop_mr(struct tracked_mr *tracked);

/* Descriptors that the program must not close; without the lock. */
void fd_protect(int fd, bool protect);
bool fd_is_protected(int fd);

/* --- mr.c */

/* Takes from the kernel what is registered on @lease. With the lock held. */
void mr_fence(struct lease *lease);

/* --- thread.c */

/* Has the thread watch all leases; starts it. Without the lock. */
void thread_watch(void);

#endif
