// SPDX-License-Identifier: GPL-2.0
/*
 * XFS notes in an inode that the file has shared blocks, and does not say so to
 * anybody: except to the pNFS server, whose clients cannot copy on write. It is
 * refused such a file with ENXIO, before anything else is looked at. For other files
 * XFS would go on and flush the file. The hook on that ends the question there.
 */
#include <linux/errno.h>
#include <linux/iomap.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include "compat/compat.h"
#include "core/hook.h"
#include "core/types.h"
#include "pages/reflink.h"

/* A task that asks. */
struct hf_asker {
	struct list_head node;
	const struct task_struct *task;
};

static LIST_HEAD(hf_askers);
static DEFINE_SPINLOCK(hf_askers_lock);

/* The current task's flush, where it asks: with preemption off. */
notrace bool hf_wants_own_flush(struct pt_regs *regs)
{
	const struct hf_asker *asker;
	bool asks = false;

	if (list_empty_careful(&hf_askers))
		return false;
	spin_lock(&hf_askers_lock);
	list_for_each_entry(asker, &hf_askers, node)
		asks |= asker->task == current;
	spin_unlock(&hf_askers_lock);
	return asks;
}

int hf_wrap_filemap_write_and_wait_range(struct address_space *mapping,
					 loff_t start, loff_t end)
{
	hf_hooks_leave();
	return -ECANCELED;
}

static void hf_asker_add(struct hf_asker *asker)
{
	asker->task = current;
	spin_lock(&hf_askers_lock);
	list_add(&asker->node, &hf_askers);
	spin_unlock(&hf_askers_lock);
}

static void hf_asker_del(struct hf_asker *asker)
{
	spin_lock(&hf_askers_lock);
	list_del(&asker->node);
	spin_unlock(&hf_askers_lock);
}

/**
 * hf_has_shared - whether a file has shared blocks, or had some
 * @inode: of XFS; the caller holds no lock
 *
 * Return: 1, also where that cannot be known; 0; or what the filesystem says.
 */
int hf_has_shared(struct inode *inode)
{
	typeof(hf_block_ops(NULL)) ops = hf_block_ops(inode->i_sb);
	struct hf_asker asker;
	struct iomap iomap;
	u32 generation;
	int ret;

	if (!ops || !ops->map_blocks)
		return 1;
	/* XFS takes this lock, too, but a kill would not end XFS's wait for it. */
	if (down_write_killable(&inode->i_rwsem))
		return -EINTR;
	up_write(&inode->i_rwsem);
	hf_asker_add(&asker);
	ret = ops->map_blocks(inode, 0, PAGE_SIZE, &iomap, false, &generation);
	hf_asker_del(&asker);
	switch (ret) {
	case -ECANCELED:
		return 0;
	case -ENXIO:
		return 1;
	default:
		/* It has not come by the hook, so it has not answered. */
		return ret < 0 ? ret : 1;
	}
}

/* The flush of a question, for the self-test. */
int __init hf_has_shared_test(struct file *file)
{
	struct hf_asker asker;
	int ret;

	hf_asker_add(&asker);
	ret = filemap_write_and_wait_range(file->f_mapping, 0, LLONG_MAX);
	hf_asker_del(&asker);
	return ret == -ECANCELED ? 0 : -EIO;
}
