// SPDX-License-Identifier: GPL-2.0
/*
 * A lease, from the open of /dev/holdfast on; release.c has its end.
 *
 * The open file owns one reference, which close hands to the zombie if
 * consumers are left. Whoever finds a lease through its file's tree (under
 * file->lock) or through hf_leases (in RCU) takes another for as long as he
 * looks.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include "trace.h"
#include "hooks/hook.h"

/* All leases by number, for the report. */
static DEFINE_XARRAY(hf_leases);
static atomic64_t hf_lease_ids;

/* There can be many, and their size is just above a power of two. */
static struct kmem_cache *hf_lease_cache;

int hf_leases_init(void)
{
	hf_lease_cache = KMEM_CACHE(hf_lease, SLAB_ACCOUNT);
	return hf_lease_cache ? 0 : -ENOMEM;
}

/* Once no callback of RCU is left. */
void hf_leases_exit(void)
{
	kmem_cache_destroy(hf_lease_cache);
}

/* An unbound lease, or NULL. */
struct hf_lease *hf_lease_new(void)
{
	struct hf_lease *lease =
		kmem_cache_zalloc(hf_lease_cache, GFP_KERNEL_ACCOUNT);

	if (!lease)
		return NULL;
	kref_init(&lease->kref);
	mutex_init(&lease->mutex);
	hf_events_init(lease);
	init_rwsem(&lease->runs_sem);
	lease->pins = RB_ROOT_CACHED;
	RB_CLEAR_NODE(&lease->range.rb);
	INIT_LIST_HEAD(&lease->break_node);
	INIT_LIST_HEAD(&lease->owners);
	init_waitqueue_head(&lease->wait);
	return lease;
}

static void hf_lease_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(hf_lease_cache,
			container_of(rcu, struct hf_lease, rcu));
}

static void hf_lease_free(struct kref *kref)
{
	struct hf_lease *lease = container_of(kref, struct hf_lease, kref);

	hf_events_free(lease);
	hf_change_info_put(&lease->change);
	hf_owners_free(lease);
	put_pid(lease->tgid);
	if (lease->cred)
		put_cred(lease->cred);
	if (lease->file)
		hf_file_put(lease->file);
	call_rcu(&lease->rcu, hf_lease_free_rcu);
}

void hf_lease_put(struct hf_lease *lease)
{
	kref_put(&lease->kref, hf_lease_free);
}

/* The lease with a number, with a reference, or NULL. */
struct hf_lease *hf_lease_find(u64 id)
{
	struct hf_lease *lease;

	rcu_read_lock();
	lease = xa_load(&hf_leases, id);
	if (lease && !kref_get_unless_zero(&lease->kref))
		lease = NULL;
	rcu_read_unlock();
	return lease;
}

/* The next lease from number *@id on, with a reference; advances *@id. */
struct hf_lease *hf_lease_next(unsigned long *id)
{
	struct hf_lease *lease;

	rcu_read_lock();
	for (lease = xa_find(&hf_leases, id, ULONG_MAX, XA_PRESENT);
	     lease && !kref_get_unless_zero(&lease->kref);
	     lease = xa_find_after(&hf_leases, id, ULONG_MAX, XA_PRESENT))
		;
	rcu_read_unlock();
	return lease;
}

/* The leased file with a reference, or NULL when the lease has ended. */
struct file *hf_lease_target(struct hf_lease *lease)
{
	struct file *target;

	spin_lock(&lease->file->lock);
	target = lease->target;
	if (target)
		get_file(target);
	spin_unlock(&lease->file->lock);
	return target;
}

/*
 * The report shows a lease to who took it, to the file's owner, and to
 * administrators: to who may revoke it.
 */
bool hf_lease_visible(const struct hf_lease *lease, struct file *target,
		      const struct file *report)
{
	const struct cred *cred = report->f_cred;

	return uid_eq(lease->cred->uid, cred->uid) ||
	       vfsuid_eq_kuid(i_uid_into_vfsuid(hf_file_idmap(target),
						file_inode(target)),
			      cred->fsuid) ||
	       file_ns_capable(report, &init_user_ns, CAP_SYS_ADMIN);
}

/* Whether the file is the caller's own, as fcntl(2) asks of who takes a lease. */
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
 * @more: a change that waits for pins does not matter, see hf_changes_wait()
 *
 * Return: whether it is in the tree.
 */
bool hf_lease_enter(struct hf_lease *lease, u64 id, bool more)
{
	struct hf_file *file = lease->file;
	bool clear;

	spin_lock(&file->lock);
	clear = more ? hf_changes_all_wait(file, lease->range.start,
					   lease->range.last)
		     : !hf_change_overlaps(file, lease->range.start,
					   lease->range.last);
	if (clear) {
		interval_tree_insert(&lease->range, &file->leases);
		if (id)
			WRITE_ONCE(lease->state, HOLDFAST_ACTIVE);
		/* From here on who has the file open finds it. */
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

/*
 * Changes that entered the filesystem before the file had leases know nothing
 * of them, and from 6.15 on do not ask again while they wait. They hold i_rwsem.
 * So does an NFS server that gives out a pNFS layout. It drops the page cache again
 * when the client has written: so the layouts are recalled, and no other is given out
 * from here on, see hooks/layout.c.
 */
int hf_file_quiesce(struct hf_file *file)
{
	int err;

	if (file->dram || READ_ONCE(file->quiesced))
		return 0;
	if (down_read_killable(&file->inode->i_rwsem))
		return -EINTR;
	up_read(&file->inode->i_rwsem);
	err = break_layout(file->inode, true);
	if (!err)
		WRITE_ONCE(file->quiesced, true);
	return err;
}

/* A number for a lease that nobody finds by it yet: 0 or -ENOMEM. */
int hf_lease_number(struct hf_lease *lease)
{
	u64 id = atomic64_inc_return(&hf_lease_ids);
	int err = xa_reserve(&hf_leases, id, GFP_KERNEL);

	if (!err)
		lease->id = id;
	return err;
}

void hf_lease_unnumber(struct hf_lease *lease)
{
	xa_release(&hf_leases, lease->id);
	lease->id = 0;
}

/* From here on the report shows it. */
void hf_lease_publish(struct hf_lease *lease)
{
	xa_store(&hf_leases, lease->id, lease, GFP_KERNEL);
}

static int hf_lease_bind(struct hf_lease *lease, struct file *target,
			 const struct holdfast_acquire *args)
{
	u64 id = atomic64_inc_return(&hf_lease_ids);
	u64 pages = args->length >> PAGE_SHIFT;
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
	err = xa_reserve(&hf_leases, id, GFP_KERNEL);
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
	/* From here on the report finds it. */
	xa_store(&hf_leases, id, lease, GFP_KERNEL);
	trace_holdfast_acquire(lease);
	return 0;

end_parties:
	hf_parties_end(lease);
unreserve:
	xa_release(&hf_leases, id);
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
 * Nothing pins the pages any more: undoes hf_lease_bind(), once. Called with
 * lease->mutex held. Who waits for the end may go on to unmount, so the file
 * goes first.
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
	/* Without the file the pages may be no memory any more. */
	hf_pins_free(lease);

	hf_file_unbind(file);
	hf_hooks_disarm(target);
	/* A task does it before it is back in user space; a worker, some time. */
	if (current->flags & PF_KTHREAD)
		__fput_sync(target);
	else
		fput(target);
	xa_erase(&hf_leases, lease->id);
	WRITE_ONCE(lease->state, HOLDFAST_RELEASED);
	wake_up_all(&file->wait);
	wake_up_interruptible_poll(&lease->wait, EPOLLHUP);
}
