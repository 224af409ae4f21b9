// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that a file shares with another one (reflink), before a write fault
 * gives it copies of them.
 *
 * fs/dax.c is not prepared for a PMD entry of which single pages are copied:
 * dax_insert_entry() puts an entry of one page in its place, and 511 too many
 * stay in mapping->nrpages, which clear_inode() takes for pages that were left
 * behind (BUG). Up to 6.14 it is enough that a part of an entry from before
 * the reflink is shared; from 6.15 on, where dax_break_layout() has deleted
 * that, it takes an entry of readers, and no 2 MiB of free space in one piece.
 * A store of any program to such a file does it. Who leases the file stores to
 * every page: so entries of shared blocks are dropped first, as
 * dax_break_layout() would drop them.
 */
#include <linux/dax.h>
#include <linux/fiemap.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include "holdfast.h"

/* As many extents are asked for at a time. */
#define HF_EXTENTS (PAGE_SIZE / sizeof(struct fiemap_extent))

/* Whether the page cache has a PMD entry for page @index. */
static bool hf_is_pmd_entry(struct address_space *mapping, pgoff_t index)
{
	return xa_get_order(&mapping->i_pages, index);
}

static bool hf_has_pmd_entry(struct address_space *mapping, pgoff_t first,
			     pgoff_t last)
{
	pgoff_t index = round_down(first, PTRS_PER_PTE);

	for (; index <= last; index += PTRS_PER_PTE) {
		if (hf_is_pmd_entry(mapping, index))
			return true;
	}
	return false;
}

/*
 * Drops the PMD entry that begins at @index: written back, unmapped, and with
 * no page busy. That can be a short-term pin only, of direct I/O for one: the
 * reflink waited for all others, and the leases that it broke find their pages
 * here before they have them again.
 */
static int hf_drop_entry(struct address_space *mapping, pgoff_t index)
{
	loff_t start = (loff_t)index << PAGE_SHIFT, end = start + PMD_SIZE - 1;
	int err;

	do {
		err = filemap_write_and_wait_range(mapping, start, end);
		if (err)
			return err;
		filemap_invalidate_lock(mapping);
		err = -EBUSY;
		if (!dax_layout_busy_page_range(mapping, start, end))
			err = invalidate_inode_pages2_range(
				mapping, index, index + PTRS_PER_PTE - 1);
		filemap_invalidate_unlock(mapping);
		if (err == -EBUSY && schedule_timeout_killable(HZ / 50))
			return -EINTR;
	} while (err == -EBUSY);
	return err;
}

static int hf_drop_entries(struct address_space *mapping, pgoff_t first,
			   pgoff_t last)
{
	pgoff_t index = round_down(first, PTRS_PER_PTE);
	int err = 0;

	for (; !err && index <= last; index += PTRS_PER_PTE) {
		if (hf_is_pmd_entry(mapping, index))
			err = hf_drop_entry(mapping, index);
		cond_resched();
	}
	return err;
}

/*
 * Goes through the extents from @start to @end, in bytes. The filesystem tells
 * them to user space only: @room is the caller's, who can deceive himself.
 */
static int hf_unshare_extents(struct inode *inode, u64 start, u64 end,
			      struct fiemap_extent __user *room)
{
	unsigned int i, nr;
	int err;

	do {
		struct fiemap_extent_info info = {
			.fi_extents_max = HF_EXTENTS,
			.fi_extents_start = room,
		};

		err = inode->i_op->fiemap(inode, &info, start, end - start);
		nr = info.fi_extents_mapped;
		for (i = 0; !err && i < nr && start < end; i++) {
			struct fiemap_extent extent;
			u64 next;

			if (copy_from_user(&extent, room + i, sizeof(extent)))
				return -EFAULT;
			next = extent.fe_logical + extent.fe_length;
			if (next <= start)
				return -EFAULT;
			if (extent.fe_flags & FIEMAP_EXTENT_SHARED)
				err = hf_drop_entries(
					inode->i_mapping,
					max(start, extent.fe_logical) >>
						PAGE_SHIFT,
					(min(next, end) - 1) >> PAGE_SHIFT);
			start = next;
		}
	} while (!err && nr == HF_EXTENTS && start < end);
	return err;
}

/**
 * hf_shared_prepare - before write faults on a range of a DAX file
 * @file: the file
 * @first: index of the first page
 * @last: index of the last page
 *
 * Called without the mmap lock, by a process that is about to map the range.
 *
 * Return: 0, -EINTR when killed, or what the filesystem says.
 */
int hf_shared_prepare(struct file *file, pgoff_t first, pgoff_t last)
{
	struct inode *inode = file_inode(file);
	unsigned long room;
	int err;

	if (!file->f_op->remap_file_range || !inode->i_op->fiemap ||
	    !hf_has_pmd_entry(inode->i_mapping, first, last))
		return 0;
	room = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(room))
		return room;
	err = hf_unshare_extents(inode, (u64)first << PAGE_SHIFT,
				 ((u64)last + 1) << PAGE_SHIFT,
				 (struct fiemap_extent __user *)room);
	vm_munmap(room, PAGE_SIZE);
	return err;
}
