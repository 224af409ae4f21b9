/* SPDX-License-Identifier: GPL-2.0 */
/* The end of pins: see unpinned.c. */
#ifndef HF_PAGES_UNPINNED_H
#define HF_PAGES_UNPINNED_H

#include "core/types.h"

void hf_pins_end(struct hf_unpinned *unpinned, struct page *page,
		 unsigned long nr, unsigned long pins);
void hf_pins_ended(struct hf_unpinned *unpinned);

#endif
