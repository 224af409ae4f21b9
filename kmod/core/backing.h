/* SPDX-License-Identifier: GPL-2.0 */
/* What a file's pages are: see backing.c. */
#ifndef HF_CORE_BACKING_H
#define HF_CORE_BACKING_H

#include "core/types.h"

unsigned long hf_cow_unit(struct file *target);
bool hf_lends_blocks(const struct super_block *sb);
void hf_cow_window(struct file *target, pgoff_t *first, pgoff_t *last);
enum hf_backing hf_backing_of(struct file *target);
const char *hf_backing_name(enum hf_backing backing);

#endif
