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

/**
 * hf_lease_new - an unbound lease
 * @host: inode of the open device, for the lease's own address space
 */
struct hf_lease *hf_lease_new(struct inode *host)
{
	struct hf_lease *lease =
		kmem_cache_zalloc(hf_lease_cache, GFP_KERNEL_ACCOUNT);

	if (!lease)
		return NULL;
	kref_init(&lease->kref);
	mutex_init(&lease->mutex);
	hf_events_init(lease);
	init_rwsem(&lease->runs_sem);
	RB_CLEAR_NODE(&lease->range.rb);
	INIT_LIST_HEAD(&lease->break_node);
	INIT_LIST_HEAD(&lease->mappers);
	INIT_LIST_HEAD(&lease->pins);
	INIT_LIST_HEAD(&lease->dmabufs);
	init_waitqueue_head(&lease->wait);
	address_space_init_once(&lease->mapping);
	init_rwsem(&lease->mapping.invalidate_lock);
	lease->mapping.host = host;
	lease->mapping.a_ops = &empty_aops;
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
	hf_mappers_free(lease);
	hf_pins_free(lease);
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

static bool hf_may_exclude(struct file *target)
{
	return vfsuid_eq_kuid(i_uid_into_vfsuid(hf_file_idmap(target),
						file_inode(target)),
			      current_fsuid()) ||
	       capable(CAP_LEASE);
}

static int hf_acquire_check_target(struct file *target,
				   const struct holdfast_acquire *args)
{
	struct inode *inode = file_inode(target);

	if (!S_ISREG(inode->i_mode))
		return -ENODEV;
	if ((target->f_mode & (FMODE_READ | FMODE_WRITE)) !=
	    (FMODE_READ | FMODE_WRITE))
		return -EACCES;
	if (hf_backing_of(target) == HF_NO_BACKING)
		return -EOPNOTSUPP;
	if (args->offset + args->length > inode->i_sb->s_maxbytes)
		return -EOVERFLOW;
	if (args->offset + args->length >
	    round_up((u64)i_size_read(inode), PAGE_SIZE))
		return -ENXIO;
	if (args->kind == HOLDFAST_EXCLUSIVE && !hf_may_exclude(target))
		return -EPERM;
	return 0;
}

static int hf_acquire_check_args(const struct holdfast_acquire *args)
{
	u64 end;

	if (args->flags || args->__reserved || !args->length ||
	    !PAGE_ALIGNED(args->offset) || !PAGE_ALIGNED(args->length))
		return -EINVAL;
	if (args->kind != HOLDFAST_BREAKABLE &&
	    args->kind != HOLDFAST_EXCLUSIVE)
		return -EINVAL;
	if (check_add_overflow(args->offset, args->length, &end))
		return -EOVERFLOW;
	return 0;
}

/* Whether a change stands between the lease and its pages. */
bool hf_lease_change_pending(struct hf_lease *lease)
{
	bool pending;

	spin_lock(&lease->file->lock);
	pending = lease->state == HOLDFAST_BREAKING ||
		  hf_change_overlaps(lease->file, lease->range.start,
				     lease->asked_last);
	spin_unlock(&lease->file->lock);
	return pending;
}

/* How far the range goes in the file as it is; before its start: nowhere. */
static pgoff_t hf_lease_reach(struct hf_lease *lease)
{
	u64 size = i_size_read(file_inode(lease->target));
	u64 pages = DIV_ROUND_UP_ULL(size, PAGE_SIZE);

	return min_t(u64, lease->asked_last + 1, pages) - 1;
}

/* Enters the file's tree, unless a change of the range is under way. */
static bool hf_lease_enter(struct hf_lease *lease)
{
	struct hf_file *file = lease->file;
	bool wait;

	spin_lock(&file->lock);
	hf_lease_out(lease);
	/* It may have been released or revoked meanwhile: no reason to wait. */
	wait = lease->state != HOLDFAST_RELEASING &&
	       hf_change_overlaps(file, lease->range.start, lease->asked_last);
	if (!wait && lease->state != HOLDFAST_RELEASING) {
		lease->settled = false;
		WRITE_ONCE(lease->state, HOLDFAST_ACQUIRING);
		interval_tree_insert(&lease->range, &file->leases);
	}
	spin_unlock(&file->lock);
	return !wait;
}

/*
 * Leaves the tree: no change tells it any more what becomes of its pages, so it
 * has none. A lease that is being acquired goes back to @from; one that was
 * revoked meanwhile does not.
 */
void hf_lease_leave(struct hf_lease *lease, enum holdfast_state from)
{
	struct hf_file *file = lease->file;

	spin_lock(&file->lock);
	WRITE_ONCE(lease->settled, true);
	hf_lease_out(lease);
	if (lease->state != HOLDFAST_RELEASING)
		WRITE_ONCE(lease->state, from);
	spin_unlock(&file->lock);
	wake_up_all(&file->wait);
}

static bool hf_lease_not_breaking(struct hf_lease *lease)
{
	return READ_ONCE(lease->state) != HOLDFAST_BREAKING;
}

/*
 * Waits until changes of the range let @done be true. -EDEADLK: one of them waits
 * for consumers of the caller's own; a fault waits even so, as another thread may
 * be about to let go.
 */
static int hf_lease_wait(struct hf_lease *lease,
			 bool (*done)(struct hf_lease *lease),
			 unsigned int task_state, bool fault)
{
	struct hf_file *file = lease->file;
	bool is_done = false;
	unsigned int breaks;
	int err = 0;

	while (!err && !is_done) {
		breaks = READ_ONCE(file->breaks);
		is_done = done(lease);
		if (is_done)
			break;
		if (!fault &&
		    hf_changes_wait_for_caller(file, lease->range.start,
					       lease->asked_last))
			return -EDEADLK;
		err = wait_event_state(file->wait,
				       (is_done = done(lease)) ||
					       READ_ONCE(file->breaks) !=
						       breaks,
				       task_state);
	}
	return err;
}

/* Enters the file's tree when no change of the range is under way: see above. */
int hf_lease_enter_killable(struct hf_lease *lease)
{
	int err = hf_lease_wait(lease, hf_lease_enter, TASK_KILLABLE, false);

	return err == -ERESTARTSYS ? -EINTR : err;
}

static void hf_lease_set_runs(struct hf_lease *lease, struct hf_runs *runs)
{
	down_write(&lease->runs_sem);
	swap(lease->runs, *runs);
	up_write(&lease->runs_sem);
	/* What is pinned again is cleared again. */
	hf_reserved_restore(runs);
	hf_runs_free(runs);
}

/*
 * XFS copies a shared block on write together with what is around it: it prepares
 * new blocks for pages that are not shared, too, also for those before, and moves
 * these with the next write to them, whoever writes, and whatever is pinned.
 *
 * So all that can prepare blocks for the range is written to once, the range as
 * well, which leaves nothing shared. When the range is collected after that, all
 * of it is faulted in again, which uses up what was prepared for it by then, and
 * nothing prepares more: to share one of these blocks again is a change that
 * breaks the lease (hf_change_reach_units()).
 *
 * Where nothing is shared that last part alone will do. FIEMAP does not show what
 * an earlier copy has left prepared, nor does anything else that a module can
 * ask, but that is used up in any case; what is shared it does show, and that is
 * all that blocks are ever prepared for.
 *
 * Return: 0, 1 where the file has become shorter meanwhile, or what the filesystem
 * says.
 */
int hf_lease_unshare(struct hf_lease *lease)
{
	pgoff_t first = lease->range.start, last = lease->range.last;
	struct hf_runs scrap = {};
	int ret;

	hf_cow_window(lease->target, &first, &last);
	if (last == ULONG_MAX || last < lease->range.last)
		return 1;
	ret = hf_file_shares(lease->target, first, last);
	if (ret <= 0)
		return ret;
	ret = hf_runs_collect(&scrap, lease->target, first, last);
	hf_runs_free(&scrap);
	return ret == -ENXIO ? 1 : ret;
}

static int hf_lease_find_pages(struct hf_lease *lease, struct hf_runs *runs,
			       unsigned int task_state)
{
	int ret = hf_drop_shared(lease, task_state);

	if (ret < 0)
		return ret;
	ret = hf_lease_unshare(lease)
		      ?: hf_runs_collect(runs, lease->target,
					 lease->range.start, lease->range.last);
	if (ret || !HF_ENTRY_IS_FOLIO)
		return ret;
	ret = hf_drop_shared(lease, task_state);
	if (!ret && !hf_folios_are_ours(runs, lease->target->f_mapping))
		ret = -EUCLEAN;
	return ret;
}

/* One try; 1: what was found may have gone again. */
static int hf_lease_try_collect(struct hf_lease *lease, unsigned int task_state)
{
	struct hf_runs runs = {};
	int err = 0;

	if (lease->backing == HF_DAX)
		err = hf_lease_find_pages(lease, &runs, task_state);
	hf_lease_set_runs(lease, &runs);
	spin_lock(&lease->file->lock);
	if (lease->state != HOLDFAST_ACQUIRING)
		err = 1;
	else if (!err)
		/* Pairs with hf_vm_fault(): the runs come first. */
		smp_store_release(&lease->state, HOLDFAST_ACTIVE);
	spin_unlock(&lease->file->lock);
	return err;
}

/*
 * Finds the pages of the range, as far as the file reaches. The lease is in
 * the tree meanwhile: what a change takes away before all are found makes it
 * start again, after that change. On failure it is back in @from.
 */
static int hf_lease_collect(struct hf_lease *lease, enum holdfast_state from,
			    unsigned int task_state, bool fault)
{
	int err;

	do {
		pgoff_t last = hf_lease_reach(lease);

		/* The whole range, or what a restore can still have. */
		if (last + 1 <= lease->range.start ||
		    (from == HOLDFAST_UNBOUND && last != lease->asked_last))
			return -ENXIO;
		lease->range.last = last;
		err = hf_lease_wait(lease, hf_lease_enter, task_state, fault);
		if (err)
			return err;
		if (READ_ONCE(lease->state) == HOLDFAST_RELEASING)
			return -EBADFD;
		err = hf_lease_try_collect(lease, task_state);
		if (err)
			hf_lease_leave(lease, from);
		if (err > 0 && signal_pending_state(task_state, current))
			return -ERESTARTSYS;
	} while (err > 0 ||
		 (err == -ENXIO && lease->range.last != hf_lease_reach(lease)));
	return err;
}

/**
 * hf_lease_restore - take a broken lease again
 * @lease: bound; the caller holds neither the mmap lock nor the filesystem's
 * @task_state: TASK_INTERRUPTIBLE or TASK_KILLABLE, while changes are waited for
 * @fault: a mapping was touched: not with -EDEADLK
 *
 * Return: 0 if the lease is active, or as HOLDFAST_IOC_RESTORE.
 */
int hf_lease_restore(struct hf_lease *lease, unsigned int task_state,
		     bool fault)
{
	struct hf_file *file = lease->file;
	int err;

	/* A deferred change that has been answered holds nothing up. */
	if (!hf_lease_is_busy(lease, 0, ULONG_MAX)) {
		spin_lock(&file->lock);
		hf_break_answered(lease);
		spin_unlock(&file->lock);
	}
	/* Not with the mutex: who answers the break may release the lease. */
	do {
		err = hf_lease_wait(lease, hf_lease_not_breaking, task_state,
				    fault);
		if (err)
			return err;
		err = task_state == TASK_INTERRUPTIBLE
			      ? mutex_lock_interruptible(&lease->mutex)
			      : mutex_lock_killable(&lease->mutex);
		if (err)
			return err;
		if (READ_ONCE(lease->state) != HOLDFAST_BREAKING)
			break;
		mutex_unlock(&lease->mutex);
	} while (true);

	switch (READ_ONCE(lease->state)) {
	case HOLDFAST_BROKEN:
		err = hf_lease_is_busy(lease, 0, ULONG_MAX)
			      ? -EBUSY
			      : hf_lease_collect(lease, HOLDFAST_BROKEN,
						 task_state, fault);
		if (err && err != -ERESTARTSYS && err != -EDEADLK)
			WRITE_ONCE(lease->restore_failed, true);
		if (!err)
			trace_holdfast_restore(lease);
		/* Who attaches a dma-buf waits for it. */
		wake_up_all(&file->wait);
		break;
	case HOLDFAST_RELEASING:
	case HOLDFAST_RELEASED:
		err = -EBADFD;
		break;
	default:
		break;
	}
	mutex_unlock(&lease->mutex);
	return err;
}

/* Who asks to have the lease again has let go: see hf_lease_spared_until(). */
void hf_lease_restoring(struct hf_lease *lease, int by)
{
	spin_lock(&lease->file->lock);
	lease->restoring += by;
	spin_unlock(&lease->file->lock);
}

/*
 * Changes that entered the filesystem before the file had leases know nothing
 * of them, and from 6.15 on do not ask again while they wait. They hold i_rwsem.
 */
int hf_file_quiesce(struct hf_file *file)
{
	if (file->dram || READ_ONCE(file->quiesced))
		return 0;
	if (down_read_killable(&file->inode->i_rwsem))
		return -EINTR;
	up_read(&file->inode->i_rwsem);
	WRITE_ONCE(file->quiesced, true);
	return 0;
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
	lease->asked_last = lease->range.start + pages - 1;
	lease->cred = get_current_cred();
	lease->may_kill = ns_capable_noaudit(&init_user_ns, CAP_KILL);
	lease->tgid = get_pid(task_tgid(current));
	get_task_comm(lease->comm, current);
	lease->acquired = ktime_get();

	err = hf_charge(lease);
	if (err)
		goto forget;
	err = hf_hooks_arm(target);
	if (err)
		goto uncharge;
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
	err = hf_lease_collect(lease, HOLDFAST_UNBOUND, TASK_INTERRUPTIBLE,
			       false);
	if (err)
		goto end_parties;
	/* From here on whoever has the file open, and the report, finds it. */
	smp_store_release(&lease->id, id);
	xa_store(&hf_leases, id, lease, GFP_KERNEL);
	trace_holdfast_acquire(lease);
	return 0;

end_parties:
	hf_parties_end(lease);
	hf_runs_free(&lease->runs);
unreserve:
	xa_release(&hf_leases, id);
put_file:
	hf_file_unbind(lease->file);
	hf_file_put(lease->file);
disarm:
	lease->file = NULL;
	hf_hooks_disarm(target);
uncharge:
	hf_uncharge(lease);
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
	target = fget(args->fd);
	if (!target)
		return -EBADF;
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
	hf_uncharge(lease);
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
	down_write(&lease->runs_sem);
	hf_runs_free(&lease->runs);
	up_write(&lease->runs_sem);

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
