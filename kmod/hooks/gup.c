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
#include "core/caller.h"
#include "core/consumer.h"
#include "core/hook.h"
#include "core/lease.h"
#include "pages/reserved.h"
#include "pages/span.h"
#include "lease/acquire.h"
#include "lease/implicit.h"
#include "lease/party.h"
#include "lease/permit.h"
#include "lease/removal.h"
#include "hooks/gup.h"
#include "hooks/unpin.h"

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

/* Whether a call wants to write. FOLL_FORCE with it, up to 6.1: for reading. */
static bool hf_flags_write(unsigned int flags)
{
	return (flags & (FOLL_WRITE | FOLL_FORCE)) == FOLL_WRITE;
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
