// SPDX-License-Identifier: GPL-2.0
/*
 * Queues of events of many leases: the implicit ones of a process, or all of a
 * filesystem. One change can break more leases than a queue has room for. After a
 * loss the leases themselves are to be looked at: see report/events.c, which has the
 * descriptors of these queues.
 */
#include <linux/poll.h>
#include "core/info.h"
#include "core/watch.h"

/* Queues of one process, at most: each event looks at all of them. */
#define HF_WATCHES 8

static DEFINE_SPINLOCK(hf_watches_lock); /* the list, and the queues */
static LIST_HEAD(hf_watches);

/* Whether a queue is of a lease. Called with lease->file->lock held. */
bool hf_watch_wants(const struct hf_watch *watch, const struct hf_lease *lease)
{
	if (watch->mm)
		return lease->pin && lease->pin->pinner.mm == watch->mm;
	return lease->file->inode->i_sb->s_dev == watch->dev;
}

/* Whether a process has a queue of its own leases' events. */
bool hf_watch_is_open(const struct mm_struct *mm)
{
	const struct hf_watch *watch;
	bool found = false;

	spin_lock(&hf_watches_lock);
	list_for_each_entry(watch, &hf_watches, node)
		found |= watch->mm == mm;
	spin_unlock(&hf_watches_lock);
	return found;
}

/* Called with hf_watches_lock held. */
static void hf_watch_drop(struct hf_watch *watch)
{
	hf_change_info_put(&watch->ring[watch->first].event.change);
	watch->first = (watch->first + 1) % HF_WATCH_EVENTS;
	watch->nr--;
}

/* The newest event in the queue, if it tells of the same as a break of @lease. */
static struct hf_watch_event *hf_watch_same(struct hf_watch *watch,
					    const struct hf_lease *lease,
					    const struct hf_event *event)
{
	struct hf_watch_event *newest =
		&watch->ring[(watch->first + watch->nr - 1) % HF_WATCH_EVENTS];

	if (!watch->nr || newest->lease != lease->id ||
	    newest->event.type != HOLDFAST_EVENT_BREAK ||
	    event->type != HOLDFAST_EVENT_BREAK ||
	    newest->event.deadline != event->deadline)
		return NULL;
	return newest;
}

/* Called with hf_watches_lock held; NULL: @event is lost. */
static struct hf_watch_event *hf_watch_room(struct hf_watch *watch,
					    const struct hf_event *event)
{
	if (watch->nr == HF_WATCH_EVENTS) {
		watch->lost++;
		/* See event.c. */
		if (event->type == HOLDFAST_EVENT_MEDIA_ERROR)
			return NULL;
		watch->next = 1;
		hf_watch_drop(watch);
	}
	return &watch->ring[(watch->first + watch->nr++) % HF_WATCH_EVENTS];
}

/* Called with hf_watches_lock held. */
static void hf_watch_push_locked(struct hf_watch *watch,
				 const struct hf_lease *lease,
				 const struct hf_event *event)
{
	struct hf_watch_event *slot = hf_watch_same(watch, lease, event);

	if (slot)
		hf_change_info_put(&slot->event.change);
	else
		slot = hf_watch_room(watch, event);
	if (!slot)
		return;
	slot->event = *event;
	slot->lease = lease->id;
	slot->address = lease->pin ? lease->pin->address : 0;
	slot->offset = hf_lease_offset(lease);
	slot->length = hf_lease_pages(lease) << PAGE_SHIFT;
	hf_change_info_get(&slot->event.change, &event->change);
	wake_up_interruptible_poll(&watch->wait, EPOLLIN | EPOLLRDNORM);
}

/* Called with lease->file->lock held. */
void hf_watch_push(struct hf_watch *watch, const struct hf_lease *lease,
		   const struct hf_event *event)
{
	spin_lock(&hf_watches_lock);
	hf_watch_push_locked(watch, lease, event);
	spin_unlock(&hf_watches_lock);
}

/* Called with lease->file->lock held, so the lease does not change. */
void hf_watches_push(const struct hf_lease *lease, const struct hf_event *event)
{
	struct hf_watch *watch;

	lockdep_assert_held(&lease->file->lock);
	spin_lock(&hf_watches_lock);
	list_for_each_entry(watch, &hf_watches, node) {
		if (hf_watch_wants(watch, lease))
			hf_watch_push_locked(watch, lease, event);
	}
	spin_unlock(&hf_watches_lock);
}

/* Takes the oldest event; false if there is none. */
bool hf_watch_take(struct hf_watch *watch, struct holdfast_event *out)
{
	struct hf_watch_event *slot;
	bool any;

	memset(out, 0, sizeof(*out));
	spin_lock(&hf_watches_lock);
	any = watch->nr;
	if (any) {
		slot = &watch->ring[watch->first];
		hf_event_fill(out, &slot->event);
		out->lease = slot->lease;
		out->address = slot->address;
		out->lease_offset = slot->offset;
		out->lease_length = slot->length;
		out->lost = watch->lost;
		watch->lost = 0;
		hf_watch_drop(watch);
	}
	spin_unlock(&hf_watches_lock);
	return any;
}

/* All leases are to be looked at. */
void hf_watch_rewind(struct hf_watch *watch)
{
	spin_lock(&hf_watches_lock);
	watch->next = 1;
	spin_unlock(&hf_watches_lock);
}

/* Goes on from one lease to look at to the next; 0: that was the last one. */
void hf_watch_advance(struct hf_watch *watch, unsigned long from,
		      unsigned long to)
{
	spin_lock(&hf_watches_lock);
	/* Another reader, or a loss, may have moved it. */
	if (watch->next == from)
		watch->next = to;
	spin_unlock(&hf_watches_lock);
}

/* From here on it gets events; or -EMFILE. */
int hf_watch_add(struct hf_watch *watch)
{
	unsigned int nr = 0;
	struct hf_watch *other;

	spin_lock(&hf_watches_lock);
	list_for_each_entry(other, &hf_watches, node)
		nr += watch->mm && other->mm == watch->mm;
	if (nr < HF_WATCHES)
		list_add_tail(&watch->node, &hf_watches);
	spin_unlock(&hf_watches_lock);
	return nr < HF_WATCHES ? 0 : -EMFILE;
}

/* Undoes hf_watch_add(). */
void hf_watch_remove(struct hf_watch *watch)
{
	spin_lock(&hf_watches_lock);
	list_del(&watch->node);
	while (watch->nr)
		hf_watch_drop(watch);
	spin_unlock(&hf_watches_lock);
}
