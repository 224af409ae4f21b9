// SPDX-License-Identifier: GPL-2.0
/*
 * What the holder is told: one short queue a lease, shared by everybody who
 * has the lease open. When it is full the oldest event goes and is counted; but
 * memory can fail page by page, and no holder has to answer that in time, so it
 * makes no other event go. Most
 * leases have none or one event, so there is room for more only when it is needed;
 * where memory is short, the newest is kept.
 */
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "core/event.h"
#include "core/info.h"
#include "core/trace.h"
#include "core/watch.h"

/*
 * A process that polls the report wakes when any lease has an event, also a lease that
 * it does not see. It reads the report again, which shows its own leases.
 */
DECLARE_WAIT_QUEUE_HEAD(hf_report_wait);
atomic_t hf_report_event = ATOMIC_INIT(0);

/* A break has begun or ended. Does not sleep. */
void hf_report_wake(void)
{
	atomic_inc(&hf_report_event);
	wake_up_interruptible_poll(&hf_report_wait, EPOLLERR | EPOLLPRI);
}

void hf_events_init(struct hf_lease *lease)
{
	lease->events.ring = &lease->events.only;
	lease->events.room = 1;
}

static struct hf_event *hf_event_first(struct hf_events *events)
{
	return events->nr ? &events->ring[events->first] : NULL;
}

static void hf_event_drop(struct hf_events *events)
{
	hf_change_info_put(&events->ring[events->first].change);
	events->first = (events->first + 1) % events->room;
	events->nr--;
}

/* Room for one more, if there is memory. */
static void hf_events_grow(struct hf_events *events)
{
	struct hf_event *ring = kmalloc_array(HF_EVENTS, sizeof(*ring),
					      GFP_NOWAIT | __GFP_NOWARN);

	if (!ring)
		return;
	ring[0] = events->only;
	events->ring = ring;
	events->first = 0;
	events->room = HF_EVENTS;
}

/* Nobody needs the room. */
static void hf_events_shrink(struct hf_events *events)
{
	if (events->ring != &events->only)
		kfree(events->ring);
	events->ring = &events->only;
	events->first = 0;
	events->room = 1;
}

/* Called with file->lock held. */
static void hf_event_queue(struct hf_lease *lease, const struct hf_event *event)
{
	struct hf_events *events = &lease->events;
	struct hf_event *slot;

	if (events->nr == events->room && events->room < HF_EVENTS)
		hf_events_grow(events);
	if (events->nr == events->room) {
		events->lost++;
		if (event->type == HOLDFAST_EVENT_MEDIA_ERROR)
			return;
		hf_event_drop(events);
	}
	slot = &events->ring[(events->first + events->nr++) % events->room];
	*slot = *event;
	hf_change_info_get(&slot->change, &event->change);

	wake_up_interruptible_poll(&lease->wait, EPOLLIN | EPOLLRDNORM);
	kill_fasync(&lease->fasync, SIGIO, POLL_IN);
}

/* Tells of a change. Called with file->lock held. */
void hf_event_tell(struct hf_lease *lease, enum holdfast_event_type type,
		   ktime_t now, const struct hf_change_info *change,
		   ktime_t deadline)
{
	struct hf_event event = {
		.seq = ++lease->events.seq,
		.type = type,
		.time = now,
		.deadline = deadline,
		.change = *change,
	};

	lockdep_assert_held(&lease->file->lock);
	hf_watches_push(lease, &event);
	hf_report_wake();
	if (!lease->implicit)
		hf_event_queue(lease, &event);
}

/* Tells of lease->change. Called with file->lock held. */
void hf_event_push(struct hf_lease *lease, enum holdfast_event_type type,
		   ktime_t now)
{
	hf_event_tell(lease, type, now, &lease->change, lease->deadline);
}

void hf_events_free(struct hf_lease *lease)
{
	while (hf_event_first(&lease->events))
		hf_event_drop(&lease->events);
	hf_events_shrink(&lease->events);
}

/* Copies the oldest event; false if there is none. */
static bool hf_event_peek(struct hf_lease *lease, struct holdfast_event *out)
{
	struct hf_event *event;

	memset(out, 0, sizeof(*out));
	spin_lock(&lease->file->lock);
	event = hf_event_first(&lease->events);
	if (event) {
		hf_event_fill(out, event);
		out->lease = lease->id;
		out->lease_offset = hf_lease_offset(lease);
		out->lease_length = hf_lease_pages(lease) << PAGE_SHIFT;
	}
	spin_unlock(&lease->file->lock);
	return event;
}

/*
 * Takes event @seq off the queue. False: another reader had it first, or newer
 * ones have pushed it out.
 */
static bool hf_event_take(struct hf_lease *lease, u64 seq)
{
	struct hf_events *events = &lease->events;
	struct hf_event *event;
	bool taken;

	spin_lock(&lease->file->lock);
	event = hf_event_first(events);
	taken = event && event->seq == seq;
	if (taken)
		hf_event_drop(events);
	if (!events->nr)
		hf_events_shrink(events);
	spin_unlock(&lease->file->lock);
	return taken;
}

/* The next event to read, into @buf: its size, 0: there is none, or -EFAULT. */
static ssize_t hf_event_read_one(struct hf_lease *lease, char __user *buf,
				 size_t size)
{
	struct holdfast_event event;

	/* An event leaves the queue only when its reader has it. */
	do {
		if (!hf_event_peek(lease, &event))
			return 0;
		event.size = min(size, sizeof(event));
		if (copy_to_user(buf, &event, event.size))
			return -EFAULT;
	} while (!hf_event_take(lease, event.seq));
	trace_holdfast_notice(event.lease, event.seq, event.type);
	return event.size;
}

ssize_t hf_event_read(struct hf_lease *lease, char __user *buf, size_t size,
		      bool nonblock)
{
	/* An older reader's buffer takes the beginning of an event. */
	const size_t part = min(size, sizeof(struct holdfast_event));
	size_t done = 0;
	ssize_t ret;

	BUILD_BUG_ON(HOLDFAST_COMM_LEN != TASK_COMM_LEN);
	if (size < HF_EVENT_MIN_SIZE)
		return -EINVAL;
	while (!(ret = hf_event_read_one(lease, buf, part))) {
		if (nonblock)
			return -EAGAIN;
		if (wait_event_interruptible(lease->wait,
					     READ_ONCE(lease->events.nr)))
			return -ERESTARTSYS;
	}
	for (; ret > 0; ret = hf_event_read_one(lease, buf + done, part)) {
		done += ret;
		if (done + part > size)
			break;
	}
	return done ?: ret;
}
