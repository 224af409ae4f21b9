// SPDX-License-Identifier: GPL-2.0
/*
 * A driver removes a device with DAX, and with it the pages of its files. See
 * table.c for the functions, and removal.c of the folder above for what is done.
 */
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include "compat/compat.h"
#include "core/hook.h"
#include "core/types.h"
#include "lease/removal.h"
#include "hooks/device.h"

void hf_wrap_dax_remove_host(struct gendisk *disk)
{
	hf_removal_begin(disk);
	dax_remove_host(disk);
	hf_hooks_leave();
}

void hf_wrap_kill_dax(struct dax_device *device)
{
	kill_dax(device);
	hf_removal_end();
	hf_hooks_leave();
}

#ifdef HF_XFS_FAILURE_MISCOUNTS
/*
 * A process that is dying of SIGBUS is no longer found, but still has its page
 * tables, or pages of them. XFS forgets the pages next, and the kernel warns of those that
 * are in use. XFS has locks here that other users of a page may need: only a
 * second is waited for each page.
 */
static void hf_pages_unmap(struct address_space *mapping, pgoff_t index,
			   unsigned long count)
{
	loff_t start = (loff_t)index << PAGE_SHIFT;
	loff_t end = ((loff_t)(index + count) << PAGE_SHIFT) - 1;
	struct page *page;

	do {
		page = dax_layout_busy_page_range(mapping, start, end);
	} while (page && wait_var_event_timeout(hf_page_idle_var(page),
						!hf_page_busy(page), HZ));
}

/* A file has no pages behind its end. */
int hf_wrap_mf_dax_kill_procs(struct address_space *mapping, pgoff_t index,
			      unsigned long count, int flags)
{
	pgoff_t end = DIV_ROUND_UP_ULL(i_size_read(mapping->host), PAGE_SIZE);
	int ret;

	count = min(count, end - min(index, end));
	ret = mf_dax_kill_procs(mapping, index, count, flags);
	if (count && flags & MF_MEM_PRE_REMOVE)
		hf_pages_unmap(mapping, index, count);
	hf_hooks_leave();
	return ret;
}
#endif
