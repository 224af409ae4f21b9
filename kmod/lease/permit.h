/* SPDX-License-Identifier: GPL-2.0 */
/* Permissions for implicit leases: see permit.c. */
#ifndef HF_LEASE_PERMIT_H
#define HF_LEASE_PERMIT_H

#include "core/types.h"

int hf_permit_open(const struct holdfast_allow *args);
bool hf_permitted(const struct hf_span *span, const struct hf_pinner *pinner,
		  unsigned int *break_ms);
int hf_policy_set(const struct holdfast_policy *args);
int hf_policies_show(struct seq_file *m, void *v);
void hf_policies_exit(void);

#endif
