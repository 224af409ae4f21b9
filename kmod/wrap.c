// SPDX-License-Identifier: GPL-2.0
/*
 * What runs in place of the functions that change a file's layout, when the
 * file has leases: see probe.c for how, and for why each of them.
 *
 * Each is called with the arguments, locks and context of the function it
 * stands before, and calls that function through HF_PASS().
 */
#include <linux/dax.h>
#include <linux/fileattr.h>
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/pagemap.h>
#include "wrap.h"

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
		       HF_DELEGATED_INODE *delegated)
{
	struct inode *inode = d_inode(dentry);
	struct hf_change change;
	int ret;

	hf_change_truncate(&change, inode, attr->ia_size);
	ret = hf_change_begin(file, &change);
	if (ret)
		return ret;
	/* With the lock dropped what is an extension could become none. */
	if (!change.nothing) {
		/* The caller has just taken it, and looked at nothing yet. */
		inode_unlock(inode);
		ret = hf_change_prepare(file, &change);
		inode_lock(inode);
	}
	if (!ret)
		ret = HF_PASS(HF_PROBE_NOTIFY_CHANGE,
			      notify_change(idmap, dentry, attr, delegated));
	hf_change_end(file, &change, ret);
	return ret;
}

int hf_wrap_notify_change(HF_IDMAP *idmap, struct dentry *dentry,
			  struct iattr *attr, HF_DELEGATED_INODE *delegated)
{
	struct hf_file *file = hf_file_find(d_inode(dentry));
	int ret;

	if (file) {
		ret = hf_truncate(file, idmap, dentry, attr, delegated);
		hf_file_put(file);
	} else {
		ret = HF_PASS(HF_PROBE_NOTIFY_CHANGE,
			      notify_change(idmap, dentry, attr, delegated));
	}
	hf_probes_leave();
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

static int hf_fallocate(struct hf_file *file, struct file *filp, int mode,
			loff_t offset, loff_t length)
{
	struct hf_change change;
	int ret;

	hf_change_fallocate(&change, mode, offset, length);
	ret = hf_change_begin(file, &change);
	if (ret)
		return ret;
	ret = hf_change_prepare(file, &change);
	if (!ret)
		ret = HF_PASS(HF_PROBE_VFS_FALLOCATE,
			      vfs_fallocate(filp, mode, offset, length));
	hf_change_end(file, &change, ret);
	return ret;
}

int hf_wrap_vfs_fallocate(struct file *filp, int mode, loff_t offset,
			  loff_t length)
{
	struct hf_file *file = NULL;
	int ret;

	/* What the VFS refuses by itself breaks no lease. */
	if (offset >= 0 && length > 0 && filp->f_mode & FMODE_WRITE)
		file = hf_file_find(file_inode(filp));
	if (file) {
		ret = hf_fallocate(file, filp, mode, offset, length);
		hf_file_put(file);
	} else {
		ret = HF_PASS(HF_PROBE_VFS_FALLOCATE,
			      vfs_fallocate(filp, mode, offset, length));
	}
	hf_probes_leave();
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
		ret = HF_PASS(HF_PROBE_VFS_FILEATTR_SET,
			      vfs_fileattr_set(idmap, dentry, attr));
	hf_probes_leave();
	return ret;
}

#ifdef HF_DAX_BREAK_LAYOUT

/*
 * A page that some process maps as well does not wake anybody when its last pin
 * goes, so the wait has an end.
 */
static void hf_wait_unlocked(struct address_space *mapping)
{
	filemap_invalidate_unlock(mapping);
	schedule_timeout(HZ / 4);
	filemap_invalidate_lock(mapping);
}

static int hf_wait_page(struct address_space *mapping, struct page *page)
{
	return ___wait_var_event(hf_page_idle_var(page), !hf_page_busy(page),
				 TASK_INTERRUPTIBLE, 0, 0,
				 hf_wait_unlocked(mapping));
}

/* Waits for consumers of broken leases outside the range of the change. */
static int hf_wait_consumers(struct hf_file *file, struct hf_change *change,
			     struct address_space *mapping, bool may_wait)
{
	struct page *page;
	int err = 0;

	while (!err && (page = hf_change_busy_page(file, change))) {
		if (!may_wait) {
			hf_second_told(change, page);
			return -ERESTARTSYS;
		}
		err = hf_wait_page(mapping, page);
	}
	return err;
}

/* dax_break_layout() waits by itself, and forgets the pages of the range. */
static int hf_break_layout(struct hf_file *file, struct inode *inode,
			   loff_t start, loff_t end, void(cb)(struct inode *))
{
	struct hf_change *change = hf_stray_here(file);
	int err;

	if (change->nothing)
		return 0;
	/* Without a callback the caller comes back on any error: break then. */
	if (change->info.op == HOLDFAST_OP_UNKNOWN && cb &&
	    hf_change_excluded(file, change)) {
		hf_stray_passed(change);
		return -ETXTBSY;
	}
	hf_change_break(file, change);
	err = hf_wait_consumers(file, change, inode->i_mapping, cb);
	hf_change_bytes(change, &start, &end);
	if (!err)
		err = HF_PASS(HF_PROBE_DAX_BREAK_LAYOUT,
			      dax_break_layout(inode, start, end, cb));
	if (!err)
		hf_change_passed(file, change);
	if (!err || cb)
		hf_stray_passed(change);
	else
		/* It comes back at once: let somebody else run. */
		schedule_timeout_uninterruptible(HZ / 100);
	return err;
}

int hf_wrap_dax_break_layout(struct inode *inode, loff_t start, loff_t end,
			     void(cb)(struct inode *))
{
	struct page *page = cb ? hf_second_page(inode->i_mapping) : NULL;
	struct hf_file *file = hf_file_find(inode);
	int err = page ? hf_wait_page(inode->i_mapping, page) : 0;

	if (!err)
		err = file ? hf_break_layout(file, inode, start, end, cb)
			   : HF_PASS(HF_PROBE_DAX_BREAK_LAYOUT,
				     dax_break_layout(inode, start, end, cb));
	if (file)
		hf_file_put(file);
	hf_probes_leave();
	return err;
}

#else

/* dax_layout_busy_page() names a page to wait for; the filesystem waits. */
static struct page *hf_busy_page(struct hf_file *file,
				 struct address_space *mapping)
{
	struct hf_change *change = hf_stray_here(file);
	loff_t start, end;
	struct page *page;

	if (change->nothing)
		return NULL;
	hf_change_break(file, change);
	page = hf_change_busy_page(file, change);
	hf_change_bytes(change, &start, &end);
	if (!page)
		page = dax_layout_busy_page_range(mapping, start, end);
	hf_second_told(change, page);
	if (!page) {
		hf_change_passed(file, change);
		hf_stray_passed(change);
	}
	return page;
}

struct page *hf_wrap_dax_layout_busy_page(struct address_space *mapping)
{
	struct page *page = hf_second_page(mapping);
	struct hf_file *file = hf_file_find(mapping->host);

	if (!page)
		page = file ? hf_busy_page(file, mapping)
			    : dax_layout_busy_page_range(mapping, 0, LLONG_MAX);
	if (file)
		hf_file_put(file);
	hf_probes_leave();
	return page;
}

#endif
