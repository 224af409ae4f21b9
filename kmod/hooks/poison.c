// SPDX-License-Identifier: GPL-2.0
/*
 * memory_failure(): a page has failed. A machine check or a report of the firmware
 * says so, or a test (MADV_HWPOISON, hwpoison-inject). All of them come by this one
 * function, for all filesystems. From there XFS hears of it where it knows the owner
 * of each block (rmapbt, dax_holder_notify_failure()); for other pages, as those of
 * ext4, the kernel looks only for the processes that have mapped them.
 */
#include <linux/memremap.h>
#include <linux/mm.h>
#include "core/hook.h"
#include "core/types.h"
#include "pages/media.h"
#include "hooks/poison.h"

/*
 * The kernel marks the page, and signals the processes that have mapped it, as
 * without us. Holders are notified after that: a task that pins the page from then on
 * finds the mark, and a pin from before has its record.
 */
static int hf_poison(unsigned long pfn, int flags)
{
	struct dev_pagemap *pgmap = hf_pagemap_get(pfn);
	int err = memory_failure(pfn, flags);

	if (!pgmap)
		return err;
	/* Otherwise a test has filtered it out. */
	if (err != -EOPNOTSUPP && pgmap->type == MEMORY_DEVICE_FS_DAX)
		hf_media_error(pfn_to_page(pfn));
	put_dev_pagemap(pgmap);
	return err;
}

/* With vm.memory_failure_recovery at 0 any call of the function is a panic. */
int hf_wrap_memory_failure(unsigned long pfn, int flags)
{
	int err = pfn == HF_POISON_TEST_PFN ? -ENXIO : hf_poison(pfn, flags);

	hf_hooks_leave();
	return err;
}
