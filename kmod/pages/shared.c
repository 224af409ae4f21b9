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
 * 2 MiB of free space in one piece. A store of any program to such a file does
 * it. A pin stores to every page.
 *
 * A write(2) to a shared block drops the whole entry (dax_iomap_iter()). From
 * 6.15 on an entry is a folio, which counts the pins of all its pages, and ends
 * with the entry: those of a lease beside the shared block would be forgotten,
 * and their blocks given away under a device.
 *
 * So entries with shared blocks are dropped before pages of a lease are
 * faulted in, as dax_break_layout() would drop them, and from 6.15 on looked for
 * again before they are the lease's. None can come after that: a fault makes an
 * entry of blocks that are all shared or all not (xfs_read_iomap_begin(), from
 * 6.12 on), the lease's are not, and to share any of an entry is a change that
 * breaks the lease.
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
 * With invalidate_lock held exclusively. 1: it was dropped. -EBUSY: not now.
 *
 * Where the entry is a folio, one with pinned pages of a lease stays: it has no
 * shared blocks, see above; the filesystem told us of an earlier one. It ends with
 * no page busy, that is with short-term pins over, of direct I/O for one. Where it
 * is not, it can go at any time, as it does when the filesystem drops it.
 */
static int hf_try_drop_entry(struct hf_file *file, const struct hf_pin *pin,
			     struct address_space *mapping, pgoff_t index)
{
	pgoff_t last = index + PTRS_PER_PTE - 1;
	int err;

	if (HF_ENTRY_IS_FOLIO) {
		loff_t start = (loff_t)index << PAGE_SHIFT;

		if (!hf_others_start_again(file, pin, index, last))
			return 0;
		if (dax_layout_busy_page_range(mapping, start,
					       start + PMD_SIZE - 1))
			return -EBUSY;
	}
	err = invalidate_inode_pages2_range(mapping, index, last);
	return err ?: 1;
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
 * hf_drop_shared - drop PMD entries with shared blocks
 * @file: the leased file; the caller holds no lock
 * @pin: whose pages are to be faulted in
 * @target: the file, open
 *
 * Looks at all of each PMD in which pages are faulted in for it: see
 * hf_cow_window().
 *
 * Return: 1 if any were dropped (also from under other records in the making: they
 * start again), 0 if there are none, -EINTR, or what the filesystem says.
 */
int hf_drop_shared(struct hf_file *file, const struct hf_pin *pin,
		   struct file *target)
{
	pgoff_t index = pin->range.start, last = pin->range.last;
	struct inode *inode = file_inode(target);
	bool dropped = false;
	int ret;

	if (!target->f_op->remap_file_range || !inode->i_op->fiemap)
		return 0;
	hf_cow_window(target, &index, &last);
	/* The file has become empty, or ends before. */
	if (last == ULONG_MAX || index > last)
		return 0;
	index = round_down(index, PTRS_PER_PTE);
	last |= PTRS_PER_PTE - 1;
	while ((index = hf_next_pmd_entry(target->f_mapping, index, last)) <=
	       last) {
		struct hf_extent extent;

		ret = hf_fiemap_shared(inode, (u64)index << PAGE_SHIFT,
				       ((u64)last + 1) << PAGE_SHIFT, &extent);
		if (ret)
			return ret;
		if (!extent.found)
			break;
		/* It may begin before. */
		index = max_t(pgoff_t, index,
			      round_down(extent.start, PMD_SIZE) >> PAGE_SHIFT);
		if (xa_get_order(&target->f_mapping->i_pages, index)) {
			ret = hf_drop_entry(file, pin, target->f_mapping,
					    index);
			if (ret < 0)
				return ret;
			dropped |= ret;
		}
		index += PTRS_PER_PTE;
	}
	return dropped;
}
