/* SPDX-License-Identifier: GPL-2.0 */
/* Changes of two files at a time: see pair.c. */
#ifndef HF_CHANGE_PAIR_H
#define HF_CHANGE_PAIR_H

#include "core/types.h"

void hf_pair_told(struct hf_change *change, struct page *page);
struct page *hf_pair_page(const struct address_space *mapping);

#endif
