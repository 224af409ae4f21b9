/* SPDX-License-Identifier: GPL-2.0 */
/* Whose pins are left: see left.c. */
#ifndef HF_CORE_LEFT_H
#define HF_CORE_LEFT_H

#include "core/types.h"

bool hf_pin_counts(const struct hf_pin *pin, pgoff_t first, pgoff_t last);
bool hf_pin_is_left_now(struct hf_lease *lease, const struct hf_pin *pin,
			pgoff_t first, pgoff_t last);
bool hf_mm_has_pins(struct hf_lease *lease, const struct mm_struct *mm,
		    pgoff_t first, pgoff_t last);

#endif
