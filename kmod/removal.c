// SPDX-License-Identifier: GPL-2.0
/*
 * The removal of a device under leased files: an unbind, the destruction of a
 * namespace, the unplugging of CXL memory.
 *
 * The driver calls kill_dax() first, and frees the page structures later, whatever
 * is pinned then. So the leases of the device's files are revoked at that call, and
 * it goes on when the pins are gone. A pin that is being made at that time either
 * has a lease that is found here, or finds the device in the list below.
 */
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include "holdfast.h"
#include "removal.h"

/* A device that is being removed; on the stack of the task that does it. */
struct hf_removal {
	struct list_head node;
	const struct dax_device *device;
};

static DEFINE_SPINLOCK(hf_removals_lock);
static LIST_HEAD(hf_removals);

static bool hf_device_is_going(const struct dax_device *device)
{
	struct hf_removal *removal;
	bool going = false;

	spin_lock(&hf_removals_lock);
	list_for_each_entry(removal, &hf_removals, node)
		going |= removal->device == device;
	spin_unlock(&hf_removals_lock);
	return going;
}

/* The device of a filesystem, for put_dax(); NULL: it has none that lives. */
static struct dax_device *hf_device_of(const struct super_block *sb)
{
	u64 offset;

	return sb->s_bdev ? fs_dax_get_by_bdev(sb->s_bdev, &offset, NULL, NULL)
			  : NULL;
}

/* Whether the pages of a filesystem's files go, or have gone. */
bool hf_device_is_gone(const struct super_block *sb)
{
	struct dax_device *device = hf_device_of(sb);
	bool gone = !device || hf_device_is_going(device);

	if (device)
		put_dax(device);
	return gone;
}

/*
 * Whether a filesystem may have pages of a device. What is below a mapped device
 * only its driver knows.
 */
static bool hf_uses_device(const struct super_block *sb,
			   const struct dax_device *device)
{
	struct dax_device *own = hf_device_of(sb);
	bool uses = own == device;

	if (own)
		put_dax(own);
	return uses || !strncmp(sb->s_id, "dm-", 3);
}

/**
 * hf_device_remove - revoke the leases of a device, and wait for their ends
 * @device: of the driver's call of kill_dax()
 *
 * Each holder has the break time of its lease. Holds none of our locks while it
 * waits.
 */
void hf_device_remove(struct dax_device *device)
{
	struct hf_removal removal = { .device = device };
	struct hf_lease *lease;
	unsigned long id;
	int round;

	spin_lock(&hf_removals_lock);
	list_add(&removal.node, &hf_removals);
	spin_unlock(&hf_removals_lock);
	/* All are told before any is waited for. */
	for (round = 0; round < 2; round++) {
		id = 0;
		while ((lease = hf_lease_next(&id))) {
			if (lease->backing == HF_DAX &&
			    hf_uses_device(lease->file->inode->i_sb, device))
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
