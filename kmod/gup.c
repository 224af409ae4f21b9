// SPDX-License-Identifier: GPL-2.0
/*
 * Long-term pins of leased pages: how many a page may have, and PG_reserved for
 * VFIO (reserved.c).
 *
 * These stand before pin_user_pages() and its kin while a lease exists, see
 * probe.c.
 *
 * On kernels whose GUP refuses fs-dax folios they let leases' pass. GUP's
 * answer to FOLL_LONGTERM on such a folio would be to try again for ever, so a
 * call never goes on into GUP with a lease's mapping and the flag. A range that
 * is partly a lease's is cut short where that begins or ends: callers have to
 * take a short count anyway.
 *
 * The mmap lock is held from the look at a lease's mapping until its pages are
 * pinned, so that nobody can exchange the mapping in between. Who puts a lease's
 * mapping where none was, while he pins there, gets what he asked for: GUP tries
 * until he is killed.
 */
#include "wrap.h"

/*
 * What GUP has pinned, or -ENOMEM with nothing pinned, where a page of a DAX file
 * has too many pins by now: GUP itself stops only when the count has overflowed.
 */
static long hf_gup_bound(struct page **pages, long pinned)
{
	long i;

	for (i = 0; i < pinned; i++) {
		if (hf_page_is_fsdax(pages[i]) && hf_page_is_full(pages[i])) {
			unpin_user_pages(pages, pinned);
			return -ENOMEM;
		}
	}
	return pinned;
}

#ifdef HF_DAX_BREAK_LAYOUT

/*
 * How many of @nr pages from @start are alike: all of leases (@leased is set),
 * or none. Called with the mmap lock held.
 */
static unsigned long hf_gup_span(struct mm_struct *mm, unsigned long start,
				 unsigned long nr, bool *leased)
{
	unsigned long end = start + (nr << PAGE_SHIFT), at = start;
	struct vm_area_struct *vma = vma_lookup(mm, start);

	*leased = vma && hf_vma_is_lease(vma);
	while (at < end) {
		vma = find_vma(mm, at);
		if (!vma)
			return *leased ? (at - start) >> PAGE_SHIFT : nr;
		if (*leased && (vma->vm_start > at || !hf_vma_is_lease(vma)))
			break;
		if (!*leased && hf_vma_is_lease(vma)) {
			at = max(at, vma->vm_start);
			break;
		}
		at = vma->vm_end;
	}
	return min(nr, (at - start) >> PAGE_SHIFT);
}

/*
 * Pages of a lease are pinned without the flag; the fault handler sees to it
 * that only an active lease has any. Called with the mmap lock held; it is not
 * dropped.
 */
static long hf_gup_leased(struct mm_struct *mm, unsigned long start,
			  unsigned long nr, unsigned int flags,
			  struct page **pages)
{
	long ret;

	flags &= ~FOLL_LONGTERM;
	if (mm == current->mm)
		ret = pin_user_pages(start, nr, flags, pages);
	else
		ret = pin_user_pages_remote(mm, start, nr, flags, pages, NULL);
	return hf_gup_bound(pages, ret);
}

long hf_wrap_pin_user_pages(unsigned long start, unsigned long nr,
			    unsigned int flags, struct page **pages)
{
	bool leased;
	long ret;

	nr = hf_gup_span(current->mm, start & PAGE_MASK, nr, &leased);
	ret = leased ? hf_gup_leased(current->mm, start, nr, flags, pages)
		     : HF_PASS(HF_PROBE_PIN_USER_PAGES,
			       pin_user_pages(start, nr, flags, pages));
	hf_probes_leave();
	return ret;
}

int hf_wrap_pin_user_pages_fast(unsigned long start, int nr, unsigned int flags,
				struct page **pages)
{
	struct mm_struct *mm = current->mm;
	bool leased = false;
	int ret = -EINTR;

	if (mmap_read_lock_killable(mm))
		goto leave;
	nr = hf_gup_span(mm, start & PAGE_MASK, nr, &leased);
	if (leased)
		ret = hf_gup_leased(mm, start, nr, flags, pages);
	mmap_read_unlock(mm);
	if (!leased)
		ret = HF_PASS(HF_PROBE_PIN_USER_PAGES_FAST,
			      pin_user_pages_fast(start, nr, flags, pages));
leave:
	hf_probes_leave();
	return ret;
}

static long hf_gup_remote(struct mm_struct *mm, unsigned long start,
			  unsigned long nr, unsigned int flags,
			  struct page **pages, int *locked)
{
	bool leased;

	nr = hf_gup_span(mm, start & PAGE_MASK, nr, &leased);
	if (leased)
		return hf_gup_leased(mm, start, nr, flags, pages);
	return HF_PASS(HF_PROBE_PIN_USER_PAGES_REMOTE,
		       pin_user_pages_remote(mm, start, nr, flags, pages,
					     locked));
}

#else

#ifdef HF_PIN_NAMES_VMAS
long hf_wrap_pin_user_pages(unsigned long start, unsigned long nr,
			    unsigned int flags, struct page **pages,
			    struct vm_area_struct **vmas)
{
	long ret = HF_PASS(HF_PROBE_PIN_USER_PAGES,
			   pin_user_pages(start, nr, flags, pages, vmas));

	ret = hf_gup_bound(pages, ret);
	hf_probes_leave();
	return ret;
}
#else
long hf_wrap_pin_user_pages(unsigned long start, unsigned long nr,
			    unsigned int flags, struct page **pages)
{
	long ret = HF_PASS(HF_PROBE_PIN_USER_PAGES,
			   pin_user_pages(start, nr, flags, pages));

	ret = hf_gup_bound(pages, ret);
	hf_probes_leave();
	return ret;
}
#endif

int hf_wrap_pin_user_pages_fast(unsigned long start, int nr, unsigned int flags,
				struct page **pages)
{
	int ret = HF_PASS(HF_PROBE_PIN_USER_PAGES_FAST,
			  pin_user_pages_fast(start, nr, flags, pages));

	ret = hf_gup_bound(pages, ret);
	hf_probes_leave();
	return ret;
}

static long hf_gup_remote(struct mm_struct *mm, unsigned long start,
			  unsigned long nr, unsigned int flags,
			  struct page **pages, HF_VMAS_PARAM int *locked)
{
	long ret = HF_PASS(HF_PROBE_PIN_USER_PAGES_REMOTE,
			   pin_user_pages_remote(mm, start, nr, flags, pages,
						 HF_VMAS locked));

	return hf_gup_bound(pages, ret);
}

#endif

long hf_wrap_pin_user_pages_remote(struct mm_struct *mm, unsigned long start,
				   unsigned long nr, unsigned int flags,
				   struct page **pages,
				   HF_VMAS_PARAM int *locked)
{
	long ret = hf_gup_remote(mm, start, nr, flags, pages, HF_VMAS locked);

	if (ret > 0)
		hf_reserved_clear(pages, ret);
	hf_probes_leave();
	return ret;
}
