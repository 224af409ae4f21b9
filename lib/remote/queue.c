// SPDX-License-Identifier: LGPL-2.1-or-later
/* Queues of an importer: operations are posted, and their completions taken. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal/visibility.h"
#include "rerror.h"
#include "fate.h"
#include "importer.h"

/* --- slots */

void hf_queue_recycle(struct hf_queue *queue, struct hf_slot *slot)
{
	slot->state = HF_SLOT_FREE;
	slot->remote = NULL;
	queue->free[queue->free_count++] = slot - queue->slots;
}

void hf_queue_done(struct hf_queue *queue, struct hf_slot *slot, int error)
{
	slot->state = HF_SLOT_DONE;
	slot->error = error;
	if (slot->waiter)
		return;
	queue->done[(queue->done_head + queue->done_count++) % queue->depth] =
		slot - queue->slots;
}

void hf_queue_notify(struct hf_queue *queue)
{
	if (queue->notified)
		return;
	queue->notified = true;
	eventfd_write(queue->wake_fd, 1);
}

/* --- to the device */

static bool is_in_reach(const struct hf_slot *slot)
{
	uint64_t length = slot->remote->length;

	return slot->offset <= length && slot->length <= length - slot->offset;
}

static void report_broken(struct hf_queue *queue)
{
	/* Once is enough: each completion of a broken queue pair comes by here. */
	if (!atomic_exchange_explicit(&queue->importer->broken, true,
				      memory_order_relaxed))
		hf_importer_wake(queue->importer);
}

static void fill_rdma(const struct hf_slot *slot, enum ibv_wr_opcode opcode,
		      struct ibv_send_wr *wr)
{
	wr->opcode = opcode;
	wr->wr.rdma.remote_addr = slot->remote->iova + slot->offset;
	wr->wr.rdma.rkey = slot->remote->rkey;
}

/* A read behind the writes: they have reached memory when it ends. */
static void fill_flush(const struct hf_queue *queue, const struct hf_slot *slot,
		       struct ibv_send_wr *wr)
{
	fill_rdma(slot, IBV_WR_RDMA_READ, wr);
	wr->sg_list->addr = (uintptr_t)queue->scratch;
	wr->sg_list->length = 1;
	wr->sg_list->lkey = queue->scratch_mr->lkey;
}

static void fill_atomic(const struct hf_slot *slot, struct ibv_send_wr *wr)
{
	bool adds = slot->op == HF_REMOTE_FETCH_ADD;

	wr->opcode = adds ? IBV_WR_ATOMIC_FETCH_AND_ADD
			  : IBV_WR_ATOMIC_CMP_AND_SWP;
	wr->wr.atomic.remote_addr = slot->remote->iova + slot->offset;
	wr->wr.atomic.rkey = slot->remote->rkey;
	wr->wr.atomic.compare_add = adds ? slot->swap : slot->compare;
	wr->wr.atomic.swap = slot->swap;
}

static void fill_wr(const struct hf_queue *queue, const struct hf_slot *slot,
		    struct ibv_send_wr *wr)
{
	if (slot->op == HF_REMOTE_WRITE)
		fill_rdma(slot, IBV_WR_RDMA_WRITE, wr);
	else if (slot->op == HF_REMOTE_READ)
		fill_rdma(slot, IBV_WR_RDMA_READ, wr);
	else if (slot->op == HF_REMOTE_FLUSH)
		fill_flush(queue, slot, wr);
	else
		fill_atomic(slot, wr);
}

static uint64_t wr_id_of(const struct hf_queue *queue,
			 const struct hf_slot *slot)
{
	return (uint64_t)queue->connection << 32 |
	       (uint32_t)(slot - queue->slots);
}

/* The queue pair has an error: the device has not had it. */
static void not_posted(struct hf_queue *queue, struct hf_slot *slot)
{
	slot->state = HF_SLOT_PARKED;
	if (++slot->refused == HF_FATE_REFUSALS)
		hf_queue_done(queue, slot, -EIO);
	report_broken(queue);
}

/* To the device, with the region active and in reach. */
static void post(struct hf_queue *queue, struct hf_slot *slot)
{
	struct ibv_sge sge = slot->local;
	struct ibv_send_wr *bad, wr;

	wr.wr_id = wr_id_of(queue, slot);
	wr.next = NULL;
	wr.sg_list = &sge;
	wr.num_sge = 1;
	wr.send_flags = IBV_SEND_SIGNALED;
	fill_wr(queue, slot, &wr);
	slot->state = HF_SLOT_POSTED;
	if (__builtin_expect(ibv_post_send(queue->qp, &wr, &bad), 0))
		not_posted(queue, slot);
}

/* The same, of RDMA FLUSH and ATOMIC WRITE, which ibv_post_send() does not know. */
static void post_placement(struct hf_queue *queue, struct hf_slot *slot)
{
	const struct hf_remote *remote = slot->remote;
	uint64_t address = remote->iova + slot->offset;
	uint64_t wr_id = wr_id_of(queue, slot);
	int err;

	slot->state = HF_SLOT_POSTED;
	if (slot->op == HF_REMOTE_FLUSH)
		err = hf_placement_flush(queue->qp, wr_id, remote->rkey,
					 address, slot->length);
	else
		err = hf_placement_atomic_write(queue->qp, wr_id, remote->rkey,
						address, slot->swap);
	if (err)
		not_posted(queue, slot);
}

bool hf_queue_can_atomic_write(const struct hf_remote *remote)
{
	return remote->access & HF_WIRE_ATOMIC_WRITE &&
	       remote->importer->placement & HF_PLACEMENT_ATOMIC_WRITE;
}

/* A flush that the exporter's device has refused once its processor does. */
static bool is_for_device(const struct hf_slot *slot)
{
	const struct hf_remote *remote = slot->remote;

	return remote->access & HF_WIRE_FLUSHABLE &&
	       remote->importer->placement & HF_PLACEMENT_FLUSH &&
	       slot->length <= HF_PLACEMENT_FLUSH_MAX && !slot->refused;
}

static void post_flush(struct hf_queue *queue, struct hf_slot *slot)
{
	slot->by_device = is_for_device(slot);
	if (slot->by_device)
		post_placement(queue, slot);
	else
		post(queue, slot);
}

static void post_atomic_write(struct hf_queue *queue, struct hf_slot *slot)
{
	/* An exporter on another device may have it no longer. */
	if (hf_queue_can_atomic_write(slot->remote))
		post_placement(queue, slot);
	else
		hf_queue_done(queue, slot, -EOPNOTSUPP);
}

/* Operations of the region that were posted before this one wait. */
static bool has_parked(const struct hf_queue *queue,
		       const struct hf_remote *remote)
{
	for (uint32_t i = 0; i < queue->depth; i++)
		if (queue->slots[i].state == HF_SLOT_PARKED &&
		    queue->slots[i].remote == remote)
			return true;
	return false;
}

void hf_queue_issue(struct hf_queue *queue, struct hf_slot *slot)
{
	const struct hf_remote *remote = slot->remote;

	if (remote->stage == HF_STAGE_GONE)
		hf_queue_done(queue, slot, remote->error);
	else if (remote->stage == HF_STAGE_ACTIVE && queue->qp) {
		slot->all |= slot->op == HF_REMOTE_FLUSH && !slot->length;
		if (slot->all && slot->offset <= remote->length)
			slot->length = remote->length - slot->offset;
		if (!is_in_reach(slot))
			hf_queue_done(queue, slot, -ERANGE);
		else if (slot->op == HF_REMOTE_FLUSH && !slot->length)
			hf_queue_done(queue, slot, 0);
		else if (slot->op == HF_REMOTE_FLUSH)
			post_flush(queue, slot);
		else if (slot->op == HF_REMOTE_ATOMIC_WRITE)
			post_atomic_write(queue, slot);
		else
			post(queue, slot);
	} else if (queue->importer->expired)
		hf_queue_done(queue, slot, queue->importer->failure);
	else
		slot->state = HF_SLOT_PARKED;
}

/* What ibv_post_send() alone does. */
static bool is_plain(enum hf_remote_op op)
{
	/* One comparison: the other two have the last numbers. */
	return op < HF_REMOTE_FLUSH;
}

/* The way of an operation while the gate is closed. */
static void issue_slowly(struct hf_queue *queue, struct hf_slot *slot)
{
	if (has_parked(queue, slot->remote))
		slot->state = HF_SLOT_PARKED;
	else
		hf_queue_issue(queue, slot);
}

int hf_queue_start(struct hf_queue *queue, const struct hf_slot *asked,
		   struct hf_slot **out)
{
	bool open = hf_bias_enter(&queue->bias);
	struct hf_slot *slot;

	if (__builtin_expect(!queue->free_count, 0)) {
		hf_bias_leave(&queue->bias, open);
		return hf_rfail(EAGAIN,
				"the queue has %u operations; poll it first",
				queue->depth);
	}
	slot = &queue->slots[queue->free[--queue->free_count]];
	*slot = *asked;
	slot->order = queue->order++;
	if (__builtin_expect(open && is_plain(slot->op) && is_in_reach(slot) &&
				     queue->qp,
			     1))
		post(queue, slot);
	else
		issue_slowly(queue, slot);
	/* A caller that waits must not lose sight of it. */
	if (out)
		*out = slot;
	hf_bias_leave(&queue->bias, open);
	return 0;
}

/* --- from the device */

static void ask_for_flush(struct hf_queue *queue, struct hf_slot *slot)
{
	struct hf_importer *importer = queue->importer;

	slot->state = HF_SLOT_ASKING;
	slot->sent = false;
	pthread_mutex_lock(&importer->flush_lock);
	TAILQ_INSERT_TAIL(&importer->asking, slot, flush_node);
	pthread_mutex_unlock(&importer->flush_lock);
	hf_importer_wake(importer);
}

/* By the device it is done; otherwise what was written before it has reached memory. */
static void flush_completed(struct hf_queue *queue, struct hf_slot *slot)
{
	if (!slot->by_device) {
		ask_for_flush(queue, slot);
		return;
	}
	slot->remote->device_flushes++;
	hf_queue_done(queue, slot, 0);
}

static void completed(struct hf_queue *queue, const struct ibv_wc *wc)
{
	struct hf_slot *slot = &queue->slots[(uint32_t)wc->wr_id];
	int fate;

	/* Of a connection that is no more: that was decided when it ended. */
	if (wc->wr_id >> 32 != queue->connection ||
	    slot->state != HF_SLOT_POSTED)
		return;
	if (__builtin_expect(wc->status == IBV_WC_SUCCESS, 1)) {
		if (slot->op == HF_REMOTE_FLUSH)
			flush_completed(queue, slot);
		else
			hf_queue_done(queue, slot, 0);
		return;
	}
	/*
	 * The first error of a queue pair names the culprit. Soft RoCE reports a wrong
	 * key of local memory like what it flushes.
	 */
	if (!queue->saw_error && (hf_fate_is_refusal(wc->status) ||
				  wc->status == IBV_WC_WR_FLUSH_ERR))
		slot->refused++;
	queue->saw_error = true;
	fate = hf_fate(slot->op, wc->status, slot->refused);
	if (fate == HF_FATE_REPEAT)
		slot->state = HF_SLOT_PARKED;
	else
		hf_queue_done(queue, slot, fate);
	report_broken(queue);
}

int hf_queue_collect(struct hf_queue *queue)
{
	struct ibv_wc wc[16];
	int n = ibv_poll_cq(queue->cq, 16, wc);

	for (int i = 0; i < n; i++)
		completed(queue, &wc[i]);
	return n < 0 ? 0 : n;
}

/*
 * Before the completion queue is polled: an event that is taken afterwards may be of a
 * completion that the poll has not seen, and who sleeps then is not woken.
 */
static void take_events(struct hf_queue *queue)
{
	struct ibv_cq *cq;
	void *context;

	while (queue->armed &&
	       !ibv_get_cq_event(queue->channel, &cq, &context)) {
		ibv_ack_cq_events(cq, 1);
		queue->armed = false;
	}
}

/* When the last completion has been taken. */
static void take_notice(struct hf_queue *queue)
{
	eventfd_t count;

	if (queue->done_count)
		return;
	eventfd_read(queue->wake_fd, &count);
	queue->notified = false;
}

static int take_done(struct hf_queue *queue, struct hf_completion *completions,
		     int count)
{
	int n = 0;

	while (n < count && queue->done_count) {
		struct hf_slot *slot =
			&queue->slots[queue->done[queue->done_head]];

		queue->done_head = (queue->done_head + 1) % queue->depth;
		queue->done_count--;
		completions[n++] =
			(struct hf_completion){ .user_data = slot->user_data,
						.error = slot->error,
						.op = slot->op };
		hf_queue_recycle(queue, slot);
	}
	return n;
}

HF_EXPORT int hf_queue_poll(struct hf_queue *queue,
			    struct hf_completion *completions, int count)
{
	bool open = hf_bias_enter(&queue->bias);
	int n;

	if (__builtin_expect(queue->armed, 0))
		take_events(queue);
	hf_queue_collect(queue);
	n = take_done(queue, completions, count);
	if (__builtin_expect(queue->notified, 0))
		take_notice(queue);
	hf_bias_leave(&queue->bias, open);
	return n;
}

HF_EXPORT int hf_queue_fd(struct hf_queue *queue)
{
	return queue->epoll;
}

HF_EXPORT int hf_queue_arm(struct hf_queue *queue)
{
	bool open = hf_bias_enter(&queue->bias);
	int err = ibv_req_notify_cq(queue->cq, 0);

	queue->armed = true;
	hf_bias_leave(&queue->bias, open);
	return err ? hf_rfail(err, "ibv_req_notify_cq: %s", strerror(err)) : 0;
}

/* --- life */

/* Also once more. */
static int add_descriptor(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) && errno != EEXIST;
}

static int open_descriptors(struct hf_queue *queue)
{
	if (queue->wake_fd < 0)
		queue->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->epoll < 0)
		queue->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (queue->wake_fd < 0 || queue->epoll < 0 ||
	    hf_nonblocking(queue->channel->fd) ||
	    add_descriptor(queue->epoll, queue->wake_fd) ||
	    add_descriptor(queue->epoll, queue->channel->fd))
		return -errno;
	return 0;
}

int hf_queue_init(struct hf_importer *importer, unsigned int number,
		  uint32_t depth)
{
	struct hf_queue *queue = &importer->queues[number];

	hf_bias_init(&queue->bias);
	queue->importer = importer;
	queue->number = number;
	queue->depth = depth;
	queue->wake_fd = queue->epoll = -1;
	queue->slots = calloc(depth, sizeof(*queue->slots));
	queue->free = calloc(depth, sizeof(*queue->free));
	queue->done = calloc(depth, sizeof(*queue->done));
	queue->parked = calloc(depth, sizeof(*queue->parked));
	queue->scratch = calloc(1, sizeof(*queue->scratch));
	if (!queue->slots || !queue->free || !queue->done || !queue->parked ||
	    !queue->scratch)
		return -ENOMEM;
	for (uint32_t i = 0; i < depth; i++)
		queue->free[queue->free_count++] = depth - 1 - i;
	return 0;
}

/* When the device is known. */
int hf_queue_open(struct hf_queue *queue)
{
	struct hf_importer *importer = queue->importer;
	int ret;

	if (queue->cq)
		return 0;
	if (!queue->channel)
		queue->channel = ibv_create_comp_channel(importer->device);
	if (!queue->channel)
		return -errno;
	ret = open_descriptors(queue);
	if (ret)
		return ret;
	/* What an earlier connection has left has room, too. */
	queue->cq = ibv_create_cq(importer->device, 2 * queue->depth + 16,
				  queue, queue->channel, 0);
	return queue->cq ? 0 : -errno;
}

int hf_queue_join(struct hf_queue *queue)
{
	if (!queue->scratch_mr)
		queue->scratch_mr = ibv_reg_mr(queue->importer->pd,
					       queue->scratch,
					       sizeof(*queue->scratch),
					       IBV_ACCESS_LOCAL_WRITE);
	return queue->scratch_mr ? 0 : -errno;
}

void hf_queue_leave(struct hf_queue *queue)
{
	if (queue->scratch_mr)
		ibv_dereg_mr(queue->scratch_mr);
	queue->scratch_mr = NULL;
}

void hf_queue_destroy(struct hf_queue *queue)
{
	if (queue->cq)
		ibv_destroy_cq(queue->cq);
	if (queue->channel)
		ibv_destroy_comp_channel(queue->channel);
	hf_queue_leave(queue);
	if (queue->wake_fd >= 0)
		close(queue->wake_fd);
	if (queue->epoll >= 0)
		close(queue->epoll);
	free(queue->scratch);
	free(queue->parked);
	free(queue->done);
	free(queue->free);
	free(queue->slots);
	hf_bias_destroy(&queue->bias);
}
