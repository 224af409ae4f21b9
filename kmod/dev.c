// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/holdfast: the file operations of a lease.
 */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "core/event.h"
#include "core/lease.h"
#include "pages/held.h"
#include "lease/acquire.h"
#include "lease/mapping.h"
#include "lease/party.h"
#include "lease/permit.h"
#include "lease/release.h"
#include "report/events.h"
#include "report/report.h"
#include "dev.h"

static int hf_open(struct inode *inode, struct file *filp)
{
	struct hf_lease *lease = hf_lease_new();

	if (!lease)
		return -ENOMEM;
	filp->private_data = lease;
	return stream_open(inode, filp);
}

static int hf_close(struct inode *inode, struct file *filp)
{
	hf_lease_close(filp->private_data);
	return 0;
}

static ssize_t hf_read(struct file *filp, char __user *buf, size_t size,
		       loff_t *pos)
{
	struct hf_lease *lease = filp->private_data;

	if (!hf_lease_bound(lease))
		return -EBADFD;
	return hf_event_read(lease, buf, size, filp->f_flags & O_NONBLOCK);
}

static __poll_t hf_poll(struct file *filp, poll_table *wait)
{
	struct hf_lease *lease = filp->private_data;
	__poll_t mask = 0;

	if (!hf_lease_bound(lease))
		return EPOLLERR;
	poll_wait(filp, &lease->wait, wait);
	if (READ_ONCE(lease->events.nr))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(lease->state) == HOLDFAST_RELEASED)
		mask |= EPOLLHUP;
	return mask;
}

static int hf_fasync(int fd, struct file *filp, int on)
{
	struct hf_lease *lease = filp->private_data;

	return fasync_helper(fd, filp, on, &lease->fasync);
}

/*
 * A process that pins may be killed because of it. A user could hand a lease to a
 * stranger's process and have that killed. So only processes of the lease's user can
 * join, or any process if that user could kill any.
 */
static bool hf_may_join(const struct hf_lease *lease)
{
	return lease->may_kill || uid_eq(current_euid(), lease->cred->euid);
}

static int hf_ioctl_acquire(struct file *filp, void *arg)
{
	return hf_lease_acquire(filp->private_data, arg);
}

static int hf_ioctl_release(struct file *filp, void *arg)
{
	struct holdfast_release *args = arg;

	if (args->flags)
		return -EINVAL;
	return hf_lease_release(filp->private_data, filp->f_flags & O_NONBLOCK);
}

/* Up to the page that the file ends in: pins reach as far. */
static u64 hf_lease_reach(struct hf_lease *lease)
{
	struct file *target = hf_lease_target(lease);
	u64 end, start = hf_lease_offset(lease);

	if (!target)
		return 0;
	end = PAGE_ALIGN(i_size_read(file_inode(target)));
	fput(target);
	end = min_t(u64, end, start + (hf_lease_pages(lease) << PAGE_SHIFT));
	return end > start ? end - start : 0;
}

static int hf_ioctl_query(struct file *filp, void *arg)
{
	struct hf_lease *lease = filp->private_data;
	struct holdfast_query *args = arg;
	struct holdfast_query query = { .size = args->size };

	if (args->flags)
		return -EINVAL;
	if (hf_lease_bound(lease)) {
		struct hf_file *file = lease->file;

		query.id = lease->id;
		query.kind = lease->kind;
		query.offset = hf_lease_offset(lease);
		query.length = hf_lease_pages(lease) << PAGE_SHIFT;
		query.break_ms = lease->break_ms;
		spin_lock(&file->lock);
		query.state = lease->state;
		query.events_lost = lease->events.lost;
		query.deadline_ns = ktime_to_ns(lease->deadline);
		spin_unlock(&file->lock);
		query.pinned = hf_lease_pinned(lease);
		query.reach = hf_lease_reach(lease);
	}
	*args = query;
	return 0;
}

static int hf_ioctl_revoke(struct file *filp, void *arg)
{
	return hf_lease_revoke(arg);
}

static int hf_ioctl_allow(struct file *filp, void *arg)
{
	return hf_permit_open(arg);
}

static int hf_ioctl_join(struct file *filp, void *arg)
{
	struct hf_lease *lease = filp->private_data;
	struct holdfast_join *args = arg;

	if (args->flags)
		return -EINVAL;
	if (!hf_lease_bound(lease) ||
	    READ_ONCE(lease->state) == HOLDFAST_RELEASING)
		return -EBADFD;
	if (!hf_may_join(lease))
		return -EPERM;
	return hf_party_add(lease);
}

static int hf_ioctl_watch(struct file *filp, void *arg)
{
	return hf_events_open(arg);
}

static int hf_ioctl_locate(struct file *filp, void *arg)
{
	return hf_mapping_locate(filp->private_data, arg);
}

static int hf_ioctl_policy(struct file *filp, void *arg)
{
	return hf_policy_set(arg);
}

/* Programs of 0.2.0 have these. */
static_assert(sizeof(struct holdfast_acquire) == 48);
static_assert(sizeof(struct holdfast_release) == 8);
static_assert(sizeof(struct holdfast_query) == 72);
static_assert(sizeof(struct holdfast_revoke) == 24);
static_assert(sizeof(struct holdfast_allow) == 16);
static_assert(sizeof(struct holdfast_join) == 8);
static_assert(sizeof(struct holdfast_watch) == 16);
static_assert(sizeof(struct holdfast_policy) == 40);
static_assert(sizeof(struct holdfast_locate) == 40);
static_assert(sizeof(struct holdfast_event) == 112);

union hf_ioctl_args {
	u32 size;
	struct holdfast_acquire acquire;
	struct holdfast_release release;
	struct holdfast_query query;
	struct holdfast_revoke revoke;
	struct holdfast_allow allow;
	struct holdfast_join join;
	struct holdfast_watch watch;
	struct holdfast_policy policy;
	struct holdfast_locate locate;
};

struct hf_ioctl_op {
	size_t size;	 /* of the structure today */
	size_t min_size; /* as of the first release */
	/* What ioctl(2) is to return; 0: after @args are copied back. */
	int (*run)(struct file *filp, void *args);
};

#define HF_IOCTL(nr, type, last, function)                  \
	[_IOC_NR(nr)] = {                                   \
		.size = sizeof(struct type),                \
		.min_size = offsetofend(struct type, last), \
		.run = function,                            \
	}

static const struct hf_ioctl_op hf_ioctl_ops[] = {
	HF_IOCTL(HOLDFAST_IOC_ACQUIRE, holdfast_acquire, id, hf_ioctl_acquire),
	HF_IOCTL(HOLDFAST_IOC_RELEASE, holdfast_release, flags,
		 hf_ioctl_release),
	HF_IOCTL(HOLDFAST_IOC_QUERY, holdfast_query, pinned, hf_ioctl_query),
	HF_IOCTL(HOLDFAST_IOC_REVOKE, holdfast_revoke, __reserved,
		 hf_ioctl_revoke),
	HF_IOCTL(HOLDFAST_IOC_ALLOW, holdfast_allow, __reserved,
		 hf_ioctl_allow),
	HF_IOCTL(HOLDFAST_IOC_JOIN, holdfast_join, flags, hf_ioctl_join),
	HF_IOCTL(HOLDFAST_IOC_WATCH, holdfast_watch, __reserved,
		 hf_ioctl_watch),
	HF_IOCTL(HOLDFAST_IOC_POLICY, holdfast_policy, uuid, hf_ioctl_policy),
	HF_IOCTL(HOLDFAST_IOC_LOCATE, holdfast_locate, offset, hf_ioctl_locate),
};

static long hf_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;
	const struct hf_ioctl_op *op;
	union hf_ioctl_args args = {};
	u32 size;
	int err;

	if (_IOC_TYPE(cmd) != HOLDFAST_IOC_TYPE || _IOC_SIZE(cmd) ||
	    _IOC_DIR(cmd) != _IOC_NONE ||
	    _IOC_NR(cmd) >= ARRAY_SIZE(hf_ioctl_ops))
		return -ENOTTY;
	op = &hf_ioctl_ops[_IOC_NR(cmd)];
	if (get_user(size, (u32 __user *)uarg))
		return -EFAULT;
	if (size < op->min_size)
		return -EINVAL;
	err = copy_struct_from_user(&args, op->size, uarg, size);
	if (err)
		return err;
	err = op->run(filp, &args);
	if (err)
		return err;
	if (copy_to_user(uarg, &args, min_t(size_t, size, op->size)))
		return -EFAULT;
	return 0;
}

static void hf_show_fdinfo(struct seq_file *m, struct file *filp)
{
	hf_report_fdinfo(m, filp->private_data);
}

const struct file_operations hf_fops = {
	.owner = THIS_MODULE,
	.open = hf_open,
	.release = hf_close,
	.read = hf_read,
	.poll = hf_poll,
	.fasync = hf_fasync,
	.unlocked_ioctl = hf_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = hf_show_fdinfo,
};
