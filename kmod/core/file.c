// SPDX-License-Identifier: GPL-2.0
/*
 * Leased files, by inode.
 *
 * Hooks look a file up on every truncate and fallocate in the system while a
 * lease exists, so finding out that an inode has none is one RCU lookup.
 */
#include <linux/slab.h>
#include "core/counters.h"
#include "core/file.h"

/* Zombies are reaped and files freed here: neither may wait for the other. */
struct workqueue_struct *hf_wq;

static const struct rhashtable_params hf_file_params = {
	.key_len = sizeof(struct inode *),
	.key_offset = offsetof(struct hf_file, inode),
	.head_offset = offsetof(struct hf_file, hash),
	.automatic_shrinking = true,
};

static struct rhashtable hf_files;
/* Orders the last put of a file against the insertion of its successor. */
static DEFINE_SPINLOCK(hf_files_lock);

/* What a file's fence does at the deadline. */
static work_func_t hf_file_fence;

int hf_files_init(work_func_t fence)
{
	hf_file_fence = fence;
	return rhashtable_init(&hf_files, &hf_file_params);
}

void hf_files_exit(void)
{
	rhashtable_destroy(&hf_files);
	hf_counters_exit();
}

bool hf_inode_leased(const struct inode *inode)
{
	bool leased;

	rcu_read_lock();
	leased = rhashtable_lookup(&hf_files, &inode, hf_file_params);
	rcu_read_unlock();
	return leased;
}

/* The file of @inode with a reference, or NULL if it has no lease. */
struct hf_file *hf_file_find(const struct inode *inode)
{
	struct hf_file *file;

	rcu_read_lock();
	file = rhashtable_lookup(&hf_files, &inode, hf_file_params);
	if (file && !refcount_inc_not_zero(&file->ref))
		file = NULL;
	rcu_read_unlock();
	return file;
}

static void hf_file_free_work(struct work_struct *work)
{
	struct hf_file *file =
		container_of(to_rcu_work(work), struct hf_file, free);

	cancel_delayed_work_sync(&file->fence);
	kfree(file);
}

static struct hf_file *hf_file_new(struct inode *inode, unsigned long cow_unit,
				   struct hf_counters *counters)
{
	struct hf_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return NULL;
	file->inode = inode;
	file->cow_unit = cow_unit;
	file->counters = counters;
	refcount_set(&file->ref, 1);
	spin_lock_init(&file->lock);
	file->leases = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&file->changes);
	INIT_LIST_HEAD(&file->turns);
	INIT_LIST_HEAD(&file->breaking);
	init_waitqueue_head(&file->wait);
	INIT_DELAYED_WORK(&file->fence, hf_file_fence);
	INIT_RCU_WORK(&file->free, hf_file_free_work);
	return file;
}

/*
 * One more lease that holds the inode. Without any, the file may have outlived
 * its inode, and be found for another one at the same place: what it knows is
 * learnt again. Called with hf_files_lock held.
 */
static void hf_file_bind(struct hf_file *file, bool dram,
			 unsigned long cow_unit, struct hf_counters *counters)
{
	if (file->bound++)
		return;
	file->dram = dram;
	WRITE_ONCE(file->counters, counters);
	file->quiesced = false;
	WRITE_ONCE(file->cow_unit, cow_unit);
}

/**
 * hf_file_get - the leased file of an inode, made if there is none
 * @inode: held by the caller until hf_file_unbind()
 * @dram: its pages are memory, not blocks
 * @cow_unit: see hf_cow_unit()
 *
 * Return: the file with a reference, bound, or ERR_PTR(-ENOMEM).
 */
struct hf_file *hf_file_get(struct inode *inode, bool dram,
			    unsigned long cow_unit)
{
	/* Memory is one, or whoever mounts a tmpfs could have many made. */
	struct hf_counters *counters =
		hf_counters_get(dram ? 0 : inode->i_sb->s_dev);
	struct hf_file *file, *new;
	int err;

	if (!counters)
		return ERR_PTR(-ENOMEM);
	new = hf_file_new(inode, cow_unit, counters);
	if (!new)
		return ERR_PTR(-ENOMEM);
	/* A table that is just growing refuses for a moment (-EBUSY). */
	do {
		spin_lock(&hf_files_lock);
		err = 0;
		file = hf_file_find(inode);
		if (!file) {
			err = rhashtable_insert_fast(&hf_files, &new->hash,
						     hf_file_params);
			if (!err)
				file = new;
		}
		if (file)
			hf_file_bind(file, dram, cow_unit, counters);
		spin_unlock(&hf_files_lock);
		if (err == -EBUSY)
			cond_resched();
	} while (err == -EBUSY);
	if (file != new)
		kfree(new);
	return file ?: ERR_PTR(err);
}

/* A lease gives its inode up; it keeps its reference on the file. */
void hf_file_unbind(struct hf_file *file)
{
	spin_lock(&hf_files_lock);
	file->bound--;
	spin_unlock(&hf_files_lock);
}

void hf_file_put(struct hf_file *file)
{
	bool last;

	if (refcount_dec_not_one(&file->ref))
		return;
	spin_lock(&hf_files_lock);
	last = refcount_dec_and_test(&file->ref);
	if (last)
		rhashtable_remove_fast(&hf_files, &file->hash, hf_file_params);
	spin_unlock(&hf_files_lock);
	if (last)
		queue_rcu_work(hf_wq, &file->free);
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

/* Called with file->lock held. */
void hf_fence_schedule(struct hf_file *file)
{
	ktime_t now = ktime_get(), next = KTIME_MAX;
	struct hf_lease *lease;

	lockdep_assert_held(&file->lock);
	list_for_each_entry(lease, &file->breaking, break_node)
		next = min(next, lease->fence_at);
	if (next != KTIME_MAX)
		mod_delayed_work(hf_wq, &file->fence,
				 nsecs_to_jiffies(max(next - now, 0LL)) + 1);
}
