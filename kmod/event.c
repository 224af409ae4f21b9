// SPDX-License-Identifier: GPL-2.0
/*
 * What the holder is told: one short queue a lease, shared by everybody who
 * has the lease open. When it is full the oldest event goes and is counted.
 */
#include <linux/poll.h>
#include <linux/uaccess.h>
#include "trace.h"

static struct hf_event *hf_event_first(struct hf_events *events)
{
	return events->nr ? &events->ring[events->first] : NULL;
}

static void hf_event_drop(struct hf_events *events)
{
	hf_change_info_put(&events->ring[events->first].change);
	events->first = (events->first + 1) % HF_EVENTS;
	events->nr--;
}

/* Tells of lease->change. Called with file->lock held. */
void hf_event_push(struct hf_lease *lease, enum holdfast_event_type type,
		   ktime_t now)
{
	struct hf_events *events = &lease->events;
	struct hf_event *event;

	lockdep_assert_held(&lease->file->lock);
	if (events->nr == HF_EVENTS) {
		hf_event_drop(events);
		events->lost++;
	}
	event = &events->ring[(events->first + events->nr++) % HF_EVENTS];
	event->seq = ++events->seq;
	event->type = type;
	event->time = now;
	event->deadline = lease->deadline;
	hf_change_info_get(&event->change, &lease->change);

	wake_up_interruptible_poll(&lease->wait, EPOLLIN | EPOLLRDNORM);
	hf_report_wake();
	kill_fasync(&lease->fasync, SIGIO, POLL_IN);
}

void hf_events_free(struct hf_lease *lease)
{
	while (hf_event_first(&lease->events))
		hf_event_drop(&lease->events);
}

/* Copies the oldest event; false if there is none. */
static bool hf_event_peek(struct hf_lease *lease, struct holdfast_event *out)
{
	struct hf_event *event;

	memset(out, 0, sizeof(*out));
	spin_lock(&lease->file->lock);
	event = hf_event_first(&lease->events);
	if (event) {
		out->type = event->type;
		out->seq = event->seq;
		out->lease = lease->id;
		out->op = event->change.op;
		out->pid = pid_vnr(event->change.tgid);
		out->offset = event->change.offset;
		out->length = event->change.length;
		out->deadline_ns = ktime_to_ns(event->deadline);
		out->time_ns = ktime_to_ns(event->time);
		memcpy(out->comm, event->change.comm, sizeof(out->comm));
	}
	spin_unlock(&lease->file->lock);
	return event;
}

/* Takes event @seq off the queue, unless newer ones have pushed it out. */
static void hf_event_take(struct hf_lease *lease, u64 seq)
{
	struct hf_event *event;

	spin_lock(&lease->file->lock);
	event = hf_event_first(&lease->events);
	if (event && event->seq == seq)
		hf_event_drop(&lease->events);
	spin_unlock(&lease->file->lock);
}

ssize_t hf_event_read(struct hf_lease *lease, char __user *buf, size_t size,
		      bool nonblock)
{
	/* An older reader's buffer takes the beginning of an event. */
	const size_t min_size = offsetofend(struct holdfast_event, comm);
	struct holdfast_event event;
	size_t done = 0, part;
	int err = 0;

	BUILD_BUG_ON(HOLDFAST_COMM_LEN != TASK_COMM_LEN);
	if (size < min_size)
		return -EINVAL;
	part = min(size, sizeof(event));
	if (mutex_lock_interruptible(&lease->read_mutex))
		return -ERESTARTSYS;
	while (!hf_event_peek(lease, &event)) {
		mutex_unlock(&lease->read_mutex);
		if (nonblock)
			return -EAGAIN;
		if (wait_event_interruptible(lease->wait,
					     READ_ONCE(lease->events.nr)))
			return -ERESTARTSYS;
		if (mutex_lock_interruptible(&lease->read_mutex))
			return -ERESTARTSYS;
	}
	/* An event leaves the queue only when its reader has it. */
	do {
		event.size = part;
		if (copy_to_user(buf + done, &event, part)) {
			err = -EFAULT;
			break;
		}
		hf_event_take(lease, event.seq);
		trace_holdfast_notice(event.lease, event.seq, event.type);
		done += part;
	} while (done + part <= size && hf_event_peek(lease, &event));
	mutex_unlock(&lease->read_mutex);
	return done ?: err;
}
