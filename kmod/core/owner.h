/* SPDX-License-Identifier: GPL-2.0 */
/* Whose pins a lease may have: see owner.c. */
#ifndef HF_CORE_OWNER_H
#define HF_CORE_OWNER_H

#include "core/types.h"

int hf_owner_add(struct hf_lease *lease, struct mm_struct *mm, struct pid *tgid,
		 enum hf_owner_role role);
void hf_owners_free(struct hf_lease *lease);

#endif
