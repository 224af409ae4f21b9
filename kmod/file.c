// SPDX-License-Identifier: GPL-2.0
/*
 * Leased files, by inode.
 *
 * Probes look a file up on every truncate and fallocate in the system while a
 * lease exists, so finding out that an inode has none is one RCU lookup.
 */
#include <linux/slab.h>
#include "holdfast.h"

static const struct rhashtable_params hf_file_params = {
	.key_len = sizeof(struct inode *),
	.key_offset = offsetof(struct hf_file, inode),
	.head_offset = offsetof(struct hf_file, hash),
	.automatic_shrinking = true,
};

static struct rhashtable hf_files;
/* Orders the last put of a file against the insertion of its successor. */
static DEFINE_SPINLOCK(hf_files_lock);

int hf_files_init(void)
{
	return rhashtable_init(&hf_files, &hf_file_params);
}

void hf_files_exit(void)
{
	rhashtable_destroy(&hf_files);
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

/**
 * hf_file_get - the leased file of an inode, made if there is none
 * @inode: held by the caller for as long as the file is
 * @dram: its pages are memory, not blocks
 *
 * Return: the file with a reference, or ERR_PTR(-ENOMEM).
 */
struct hf_file *hf_file_get(struct inode *inode, bool dram)
{
	struct hf_file *file, *new;
	int err;

	file = hf_file_find(inode);
	if (file)
		return file;

	new = kzalloc(sizeof(*new), GFP_KERNEL);
	if (!new)
		return ERR_PTR(-ENOMEM);
	new->inode = inode;
	new->dram = dram;
	refcount_set(&new->ref, 1);
	spin_lock_init(&new->lock);
	new->leases = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&new->changes);
	INIT_LIST_HEAD(&new->breaking);
	init_waitqueue_head(&new->wait);
	INIT_DELAYED_WORK(&new->fence, hf_fence_work);
	INIT_RCU_WORK(&new->free, hf_file_free_work);

	/* A table that is just growing refuses for a moment (-EBUSY). */
	do {
		spin_lock(&hf_files_lock);
		file = hf_file_find(inode);
		err = file ? -EEXIST
			   : rhashtable_insert_fast(&hf_files, &new->hash,
						    hf_file_params);
		spin_unlock(&hf_files_lock);
		if (err == -EBUSY)
			cond_resched();
	} while (err == -EBUSY);
	if (!err)
		return new;
	kfree(new);
	return file ?: ERR_PTR(err);
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
