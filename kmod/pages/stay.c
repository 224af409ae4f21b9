// SPDX-License-Identifier: GPL-2.0
/*
 * Whether the blocks of a file stay where they are, for pins of a mapping that can
 * only be read.
 *
 * Before pages of a mapping that can be written are pinned, all blocks around them
 * are made the file's own by stores (unshare.c). Here nothing may be stored, so what
 * XFS would move is refused. A block moves with the next write to it, by anybody, if
 *
 * - another file shares it. The same holds for the blocks beside a shared one, as XFS
 *   copies in units: see hf_cow_window(). FIEMAP shows what is shared.
 * - XFS has prepared a copy of it earlier, when it was copying another block of the
 *   unit. Nothing shows that. But XFS prepares copies only for files that have shared
 *   blocks at some time, which the inode notes until all is unshared again. And what
 *   is prepared counts as blocks of the file (st_blocks), while FIEMAP does not show
 *   it: a file that has no more blocks than FIEMAP shows has nothing prepared.
 *
 * The last test is of the whole file, and one-sided: blocks of attributes, and of the
 * tree of a file with many extents, count as well, and look as if they were prepared.
 *
 * What holds now holds as long as the lease: to share a block in the window is a
 * change, and XFS prepares nothing for the window without one.
 */
#include <linux/fs.h>
#include "core/backing.h"
#include "pages/fiemap.h"
#include "pages/reflink.h"
#include "pages/stay.h"

/**
 * hf_blocks_stay - whether no write moves blocks of a range
 * @target: open for reading; the caller holds no lock
 * @first: index of the first page of the range
 * @last: index of the last one
 *
 * Return: 0: they stay; 1 where the file has become shorter in the meantime; -EMLINK: blocks
 * of the range, or beside it, are shared; -EINPROGRESS: copies of blocks of the file
 * may be prepared; or what the filesystem says.
 */
int hf_blocks_stay(struct file *target, pgoff_t first, pgoff_t last)
{
	pgoff_t from = first, to = last;
	struct hf_blocks blocks;
	int ret;

	hf_cow_window(target, &from, &to);
	if (to == ULONG_MAX || to < last)
		return 1;
	ret = hf_has_shared(file_inode(target));
	if (ret <= 0)
		return ret;
	ret = hf_fiemap_blocks(target, (u64)from << PAGE_SHIFT,
			       ((u64)to + 1) << PAGE_SHIFT, &blocks);
	if (ret)
		return ret;
	if (blocks.shared)
		return -EMLINK;
	return blocks.mapped == blocks.counted ? 0 : -EINPROGRESS;
}
