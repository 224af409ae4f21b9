// SPDX-License-Identifier: GPL-2.0
/*
 * How much may be leased: RLIMIT_MEMLOCK for each user, and what the
 * administrator allows for each filesystem. Files in memory do not count: of
 * them only what consumers pin is locked, and that they are charged for.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include "holdfast.h"

static unsigned int fs_limit_mib;
module_param(fs_limit_mib, uint, 0644);
MODULE_PARM_DESC(fs_limit_mib,
		 "most that may be leased on one filesystem, in MiB; 0: all");

/* A filesystem with leases. */
struct hf_fs {
	struct list_head node;
	struct super_block *sb;
	u64 pages;
};

static DEFINE_MUTEX(hf_fs_mutex); /* all of them */
static LIST_HEAD(hf_fs_list);

static struct hf_fs *hf_fs_find(const struct super_block *sb)
{
	struct hf_fs *fs;

	list_for_each_entry(fs, &hf_fs_list, node) {
		if (fs->sb == sb)
			return fs;
	}
	return NULL;
}

static struct hf_fs *hf_fs_get(struct super_block *sb)
{
	struct hf_fs *fs = hf_fs_find(sb);

	if (fs)
		return fs;
	fs = kzalloc(sizeof(*fs), GFP_KERNEL);
	if (!fs)
		return NULL;
	fs->sb = sb;
	list_add(&fs->node, &hf_fs_list);
	return fs;
}

static void hf_fs_put(struct hf_fs *fs)
{
	if (fs->pages)
		return;
	list_del(&fs->node);
	kfree(fs);
}

static int hf_charge_fs(struct super_block *sb, u64 pages)
{
	u64 limit = (u64)READ_ONCE(fs_limit_mib) << (20 - PAGE_SHIFT);
	struct hf_fs *fs;
	int err = 0;

	mutex_lock(&hf_fs_mutex);
	fs = hf_fs_get(sb);
	if (!fs)
		err = -ENOMEM;
	else if (limit && fs->pages + pages > limit)
		err = -EDQUOT;
	else
		fs->pages += pages;
	if (fs)
		hf_fs_put(fs);
	mutex_unlock(&hf_fs_mutex);
	return err;
}

static void hf_uncharge_fs(const struct super_block *sb, u64 pages)
{
	struct hf_fs *fs;

	mutex_lock(&hf_fs_mutex);
	fs = hf_fs_find(sb);
	fs->pages -= pages;
	hf_fs_put(fs);
	mutex_unlock(&hf_fs_mutex);
}

static int hf_charge_user(struct user_struct *user, u64 pages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long was = atomic_long_read(&user->locked_vm);

	do {
		if (was + pages > limit && !capable(CAP_IPC_LOCK))
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &was, was + pages));
	return 0;
}

/**
 * hf_charge - count a lease against the limits
 * @lease: its target, credentials and range are set
 *
 * Return: 0, -ENOMEM (RLIMIT_MEMLOCK, or no memory) or -EDQUOT.
 */
int hf_charge(struct hf_lease *lease)
{
	struct super_block *sb = file_inode(lease->target)->i_sb;
	u64 pages = lease->asked_last - lease->range.start + 1;
	int err;

	if (lease->backing != HF_DAX)
		return 0;
	err = hf_charge_fs(sb, pages);
	if (err)
		return err;
	/* What pins a page is charged for it, so an implicit lease is not. */
	if (!lease->implicit)
		err = hf_charge_user(lease->cred->user, pages);
	if (err)
		hf_uncharge_fs(sb, pages);
	else
		lease->charged = pages;
	return err;
}

/* Undoes hf_charge(); the target is still there. */
void hf_uncharge(struct hf_lease *lease)
{
	if (!lease->charged)
		return;
	if (!lease->implicit)
		atomic_long_sub(lease->charged, &lease->cred->user->locked_vm);
	hf_uncharge_fs(file_inode(lease->target)->i_sb, lease->charged);
	lease->charged = 0;
}
