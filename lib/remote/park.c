// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Operations that have to wait: of a region that pauses, and of a connection that is
 * lost. All of it is done by the control thread, with the importer's lock.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal/clock.h"
#include "fate.h"
#include "importer.h"

void hf_park_close(struct hf_remote *remote)
{
	struct hf_importer *importer = remote->importer;

	if (remote->closed)
		return;
	remote->closed = true;
	remote->since_ns = hf_clock_ns();
	for (unsigned int i = 0; i < importer->queue_count; i++) {
		hf_bias_close(&importer->queues[i].bias);
		hf_bias_unlock(&importer->queues[i].bias);
	}
}

void hf_park_open(struct hf_remote *remote)
{
	struct hf_importer *importer = remote->importer;
	uint64_t took;

	if (!remote->closed)
		return;
	remote->closed = false;
	took = hf_clock_ns() - remote->since_ns;
	if (took > remote->info.longest_ns)
		remote->info.longest_ns = took;
	for (unsigned int i = 0; i < importer->queue_count; i++) {
		hf_bias_lock(&importer->queues[i].bias);
		hf_bias_open(&importer->queues[i].bias);
		hf_bias_unlock(&importer->queues[i].bias);
	}
}

/* --- in flight */

/* An asked flush is none: the exporter looks by itself how the region stands. */
static bool has_posted(const struct hf_queue *queue,
		       const struct hf_remote *remote)
{
	for (uint32_t i = 0; i < queue->depth; i++)
		if (queue->slots[i].state == HF_SLOT_POSTED &&
		    queue->slots[i].remote == remote)
			return true;
	return false;
}

/* For a program that does not poll at the moment. */
static void collect(struct hf_queue *queue)
{
	int n = 0;

	while (hf_queue_collect(queue))
		n++;
	if (n)
		hf_queue_notify(queue);
}

bool hf_park_is_still(struct hf_remote *remote)
{
	struct hf_importer *importer = remote->importer;
	bool still = true;

	for (unsigned int i = 0; i < importer->queue_count && still; i++) {
		struct hf_queue *queue = &importer->queues[i];

		hf_bias_lock(&queue->bias);
		if (has_posted(queue, remote)) {
			collect(queue);
			still = !has_posted(queue, remote);
		}
		hf_bias_unlock(&queue->bias);
	}
	return still;
}

bool hf_park_has(struct hf_remote *remote)
{
	struct hf_importer *importer = remote->importer;
	bool has = false;

	for (unsigned int i = 0; i < importer->queue_count && !has; i++) {
		struct hf_queue *queue = &importer->queues[i];

		hf_bias_close(&queue->bias);
		for (uint32_t j = 0; j < queue->depth; j++)
			has |= queue->slots[j].remote == remote;
		hf_bias_open(&queue->bias);
		hf_bias_unlock(&queue->bias);
	}
	return has;
}

/* --- a connection is lost */

/* The queue pair is gone: what it has not completed, nobody knows. */
static void decide(struct hf_queue *queue, struct hf_slot *slot)
{
	int fate;

	if (slot->state == HF_SLOT_ASKING)
		slot->state = HF_SLOT_PARKED;
	if (slot->state != HF_SLOT_POSTED)
		return;
	fate = hf_fate(slot->op, IBV_WC_WR_FLUSH_ERR, 0);
	if (fate == HF_FATE_REPEAT)
		slot->state = HF_SLOT_PARKED;
	else
		hf_queue_done(queue, slot, fate);
}

void hf_park_lost(struct hf_importer *importer)
{
	pthread_mutex_lock(&importer->flush_lock);
	TAILQ_INIT(&importer->asking);
	importer->asked = 0;
	pthread_mutex_unlock(&importer->flush_lock);
	for (unsigned int i = 0; i < importer->queue_count; i++) {
		struct hf_queue *queue = &importer->queues[i];

		hf_bias_lock(&queue->bias);
		collect(queue);
		queue->qp = NULL;
		queue->connection++;
		for (uint32_t j = 0; j < queue->depth; j++)
			decide(queue, &queue->slots[j]);
		hf_queue_notify(queue);
		hf_bias_unlock(&queue->bias);
	}
	/* What collect() has asked for meanwhile is parked, too. */
	pthread_mutex_lock(&importer->flush_lock);
	TAILQ_INIT(&importer->asking);
	pthread_mutex_unlock(&importer->flush_lock);
}

/* --- release */

static int by_order(const void *a, const void *b)
{
	const struct hf_slot *const *first = a, *const *second = b;

	return (*first)->order < (*second)->order ? -1 : 1;
}

static void release(struct hf_queue *queue, struct hf_slot **parked)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < queue->depth; i++)
		if (queue->slots[i].state == HF_SLOT_PARKED)
			parked[count++] = &queue->slots[i];
	qsort(parked, count, sizeof(*parked), by_order);
	for (uint32_t i = 0; i < count; i++)
		hf_queue_issue(queue, parked[i]);
	if (count)
		hf_queue_notify(queue);
}

void hf_park_release(struct hf_importer *importer)
{
	for (unsigned int i = 0; i < importer->queue_count; i++) {
		struct hf_queue *queue = &importer->queues[i];

		/* Also where no region keeps the gate closed any longer. */
		hf_bias_close(&queue->bias);
		release(queue, queue->parked);
		hf_bias_open(&queue->bias);
		hf_bias_unlock(&queue->bias);
	}
}

/* --- flushes */

void hf_park_flushed(struct hf_importer *importer, uint32_t request, int error)
{
	unsigned int number = request >> 20;
	uint32_t i = request & 0xfffff;
	struct hf_queue *queue;
	struct hf_slot *slot;

	if (number >= importer->queue_count ||
	    i >= importer->queues[number].depth)
		return;
	queue = &importer->queues[number];
	slot = &queue->slots[i];
	hf_bias_close(&queue->bias);
	if (slot->state == HF_SLOT_ASKING && slot->sent) {
		importer->asked--;
		/* A pause came in between: once more, behind it, or now if it is over. */
		if (error == -EAGAIN && slot->remote->closed)
			slot->state = HF_SLOT_PARKED;
		else if (error == -EAGAIN)
			hf_queue_issue(queue, slot);
		else {
			slot->remote->exporter_flushes += !error;
			hf_queue_done(queue, slot, error);
		}
		hf_queue_notify(queue);
	}
	hf_bias_open(&queue->bias);
	hf_bias_unlock(&queue->bias);
}
