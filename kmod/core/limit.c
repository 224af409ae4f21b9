// SPDX-License-Identifier: GPL-2.0
/*
 * What the administrator allows: how long a break takes, and how much of the files of a
 * filesystem is pinned. RLIMIT_MEMLOCK is not ours: the driver that pins charges it.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include "core/limit.h"

static unsigned int break_time_ms = 45000;
module_param(break_time_ms, uint, 0644);
MODULE_PARM_DESC(break_time_ms,
		 "break time of a lease that does not ask for one, in ms");

static unsigned int break_time_max_ms = 300000;
module_param(break_time_max_ms, uint, 0644);
MODULE_PARM_DESC(break_time_max_ms, "longest break time there is, in ms");

unsigned int hf_break_ms(unsigned int asked)
{
	return min(asked ?: READ_ONCE(break_time_ms),
		   READ_ONCE(break_time_max_ms));
}

static unsigned int fs_limit_mib;
module_param(fs_limit_mib, uint, 0644);
MODULE_PARM_DESC(fs_limit_mib,
		 "most that may be pinned on one filesystem, in MiB; 0: all");

/* A filesystem with pins. */
struct hf_fs {
	struct list_head node;
	const struct super_block *sb;
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

static struct hf_fs *hf_fs_get(const struct super_block *sb)
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

/**
 * hf_charge - count pages that are to be pinned against the limit
 * @sb: of a file with DAX
 * @pages: how many
 *
 * Return: 0, -ENOMEM or -EDQUOT.
 */
int hf_charge(const struct super_block *sb, u64 pages)
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

/* Undoes hf_charge(), or a part of it. */
void hf_uncharge(const struct super_block *sb, u64 pages)
{
	struct hf_fs *fs;

	if (!pages)
		return;
	mutex_lock(&hf_fs_mutex);
	fs = hf_fs_find(sb);
	fs->pages -= pages;
	hf_fs_put(fs);
	mutex_unlock(&hf_fs_mutex);
}
