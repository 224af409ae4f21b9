// SPDX-License-Identifier: GPL-2.0
/*
 * The removal of a device under leased files: an unbind, the destruction of a
 * namespace, the unplugging of CXL memory.
 *
 * The driver calls dax_remove_host() first, and frees the page structures later, whatever
 * is pinned then. So the leases of the device's files are revoked at that call, and
 * it goes on when the pins are gone. A pin that is being made at that time either
 * has a lease that is found here, or finds the device in the list below.
 */
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include "holdfast.h"
#include "removal.h"

/* A device that is being removed; on the stack of the task that does it. */
struct hf_removal {
	struct list_head node;
	const struct gendisk *disk;
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

/*
 * Whether a filesystem may have pages of a disk. What is below a mapped device
 * only its driver knows.
 */
static bool hf_uses_disk(const struct super_block *sb,
			 const struct gendisk *disk)
{
	return sb->s_bdev &&
	       (sb->s_bdev->bd_disk == disk || !strncmp(sb->s_id, "dm-", 3));
}

/**
 * hf_device_remove - revoke the leases of a disk, and wait for their ends
 * @disk: of the driver's call of dax_remove_host()
 *
 * Each holder has the break time of its lease. Holds none of our locks while it
 * waits.
 */
void hf_device_remove(struct gendisk *disk)
{
	struct hf_removal removal = { .disk = disk };
	struct hf_lease *lease;
	struct file *target;
	unsigned long id;
	bool uses;
	int round;

	spin_lock(&hf_removals_lock);
	list_add(&removal.node, &hf_removals);
	spin_unlock(&hf_removals_lock);
	/* All are told before any is waited for. */
	for (round = 0; round < 2; round++) {
		id = 0;
		while ((lease = hf_lease_next(&id))) {
			target = lease->backing == HF_DAX
					 ? hf_lease_target(lease)
					 : NULL;
			uses = target &&
			       hf_uses_disk(file_inode(target)->i_sb, disk);
			if (target)
				fput(target);
			if (uses)
				hf_lease_remove(lease, round);
			hf_lease_put(lease);
			id++;
			cond_resched();
		}
	}
	spin_lock(&hf_removals_lock);
	list_del(&removal.node);
	spin_unlock(&hf_removals_lock);
}
