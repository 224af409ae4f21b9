/* SPDX-License-Identifier: GPL-2.0 */
/* Limits of the administrator's: see limit.c. */
#ifndef HF_CORE_LIMIT_H
#define HF_CORE_LIMIT_H

#include "core/types.h"

unsigned int hf_break_ms(unsigned int asked);
int hf_charge(const struct super_block *sb, u64 pages);
void hf_uncharge(const struct super_block *sb, u64 pages);

#endif
