// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that a file shares with another one (reflink), under an entry of the
 * page cache that is a PMD's. fs/dax.c is not prepared for what happens to a part
 * of such an entry:
 *
 * A write fault that copies a page puts an entry of one page in its place
 * (dax_insert_entry()), and 511 too many stay in mapping->nrpages, which
 * clear_inode() takes for pages that were left behind (BUG). Up to 6.14 it is
 * enough that a part of an entry from before the reflink is shared; from 6.15 on,
 * where dax_break_layout() has deleted that, it takes an entry of readers, and no
 * 2 MiB of free space in one piece. On any of them a page whose block is not shared
 * is copied, too, if a copy has been prepared for it beside a shared one (unshare.c).
 * A store of any program to such a file does it. A pin stores to every page.
 *
 * A write(2) to a shared block drops the whole entry (dax_iomap_iter()). From
 * 6.15 on an entry is a folio, which counts the pins of all its pages, and ends
 * with the entry: those of a lease beside the shared block would be forgotten,
 * and their blocks given away under a device.
 *
 * So where blocks in or beside the range are shared, all entries there are dropped
 * before the blocks are copied, as dax_break_layout() would drop them, and again
 * before the pages of the lease are faulted in. No entry has shared blocks after that:
 * a fault makes an entry of blocks that are all shared or all not
 * (xfs_read_iomap_begin(), from 6.12 on), the lease's are not, and to share any of an
 * entry is a change that breaks the lease. For the same reason an entry of which a
 * lease has pinned pages has none, and stays.
 *
 * What is left is a process that reads such memory in just that moment, and so makes
 * a large entry before a page of it is copied. The same happens without a lease.
 */
#include <linux/dax.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include "core/backing.h"
#include "pages/fiemap.h"
#include "pages/record.h"
#include "pages/runs.h"
#include "pages/shared.h"

/**
 * hf_file_shares - whether another file has some of the same blocks
 * @file: the file
 * @first: index of the first page to look at
 * @last: index of the last page to look at
 *
 * Return: 1, 0, or what the filesystem says.
 */
int hf_file_shares(struct file *file, pgoff_t first, pgoff_t last)
{
	struct inode *inode = file_inode(file);
	struct hf_extent extent;
	int ret;

	if (!file->f_op->remap_file_range || !inode->i_op->fiemap)
		return 0;
	ret = hf_fiemap_shared(inode, (u64)first << PAGE_SHIFT,
			       ((u64)last + 1) << PAGE_SHIFT, &extent);
	return ret ?: extent.found;
}

/* The first PMD entry from @index on, the first page of one; none: behind @last. */
static pgoff_t hf_next_pmd_entry(struct address_space *mapping, pgoff_t index,
				 pgoff_t last)
{
	while (index <= last && !xa_get_order(&mapping->i_pages, index)) {
		index += PTRS_PER_PTE;
		cond_resched();
	}
	return index;
}

/**
 * hf_others_start_again - before a page cache entry is dropped, without a change
 * @file: the file
 * @pin: for whose pages
 * @first: index of the first page
 * @last: index of the last page
 *
 * Called with the inode's invalidate_lock held exclusively. Other records in the
 * making find out that their pages may have become unknown.
 *
 * Return: false: another record has pages there.
 */
static bool hf_others_start_again(struct hf_file *file,
				  const struct hf_pin *pin, pgoff_t first,
				  pgoff_t last)
{
	struct hf_lease *lease;
	bool none = true;

	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, first, last)
		none &= !hf_pins_made(lease, first, last);
	hf_for_each_overlap(lease, file, first, last) {
		if (none)
			hf_pins_stale(lease, first, last, pin);
	}
	spin_unlock(&file->lock);
	return none;
}

/*
 * With invalidate_lock held exclusively. -EBUSY: not now. Where the entry is a folio it
 * ends with no page busy, that is after short-term pins, for example of direct I/O.
 */
static int hf_try_drop_entry(struct hf_file *file, const struct hf_pin *pin,
			     struct address_space *mapping, pgoff_t index)
{
	pgoff_t last = index + PTRS_PER_PTE - 1;
	loff_t start = (loff_t)index << PAGE_SHIFT;

	if (!hf_others_start_again(file, pin, index, last))
		return 0;
	if (HF_ENTRY_IS_FOLIO &&
	    dax_layout_busy_page_range(mapping, start, start + PMD_SIZE - 1))
		return -EBUSY;
	return invalidate_inode_pages2_range(mapping, index, last);
}

/* Drops the PMD entry that begins at @index, written back. */
static int hf_drop_entry(struct hf_file *file, const struct hf_pin *pin,
			 struct address_space *mapping, pgoff_t index)
{
	loff_t start = (loff_t)index << PAGE_SHIFT;
	int ret;

	do {
		ret = filemap_write_and_wait_range(mapping, start,
						   start + PMD_SIZE - 1);
		if (ret)
			return ret;
		filemap_invalidate_lock(mapping);
		ret = hf_try_drop_entry(file, pin, mapping, index);
		filemap_invalidate_unlock(mapping);
		if (ret == -EBUSY) {
			schedule_timeout_killable(HZ / 50);
			if (fatal_signal_pending(current))
				return -EINTR;
		}
	} while (ret == -EBUSY);
	return ret;
}

/**
 * hf_folios_are_ours - whether pins of pages are counted where we look for them
 * @runs: the file's pages
 * @mapping: the file's
 *
 * A file that has the same blocks can have an entry of another size of them. fs/dax.c
 * warns of that and goes on: the folio of the larger one outlives it, and ends
 * with the other file's, whatever is pinned by then.
 */
bool hf_folios_are_ours(const struct hf_runs *runs,
			struct address_space *mapping)
{
	unsigned long pfn, end;
	unsigned int i;

	for (i = 0; i < runs->nr; i++) {
		const struct hf_run *run = hf_run(runs, i);

		end = run->pfn + hf_run_pages(runs, i);
		for (pfn = run->pfn; pfn < end; pfn++) {
			if (!(pfn % PTRS_PER_PTE))
				cond_resched();
			if (!PageCompound(pfn_to_page(pfn)))
				continue;
			if (!xa_get_order(&mapping->i_pages,
					  run->index + (pfn - run->pfn)))
				return false;
			/* The last page of the same entry. */
			pfn |= PTRS_PER_PTE - 1;
		}
	}
	return true;
}

/**
 * hf_drop_large - drop PMD entries of pages that are to be faulted in one by one
 * @file: the leased file; the caller holds no lock
 * @pin: whose pages they are
 * @target: the file, open
 * @first: index of the first page
 * @last: index of the last one
 *
 * Other records in the making that have pages in one of them start again.
 *
 * Return: 0, -EINTR, or what the filesystem says.
 */
int hf_drop_large(struct hf_file *file, const struct hf_pin *pin,
		  struct file *target, pgoff_t first, pgoff_t last)
{
	struct address_space *mapping = target->f_mapping;
	pgoff_t index = round_down(first, PTRS_PER_PTE);
	int err = 0;

	while (!err &&
	       (index = hf_next_pmd_entry(mapping, index, last)) <= last) {
		err = hf_drop_entry(file, pin, mapping, index);
		index += PTRS_PER_PTE;
	}
	return err;
}
