// SPDX-License-Identifier: GPL-2.0
/*
 * The beginning of an explicit lease, and the end of every lease.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include "core/backing.h"
#include "core/counters.h"
#include "core/file.h"
#include "core/hook.h"
#include "core/lease.h"
#include "core/limit.h"
#include "core/trace.h"
#include "pages/record.h"
#include "change/change.h"
#include "change/settle.h"
#include "lease/acquire.h"
#include "lease/mapping.h"
#include "lease/party.h"

/* Whether the caller owns the file, as fcntl(2) checks for its leases. */
bool hf_owns_or_may_lease(struct file *target)
{
	return vfsuid_eq_kuid(i_uid_into_vfsuid(hf_file_idmap(target),
						file_inode(target)),
			      current_fsuid()) ||
	       capable(CAP_LEASE);
}

/*
 * Whether the caller can have changes of the file wait. A process that can write the
 * file can change it, too. One that can only read it has no say in its changes,
 * unless the file is its own.
 */
bool hf_may_hold_up(struct file *target)
{
	return target->f_mode & FMODE_WRITE || hf_owns_or_may_lease(target);
}

static int hf_acquire_check_target(struct file *target,
				   const struct holdfast_acquire *args)
{
	struct inode *inode = file_inode(target);

	if (!S_ISREG(inode->i_mode))
		return -ENODEV;
	if (!(target->f_mode & FMODE_READ) || !hf_may_hold_up(target))
		return -EACCES;
	if (hf_backing_of(target) == HF_NO_BACKING)
		return -EOPNOTSUPP;
	/* As mmap(2) does, without which there is nothing to pin. */
	if (IS_APPEND(inode) && IS_DAX(inode) && target->f_mode & FMODE_WRITE)
		return -EACCES;
	if (args->offset + args->length > inode->i_sb->s_maxbytes)
		return -EOVERFLOW;
	if (args->kind == HOLDFAST_REWRITING && hf_backing_of(target) != HF_DAX)
		return -EOPNOTSUPP;
	if (args->kind != HOLDFAST_BREAKABLE && !hf_owns_or_may_lease(target))
		return -EPERM;
	return 0;
}

static int hf_acquire_check_args(const struct holdfast_acquire *args)
{
	u64 end;

	if (args->flags & ~HOLDFAST_ACQUIRE_ADDRESS || args->__reserved ||
	    !args->length || !PAGE_ALIGNED(args->offset) ||
	    !PAGE_ALIGNED(args->length))
		return -EINVAL;
	if (args->kind < HOLDFAST_BREAKABLE || args->kind > HOLDFAST_REWRITING)
		return -EINVAL;
	/* What a change has left beside the lease must not meet it. */
	if (args->kind == HOLDFAST_REWRITING &&
	    !IS_ALIGNED(args->offset | args->length, HOLDFAST_CHANGE_ALIGN))
		return -EINVAL;
	if (check_add_overflow(args->offset, args->length, &end))
		return -EOVERFLOW;
	return 0;
}

/**
 * hf_lease_enter - enter the file's tree, unless a change of the range is under way
 * @lease: not in there
 * @id: its number from here on; 0: it is an implicit one that is being made
 * @more: a change that waits for pins does not matter, see hf_changes_wait_to_pin()
 *
 * Return: whether it is in the tree.
 */
bool hf_lease_enter(struct hf_lease *lease, u64 id, bool more)
{
	struct hf_file *file = lease->file;
	bool clear;

	spin_lock(&file->lock);
	clear = hf_changes_let_in(file, lease->range.start, lease->range.last,
				  more);
	if (clear) {
		interval_tree_insert(&lease->range, &file->leases);
		if (id)
			WRITE_ONCE(lease->state, HOLDFAST_ACTIVE);
		/* From here on a task that has the file open finds it. */
		smp_store_release(&lease->id, id);
	}
	spin_unlock(&file->lock);
	return clear;
}

/* An implicit lease that is being made leaves the tree again. */
void hf_lease_leave(struct hf_lease *lease)
{
	spin_lock(&lease->file->lock);
	hf_lease_out(lease);
	spin_unlock(&lease->file->lock);
}

static int hf_lease_bind(struct hf_lease *lease, struct file *target,
			 const struct holdfast_acquire *args)
{
	u64 id, pages = args->length >> PAGE_SHIFT;
	int err;

	lease->target = target;
	lease->kind = args->kind;
	lease->backing = hf_backing_of(target);
	lease->break_ms = hf_break_ms(args->break_ms);
	lease->range.start = args->offset >> PAGE_SHIFT;
	lease->range.last = lease->range.start + pages - 1;
	lease->cred = get_current_cred();
	lease->may_kill = ns_capable_noaudit(&init_user_ns, CAP_KILL);
	lease->tgid = get_pid(task_tgid(current));
	get_task_comm(lease->comm, current);
	lease->acquired = ktime_get();

	err = hf_hooks_arm(target);
	if (err)
		goto forget;
	lease->file = hf_file_get(file_inode(target), lease->backing != HF_DAX,
				  hf_cow_unit(target));
	if (IS_ERR(lease->file)) {
		err = PTR_ERR(lease->file);
		goto disarm;
	}
	err = hf_file_quiesce(lease->file);
	if (err)
		goto put_file;
	/* Its attributes do not change from here on; until here they could. */
	if (hf_backing_of(target) != lease->backing) {
		err = -EOPNOTSUPP;
		goto put_file;
	}
	err = hf_lease_reserve(&id);
	if (err)
		goto put_file;
	err = hf_party_add(lease);
	if (err)
		goto unreserve;
	do {
		err = hf_changes_wait(lease->file, lease->range.start,
				      lease->range.last, TASK_INTERRUPTIBLE,
				      NULL);
		if (err)
			goto end_parties;
	} while (!hf_lease_enter(lease, id, false));
	hf_lease_publish(lease);
	hf_count(lease->file, HF_COUNT_LEASES);
	trace_holdfast_acquire(lease);
	return 0;

end_parties:
	hf_parties_end(lease);
unreserve:
	hf_lease_unreserve(id);
put_file:
	hf_file_unbind(lease->file);
	hf_file_put(lease->file);
disarm:
	lease->file = NULL;
	hf_hooks_disarm(target);
forget:
	put_pid(lease->tgid);
	lease->tgid = NULL;
	put_cred(lease->cred);
	lease->cred = NULL;
	lease->target = NULL;
	return err;
}

/* HOLDFAST_IOC_ACQUIRE; the errors are in the ABI header. */
int hf_lease_acquire(struct hf_lease *lease, struct holdfast_acquire *args)
{
	struct file *target;
	int err;

	err = hf_acquire_check_args(args);
	if (err)
		return err;
	if (args->flags & HOLDFAST_ACQUIRE_ADDRESS)
		target = args->fd == -1
				 ? hf_mapping_file(args->offset, args->length,
						   &args->offset)
				 : ERR_PTR(-EINVAL);
	else
		target = fget(args->fd) ?: ERR_PTR(-EBADF);
	if (IS_ERR(target))
		return PTR_ERR(target);
	err = hf_acquire_check_target(target, args);
	if (err)
		goto put_target;

	if (mutex_lock_interruptible(&lease->mutex)) {
		err = -ERESTARTSYS;
		goto put_target;
	}
	err = hf_lease_bound(lease) ? -EBUSY
				    : hf_lease_bind(lease, target, args);
	mutex_unlock(&lease->mutex);
	if (err)
		goto put_target;
	args->id = lease->id;
	return 0;

put_target:
	fput(target);
	return err;
}

/*
 * Nothing pins the pages: undoes hf_lease_bind(), once. Called with
 * lease->mutex held. A task that waits for the end may then unmount, so the file
 * is put first.
 */
void hf_lease_unbind(struct hf_lease *lease)
{
	struct hf_file *file = lease->file;
	struct file *target;

	lockdep_assert_held(&lease->mutex);
	if (READ_ONCE(lease->state) == HOLDFAST_RELEASED)
		return;
	trace_holdfast_release(lease);
	spin_lock(&file->lock);
	hf_lease_out(lease);
	list_del_init(&lease->break_node);
	lease->breaker = NULL;
	lease->deadline = 0;
	target = lease->target;
	lease->target = NULL;
	/* It may sleep until a change ends that this lease hears no more of. */
	hf_lease_reap_now(lease);
	spin_unlock(&file->lock);
	hf_parties_end(lease);
	/* Without the file the pages may no longer be memory. */
	hf_pins_free(lease);

	hf_file_unbind(file);
	hf_hooks_disarm(target);
	/* A task does it before it is back in user space; a worker, some time. */
	if (current->flags & PF_KTHREAD)
		__fput_sync(target);
	else
		fput(target);
	hf_lease_unpublish(lease);
	WRITE_ONCE(lease->state, HOLDFAST_RELEASED);
	wake_up_all(&file->wait);
	wake_up_interruptible_poll(&lease->wait, EPOLLHUP);
}
