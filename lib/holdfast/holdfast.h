/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libholdfast: layout leases on file ranges, for programs that register file
 * memory for DMA.
 *
 *	int lease = hf_acquire(fd, 0, length, NULL);
 *
 *	if (lease < 0)
 *		errx(1, "%s", hf_error());
 *	addr = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
 *	mr = ibv_reg_mr(pd, addr, length, access);
 *	hf_wait(lease, &event, -1);		// a change waits for the range
 *	ibv_dereg_mr(mr);			// the change goes on
 *	hf_await_changes(fd, 0, length, &reach);
 *	mr = ibv_reg_mr(pd, addr, reach, access);
 *	...
 *	hf_release(lease);			// after ibv_dereg_mr()
 *
 * A lease is a file descriptor that hf_acquire() returns. poll(2), fcntl(2),
 * fork(2), close(2) and passing it over a socket do with it what they do with
 * any descriptor; it is close-on-exec. After the last close(2) the lease ends as soon as
 * nothing pins its pages.
 *
 * Conventions, for every function:
 * - It returns 0 or a file descriptor, or on failure a negative errno value;
 *   exceptions say so. hf_error() then explains in words. Its manual page has
 *   the errno values, and libholdfast(7) those that every function can return.
 * - On failure nothing has changed and no out parameter has been written,
 *   unless the function says otherwise.
 * - Any thread may call it at any time. The library keeps nothing but the
 *   text of hf_error(), one for each thread, and installs no handlers, so it
 *   may be used on both sides of a fork(2). It is not async-signal-safe.
 * - A function or structure keeps its meaning for programs that are linked
 *   with it: when one has to change, it does so under a new symbol version.
 */
#ifndef HOLDFAST_H
#define HOLDFAST_H

#include <linux/holdfast.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The lease's descriptor has O_NONBLOCK: read(2) of it and hf_release() return
 * -EAGAIN instead of waiting. hf_wait() still waits for its timeout.
 */
#define HF_NONBLOCK 1U

/**
 * struct hf_attr - what kind of lease hf_acquire() makes
 * @kind: HOLDFAST_BREAKABLE, HOLDFAST_EXCLUSIVE or HOLDFAST_REWRITING; 0 is
 *	HOLDFAST_BREAKABLE
 * @break_ms: milliseconds from the break event until the holder is fenced. 0
 *	is the system's default, /proc/sys/fs/lease-break-time; more than the
 *	administrator's cap is the cap. hf_query() reports the break time that holds.
 * @flags: HF_NONBLOCK or 0
 *
 * A structure of zeros is what attr == NULL means. Initialise it by member
 * names, so that members which later versions add are zero.
 */
struct hf_attr {
	unsigned int kind;
	unsigned int break_ms;
	unsigned int flags;
};

/**
 * hf_acquire - take a lease on a range of a file
 * @fd: the file, open for reading and writing, on XFS or ext4 with DAX, on
 *	tmpfs or on hugetlbfs. It may be closed afterwards.
 * @offset: start of the range in bytes, a multiple of the page size
 * @length: bytes, a multiple of the page size, not zero. The range may reach
 *	beyond the end of the file.
 * @attr: the kind of lease, or NULL
 *
 * As long as this process has the lease, it can register shared mappings of the range
 * for DMA, as often as it wants; other processes can after hf_join(). A mapping that can
 * only be read is registered for reading. The call changes nothing of the file and locks
 * no memory. It waits for changes of the range that are under way.
 *
 * A registration reaches as far as the file does when it is made. It allocates the
 * holes and unshares the shared extents of what it pins, so the first one of a sparse
 * file can take long and fill the filesystem. It waits for changes that are under way.
 * A registration of a mapping that can only be read leaves the file as it is.
 * hf_registration_error() explains the errno value of a registration that fails.
 * What a device writes is durable after an fsync(2) of the file.
 *
 * RETURN VALUE
 * The lease, a new descriptor with close-on-exec set, or a negative errno value.
 */
int hf_acquire(int fd, off_t offset, size_t length, const struct hf_attr *attr);

/**
 * hf_acquire_mapped - take a lease on the file that is mapped at an address
 * @addr: of this process, a multiple of the page size
 * @length: bytes, a multiple of the page size, not zero
 * @attr: the kind of lease, or NULL
 * @offset: out: where in the file @addr is
 *
 * As hf_acquire(), for the range of the one file that is mapped shared there. The
 * file needs neither a name nor an open descriptor.
 *
 * RETURN VALUE
 * The lease, or a negative errno value with *@offset unchanged.
 */
int hf_acquire_mapped(const void *addr, size_t length,
		      const struct hf_attr *attr, off_t *offset);

/**
 * hf_locate - where in a file is an address
 * @fd: the file, or a lease on it
 * @addr: @length: as for hf_acquire_mapped()
 * @offset: out
 *
 * A program that finds its mapping where it made it knows that nothing else has been
 * mapped there.
 *
 * RETURN VALUE
 * 0, or a negative errno value with *@offset unchanged.
 */
int hf_locate(int fd, const void *addr, size_t length, off_t *offset);

/**
 * hf_wait - wait for one event of a lease, or of a watch
 * @lease: from hf_acquire(), hf_watch_own() or hf_watch_filesystem()
 * @event: out: the event
 * @timeout_ms: milliseconds; 0 does not wait, negative waits for ever
 *
 * The events of a lease are one queue, and each event is read once. When several
 * threads or processes wait for the same lease, acquire it with HF_NONBLOCK (or set
 * O_NONBLOCK for a watch, fcntl(2)). Otherwise a call may wait beyond its timeout
 * after another one has taken the event.
 *
 * RETURN VALUE
 * 0, or a negative errno value with *@event unchanged.
 */
int hf_wait(int lease, struct holdfast_event *event, int timeout_ms);

/**
 * hf_await_changes - wait until no change of a range is under way
 * @fd: the file, as for hf_acquire()
 * @offset: @length: the range, as for hf_acquire()
 * @reach: out: how many bytes of the range, from its start, the file has then, up
 *	to the page that it ends in
 *
 * For a program that has deregistered a range and registers it again. A registration
 * waits by itself, too, but cannot be interrupted, and fails where the change has made
 * the file shorter. The next change can come at any time.
 *
 * RETURN VALUE
 * 0, or a negative errno value with *@reach unchanged.
 */
int hf_await_changes(int fd, off_t offset, size_t length, uint64_t *reach);

/**
 * hf_release - end a lease, wait until nothing pins its pages, and close it
 * @lease: from hf_acquire()
 *
 * Deregister first: the call waits for what is registered. close(2) instead of this
 * call ends the lease without waiting. After -EAGAIN (HF_NONBLOCK) and -EINTR the
 * release has begun, and the program calls again or closes the descriptor.
 *
 * RETURN VALUE
 * 0 when the lease has ended and the descriptor is closed, or a negative errno value
 * with the descriptor still open.
 */
int hf_release(int lease);

/**
 * hf_query - ask what a lease is and how it stands
 * @lease: from hf_acquire()
 * @query: out: see <linux/holdfast.h>
 *
 * RETURN VALUE
 * 0, or a negative errno value with *@query unchanged.
 */
int hf_query(int lease, struct holdfast_query *query);

/*
 * Implicit leases. Their manual pages have the ERRORS of these calls.
 */

/**
 * hf_allow - allow implicit leases to this process and its children
 * @break_ms: break time of these leases, as in struct hf_attr
 *
 * While a process has the descriptor, also one that fork(2) or execve(2) passed
 * on, a registration of a shared mapping of a file on XFS or ext4 with DAX makes a
 * breakable lease, which ends with the registration. close(2) ends
 * the permission, and no lease. Returns a descriptor without close-on-exec.
 */
int hf_allow(unsigned int break_ms);

/**
 * hf_join - become a party to a lease that another process acquired
 * @lease: its descriptor, inherited or received over a socket
 *
 * The calling process can then register mappings of the leased range. A party
 * that pins pages can be fenced. Returns 0, also for a party.
 */
int hf_join(int lease);

/**
 * hf_watch_own - open a queue of the events of this process's implicit leases
 *
 * For hf_wait(), poll(2) and close(2). Its events have @address, @lease_offset
 * and @lease_length of the pins, and @lost, the number of events that the queue
 * had no room for before this one: each lease that breaks is told of once more then,
 * and also after lseek(2) to 0. Returns a descriptor with close-on-exec.
 */
int hf_watch_own(void);

/**
 * hf_watch_filesystem - the same for all leases of a filesystem
 * @fd: an open file or folder of it; it may be closed afterwards
 *
 * For the administrator. Events of explicit leases have no @address.
 */
int hf_watch_filesystem(int fd);

/* For hf_policy_allow(): everybody. */
#define HF_ANY_GROUP ((gid_t)-1)

/**
 * hf_policy_allow - allow implicit leases on a filesystem
 * @fd: an open file or folder of the filesystem
 * @gid: only processes of this group; HF_ANY_GROUP: all
 * @break_ms: as for hf_allow()
 *
 * For the administrator. The policy holds for the filesystem, which its UUID
 * identifies, until the module is unloaded, and replaces an earlier one.
 */
int hf_policy_allow(int fd, gid_t gid, unsigned int break_ms);

/**
 * hf_policy_forbid - end what hf_policy_allow() began; leases that exist stay
 * @fd: an open file or folder of the filesystem
 */
int hf_policy_forbid(int fd);

/**
 * hf_policy_allow_uuid - hf_policy_allow() of a filesystem that need not be mounted
 * @uuid: 16 bytes
 * @gid: as for hf_policy_allow()
 * @break_ms: as for hf_policy_allow()
 */
int hf_policy_allow_uuid(const unsigned char *uuid, gid_t gid,
			 unsigned int break_ms);

/**
 * hf_policy_forbid_uuid - hf_policy_forbid() of a filesystem that need not be mounted
 * @uuid: 16 bytes
 */
int hf_policy_forbid_uuid(const unsigned char *uuid);

/* hf_revoke() does not wait until the pins are gone. */
#define HF_REVOKE_NOWAIT 1U

/**
 * hf_revoke - end somebody's lease
 * @id: the lease's number: from a report, hf_query() or an event
 * @grace_ms: milliseconds that the holder has to deregister before it is fenced.
 *	0, or more than the lease's break time, is the break time. The owner of
 *	the file, without CAP_SYS_ADMIN, always grants the break time.
 * @flags: HF_REVOKE_NOWAIT or 0
 *
 * For the holder, the owner of the leased file, and the administrator; an
 * exclusive lease ends as any other. The holder gets an event with
 * HOLDFAST_OP_REVOKE and its deadline. A second call for the same lease can
 * only bring the deadline nearer. After -EINPROGRESS (HF_REVOKE_NOWAIT) and -EINTR the
 * revocation goes on by itself.
 *
 * RETURN VALUE
 * 0 when the lease has ended and nothing pins its pages, or a negative errno value.
 */
int hf_revoke(uint64_t id, unsigned int grace_ms, unsigned int flags);

/* A report that is being read. One thread at a time may use it. */
struct hf_report;

/* A kind or state that only a newer module and library have a name for. */
#define HF_KIND_UNKNOWN	 0U
#define HF_STATE_UNKNOWN (~0U)

/**
 * struct hf_report_entry - one lease in the report
 * @id: the lease's number
 * @kind: enum holdfast_kind, or HF_KIND_UNKNOWN
 * @state: enum holdfast_state, or HF_STATE_UNKNOWN
 * @backing: what lends the pages: "dax", "tmpfs", "hugetlbfs"; NULL when not
 *	known
 * @pid: the process that acquired the lease, 0 when not visible from here
 * @uid: the real user of that process
 * @comm: its name, NULL when not known
 * @major: @minor: the file's device
 * @ino: the file's inode number
 * @offset: start of the range in bytes
 * @length: length of the range in bytes
 * @pinned: bytes of the range that are pinned
 * @age_ms: milliseconds since the lease was acquired
 * @break_ms: the break time in milliseconds
 * @has_deadline: whether @deadline_ms is set
 * @deadline_ms: milliseconds from the report to the fence, negative when the
 *	deadline has passed
 * @has_change: whether the lease meets a change, and @op and the @change_
 *	members are set
 * @op: enum holdfast_op of the change
 * @change_pid: the task that makes it, 0 when not visible from here
 * @change_comm: its name, NULL when not known
 * @change_offset: start of the change in bytes
 * @change_length: its length in bytes, UINT64_MAX up to any end of the file
 * @pinners: processes that pin bytes of the range
 * @pinner_count: how many @pinners there are
 * @path: the file, NULL when not known
 * @origin: enum holdfast_origin
 * @absorbed: how many changes a rewriting lease has absorbed
 * @media_errors: how often memory of the range has failed
 *
 * What the module does not report, as it is older, is 0 or NULL.
 */
struct hf_report_entry {
	uint64_t id;
	unsigned int kind;
	unsigned int state;
	const char *backing;
	pid_t pid;
	uid_t uid;
	const char *comm;
	unsigned int major;
	unsigned int minor;
	uint64_t ino;
	uint64_t offset;
	uint64_t length;
	uint64_t pinned;
	uint64_t age_ms;
	uint64_t break_ms;
	bool has_deadline;
	int64_t deadline_ms;
	bool has_change;
	unsigned int op;
	pid_t change_pid;
	const char *change_comm;
	uint64_t change_offset;
	uint64_t change_length;
	const pid_t *pinners;
	size_t pinner_count;
	const char *path;
	unsigned int origin;
	uint64_t absorbed;
	uint64_t media_errors;
};

/**
 * hf_report_open - begin to read the list of leases
 * @path: a file that holds a report, NULL is HOLDFAST_REPORT
 * @report: out: end with hf_report_close()
 *
 * The list has the caller's own leases and those on files that the caller owns; with
 * CAP_SYS_ADMIN it has all leases.
 *
 * RETURN VALUE
 * 0, or a negative errno value with *@report unchanged.
 */
int hf_report_open(const char *path, struct hf_report **report);

/**
 * hf_report_next - read the next lease of a report
 * @report: from hf_report_open()
 * @entry: out: the lease. What its pointers point to lasts until the next
 *	call with this @report.
 *
 * RETURN VALUE
 * 1 with *@entry written; 0 at the end of the report; or a negative errno value
 * with *@entry unchanged. After -EPROTO the next call goes on with the next line.
 */
int hf_report_next(struct hf_report *report, struct hf_report_entry *entry);

/**
 * hf_report_close - end the reading of a report
 * @report: from hf_report_open(), or NULL. It is gone afterwards.
 */
void hf_report_close(struct hf_report *report);

/* A report of pins that is being read. One thread at a time may use it. */
struct hf_pins;

/**
 * struct hf_pins_entry - pins that one process made for one consumer
 * @lease: number of the lease that covers them
 * @consumer: enum holdfast_consumer; a kind that only a newer library knows is
 *	HOLDFAST_CONSUMER_UNKNOWN
 * @pid: the process, 0 when not visible from here
 * @uid: its user
 * @start_ns: when it was started, in nanoseconds of CLOCK_BOOTTIME
 * @address: where the pins begin in its address space
 * @offset: where they begin in the file, in bytes
 * @length: how long they are, in bytes
 * @runs: pieces of the lease that are contiguous on the device
 */
struct hf_pins_entry {
	uint64_t lease;
	unsigned int consumer;
	pid_t pid;
	uid_t uid;
	uint64_t start_ns;
	uint64_t address;
	uint64_t offset;
	uint64_t length;
	uint64_t runs;
};

/*
 * Read the records of pins, as hf_report_open(), hf_report_next() and hf_report_close()
 * read the leases, with the same return values. @path NULL is HOLDFAST_PINS.
 */
int hf_pins_open(const char *path, struct hf_pins **pins);
int hf_pins_next(struct hf_pins *pins, struct hf_pins_entry *entry);
void hf_pins_close(struct hf_pins *pins);

/*
 * Names as the report has them: hf_kind_name(HOLDFAST_BREAKABLE) is "breakable". A
 * value without a name is "unknown". The text lasts for ever.
 */
const char *hf_kind_name(unsigned int kind);
const char *hf_state_name(unsigned int state);
const char *hf_op_name(unsigned int op);
const char *hf_event_name(unsigned int type);
const char *hf_origin_name(unsigned int origin);
const char *hf_consumer_name(unsigned int consumer);

/**
 * hf_error - explain the last failure
 *
 * RETURN VALUE
 * Why the last call of this thread that failed did so, and where possible
 * what to do about it: one line, without a newline, that begins with the file
 * or descriptor at fault. An empty string when none has failed. It is meant
 * for people, and changes between versions; programs look at the errno value.
 * Lasts until the next call of this thread that fails.
 */
const char *hf_error(void);

/**
 * hf_registration_error - explain why a leased range could not be registered
 * @err: the errno value that ibv_reg_mr() and its like have left
 *
 * RETURN VALUE
 * The reason, and where possible what to do about it: as hf_error(). Lasts for ever.
 */
const char *hf_registration_error(int err);

/**
 * enum hf_vfio_policy - what a device sees while its mapping is broken
 * @HF_VFIO_UNMAP: nothing. DMA to these addresses faults.
 * @HF_VFIO_REDIRECT: a shadow, memory with the content of the file at that time.
 *	What is written to it is not written to the file.
 */
enum hf_vfio_policy {
	HF_VFIO_UNMAP = 0,
	HF_VFIO_REDIRECT = 1,
};

/**
 * struct hf_vfio_attr - how hf_vfio_map() maps
 * @policy: enum hf_vfio_policy
 *
 * A structure of zeros is what attr == NULL means. Initialise it by member
 * names.
 */
struct hf_vfio_attr {
	unsigned int policy;
};

/**
 * struct hf_vfio_info - how a mapping stands
 * @addr: the mapping of the file in this process
 * @length: bytes that the device sees of the file; 0 while broken. Behind them
 *	there is nothing, or the shadow.
 * @shadow: what the device saw during the last break; NULL without
 *	HF_VFIO_REDIRECT
 * @before: the same as it was when that break began
 * @written: bytes of the pages where the two differed when the mapping was
 *	restored: the device has written them, and the file does not have them
 * @gap_ns: the longest time in nanoseconds, so far, in which there was neither
 *	the file nor the shadow
 */
struct hf_vfio_info {
	void *addr;
	uint64_t length;
	const void *shadow, *before;
	uint64_t written;
	uint64_t gap_ns;
};

struct hf_vfio;

/**
 * hf_vfio_map - map a leased range for the devices of a VFIO container
 * @container: /dev/vfio/vfio, with a group and VFIO_TYPE1v2_IOMMU set
 * @iova: address for the devices, a multiple of the page size
 * @lease: of the range, from hf_acquire()
 * @file: the leased file, open for reading and writing; it may be closed
 *	afterwards, the other two stay open
 * @offset: in the file, a multiple of the page size
 * @length: bytes, a multiple of the page size, not zero
 * @attr: how, or NULL
 * @vfio: out: the mapping, for the functions below, which must not be called
 *	at once for the same one
 *
 * A memfd says where the mapping is, for the fence agent. The call waits for changes of
 * the range that are under way.
 *
 * RETURN VALUE
 * 0, or a negative errno value.
 */
int hf_vfio_map(int container, uint64_t iova, int lease, int file, off_t offset,
		size_t length, const struct hf_vfio_attr *attr,
		struct hf_vfio **vfio);

/**
 * hf_vfio_break - unmap the file from the devices, so that a change goes on
 * @vfio: from hf_vfio_map()
 *
 * For HOLDFAST_EVENT_BREAK. Afterwards the device does not reach the file. The
 * shadow has the file's content if this is called before the change is over, and
 * zeros behind its end. Bytes that the device writes during the copy are in the file,
 * and may be missing in the shadow.
 *
 * RETURN VALUE
 * 0, also when it is broken already, or a negative errno value: of
 * VFIO_IOMMU_UNMAP_DMA, with nothing changed; or of mapping the shadow, with
 * nothing mapped.
 */
int hf_vfio_break(struct hf_vfio *vfio);

/**
 * hf_vfio_restore - map the file again where it was
 * @vfio: after hf_vfio_break()
 *
 * Waits for the change, as hf_await_changes() does. A file that is shorter now is mapped
 * as far as it reaches.
 *
 * RETURN VALUE
 * 0, also when it is not broken, or a negative errno value with the mapping as
 * hf_vfio_break() left it.
 */
int hf_vfio_restore(struct hf_vfio *vfio);

/**
 * hf_vfio_query - how a mapping stands
 * @vfio: from hf_vfio_map()
 * @info: out; pointers are valid until hf_vfio_unmap()
 */
void hf_vfio_query(const struct hf_vfio *vfio, struct hf_vfio_info *info);

/**
 * hf_vfio_unmap - end a mapping, broken or not
 * @vfio: from hf_vfio_map(); gone on success
 *
 * The lease goes on. Call it before the container is closed.
 *
 * RETURN VALUE
 * 0, or a negative errno value of VFIO_IOMMU_UNMAP_DMA.
 */
int hf_vfio_unmap(struct hf_vfio *vfio);

#ifdef __cplusplus
}
#endif

#endif
