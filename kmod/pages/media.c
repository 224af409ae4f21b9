// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of leased files that fails: the holders are told, and it is not pinned
 * again. What is pinned stays pinned, and the file keeps the block: only its owner
 * can say what is to become of it.
 */
#include <linux/pagemap.h>
#include "core/counters.h"
#include "core/event.h"
#include "core/file.h"
#include "core/trace.h"
#include "pages/media.h"
#include "pages/record.h"

/*
 * Called with file->lock held. A record in the making begins again, and finds the
 * page poisoned.
 */
static void hf_media_tell(struct hf_lease *lease, pgoff_t index, ktime_t now)
{
	const struct hf_change_info info = {
		.offset = (u64)index << PAGE_SHIFT,
		.length = PAGE_SIZE,
	};

	hf_pins_stale(lease, index, index, NULL);
	/* It has no pins yet. */
	if (lease->state == HOLDFAST_UNBOUND)
		return;
	WRITE_ONCE(lease->media_errors, lease->media_errors + 1);
	hf_count(lease->file, HF_COUNT_MEDIA_ERRORS);
	hf_event_tell(lease, HOLDFAST_EVENT_MEDIA_ERROR, now, &info, 0);
	trace_holdfast_media_error(lease, info.offset, info.length);
}

/**
 * hf_media_error - the kernel has learnt that a page has failed
 * @page: of a device with DAX; marked as poisoned by now, and kept from going
 *
 * A page that no file has in its page cache is nobody's. Does not sleep.
 */
void hf_media_error(struct page *page)
{
	struct address_space *mapping;
	ktime_t now = ktime_get();
	struct hf_lease *lease;
	struct hf_file *file;
	pgoff_t index;

	/* The inode may be going. */
	rcu_read_lock();
	file = hf_page_place(page, &mapping, &index)
		       ? hf_file_find(mapping->host)
		       : NULL;
	rcu_read_unlock();
	if (!file)
		return;
	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, index, index)
		hf_media_tell(lease, index, now);
	spin_unlock(&file->lock);
	hf_file_put(file);
}

/**
 * hf_page_is_poisoned - whether the kernel has marked a page as failed
 * @page: of a file with DAX, pinned
 *
 * mf_dax_kill_procs(), and from 6.15 on mf_generic_kill_procs(), too, mark the first
 * page of the page cache entry, whichever has failed.
 */
bool hf_page_is_poisoned(struct page *page)
{
	unsigned long pfn = page_to_pfn(page);
	struct address_space *mapping;
	pgoff_t index;

	if (PageHWPoison(page))
		return true;
	if (!PageHWPoison(pfn_to_page(round_down(pfn, PTRS_PER_PTE))))
		return false;
	return hf_page_place(page, &mapping, &index) &&
	       xa_get_order(&mapping->i_pages, index);
}
