// SPDX-License-Identifier: GPL-2.0
/*
 * What runs in place of the functions by which XFS exchanges the extents of two
 * files, when one of them has leases: see table.c.
 */
#include <linux/compat.h>
#include <linux/dax.h>
#include <linux/file.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>
#include "core/file.h"
#include "core/hook.h"
#include "change/change.h"
#include "change/settle.h"
#include "change/unhooked.h"
#include "hooks/exchange.h"
#include "hooks/remap.h"

#ifdef HF_DAX_BREAK_LAYOUT
/*
 * Where idle pages stay known to the mapping, truncating the latter warns. Those
 * of leases outside the change's range are not idle.
 */
static void hf_forget_pages(struct inode *inode, const struct hf_change *change)
{
	loff_t start = 0, end = LLONG_MAX;

	if (change)
		hf_change_bytes(change, &start, &end);
	if (dax_break_layout(inode, start, end, NULL))
		pr_warn_once(
			"holdfast: extents are exchanged under pages that somebody without a lease holds\n");
}
#else
static void hf_forget_pages(struct inode *inode, const struct hf_change *change)
{
}
#endif

static void hf_exchange_settle(struct inode *inode)
{
	struct hf_file *file = hf_file_find(inode);
	struct hf_change *change;

	if (!file)
		return;
	change = hf_unhooked_here(file);
	change->unstoppable = true;
	hf_change_settle(file, change);
	hf_file_put(file);
}

/* Whether the file got its first lease after hf_exchange_settle(). */
static bool hf_exchange_is_late(struct inode *inode)
{
	struct hf_file *file = hf_file_find(inode);
	bool late;

	if (!file)
		return false;
	late = !hf_change_current(file);
	hf_file_put(file);
	return late;
}

/*
 * The extents may go now. A lease whose acquire has just begun waits for
 * i_rwsem, and has no pages.
 */
static void hf_exchange_pass(struct inode *inode)
{
	struct hf_file *file = hf_file_find(inode);
	struct hf_change *change = file ? hf_change_current(file) : NULL;

	if (!change || !change->nothing)
		hf_forget_pages(inode, change);
	if (change && !change->nothing) {
		hf_change_passed(file, change);
		hf_unhooked_passed(change);
	}
	if (file)
		hf_file_put(file);
}

/*
 * XFS_IOC_SWAPEXT exchanges the extents of two files without a look at busy
 * pages, between these locks; so does XFS_IOC_EXCHANGE_RANGE where only one file
 * is DAX. Both have been refused, or have waited, before (below). This is for what
 * got past that: leases acquired since, and a caller that has changed the argument.
 * It cannot be refused here, nor interrupted: the deadline ends the wait for
 * consumers, and a kill ends the wait for other references. The caller has just
 * taken both i_rwsem, in which a holder may be waiting, and has looked at nothing
 * yet. A reflink between a DAX file and another comes here, too, and is then
 * refused: its change is of nothing.
 */
void hf_wrap_filemap_invalidate_lock_two(struct address_space *mapping1,
					 struct address_space *mapping2)
{
	struct inode *inode1 = mapping1->host, *inode2 = mapping2->host;

	do {
		unlock_two_nondirectories(inode1, inode2);
		hf_exchange_settle(inode1);
		hf_exchange_settle(inode2);
		lock_two_nondirectories(inode1, inode2);
	} while (hf_exchange_is_late(inode1) || hf_exchange_is_late(inode2));
	filemap_invalidate_lock_two(mapping1, mapping2);
	hf_exchange_pass(inode1);
	hf_exchange_pass(inode2);
	hf_hooks_leave();
}

/* Two ranges of the same file are one change, of all in between. */
static int hf_exchange_begin(struct hf_file *file, u64 pos, u64 length)
{
	struct hf_change *change = hf_change_current(file), new;
	int err;

	hf_change_init(&new, HOLDFAST_OP_EXCHANGE, pos, length);
	if (change) {
		err = hf_change_widen(file, change, &new);
	} else {
		change = hf_unhooked_begin(file, &new);
		err = PTR_ERR_OR_ZERO(change);
	}
	err = err ?: hf_change_settle(file, change);
	if (err)
		hf_unhooked_failed(err);
	return err;
}

/* XFS_IOC_SWAPEXT, also of a 32-bit program: as far as it is the same. */
struct hf_swapext {
	s64 version;
	s64 target, other; /* descriptors */
};

/* As XFS has it. What it would refuse anyway breaks no lease. */
static bool hf_swapext_plausible(struct file *filp, struct file *target,
				 struct file *other)
{
	const fmode_t both = FMODE_READ | FMODE_WRITE;

	return (target->f_mode & other->f_mode & both) == both &&
	       !((target->f_flags | other->f_flags) & O_APPEND) &&
	       file_inode(target)->i_sb == file_inode(filp)->i_sb &&
	       file_inode(other)->i_sb == file_inode(filp)->i_sb &&
	       file_inode(target) != file_inode(other);
}

static int hf_swapext_begin_one(struct inode *inode)
{
	struct hf_file *file = hf_file_find(inode);
	int err;

	if (!file)
		return 0;
	err = hf_exchange_begin(file, 0, ~0ULL);
	hf_file_put(file);
	return err;
}

/*
 * Refuses, or waits with no lock held. A program that changes its argument in the
 * meantime does not get past hf_wrap_filemap_invalidate_lock_two().
 */
static int hf_swapext_begin(struct file *filp, void __user *arg)
{
	struct file *target, *other;
	struct hf_swapext swap;
	int err = 0;

	if (copy_from_user(&swap, arg, sizeof(swap)))
		return 0; /* XFS says so */
	target = fget(swap.target);
	other = fget(swap.other);
	if (target && other && hf_swapext_plausible(filp, target, other))
		err = hf_swapext_begin_one(file_inode(target))
			      ?: hf_swapext_begin_one(file_inode(other));
	if (other)
		fput(other);
	if (target)
		fput(target);
	return err;
}

long hf_wrap_swapext(struct file *filp, unsigned int cmd, unsigned long arg)
{
	long ret = hf_swapext_begin(filp, (void __user *)arg);

	if (!ret)
		ret = filp->f_op->unlocked_ioctl(filp, cmd, arg);
	hf_hooks_leave();
	return ret;
}

#ifdef CONFIG_COMPAT
long hf_wrap_compat_swapext(struct file *filp, unsigned int cmd,
			    unsigned long arg)
{
	long ret = hf_swapext_begin(filp, compat_ptr(arg));

	if (!ret)
		ret = filp->f_op->compat_ioctl(filp, cmd, arg);
	hf_hooks_leave();
	return ret;
}
#endif

#ifdef HF_EXCHANGE_RANGE

/* What XFS would refuse anyway breaks no lease. */
static bool hf_exchange_plausible(struct inode *inode, u64 pos)
{
	return IS_ALIGNED(pos, i_blocksize(inode)) && pos <= i_size_read(inode);
}

/*
 * XFS_IOC_EXCHANGE_RANGE asks for both files, before it takes a lock; so do
 * reflink and dedupe, which are none (remap.c). Without a length it is up to the
 * end.
 */
int hf_wrap_remap_verify_area(struct file *filp, loff_t pos, loff_t len,
			      bool write)
{
	struct hf_file *file = NULL;
	int ret;

	ret = remap_verify_area(filp, pos, len, write);
	if (!ret && !hf_remap_is_here() &&
	    hf_exchange_plausible(file_inode(filp), pos))
		file = hf_file_find(file_inode(filp));
	if (file) {
		ret = hf_exchange_begin(file, pos, len ?: ~0ULL);
		hf_file_put(file);
	}
	hf_hooks_leave();
	return ret;
}

#endif
