// SPDX-License-Identifier: GPL-2.0
/*
 * What runs in place of reflink, dedupe and copy when one of the files has
 * leases: see table.c.
 *
 * Sharing an extent changes the layout of both files: from then on a write to
 * either has to go to a new block, which a device that holds the old one does
 * not know.
 */
#include <linux/capability.h>
#include <linux/pagemap.h>
#include "core/file.h"
#include "core/hook.h"
#include "change/change.h"
#include "change/settle.h"
#include "change/turn.h"
#include "hooks/remap.h"

static DEFINE_SPINLOCK(hf_remaps_lock);
static LIST_HEAD(hf_remaps); /* those that are in the VFS */

/* The same change, of one or two files; a file without leases is NULL. */
struct hf_remap {
	struct list_head node; /* hf_remaps */
	struct task_struct *task;
	struct hf_file *in, *out;
	struct hf_change in_change, out_change;
};

/* A remap within a file: from the first byte of either range to the last. */
static void hf_change_union(struct hf_change *change, enum holdfast_op op,
			    u64 pos_in, u64 pos_out, u64 length)
{
	u64 start = min(pos_in, pos_out), end = max(pos_in, pos_out) + length;

	hf_change_init(change, op, start,
		       length == ~0ULL ? ~0ULL : end - start);
}

/*
 * The filesystem waits for one file at a time, and where both are busy goes
 * round and round without sleeping. So wait here, before it has any lock.
 */
static int hf_remap_settle(struct hf_remap *remap)
{
	int err = 0;

	/* The holders of both hear of it first, so that their times run at once. */
	if (remap->out)
		hf_change_is_clear(remap->out, &remap->out_change);
	if (remap->in)
		err = hf_change_settle(remap->in, &remap->in_change);
	if (!err && remap->out)
		err = hf_change_settle(remap->out, &remap->out_change);
	return err;
}

static void hf_remap_end(struct hf_remap *remap, long ret)
{
	if (remap->out) {
		hf_change_end(remap->out, &remap->out_change, ret);
		hf_file_put(remap->out);
	}
	if (remap->in) {
		hf_change_end(remap->in, &remap->in_change, ret);
		hf_file_put(remap->in);
	}
}

/*
 * As the VFS has it, for the file whose extents are replaced. A dedupe leaves the
 * content alone, so it needs less: also an append-only descriptor will do, or one
 * for reading of a file that the caller could write.
 */
static bool hf_may_remap_to(struct file *out, enum holdfast_op op)
{
	struct inode *inode = file_inode(out);

	if (IS_IMMUTABLE(inode))
		return false;
	if (op == HOLDFAST_OP_REFLINK)
		return out->f_mode & FMODE_WRITE && !(out->f_flags & O_APPEND);
	return out->f_mode & FMODE_WRITE || capable(CAP_SYS_ADMIN) ||
	       inode_owner_or_capable(hf_file_idmap(out), inode) ||
	       !inode_permission(hf_file_idmap(out), inode, MAY_WRITE);
}

/* What the filesystem would refuse anyway breaks no lease. */
static bool hf_remap_plausible(enum holdfast_op op, struct file *in,
			       loff_t pos_in, struct file *out, loff_t pos_out)
{
	struct inode *inode = file_inode(in);
	u32 align = i_blocksize(inode) - 1;

	return in->f_op->remap_file_range && S_ISREG(inode->i_mode) &&
	       S_ISREG(file_inode(out)->i_mode) &&
	       inode->i_sb == file_inode(out)->i_sb &&
	       in->f_mode & FMODE_READ && hf_may_remap_to(out, op) &&
	       pos_in >= 0 && pos_out >= 0 && !((pos_in | pos_out) & align) &&
	       pos_in < i_size_read(inode);
}

/*
 * Extents of a DAX file are never shared with one that is not, whatever else is
 * asked for. But XFS finds out with its locks held: see
 * hf_wrap_filemap_invalidate_lock_two().
 */
static bool hf_remap_mixed(struct file *in, struct file *out)
{
	return IS_DAX(file_inode(in)) != IS_DAX(file_inode(out));
}

/* Finds out what it changes of which file, and lets those go first whose turn it is. */
static int hf_remap_find(struct hf_remap *remap, enum holdfast_op op,
			 struct file *in, loff_t pos_in, struct file *out,
			 loff_t pos_out, u64 length)
{
	int err = 0;

	remap->out = hf_file_find(file_inode(out));
	if (remap->out) {
		if (file_inode(in) == file_inode(out))
			hf_change_union(&remap->out_change, op, pos_in, pos_out,
					length);
		else
			hf_change_init(&remap->out_change, op, pos_out, length);
		err = hf_turns_await(remap->out, &remap->out_change);
	}
	if (file_inode(in) != file_inode(out))
		remap->in = hf_file_find(file_inode(in));
	if (remap->in) {
		hf_change_init(&remap->in_change, op, pos_in, length);
		err = err ?: hf_turns_await(remap->in, &remap->in_change);
	}
	return err;
}

/* Returns 0, -ETXTBSY, or -ERESTARTSYS; ended only in the first case. */
static int hf_remap_begin(struct hf_remap *remap, enum holdfast_op op,
			  struct file *in, loff_t pos_in, struct file *out,
			  loff_t pos_out, loff_t len)
{
	/* For reflink 0 is up to the end; dedupe does nothing then. */
	u64 length = len ?: ~0ULL;
	int err;

	remap->in = NULL;
	remap->out = NULL;
	if (hf_remap_mixed(in, out))
		length = 0;
	else if (!hf_remap_plausible(op, in, pos_in, out, pos_out) || len < 0 ||
		 (!len && op == HOLDFAST_OP_DEDUPE))
		return 0;

	err = hf_remap_find(remap, op, in, pos_in, out, pos_out, length);
	if (err)
		goto put;
	if (remap->out) {
		/* Beyond the end it begins at the end. */
		hf_change_reach_back(&remap->out_change,
				     i_size_read(file_inode(out)));
		err = hf_change_begin(remap->out, &remap->out_change);
		if (err)
			goto put;
	}
	if (remap->in) {
		err = hf_change_begin(remap->in, &remap->in_change);
		if (err)
			goto end_out;
	}
	err = hf_remap_settle(remap);
	if (err)
		hf_remap_end(remap, err);
	return err;

end_out:
	if (remap->out)
		hf_change_end(remap->out, &remap->out_change, err);
put:
	if (remap->in)
		hf_file_put(remap->in);
	if (remap->out)
		hf_file_put(remap->out);
	return err;
}

/**
 * hf_remap_is_here - whether the current task reflinks or dedupes
 *
 * The VFS calls remap_verify_area() for these, too, which is then no exchange of
 * ranges (exchange.c).
 */
bool hf_remap_is_here(void)
{
	struct hf_remap *remap;
	bool here = false;

	spin_lock(&hf_remaps_lock);
	list_for_each_entry(remap, &hf_remaps, node)
		here |= remap->task == current;
	spin_unlock(&hf_remaps_lock);
	return here;
}

static void hf_remap_enter(struct hf_remap *remap)
{
	remap->task = current;
	spin_lock(&hf_remaps_lock);
	list_add(&remap->node, &hf_remaps);
	spin_unlock(&hf_remaps_lock);
}

static void hf_remap_leave(struct hf_remap *remap)
{
	spin_lock(&hf_remaps_lock);
	list_del(&remap->node);
	spin_unlock(&hf_remaps_lock);
}

loff_t hf_wrap_vfs_clone_file_range(struct file *in, loff_t pos_in,
				    struct file *out, loff_t pos_out,
				    loff_t len, unsigned int flags)
{
	struct hf_remap remap;
	loff_t ret;

	ret = hf_remap_begin(&remap, HOLDFAST_OP_REFLINK, in, pos_in, out,
			     pos_out, len);
	if (!ret) {
		hf_remap_enter(&remap);
		ret = vfs_clone_file_range(in, pos_in, out, pos_out, len,
					   flags);
		hf_remap_leave(&remap);
		hf_remap_end(&remap, ret);
	}
	hf_hooks_leave();
	return ret;
}

#ifdef HF_DO_CLONE
/*
 * Within vfs_clone_file_range(), which has been asked before, or called by overlayfs:
 * when it copies a file up it has locks, and freeze protection, with which nobody
 * should wait for a holder. Where it cannot share extents it copies the content.
 */
loff_t hf_wrap_do_clone_file_range(struct file *in, loff_t pos_in,
				   struct file *out, loff_t pos_out, loff_t len,
				   unsigned int flags)
{
	loff_t ret = -EOPNOTSUPP;

	if (hf_remap_is_here())
		ret = do_clone_file_range(in, pos_in, out, pos_out, len, flags);
	hf_hooks_leave();
	return ret;
}
#endif

/*
 * FIDEDUPERANGE is not restarted: it hands the error of each file out as it is, so
 * the error has to be one that programs know.
 */
loff_t hf_wrap_vfs_dedupe_file_range_one(struct file *in, loff_t pos_in,
					 struct file *out, loff_t pos_out,
					 loff_t len, unsigned int flags)
{
	struct hf_remap remap;
	loff_t ret;

	ret = hf_remap_begin(&remap, HOLDFAST_OP_DEDUPE, in, pos_in, out,
			     pos_out, len);
	if (!ret) {
		hf_remap_enter(&remap);
		ret = vfs_dedupe_file_range_one(in, pos_in, out, pos_out, len,
						flags);
		hf_remap_leave(&remap);
		hf_remap_end(&remap, ret);
	}
	hf_hooks_leave();
	return ret == -ERESTARTSYS ? -EINTR : ret;
}

/*
 * Copies leased files instead of sharing their extents: that breaks nothing.
 * Between filesystems extents are not shared, and the flag would mean more.
 */
ssize_t hf_wrap_vfs_copy_file_range(struct file *in, loff_t pos_in,
				    struct file *out, loff_t pos_out,
				    size_t len, unsigned int flags)
{
	ssize_t ret;

	if (file_inode(in)->i_sb == file_inode(out)->i_sb)
		flags |= COPY_FILE_SPLICE;
	ret = vfs_copy_file_range(in, pos_in, out, pos_out, len, flags);
	hf_hooks_leave();
	return ret;
}
