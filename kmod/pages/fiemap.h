/* SPDX-License-Identifier: GPL-2.0 */
/* The module's own question to a filesystem for extents: see fiemap.c. */
#ifndef HF_PAGES_FIEMAP_H
#define HF_PAGES_FIEMAP_H

#include <linux/fiemap.h>
#include <linux/fs.h>

/* An extent of a file, in bytes. */
struct hf_extent {
	bool found;
	u64 start, end;
};

/* The blocks of a file, in bytes. */
struct hf_blocks {
	bool shared;	     /* some that were asked for */
	u64 mapped, counted; /* by FIEMAP, and by stat(2) */
};

int hf_fiemap_shared(struct inode *inode, u64 start, u64 end,
		     struct hf_extent *extent);
int hf_fiemap_blocks(struct file *file, u64 start, u64 end,
		     struct hf_blocks *blocks);

bool hf_wants_own_fiemap(struct pt_regs *regs);
int hf_wrap_fiemap_fill_next_extent(struct fiemap_extent_info *info,
				    u64 logical, u64 phys, u64 len, u32 flags);
int hf_fiemap_test(void);

#endif
