// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages a range of a DAX file has: it is mapped for a moment, and looked up
 * in the page tables. Nobody but the filesystem could say it otherwise.
 */
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include "holdfast.h"

/* As much of the file as is mapped at a time. */
#define HF_WINDOW (SZ_256M >> PAGE_SHIFT)

/* As many pages are looked up at a time: those of a page table. */
#define HF_LOOK PTRS_PER_PTE

/* Space that a write fault did not find may be there when we ask for it. */
#define HF_TRIES 3

struct hf_window {
	struct file *file;
	unsigned long addr;
	pgoff_t index, end;  /* of the pages still to look up */
	struct page **pages; /* found, each with a reference */
	long refs;	     /* how many */
	unsigned long nr;    /* more than refs: the first one's PMD goes on */
};

/* The PMD entry of a mapped address, or NULL. With the mmap lock. */
static pmd_t *hf_pmd(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;

	if (pgd_none(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (!pud_present(*pud) || pud_leaf(*pud))
		return NULL;
	return pmd_offset(pud, addr);
}

/* How many pages are mapped from @page at @addr on, if that is by a PMD. */
static unsigned long hf_pmd_pages(struct mm_struct *mm, unsigned long addr,
				  struct page *page)
{
	pmd_t *pmd = hf_pmd(mm, addr);
	unsigned long nr = 0;
	spinlock_t *lock; /* of the entry */

	if (!pmd)
		return 0;
	lock = pmd_lock(mm, pmd);
	if (pmd_present(*pmd) && pmd_leaf(*pmd) && pmd_write(*pmd) &&
	    pmd_pfn(*pmd) + pte_index(addr) == page_to_pfn(page))
		nr = PTRS_PER_PTE - pte_index(addr);
	spin_unlock(lock);
	return nr;
}

/*
 * With the mmap lock. References and no pins: GUP looks at a pinned page as if
 * it were anonymous when its blocks were shared, see hf_page_own(). A write fault
 * allocates holes and unshares reflinked extents. Nothing is held over a fault: a
 * change that finds it busy may have the lock that the fault waits for.
 */
static int hf_window_get(struct hf_window *window, struct mm_struct *mm)
{
	unsigned long left = window->end - window->index;
	unsigned long batch = min(left, HF_LOOK - pte_index(window->addr));
	long more;

	window->refs = hf_gup_get(window->addr, 1, FOLL_WRITE, window->pages);
	if (window->refs <= 0)
		return window->refs ?: -EFAULT;
	window->nr = min(left, hf_pmd_pages(mm, window->addr, *window->pages));
	if (window->nr)
		return 0;
	/* What has to be faulted in is when it is the first. */
	more = hf_gup_get(window->addr + PAGE_SIZE, batch - 1,
			  FOLL_WRITE | FOLL_NOFAULT, window->pages + 1);
	if (more > 0)
		window->refs += more;
	window->nr = window->refs;
	return 0;
}

/*
 * Looks up the next pages. That the mapping is still this file's is certain only
 * with the mmap lock: other threads may have replaced it (-ESTALE).
 */
static int hf_window_look(struct hf_window *window)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	int err = -ESTALE;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = vma_lookup(mm, window->addr);
	if (vma && vma->vm_file == window->file &&
	    linear_page_index(vma, window->addr) == window->index &&
	    window->addr + ((window->end - window->index) << PAGE_SHIFT) <=
		    vma->vm_end)
		err = hf_window_get(window, mm);
	mmap_read_unlock(mm);
	return err;
}

/*
 * Why a page could not be had: the filesystem says it better than the fault. 0:
 * it has nothing against it.
 */
static int hf_fault_reason(struct file *file, pgoff_t index)
{
	loff_t pos = (loff_t)index << PAGE_SHIFT;
	ssize_t got;
	char byte;

	if (pos >= i_size_read(file_inode(file)))
		return -ENXIO;
	got = vfs_fallocate(file, FALLOC_FL_KEEP_SIZE, pos, PAGE_SIZE);
	if (!got)
		got = kernel_read(file, &byte, 1, &pos);
	return min_t(ssize_t, got, 0);
}

/*
 * The same, in the end: a page that can be read, and needs no block, but can not
 * be written, has a shared one, and there is no space for a copy.
 */
static int hf_window_try(struct hf_window *window)
{
	unsigned int tries;
	int err;

	for (tries = 0; tries < HF_TRIES; tries++) {
		err = hf_window_look(window);
		if (err != -EFAULT)
			return err;
		err = hf_fault_reason(window->file, window->index);
		if (err)
			return err;
	}
	return -ENOSPC;
}

static int hf_window_add(struct hf_window *window, struct hf_runs *runs)
{
	struct address_space *mapping = window->file->f_mapping;
	unsigned long i;
	int err;

	for (i = 0; i < window->refs; i++) {
		struct page *page = window->pages[i];

		if (!is_zone_device_page(page))
			return -EOPNOTSUPP;
		err = hf_runs_add(runs, window->index + i, page_to_pfn(page),
				  window->nr > window->refs ? window->nr : 1);
		if (err)
			return err;
	}
	for (i = 0; i < window->nr; i++)
		hf_page_own(i < window->refs ? window->pages[i]
					     : *window->pages + i,
			    mapping, window->index + i);
	return 0;
}

static int hf_window_collect(struct hf_window *window, struct hf_runs *runs)
{
	long i;
	int err;

	while (window->index < window->end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = hf_window_try(window);
		/* Somebody meddles with the mapping. */
		if (err == -ESTALE)
			return -EFAULT;
		if (err)
			return err;
		err = hf_window_add(window, runs);
		for (i = 0; i < window->refs; i++)
			put_page(window->pages[i]);
		if (err)
			return err;
		window->addr += window->nr << PAGE_SHIFT;
		window->index += window->nr;
		cond_resched();
	}
	return 0;
}

/**
 * hf_runs_collect - find the pages of a range
 * @runs: empty
 * @file: open for reading and writing
 * @first: index of the first page
 * @last: index of the last page
 *
 * Holes are allocated. The pages are not held on return: the caller has to
 * know by other means that they are the file's.
 *
 * Return: 0, -ENXIO beyond the end of the file, or what the filesystem says
 * (-ENOSPC, -EDQUOT, -EIO); @runs is to be freed in any case.
 */
int hf_runs_collect(struct hf_runs *runs, struct file *file, pgoff_t first,
		    pgoff_t last)
{
	struct hf_window window = { .file = file };
	pgoff_t index;
	int err = 0;

	window.pages =
		kmalloc_array(HF_LOOK, sizeof(*window.pages), GFP_KERNEL);
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
		err = hf_window_collect(&window, runs);
		vm_munmap(addr, nr << PAGE_SHIFT);
	}
	kfree(window.pages);
	return err;
}
