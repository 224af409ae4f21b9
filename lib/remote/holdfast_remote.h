/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libholdfast-remote: files of one machine, read and written by RDMA from another.
 *
 * An exporter shares named ranges of leased files:
 *
 *	hf_exporter_open(address, NULL, &exporter);
 *	hf_exporter_admit(exporter, &(struct hf_peer){ "db2", token });
 *	hf_export(exporter, "log", fd, 0, length, NULL, &export);
 *
 * An importer opens them by name, and reads and writes without a process of the other
 * machine taking part:
 *
 *	hf_importer_open(&attr, &importer);
 *	queue = hf_importer_queue(importer, 0);
 *	hf_remote_open(importer, "log", &remote);
 *	hf_remote_write(queue, remote, offset, &sge);
 *	hf_remote_flush(queue, remote, offset, length);
 *
 * A change of the file (truncate, punch, reflink) pauses the region: operations take
 * longer, and none fails. Operations beyond the end of a file that has become shorter
 * complete with -ERANGE. When the connection is lost, the importer connects again and
 * repeats what had not completed.
 *
 * Conventions, for every function:
 * - It returns 0, or on failure a negative errno value; exceptions say so.
 *   hf_remote_error() then explains in words. Its manual page has the errno values.
 * - On failure nothing has changed and no out parameter has been written, unless the
 *   function says otherwise.
 * - Any thread may call it at any time, but only one thread at a time can use a queue, and
 *   nothing may be used while another thread ends it. None is async-signal-safe.
 * - After fork(2) everything belongs to the parent, and the child must not use it.
 */
#ifndef HOLDFAST_REMOTE_H
#define HOLDFAST_REMOTE_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a token, which both sides know and nobody else does. */
#define HF_TOKEN_BYTES 32

/* Characters of a name, of an export or a peer: printable ASCII without spaces. */
#define HF_NAME_MAX 63

/* --- the exporter */

struct hf_exporter;
struct hf_export;

/**
 * struct hf_exporter_attr - limits of an exporter
 * @margin_ms: how long before the deadline of a change a peer that has not acknowledged
 *	its pause loses its connection, in milliseconds. 0 is 6.25 seconds, or
 *	five eighths of the break time if that is less: earlier than holdfastd(8) acts.
 * @patience_ms: how long a peer may take for it at most, in milliseconds; 0 is until
 *	the margin
 * @sessions: importers that are connected at a time, 0 is 256
 * @queues: queue pairs of an importer, 0 is 16
 * @regions: regions that an importer can have open, 0 is 10000
 * @bytes: bytes that an importer can have registered, 0 is no limit
 * @workers: threads that register and flush, 0 is 4
 */
struct hf_exporter_attr {
	unsigned int margin_ms;
	unsigned int patience_ms;
	unsigned int sessions;
	unsigned int queues;
	unsigned int regions;
	uint64_t bytes;
	unsigned int workers;
};

/**
 * hf_exporter_open - begin to listen for importers
 * @address: an address of an RDMA device (IPv4 or IPv6), with a port; port 0 is any
 * @attr: NULL is a structure of zeros
 * @exporter: out: end with hf_exporter_close()
 *
 * Starts threads of the library, which answer importers and changes of the files.
 * Nobody is admitted at first.
 */
int hf_exporter_open(const struct sockaddr *address,
		     const struct hf_exporter_attr *attr,
		     struct hf_exporter **exporter);

/**
 * hf_exporter_close - end all sessions and exports
 * @exporter: from hf_exporter_open(). It is gone afterwards, with its exports.
 */
int hf_exporter_close(struct hf_exporter *exporter);

/**
 * struct hf_peer - a peer that may connect
 * @name: at most HF_NAME_MAX characters
 * @token: HF_TOKEN_BYTES bytes, other ones for each peer
 * @address: where it connects from, without regard to the port; NULL: anywhere
 * @gid: the GID that it connects from; NULL: any
 */
struct hf_peer {
	const char *name;
	const unsigned char *token;
	const struct sockaddr *address;
	const union ibv_gid *gid;
};

/**
 * hf_exporter_admit - let a peer connect
 * @exporter: from hf_exporter_open()
 * @peer: copied
 */
int hf_exporter_admit(struct hf_exporter *exporter, const struct hf_peer *peer);

/**
 * hf_exporter_expel - cut a peer off
 * @exporter: from hf_exporter_open()
 * @name: of the peer
 *
 * When the call returns, nothing of the peer reaches the files, and it cannot connect
 * again until it is admitted again. Other peers notice nothing.
 */
int hf_exporter_expel(struct hf_exporter *exporter, const char *name);

/* Peers can read, and neither write nor do atomics. */
#define HF_EXPORT_READ_ONLY 1U

/**
 * struct hf_export_attr - how a range is shared
 * @flags: HF_EXPORT_READ_ONLY or 0
 * @break_ms: of the lease, as in struct hf_attr
 * @peers: names of the peers that can open it, NULL at the end; they need not be
 *	admitted yet. Without @peers all that are admitted can.
 */
struct hf_export_attr {
	unsigned int flags;
	unsigned int break_ms;
	const char *const *peers;
};

/**
 * hf_export - share a range of a file
 * @exporter: from hf_exporter_open()
 * @name: what importers open, at most HF_NAME_MAX characters, not yet in use
 * @fd: the file, as for hf_acquire(). It may be closed afterwards.
 * @offset: a multiple of the page size
 * @length: bytes, not zero; may reach beyond the end of the file
 * @attr: NULL is a structure of zeros
 * @export: out: end with hf_unexport(); NULL if that is not needed
 *
 * Leases and maps the range. Each peer that opens it has a registration of its own.
 */
int hf_export(struct hf_exporter *exporter, const char *name, int fd,
	      off_t offset, size_t length, const struct hf_export_attr *attr,
	      struct hf_export **export_);

/**
 * hf_unexport - end the sharing of a range
 * @export: from hf_export(). It is gone afterwards.
 *
 * When the call returns, nothing reaches the range. Operations of peers that have it open
 * complete with -ESTALE.
 */
int hf_unexport(struct hf_export *export_);

/**
 * struct hf_exporter_info - what hf_exporter_query() reports
 * @port: that the exporter listens on
 * @sessions: importers that are connected
 * @regions: regions that they have open
 * @refused: connection requests that were refused
 * @pauses: regions that were paused
 * @dropped: sessions that ended because the peer did not acknowledge in time
 * @violations: sessions that ended because the peer sent what is no message
 * @longest_ns: longest time from a break to the acknowledgement, in nanoseconds
 */
struct hf_exporter_info {
	uint16_t port;
	unsigned int sessions;
	unsigned int regions;
	uint64_t refused;
	uint64_t pauses;
	uint64_t dropped;
	uint64_t violations;
	uint64_t longest_ns;
};

int hf_exporter_query(struct hf_exporter *exporter,
		      struct hf_exporter_info *info);

/* --- the importer */

struct hf_importer;
struct hf_queue;
struct hf_remote;

/**
 * struct hf_importer_attr - to whom an importer connects, and how
 * @address: the exporter's, with its port
 * @token: HF_TOKEN_BYTES bytes
 * @timeout_ms: how long the importer tries to connect, at first and whenever the
 *	connection is lost, before operations fail; 0 is 30000, UINT_MAX is for ever
 * @answer_ms: how long an exporter that is connected may be silent while something
 *	waits for it (the end of a pause, a flush, the opening of a region), before
 *	operations fail with -EHOSTDOWN; 0 is @timeout_ms, UINT_MAX is for ever
 * @queues: how many queue pairs there are, 0 is 1
 * @depth: operations of a queue at a time, 0 is 128
 */
struct hf_importer_attr {
	const struct sockaddr *address;
	const unsigned char *token;
	unsigned int timeout_ms;
	unsigned int answer_ms;
	unsigned int queues;
	unsigned int depth;
};

/**
 * hf_importer_open - connect to an exporter
 * @attr: copied
 * @importer: out: end with hf_importer_close()
 */
int hf_importer_open(const struct hf_importer_attr *attr,
		     struct hf_importer **importer);

/**
 * hf_importer_close - disconnect
 * @importer: from hf_importer_open(). It is gone afterwards, with its queues and
 *	regions; what was in flight may have been done.
 *
 * Deregister memory of hf_importer_pd() first. While some is left, the call returns
 * -EBUSY and the importer works on, after it has connected again.
 */
int hf_importer_close(struct hf_importer *importer);

/* The protection domain to register local memory in. It outlives lost connections. */
struct ibv_pd *hf_importer_pd(struct hf_importer *importer);

/* The queue @number, from 0; NULL if there are not so many. */
struct hf_queue *hf_importer_queue(struct hf_importer *importer,
				   unsigned int number);

/**
 * hf_remote_open - open a region by its name
 * @importer: from hf_importer_open()
 * @name: of the export
 * @remote: out: end with hf_remote_close()
 *
 * Waits for the exporter, while it is away for at most the importer's timeout.
 */
int hf_remote_open(struct hf_importer *importer, const char *name,
		   struct hf_remote **remote);

/**
 * hf_remote_close - end the use of a region
 * @remote: from hf_remote_open(). It is gone afterwards, unless operations are left
 *	(-EBUSY).
 */
int hf_remote_close(struct hf_remote *remote);

/**
 * enum hf_remote_state - how a region stands
 * @HF_REMOTE_ACTIVE: operations go to the file
 * @HF_REMOTE_PAUSED: the exporter's file is being changed; operations wait
 * @HF_REMOTE_AWAY: there is no connection; operations wait until the timeout
 * @HF_REMOTE_GONE: the exporter no longer shares it: hf_remote_close()
 */
enum hf_remote_state {
	HF_REMOTE_ACTIVE = 1,
	HF_REMOTE_PAUSED = 2,
	HF_REMOTE_AWAY = 3,
	HF_REMOTE_GONE = 4,
};

/**
 * struct hf_remote_info - what hf_remote_query() reports
 * @state: enum hf_remote_state
 * @length: bytes that there are
 * @read_only: only reads are possible
 * @durable: a flush makes durable
 * @rdma_flush: a flush is RDMA FLUSH, and needs no processor of the exporter
 * @atomic_write: hf_remote_atomic_write() is possible
 * @device_flushes: flushes that were completed by RDMA FLUSH
 * @exporter_flushes: flushes that the exporter's processor has made
 * @pauses: how often it was paused
 * @reconnects: how often the importer has connected again
 * @longest_ns: longest time in which operations had to wait, for a pause or a
 *	connection, in nanoseconds
 */
struct hf_remote_info {
	enum hf_remote_state state;
	uint64_t length;
	bool read_only;
	bool durable;
	bool rdma_flush;
	bool atomic_write;
	uint64_t device_flushes;
	uint64_t exporter_flushes;
	uint64_t pauses;
	uint64_t reconnects;
	uint64_t longest_ns;
};

int hf_remote_query(struct hf_remote *remote, struct hf_remote_info *info);

/* --- operations that complete later */

enum hf_remote_op {
	HF_REMOTE_READ = 1,
	HF_REMOTE_WRITE = 2,
	HF_REMOTE_COMPARE_SWAP = 3,
	HF_REMOTE_FETCH_ADD = 4,
	HF_REMOTE_FLUSH = 5,
	HF_REMOTE_ATOMIC_WRITE = 6,
};

/**
 * hf_post_read - begin to read from a region
 * @queue: from hf_importer_queue()
 * @remote: from hf_remote_open(), of the same importer
 * @offset: in the region, bytes
 * @to: local memory, registered in hf_importer_pd() with IBV_ACCESS_LOCAL_WRITE. It
 *	must stay until the completion.
 * @user_data: for the completion
 *
 * Operations of one queue on one region are executed in the order in which they were
 * posted. Between queues, and between regions, only a completion orders.
 *
 * RETURN VALUE
 * 0: there will be one completion. -EAGAIN: the queue is full, poll it. Or another
 * negative errno value, with nothing posted.
 */
int hf_post_read(struct hf_queue *queue, struct hf_remote *remote,
		 uint64_t offset, const struct ibv_sge *to, uint64_t user_data);

/* The same, from local memory into the region. -EACCES: the region is read-only. */
int hf_post_write(struct hf_queue *queue, struct hf_remote *remote,
		  uint64_t offset, const struct ibv_sge *from,
		  uint64_t user_data);

/**
 * hf_post_flush - make durable what has been written
 * @queue: @remote: @offset: @user_data: as for hf_post_read()
 * @length: bytes; 0 is up to the end of the region
 *
 * When it completes, bytes of the range are durable that were written by operations of
 * this queue that were posted before, or of other queues that had completed before.
 * Uses RDMA FLUSH where both devices, both libraries and the memory have it; otherwise the
 * exporter's processor flushes. struct hf_remote_info says which.
 */
int hf_post_flush(struct hf_queue *queue, struct hf_remote *remote,
		  uint64_t offset, uint64_t length, uint64_t user_data);

/*
 * Atomics on 8 bytes at a multiple of 8. @to, 8 bytes of local memory, gets the value
 * before. An atomic that was in flight when the connection was lost completes with
 * -ENOTRECOVERABLE: it may have been done or not.
 */
int hf_post_compare_swap(struct hf_queue *queue, struct hf_remote *remote,
			 uint64_t offset, uint64_t compare, uint64_t swap,
			 const struct ibv_sge *to, uint64_t user_data);
int hf_post_fetch_add(struct hf_queue *queue, struct hf_remote *remote,
		      uint64_t offset, uint64_t add, const struct ibv_sge *to,
		      uint64_t user_data);

/**
 * hf_post_atomic_write - write 8 bytes that nobody sees in part
 * @queue: @remote: @user_data: as for hf_post_read()
 * @offset: in the region, a multiple of 8
 * @value: in the byte order of this machine
 *
 * RDMA ATOMIC WRITE: it is executed behind all that was posted to the queue before. After a lost
 * connection it is repeated, like a write. -EOPNOTSUPP: a device or a library does not
 * have it; use hf_post_compare_swap().
 */
int hf_post_atomic_write(struct hf_queue *queue, struct hf_remote *remote,
			 uint64_t offset, uint64_t value, uint64_t user_data);

/**
 * struct hf_completion - an operation has ended
 * @user_data: as posted
 * @error: 0, or a negative errno value: see hf_post_read(3)
 * @op: enum hf_remote_op
 */
struct hf_completion {
	uint64_t user_data;
	int error;
	unsigned int op;
};

/**
 * hf_queue_poll - take completions
 * @queue: from hf_importer_queue()
 * @completions: out
 * @count: how many have room
 *
 * RETURN VALUE
 * How many there were; 0 if none is there yet.
 */
int hf_queue_poll(struct hf_queue *queue, struct hf_completion *completions,
		  int count);

/*
 * A descriptor that poll(2) and its like find readable when there are completions, once
 * hf_queue_arm() has asked for that and hf_queue_poll() after it has found none.
 */
int hf_queue_fd(struct hf_queue *queue);
int hf_queue_arm(struct hf_queue *queue);

/* --- operations that wait for their end; 0 or the error of the completion */

int hf_remote_read(struct hf_queue *queue, struct hf_remote *remote,
		   uint64_t offset, const struct ibv_sge *to);
int hf_remote_write(struct hf_queue *queue, struct hf_remote *remote,
		    uint64_t offset, const struct ibv_sge *from);
int hf_remote_flush(struct hf_queue *queue, struct hf_remote *remote,
		    uint64_t offset, uint64_t length);
int hf_remote_compare_swap(struct hf_queue *queue, struct hf_remote *remote,
			   uint64_t offset, uint64_t compare, uint64_t swap,
			   const struct ibv_sge *to);
int hf_remote_fetch_add(struct hf_queue *queue, struct hf_remote *remote,
			uint64_t offset, uint64_t add,
			const struct ibv_sge *to);
int hf_remote_atomic_write(struct hf_queue *queue, struct hf_remote *remote,
			   uint64_t offset, uint64_t value);

/* "active", "paused"; "unknown" for a value without a name. */
const char *hf_remote_state_name(unsigned int state);

/**
 * hf_remote_error - explain the last failure
 *
 * RETURN VALUE
 * Why the last call of this thread to this library that failed did so, as
 * hf_error() does for libholdfast. Lasts until the next one that fails.
 */
const char *hf_remote_error(void);

#ifdef __cplusplus
}
#endif

#endif
