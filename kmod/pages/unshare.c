// SPDX-License-Identifier: GPL-2.0
/*
 * Shared blocks around pages that are to be pinned.
 *
 * XFS copies a shared block on write together with what is around it: it prepares
 * new blocks for pages that are not shared, too, also for those before, and moves
 * these with the next write of any task, even if they are pinned.
 *
 * So all shared blocks of the range, and of what can prepare blocks for it, are
 * written to once, with all that their copies can prepare blocks for. That leaves
 * nothing shared. When the range is pinned after that, all of it is faulted in
 * again, which uses up what was prepared for it by then, and nothing prepares
 * more: to share one of these blocks again is a change that breaks the lease
 * (hf_change_reach_units()).
 *
 * Where nothing is shared that last part alone will do. FIEMAP does not show what
 * an earlier copy has left prepared, nor does anything else that a module can
 * ask, but that is used up in any case; what is shared it does show, and that is
 * all that blocks are ever prepared for. A file that has no shared blocks, and had
 * none, has nothing prepared either: XFS says so (reflink.c), and its pages stay as
 * they are mapped.
 *
 * A fault that copies a block while write(2) copies it, too, and stores to the copy,
 * can undo the store: both find the same new block. The filesystem does not keep them
 * apart, so a fault that we make has i_rwsem, which write(2) takes exclusively.
 */
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include "core/backing.h"
#include "pages/fiemap.h"
#include "pages/reflink.h"
#include "pages/shared.h"
#include "pages/unshare.h"

/* As much of the file as is mapped at a time. */
#define HF_WINDOW (SZ_256M >> PAGE_SHIFT)

/* As many pages are stored to at a time. */
#define HF_TOUCH PTRS_PER_PTE

/* Space that a write fault did not find may be there when we ask for it. */
#define HF_TRIES 3

/* A part of the file, mapped for the current process. */
struct hf_window {
	struct file *file;
	unsigned long addr;
	pgoff_t index, end; /* of the pages still to store to */
	struct page **pages;
};

/*
 * Write faults, of some of the next pages: how many. That the mapping is still this
 * file's is certain only with the mmap lock: other threads may have replaced it
 * (-ESTALE). References and no pins: GUP looks at a pinned page as if it were
 * anonymous when its blocks were shared, see hf_page_own().
 */
static long hf_window_fault(struct hf_window *window)
{
	struct rw_semaphore *writes = &file_inode(window->file)->i_rwsem;
	unsigned long left = window->end - window->index;
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	long i, nr = -ESTALE;

	if (down_read_killable(writes))
		return -EINTR;
	if (mmap_read_lock_killable(mm)) {
		up_read(writes);
		return -EINTR;
	}
	vma = vma_lookup(mm, window->addr);
	if (vma && vma->vm_file == window->file &&
	    linear_page_index(vma, window->addr) == window->index &&
	    window->addr + (left << PAGE_SHIFT) <= vma->vm_end)
		nr = hf_gup_get(window->addr, 1, FOLL_WRITE, window->pages);
	/*
	 * No page is held over a fault: a change that finds it busy may have the
	 * lock that the fault waits for.
	 */
	if (nr == 1 && left > 1) {
		long more = hf_gup_get(window->addr + PAGE_SIZE,
				       min(left, HF_TOUCH) - 1,
				       FOLL_WRITE | FOLL_NOFAULT,
				       window->pages + 1);

		nr += max(more, 0L);
	}
	mmap_read_unlock(mm);
	up_read(writes);
	for (i = 0; i < nr; i++) {
		hf_page_own(window->pages[i], window->file->f_mapping,
			    window->index + i);
		put_page(window->pages[i]);
	}
	return nr ?: -EFAULT;
}

/**
 * hf_read_reason - why a page cannot be had for reading: the filesystem says it
 *	better than the fault
 * @file: open for reading; the caller holds no lock
 * @index: of the page
 *
 * Return: -ENXIO beyond the end of the file, what the filesystem says, or 0: it has
 * nothing against it.
 */
int hf_read_reason(struct file *file, pgoff_t index)
{
	loff_t pos = (loff_t)index << PAGE_SHIFT;
	char byte;

	if (pos >= i_size_read(file_inode(file)))
		return -ENXIO;
	return min_t(ssize_t, kernel_read(file, &byte, 1, &pos), 0);
}

/**
 * hf_fault_reason - the same, for reading and writing
 * @file: open for reading and writing; the caller holds no lock
 * @index: of the page
 *
 * Return: as hf_read_reason().
 */
int hf_fault_reason(struct file *file, pgoff_t index)
{
	loff_t pos = (loff_t)index << PAGE_SHIFT;
	int err;

	if (pos >= i_size_read(file_inode(file)))
		return -ENXIO;
	err = vfs_fallocate(file, FALLOC_FL_KEEP_SIZE, pos, PAGE_SIZE);
	return err ?: hf_read_reason(file, index);
}

/*
 * Here, too: a page that can be read and needs no block, but cannot be written, has
 * a shared block, and there is no space for a copy.
 */
static long hf_window_try(struct hf_window *window)
{
	unsigned int tries;
	long ret;

	for (tries = 0; tries < HF_TRIES; tries++) {
		ret = hf_window_fault(window);
		if (ret != -EFAULT)
			return ret;
		ret = hf_fault_reason(window->file, window->index);
		if (ret)
			return ret;
	}
	return -ENOSPC;
}

static int hf_window_store(struct hf_window *window)
{
	long ret;

	while (window->index < window->end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = hf_window_try(window);
		/* Somebody meddles with the mapping. */
		if (ret == -ESTALE)
			return -EFAULT;
		if (ret < 0)
			return ret;
		window->addr += ret << PAGE_SHIFT;
		window->index += ret;
		cond_resched();
	}
	return 0;
}

/* Stores to each page of a range; it is mapped for a moment. */
static int hf_store(struct file *file, pgoff_t first, pgoff_t last)
{
	struct hf_window window = { .file = file };
	pgoff_t index;
	int err = 0;

	window.pages =
		kmalloc_array(HF_TOUCH, sizeof(*window.pages), GFP_KERNEL);
	if (!window.pages)
		return -ENOMEM;
	for (index = first; index <= last && !err; index += HF_WINDOW) {
		unsigned long nr =
			min_t(unsigned long, last - index + 1, HF_WINDOW);
		unsigned long addr;

		addr = vm_mmap(file, 0, nr << PAGE_SHIFT,
			       PROT_READ | PROT_WRITE, MAP_SHARED,
			       (loff_t)index << PAGE_SHIFT);
		if (IS_ERR_VALUE(addr)) {
			/* Where all is to be locked, and no more may. */
			err = (long)addr == -EAGAIN ? -ENOMEM : addr;
			break;
		}
		window.addr = addr;
		window.index = index;
		window.end = index + nr;
		err = hf_window_store(&window);
		vm_munmap(addr, nr << PAGE_SHIFT);
	}
	kfree(window.pages);
	return err;
}

/* The same, to the shared ones and those around them, until none is shared. */
static int hf_store_shared(struct file *file, pgoff_t first, pgoff_t last)
{
	struct hf_extent extent;
	pgoff_t from, to;
	int ret;

	while (first <= last) {
		ret = hf_fiemap_shared(file_inode(file),
				       (u64)first << PAGE_SHIFT,
				       ((u64)last + 1) << PAGE_SHIFT, &extent);
		if (ret || !extent.found)
			return ret;
		from = extent.start >> PAGE_SHIFT;
		to = (extent.end - 1) >> PAGE_SHIFT;
		hf_cow_window(file, &from, &to);
		from = max(from, first);
		to = min(to, last);
		if (to < from)
			return -ENXIO;
		ret = hf_store(file, from, to);
		if (ret)
			return ret;
		first = to + 1;
	}
	return 0;
}

/* Blocks of the window, of which the pages of @pin are, become the file's own. */
static int hf_unshare_window(struct hf_file *file, const struct hf_pin *pin,
			     struct file *target, pgoff_t from, pgoff_t to)
{
	/* A large entry can have shared blocks that are not to be copied: see shared.c. */
	int ret = hf_file_shares(target, round_down(from, PTRS_PER_PTE),
				 to | (PTRS_PER_PTE - 1));

	if (ret > 0)
		ret = hf_drop_large(file, pin, target, from, to)
			      ?: hf_file_shares(target, from, to);
	if (ret > 0)
		ret = hf_store_shared(target, from, to)
			      ?: hf_drop_large(file, pin, target, from, to);
	return ret;
}

/**
 * hf_unshare - nothing of the range moves by itself once its pages were faulted in
 * @file: the leased file; the caller holds no lock
 * @pin: of the pages to be pinned, in a lease of it
 * @target: the file, open for reading and writing
 *
 * Where that is needed none of the pages is mapped any longer, and all have to be
 * faulted in again.
 *
 * Return: 0, 1 where the file has become shorter, or the error of the
 * filesystem (-ENOSPC, -EDQUOT, -EIO).
 */
int hf_unshare(struct hf_file *file, const struct hf_pin *pin,
	       struct file *target)
{
	pgoff_t from = pin->range.start, to = pin->range.last;
	int ret;

	hf_cow_window(target, &from, &to);
	if (to == ULONG_MAX || to < pin->range.last)
		return 1;
	/* Most files never had a block in common with another. */
	ret = hf_has_shared(file_inode(target));
	if (ret <= 0)
		return ret;
	ret = hf_unshare_window(file, pin, target, from, to);
	if (ret)
		return ret == -ENXIO ? 1 : ret;
	unmap_mapping_pages(target->f_mapping, pin->range.start,
			    pin->range.last - pin->range.start + 1, false);
	return 0;
}
