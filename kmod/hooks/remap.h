/* SPDX-License-Identifier: GPL-2.0 */
/* Reflink, dedupe and copy of leased files: see remap.c. */
#ifndef HF_HOOKS_REMAP_H
#define HF_HOOKS_REMAP_H

#include <linux/fs.h>
#include "compat/compat.h"

loff_t hf_wrap_vfs_clone_file_range(struct file *in, loff_t pos_in,
				    struct file *out, loff_t pos_out,
				    loff_t len, unsigned int flags);
#ifdef HF_DO_CLONE
loff_t hf_wrap_do_clone_file_range(struct file *in, loff_t pos_in,
				   struct file *out, loff_t pos_out, loff_t len,
				   unsigned int flags);
#endif
loff_t hf_wrap_vfs_dedupe_file_range_one(struct file *in, loff_t pos_in,
					 struct file *out, loff_t pos_out,
					 loff_t len, unsigned int flags);
ssize_t hf_wrap_vfs_copy_file_range(struct file *in, loff_t pos_in,
				    struct file *out, loff_t pos_out,
				    size_t len, unsigned int flags);
bool hf_remap_is_here(void);

#endif
