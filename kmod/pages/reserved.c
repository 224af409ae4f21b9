// SPDX-License-Identifier: GPL-2.0
/*
 * PG_reserved, which the pages of a DAX device have from their making on
 * (__init_zone_device_page()).
 *
 * VFIO's type1 container takes a reserved page for one that it has no pin of,
 * such as a device's registers: what it pins of a DAX file it would never unpin
 * (put_pfn() and is_invalid_reserved_pfn() in vfio_iommu_type1.c; 7.2 looks when
 * it pins, kernels before 6.16 when it unpins), nor charge to RLIMIT_MEMLOCK. So
 * the pages that it pins of a lease have the flag cleared, before it sees them
 * (hooks/gup.c), and get it back when they are idle: when a change takes them, when
 * the lease is restored, and when it ends, which waits for that.
 *
 * Only pages that go through pin_user_pages_remote(FOLL_LONGTERM) are touched,
 * which is VFIO and iommufd. For all others the flag stays as it is. It is given
 * back to idle pages only, of any owner, and cleared after the pin,
 * one after the other under hf_reserved_lock. So it does not matter which leases
 * have a page in common, or whether a page has got another owner: one that
 * is pinned through VFIO never has the flag, and nothing has to be counted.
 *
 * Nobody else misses it on these pages. On 6.1, 6.12 and 7.2, x86:
 *   mempolicy.c, numa_maps	leave out ZONE_DEVICE before they look
 *   hibernation, kpageflags,	see pages of memory that is online; this is not
 *   memory offlining
 *   KVM			is_mmio_pfn(): such pages are mapped cached, with
 *				or without the flag (PAT); a refcounted page
 *				either way (kvm_pfn_to_refcounted_page())
 *   memory_failure()		has its own way for DAX; unpoison, for tests,
 *				refuses pages with the flag, and with references
 *   memunmap_pages()		does not look
 * They are flags of each page, also where a folio is large, and as such read.
 * fs/dax.c writes the flags of the first two pages of a folio in the making
 * without atomics. It does so for idle pages that no lease has: what is set at
 * that very moment, on pages that the lease has lost already, can be lost.
 */
#include "pages/reserved.h"
#include "pages/runs.h"

/* A look at whether a page is idle, and what follows from it. */
static DEFINE_SPINLOCK(hf_reserved_lock);

/* Some page has ever had it cleared. */
static bool hf_reserved_used;

/**
 * hf_reserved_clear - pages were pinned for a driver that skips reserved pages
 * @pages: pinned
 * @nr: how many
 *
 * A page of a DAX filesystem that is pinned for long is a lease's: all others
 * GUP refuses. Those of device-dax are not ours.
 */
void hf_reserved_clear(struct page **pages, long nr)
{
	long i;

	WRITE_ONCE(hf_reserved_used, true);
	spin_lock(&hf_reserved_lock);
	for (i = 0; i < nr; i++) {
		if (hf_page_is_fsdax(pages[i]))
			clear_bit(PG_reserved, hf_page_flags(pages[i]));
	}
	spin_unlock(&hf_reserved_lock);
}

/* False: it is not idle. */
static bool hf_page_reserve(struct page *page)
{
	bool idle;

	if (test_bit(PG_reserved, hf_page_flags(page)))
		return true;
	spin_lock(&hf_reserved_lock);
	idle = !hf_page_busy(page);
	if (idle)
		set_bit(PG_reserved, hf_page_flags(page));
	spin_unlock(&hf_reserved_lock);
	return idle;
}

/**
 * hf_reserved_restore - give idle pages the flag back
 * @runs: pages that a lease has, or had
 *
 * Harmless at any time. May sleep.
 *
 * Return: the first page that is not idle and so goes without, or NULL.
 */
struct page *hf_reserved_restore(const struct hf_runs *runs)
{
	struct page *busy = NULL;
	unsigned int i;

	if (!READ_ONCE(hf_reserved_used))
		return NULL;
	for (i = 0; i < runs->nr; i++) {
		unsigned long pfn = hf_run(runs, i)->pfn;
		unsigned long end = pfn + hf_run_pages(runs, i);

		if (pfn == HF_NO_PFN)
			continue;
		for (; pfn < end; pfn++) {
			struct page *page = pfn_to_page(pfn);

			if (!hf_page_reserve(page) && !busy)
				busy = page;
			if (!(pfn % PTRS_PER_PTE))
				cond_resched();
		}
	}
	return busy;
}
