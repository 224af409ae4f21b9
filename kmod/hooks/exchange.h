/* SPDX-License-Identifier: GPL-2.0 */
/* Exchanges of the extents of two files: see exchange.c. */
#ifndef HF_HOOKS_EXCHANGE_H
#define HF_HOOKS_EXCHANGE_H

#include <linux/fs.h>
#include "compat/compat.h"

void hf_wrap_filemap_invalidate_lock_two(struct address_space *mapping1,
					 struct address_space *mapping2);
long hf_wrap_swapext(struct file *filp, unsigned int cmd, unsigned long arg);
#ifdef CONFIG_COMPAT
long hf_wrap_compat_swapext(struct file *filp, unsigned int cmd,
			    unsigned long arg);
#endif
#ifdef HF_EXCHANGE_RANGE
int hf_wrap_remap_verify_area(struct file *filp, loff_t pos, loff_t len,
			      bool write);
#endif

#endif
