// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a program asks of a queue: operations that complete later, and that are waited for. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "internal/visibility.h"
#include "rerror.h"
#include "importer.h"

/* How often a call that waits looks before it sleeps. */
#define SPINS 64

static int check(const struct hf_queue *queue, const struct hf_slot *slot)
{
	const struct hf_remote *remote = slot->remote;

	if (__builtin_expect(remote->importer != queue->importer, 0))
		return hf_rfail(EINVAL,
				"the region is of another importer than the "
				"queue");
	if (__builtin_expect(slot->op != HF_REMOTE_READ &&
				     slot->op != HF_REMOTE_FLUSH &&
				     !(remote->access & HF_WIRE_WRITE),
			     0))
		return hf_rfail(EACCES, "%s: exported for reading only",
				remote->name);
	if (__builtin_expect(slot->op != HF_REMOTE_FLUSH &&
				     slot->length >
					     queue->importer->max_message,
			     0))
		return hf_rfail(EMSGSIZE,
				"%llu bytes; the device transfers at most %u "
				"at a time",
				(unsigned long long)slot->length,
				queue->importer->max_message);
	return 0;
}

static int begin(struct hf_queue *queue, const struct hf_slot *slot)
{
	int ret = check(queue, slot);

	return ret ? ret : hf_queue_start(queue, slot, NULL);
}

/* --- waiting */

/* True when it has ended: *@error is how. */
static bool has_ended(struct hf_queue *queue, struct hf_slot *slot, int *error)
{
	bool open = hf_bias_enter(&queue->bias), ended;

	hf_queue_collect(queue);
	ended = slot->state == HF_SLOT_DONE;
	if (ended) {
		*error = slot->error;
		hf_queue_recycle(queue, slot);
	}
	hf_bias_leave(&queue->bias, open);
	return ended;
}

static void sleep_a_little(struct hf_queue *queue)
{
	struct pollfd pollfd = { .fd = queue->epoll, .events = POLLIN };
	struct hf_completion none;

	poll(&pollfd, 1, -1);
	/* Only for the events: completions of others stay. */
	hf_queue_poll(queue, &none, 0);
}

static int explain(const struct hf_remote *remote, int error)
{
	switch (error) {
	case 0:
		return 0;
	case -ERANGE:
		return hf_rfail(ERANGE, "%s: beyond the end of the region",
				remote->name);
	case -ETIMEDOUT:
		return hf_rfail(ETIMEDOUT, "%s: no connection to the exporter",
				remote->name);
	case -EHOSTDOWN:
		return hf_rfail(EHOSTDOWN, "%s: the exporter does not answer",
				remote->name);
	case -ESTALE:
		return hf_rfail(ESTALE, "%s: no longer exported", remote->name);
	case -ENOTRECOVERABLE:
		return hf_rfail(ENOTRECOVERABLE,
				"%s: the connection was lost; the operation "
				"may have been done or not",
				remote->name);
	default:
		return hf_rfail(-error, "%s: %s", remote->name,
				strerror(-error));
	}
}

static int wait_for(struct hf_queue *queue, struct hf_slot *asked)
{
	int error = 0, ret = check(queue, asked);
	struct hf_slot *slot;

	asked->waiter = true;
	if (!ret)
		ret = hf_queue_start(queue, asked, &slot);
	if (ret)
		return ret;
	for (;;) {
		for (int i = 0; i < SPINS; i++)
			if (has_ended(queue, slot, &error))
				return explain(asked->remote, error);
		ret = hf_queue_arm(queue);
		if (has_ended(queue, slot, &error))
			return explain(asked->remote, error);
		if (!ret)
			sleep_a_little(queue);
	}
}

/* --- operations */

static struct hf_slot transfer(enum hf_remote_op op, struct hf_remote *remote,
			       uint64_t offset, const struct ibv_sge *local)
{
	return (struct hf_slot){ .op = op,
				 .remote = remote,
				 .offset = offset,
				 .length = local->length,
				 .local = *local };
}

static struct hf_slot flush(struct hf_remote *remote, uint64_t offset,
			    uint64_t length)
{
	return (struct hf_slot){ .op = HF_REMOTE_FLUSH,
				 .remote = remote,
				 .offset = offset,
				 .length = length };
}

static int atomic(struct hf_slot *slot, enum hf_remote_op op,
		  struct hf_remote *remote, uint64_t offset, uint64_t compare,
		  uint64_t swap, const struct ibv_sge *to)
{
	if (offset % sizeof(uint64_t) || to->length != sizeof(uint64_t))
		return hf_rfail(EINVAL,
				"an atomic operation is on 8 bytes, at a "
				"multiple of 8");
	*slot = transfer(op, remote, offset, to);
	slot->compare = compare;
	slot->swap = swap;
	return 0;
}

static int atomic_write(struct hf_slot *slot, struct hf_remote *remote,
			uint64_t offset, uint64_t value)
{
	if (offset % sizeof(uint64_t))
		return hf_rfail(EINVAL,
				"an atomic write is of 8 bytes, at a multiple "
				"of 8");
	if (!hf_queue_can_atomic_write(remote))
		return hf_rfail(EOPNOTSUPP,
				"%s: the devices, or libibverbs, have no "
				"ATOMIC WRITE; use hf_remote_compare_swap()",
				remote->name);
	*slot = (struct hf_slot){ .op = HF_REMOTE_ATOMIC_WRITE,
				  .remote = remote,
				  .offset = offset,
				  .length = sizeof(uint64_t),
				  .swap = value };
	return 0;
}

HF_EXPORT int hf_post_read(struct hf_queue *queue, struct hf_remote *remote,
			   uint64_t offset, const struct ibv_sge *to,
			   uint64_t user_data)
{
	struct hf_slot slot = transfer(HF_REMOTE_READ, remote, offset, to);

	slot.user_data = user_data;
	return begin(queue, &slot);
}

HF_EXPORT int hf_post_write(struct hf_queue *queue, struct hf_remote *remote,
			    uint64_t offset, const struct ibv_sge *from,
			    uint64_t user_data)
{
	struct hf_slot slot = transfer(HF_REMOTE_WRITE, remote, offset, from);

	slot.user_data = user_data;
	return begin(queue, &slot);
}

HF_EXPORT int hf_post_flush(struct hf_queue *queue, struct hf_remote *remote,
			    uint64_t offset, uint64_t length,
			    uint64_t user_data)
{
	struct hf_slot slot = flush(remote, offset, length);

	slot.user_data = user_data;
	return begin(queue, &slot);
}

HF_EXPORT int hf_post_compare_swap(struct hf_queue *queue,
				   struct hf_remote *remote, uint64_t offset,
				   uint64_t compare, uint64_t swap,
				   const struct ibv_sge *to, uint64_t user_data)
{
	struct hf_slot slot;
	int ret = atomic(&slot, HF_REMOTE_COMPARE_SWAP, remote, offset, compare,
			 swap, to);

	slot.user_data = user_data;
	return ret ? ret : begin(queue, &slot);
}

HF_EXPORT int hf_post_fetch_add(struct hf_queue *queue,
				struct hf_remote *remote, uint64_t offset,
				uint64_t add, const struct ibv_sge *to,
				uint64_t user_data)
{
	struct hf_slot slot;
	int ret =
		atomic(&slot, HF_REMOTE_FETCH_ADD, remote, offset, 0, add, to);

	slot.user_data = user_data;
	return ret ? ret : begin(queue, &slot);
}

HF_EXPORT int hf_post_atomic_write(struct hf_queue *queue,
				   struct hf_remote *remote, uint64_t offset,
				   uint64_t value, uint64_t user_data)
{
	struct hf_slot slot;
	int ret = atomic_write(&slot, remote, offset, value);

	slot.user_data = user_data;
	return ret ? ret : begin(queue, &slot);
}

HF_EXPORT int hf_remote_read(struct hf_queue *queue, struct hf_remote *remote,
			     uint64_t offset, const struct ibv_sge *to)
{
	struct hf_slot slot = transfer(HF_REMOTE_READ, remote, offset, to);

	return wait_for(queue, &slot);
}

HF_EXPORT int hf_remote_write(struct hf_queue *queue, struct hf_remote *remote,
			      uint64_t offset, const struct ibv_sge *from)
{
	struct hf_slot slot = transfer(HF_REMOTE_WRITE, remote, offset, from);

	return wait_for(queue, &slot);
}

HF_EXPORT int hf_remote_flush(struct hf_queue *queue, struct hf_remote *remote,
			      uint64_t offset, uint64_t length)
{
	struct hf_slot slot = flush(remote, offset, length);

	return wait_for(queue, &slot);
}

HF_EXPORT int hf_remote_compare_swap(struct hf_queue *queue,
				     struct hf_remote *remote, uint64_t offset,
				     uint64_t compare, uint64_t swap,
				     const struct ibv_sge *to)
{
	struct hf_slot slot;
	int ret = atomic(&slot, HF_REMOTE_COMPARE_SWAP, remote, offset, compare,
			 swap, to);

	return ret ? ret : wait_for(queue, &slot);
}

HF_EXPORT int hf_remote_fetch_add(struct hf_queue *queue,
				  struct hf_remote *remote, uint64_t offset,
				  uint64_t add, const struct ibv_sge *to)
{
	struct hf_slot slot;
	int ret =
		atomic(&slot, HF_REMOTE_FETCH_ADD, remote, offset, 0, add, to);

	return ret ? ret : wait_for(queue, &slot);
}

HF_EXPORT int hf_remote_atomic_write(struct hf_queue *queue,
				     struct hf_remote *remote, uint64_t offset,
				     uint64_t value)
{
	struct hf_slot slot;
	int ret = atomic_write(&slot, remote, offset, value);

	return ret ? ret : wait_for(queue, &slot);
}
