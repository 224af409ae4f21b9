// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of one mapping of a file that lends its pages. The mmap lock is held from the
 * look at the mapping until its pages are pinned.
 */
#include <linux/file.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include "pages/media.h"
#include "pages/span.h"
#include "pages/unshare.h"

static bool hf_vma_is_readonly(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & VM_WRITE);
}

/*
 * A shared mapping, of a descriptor that is only open for reading, too: VM_SHARED is
 * for those that can be written. Called with the mmap lock held.
 */
static bool hf_vma_is_leasable(const struct vm_area_struct *vma)
{
	return vma_is_dax(vma) && S_ISREG(file_inode(vma->vm_file)->i_mode) &&
	       vma->vm_flags & VM_MAYSHARE &&
	       vma->vm_flags & (VM_READ | VM_WRITE);
}

/* How a span is pinned, or looked at. */
static unsigned int hf_span_flags(const struct hf_span *span,
				  unsigned int flags)
{
	flags &= ~(FOLL_LONGTERM | FOLL_WRITE | FOLL_FORCE);
	return span->readonly ? flags : flags | FOLL_WRITE;
}

/*
 * The longest span of at most @nr pages from @start on. Its file has a
 * reference. Called with the mmap lock held.
 */
void hf_span_find(struct mm_struct *mm, unsigned long start, unsigned long nr,
		  struct hf_span *span)
{
	unsigned long end = start + (nr << PAGE_SHIFT), at = start;
	struct vm_area_struct *vma = vma_lookup(mm, start);

	*span = (struct hf_span){ .addr = start, .nr = nr };
	if (vma && hf_vma_is_leasable(vma)) {
		span->nr = min(nr, (vma->vm_end - start) >> PAGE_SHIFT);
		span->file = get_file(vma->vm_file);
		span->index = linear_page_index(vma, start);
		span->readonly = hf_vma_is_readonly(vma);
		return;
	}
	while (at < end && (vma = find_vma(mm, at)) && vma->vm_start < end) {
		if (hf_vma_is_leasable(vma)) {
			span->nr = (max(at, vma->vm_start) - start) >>
				   PAGE_SHIFT;
			return;
		}
		at = vma->vm_end;
	}
}

/* Whether the mapping is still what it was. Called with the mmap lock held. */
static bool hf_span_is_there(struct mm_struct *mm, const struct hf_span *span)
{
	struct vm_area_struct *vma = vma_lookup(mm, span->addr);

	return vma && hf_vma_is_leasable(vma) && vma->vm_file == span->file &&
	       hf_vma_is_readonly(vma) == span->readonly &&
	       linear_page_index(vma, span->addr) == span->index &&
	       span->addr + (span->nr << PAGE_SHIFT) <= vma->vm_end;
}

/* References become pins. */
static void hf_refs_to_pins(struct page **pages, long nr)
{
	long i, same;

	for (i = 0; i < nr; i += same) {
		struct folio *folio = page_folio(pages[i]);

		same = 1;
		while (i + same < nr && page_folio(pages[i + same]) == folio)
			same++;
		hf_folio_refs_to_pins(folio, same);
		node_stat_mod_folio(folio, NR_FOLL_PIN_ACQUIRED, same);
	}
}

/*
 * Pins a page, and as many as its fault has mapped with it: in the current process fast
 * GUP takes these of a large entry at once, where the slow one looks up one by one.
 * Where it takes none, all others are pinned as the first one is.
 *
 * The pins begin as references: the fault can have copied a block just before, and a
 * kernel with CONFIG_DEBUG_VM mistakes a page of that for anonymous memory when it is
 * pinned (VM_BUG_ON_PAGE()), see hf_page_own(). Called with the mmap lock held, which is
 * not dropped.
 */
static long hf_pin_large(struct mm_struct *mm, const struct hf_span *span,
			 long nr, unsigned int flags, struct page **pages)
{
	bool own = mm == current->mm;
	long done = 0, slow = own ? 1 : nr, ret;

	do {
		ret = hf_gup_get_of(mm, span->addr + done * PAGE_SIZE, slow,
				    flags, pages + done);
		if (ret <= 0)
			return done ?: ret;
		hf_refs_to_pins(pages + done, ret);
		done += ret;
		if (done == nr || !own)
			break;
		ret = get_user_pages_fast_only(span->addr + done * PAGE_SIZE,
					       nr - done, flags & FOLL_WRITE,
					       pages + done);
		hf_refs_to_pins(pages + done, ret);
		done += ret;
		slow = ret ? 1 : nr - done;
	} while (done < nr);
	return done;
}

/*
 * Pages of a span that can only be read, whose blocks are the file's own: how many
 * can be pinned. A pin of one that still looks shared would never end, see
 * hf_page_own(); a reference makes it look as it is. Called with the mmap lock held.
 */
static long hf_span_own(struct mm_struct *mm, const struct hf_span *span,
			unsigned int flags, struct page **pages)
{
	struct address_space *mapping = span->file->f_mapping;
	bool own = true;
	long i, nr;

	nr = hf_gup_get_of(mm, span->addr, span->nr, flags, pages);
	for (i = 0; i < nr; i++) {
		hf_page_own(pages[i], mapping, span->index + i);
		own &= !hf_page_looks_shared(pages[i]);
		put_page(pages[i]);
	}
	return own ? nr : -EMLINK;
}

/* Called with the mmap lock held; it is not dropped. */
static long hf_span_pin_short(struct mm_struct *mm, const struct hf_span *span,
			      unsigned int flags, struct page **pages)
{
	long nr = span->nr;

	flags = hf_span_flags(span, flags);
	if (span->readonly)
		nr = hf_span_own(mm, span, flags, pages);
	if (nr <= 0)
		return nr;
	return hf_pin_large(mm, span, nr, flags, pages);
}

/*
 * Whether pages are what a lease covers: blocks of the file, each with few
 * enough references, and none that has failed: a device would read it, and the
 * machine may stop for that. A hole is read from a page that is no file's.
 */
static int hf_pages_check(const struct hf_span *span, struct page **pages,
			  long nr)
{
	long i;

	for (i = 0; i < nr; i++) {
		if (!hf_page_is_fsdax(pages[i]))
			return span->readonly ? -ENODATA : -EOPNOTSUPP;
		if (hf_page_is_full(pages[i]))
			return -ENOMEM;
		if (hf_page_is_poisoned(pages[i]))
			return -EHWPOISON;
	}
	return 0;
}

/* Why the first page of a span cannot be had: beyond the end it is no news. */
static int hf_span_reason(const struct hf_span *span)
{
	int reason = span->readonly ? hf_read_reason(span->file, span->index)
				    : hf_fault_reason(span->file, span->index);

	return reason == -ENXIO ? -EFAULT : reason;
}

/* Whether a fault of the span may copy blocks: see unshare.c. */
static bool hf_span_may_copy(const struct hf_span *span)
{
	return !span->readonly && span->file->f_op->remap_file_range;
}

/**
 * hf_span_pin - pin the pages of a span, short-term for the kernel
 * @pin: the record of the span, prepared
 * @span: a mapping of a file
 * @flags: of the call
 * @pages: room for span->nr pages
 *
 * The caller holds no lock. FOLL_WRITE is added where the mapping can be written, so that
 * holes are allocated and shared blocks are copied: what is pinned is the file's own.
 *
 * Return: how many pages are pinned, from the first one on; -ESTALE when the
 * mapping is not there any longer; -EAGAIN when a change came in between; -ENODATA where
 * one that can only be read has a hole; or -errno.
 */
long hf_span_pin(const struct hf_pin *pin, const struct hf_span *span,
		 unsigned int flags, struct page **pages)
{
	struct rw_semaphore *writes = &file_inode(span->file)->i_rwsem;
	bool may_copy = hf_span_may_copy(span);
	struct mm_struct *mm = pin->pinner.mm;
	long ret = -EINTR;
	int err;

	if (may_copy && down_read_killable(writes))
		return -EINTR;
	/* From here on nobody shares a block of the file. */
	if (may_copy && READ_ONCE(pin->stale)) {
		ret = -EAGAIN;
	} else if (!mmap_read_lock_killable(mm)) {
		ret = -ESTALE;
		if (hf_span_is_there(mm, span))
			ret = hf_span_pin_short(mm, span, flags, pages);
		mmap_read_unlock(mm);
	}
	if (may_copy)
		up_read(writes);
	if (ret == -EFAULT)
		ret = hf_span_reason(span);
	if (ret <= 0)
		return ret ?: -EFAULT;
	err = hf_pages_check(span, pages, ret);
	if (err) {
		unpin_user_pages(pages, ret);
		return err;
	}
	return ret;
}
