// SPDX-License-Identifier: GPL-2.0
/*
 * Queues of events of many leases: the implicit ones of a process, or all of a
 * filesystem. One change can break more leases than a queue has room for. After a
 * loss, and when a reader wants to know, the leases themselves are looked at, and
 * those that break are told of (again).
 */
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "core/info.h"
#include "core/lease.h"
#include "core/trace.h"
#include "core/watch.h"

/* Kept unread, at most. */
#define HF_WATCH_EVENTS 64

/* Queues of one process, at most: each event looks at all of them. */
#define HF_WATCHES 8

/* An event, and the lease as it was then. */
struct hf_watch_event {
	struct hf_event event;
	u64 lease, address, offset, length;
};

struct hf_watch {
	struct list_head node;
	struct mm_struct *mm; /* grabbed, to compare; NULL: all of @dev */
	dev_t dev;
	wait_queue_head_t wait;
	struct hf_watch_event ring[HF_WATCH_EVENTS];
	unsigned int first, nr;
	u32 lost;		   /* since the last event that was read */
	unsigned long next, until; /* leases to look at: their numbers */
};

static DEFINE_SPINLOCK(hf_watches_lock); /* the list, and the queues */
static LIST_HEAD(hf_watches);

static bool hf_watch_wants(const struct hf_watch *watch,
			   const struct hf_lease *lease)
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

/* All leases are to be looked at. Called with hf_watches_lock held. */
static void hf_watch_rewind(struct hf_watch *watch)
{
	watch->next = 1;
	watch->until = hf_lease_newest();
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
		hf_watch_rewind(watch);
		hf_watch_drop(watch);
	}
	return &watch->ring[(watch->first + watch->nr++) % HF_WATCH_EVENTS];
}

static void hf_watch_push(struct hf_watch *watch, const struct hf_lease *lease,
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

/* Called with lease->file->lock held, so the lease does not change. */
void hf_watches_push(const struct hf_lease *lease, const struct hf_event *event)
{
	struct hf_watch *watch;

	lockdep_assert_held(&lease->file->lock);
	spin_lock(&hf_watches_lock);
	list_for_each_entry(watch, &hf_watches, node) {
		if (hf_watch_wants(watch, lease))
			hf_watch_push(watch, lease, event);
	}
	spin_unlock(&hf_watches_lock);
}

/*
 * Tells of a lease if it breaks, and a process of its own only if it has something to
 * give back. One that has ended may have outlived its inode.
 */
static void hf_watch_look(struct hf_watch *watch, struct hf_lease *lease)
{
	struct hf_event event = {
		.type = HOLDFAST_EVENT_BREAK,
		.time = ktime_get(),
	};

	spin_lock(&lease->file->lock);
	if (lease->target && lease->breaker && hf_watch_wants(watch, lease) &&
	    (!watch->mm || READ_ONCE(lease->pin->counts.all))) {
		event.seq = lease->events.seq;
		event.deadline = lease->deadline;
		event.change = lease->change;
		spin_lock(&hf_watches_lock);
		hf_watch_push(watch, lease, &event);
		spin_unlock(&hf_watches_lock);
	}
	spin_unlock(&lease->file->lock);
}

/*
 * The next lease of those to look at, with a reference, or NULL. Newer ones have their
 * events in the queue.
 */
static struct hf_lease *hf_watch_next(struct hf_watch *watch)
{
	struct hf_lease *lease = NULL;
	unsigned long id;

	spin_lock(&hf_watches_lock);
	id = watch->next;
	if (id)
		lease = hf_lease_next(&id);
	watch->next = lease && id < watch->until ? id + 1 : 0;
	spin_unlock(&hf_watches_lock);
	return lease;
}

/* Whether there is an event, if need be of a lease that has to be looked at. May sleep. */
static bool hf_watch_has_event(struct hf_watch *watch)
{
	struct hf_lease *lease;

	while (!READ_ONCE(watch->nr) && (lease = hf_watch_next(watch))) {
		hf_watch_look(watch, lease);
		hf_lease_put(lease);
		cond_resched();
	}
	return READ_ONCE(watch->nr);
}

/* Takes the oldest event; false if there is none. May sleep. */
static bool hf_watch_take(struct hf_watch *watch, struct holdfast_event *out)
{
	struct hf_watch_event *slot;
	bool any = false;

	memset(out, 0, sizeof(*out));
	while (!any && hf_watch_has_event(watch)) {
		spin_lock(&hf_watches_lock);
		/* Another reader may have been here. */
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
	}
	return any;
}

static ssize_t hf_watch_read(struct file *filp, char __user *buf, size_t size,
			     loff_t *pos)
{
	const size_t part = min(size, sizeof(struct holdfast_event));
	struct hf_watch *watch = filp->private_data;
	struct holdfast_event event;
	size_t done = 0;

	if (size < HF_EVENT_MIN_SIZE)
		return -EINVAL;
	while (!hf_watch_take(watch, &event)) {
		if (filp->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(watch->wait,
					     READ_ONCE(watch->nr) ||
						     READ_ONCE(watch->next)))
			return -ERESTARTSYS;
	}
	do {
		event.size = part;
		if (copy_to_user(buf + done, &event, part))
			return done ?: -EFAULT;
		trace_holdfast_notice(event.lease, event.seq, event.type);
		done += part;
	} while (done + part <= size && hf_watch_take(watch, &event));
	return done;
}

/* To the beginning, and nowhere else: see struct holdfast_watch. */
static loff_t hf_watch_llseek(struct file *filp, loff_t offset, int whence)
{
	struct hf_watch *watch = filp->private_data;

	if (offset || whence != SEEK_SET)
		return -EINVAL;
	spin_lock(&hf_watches_lock);
	hf_watch_rewind(watch);
	spin_unlock(&hf_watches_lock);
	wake_up_interruptible_poll(&watch->wait, EPOLLIN | EPOLLRDNORM);
	return 0;
}

static __poll_t hf_watch_poll(struct file *filp, poll_table *wait)
{
	struct hf_watch *watch = filp->private_data;

	poll_wait(filp, &watch->wait, wait);
	return hf_watch_has_event(watch) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void hf_watch_free(struct hf_watch *watch)
{
	spin_lock(&hf_watches_lock);
	list_del(&watch->node);
	while (watch->nr)
		hf_watch_drop(watch);
	spin_unlock(&hf_watches_lock);
	if (watch->mm)
		mmdrop(watch->mm);
	kfree(watch);
}

static int hf_watch_release(struct inode *inode, struct file *filp)
{
	hf_watch_free(filp->private_data);
	return 0;
}

static const struct file_operations hf_watch_fops = {
	.owner = THIS_MODULE,
	.read = hf_watch_read,
	.llseek = hf_watch_llseek,
	.poll = hf_watch_poll,
	.release = hf_watch_release,
};

/* What to watch; 0 or -errno. */
static int hf_watch_set(struct hf_watch *watch,
			const struct holdfast_watch *args)
{
	struct file *file;

	if (args->what == HOLDFAST_WATCH_OWN) {
		if (args->fd != -1)
			return -EINVAL;
		watch->mm = current->mm;
		mmgrab(watch->mm);
		return 0;
	}
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	file = fget(args->fd);
	if (!file)
		return -EBADF;
	watch->dev = file_inode(file)->i_sb->s_dev;
	fput(file);
	return 0;
}

/* From here on it gets events; or -EMFILE. */
static int hf_watch_add(struct hf_watch *watch)
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

/* HOLDFAST_IOC_WATCH; the errors are in the ABI header. */
int hf_watch_open(const struct holdfast_watch *args)
{
	struct hf_watch *watch;
	int fd;

	if (args->what > HOLDFAST_WATCH_FILESYSTEM || args->__reserved)
		return -EINVAL;
	watch = kzalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);
	if (!watch)
		return -ENOMEM;
	init_waitqueue_head(&watch->wait);
	fd = hf_watch_set(watch, args) ?: hf_watch_add(watch);
	if (fd)
		goto free;
	fd = anon_inode_getfd("[holdfast-watch]", &hf_watch_fops, watch,
			      O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		hf_watch_free(watch);
	return fd;

free:
	if (watch->mm)
		mmdrop(watch->mm);
	kfree(watch);
	return fd;
}
