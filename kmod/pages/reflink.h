/* SPDX-License-Identifier: GPL-2.0 */
/* Whether a file has ever shared blocks: see reflink.c. */
#ifndef HF_PAGES_REFLINK_H
#define HF_PAGES_REFLINK_H

#include <linux/fs.h>
#include <linux/ptrace.h>

int hf_has_shared(struct inode *inode);

bool hf_wants_own_flush(struct pt_regs *regs);
int hf_wrap_filemap_write_and_wait_range(struct address_space *mapping,
					 loff_t start, loff_t end);
int hf_has_shared_test(struct file *file);

#endif
