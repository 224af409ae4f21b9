/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Contexts and regions as the library sees them.
 *
 * Locks, outermost first:
 *   hf_registry.lock	which regions and contexts there are, and who uses them
 *   hf_context.lock	all else of a context and its regions
 * Neither is held across a call that may wait, into the device or a lease: who
 * makes one sets hf_mr.busy, which keeps everybody else from the region's
 * registration. Only fork(2) takes both at once.
 */
#ifndef HOLDFAST_VERBS_INTERNAL_H
#define HOLDFAST_VERBS_INTERNAL_H

#include <pthread.h>
#include <sys/queue.h>

#include "holdfast_verbs.h"
#include "../lib/visibility.h"

enum hf_backing {
	HF_BACKING_LEASE,
	HF_BACKING_ODP,
	HF_BACKING_PLAIN, /* pinned without a lease: not a file's */
};

/* Of each region, the last event of each type: no allocation when one comes. */
struct hf_note {
	TAILQ_ENTRY(hf_note) node;
	bool queued;
	struct hf_async_event event;
};

/**
 * struct hf_anchor - keeps a protection domain from being deallocated
 * @pd: the domain
 * @mr: a region of one page, which has the kernel refuse to
 * @users: regions of ours in the domain, registered at the moment or not
 */
struct hf_anchor {
	TAILQ_ENTRY(hf_anchor) node;
	struct ibv_pd *pd;
	struct ibv_mr *mr;
	void *page;
	unsigned int users;
};

/* What is mapped at an address, for telling whether it still is. */
struct hf_mapped {
	unsigned long device;
	unsigned long inode;
	uint64_t offset;
};

/**
 * struct hf_mr - a region
 * @refs: calls that are using it; and one, from registration to the end of it
 * @ibv: its registration, NULL when it has none
 * @lease: descriptor, -1 without
 * @watched: the lease is in context->lease_epoll
 * @file: a descriptor of the file, -1 where no file is known
 * @owns_mapping: hf_reg_mr() has made the mapping at @addr
 * @mapped: what is mapped at @addr, with a lease
 * @asked: bytes
 * @length: bytes that are registered, or were last
 * @state: @generation: @lkey: @rkey: @breaks: @last_break: @memory_op: as in
 *	struct hf_mr_info
 * @deadline_ns: with HF_AUTOMATIC it is deregistered the margin before; 0: none
 * @busy: somebody (de)registers it
 * @restoring: who is busy restores it
 * @ending: hf_dereg_mr() has begun, nobody restores it any more
 * @revoked: its lease does not come back
 * @unmapped: its memory has gone
 * @memory_calls: munmap() and the like that have found it, and not returned
 * @answering: a thread answers a break of it: @answerer
 * @answers_wanted: counts what that thread is to answer
 * @guard_now: there was no thread to be had: the guard deregisters
 * @retry_ns: when the guard tries again
 */
struct hf_mr {
	TAILQ_ENTRY(hf_mr) node;
	struct hf_context *context;
	unsigned int refs;

	struct ibv_pd *pd;
	struct hf_anchor *anchor;
	struct ibv_mr *ibv;
	int access;
	struct hf_mr_attr attr;

	enum hf_backing backing;
	int lease;
	uint64_t lease_id;
	unsigned int break_ms;
	bool watched;

	int file;
	off_t file_offset;
	bool owns_mapping;
	struct hf_mapped mapped;

	void *addr;
	size_t asked;
	size_t length;

	enum hf_mr_state state;
	unsigned int generation;
	uint32_t lkey;
	uint32_t rkey;
	uint64_t breaks;
	struct holdfast_event last_break;
	enum hf_memory_op memory_op;
	uint64_t deadline_ns;

	bool busy;
	bool restoring;
	bool ending;
	bool revoked;
	bool unmapped;
	unsigned int memory_calls;
	bool answering;
	pthread_t answerer;
	unsigned int answers_wanted;
	bool guard_now;
	uint64_t retry_ns;

	struct hf_note notes[HF_ASYNC_MEDIA_ERROR + 1];
};

/* A key of now or of the past; see keys.c. */
struct hf_key_entry {
	uint32_t key;
	unsigned int generation;
	uint64_t number;
	bool retired;
	struct hf_mr *mr;
};

struct hf_keys {
	struct hf_key_entry *entries; /* sorted by key */
	size_t count;
	size_t room;
	size_t retired;
	uint64_t number;
};

/**
 * struct hf_context - what we keep of a device
 * @device: the program's
 * @driver: what an ioctl of the device has to name, or negative: unknown
 * @owner: the process that opened it
 * @users: regions that are not freed yet; under hf_registry.lock
 * @epoll: what the program polls: the device's descriptor, @queue_fd, and
 *	without HF_AUTOMATIC @lease_epoll
 * @lease_epoll: all leases, and @wake_fd
 * @queue_fd: an eventfd, readable while @queue is not empty
 * @wake_fd: an eventfd, for the thread: look around
 * @changed: a region's busy or answering has been taken away
 * @device_lock: one reader of the device's events at a time; outermost
 */
struct hf_context {
	TAILQ_ENTRY(hf_context) node;
	struct ibv_context *device;
	int driver;
	struct hf_context_attr attr;
	pid_t owner;
	unsigned int users;
	int epoll;
	int lease_epoll;
	int queue_fd;
	int wake_fd;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	TAILQ_HEAD(, hf_mr) mrs;
	TAILQ_HEAD(, hf_anchor) anchors;
	TAILQ_HEAD(, hf_note) queue;
	struct hf_keys keys;

	pthread_mutex_t device_lock;
	pthread_t thread;
	bool stopping;
};

/* --- error.c: both return the negative errno value */
__attribute__((format(printf, 2, 3))) int hf_vfail(int err, const char *fmt,
						   ...);
int hf_vfail_lease(int ret); /* libholdfast has failed, and explained it */

/* --- registry.c */
int hf_registry_add_context(struct hf_context *context);
/* -EBUSY while it has regions. */
int hf_registry_del_context(struct hf_context *context);
int hf_registry_add_mr(struct hf_mr *mr);
/* Locks the context of a device; or -ENOENT, -EPERM. */
int hf_context_of(struct ibv_context *device, struct hf_context **context);
/* Locks the context; 0, or with a message -EINVAL, -EPERM. */
int hf_context_enter(struct hf_context *context);
void hf_context_leave(struct hf_context *context);
/*
 * Takes a reference on the region and locks its context, or -EINVAL, -EPERM.
 * Leaving gives both back. A region that is killed is found no more, and freed
 * by the last who leaves.
 */
int hf_mr_enter(struct hf_mr *mr);
void hf_mr_leave(struct hf_mr *mr);
void hf_mr_kill(struct hf_mr *mr);
/*
 * As hf_mr_enter() of the next one that overlaps, in the order of pointers, or
 * NULL. @after, NULL to begin with, is not looked into.
 */
struct hf_mr *hf_mr_next_overlapping(const struct hf_mr *after, uintptr_t addr,
				     size_t length);

/* --- context.c; all with the context locked */
struct hf_anchor *hf_anchor_get(struct hf_context *context, struct ibv_pd *pd);
void hf_anchor_put(struct hf_context *context, struct hf_anchor *anchor);
void hf_wake(struct hf_context *context);

/* --- keys.c; with the context locked */
int hf_keys_reserve(struct hf_keys *keys);
void hf_keys_add(struct hf_keys *keys, struct hf_mr *mr);
void hf_keys_retire(struct hf_keys *keys, struct hf_mr *mr);
void hf_keys_forget_mr(struct hf_keys *keys, const struct hf_mr *mr);

/* --- event.c; with the context locked */
void hf_post(struct hf_mr *mr, enum hf_async_type type, int error);
void hf_post_media_error(struct hf_mr *mr, const struct holdfast_event *event);
void hf_unpost(struct hf_mr *mr);

/* --- notice.c; with the context locked: take what leases have to say */
void hf_notice_all(struct hf_context *context);
int hf_notice_watch(struct hf_mr *mr);
void hf_notice_unwatch(struct hf_mr *mr);
/* A change has met the region while it is registered, or so it was. */
void hf_notice_break(struct hf_mr *mr);

/* --- register.c: calls into the device; with hf_mr.busy, without the lock */
struct ibv_mr *hf_register(struct hf_mr *mr, size_t length);
int hf_deregister(const struct hf_context *context, struct ibv_mr *ibv);
enum hf_registration {
	HF_REGISTERED,
	HF_PLACEHOLDER, /* the agent has deregistered it, and keeps its number */
	HF_NOT_REGISTERED, /* the number is nobody's, or another object's */
};

/* What the kernel knows by the registration's number now. Does not wait. */
enum hf_registration hf_registration_of(const struct hf_context *context,
					const struct ibv_mr *ibv);
/*
 * Whether the device pages on demand, for all of @access; @insisted: also if
 * it does it wrongly.
 */
bool hf_odp_can(struct ibv_context *device, int access, bool insisted);

/* --- mr.c; with the context locked, which they give up meanwhile */
int hf_mr_suspend(struct hf_mr *mr);
int hf_mr_restore(struct hf_mr *mr);
/*
 * How many bytes of the range the file has, or -errno with a message; ENXIO: none.
 */
int hf_mr_reach(const struct hf_mr *mr, uint64_t *length);
/*
 * Registers as much of the leased range as the file has, or returns NULL with
 * *@ret. With hf_mr.busy, without the lock. The kernel waits for changes that are
 * under way.
 */
struct ibv_mr *hf_mr_register_leased(struct hf_mr *mr, size_t *length,
				     int *ret);
/* With the context locked and keys reserved. */
void hf_mr_registered(struct hf_mr *mr, struct ibv_mr *ibv, size_t length);
/* These two without the lock, and nobody else has the region. */
void hf_mr_free_lease(struct hf_mr *mr);
void hf_mr_free_memory(struct hf_mr *mr); /* lease, mapping and file */

/* --- automatic.c */
int hf_automatic_start(struct hf_context *context);
void hf_automatic_stop(struct hf_context *context);
/* With the context locked: somebody has to answer. */
void hf_automatic_answer(struct hf_mr *mr);

/* --- memory.c */
/*
 * Between the two the thread's own munmap() and the like are not looked at: the
 * program's allocator may unmap while we hold locks, and while we look.
 */
void hf_watch_off(void);
void hf_watch_on(void);
/* Of a context with HF_WATCH_MEMORY. */
void hf_watch_begin(void);
void hf_watch_end(void);
bool hf_is_watched(void);
void hf_raw_munmap(void *addr, size_t length);

/* --- maps.c */
struct hf_area {
	bool whole; /* all of it is mapped */
	bool writable;
	bool file; /* one regular file, shared, contiguous: the rest is set */
	struct hf_mapped mapped;
	char *path; /* to be freed; as the kernel has it */
};
int hf_area_look(const void *addr, size_t length, struct hf_area *area);

uint64_t hf_now_ns(void);

#endif
