/* SPDX-License-Identifier: GPL-2.0 */
/* Leases that a pin makes: see implicit.c. */
#ifndef HF_LEASE_IMPLICIT_H
#define HF_LEASE_IMPLICIT_H

#include "core/types.h"

long hf_implicit_pin(const struct hf_span *span, const struct hf_pinner *pinner,
		     unsigned int break_ms, unsigned int flags,
		     struct page **pages);

#endif
