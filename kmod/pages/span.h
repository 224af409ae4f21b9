/* SPDX-License-Identifier: GPL-2.0 */
/* Pages of one mapping of a file: see span.c. */
#ifndef HF_PAGES_SPAN_H
#define HF_PAGES_SPAN_H

#include "core/types.h"

void hf_span_find(struct mm_struct *mm, unsigned long start, unsigned long nr,
		  struct hf_span *span);
long hf_span_pin(const struct hf_pin *pin, const struct hf_span *span,
		 unsigned int flags, struct page **pages);

#endif
