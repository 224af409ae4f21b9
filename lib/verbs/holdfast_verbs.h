/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libholdfast-verbs: RDMA memory regions that know their lease.
 *
 *	hf_open_context(ibv_context, NULL, &context);
 *	hf_reg_mr(pd, fd, 0, length, access, NULL, &mr);
 *	...
 *	poll(hf_context_fd(context));
 *	hf_get_async_event(context, &event, 0);
 *	if (event.type == HF_ASYNC_DECOHERENCE) {
 *		...				// stop all use of the keys
 *		hf_restore_mr(event.mr);	// new pages, new keys
 *	}
 *	hf_ack_async_event(&event);
 *	...
 *	hf_dereg_mr(mr);
 *	hf_close_context(context);
 *
 * hf_reg_mr() leases a range of the file, maps it, and registers the
 * mapping. Posting and polling are those of libibverbs.
 *
 * Conventions, for every function:
 * - It returns 0, or on failure a negative errno value; exceptions say so.
 *   hf_verbs_error() then explains in words. Its manual page has the errno values.
 * - On failure nothing has changed and no out parameter has been written,
 *   unless the function says otherwise.
 * - Any thread may call it at any time, but a region must not be used by one
 *   thread while another one deregisters it. None is async-signal-safe.
 * - After fork(2) the regions and contexts are the parent's: in the child every
 *   function fails with EPERM, and a child that wants to register opens the
 *   device again. It does not inherit the leases (but see HF_MR_FORK).
 */
#ifndef HOLDFAST_VERBS_H
#define HOLDFAST_VERBS_H

#include <holdfast.h>
#include <infiniband/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the library knows of an open RDMA device. */
struct hf_context;

/* A memory region with its lease and its mapping. */
struct hf_mr;

/* Threads of the library answer breaks: see hf_open_context(). */
#define HF_AUTOMATIC 1U

/*
 * The library does not read the device's own events: for programs and libraries that
 * read them by ibv_get_async_event().
 */
#define HF_NO_DEVICE_EVENTS 2U

/**
 * struct hf_context_attr - how hf_open_context() treats the regions
 * @flags: HF_AUTOMATIC, HF_NO_DEVICE_EVENTS, or 0
 * @margin_ms: with HF_AUTOMATIC: how long before the deadline a region is
 *	deregistered although @quiesce has not returned, in milliseconds. 0 is
 *	6.25 seconds, or five eighths of the break time if that is less: earlier than
 *	holdfastd(8) acts.
 * @threads: with HF_AUTOMATIC: how many threads call @quiesce and @resume; 0 is 8.
 *	They are started by hf_open_context().
 * @quiesce: with HF_AUTOMATIC: stops all use of the keys of @mr, and returns when they
 *	are no longer used; may be NULL. @change has the operation, range and task.
 * @resume: with HF_AUTOMATIC: if @error is 0, the region can be used again, with the
 *	keys that hf_query_mr() returns. Otherwise the library has deregistered it and
 *	could not restore it; @error is a positive errno value of hf_restore_mr(),
 *	EPIPE for a lease that was revoked. May be NULL.
 * @arg: for both
 *
 * One of the @threads calls the two hooks. They may wait, and may call every
 * function of this library except hf_dereg_mr() of the same region and
 * hf_close_context(). A hook must not wait for the hook of another region, which may be
 * called only after the first has returned. All signals except synchronous
 * ones (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS) are blocked in these
 * threads.
 */
struct hf_context_attr {
	unsigned int flags;
	unsigned int margin_ms;
	unsigned int threads;
	void (*quiesce)(struct hf_mr *mr, const struct holdfast_event *change,
			void *arg);
	void (*resume)(struct hf_mr *mr, int error, void *arg);
	void *arg;
};

/**
 * hf_open_context - begin to use an RDMA device for leased memory
 * @device: from ibv_open_device(); close it after hf_close_context()
 * @attr: NULL is a structure of zeros
 * @context: out: end with hf_close_context()
 *
 * Without HF_AUTOMATIC the program answers each HF_ASYNC_DECOHERENCE before
 * its deadline, by hf_suspend_mr(), hf_restore_mr() or hf_dereg_mr(). Otherwise the
 * kernel kills it.
 *
 * With HF_AUTOMATIC threads of the library wait for breaks and answer each:
 * they call @attr->quiesce, deregister, and, when the change is over, restore the region
 * and call @attr->resume. When the deadline comes nearer than the margin and
 * @attr->quiesce has not returned, they deregister the region nevertheless. A program
 * can read what they did as events.
 *
 * One ibv_context can have several contexts, for example of libraries that share
 * it; all except one have HF_NO_DEVICE_EVENTS. struct hf_mr_attr names the context of a
 * region.
 *
 * RETURN VALUE
 * 0, or a negative errno value with *@context unchanged.
 */
int hf_open_context(struct ibv_context *device,
		    const struct hf_context_attr *attr,
		    struct hf_context **context);

/**
 * hf_close_context - end the use of a device
 * @context: from hf_open_context(). It is gone afterwards.
 *
 * RETURN VALUE
 * 0, or a negative errno value.
 */
int hf_close_context(struct hf_context *context);

/**
 * hf_context_fd - the descriptor to wait for
 * @context: from hf_open_context()
 *
 * poll(2) and its like find it readable when there is an event, of a region or of
 * the device itself. The library may find that the event concerns no region: call
 * hf_get_async_event() with a timeout of 0 in order not to wait. The descriptor belongs
 * to the library: do not read or close it.
 *
 * RETURN VALUE
 * The descriptor, or a negative errno value.
 */
int hf_context_fd(struct hf_context *context);

/* Flags of struct hf_mr_attr. */
#define HF_MR_ODP      (1U << 0) /* on-demand paging where possible */
#define HF_MR_ODP_ONLY (1U << 1) /* on-demand paging or nothing */
#define HF_MR_LEASE    (1U << 2) /* a lease or nothing */
#define HF_MR_FORK     (1U << 3) /* children inherit the lease's descriptor */
#define HF_MR_OR_ODP   (1U << 4) /* on-demand paging if the lease is refused */
#define HF_MR_IOVA     (1U << 5) /* the device uses other addresses: iova */

/**
 * struct hf_mr_attr - what kind of region
 * @kind: of the lease: HOLDFAST_BREAKABLE, HOLDFAST_EXCLUSIVE or
 *	HOLDFAST_REWRITING; 0 is HOLDFAST_BREAKABLE
 * @break_ms: of the lease, as in struct hf_attr
 * @flags: HF_MR_*. With HF_MR_FORK a child must not read(2) the lease's
 *	descriptor, because its events are for the parent.
 * @keys: hf_restore_mr(), or the thread that answers the break, calls it when the
 *	region has new keys, without a lock. hf_reg_mr() does not call it.
 * @user_data: for the program
 * @iova: with HF_MR_IOVA: the address that the first byte has for the device and its
 *	peers, as in ibv_reg_mr_iova(3). holdfastd(8) does not recognise such a region.
 * @context: of the device of the protection domain; NULL if there is only one
 */
struct hf_mr_attr {
	unsigned int kind;
	unsigned int break_ms;
	unsigned int flags;
	void (*keys)(struct hf_mr *mr, uint32_t lkey, uint32_t rkey,
		     void *user_data);
	void *user_data;
	uint64_t iova;
	struct hf_context *context;
};

/**
 * hf_reg_mr - lease a range of a file and register it
 * @pd: of a device with a context; ibv_dealloc_pd() fails with EBUSY until all its
 *	regions are deregistered
 * @fd: the file, as for hf_acquire(). It may be closed afterwards.
 * @offset: start of the range in bytes
 * @length: bytes
 * @access: enum ibv_access_flags, as for ibv_reg_mr(); without
 *	IBV_ACCESS_ON_DEMAND and IBV_ACCESS_HUGETLB
 * @attr: NULL is a structure of zeros
 * @mr: out: end with hf_dereg_mr(); hf_query_mr() reports address and keys
 *
 * The lease is on the pages that the range touches. With on-demand paging there is no
 * lease: the device asks for pages as it needs them, changes do not wait, and a
 * request for bytes that the file has lost completes with an error. HF_MR_ODP uses
 * on-demand paging where the device supports it for @access, and a lease elsewhere.
 * HF_MR_OR_ODP uses it where a breakable lease is refused because of the file or of a
 * limit (EOPNOTSUPP, ENOMEM, EDQUOT). Without these flags a region has a lease.
 *
 * Soft RoCE of Linux 7.2 supports on-demand paging but writes to wrong offsets: it puts
 * all bytes of a packet at the beginning of their page. So there only HF_MR_ODP_ONLY
 * uses it, for programs whose packets all begin with a page.
 *
 * RETURN VALUE
 * 0, or a negative errno value with *@mr unchanged.
 */
int hf_reg_mr(struct ibv_pd *pd, int fd, off_t offset, size_t length,
	      int access, const struct hf_mr_attr *attr, struct hf_mr **mr);

/**
 * hf_reg_mr_addr - register memory by its address
 * @pd: @length: @access: @attr: @mr: as for hf_reg_mr()
 * @addr: the first byte
 *
 * Where the memory is a shared, writable mapping of one file that can be leased,
 * the file's range is leased until the region is deregistered. The kernel knows the
 * file, also one without a name or in memory. Other memory is registered without a
 * lease; HF_MR_LEASE refuses it.
 */
int hf_reg_mr_addr(struct ibv_pd *pd, void *addr, size_t length, int access,
		   const struct hf_mr_attr *attr, struct hf_mr **mr);

/**
 * hf_reg_mr_lease - register memory of an existing lease
 * @pd: @length: @access: @attr: @mr: as for hf_reg_mr(), but the lease has kind and
 *	break time already
 * @lease: from hf_acquire(), of another process that has passed it, or of another
 *	region (struct hf_mr_info). It may be closed afterwards.
 * @addr: the first byte, in a shared mapping of the lease's file
 *
 * Regions of one lease may be of several protection domains, devices and contexts.
 * A change concerns the regions whose bytes it takes. From now on the library reads the
 * events of the lease, and the program must not.
 */
int hf_reg_mr_lease(struct ibv_pd *pd, int lease, void *addr, size_t length,
		    int access, const struct hf_mr_attr *attr,
		    struct hf_mr **mr);

/**
 * hf_dereg_mr - end a region, its lease and the mapping that hf_reg_mr() made
 * @mr: it is gone afterwards, with its events
 *
 * Waits for the thread that answers a break of the region or restores it. Called in a
 * hook it does not wait, and the lease and the mapping are freed when the hooks of the
 * region have returned. It does not wait for others that have the same pages pinned; until
 * these have unpinned them, the lease is listed as releasing.
 *
 * RETURN VALUE
 * 0, or a negative errno value with the region as it was.
 */
int hf_dereg_mr(struct hf_mr *mr);

/**
 * hf_suspend_mr - deregister a region, but keep its lease and its mapping
 * @mr: from hf_reg_mr()
 *
 * A change that waits for the region goes on. The call does not wait for it:
 * HF_ASYNC_RESTORABLE reports when hf_restore_mr() need not wait.
 *
 * RETURN VALUE
 * 0, or a negative errno value with the region as it was.
 */
int hf_suspend_mr(struct hf_mr *mr);

/**
 * hf_restore_mr - register a region again after a change
 * @mr: suspended, or still registered while a change waits
 *
 * Deregisters the region if it is registered, waits until the change is over, and
 * registers it again: the same virtual address, new pages, new keys. Where the file has
 * become shorter, so has the region: see hf_query_mr(). Bytes that are written to new
 * pages survive a power cut after an fsync(2) of the file.
 *
 * RETURN VALUE
 * 0, or a negative errno value with the region suspended; see hf_restore_mr(3) for exceptions.
 */
int hf_restore_mr(struct hf_mr *mr);

/**
 * enum hf_mr_state - how a region stands
 * @HF_MR_ACTIVE: registered, and what is registered is the file
 * @HF_MR_BREAKING: registered, and a change waits for it
 * @HF_MR_DECOHERENT: registered, but no longer the file, because a file in memory has
 *	been changed
 * @HF_MR_SUSPENDED: not registered, a change may be under way
 * @HF_MR_RESTORABLE: the change is over: hf_restore_mr()
 * @HF_MR_FENCED: the program did not answer a break, and the agent has deregistered
 *	it: hf_restore_mr()
 * @HF_MR_RELEASED: its lease has ended: hf_dereg_mr()
 */
enum hf_mr_state {
	HF_MR_ACTIVE = 1,
	HF_MR_BREAKING = 2,
	HF_MR_DECOHERENT = 3,
	HF_MR_SUSPENDED = 4,
	HF_MR_RESTORABLE = 5,
	HF_MR_FENCED = 6,
	HF_MR_RELEASED = 7,
};

/**
 * struct hf_mr_info - what hf_query_mr() reports
 * @state: enum hf_mr_state
 * @generation: how often it has been registered, from 1
 * @addr: its first byte; stays the same
 * @iova: the address of the first byte for the device
 * @length: bytes that are registered, or were last
 * @registered: whether it has keys
 * @mr: the region of libibverbs, NULL when it is not registered; for
 *	ibv_bind_mw() and the like, never for ibv_dereg_mr() or
 *	ibv_rereg_mr(), and only until it is suspended or restored
 * @lkey: @rkey: its keys, or the last ones when it is not registered
 * @on_demand: it uses on-demand paging
 * @lease: the lease's descriptor, the library's; -1 when it has none
 * @lease_id: the lease's number, 0 when it has none
 * @breaks: how many changes it has met
 * @last_break: the last of them; zeros when there was none
 * @user_data: from struct hf_mr_attr
 */
struct hf_mr_info {
	enum hf_mr_state state;
	unsigned int generation;
	void *addr;
	uint64_t iova;
	size_t length;
	bool registered;
	struct ibv_mr *mr;
	uint32_t lkey;
	uint32_t rkey;
	bool on_demand;
	int lease;
	uint64_t lease_id;
	uint64_t breaks;
	struct holdfast_event last_break;
	void *user_data;
};

/**
 * hf_query_mr - ask how a region stands
 * @mr: from hf_reg_mr()
 * @info: out
 *
 * Reports the state that the events so far have brought; with HF_AUTOMATIC also events
 * that the program has not read.
 *
 * RETURN VALUE
 * 0, or a negative errno value with *@info unchanged.
 */
int hf_query_mr(struct hf_mr *mr, struct hf_mr_info *info);

/* How many former keys a context remembers. */
#define HF_RETIRED_KEYS 1024

/**
 * struct hf_key - what hf_find_mr() reports of a key
 * @mr: the region, NULL when it has been deregistered
 * @generation: of the region, when it had the key
 * @retired: the key is a former one: the user of the key has missed that the region was
 *	restored or deregistered
 */
struct hf_key {
	struct hf_mr *mr;
	unsigned int generation;
	bool retired;
};

/**
 * hf_find_mr - find the region that a key belongs to
 * @context: from hf_open_context()
 * @key: lkey or rkey, for example of a work request that ended with an error
 * @found: out
 *
 * Devices use keys again: a key in use takes precedence over a former one.
 *
 * RETURN VALUE
 * 0, or a negative errno value with *@found unchanged.
 */
int hf_find_mr(struct hf_context *context, uint32_t key, struct hf_key *found);

/**
 * enum hf_async_type - what an event says
 * @HF_ASYNC_DEVICE: the device has an event, see ibv_get_async_event()
 * @HF_ASYNC_DECOHERENCE: a change waits for the region, until the deadline; or
 *	(deadline 0) a file in memory has been changed
 * @HF_ASYNC_RESTORABLE: the change is over, hf_restore_mr() does not wait
 * @HF_ASYNC_RESTORED: the library has restored it (HF_AUTOMATIC)
 * @HF_ASYNC_FAILED: the library could not deregister or restore it
 *	(HF_AUTOMATIC): see error
 * @HF_ASYNC_FENCED: the deadline has passed, and the agent has deregistered it
 * @HF_ASYNC_RELEASED: its lease has ended
 * @HF_ASYNC_MEDIA_ERROR: memory of the region has failed, and its content is lost;
 *	change has the range of the file. The region stays as it is and needs no
 *	answer, but cannot be registered again with that page.
 */
enum hf_async_type {
	HF_ASYNC_DEVICE = 1,
	HF_ASYNC_DECOHERENCE = 2,
	HF_ASYNC_RESTORABLE = 3,
	HF_ASYNC_RESTORED = 4,
	HF_ASYNC_FAILED = 5,
	HF_ASYNC_FENCED = 6,
	HF_ASYNC_RELEASED = 7,
	HF_ASYNC_MEDIA_ERROR = 8,
};

/**
 * struct hf_async_event - an event
 * @type: enum hf_async_type
 * @error: HF_ASYNC_FAILED: a negative errno value
 * @mr: the region; NULL for HF_ASYNC_DEVICE
 * @user_data: of the region
 * @generation: of the region, when the event came
 * @lost: how many other events of this type and region this one stands for, because
 *	the program did not read them in time
 * @change: operation, range, task and deadline (CLOCK_MONOTONIC, ns) of the
 *	change; zeros when there is none. HF_ASYNC_MEDIA_ERROR: the range that
 *	has failed, the newest of them
 * @device: HF_ASYNC_DEVICE: the device's event
 */
struct hf_async_event {
	enum hf_async_type type;
	int error;
	struct hf_mr *mr;
	void *user_data;
	unsigned int generation;
	unsigned int lost;
	struct holdfast_event change;
	struct ibv_async_event device;
};

/**
 * hf_get_async_event - take the next event, of a region or of the device
 * @context: from hf_open_context()
 * @event: out: give it back with hf_ack_async_event()
 * @timeout_ms: milliseconds; 0 does not wait, negative waits for ever
 *
 * Replaces ibv_get_async_event(), which must not be called for the same device,
 * unless the context has HF_NO_DEVICE_EVENTS. Events that are not read cost no memory:
 * the library keeps the last one of each type and region.
 *
 * RETURN VALUE
 * 0, or a negative errno value with *@event unchanged.
 */
int hf_get_async_event(struct hf_context *context, struct hf_async_event *event,
		       int timeout_ms);

/**
 * hf_ack_async_event - acknowledge an event
 * @event: from hf_get_async_event()
 *
 * For an event of the device it calls ibv_ack_async_event(), for which the destruction of
 * a queue pair waits. Events of regions need no acknowledgement, but may have one.
 */
void hf_ack_async_event(struct hf_async_event *event);

/* "active", "decoherence"; "unknown" for a value without a name. */
const char *hf_mr_state_name(unsigned int state);
const char *hf_async_name(unsigned int type);

/**
 * hf_verbs_error - explain the last failure
 *
 * RETURN VALUE
 * Why the last call of this thread to this library that failed did so, as
 * hf_error() does for libholdfast. Lasts until the next one that fails.
 */
const char *hf_verbs_error(void);

#ifdef __cplusplus
}
#endif

#endif
