// SPDX-License-Identifier: GPL-2.0
/*
 * A lease, from the open of /dev/holdfast on. lease/acquire.c and lease/release.c
 * have its beginning and its end.
 *
 * The open file owns one reference, which close hands to the zombie if
 * consumers are left. A task that finds a lease through its file's tree
 * (under file->lock) or through hf_leases (in RCU) takes another while it looks.
 */
#include <linux/capability.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include "core/event.h"
#include "core/file.h"
#include "core/info.h"
#include "core/lease.h"
#include "core/owner.h"

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
	INIT_LIST_HEAD(&lease->parties);
	hf_intact_init(&lease->intact);
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
 * The report shows a lease to the users who may revoke it: the user who took it, the
 * file's owner, and administrators.
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

/* A number for a lease, by which nobody finds it yet: 0 or -ENOMEM. */
int hf_lease_reserve(u64 *id)
{
	*id = atomic64_inc_return(&hf_lease_ids);
	return xa_reserve(&hf_leases, *id, GFP_KERNEL);
}

/* The highest number that a lease has, or had. */
unsigned long hf_lease_newest(void)
{
	return atomic64_read(&hf_lease_ids);
}

void hf_lease_unreserve(u64 id)
{
	xa_release(&hf_leases, id);
}

/* From here on the report shows it. */
void hf_lease_publish(struct hf_lease *lease)
{
	xa_store(&hf_leases, lease->id, lease, GFP_KERNEL);
}

void hf_lease_unpublish(struct hf_lease *lease)
{
	xa_erase(&hf_leases, lease->id);
}

/*
 * Stands for a change whose task may not wait, for example a thread of nfsd, until
 * that task asks again. The deadline holds in the meantime.
 */
struct hf_change hf_deferred;

/* Called with file->lock held. */
bool hf_break_is_deferred(const struct hf_lease *lease)
{
	return lease->breaker == &hf_deferred;
}

/* Stands for the task that revoked a lease, until the pins are gone. */
struct hf_change hf_revoker;

/* Whether a lease breaks for a change that waits. Called with file->lock held. */
bool hf_break_is_of_change(const struct hf_lease *lease)
{
	return lease->breaker && lease->breaker != &hf_revoker &&
	       !hf_break_is_deferred(lease);
}

/* Nothing that the reaper waits for goes on. Called with file->lock held. */
void hf_lease_reap_now(struct hf_lease *lease)
{
	lockdep_assert_held(&lease->file->lock);
	if (lease->reaper)
		mod_delayed_work(hf_wq, lease->reaper, 0);
}
