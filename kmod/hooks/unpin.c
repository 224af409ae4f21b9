// SPDX-License-Identifier: GPL-2.0
/*
 * The end of pins: the records learn that a consumer has let go of pages, so that
 * the fence does not kill a process for pins of another on the same pages.
 *
 * Drivers unpin in many contexts. The hooks want calls outside of interrupts
 * only: a consumer does not let go of a registration there. Whether pages are
 * busy is never decided by these records: the reference counts say that.
 */
#include "core/caller.h"
#include "core/hook.h"
#include "pages/unpinned.h"
#include "hooks/unpin.h"

struct page *hf_unpin_test_page;

/* How many pages from @pages on follow each other. */
static unsigned long hf_pages_in_a_row(struct page **pages, unsigned long nr)
{
	unsigned long i;

	for (i = 1; i < nr; i++) {
		if (page_to_pfn(pages[i]) != page_to_pfn(pages[0]) + i)
			break;
	}
	return i;
}

static void hf_array_unpinned(struct hf_unpinned *unpinned, struct page **pages,
			      unsigned long nr)
{
	unsigned long row;

	for (; nr; pages += row, nr -= row) {
		if (!*pages) {
			row = 1;
			continue;
		}
		row = hf_pages_in_a_row(pages, nr);
		hf_pins_end(unpinned, *pages, row, row);
	}
}

void hf_wrap_unpin_user_page(struct page *page)
{
	struct hf_unpinned unpinned = {
		.caller = hf_caller_take(_RET_IP_),
	};

	hf_pins_end(&unpinned, page, 1, 1);
	unpin_user_page(page);
	hf_pins_ended(&unpinned);
	hf_hooks_leave();
}

/* unpin_user_pages() for pins that are recorded, in the name of @caller. */
void hf_unpin_user_pages(struct page **pages, unsigned long nr,
			 unsigned long caller)
{
	struct hf_unpinned unpinned = { .caller = caller };

	hf_array_unpinned(&unpinned, pages, nr);
	unpin_user_pages(pages, nr);
	hf_pins_ended(&unpinned);
}

void hf_wrap_unpin_user_pages(struct page **pages, unsigned long nr)
{
	hf_unpin_user_pages(pages, nr, hf_caller_take(_RET_IP_));
	hf_hooks_leave();
}

/* What it calls in turn is not taken for a driver's call. */
void hf_wrap_unpin_user_pages_dirty_lock(struct page **pages, unsigned long nr,
					 bool dirty)
{
	struct hf_unpinned unpinned = {
		.caller = hf_caller_take(_RET_IP_),
	};

	hf_array_unpinned(&unpinned, pages, nr);
	unpin_user_pages_dirty_lock(pages, nr, dirty);
	hf_pins_ended(&unpinned);
	hf_hooks_leave();
}

void hf_wrap_unpin_user_page_range_dirty_lock(struct page *page,
					      unsigned long nr, bool dirty)
{
	struct hf_unpinned unpinned = {
		.caller = hf_caller_take(_RET_IP_),
	};

	hf_pins_end(&unpinned, page, nr, nr);
	unpin_user_page_range_dirty_lock(page, nr, dirty);
	hf_pins_ended(&unpinned);
	hf_hooks_leave();
}

#ifdef HF_UNPIN_FOLIO
/* @nr pins of some of its pages. */
void hf_wrap_unpin_user_folio(struct folio *folio, unsigned long nr)
{
	struct hf_unpinned unpinned = {
		.caller = hf_caller_take(_RET_IP_),
	};

	hf_pins_end(&unpinned, &folio->page, folio_nr_pages(folio), nr);
	unpin_user_folio(folio, nr);
	hf_pins_ended(&unpinned);
	hf_hooks_leave();
}
#endif
