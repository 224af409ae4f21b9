/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Layout leases on file ranges: the ABI of /dev/holdfast.
 *
 * An open of /dev/holdfast becomes a lease with HOLDFAST_IOC_ACQUIRE. From
 * then on the open file *is* the lease: the process that has it may pin
 * mappings of the file for long (RDMA memory regions, io_uring fixed buffers,
 * VFIO), and poll(2) and read(2) return events. After the last close(2) the lease
 * ends as soon as nothing pins its pages.
 *
 * Every structure begins with its own size, so that it can grow: the kernel
 * takes a smaller (older) one and a larger (newer) one whose tail is zero.
 * Fields named __reserved must be zero.
 */
#ifndef _UAPI_LINUX_HOLDFAST_H
#define _UAPI_LINUX_HOLDFAST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HOLDFAST_DEVICE		"/dev/holdfast"
#define HOLDFAST_REPORT		"/proc/fs/holdfast/leases"
#define HOLDFAST_PINS		"/proc/fs/holdfast/pins"
#define HOLDFAST_POLICIES	"/proc/fs/holdfast/policy"
#define HOLDFAST_COUNTERS	"/proc/fs/holdfast/counters"

#define HOLDFAST_IOC_TYPE	0xBC

/* Range edges are matched in units of this many bytes; see doc/semantics.md. */
#define HOLDFAST_CHANGE_ALIGN	(2U << 20)

/**
 * enum holdfast_kind - what happens when a change meets the lease
 * @HOLDFAST_BREAKABLE: the change waits until the consumers are gone, for at
 *	most the break time
 * @HOLDFAST_EXCLUSIVE: the change fails with ETXTBSY
 * @HOLDFAST_REWRITING: the change succeeds as if the device had at once written all
 *	of the range again. A punch and a zeroing leave the range as it is, and a
 *	truncation stops at the end of the range, or of the file if that comes
 *	first. What shifts, shares or replaces blocks fails with ETXTBSY. Edges of
 *	the range are multiples of HOLDFAST_CHANGE_ALIGN; only on files with DAX.
 */
enum holdfast_kind {
	HOLDFAST_BREAKABLE	= 1,
	HOLDFAST_EXCLUSIVE	= 2,
	HOLDFAST_REWRITING	= 3,
};

/**
 * enum holdfast_state - where a lease is in its life
 * @HOLDFAST_UNBOUND: the open file is not a lease yet
 * @HOLDFAST_ACTIVE: no change of the range is under way, as far as it met the
 *	lease
 * @HOLDFAST_BREAKING: a change waits for consumers of bytes that it takes, or is
 *	under way; then the lease is active again
 * @HOLDFAST_RELEASING: the lease was released or revoked, consumers are left
 * @HOLDFAST_ZOMBIE: nobody has the lease open, consumers are left
 * @HOLDFAST_RELEASED: the lease was released or revoked, nothing is left of it
 */
enum holdfast_state {
	HOLDFAST_UNBOUND	= 0,
	HOLDFAST_ACTIVE		= 1,
	HOLDFAST_BREAKING	= 2,
	HOLDFAST_RELEASING	= 3,
	HOLDFAST_ZOMBIE		= 4,
	HOLDFAST_RELEASED	= 5,
};

/**
 * enum holdfast_origin - how a lease came about
 * @HOLDFAST_ORIGIN_UNKNOWN: not known
 * @HOLDFAST_EXPLICIT: by HOLDFAST_IOC_ACQUIRE
 * @HOLDFAST_IMPLICIT: by a pin, under a permission (HOLDFAST_IOC_ALLOW) or a
 *	policy (HOLDFAST_IOC_POLICY)
 */
enum holdfast_origin {
	HOLDFAST_ORIGIN_UNKNOWN	= 0,
	HOLDFAST_EXPLICIT	= 1,
	HOLDFAST_IMPLICIT	= 2,
};

/**
 * enum holdfast_op - the operation of a change
 *
 * HOLDFAST_OP_UNKNOWN is a change that came by an entry Holdfast has no name
 * for; its range is the whole file. HOLDFAST_OP_REVOKE is no change of the
 * file: the lease is being revoked.
 */
enum holdfast_op {
	HOLDFAST_OP_UNKNOWN	= 0,
	HOLDFAST_OP_TRUNCATE	= 1,
	HOLDFAST_OP_PUNCH	= 2,
	HOLDFAST_OP_COLLAPSE	= 3,
	HOLDFAST_OP_INSERT	= 4,
	HOLDFAST_OP_ZERO	= 5,
	HOLDFAST_OP_UNSHARE	= 6,
	HOLDFAST_OP_REFLINK	= 7,
	HOLDFAST_OP_DEDUPE	= 8,
	HOLDFAST_OP_REVOKE	= 9,
	HOLDFAST_OP_EXCHANGE	= 10,
};

/* The range is that of the file which is mapped at an address. */
#define HOLDFAST_ACQUIRE_ADDRESS	(1U << 0)

/**
 * struct holdfast_acquire - HOLDFAST_IOC_ACQUIRE
 * @size: sizeof(struct holdfast_acquire)
 * @flags: HOLDFAST_ACQUIRE_ADDRESS: @offset is an address of the calling process,
 *	and @fd is -1. The lease is on the range of the one file that is mapped
 *	shared there, whether the file has a name or an open descriptor or not; where
 *	in the file that is @offset says afterwards.
 * @fd: the file, open for reading; and for writing, unless the caller owns the
 *	file or has CAP_LEASE
 * @kind: enum holdfast_kind
 * @offset: start of the range in bytes, a multiple of the page size
 * @length: bytes, a multiple of the page size, not zero. The range may reach
 *	beyond the end of the file; pins reach as far as the file does when
 *	they are made.
 * @break_ms: break time in milliseconds; 0 means the module's default, and
 *	more than the administrator's cap means the cap
 * @__reserved: must be zero
 * @id: out: the lease's number, never used again until the module is unloaded
 *
 * Binds the open /dev/holdfast to a range of a file. From then on the calling
 * process is a party to the lease: its long-term pins of shared mappings of the
 * range are allowed, and recorded. See HOLDFAST_IOC_JOIN for
 * others. Nothing of the file changes, and no memory is locked: what pins does
 * that. Waits, interruptibly, for changes of the range that are under way.
 *
 * A pin allocates holes and unshares shared extents; on XFS, where blocks are
 * shared there, also around its pages, up to the next multiple of what is copied
 * on write together (128 KiB where no hint is set, see cowextsize in xfs_io(8))
 * and one more. A pin fails with ENOSPC, EDQUOT (also for the module parameter
 * fs_limit_mib) or EIO where that cannot be done, with EUCLEAN where, on 6.15 and
 * later, another file that had the same blocks has page cache entries of them in
 * another size (see the kernel log), with EHWPOISON where a page has failed (see
 * HOLDFAST_EVENT_MEDIA_ERROR), with EFAULT beyond the end of the file, and
 * with EDEADLK where a change of its range waits for pins of the same process. It
 * waits, killably, for other changes of its range. A pin fails with EOPNOTSUPP where
 * no lease covers it, and with EACCES where only an implicit lease could, and the
 * file is open for reading only and neither the process's own nor CAP_LEASE is there.
 *
 * A pin of a mapping that can only be read is one for reading, and changes nothing
 * of the file. It fails with
 * EFAULT	to write was asked for
 * ENODATA	the pages have a hole, or space that was never written
 * EMLINK	XFS: a block of the pages, or as near to them as above, is shared
 *		with another file; the next write would move it, and others
 * EINPROGRESS	XFS: the file has shared blocks, or had some, and XFS may have
 *		prepared copies of its blocks, which a write would move. It
 *		surely has not where the file has no other blocks than FIEMAP
 *		shows (none for attributes or of a tree of extents), or since
 *		all of it was unshared (FALLOC_FL_UNSHARE_RANGE).
 *
 * Return 0, or with nothing changed:
 * EINVAL	@offset or @length unaligned (also, rewriting, to
 *		HOLDFAST_CHANGE_ALIGN), @length zero, unknown @kind, @flags or
 *		@__reserved not zero, @size too small
 * E2BIG	@size is larger than the kernel knows and the tail is not zero
 * EOVERFLOW	@offset + @length is beyond the largest file
 * EBADF	@fd is not an open file
 * ENODEV	@fd is not a regular file
 * EACCES	@fd is not open for reading; it is not open for writing, and the
 *		caller neither owns the file nor has CAP_LEASE; or it is open for
 *		writing, and the file has DAX and is append-only (FS_APPEND_FL):
 *		mmap(2) refuses that, too
 * EPERM	exclusive or rewriting, and the caller neither owns the file nor has
 *		CAP_LEASE
 * EOPNOTSUPP	the file is not one that lends its pages: on XFS (not a realtime
 *		file, nor one with an extent size hint that does not divide
 *		HOLDFAST_CHANGE_ALIGN) or ext4 with DAX, tmpfs (memfd_create() too),
 *		hugetlbfs. A rewriting lease is only for the first two.
 * EBUSY	this open file is a lease already, or a live patch occupies one of
 *		the functions that Holdfast hooks, or ftrace is off (sysctl
 *		kernel.ftrace_enabled)
 * ENOMEM	no memory
 * EDEADLK	a change of the range waits for pins of this process: deregister
 *		first
 * EINTR	a signal came while a change was waited for
 * ENOENT	HOLDFAST_ACQUIRE_ADDRESS: what is mapped there is not one range of
 *		one file, mapped shared
 * EFAULT	HOLDFAST_ACQUIRE_ADDRESS: not all of it is mapped; or
 *		the structure cannot be read, or not be written, which alone
 *		does not undo what was done: then there is a lease
 */
struct holdfast_acquire {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 kind;
	__u64 offset;
	__u64 length;
	__u32 break_ms;
	__u32 __reserved;
	__u64 id;
};
#define HOLDFAST_IOC_ACQUIRE	_IO(HOLDFAST_IOC_TYPE, 0x00)

/**
 * struct holdfast_release - HOLDFAST_IOC_RELEASE
 * @size: sizeof(struct holdfast_release)
 * @flags: must be zero
 *
 * Ends the lease without closing it: it allows no new pins, and the call returns when
 * the existing pins are gone. The open file cannot become a lease again.
 *
 * Return 0, or
 * EINVAL, E2BIG	as for HOLDFAST_IOC_ACQUIRE
 * EBADFD	the open file is not a lease
 * EAGAIN	consumers are left and the file is open with O_NONBLOCK. The
 *		release goes on by itself: poll(2) gives POLLHUP at its end.
 * EINTR	a fatal signal came while consumers were waited for; as EAGAIN
 */
struct holdfast_release {
	__u32 size;
	__u32 flags;
};
#define HOLDFAST_IOC_RELEASE	_IO(HOLDFAST_IOC_TYPE, 0x01)

/**
 * struct holdfast_query - HOLDFAST_IOC_QUERY
 * @size: sizeof(struct holdfast_query)
 * @flags: must be zero
 * @id: out: the lease's number, 0 while unbound
 * @kind: out: enum holdfast_kind, 0 while unbound
 * @state: out: enum holdfast_state
 * @offset: out: start of the range in bytes
 * @length: out: length of the range in bytes
 * @break_ms: out: the break time that holds for this lease, in milliseconds
 * @events_lost: out: events that were overwritten before they were read
 * @deadline_ns: out: CLOCK_MONOTONIC time in ns at which the holder is fenced,
 *	0 when no change waits
 * @pinned: out: bytes of the range that were pinned because of the lease, and
 *	that something other than a page table still holds, from 6.15 on in what
 *	the filesystem keeps in one piece (up to 2 MiB); 0 for files in memory,
 *	whose changes do not wait for that
 * @reach: out: bytes of the range that the file has, up to the page that it ends
 *	in: pins reach as far
 *
 * Return 0, or EINVAL, E2BIG as for HOLDFAST_IOC_ACQUIRE.
 */
struct holdfast_query {
	__u32 size;
	__u32 flags;
	__u64 id;
	__u32 kind;
	__u32 state;
	__u64 offset;
	__u64 length;
	__u32 break_ms;
	__u32 events_lost;
	__u64 deadline_ns;
	__u64 pinned;
	__u64 reach;
};
#define HOLDFAST_IOC_QUERY	_IO(HOLDFAST_IOC_TYPE, 0x02)

#define HOLDFAST_REVOKE_NOWAIT	(1U << 0)

/**
 * struct holdfast_revoke - HOLDFAST_IOC_REVOKE
 * @size: sizeof(struct holdfast_revoke)
 * @flags: HOLDFAST_REVOKE_NOWAIT: do not wait until the pins are gone
 * @id: the lease
 * @grace_ms: how long the holder has to deregister before it is fenced, in
 *	milliseconds. 0 and longer times are the lease's break time, and so is every
 *	time of a caller that neither acquired the lease nor has CAP_SYS_ADMIN.
 * @__reserved: must be zero
 *
 * Ends any lease, exclusive or not, as its holder would with
 * HOLDFAST_IOC_RELEASE; on any open of /dev/holdfast. The holder gets an event
 * with HOLDFAST_OP_REVOKE and a deadline. Returns when nothing pins the pages.
 *
 * Return 0 (also when the lease has ended in the meantime), or
 * EINVAL, E2BIG	as for HOLDFAST_IOC_ACQUIRE
 * ENOENT	there is no lease with this number
 * EPERM	the caller is not the holder, does not own the file, and has
 *		neither CAP_FOWNER nor CAP_SYS_ADMIN
 * EINPROGRESS	with HOLDFAST_REVOKE_NOWAIT: pins are left
 * EINTR	a fatal signal came; the revocation goes on
 */
struct holdfast_revoke {
	__u32 size;
	__u32 flags;
	__u64 id;
	__u32 grace_ms;
	__u32 __reserved;
};
#define HOLDFAST_IOC_REVOKE	_IO(HOLDFAST_IOC_TYPE, 0x03)

/**
 * enum holdfast_consumer - the kind of a consumer
 * @HOLDFAST_CONSUMER_UNKNOWN: a driver that Holdfast has no name for
 * @HOLDFAST_CONSUMER_MR: an RDMA memory region
 * @HOLDFAST_CONSUMER_BUFFER: a fixed buffer of an io_uring
 * @HOLDFAST_CONSUMER_VFIO: a DMA mapping of a VFIO container
 * @HOLDFAST_CONSUMER_UMEM: the packet memory of AF_XDP sockets
 */
enum holdfast_consumer {
	HOLDFAST_CONSUMER_UNKNOWN = 0,
	HOLDFAST_CONSUMER_MR	= 1,
	HOLDFAST_CONSUMER_BUFFER = 2,
	HOLDFAST_CONSUMER_VFIO	= 3,
	HOLDFAST_CONSUMER_UMEM	= 4,
};

/**
 * struct holdfast_allow - HOLDFAST_IOC_ALLOW
 * @size: sizeof(struct holdfast_allow)
 * @flags: must be zero
 * @break_ms: break time of the implicit leases, in milliseconds; 0 means the
 *	module's default, and more than the administrator's cap means the cap
 * @__reserved: must be zero
 *
 * Opens a permission for implicit leases, on any open of /dev/holdfast. As long
 * as a process has the new descriptor open, or a descriptor that fork(2) made
 * of it, each of its long-term pins of a shared mapping of a file on XFS or ext4
 * with DAX makes an implicit lease: breakable, and as long-lived as its pins. Where
 * the mapping is of a descriptor that is only open for reading, the process owns
 * the file or has CAP_LEASE; otherwise the pin fails with EACCES. The descriptor
 * stays open across execve(2). It counts only for processes of the user who opened
 * it, or for all if that user had CAP_KILL.
 *
 * Return the descriptor, or
 * EINVAL, E2BIG	as for HOLDFAST_IOC_ACQUIRE
 * EBUSY	as for HOLDFAST_IOC_ACQUIRE: a function cannot be hooked
 * EMFILE, ENFILE	too many open files
 * ENOMEM	no memory
 */
struct holdfast_allow {
	__u32 size;
	__u32 flags;
	__u32 break_ms;
	__u32 __reserved;
};
#define HOLDFAST_IOC_ALLOW	_IO(HOLDFAST_IOC_TYPE, 0x04)

/**
 * struct holdfast_join - HOLDFAST_IOC_JOIN
 * @size: sizeof(struct holdfast_join)
 * @flags: must be zero
 *
 * The calling process becomes a party to the lease, as the process that
 * acquired it is: its long-term pins of a mapping of the leased range are
 * allowed. A process that pins can be killed at the deadline of a break, so
 * only the user who acquired the lease can join, unless that user had CAP_KILL.
 *
 * Return 0, also for a process that is a party already, or
 * EINVAL, E2BIG	as for HOLDFAST_IOC_ACQUIRE
 * EBADFD	the open file is not a lease, or has been released or revoked
 * EPERM	the lease is of another user
 * ENOMEM	no memory
 */
struct holdfast_join {
	__u32 size;
	__u32 flags;
};
#define HOLDFAST_IOC_JOIN	_IO(HOLDFAST_IOC_TYPE, 0x05)

#define HOLDFAST_WATCH_OWN		0
#define HOLDFAST_WATCH_FILESYSTEM	1

/**
 * struct holdfast_watch - HOLDFAST_IOC_WATCH
 * @size: sizeof(struct holdfast_watch)
 * @what: HOLDFAST_WATCH_OWN: implicit leases of the calling process;
 *	HOLDFAST_WATCH_FILESYSTEM: all leases of the filesystem that @fd is on
 * @fd: an open file of the filesystem, or -1 for HOLDFAST_WATCH_OWN
 * @__reserved: must be zero
 *
 * Opens a queue of events of leases, on any open of /dev/holdfast. read(2) and
 * poll(2) of the new descriptor are those of a lease; it is closed by
 * execve(2). While a process has a HOLDFAST_WATCH_OWN queue open, it can make
 * more pins in the range of a change that waits for pins of the same process, because
 * it may need these before it can end those. This registration does not fail with
 * EDEADLK, unless the change has begun or half of the break time is over. The new pins
 * must be gone by the same deadline.
 *
 * An event that finds the queue full replaces the oldest: then @lost of the next
 * event that is read counts those, and each lease that breaks by then is told of, by a
 * HOLDFAST_EVENT_BREAK, once more. lseek(2) to 0 has the same effect: a program that
 * then reads until EAGAIN, or until poll(2) finds nothing, knows all leases that break.
 * Its errors: EINVAL, another offset or whence.
 *
 * HOLDFAST_EVENT_BREAK also comes again when an implicit lease that breaks gets more
 * pins. So an event's @seq can come twice here, and one that is the same as the event
 * before it can be left out.
 *
 * Return the descriptor, or
 * EINVAL, E2BIG	as for HOLDFAST_IOC_ACQUIRE; unknown @what; an @fd for
 *		HOLDFAST_WATCH_OWN
 * EBADF	@fd is not an open file
 * EPERM	HOLDFAST_WATCH_FILESYSTEM without CAP_SYS_ADMIN
 * EMFILE, ENFILE	too many open files, or 8 queues of this process
 * ENOMEM	no memory
 */
struct holdfast_watch {
	__u32 size;
	__u32 what;
	__s32 fd;
	__u32 __reserved;
};
#define HOLDFAST_IOC_WATCH	_IO(HOLDFAST_IOC_TYPE, 0x06)

#define HOLDFAST_POLICY_FORBID	0
#define HOLDFAST_POLICY_ALLOW	1
#define HOLDFAST_ANY_GROUP	(~(__u32)0)

/**
 * struct holdfast_policy - HOLDFAST_IOC_POLICY
 * @size: sizeof(struct holdfast_policy)
 * @policy: HOLDFAST_POLICY_ALLOW or HOLDFAST_POLICY_FORBID
 * @fd: an open file of the filesystem, or -1 with @uuid
 * @gid: with HOLDFAST_POLICY_ALLOW: only members of this group;
 *	HOLDFAST_ANY_GROUP: everybody
 * @break_ms: with HOLDFAST_POLICY_ALLOW: as in struct holdfast_allow
 * @__reserved: must be zero
 * @uuid: the filesystem's UUID, if @fd is -1: it need not be mounted, and nothing
 *	is known of its type. All zero: not given.
 *
 * Allows implicit leases on a whole filesystem, or ends that, on any open of
 * /dev/holdfast. A policy is kept by the filesystem's UUID until the module is
 * unloaded, so it survives an unmount; /proc/fs/holdfast/policy shows it.
 * Allowing again replaces group and break time. Leases that exist stay.
 *
 * Return 0, or
 * EINVAL, E2BIG	as for HOLDFAST_IOC_ACQUIRE; unknown @policy; @gid is no
 *		group of the caller's user namespace; both @fd and @uuid
 * EPERM	the caller does not have CAP_SYS_ADMIN
 * EBADF	@fd is not an open file, and there is no @uuid
 * EOPNOTSUPP	the filesystem is neither XFS nor ext4, or has no UUID
 * ENOENT	HOLDFAST_POLICY_FORBID where nothing was allowed
 * EBUSY	as for HOLDFAST_IOC_ACQUIRE: a function cannot be hooked
 * ENOMEM	no memory
 */
struct holdfast_policy {
	__u32 size;
	__u32 policy;
	__s32 fd;
	__u32 gid;
	__u32 break_ms;
	__u32 __reserved;
	__u8 uuid[16];
};
#define HOLDFAST_IOC_POLICY	_IO(HOLDFAST_IOC_TYPE, 0x07)

/**
 * struct holdfast_locate - HOLDFAST_IOC_LOCATE
 * @size: sizeof(struct holdfast_locate)
 * @flags: must be zero
 * @fd: a file; -1: that of the lease
 * @__reserved: must be zero
 * @address: of the calling process, a multiple of the page size
 * @length: bytes, a multiple of the page size, not zero
 * @offset: out: where in the file @address is
 *
 * Asks whether the file is what is mapped, shared and in one piece, at an
 * address: a program that finds it at the offset where it mapped it knows that
 * the mapping is still its own. On any open of /dev/holdfast, unless @fd is -1.
 *
 * Return 0, or
 * EINVAL	@address or @length unaligned, @length zero, @flags or @__reserved
 *		not zero
 * E2BIG	as for HOLDFAST_IOC_ACQUIRE
 * EBADF	@fd is not an open file
 * EBADFD	@fd is -1, and the open file is not a lease, or the lease has ended
 * EFAULT	not all of it is mapped
 * ENOENT	something else is mapped there
 * EINTR	a fatal signal came
 */
struct holdfast_locate {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 __reserved;
	__u64 address;
	__u64 length;
	__u64 offset;
};
#define HOLDFAST_IOC_LOCATE	_IO(HOLDFAST_IOC_TYPE, 0x08)

/**
 * enum holdfast_event_type - what an event reports
 * @HOLDFAST_EVENT_BREAK: a change met the lease. A holder that does not deregister
 *	before the deadline is fenced.
 * @HOLDFAST_EVENT_CHANGED: that change has ended; the range can be registered
 *	again
 * @HOLDFAST_EVENT_FENCED: the deadline passed with consumers left; the
 *	processes that made the pins were killed
 * @HOLDFAST_EVENT_DECOHERENCE: a change of a file in memory (tmpfs, hugetlbfs)
 *	has not waited: the memory of consumers is no longer the file's. Register
 *	the mapping again.
 * @HOLDFAST_EVENT_ABSORBED: a change has met a rewriting lease, and has left its
 *	range as it is. The event needs no answer.
 * @HOLDFAST_EVENT_MEDIA_ERROR: the memory of the range has failed
 *	(memory_failure() in the kernel): what the file had there is lost, and a
 *	device that reads it gets an error or wrong bytes. Nothing has been taken
 *	away: consumers, lease and blocks stay. @op, @pid, @deadline_ns are 0,
 *	@comm is empty. It never takes the place of another event in a full
 *	queue: then it is lost itself.
 */
enum holdfast_event_type {
	HOLDFAST_EVENT_BREAK	= 1,
	HOLDFAST_EVENT_CHANGED	= 2,
	HOLDFAST_EVENT_FENCED	= 3,
	HOLDFAST_EVENT_DECOHERENCE = 4,
	HOLDFAST_EVENT_ABSORBED	= 5,
	HOLDFAST_EVENT_MEDIA_ERROR = 6,
};

#define HOLDFAST_COMM_LEN	16

/**
 * struct holdfast_event - what read(2) of a lease returns, whole events only
 * @size: bytes from this event to the next one in the buffer
 * @type: enum holdfast_event_type
 * @seq: number of this event of this lease, from 1; a gap means lost events
 * @lease: the lease's number
 * @op: enum holdfast_op of the change
 * @pid: thread group id of the task that makes the change, as its reader sees
 *	it (0 when it is not in the reader's pid namespace)
 * @offset: start of the change, or of what has failed, in bytes
 * @length: its length in bytes; ~0 is up to any end of the file
 * @deadline_ns: CLOCK_MONOTONIC time in ns at which the holder is fenced
 * @time_ns: CLOCK_MONOTONIC time in ns of the event
 * @comm: name of the task that makes the change; may be empty
 * @address: where the pins were made in the address space of the process that
 *	has them, for an implicit lease; otherwise 0
 * @lease_offset: start of the lease's range in bytes
 * @lease_length: length of the lease's range in bytes
 * @lost: how many events of a HOLDFAST_IOC_WATCH queue were replaced before
 *	this one; 0 for the queue of a lease, see struct holdfast_query
 * @__reserved: zero
 *
 * read(2) blocks until there is an event, unless O_NONBLOCK (EAGAIN); EINVAL
 * when the buffer is too small for one; EBADFD before the lease is acquired.
 * The events of a lease are one queue, and each event is read once. A buffer
 * for an event of an earlier header gets as much of one event as fits.
 *
 * poll(2): POLLIN, there is an event; POLLHUP, the lease has been released or
 * revoked and nothing pins its pages; POLLERR, the open file is not a lease.
 */
struct holdfast_event {
	__u32 size;
	__u32 type;
	__u64 seq;
	__u64 lease;
	__u32 op;
	__u32 pid;
	__u64 offset;
	__u64 length;
	__u64 deadline_ns;
	__u64 time_ns;
	char comm[HOLDFAST_COMM_LEN];
	__u64 address;
	__u64 lease_offset;
	__u64 lease_length;
	__u32 lost;
	__u32 __reserved;
};

/*
 * HOLDFAST_REPORT: a line that names the columns, then a line for each lease
 * that the reader may see: its own, those on files that it owns, or with
 * CAP_SYS_ADMIN all. Columns are separated by one space and found by name: new
 * ones may come anywhere. "-" is "none". Text columns escape space, tab, newline
 * and backslash as \ooo.
 *
 *   id kind state backing pid uid comm major minor ino offset length pinned
 *   age_ms break_ms deadline_ms op change_pid change_comm change_offset
 *   change_length pinners origin absorbed media_errors path
 *
 * kind		breakable, exclusive, rewriting
 * state	active, breaking, releasing, zombie
 * backing	dax, tmpfs, hugetlbfs
 * pid uid comm	of the process that acquired the lease; pid as the reader sees it, 0 if
 *		the reader does not see the process
 * major minor ino	the file
 * offset length pinned	bytes, as in struct holdfast_query
 * age_ms	since the lease was acquired
 * deadline_ms	from now to the fence, negative when it has passed
 * op		truncate, punch, collapse, insert, zero, unshare, reflink,
 *		dedupe, revoke, unknown: the change the lease meets, with its task and
 *		range (change_length is - for a change that reaches to any end
 *		of the file)
 * pinners	pids of the processes that have pinned pages, comma separated
 * origin	explicit (HOLDFAST_IOC_ACQUIRE), implicit (made by a pin)
 * absorbed	how many changes a rewriting lease has absorbed
 * media_errors	how often memory of the range has failed, since it was acquired
 *
 * poll(2) of the open report gives POLLERR and POLLPRI once when a break has
 * begun or ended, a holder has been fenced, or a change has been absorbed, since it was
 * opened or last polled.
 */

/*
 * HOLDFAST_PINS: the records of pins: a line that names the columns, then a line for
 * each record of pins of a lease that the reader may see. Consecutive pins of a
 * process for the same consumer are one record.
 *
 *   lease consumer pid uid start_ns address offset length runs
 *
 * lease	the lease's number, as in HOLDFAST_REPORT
 * consumer	mr, buffer, vfio, umem, unknown: enum holdfast_consumer
 * pid uid	the process that made the pins; pid as the reader sees it, 0 if
 *		the reader does not see the process
 * start_ns	when that process was started, in ns of CLOCK_BOOTTIME
 * address	hexadecimal: where the pins begin in its address space; 0 for a
 *		reader of another user, unless that has CAP_SYS_ADMIN
 * offset length	bytes of the file
 * runs		pieces of the lease that are contiguous on the device
 */

/*
 * HOLDFAST_POLICIES: where implicit leases are allowed by HOLDFAST_IOC_POLICY: a
 * line that names the columns, "uuid gid break_ms", then a line for each
 * filesystem. gid is "-" for everybody.
 */

/*
 * HOLDFAST_COUNTERS: what has happened since the module was loaded: a line that names
 * the columns, then a line for each filesystem with DAX that has had leases, and one,
 * 0 0, for all files in memory. New columns may come anywhere.
 *
 *   major minor leases breaks refused absorbed revoked fenced killed media_errors
 *   wait_us le_1ms le_10ms le_100ms le_1s le_10s le_60s waits
 *
 * major minor	the filesystem's device
 * leases	that were made, explicit and implicit
 * breaks	a change met a lease whose holder has to let go
 * refused	changes that an exclusive or rewriting lease made fail
 * absorbed	changes that a rewriting lease absorbed
 * revoked	leases that were revoked, or whose device was removed
 * fenced	breaks and revocations whose deadline passed with consumers left
 * killed	processes that the kernel killed for that
 * media_errors	failures of memory in the range of a lease
 * waits	changes that met leases and have ended, with or without success
 * wait_us	for how long, in microseconds, all together: from when the change
 *		met its leases to its end
 * le_...	how many of them for that long at most
 *
 * A change that is put off (a kernel thread's, which asks again) does not count in
 * waits, wait_us and le_... before its last attempt.
 */

#endif
