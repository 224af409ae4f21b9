// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel code that drops the page cache of a whole file, to work on its blocks:
 *
 * invalidate_inode_pages2(), by XFS's online repair of a file's block map, which
 * from 6.15 on does not ask for busy pages. There an entry of the page cache is a
 * folio, which counts the pins of its pages, and ends with the entry: the next
 * change would find nothing pinned. Up to 6.14 each page counts its own pins, and
 * the records of pins name the pages.
 *
 * ->map_blocks() of XFS, by an NFS server with pNFS: a client is to write to the
 * device by itself. XFS drops the page cache for that, too, and warns where it
 * cannot. With this answer the client reads and writes by the server.
 */
#include <linux/dax.h>
#include <linux/pagemap.h>
#include "core/hook.h"
#include "core/types.h"
#include "hooks/layout.h"

#ifdef HF_DAX_BREAK_LAYOUT
/* The caller has the invalidate_lock, exclusively: nothing is pinned in the meantime. */
int hf_wrap_invalidate_inode_pages2(struct address_space *mapping)
{
	int err = -EBUSY;

	if (!dax_layout_busy_page_range(mapping, 0, LLONG_MAX))
		err = invalidate_inode_pages2(mapping);
	hf_hooks_leave();
	return err;
}
#endif

int hf_wrap_map_blocks(struct inode *inode, loff_t offset, u64 length,
		       struct iomap *iomap, bool write, u32 *generation)
{
	hf_hooks_leave();
	return -ENXIO;
}
