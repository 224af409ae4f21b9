// SPDX-License-Identifier: GPL-2.0
/*
 * What a file's pages are, and what a lease of it can therefore promise.
 *
 * DAX: pages are blocks of the filesystem. A change waits for the consumers.
 *
 * DRAM (tmpfs, hugetlbfs): pages are memory, which stays with the process that pins
 * it. A change does not wait, and an event tells the holder that the memory of its
 * consumers is no longer the file's.
 */
#include <linux/fs.h>
#include <linux/fileattr.h>
#include <linux/hugetlb.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/module.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include "core/backing.h"

/* What XFS allocates in one piece for a copy on write, where no hint is set. */
#define HF_XFS_COW_BLOCKS 32

/*
 * In what units of pages a file is copied on write: a write to a shared block
 * prepares new blocks for its whole unit, and later writes go there, without a
 * word. 1 where nothing is shared; 0: units do not fit in
 * HOLDFAST_CHANGE_ALIGN, or the file is realtime, and changes in larger ones.
 */
unsigned long hf_cow_unit(struct file *target)
{
	struct inode *inode = file_inode(target);
	HF_FILEATTR attr = {};
	unsigned long bytes;

	if (!target->f_op->remap_file_range)
		return 1;
	if (vfs_fileattr_get(target->f_path.dentry, &attr) ||
	    attr.fsx_xflags & FS_XFLAG_REALTIME)
		return 0;
	bytes = max(attr.fsx_cowextsize, attr.fsx_extsize);
	if (!bytes)
		bytes = HF_XFS_COW_BLOCKS << inode->i_blkbits;
	bytes = max(bytes, PAGE_SIZE);
	return HOLDFAST_CHANGE_ALIGN % bytes ? 0 : bytes >> PAGE_SHIFT;
}

/*
 * XFS and ext4 with DAX wait for busy pages before each change of layout; ext2,
 * which has the magic number of ext4, does not.
 */
bool hf_lends_blocks(const struct super_block *sb)
{
	const char *type = sb->s_type->name;

	return !strcmp(type, "xfs") || !strcmp(type, "ext4");
}

static bool hf_waits_for_pages(struct file *target)
{
	struct inode *inode = file_inode(target);

	return IS_DAX(inode) && hf_lends_blocks(inode->i_sb) &&
	       hf_cow_unit(target);
}

/*
 * Widens a range, in pages, to all whose copy on write can prepare blocks for a
 * page of the range: the units that it touches, and one more on each side. XFS
 * moves what it prepares for a unit into the next one, or the one before, where a
 * part of the unit has been prepared already (xfs_bmap_extsize_align()).
 */
void hf_cow_window(struct file *target, pgoff_t *first, pgoff_t *last)
{
	unsigned long unit = hf_cow_unit(target) ?: 1;
	u64 size = i_size_read(file_inode(target));

	*first = round_down(*first, unit);
	*first -= min(*first, unit);
	*last = min_t(u64, round_up((u64)*last + 1, unit) + unit,
		      DIV_ROUND_UP_ULL(size, PAGE_SIZE)) -
		1;
}

/* The kind of pages that a file can lend; HF_NO_BACKING: none. */
enum hf_backing hf_backing_of(struct file *target)
{
	struct inode *inode = file_inode(target);

	switch (inode->i_sb->s_magic) {
	case XFS_SUPER_MAGIC:
	case EXT4_SUPER_MAGIC:
		return hf_waits_for_pages(target) ? HF_DAX : HF_NO_BACKING;
	case TMPFS_MAGIC:
		return HF_TMPFS;
	case HUGETLBFS_MAGIC:
		return HF_HUGETLBFS;
	default:
		return HF_NO_BACKING;
	}
}

const char *hf_backing_name(enum hf_backing backing)
{
	switch (backing) {
	case HF_DAX:
		return "dax";
	case HF_TMPFS:
		return "tmpfs";
	case HF_HUGETLBFS:
		return "hugetlbfs";
	default:
		return "none";
	}
}
