// SPDX-License-Identifier: GPL-2.0
/*
 * A driver removes a device with DAX, and with it the pages of its files. See
 * table.c for the functions, and removal.c of the folder above for what is done.
 */
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include "compat/compat.h"
#include "hooks/hook.h"
#include "hooks/device.h"
#include "removal.h"

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
 * A file has no pages behind its end. A process that is dying of SIGBUS is not found
 * any more, but has its page tables yet: XFS forgets the pages next, and the kernel
 * warns of those that are mapped.
 */
int hf_wrap_mf_dax_kill_procs(struct address_space *mapping, pgoff_t index,
			      unsigned long count, int flags)
{
	pgoff_t end = DIV_ROUND_UP_ULL(i_size_read(mapping->host), PAGE_SIZE);
	int ret;

	count = min(count, end - min(index, end));
	ret = mf_dax_kill_procs(mapping, index, count, flags);
	if (count && flags & MF_MEM_PRE_REMOVE)
		unmap_mapping_pages(mapping, index, count, false);
	hf_hooks_leave();
	return ret;
}
#endif
