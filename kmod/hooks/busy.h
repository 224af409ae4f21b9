/* SPDX-License-Identifier: GPL-2.0 */
/* The question of a filesystem for busy pages: see busy.c. */
#ifndef HF_HOOKS_BUSY_H
#define HF_HOOKS_BUSY_H

#include <linux/fs.h>
#include "compat/compat.h"

#ifdef HF_DAX_BREAK_LAYOUT
int hf_wrap_dax_break_layout(struct inode *inode, loff_t start, loff_t end,
			     void(cb)(struct inode *));
#else
struct page *hf_wrap_dax_layout_busy_page(struct address_space *mapping);
#endif

#endif
