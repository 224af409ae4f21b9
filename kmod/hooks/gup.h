/* SPDX-License-Identifier: GPL-2.0 */
/* Long-term pins of mappings of files: see gup.c. */
#ifndef HF_HOOKS_GUP_H
#define HF_HOOKS_GUP_H

#include <linux/mm.h>
#include "compat/compat.h"

#ifdef HF_PIN_NAMES_VMAS
long hf_wrap_pin_user_pages(unsigned long start, unsigned long nr,
			    unsigned int flags, struct page **pages,
			    struct vm_area_struct **vmas);
#else
long hf_wrap_pin_user_pages(unsigned long start, unsigned long nr,
			    unsigned int flags, struct page **pages);
#endif
int hf_wrap_pin_user_pages_fast(unsigned long start, int nr, unsigned int flags,
				struct page **pages);
long hf_wrap_pin_user_pages_remote(struct mm_struct *mm, unsigned long start,
				   unsigned long nr, unsigned int flags,
				   struct page **pages,
				   HF_VMAS_PARAM int *locked);

#endif
