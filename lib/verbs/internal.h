/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Contexts and regions as the library sees them.
 *
 * Locks, outermost first:
 *   hf_registry.lock	which regions and contexts there are, and their users
 *   hf_context.lock	all else of a context and its regions
 * Neither is held across a call that may wait, into the device or a lease. A thread
 * that makes one sets hf_mr.busy, which keeps all others from the region's
 * registration. Only fork(2) takes both at once.
 */
#ifndef HOLDFAST_VERBS_INTERNAL_H
#define HOLDFAST_VERBS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "holdfast_verbs.h"
#include "internal/visibility.h"

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

/* So many events of a lease wait for the slowest context with a region of it. */
#define HF_LEASE_EVENTS 64

/**
 * struct hf_shared_lease - a lease of one region or more
 * @refs: regions; under hf_registry.lock
 * @owned: the library acquired it, and releases it at the end
 * @offset: @length: its range of the file
 * @taken: how many events have been read, the last ones are in @events
 * @mrs: regions that hear of them, of any context
 */
struct hf_shared_lease {
	TAILQ_ENTRY(hf_shared_lease) node;
	unsigned int refs;
	bool owned;
	uint64_t id;
	uint64_t offset;
	uint64_t length;
	unsigned int break_ms;

	pthread_mutex_t lock;
	uint64_t taken;
	struct holdfast_event events[HF_LEASE_EVENTS];
	TAILQ_HEAD(, hf_mr) mrs;
};

/**
 * struct hf_mr - a region
 * @refs: calls that are using it, a thread that answers a break of it; and one, from
 *	registration to the end of it
 * @ibv: its registration, NULL when it has none
 * @lease: a descriptor of @shared, -1 without
 * @heard: events of @shared that the region knows of
 * @watched: the lease is in context->lease_epoll
 * @file: a descriptor of the file that hf_reg_mr() has mapped, or -1
 * @file_offset: of @addr
 * @owns_mapping: hf_reg_mr() has made the mapping
 * @addr: @iova: @asked: the first byte, what it is called by the device, bytes
 * @length: bytes that are registered, or were last
 * @state: @generation: @lkey: @rkey: @breaks: @last_break: as in
 *	struct hf_mr_info
 * @deadline_ns: of the change, 0: none; @due_ns: when the guard deregisters it
 * @busy: a thread (de)registers it
 * @restoring: that thread restores it
 * @ending: hf_dereg_mr() has begun, and no thread restores it
 * @revoked: its lease does not come back
 * @open: with HF_AUTOMATIC: a break of it has not been answered to the end
 * @queued: it is in context->answers
 * @answering: a thread answers the break: @answerer
 * @again: there is more to answer since
 * @quiesced: the program's hook has been called for this break
 * @orphan: a hook has ended it while it was being answered: the answerer frees it
 * @retry_ns: when the guard tries again
 */
struct hf_mr {
	TAILQ_ENTRY(hf_mr) node;
	struct hf_context *context;
	atomic_uint refs;

	struct ibv_pd *pd;
	struct hf_anchor *anchor;
	struct ibv_mr *ibv;
	int access;
	struct hf_mr_attr attr;

	enum hf_backing backing;
	int lease;
	struct hf_shared_lease *shared;
	TAILQ_ENTRY(hf_mr) shared_node;
	uint64_t heard;
	bool watched;

	int file;
	uint64_t file_offset;
	bool owns_mapping;

	void *addr;
	uint64_t iova;
	size_t asked;
	size_t length;

	enum hf_mr_state state;
	unsigned int generation;
	uint32_t lkey;
	uint32_t rkey;
	uint64_t breaks;
	struct holdfast_event last_break;
	uint64_t deadline_ns;
	uint64_t due_ns;

	bool busy;
	bool restoring;
	bool ending;
	bool revoked;

	bool open;
	TAILQ_ENTRY(hf_mr) answer_node;
	bool queued;
	bool answering;
	pthread_t answerer;
	bool again;
	bool quiesced;
	bool orphan;
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
	size_t reserved; /* entries that are about to be added */
	size_t retired;
	uint64_t number;
};

/**
 * struct hf_context - what we keep of a device
 * @device: the program's
 * @driver: what an ioctl of the device has to name, or negative: unknown
 * @owner: the process that opened it, as of hf_process(); @owner_pid: for messages
 * @users: regions that are not freed yet
 * @epoll: what the program polls: the device's descriptor, @queue_fd, and
 *	without HF_AUTOMATIC @lease_epoll
 * @lease_epoll: all leases, and @wake_fd
 * @queue_fd: an eventfd, readable while @queue is not empty
 * @wake_fd: an eventfd: look around. Also written for another context that has read
 *	an event of a lease which this one has regions of
 * @changed: a region's busy or answering has been taken away
 * @device_lock: one reader of the device's events at a time; outermost
 * @answers: regions whose breaks are to be answered, for @workers; @work: there is one
 */
struct hf_context {
	TAILQ_ENTRY(hf_context) node;
	struct ibv_context *device;
	int driver;
	struct hf_context_attr attr;
	uint64_t owner;
	pid_t owner_pid;
	atomic_uint users;
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
	pthread_t guard;
	pthread_t *workers;
	unsigned int worker_count;
	pthread_cond_t work;
	TAILQ_HEAD(, hf_mr) answers;
	bool stopping;
};

/* --- error.c: both return the negative errno value */
__attribute__((format(printf, 2, 3))) int hf_vfail(int err, const char *fmt,
						   ...);
int hf_vfail_lease(int ret); /* libholdfast has failed, and explained it */

/* --- process.c; under hf_registry.lock */
int hf_process_init(void);
/* Of this process, never that of its parent or a child; 0 before the first init. */
uint64_t hf_process(void);

/* --- registry.c */
/* -EBUSY: another context reads the device's events. */
int hf_registry_add_context(struct hf_context *context);
/* -EBUSY while it has regions. */
int hf_registry_del_context(struct hf_context *context);
int hf_registry_add_mr(struct hf_mr *mr);
/*
 * Locks the context of a device, @asked if that is not NULL; or -ENOENT, -EPERM,
 * -EINVAL.
 */
int hf_context_of(struct ibv_context *device, struct hf_context *asked,
		  struct hf_context **context);
/* Locks the context; 0, or with a message -EINVAL, -EPERM. */
int hf_context_enter(struct hf_context *context);
void hf_context_leave(struct hf_context *context);
/*
 * Takes a reference on the region and locks its context, or -EINVAL, -EPERM.
 * Leaving gives both back. A region that is killed is no longer found, and the last
 * thread that leaves frees it.
 */
int hf_mr_enter(struct hf_mr *mr);
void hf_mr_leave(struct hf_mr *mr);
void hf_mr_kill(struct hf_mr *mr);
void hf_mr_put(struct hf_mr *mr);
/*
 * The lease that a descriptor is of: one that regions have, or a new one, @owned.
 * *@out has a reference more. 0 or -errno with a message.
 */
int hf_shared_lease_get(int lease, bool owned, struct hf_shared_lease **out);
/* True: it was the last one, and *@owned says whether to release the lease. */
bool hf_shared_lease_put(struct hf_shared_lease *shared, bool *owned);

/* --- context.c; all with the context locked */
struct hf_anchor *hf_anchor_get(struct hf_context *context, struct ibv_pd *pd);
void hf_anchor_put(struct hf_context *context, struct hf_anchor *anchor);

/* --- keys.c; with the context locked */
/* 0 or -ENOMEM. Each success is followed by one hf_keys_add() or hf_keys_unreserve(). */
int hf_keys_reserve(struct hf_keys *keys);
void hf_keys_unreserve(struct hf_keys *keys);
void hf_keys_add(struct hf_keys *keys, struct hf_mr *mr);
void hf_keys_retire(struct hf_keys *keys, struct hf_mr *mr);
void hf_keys_forget_mr(struct hf_keys *keys, const struct hf_mr *mr);
/* One in use, otherwise the one that was retired last; NULL: none. */
const struct hf_key_entry *hf_keys_find(const struct hf_keys *keys,
					uint32_t key);

/* --- event.c; with the context locked */
void hf_post(struct hf_mr *mr, enum hf_async_type type, int error);
void hf_post_media_error(struct hf_mr *mr, const struct holdfast_event *event);
void hf_unpost(struct hf_mr *mr);
void hf_wake(struct hf_context *context);

/* --- answer.c; with the context locked: what threads have to do */
void hf_answer_want(struct hf_mr *mr);
void hf_answer_forget(struct hf_mr *mr);
struct hf_mr *hf_answer_next(struct hf_context *context);

/* --- notice.c; with the context locked: take what leases have to say */
void hf_notice_all(struct hf_context *context);
int hf_notice_watch(struct hf_mr *mr);
void hf_notice_unwatch(struct hf_mr *mr);
/* A change has met the region while it is registered, or so it was. */
void hf_notice_break(struct hf_mr *mr);

/* --- device.c: calls into the device; with hf_mr.busy, without the lock */
struct ibv_mr *hf_register(struct hf_mr *mr, size_t length);
int hf_deregister(const struct hf_context *context, struct ibv_mr *ibv,
		  uint64_t iova);
enum hf_registration {
	HF_REGISTERED,
	HF_PLACEHOLDER, /* the agent has deregistered it, and keeps its number */
	HF_NOT_REGISTERED, /* the number is nobody's, or another object's */
};

/* What the kernel knows by the registration's number now. Does not wait. */
enum hf_registration hf_registration_of(const struct hf_context *context,
					const struct ibv_mr *ibv,
					uint64_t iova);
/*
 * Whether the device pages on demand, for all of @access; @insisted: also if
 * it does it wrongly.
 */
bool hf_odp_can(struct ibv_context *device, int access, bool insisted);

/* --- region.c; called with the context locked, and drop the lock in between */
int hf_mr_suspend(struct hf_mr *mr);
int hf_mr_restore(struct hf_mr *mr);
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
/* The pages that bytes of memory are on. */
void *hf_pages_start(const void *addr);
size_t hf_pages_length(const void *addr, size_t length);
uint64_t hf_pages_offset(const struct hf_mr *mr); /* in the file */

/* --- workers.c */
int hf_workers_start(struct hf_context *context);
void hf_workers_stop(struct hf_context *context);
/* Whether the calling thread is in a hook of the program. */
bool hf_in_hook(void);

/* --- guard.c */
int hf_guard_start(struct hf_context *context);
void hf_guard_stop(struct hf_context *context);

#endif
