/* SPDX-License-Identifier: GPL-2.0 */
/* How pages of a lease are pinned: see pin.c. */
#ifndef HF_PAGES_PIN_H
#define HF_PAGES_PIN_H

#include "core/types.h"

bool hf_span_limit(struct hf_span *span);
long hf_pin_pages(struct hf_lease *lease, struct hf_pin *pin,
		  const struct hf_span *span, unsigned int flags,
		  struct page **pages, struct hf_runs *runs);

#endif
