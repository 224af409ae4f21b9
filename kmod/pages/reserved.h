/* SPDX-License-Identifier: GPL-2.0 */
/* PG_reserved of pages that VFIO pins: see reserved.c. */
#ifndef HF_PAGES_RESERVED_H
#define HF_PAGES_RESERVED_H

#include "core/types.h"

void hf_reserved_clear(struct page **pages, long nr);
struct page *hf_reserved_restore(const struct hf_runs *runs);

#endif
