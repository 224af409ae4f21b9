/* SPDX-License-Identifier: GPL-2.0 */
/* The file that is mapped at an address: see mapping.c. */
#ifndef HF_LEASE_MAPPING_H
#define HF_LEASE_MAPPING_H

#include "core/types.h"

struct file *hf_mapping_file(u64 address, u64 length, u64 *offset);
int hf_mapping_locate(struct hf_lease *lease, struct holdfast_locate *args);

#endif
