// SPDX-License-Identifier: GPL-2.0
/*
 * What runs in place of the functions that change a file's layout, when the
 * file has leases: see probe.c for how, and for why each of them.
 *
 * Each is called with the arguments, locks and context of the function it
 * stands before, and calls that function through HF_PASS().
 */
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include "wrap.h"

/* A truncation takes away all behind the new end; an extension nothing. */
static void hf_change_truncate(struct hf_change *change,
			       const struct inode *inode, loff_t size)
{
	bool shrinks = size < i_size_read(inode);

	hf_change_init(change, HOLDFAST_OP_TRUNCATE, size, shrinks ? ~0ULL : 0);
}

int hf_wrap_notify_change(HF_IDMAP *idmap, struct dentry *dentry,
			  struct iattr *attr, HF_DELEGATED_INODE *delegated)
{
	struct hf_file *file = hf_file_find(d_inode(dentry));
	struct hf_change change;
	int ret;

	if (file) {
		hf_change_truncate(&change, d_inode(dentry), attr->ia_size);
		ret = hf_change_begin(file, &change);
		if (ret)
			goto put_file;
	}
	ret = HF_PASS(HF_PROBE_NOTIFY_CHANGE,
		      notify_change(idmap, dentry, attr, delegated));
	if (file)
		hf_change_end(file, &change);
put_file:
	if (file)
		hf_file_put(file);
	hf_probes_leave();
	return ret;
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
		hf_change_init(change, HOLDFAST_OP_COLLAPSE, offset, ~0ULL);
		hf_change_reach_back(change);
		break;
	case FALLOC_FL_INSERT_RANGE:
		hf_change_init(change, HOLDFAST_OP_INSERT, offset, ~0ULL);
		hf_change_reach_back(change);
		break;
	default:
		hf_change_init(change, HOLDFAST_OP_UNKNOWN, 0, ~0ULL);
		break;
	}
}

int hf_wrap_vfs_fallocate(struct file *filp, int mode, loff_t offset,
			  loff_t length)
{
	struct hf_file *file = NULL;
	struct hf_change change;
	int ret;

	/* The VFS refuses what is not a range, by itself. */
	if (offset >= 0 && length > 0)
		file = hf_file_find(file_inode(filp));
	if (file) {
		hf_change_fallocate(&change, mode, offset, length);
		ret = hf_change_begin(file, &change);
		if (ret)
			goto put_file;
	}
	ret = HF_PASS(HF_PROBE_VFS_FALLOCATE,
		      vfs_fallocate(filp, mode, offset, length));
	if (file)
		hf_change_end(file, &change);
put_file:
	if (file)
		hf_file_put(file);
	hf_probes_leave();
	return ret;
}

/* A change that came by an entry without a wrapper. */
struct hf_stray {
	struct callback_head work;
	struct hf_file *file;
	struct hf_change change;
};

static void hf_stray_end(struct hf_stray *stray)
{
	hf_change_end(stray->file, &stray->change);
	hf_file_put(stray->file);
	kfree(stray);
	hf_probes_leave();
}

static void hf_stray_work(struct callback_head *work)
{
	hf_stray_end(container_of(work, struct hf_stray, work));
}

/*
 * The change of this task: begun at its entry, or a stray one. A stray change
 * is taken to be of the whole file, and to last until its task is back in user
 * space. A task that never will be (a kernel thread, one that exits) ends it
 * when the filesystem goes on: from there the filesystem's lock is enough. The
 * filesystem has its locks, so this must not fail.
 */
static struct hf_change *hf_change_here(struct hf_file *file)
{
	struct hf_change *change = hf_change_current(file);
	struct hf_stray *stray;

	if (change)
		return change;

	stray = kmalloc(sizeof(*stray), GFP_NOFS | __GFP_NOFAIL);
	hf_change_init(&stray->change, HOLDFAST_OP_UNKNOWN, 0, ~0ULL);
	refcount_inc(&file->ref);
	stray->file = file;
	hf_change_begin(file, &stray->change);
	hf_probes_stay();
	init_task_work(&stray->work, hf_stray_work);
	if ((current->flags & PF_KTHREAD) ||
	    task_work_add(current, &stray->work, TWA_RESUME))
		stray->change.until_passed = true;
	return &stray->change;
}

/* The filesystem found no busy page, and goes on. */
static void hf_change_goes_on(struct hf_file *file, struct hf_change *change)
{
	hf_change_passed(file, change);
	if (change->until_passed)
		hf_stray_end(container_of(change, struct hf_stray, change));
}

#ifdef HF_DAX_BREAK_LAYOUT

/* dax_break_layout() waits by itself, and forgets the pages of the range. */
static int hf_break_layout(struct hf_file *file, struct inode *inode,
			   loff_t start, loff_t end, void(cb)(struct inode *))
{
	struct hf_change *change = hf_change_here(file);
	int err;

	if (change->nothing)
		return 0;
	/* Without a callback the caller comes back on any error: break then. */
	if (change->info.op == HOLDFAST_OP_UNKNOWN && cb &&
	    hf_change_excluded(file, change))
		return -ETXTBSY;
	hf_change_break(file, change);
	start = (loff_t)change->first << PAGE_SHIFT;
	end = change->last == ULONG_MAX
		      ? LLONG_MAX
		      : (((loff_t)change->last + 1) << PAGE_SHIFT) - 1;
	err = HF_PASS(HF_PROBE_DAX_BREAK_LAYOUT,
		      dax_break_layout(inode, start, end, cb));
	if (!err)
		hf_change_goes_on(file, change);
	return err;
}

int hf_wrap_dax_break_layout(struct inode *inode, loff_t start, loff_t end,
			     void(cb)(struct inode *))
{
	struct hf_file *file = hf_file_find(inode);
	int err;

	if (file) {
		err = hf_break_layout(file, inode, start, end, cb);
		hf_file_put(file);
	} else {
		err = HF_PASS(HF_PROBE_DAX_BREAK_LAYOUT,
			      dax_break_layout(inode, start, end, cb));
	}
	hf_probes_leave();
	return err;
}

#else

/* dax_layout_busy_page() names a page to wait for; the filesystem waits. */
static struct page *hf_busy_page(struct hf_file *file,
				 struct address_space *mapping)
{
	struct hf_change *change = hf_change_here(file);
	struct page *page;
	loff_t end;

	if (change->nothing)
		return NULL;
	hf_change_break(file, change);
	end = change->last == ULONG_MAX
		      ? LLONG_MAX
		      : (((loff_t)change->last + 1) << PAGE_SHIFT) - 1;
	page = dax_layout_busy_page_range(
		mapping, (loff_t)change->first << PAGE_SHIFT, end);
	if (!page)
		page = hf_change_busy_page(file, change);
	if (!page)
		hf_change_goes_on(file, change);
	return page;
}

struct page *hf_wrap_dax_layout_busy_page(struct address_space *mapping)
{
	struct hf_file *file = hf_file_find(mapping->host);
	struct page *page;

	if (file) {
		page = hf_busy_page(file, mapping);
		hf_file_put(file);
	} else {
		page = dax_layout_busy_page_range(mapping, 0, LLONG_MAX);
	}
	hf_probes_leave();
	return page;
}

#endif
