/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that fails: see media.c. */
#ifndef HF_PAGES_MEDIA_H
#define HF_PAGES_MEDIA_H

#include <linux/types.h>

struct page;

void hf_media_error(struct page *page);
bool hf_page_is_poisoned(struct page *page);

#endif
