/* SPDX-License-Identifier: GPL-2.0 */
/* Callers that work on a file's blocks without changing the file: see layout.c. */
#ifndef HF_HOOKS_LAYOUT_H
#define HF_HOOKS_LAYOUT_H

#include <linux/types.h>

struct address_space;
struct inode;
struct iomap;

int hf_wrap_invalidate_inode_pages2(struct address_space *mapping);
int hf_wrap_map_blocks(struct inode *inode, loff_t offset, u64 length,
		       struct iomap *iomap, bool write, u32 *generation);

#endif
