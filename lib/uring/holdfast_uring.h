/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libholdfast-uring: fixed buffers of an io_uring that are a leased file's
 * memory.
 *
 *	lease = hf_acquire(fd, 0, 8 * MIB, NULL);
 *	io_uring_register_buffers_sparse(&ring, 8);
 *	hf_uring_register_buffers(&ring, 0, fd, 0, 8 * MIB, 8, &buffers);
 *	...				// IORING_OP_READ_FIXED and the like
 *	hf_wait(lease, &event, -1);	// a change waits for the file
 *	hf_uring_break(buffers);	// the change goes on
 *	hf_uring_restore(buffers);	// same places, same addresses
 *
 * A request that reads from a disk into such a buffer puts the bytes into the file
 * without a copy, and one that writes to a disk takes them from the file. The process has
 * a lease of the range, is a party to one (hf_join()), or may have implicit leases
 * (hf_allow()). The conventions are those of holdfast.h. hf_error() explains only
 * failures of hf_uring_restore() that come from hf_await_changes().
 *
 * The functions take a ring as liburing does: one thread at a time, and for a ring
 * with IORING_SETUP_SINGLE_ISSUER the ring's own thread.
 */
#ifndef HOLDFAST_URING_H
#define HOLDFAST_URING_H

#include <holdfast.h>
#include <liburing.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Buffers that were registered together. */
struct hf_uring;

/**
 * struct hf_uring_info - where the buffers are
 * @addr: the first one; the others follow it
 * @size: of each, in bytes
 * @first: index of the first in the ring
 * @count: how many there are
 * @registered: how many of them, from the first on, the ring has: 0 while they
 *	are broken; fewer than @count when the file has become shorter
 */
struct hf_uring_info {
	void *addr;
	size_t size;
	unsigned int first;
	unsigned int count;
	unsigned int registered;
};

/**
 * hf_uring_register_buffers - register a range of a file as fixed buffers
 * @ring: has a table of buffers, see io_uring_register_buffers_sparse(3)
 * @first: index in the table of the first buffer
 * @fd: the file, open for reading and writing. It may be closed afterwards.
 * @offset: start of the range in bytes, a multiple of the page size
 * @length: bytes, a multiple of the page size
 * @count: how many buffers of equal size that is; their size is a whole number
 *	of bytes, and 1 GiB at most
 * @buffers: out: end with hf_uring_unregister_buffers()
 *
 * Maps the range of the file, and replaces what the table has in these places. Waits
 * for changes of the range that are under way.
 *
 * RETURN VALUE
 * 0, or a negative errno value with nothing registered, the places empty, and
 * *@buffers unchanged.
 */
int hf_uring_register_buffers(struct io_uring *ring, unsigned int first, int fd,
			      off_t offset, size_t length, unsigned int count,
			      struct hf_uring **buffers);

/**
 * hf_uring_break - unregister the buffers, so that a change goes on
 * @buffers: from hf_uring_register_buffers()
 *
 * The change goes on when the requests that use the buffers have completed. New
 * requests with these indices fail with EFAULT. Other buffers of the ring stay.
 *
 * RETURN VALUE
 * 0, also when they are broken already, or -EEXIST as above
 */
int hf_uring_break(struct hf_uring *buffers);

/**
 * hf_uring_restore - register the buffers again after a change
 * @buffers: from hf_uring_register_buffers()
 *
 * Calls hf_uring_break(), waits until the change is over, and registers the file's new
 * blocks at the same addresses and indices. Buffers that do not lie wholly in the file
 * stay unregistered.
 *
 * RETURN VALUE
 * 0, or a negative errno value with the buffers broken.
 */
int hf_uring_restore(struct hf_uring *buffers);

/**
 * hf_uring_query - report where the buffers are
 * @buffers: from hf_uring_register_buffers()
 * @info: out
 */
void hf_uring_query(const struct hf_uring *buffers, struct hf_uring_info *info);

/**
 * hf_uring_unregister_buffers - unregister the buffers and unmap them
 * @buffers: from hf_uring_register_buffers(), or NULL. Gone on success.
 *
 * Call it before io_uring_queue_exit(). The lease stays.
 *
 * RETURN VALUE
 * 0, or -EEXIST as above, with nothing changed
 */
int hf_uring_unregister_buffers(struct hf_uring *buffers);

#ifdef __cplusplus
}
#endif

#endif
