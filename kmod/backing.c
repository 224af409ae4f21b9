// SPDX-License-Identifier: GPL-2.0
/*
 * What a file's pages are, and what a lease of it can therefore promise.
 *
 * DAX: pages are blocks of the filesystem. The lease has a mapping of its own,
 * and a change waits for its consumers.
 *
 * DRAM (tmpfs, hugetlbfs): pages are memory, which stays with whoever pins it.
 * The lease's mapping is an ordinary one of the file, a change does not wait,
 * and the holder is told that his consumers' pages are the file's no more.
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
#include "holdfast.h"

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

/* mmap(2) itself looks at the seals of the file it is given: not at these. */
static bool hf_sealed(struct file *target, enum hf_backing backing)
{
	struct inode *inode = file_inode(target);
	unsigned int seals = backing == HF_TMPFS ? SHMEM_I(inode)->seals
						 : HUGETLBFS_I(inode)->seals;

	return seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
}

struct hf_unseal {
	struct callback_head work;
	struct file *target;
};

static void hf_unseal_work(struct callback_head *work)
{
	struct hf_unseal *unseal = container_of(work, struct hf_unseal, work);

	mapping_unmap_writable(unseal->target->f_mapping);
	fput(unseal->target);
	kfree(unseal);
	module_put(THIS_MODULE);
}

/*
 * Keeps the file from being sealed against writers until the task is back in
 * user space: mmap(2) counts the new mapping as a writable one of the lease up
 * to the moment when it is in place as one of the file.
 */
static int hf_keep_unsealed(struct file *target)
{
	struct hf_unseal *unseal = kmalloc(sizeof(*unseal), GFP_KERNEL);
	int err;

	if (!unseal)
		return -ENOMEM;
	err = mapping_map_writable(target->f_mapping);
	if (err)
		goto free;
	unseal->target = get_file(target);
	init_task_work(&unseal->work, hf_unseal_work);
	__module_get(THIS_MODULE);
	err = task_work_add(current, &unseal->work, TWA_RESUME);
	if (err)
		goto unmap;
	return 0;

unmap:
	module_put(THIS_MODULE);
	fput(target);
	mapping_unmap_writable(target->f_mapping);
free:
	kfree(unseal);
	return err;
}

/* The VMA becomes an ordinary one of the file, from range.start on. */
int hf_map_dram(struct hf_lease *lease, struct file *target,
		struct vm_area_struct *vma)
{
	unsigned long unit = lease->backing == HF_HUGETLBFS
				     ? i_blocksize(file_inode(target))
				     : PAGE_SIZE;
	int err = hf_keep_unsealed(target);

	if (err)
		return err;
	if (hf_sealed(target, lease->backing))
		return -EPERM;
	vma->vm_pgoff += lease->range.start;
	if (!IS_ALIGNED(vma->vm_start | vma->vm_end |
				vma->vm_pgoff << PAGE_SHIFT,
			unit))
		return -EINVAL;
	hf_vm_flags_mod(vma, 0, VM_MAYEXEC);
	vma_set_file(vma, target);
	return hf_mmap_file(target, vma);
}

unsigned long hf_unmapped_area(struct hf_lease *lease, struct file *filp,
			       unsigned long addr, unsigned long len,
			       unsigned long pgoff, unsigned long flags)
{
	struct file *target = hf_lease_target(lease);

	if (!target)
		return -EBADFD;
	pgoff += lease->range.start;
	/* Alignment to the file's offset is what makes large mappings. */
	if (lease->backing == HF_DAX || !target->f_op->get_unmapped_area)
		addr = thp_get_unmapped_area(filp, addr, len, pgoff, flags);
	else
		addr = target->f_op->get_unmapped_area(target, addr, len, pgoff,
						       flags);
	fput(target);
	return addr;
}
