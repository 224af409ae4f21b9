/* SPDX-License-Identifier: GPL-2.0 */
/* The breaks of leases: see break.c. */
#ifndef HF_CHANGE_BREAK_H
#define HF_CHANGE_BREAK_H

#include "core/types.h"

const struct mm_struct *hf_break_mm(const struct hf_lease *lease);
bool hf_break_is_late(const struct hf_lease *lease);
void hf_break_by_revoke(struct hf_lease *lease, unsigned int grace_ms);
void hf_break_next(struct hf_lease *lease);
void hf_break_end(struct hf_lease *lease, bool passed, bool busy);
void hf_break_defer(struct hf_lease *lease);
void hf_break_answered(struct hf_lease *lease);
void hf_break_lease(struct hf_lease *lease, struct hf_change *change,
		    bool again);
void hf_changes_meet(struct hf_lease *lease);

#endif
