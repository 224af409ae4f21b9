// SPDX-License-Identifier: GPL-2.0
/*
 * The removal of a device under leased files: an unbind, the destruction of a
 * namespace, the unplugging of CXL memory.
 *
 * A driver calls dax_remove_host(), then kill_dax(), in one task, and frees the page
 * structures later, whatever is pinned and mapped then. So the leases of the device's
 * files are revoked before dax_remove_host(), which goes on when the pins are gone. A pin
 * that is being made at that time either has a lease that is found here, or finds
 * the device in the list below.
 *
 * After kill_dax() nobody gets a page of the device. Page tables and page cache
 * entries still refer to pages: only XFS drops them, from 6.12 on and if it has
 * a reverse map of its blocks. Elsewhere umount(8), or the exit of a process, would
 * oops. So they are dropped here, for all files of a filesystem that had leases.
 */
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "core/hook.h"
#include "core/lease.h"
#include "lease/release.h"
#include "lease/removal.h"

/* A device that is being removed, from before dax_remove_host() on. */
struct hf_removal {
	struct list_head node;
	const struct gendisk *disk;
	const struct task_struct *task; /* that removes it */
	struct list_head supers;	/* that task's own */
};

/* A filesystem with leases on such a device; with a reference that keeps it active. */
struct hf_removed_super {
	struct list_head node;
	struct super_block *sb;
};

static DEFINE_SPINLOCK(hf_removals_lock);
static LIST_HEAD(hf_removals);

static bool hf_disk_is_going(const struct gendisk *disk)
{
	struct hf_removal *removal;
	bool going = false;

	spin_lock(&hf_removals_lock);
	list_for_each_entry(removal, &hf_removals, node)
		going |= removal->disk == disk;
	spin_unlock(&hf_removals_lock);
	return going;
}

/* Whether the pages of a filesystem's files go, or have gone. */
bool hf_device_is_gone(const struct super_block *sb)
{
	struct dax_device *device;
	u64 offset;

	if (!sb->s_bdev || hf_disk_is_going(sb->s_bdev->bd_disk))
		return true;
	device = fs_dax_get_by_bdev(sb->s_bdev, &offset, NULL, NULL);
	if (!device)
		return true;
	put_dax(device);
	return false;
}

static bool hf_is_mapped_device(const char *name)
{
	return !strncmp(name, "dm-", 3);
}

/*
 * Whether a filesystem may have pages of a disk. Only the driver of a mapped device
 * knows what is below it; another mapped device that is removed is not, because
 * it is not in use.
 */
static bool hf_uses_disk(const struct super_block *sb,
			 const struct gendisk *disk)
{
	if (!sb->s_bdev)
		return false;
	return sb->s_bdev->bd_disk == disk ||
	       (hf_is_mapped_device(sb->s_id) &&
		!hf_is_mapped_device(disk->disk_name));
}

/* Called with a file of the filesystem open. */
static void hf_removal_add_super(struct hf_removal *removal,
				 struct super_block *sb)
{
	struct hf_removed_super *removed;

	if (sb->s_bdev->bd_disk != removal->disk)
		return;
	list_for_each_entry(removed, &removal->supers, node) {
		if (removed->sb == sb)
			return;
	}
	removed = kmalloc(sizeof(*removed), GFP_KERNEL | __GFP_NOFAIL);
	atomic_inc(&sb->s_active);
	removed->sb = sb;
	list_add(&removed->node, &removal->supers);
}

/* Notifies the holder of a lease, or with @wait ends the lease, if its pages go. */
static void hf_removal_of_lease(struct hf_removal *removal,
				struct hf_lease *lease, bool wait)
{
	struct file *target = lease->backing == HF_DAX ? hf_lease_target(lease)
						       : NULL;
	bool uses = false;

	if (target) {
		uses = hf_uses_disk(file_inode(target)->i_sb, removal->disk);
		if (uses)
			hf_removal_add_super(removal, file_inode(target)->i_sb);
		fput(target);
	}
	if (uses)
		hf_lease_remove(lease, wait);
}

/* Holds none of our locks while it waits. */
static void hf_removal_of_leases(struct hf_removal *removal, bool wait)
{
	struct hf_lease *lease;
	unsigned long id = 0;

	while ((lease = hf_lease_next(&id))) {
		hf_removal_of_lease(removal, lease, wait);
		hf_lease_put(lease);
		id++;
		cond_resched();
	}
}

/**
 * hf_removal_begin - revoke the leases of a disk, and wait for their ends
 * @disk: of the driver's call of dax_remove_host()
 *
 * Each holder has the break time of its lease. Nothing of the disk is pinned from
 * here on, until the task calls hf_removal_end().
 */
void hf_removal_begin(struct gendisk *disk)
{
	struct hf_removal *removal;

	/* It fails only if the hooks are not in use: there are no leases then. */
	if (hf_hooks_arm(NULL))
		return;
	__module_get(THIS_MODULE);
	removal = kzalloc(sizeof(*removal), GFP_KERNEL | __GFP_NOFAIL);
	removal->disk = disk;
	removal->task = current;
	INIT_LIST_HEAD(&removal->supers);
	spin_lock(&hf_removals_lock);
	list_add(&removal->node, &hf_removals);
	spin_unlock(&hf_removals_lock);
	/* All are told before any is waited for. */
	hf_removal_of_leases(removal, false);
	hf_removal_of_leases(removal, true);
}

/*
 * Drops what refers to pages of a file. The device is dead, so a fault that comes
 * later finds no page; a fault that has found one holds the lock shared. A page can
 * be in use without a lease, by direct I/O for example, and not every kernel
 * wakes us when that ends.
 */
static void hf_inode_forget(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;
	unsigned int seconds = 0;
	struct page *page;

	filemap_invalidate_lock(mapping);
	while ((page = dax_layout_busy_page(mapping))) {
		filemap_invalidate_unlock(mapping);
		if (!wait_var_event_timeout(hf_page_idle_var(page),
					    !hf_page_busy(page), HZ) &&
		    ++seconds == 10)
			pr_notice(
				"holdfast: %s: the removal of the device waits for pages of inode %llu that are in use\n",
				inode->i_sb->s_id, (u64)inode->i_ino);
		filemap_invalidate_lock(mapping);
	}
	hf_dax_forget(mapping);
	filemap_invalidate_unlock(mapping);
}

static void hf_super_forget(struct super_block *sb)
{
	struct inode *inode, *last = NULL;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		if (!dax_mapping(inode->i_mapping) ||
		    mapping_empty(inode->i_mapping) || !igrab(inode))
			continue;
		spin_unlock(&sb->s_inode_list_lock);
		hf_inode_forget(inode);
		/* The list goes on at this one, which stays in it. */
		iput(last);
		last = inode;
		cond_resched();
		spin_lock(&sb->s_inode_list_lock);
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(last);
}

/* The device whose removal this task has begun, off the list, or NULL. */
static struct hf_removal *hf_removal_take(void)
{
	struct hf_removal *removal;

	spin_lock(&hf_removals_lock);
	list_for_each_entry(removal, &hf_removals, node) {
		if (removal->task == current) {
			list_del(&removal->node);
			spin_unlock(&hf_removals_lock);
			return removal;
		}
	}
	spin_unlock(&hf_removals_lock);
	return NULL;
}

/**
 * hf_removal_end - drop page tables and page cache entries of the device's files
 *
 * Called after kill_dax() of any device, with a reference on the module.
 */
void hf_removal_end(void)
{
	struct hf_removal *removal = hf_removal_take();
	struct hf_removed_super *removed, *next;

	if (!removal)
		return;
	list_for_each_entry_safe(removed, next, &removal->supers, node) {
		hf_super_forget(removed->sb);
		deactivate_super(removed->sb);
		kfree(removed);
	}
	kfree(removal);
	hf_hooks_disarm(NULL);
	module_put(THIS_MODULE);
}
