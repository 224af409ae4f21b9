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
#include "core/caller.h"
#include "core/file.h"
#include "core/hook.h"
#include "change/absorb.h"
#include "change/change.h"
#include "change/restart.h"
#include "change/settle.h"
#include "change/turn.h"
#include "hooks/change.h"

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

/* It takes nothing away, so it waits for nobody and is refused by nobody. */
static int hf_extend(struct hf_file *file, struct hf_change *change,
		     HF_IDMAP *idmap, struct dentry *dentry, struct iattr *attr,
		     HF_DELEGATED_INODE *delegated)
{
	int ret = hf_change_begin(file, change);

	if (ret)
		return ret;
	ret = notify_change(idmap, dentry, attr, delegated);
	hf_change_end(file, change, ret);
	return ret;
}

static int hf_truncate(struct hf_file *file, HF_IDMAP *idmap,
		       struct dentry *dentry, struct iattr *attr,
		       HF_DELEGATED_INODE *delegated, unsigned long caller)
{
	struct inode *inode = d_inode(dentry);
	struct hf_restart *restart;
	struct hf_change change;
	int ret = 0;

	do {
		attr->ia_size = hf_absorb_size(file, attr->ia_size);
		hf_change_truncate(&change, inode, attr->ia_size);
		if (change.nothing)
			return hf_extend(file, &change, idmap, dentry, attr,
					 delegated);
		restart = hf_restart_begin(file, &change);
	} while (restart == ERR_PTR(-ESTALE));
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
		loff_t size = attr->ia_size, end = i_size_read(file->inode);

		ret = hf_truncate(file, idmap, dentry, attr, delegated, caller);
		if (!ret && attr->ia_size != size)
			hf_absorbed(file, HOLDFAST_OP_TRUNCATE, size, ~0ULL,
				    end);
		/* The caller's argument is as it was. */
		attr->ia_size = size;
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

/* Returns 0, or -errno: see hf_change_begin(); to be ended only in the first case. */
static int hf_fallocate_begin(struct hf_file *file, struct hf_change *change,
			      int mode, loff_t offset, loff_t length)
{
	int err;

	hf_change_fallocate(change, mode, offset, length);
	err = hf_turns_await(file, change) ?: hf_change_begin(file, change);
	if (err)
		return err;
	err = hf_change_prepare(file, change);
	if (err)
		hf_change_end(file, change, err);
	return err;
}

/* A call of the filesystem, or of the VFS, which asks it. */
struct hf_fallocation {
	struct hf_file *file;
	struct file *filp;
	int mode;
	bool by_vfs;
};

/* -ESTALE: there is a lease that absorbs it. */
static long hf_fallocate_part(const struct hf_fallocation *to, int mode,
			      u64 from, u64 end)
{
	struct file *filp = to->filp;
	struct hf_change change;
	long ret;

	ret = hf_fallocate_begin(to->file, &change, mode, from, end - from);
	if (ret)
		return ret;
	if (to->by_vfs)
		ret = vfs_fallocate(filp, mode, from, end - from);
	else
		ret = filp->f_op->fallocate(filp, mode, from, end - from);
	hf_change_end(to->file, &change, ret);
	return ret;
}

/*
 * Zeroing makes a file longer, if it is asked to, and that allocates what was not
 * there.
 */
static bool hf_fallocate_is_longer(const struct hf_fallocation *to, u64 end)
{
	return !(to->mode & FALLOC_FL_KEEP_SIZE) &&
	       end > i_size_read(file_inode(to->filp));
}

static void hf_fallocate_absorbed(const struct hf_fallocation *to, u64 offset,
				  u64 end)
{
	enum holdfast_op op = HOLDFAST_OP_ZERO;

	if (to->mode & FALLOC_FL_PUNCH_HOLE)
		op = HOLDFAST_OP_PUNCH;
	hf_absorbed(to->file, op, offset, end - offset, end);
}

/*
 * A punch or a zeroing, part by part: what is leased and rewritten stays. Where that is
 * all, the filesystem is asked to allocate a byte of it, as a write by the device
 * would: then all that would refuse the change does, and the file's times are those
 * of a write.
 */
static long hf_fallocate_narrowed(const struct hf_fallocation *to, u64 offset,
				  u64 end)
{
	bool absorbed = false, entered = false;
	u64 at = offset, from, until;
	long ret = 0;

	while (!ret && at < end) {
		from = at;
		until = end;
		if (!hf_absorb_next(to->file, &from, &until))
			from = end;
		if (at < from) {
			ret = hf_fallocate_part(to, to->mode, at, from);
			/* A lease has come in between: look again. */
			if (ret == -ESTALE) {
				ret = 0;
				continue;
			}
			entered = true;
			at = from;
			continue;
		}
		absorbed = true;
		at = until;
		if (hf_fallocate_is_longer(to, until)) {
			ret = hf_fallocate_part(to, 0, from, until);
			entered = true;
		}
	}
	if (!ret && !entered)
		ret = hf_fallocate_part(to, FALLOC_FL_KEEP_SIZE, offset,
					offset + 1);
	if (!ret && absorbed)
		hf_fallocate_absorbed(to, offset, end);
	return ret;
}

static long hf_fallocate(const struct hf_fallocation *to, u64 offset,
			 u64 length)
{
	u64 end = offset + length;

	switch (to->mode) {
	case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_ZERO_RANGE:
		break;
	case FALLOC_FL_PUNCH_HOLE:
		/* As the VFS has it. */
		return -EOPNOTSUPP;
	default:
		return hf_fallocate_part(to, to->mode, offset, end);
	}
	/* As the VFS has it, whatever is absorbed. */
	if (end > file_inode(to->filp)->i_sb->s_maxbytes)
		return -EFBIG;
	if (IS_APPEND(file_inode(to->filp)))
		return -EPERM;
	return hf_fallocate_narrowed(to, offset, end);
}

int hf_wrap_vfs_fallocate(struct file *filp, int mode, loff_t offset,
			  loff_t length)
{
	struct hf_fallocation to = {
		.filp = filp,
		.mode = mode,
		.by_vfs = true,
	};
	int ret;

	/* What the VFS refuses by itself breaks no lease. */
	if (offset >= 0 && length > 0 && filp->f_mode & FMODE_WRITE)
		to.file = hf_file_find(file_inode(filp));
	if (to.file) {
		ret = hf_fallocate(&to, offset, length);
		hf_file_put(to.file);
	} else {
		ret = vfs_fallocate(filp, mode, offset, length);
	}
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
	struct hf_fallocation to = {
		.filp = filp,
		.mode = mode,
		.file = hf_file_find(file_inode(filp)),
	};
	long ret;

	if (to.file && !hf_change_current(to.file))
		ret = hf_fallocate(&to, offset, length);
	else
		ret = filp->f_op->fallocate(filp, mode, offset, length);
	if (to.file)
		hf_file_put(to.file);
	hf_hooks_leave();
	return ret;
}

/*
 * hf_cow_unit() holds for as long as the lease: other units would copy leased
 * blocks on write, together with shared ones. The VFS refuses a caller that may not
 * set them.
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
