// SPDX-License-Identifier: GPL-2.0
/*
 * Long-term pins of mappings of files.
 *
 * These functions stand before pin_user_pages() and its kin while a lease or a
 * permission for implicit leases exists, see table.c. The stock kernel refuses a
 * long-term pin of a mapping of a file with DAX, as nothing would protect its
 * blocks. Here a lease does: the pages of a leased range are pinned without
 * FOLL_LONGTERM, through the file's own mapping, and the pin is recorded. From
 * then on the kernel's own protection holds, which waits for pinned DAX pages.
 *
 * A mapping that can be written is pinned for writing, whatever the call asks for,
 * so that its blocks are the file's own. One that can only be read is pinned for
 * reading: the file stays as it is, and blocks that could move are refused, see
 * stay.c.
 *
 * A call is split into spans: pages of one mapping of a file that lends its
 * pages, and all others, which are pinned as asked. The mmap lock is held from
 * the look at a mapping until its pages are pinned. It is not held while blocks
 * are prepared and changes are waited for, so a caller that holds it has it
 * dropped for that time. None that hf_callers names looked at a mapping before.
 */
#include <linux/file.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include "holdfast.h"
#include "hooks/caller.h"
#include "hooks/gup.h"
#include "hooks/hook.h"
#include "hooks/unpin.h"
#include "media.h"
#include "removal.h"

/* A call, and where its consumer comes from. */
struct hf_gup {
	struct mm_struct *mm;
	unsigned int flags;
	bool locked; /* the caller holds the mmap lock */
	unsigned long caller;
	long (*stock)(struct hf_gup *gup, unsigned long start, unsigned long nr,
		      struct page **pages);
	struct page **pages;	      /* all of the call */
	struct vm_area_struct **vmas; /* for all of these, up to 6.4; or NULL */
	int *may_unlock;	      /* of pin_user_pages_remote() */
};

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

/* Whether a call wants to write. FOLL_FORCE with it, up to 6.1: for reading. */
static bool hf_flags_write(unsigned int flags)
{
	return (flags & (FOLL_WRITE | FOLL_FORCE)) == FOLL_WRITE;
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
static void hf_span_find(struct mm_struct *mm, unsigned long start,
			 unsigned long nr, struct hf_span *span)
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

/* Called with the mmap lock held; it is not dropped. */
static long hf_pin_short(struct mm_struct *mm, unsigned long start,
			 unsigned long nr, unsigned int flags,
			 struct page **pages)
{
	if (mm == current->mm)
		return hf_pin_user_pages(start, nr, flags, pages, NULL);
	return hf_pin_user_pages_remote(mm, start, nr, flags, pages, NULL,
					NULL);
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
	return nr > 0 ? hf_pin_short(mm, span->addr, nr, flags, pages) : nr;
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

/**
 * hf_span_pin - pin the pages of a span, short-term for the kernel
 * @mm: the address space
 * @span: a mapping of a file
 * @flags: of the call
 * @pages: room for span->nr pages
 *
 * The caller does not hold the mmap lock. FOLL_WRITE is added where the mapping
 * can be written, so that holes are allocated and shared blocks are copied: what is
 * pinned is the file's own.
 *
 * Return: how many pages are pinned, from the first one on; -ESTALE when the
 * mapping is not there any longer; -ENODATA where one that can only be read has a
 * hole; or -errno.
 */
long hf_span_pin(struct mm_struct *mm, const struct hf_span *span,
		 unsigned int flags, struct page **pages)
{
	long ret = -ESTALE;
	int err;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	if (hf_span_is_there(mm, span))
		ret = hf_span_pin_short(mm, span, flags, pages);
	mmap_read_unlock(mm);
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

static struct vm_area_struct **hf_gup_vmas(struct hf_gup *gup,
					   struct page **pages)
{
	return gup->vmas ? gup->vmas + (pages - gup->pages) : NULL;
}

/*
 * io_uring of 6.1 takes no memory of files, other than shmem's, because nothing
 * protects it. That is all it asks a mapping for, so what is leased has none.
 */
static struct vm_area_struct hf_vma_without_file;

/* The lock is dropped before the caller looks at mappings: it gets none of them. */
static struct file hf_any_file;
static struct vm_area_struct hf_vma_with_file = { .vm_file = &hf_any_file };

static void hf_gup_hide_vmas(struct hf_gup *gup, struct page **pages, long nr)
{
	struct vm_area_struct **vmas = hf_gup_vmas(gup, pages);

	for (; vmas && nr-- > 0; vmas++)
		*vmas = (*vmas)->vm_file ? &hf_vma_with_file
					 : &hf_vma_without_file;
}

/* What does not concern us, as asked: with the caller's lock, if it had one. */
static long hf_gup_stock(struct hf_gup *gup, struct hf_span *span,
			 struct page **pages)
{
	long ret;

	if (gup->locked && mmap_read_lock_killable(gup->mm))
		return -EINTR;
	ret = gup->stock(gup, span->addr, span->nr, pages);
	hf_gup_hide_vmas(gup, pages, ret);
	if (gup->locked)
		mmap_read_unlock(gup->mm);
	return ret;
}

static void hf_gup_tell_vmas(struct hf_gup *gup, struct page **pages, long nr)
{
	struct vm_area_struct **vmas = hf_gup_vmas(gup, pages);

	while (vmas && nr-- > 0)
		*vmas++ = &hf_vma_without_file;
}

static long hf_gup_span(struct hf_gup *gup, struct hf_span *span,
			struct page **pages)
{
	struct hf_pinner pinner = {
		.mm = gup->mm,
		.consumer = hf_consumer_of(gup->caller),
	};
	unsigned int break_ms;
	struct hf_lease *lease;
	long ret;

	lease = hf_party_lease(span, gup->mm);
	if (!lease && !hf_permitted(span, &pinner, &break_ms))
		return hf_gup_stock(gup, span, pages);
	/* As of any mapping that can only be read. */
	if (span->readonly && hf_flags_write(gup->flags))
		ret = -EFAULT;
	else if (lease)
		ret = hf_party_pin(lease, span, &pinner, gup->flags, pages);
	else if (hf_may_hold_up(span->file))
		ret = hf_implicit_pin(span, &pinner, break_ms, gup->flags,
				      pages);
	else
		ret = -EACCES;
	if (lease)
		hf_lease_put(lease);
	/* It may have gone between the look at the lease and the pins. */
	if (ret > 0 && hf_device_is_gone(file_inode(span->file)->i_sb)) {
		hf_unpin_user_pages(pages, ret, gup->caller);
		return -ENODEV;
	}
	hf_gup_tell_vmas(gup, pages, ret);
	return ret;
}

/*
 * As many pages as can be had, or why the first one cannot. Where a later one is
 * refused for a reason, none is pinned: a short count would hide it.
 */
static long hf_gup_all(struct hf_gup *gup, unsigned long start,
		       unsigned long nr, struct page **pages)
{
	unsigned long done = 0;
	struct hf_span span;
	long ret = 0;

	while (done < nr) {
		if (mmap_read_lock_killable(gup->mm)) {
			ret = -EINTR;
			break;
		}
		hf_span_find(gup->mm, start + (done << PAGE_SHIFT), nr - done,
			     &span);
		mmap_read_unlock(gup->mm);
		if (span.file) {
			ret = hf_gup_span(gup, &span, pages + done);
			fput(span.file);
		} else {
			ret = hf_gup_stock(gup, &span, pages + done);
		}
		/* Somebody changes the mappings: look again. */
		if (ret == -ESTALE && !fatal_signal_pending(current)) {
			cond_resched();
			continue;
		}
		if (ret <= 0)
			break;
		done += ret;
		if (ret < span.nr)
			break;
	}
	if (done && ret < 0 && ret != -EFAULT && ret != -EOPNOTSUPP) {
		hf_unpin_user_pages(pages, done, gup->caller);
		return ret;
	}
	return done ?: ret;
}

/* Whether any page is of a mapping that concerns us. With the mmap lock held. */
static bool hf_gup_concerns(struct mm_struct *mm, unsigned long start,
			    unsigned long nr)
{
	struct hf_span span;

	hf_span_find(mm, start, nr, &span);
	if (span.file)
		fput(span.file);
	return span.file || span.nr < nr;
}

static long hf_gup(struct hf_gup *gup, unsigned long start, unsigned long nr,
		   struct page **pages)
{
	bool concerns;
	long ret;

	/* A kernel thread pins for a device, not for a process. */
	if (!current->mm)
		return gup->stock(gup, start, nr, pages);
	start &= PAGE_MASK;
	if (!gup->locked && mmap_read_lock_killable(gup->mm))
		return -EINTR;
	concerns = nr && hf_gup_concerns(gup->mm, start, nr);
	if (!gup->locked)
		mmap_read_unlock(gup->mm);
	if (!concerns || (gup->locked && !gup->may_unlock &&
			  !hf_caller_may_unlock(gup->caller)))
		return gup->stock(gup, start, nr, pages);

	gup->may_unlock = NULL;
	if (gup->locked)
		mmap_read_unlock(gup->mm);
	ret = hf_gup_all(gup, start, nr, pages);
	if (gup->locked)
		mmap_read_lock(gup->mm);
	return ret;
}

static long hf_stock(struct hf_gup *gup, unsigned long start, unsigned long nr,
		     struct page **pages)
{
	return hf_pin_user_pages(start, nr, gup->flags, pages,
				 hf_gup_vmas(gup, pages));
}

static long hf_stock_fast(struct hf_gup *gup, unsigned long start,
			  unsigned long nr, struct page **pages)
{
	return pin_user_pages_fast(start, nr, gup->flags, pages);
}

static long hf_stock_remote(struct hf_gup *gup, unsigned long start,
			    unsigned long nr, struct page **pages)
{
	return hf_pin_user_pages_remote(gup->mm, start, nr, gup->flags, pages,
					hf_gup_vmas(gup, pages),
					gup->may_unlock);
}

/* A wrapper, from its first statement to its last. */
static long hf_gup_wrap(struct hf_gup *gup, unsigned long start,
			unsigned long nr, unsigned long return_address)
{
	long ret;

	gup->caller = hf_caller_take(return_address);
	ret = hf_gup(gup, start, nr, gup->pages);
	if (ret > 0 && gup->stock == hf_stock_remote)
		hf_reserved_clear(gup->pages, ret);
	hf_hooks_leave();
	return ret;
}

int hf_wrap_pin_user_pages_fast(unsigned long start, int nr, unsigned int flags,
				struct page **pages)
{
	struct hf_gup gup = {
		.mm = current->mm,
		.flags = flags,
		.stock = hf_stock_fast,
		.pages = pages,
	};

	return hf_gup_wrap(&gup, start, max(nr, 0), _RET_IP_);
}

#ifdef HF_PIN_NAMES_VMAS
long hf_wrap_pin_user_pages(unsigned long start, unsigned long nr,
			    unsigned int flags, struct page **pages,
			    struct vm_area_struct **vmas)
#else
long hf_wrap_pin_user_pages(unsigned long start, unsigned long nr,
			    unsigned int flags, struct page **pages)
#endif
{
	struct hf_gup gup = {
		.mm = current->mm,
		.flags = flags,
		.locked = true,
		.stock = hf_stock,
		.pages = pages,
		.vmas = HF_VMAS_GIVEN,
	};

	return hf_gup_wrap(&gup, start, nr, _RET_IP_);
}

long hf_wrap_pin_user_pages_remote(struct mm_struct *mm, unsigned long start,
				   unsigned long nr, unsigned int flags,
				   struct page **pages,
				   HF_VMAS_PARAM int *locked)
{
	struct hf_gup gup = {
		.mm = mm,
		.flags = flags,
		.locked = true,
		.stock = hf_stock_remote,
		.pages = pages,
		.vmas = HF_VMAS_GIVEN,
		.may_unlock = locked,
	};

	return hf_gup_wrap(&gup, start, nr, _RET_IP_);
}
