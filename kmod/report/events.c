// SPDX-License-Identifier: GPL-2.0
/*
 * The descriptors of queues of events of many leases (core/watch.c). After a loss, and
 * when a reader wants to know, the leases themselves are looked at, and those that
 * break are told of (again).
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
#include "report/events.h"

/*
 * Tells of a lease if it breaks, and a process of its own only if it has something to
 * give back. One that has ended may have outlived its inode.
 */
static void hf_events_look_at(struct hf_watch *watch, struct hf_lease *lease)
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
		hf_watch_push(watch, lease, &event);
	}
	spin_unlock(&lease->file->lock);
}

/* Looks at one of the leases that are to be looked at; false: there is none. May sleep. */
static bool hf_events_look(struct hf_watch *watch)
{
	unsigned long from = READ_ONCE(watch->next), id = from;
	struct hf_lease *lease = from ? hf_lease_next(&id) : NULL;

	if (from)
		hf_watch_advance(watch, from, lease ? id + 1 : 0);
	if (!lease)
		return false;
	hf_events_look_at(watch, lease);
	hf_lease_put(lease);
	cond_resched();
	return true;
}

/*
 * Whether there is an event. May sleep. Newer leases than there were when it began are
 * looked at, too: their number grows by one for each registration, and a look is faster.
 */
static bool hf_events_any(struct hf_watch *watch)
{
	while (!READ_ONCE(watch->nr) && hf_events_look(watch))
		;
	return READ_ONCE(watch->nr);
}

/* False: there is none. May sleep. */
static bool hf_events_take(struct hf_watch *watch, struct holdfast_event *out)
{
	/* Another reader may take it before. */
	while (hf_events_any(watch)) {
		if (hf_watch_take(watch, out))
			return true;
	}
	return false;
}

static ssize_t hf_events_read(struct file *filp, char __user *buf, size_t size,
			      loff_t *pos)
{
	const size_t part = min(size, sizeof(struct holdfast_event));
	struct hf_watch *watch = filp->private_data;
	struct holdfast_event event;
	size_t done = 0;

	if (size < HF_EVENT_MIN_SIZE)
		return -EINVAL;
	while (!hf_events_take(watch, &event)) {
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
	} while (done + part <= size && hf_events_take(watch, &event));
	return done;
}

/* To the beginning, and nowhere else: see struct holdfast_watch. */
static loff_t hf_events_llseek(struct file *filp, loff_t offset, int whence)
{
	struct hf_watch *watch = filp->private_data;

	if (offset || whence != SEEK_SET)
		return -EINVAL;
	hf_watch_rewind(watch);
	wake_up_interruptible_poll(&watch->wait, EPOLLIN | EPOLLRDNORM);
	return 0;
}

static __poll_t hf_events_poll(struct file *filp, poll_table *wait)
{
	struct hf_watch *watch = filp->private_data;

	poll_wait(filp, &watch->wait, wait);
	return hf_events_any(watch) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void hf_events_free(struct hf_watch *watch)
{
	if (watch->mm)
		mmdrop(watch->mm);
	kfree(watch);
}

static int hf_events_release(struct inode *inode, struct file *filp)
{
	hf_watch_remove(filp->private_data);
	hf_events_free(filp->private_data);
	return 0;
}

static const struct file_operations hf_events_fops = {
	.owner = THIS_MODULE,
	.read = hf_events_read,
	.llseek = hf_events_llseek,
	.poll = hf_events_poll,
	.release = hf_events_release,
};

/* What to watch; 0 or -errno. */
static int hf_events_set(struct hf_watch *watch,
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

/* HOLDFAST_IOC_WATCH; the errors are in the ABI header. */
int hf_events_open(const struct holdfast_watch *args)
{
	struct hf_watch *watch;
	int fd;

	if (args->what > HOLDFAST_WATCH_FILESYSTEM || args->__reserved)
		return -EINVAL;
	watch = kzalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);
	if (!watch)
		return -ENOMEM;
	init_waitqueue_head(&watch->wait);
	fd = hf_events_set(watch, args) ?: hf_watch_add(watch);
	if (fd)
		goto free;
	fd = anon_inode_getfd("[holdfast-watch]", &hf_events_fops, watch,
			      O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	hf_watch_remove(watch);
free:
	hf_events_free(watch);
	return fd;
}
