/* SPDX-License-Identifier: GPL-2.0 */
/* The processes whose pins an explicit lease covers: see party.c. */
#ifndef HF_LEASE_PARTY_H
#define HF_LEASE_PARTY_H

#include "core/types.h"

int hf_party_add(struct hf_lease *lease);
void hf_parties_end(struct hf_lease *lease);
struct hf_lease *hf_party_lease(const struct hf_span *span,
				const struct mm_struct *mm);
long hf_party_pin(struct hf_lease *lease, const struct hf_span *span,
		  const struct hf_pinner *pinner, unsigned int flags,
		  struct page **pages);

#endif
