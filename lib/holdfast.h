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
 *	hf_wait(lease, &event, -1);		// a change wants the range
 *	ibv_dereg_mr(mr);			// it goes on
 *	hf_await_changes(fd, 0, length, &reach);
 *	mr = ibv_reg_mr(pd, addr, reach, access);
 *	...
 *	hf_release(lease);			// after ibv_dereg_mr()
 *
 * A lease is a file descriptor, made by hf_acquire(). poll(2), fcntl(2),
 * fork(2), close(2) and passing it over a socket do with it what they do with
 * any descriptor; it is close-on-exec. The last close ends the lease, once
 * nothing pins its pages any more.
 *
 * Conventions, for every function:
 * - It returns 0 or a file descriptor, or on failure a negative errno value;
 *   exceptions say so. hf_error() then explains in words.
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
 * The lease's descriptor has O_NONBLOCK: read(2) of it and hf_release() give
 * -EAGAIN instead of waiting. hf_wait() still waits as long as it is told to.
 */
#define HF_NONBLOCK 1U

/**
 * struct hf_attr - what kind of lease hf_acquire() makes
 * @kind: HOLDFAST_BREAKABLE, HOLDFAST_EXCLUSIVE or HOLDFAST_REWRITING; 0 is
 *	HOLDFAST_BREAKABLE
 * @break_ms: milliseconds from the break event until the holder is fenced. 0
 *	is the system's default, /proc/sys/fs/lease-break-time; more than the
 *	administrator's cap is the cap. hf_query() tells what it came to.
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
 * Afterwards this process can register shared mappings of the range for DMA, as often
 * as it likes, as long as it has the lease; other processes can after hf_join(). A
 * mapping that can only be read is registered for reading. Acquiring changes nothing of the file and locks no memory. Waits for
 * changes of the range that are under way.
 *
 * A registration reaches as far as the file does when it is made. It allocates the
 * holes and unshares the shared extents of what it pins, so that the first one of
 * a sparse file can take long and fill the filesystem, and it waits for changes that
 * are under way. Where its driver passes the errno value on, it fails with ENOSPC,
 * EIO, EDQUOT (also for the administrator's limit), EUCLEAN (another file that had
 * the same blocks is mapped in pages of another size, 6.15 and later), EHWPOISON (a
 * page has failed), EDEADLK (a change waits for pins of this process), or EFAULT
 * beyond the end of the file.
 * What a device writes is durable after an fsync(2) of the file.
 *
 * A registration of a mapping that can only be read leaves the file as it is. It fails
 * with ENODATA where the range has a hole, with EMLINK where blocks of the range or
 * beside it are shared, with EINPROGRESS where XFS may have prepared copies of blocks
 * of the file, and with EFAULT where the device is to write.
 * hf_registration_error() explains these values.
 *
 * RETURN VALUE
 * The lease, a new descriptor with close-on-exec set, or on failure:
 *
 * ERRORS
 * EINVAL	@offset or @length unaligned, negative or zero; unknown kind or
 *		flags in @attr
 * EOVERFLOW	@offset + @length is beyond the largest file
 * EBADF	@fd is not an open file
 * ENODEV	@fd is not a regular file
 * EACCES	@fd is not open for reading; or it is not open for writing, and
 *		the caller neither owns the file nor has CAP_LEASE
 * EPERM	exclusive or rewriting, and the caller neither owns the file nor has
 *	CAP_LEASE
 * EOPNOTSUPP	the file is not on a filesystem and device that lend their
 *		pages
 * EBUSY	another tool (livepatch) occupies a kernel function that Holdfast
 *		must watch
 * ENOMEM	no memory
 * EDEADLK	a change of the range waits for pins of this process: let go of
 *		those first
 * EINTR	a signal came while a change was waited for
 * and those of open(2) of /dev/holdfast: ENOENT when the module is not loaded.
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
 * The lease, or on failure, with *@offset unchanged:
 *
 * ERRORS
 * ENOENT	what is mapped there is not one range of one file, mapped shared;
 *		or the module is not loaded
 * EFAULT	not all of it is mapped
 * EACCES	the file was not open for both reading and writing when it was mapped
 * and those of hf_acquire()
 */
int hf_acquire_mapped(const void *addr, size_t length,
		      const struct hf_attr *attr, off_t *offset);

/**
 * hf_locate - where in a file is an address
 * @fd: the file, or a lease on it
 * @addr: @length: as for hf_acquire_mapped()
 * @offset: out
 *
 * A program that finds its mapping where it made it knows that nobody has mapped
 * something else there.
 *
 * RETURN VALUE
 * 0, or on failure, with *@offset unchanged:
 *
 * ERRORS
 * ENOENT	something else is mapped there; or the module is not loaded
 * EFAULT	not all of it is mapped
 * EINVAL	@addr or @length unaligned, or @length zero
 * EBADF	@fd is not an open file
 * EBADFD	@fd is a lease that has ended
 * and those of open(2) of /dev/holdfast, where @fd is the file
 */
int hf_locate(int fd, const void *addr, size_t length, off_t *offset);

/**
 * hf_wait - wait for one event of a lease, or of a watch
 * @lease: from hf_acquire(), hf_watch_own() or hf_watch_filesystem()
 * @event: out: the event
 * @timeout_ms: milliseconds; 0 does not wait, negative waits for ever
 *
 * The events of a lease are one queue, and who reads an event takes it. When
 * several threads or processes wait for the same lease, acquire it with
 * HF_NONBLOCK (or set O_NONBLOCK for a watch, fcntl(2)): without, a call that
 * is beaten to an event may wait for the next one beyond its timeout.
 *
 * RETURN VALUE
 * 0, or on failure, with *@event unchanged:
 *
 * ERRORS
 * ETIMEDOUT	no event within @timeout_ms
 * EINTR	a signal handler ran
 * EBADF	@lease is not an open descriptor
 * EPIPE	the lease has ended: it was released or revoked, nothing pins its
 *		pages any more, and no event is left
 * EBADFD	@lease is not a lease
 * EPROTO	what was read is not an event
 */
int hf_wait(int lease, struct holdfast_event *event, int timeout_ms);

/**
 * hf_await_changes - wait until no change of a range is under way
 * @fd: the file, as for hf_acquire()
 * @offset: @length: the range, as for hf_acquire()
 * @reach: out: how many bytes of the range, from its start, the file has then, up
 *	to the page that it ends in
 *
 * For who has let go of a range, and registers it again. A registration waits by
 * itself, too, but cannot be interrupted, and fails where the change has made the
 * file shorter. The next change can come at any time.
 *
 * RETURN VALUE
 * 0, or on failure, with *@reach unchanged:
 *
 * ERRORS
 * ENXIO	nothing of the range is in the file
 * EDEADLK	a change of the range waits for pins of this process: let go of
 *		those first
 * EINTR	a signal handler ran
 * and those of hf_acquire()
 */
int hf_await_changes(int fd, off_t offset, size_t length, uint64_t *reach);

/**
 * hf_release - end a lease, wait until nothing pins its pages, and close it
 * @lease: from hf_acquire()
 *
 * Deregister what was registered first: nobody else does, and the call waits
 * for it. close(2) instead of this call ends the lease without waiting.
 *
 * RETURN VALUE
 * 0 when the lease has ended and the descriptor is closed. On failure the
 * descriptor is still open:
 *
 * ERRORS
 * EAGAIN	pins are left, and the lease was acquired with HF_NONBLOCK. The
 *		release has begun: call again, or close(2).
 * EINTR	a fatal signal came; as EAGAIN
 * EBADF	@lease is not an open descriptor
 * EBADFD	@lease is an open /dev/holdfast, but not a lease
 * ENOTTY	@lease is some other file
 */
int hf_release(int lease);

/**
 * hf_query - ask what a lease is and how it stands
 * @lease: from hf_acquire()
 * @query: out: see <linux/holdfast.h>
 *
 * RETURN VALUE
 * 0, or on failure, with *@query unchanged:
 *
 * ERRORS
 * EBADF	@lease is not an open descriptor
 * ENOTTY	@lease is some other file
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
 * had no room for before this one. Returns a descriptor with close-on-exec.
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
 * For the administrator. Holds for the filesystem, which its UUID identifies,
 * until the module is unloaded, and replaces what was allowed before.
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
 * @grace_ms: milliseconds that its holder has to let go before he is fenced;
 *	0, or more than the lease's break time, is the break time, and so
 *	it is for a caller who neither is the holder nor has CAP_SYS_ADMIN
 * @flags: HF_REVOKE_NOWAIT or 0
 *
 * For the holder, the owner of the leased file, and the administrator; an
 * exclusive lease ends as any other. The holder gets an event with
 * HOLDFAST_OP_REVOKE and its deadline. A second call for the same lease can
 * only bring the deadline nearer.
 *
 * RETURN VALUE
 * 0 when the lease has ended and nothing pins its pages any more, or on
 * failure:
 *
 * ERRORS
 * EINPROGRESS	pins are left, with HF_REVOKE_NOWAIT. The revocation has
 *		begun, and goes on by itself.
 * EINTR	a fatal signal came; the revocation goes on
 * ENOENT	there is no lease @id, or no module
 * EPERM	not the holder, nor the file's owner (or CAP_FOWNER), nor
 *		CAP_SYS_ADMIN
 * EINVAL	unknown flags
 * and those of open(2) of /dev/holdfast
 */
int hf_revoke(uint64_t id, unsigned int grace_ms, unsigned int flags);

/* A report that is being read. One thread at a time may use it. */
struct hf_report;

/**
 * struct hf_report_entry - one lease in the report
 * @id: the lease's number
 * @kind: enum holdfast_kind
 * @state: enum holdfast_state
 * @backing: what lends the pages: "dax", "tmpfs", "hugetlbfs"
 * @pid: who acquired the lease, 0 when not visible from here
 * @uid: that process' real user
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
 * The list has the caller's own leases and those on files that he owns, with
 * CAP_SYS_ADMIN all of them.
 *
 * RETURN VALUE
 * 0, or on failure, with *@report unchanged:
 *
 * ERRORS
 * ENOENT	the module is not loaded, or there is no @path
 * EPROTO	the first line does not name the columns of a report
 * ENOMEM	no memory
 * and those of open(2) and read(2)
 */
int hf_report_open(const char *path, struct hf_report **report);

/**
 * hf_report_next - read the next lease of a report
 * @report: from hf_report_open()
 * @entry: out: the lease. What its pointers point to lasts until the next
 *	call with this @report.
 *
 * RETURN VALUE
 * 1 with *@entry written; 0 at the end of the report; or on failure, with
 * *@entry unchanged:
 *
 * ERRORS
 * EPROTO	the line is malformed, or says what only a newer library knows.
 *		The next call goes on with the next line.
 * ENOMEM	no memory
 * and those of read(2)
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
 * Read who pins what, as hf_report_open() and its kin read the leases: same
 * return values and errors. @path NULL is HOLDFAST_PINS.
 */
int hf_pins_open(const char *path, struct hf_pins **pins);
int hf_pins_next(struct hf_pins *pins, struct hf_pins_entry *entry);
void hf_pins_close(struct hf_pins *pins);

/*
 * Names as the report has them: hf_kind_name(HOLDFAST_BREAKABLE) is
 * "breakable". A value without a name gives "unknown". The text lasts for
 * ever.
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
 *	restored: what the device has written, and the file has not got
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
 * A memfd says where it is, for the fence agent. Waits for changes of the range that
 * are under way.
 *
 * RETURN VALUE
 * 0, or on failure:
 *
 * ERRORS
 * EINVAL	as VFIO_IOMMU_MAP_DMA; unknown @attr
 * EEXIST	something is mapped there
 * ENOTTY	@container is none
 * ENOMEM	no memory, or RLIMIT_MEMLOCK: VFIO charges what it maps
 * EFAULT	beyond the end of the file
 * EOPNOTSUPP	this process has no lease of the range
 * EDEADLK	a change of the range waits for pins of this process
 * ENOSPC EDQUOT EIO EUCLEAN EHWPOISON ENODATA EMLINK EINPROGRESS	as for hf_acquire()'s pins
 * and those of hf_query(), mmap(2) and memfd_create(2)
 */
int hf_vfio_map(int container, uint64_t iova, int lease, int file, off_t offset,
		size_t length, const struct hf_vfio_attr *attr,
		struct hf_vfio **vfio);

/**
 * hf_vfio_break - let a change have the file
 * @vfio: from hf_vfio_map()
 *
 * For HOLDFAST_EVENT_BREAK. Afterwards the device does not reach the file. The
 * shadow has the file's content if this is called before the change is over, and
 * zeros behind its end. What the device writes while it is copied the file has,
 * and the shadow may not have.
 *
 * RETURN VALUE
 * 0, also when it is broken already, or on failure what VFIO_IOMMU_UNMAP_DMA
 * gives, nothing changed; or what mapping the shadow gives (ENOMEM:
 * RLIMIT_MEMLOCK), with nothing mapped.
 */
int hf_vfio_break(struct hf_vfio *vfio);

/**
 * hf_vfio_restore - map the file again where it was
 * @vfio: after hf_vfio_break()
 *
 * Waits for the change, as hf_await_changes(). A file that is shorter now is mapped as
 * far as it reaches.
 *
 * RETURN VALUE
 * 0, also when it is not broken, or on failure, with the mapping as
 * hf_vfio_break() left it:
 *
 * ERRORS
 * EAGAIN	the next change has come: go on as for any break
 * and those of hf_await_changes() and hf_vfio_map()
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
 * The lease goes on. Before the container is closed.
 *
 * RETURN VALUE
 * 0, or what VFIO_IOMMU_UNMAP_DMA gives.
 */
int hf_vfio_unmap(struct hf_vfio *vfio);

#ifdef __cplusplus
}
#endif

#endif
