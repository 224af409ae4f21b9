// SPDX-License-Identifier: GPL-2.0
/*
 * What runs in place of the functions that change a file's size, its blocks, or
 * the units in which it has them, when the file has leases. See table.c for the
 * reason of each.
 *
 * Each is called with the arguments, locks and context of the function that it
 * replaces, and calls that function.
 */
#include <linux/fs.h>
#include <linux/fileattr.h>
#include <linux/falloc.h>
#include "holdfast.h"
#include "hooks/caller.h"
#include "hooks/change.h"
#include "hooks/hook.h"
#include "restart.h"

/* A truncation takes away all behind the new end; an extension nothing. */
static void hf_change_truncate(struct hf_change *change,
			       const struct inode *inode, loff_t size)
{
	bool shrinks = size < i_size_read(inode);

	hf_change_init(change, HOLDFAST_OP_TRUNCATE, size, shrinks ? ~0ULL : 0);
}

/*
 * Waits for the consumers before the filesystem is entered, which waits with
 * i_rwsem held: a holder that sits in write(2) for it could neither answer nor
 * be killed.
 */
static int hf_change_prepare(struct hf_file *file, struct hf_change *change)
{
	if (file->dram || change->info.op == HOLDFAST_OP_UNKNOWN)
		return 0;
	return hf_change_settle(file, change);
}

static int hf_truncate(struct hf_file *file, HF_IDMAP *idmap,
		       struct dentry *dentry, struct iattr *attr,
		       HF_DELEGATED_INODE *delegated, unsigned long caller)
{
	struct inode *inode = d_inode(dentry);
	struct hf_restart *restart;
	struct hf_change change;
	int ret = 0;

	hf_change_truncate(&change, inode, attr->ia_size);
	restart = hf_restart_begin(file, &change);
	if (IS_ERR(restart))
		return PTR_ERR(restart);
	if (hf_restart_change(restart)->deadlocked) {
		ret = -EDEADLK;
	} else if (!file->dram &&
		   !hf_change_is_clear(file, hf_restart_change(restart))) {
		if (hf_restart_wait(restart, caller))
			return -ERESTARTSYS;
		/* The caller has just taken it, and looked at nothing yet. */
		inode_unlock(inode);
		ret = hf_change_settle(file, hf_restart_change(restart));
		inode_lock(inode);
	}
	if (!ret)
		ret = notify_change(idmap, dentry, attr, delegated);
	hf_restart_end(restart, ret);
	return ret;
}

int hf_wrap_notify_change(HF_IDMAP *idmap, struct dentry *dentry,
			  struct iattr *attr, HF_DELEGATED_INODE *delegated)
{
	unsigned long caller = hf_caller_take(_RET_IP_);
	struct hf_file *file = hf_file_find(d_inode(dentry));
	int ret;

	if (file) {
		ret = hf_truncate(file, idmap, dentry, attr, delegated, caller);
		hf_file_put(file);
	} else {
		ret = notify_change(idmap, dentry, attr, delegated);
	}
	hf_hooks_leave();
	return ret;
}

/*
 * A shift of extents may merge the first one with what is before it: XFS flushes
 * and unmaps one block more.
 */
static void hf_change_shift(struct hf_change *change, enum holdfast_op op,
			    loff_t offset)
{
	hf_change_init(change, op, offset, ~0ULL);
	hf_change_reach_back(change, offset ? offset - 1 : 0);
}

/* A mode that is not known here may change the whole file. */
static void hf_change_fallocate(struct hf_change *change, int mode,
				loff_t offset, loff_t length)
{
	switch (mode & ~FALLOC_FL_KEEP_SIZE) {
	case 0:
		hf_change_init(change, HOLDFAST_OP_UNKNOWN, offset, 0);
		break;
	case FALLOC_FL_PUNCH_HOLE:
		hf_change_init(change, HOLDFAST_OP_PUNCH, offset, length);
		break;
	case FALLOC_FL_ZERO_RANGE:
		hf_change_init(change, HOLDFAST_OP_ZERO, offset, length);
		break;
	case FALLOC_FL_UNSHARE_RANGE:
		hf_change_init(change, HOLDFAST_OP_UNSHARE, offset, length);
		break;
	case FALLOC_FL_COLLAPSE_RANGE:
		hf_change_shift(change, HOLDFAST_OP_COLLAPSE, offset);
		break;
	case FALLOC_FL_INSERT_RANGE:
		hf_change_shift(change, HOLDFAST_OP_INSERT, offset);
		break;
	default:
		hf_change_init(change, HOLDFAST_OP_UNKNOWN, 0, ~0ULL);
		break;
	}
}

/* Returns 0, -ETXTBSY, or -ERESTARTSYS; to be ended only in the first case. */
static int hf_fallocate_begin(struct hf_file *file, struct hf_change *change,
			      int mode, loff_t offset, loff_t length)
{
	int err;

	hf_change_fallocate(change, mode, offset, length);
	err = hf_change_begin(file, change);
	if (err)
		return err;
	err = hf_change_prepare(file, change);
	if (err)
		hf_change_end(file, change, err);
	return err;
}

int hf_wrap_vfs_fallocate(struct file *filp, int mode, loff_t offset,
			  loff_t length)
{
	struct hf_file *file = NULL;
	struct hf_change change;
	int ret = 0;

	/* What the VFS refuses by itself breaks no lease. */
	if (offset >= 0 && length > 0 && filp->f_mode & FMODE_WRITE)
		file = hf_file_find(file_inode(filp));
	if (file)
		ret = hf_fallocate_begin(file, &change, mode, offset, length);
	if (!ret) {
		ret = vfs_fallocate(filp, mode, offset, length);
		if (file)
			hf_change_end(file, &change, ret);
	}
	if (file)
		hf_file_put(file);
	hf_hooks_leave();
	return ret;
}

/*
 * The filesystem's own ->fallocate(). A call by vfs_fallocate() has been refused or
 * has waited there. Loop devices and LIO call it directly, from kernel threads,
 * with no lock held. A loop device makes EIO of -ETXTBSY, for this one request; of
 * -EOPNOTSUPP it would conclude never to discard again. LIO makes LOGICAL UNIT
 * COMMUNICATION FAILURE of either.
 */
long hf_wrap_fallocate(struct file *filp, int mode, loff_t offset,
		       loff_t length)
{
	struct hf_file *file = hf_file_find(file_inode(filp));
	bool begin = file && !hf_change_current(file);
	struct hf_change change;
	long ret = 0;

	if (begin)
		ret = hf_fallocate_begin(file, &change, mode, offset, length);
	if (!ret) {
		ret = filp->f_op->fallocate(filp, mode, offset, length);
		if (begin)
			hf_change_end(file, &change, ret);
	}
	if (file)
		hf_file_put(file);
	hf_hooks_leave();
	return ret;
}

/*
 * hf_cow_unit() holds for as long as the lease: other units would copy leased
 * blocks on write, together with shared ones. Who may not set them hears so
 * from the VFS.
 */
static bool hf_sets_units(HF_IDMAP *idmap, struct dentry *dentry,
			  const HF_FILEATTR *attr)
{
	HF_FILEATTR old = {};

	if (!attr->fsx_valid ||
	    !inode_owner_or_capable(idmap, d_inode(dentry)) ||
	    vfs_fileattr_get(dentry, &old))
		return false;
	return attr->fsx_extsize != old.fsx_extsize ||
	       attr->fsx_cowextsize != old.fsx_cowextsize ||
	       (attr->fsx_xflags ^ old.fsx_xflags) &
		       (FS_XFLAG_REALTIME | FS_XFLAG_EXTSIZE |
			FS_XFLAG_COWEXTSIZE);
}

int hf_wrap_vfs_fileattr_set(HF_IDMAP *idmap, struct dentry *dentry,
			     HF_FILEATTR *attr)
{
	int ret;

	if (hf_sets_units(idmap, dentry, attr))
		ret = -EBUSY;
	else
		ret = vfs_fileattr_set(idmap, dentry, attr);
	hf_hooks_leave();
	return ret;
}
