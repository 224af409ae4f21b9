// SPDX-License-Identifier: GPL-2.0
/*
 * How pages of a lease are pinned.
 *
 * The record is in its lease, and the lease in its file's tree, before a page is
 * looked at. A change that begins later finds the record and marks it as stale;
 * one that is under way is waited for before. So the pages of a record that is not
 * stale in the end are the file's, and every change of them from then on waits
 * for them.
 */
#include <linux/pagemap.h>
#include "core/limit.h"
#include "pages/pin.h"
#include "pages/runs.h"
#include "pages/shared.h"
#include "pages/span.h"
#include "pages/stay.h"
#include "pages/unshare.h"

/* As far as the file reaches; false: not at all. */
bool hf_span_limit(struct hf_span *span)
{
	u64 size = i_size_read(file_inode(span->file));
	u64 pages = DIV_ROUND_UP_ULL(size, PAGE_SIZE);

	if (span->index >= pages)
		return false;
	span->nr = min_t(u64, span->nr, pages - span->index);
	return true;
}

static bool hf_is_intact(struct hf_lease *lease, pgoff_t first, pgoff_t last)
{
	bool intact;

	spin_lock(&lease->file->lock);
	intact = hf_intact_has(&lease->intact, first, last);
	spin_unlock(&lease->file->lock);
	return intact;
}

/*
 * Blocks that a change of other blocks would move, or that are shared, become the
 * file's own: see unshare.c. Where the mapping can only be read they are refused: see
 * stay.c. What has been prepared before, and has not changed, is as it should be.
 */
static int hf_pin_prepare(struct hf_lease *lease, const struct hf_pin *pin,
			  const struct hf_span *span)
{
	pgoff_t first = pin->range.start, last = pin->range.last;
	struct file *target = span->file;
	int ret;

	if (!target->f_op->remap_file_range)
		return 0;
	if (!span->readonly && hf_is_intact(lease, first, last))
		return 0;
	ret = span->readonly ? hf_blocks_stay(target, first, last)
			     : hf_unshare(lease->file, pin, target);
	return ret > 0 ? -EAGAIN : ret;
}

/* The runs of pages that have just been pinned. */
static int hf_pin_collect(struct address_space *mapping, pgoff_t index,
			  unsigned long nr, struct page **pages,
			  struct hf_runs *runs)
{
	unsigned long i;
	int err = 0;

	for (i = 0; i < nr && !err; i++) {
		err = hf_runs_add(runs, index + i, page_to_pfn(pages[i]), 1);
		hf_page_own(pages[i], mapping, index + i);
	}
	if (!err && HF_ENTRY_IS_FOLIO && !hf_folios_are_ours(runs, mapping))
		err = -EUCLEAN;
	return err;
}

/**
 * hf_pin_pages - pin the pages of a record
 * @lease: in its file's tree, or ended; the caller holds no lock
 * @pin: in the lease, not made
 * @span: of the record; its file may outlive the lease
 * @flags: of the call
 * @pages: room for span->nr pages
 * @runs: empty; out: the pages, hf_runs_free() afterwards in any case
 *
 * Return: how many pages are pinned, from the first one on; -EAGAIN: again, a change
 * came in between; -ESTALE when the mapping is not there any longer; or -errno.
 */
long hf_pin_pages(struct hf_lease *lease, struct hf_pin *pin,
		  const struct hf_span *span, unsigned int flags,
		  struct page **pages, struct hf_runs *runs)
{
	struct address_space *mapping = span->file->f_mapping;
	int err = hf_pin_prepare(lease, pin, span);
	long ret;

	if (err)
		return err;
	ret = hf_span_pin(pin, span, flags, pages);
	if (ret <= 0)
		return ret;
	err = hf_pin_collect(mapping, span->index, ret, pages, runs);
	if (err) {
		unpin_user_pages(pages, ret);
		return err;
	}
	hf_uncharge(lease->file->inode->i_sb, pin->charged - ret);
	pin->charged = ret;
	return ret;
}
