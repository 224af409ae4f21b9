/* SPDX-License-Identifier: GPL-2.0 */
/* The end of pins: see unpin.c. */
#ifndef HF_HOOKS_UNPIN_H
#define HF_HOOKS_UNPIN_H

#include <linux/mm.h>
#include "compat/compat.h"

/* A page of the self-test, which is no file's; NULL at other times. */
extern struct page *hf_unpin_test_page;

void hf_unpin_user_pages(struct page **pages, unsigned long nr,
			 unsigned long caller);

void hf_wrap_unpin_user_page(struct page *page);
void hf_wrap_unpin_user_pages(struct page **pages, unsigned long nr);
void hf_wrap_unpin_user_pages_dirty_lock(struct page **pages, unsigned long nr,
					 bool dirty);
void hf_wrap_unpin_user_page_range_dirty_lock(struct page *page,
					      unsigned long nr, bool dirty);
#ifdef HF_UNPIN_FOLIO
void hf_wrap_unpin_user_folio(struct folio *folio, unsigned long nr);
#endif

#endif
