// SPDX-License-Identifier: GPL-2.0
/*
 * The question of a filesystem for pages of a leased file that are busy:
 * dax_layout_busy_page() up to 6.14, dax_break_layout() from 6.15 on. See table.c.
 */
#include <linux/dax.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include "core/file.h"
#include "core/hook.h"
#include "change/change.h"
#include "change/pair.h"
#include "change/settle.h"
#include "change/unhooked.h"
#include "hooks/busy.h"

#ifdef HF_DAX_BREAK_LAYOUT

/*
 * A page that some process maps as well does not wake anybody when its last pin
 * goes, so the wait has an end.
 */
static void hf_wait_unlocked(struct address_space *mapping)
{
	filemap_invalidate_unlock(mapping);
	schedule_timeout(HZ / 4);
	filemap_invalidate_lock(mapping);
}

static int hf_wait_page(struct address_space *mapping, struct page *page)
{
	return ___wait_var_event(hf_page_idle_var(page), !hf_page_busy(page),
				 TASK_INTERRUPTIBLE, 0, 0,
				 hf_wait_unlocked(mapping));
}

/* Waits for consumers of leases, also where no process maps the file. */
static int hf_wait_consumers(struct hf_file *file, struct hf_change *change,
			     struct address_space *mapping, bool may_wait)
{
	DECLARE_WAITQUEUE(ended, current); /* see hf_pins_ended() */
	struct page *page;
	int err = 0;

	while (!err && (page = hf_change_busy_page(file, change))) {
		hf_unhooked_retreat(change);
		if (!may_wait) {
			hf_pair_told(change, page);
			return -ERESTARTSYS;
		}
		add_wait_queue(&file->wait, &ended);
		err = hf_wait_page(mapping, page);
		remove_wait_queue(&file->wait, &ended);
	}
	return err;
}

/* dax_break_layout() waits by itself, and forgets the pages of the range. */
static int hf_break_layout(struct hf_file *file, struct inode *inode,
			   loff_t start, loff_t end, void(cb)(struct inode *))
{
	struct hf_change *change = hf_unhooked_here(file);
	int err;

	if (change->nothing)
		return 0;
	/* Without a callback the caller comes back on any error: break then. */
	if (change->info.op == HOLDFAST_OP_UNKNOWN && cb &&
	    hf_change_excluded(file, change)) {
		hf_unhooked_passed(change);
		return -ETXTBSY;
	}
	hf_change_break(file, change);
	err = hf_wait_consumers(file, change, inode->i_mapping, cb);
	/* From here on nothing is pinned. */
	if (!err)
		hf_change_break(file, change);
	hf_change_bytes(change, &start, &end);
	if (!err)
		err = dax_break_layout(inode, start, end, cb);
	if (!err)
		hf_change_passed(file, change);
	if (!err || cb)
		hf_unhooked_passed(change);
	else
		/* It comes back at once: let somebody else run. */
		schedule_timeout_uninterruptible(HZ / 100);
	return err;
}

int hf_wrap_dax_break_layout(struct inode *inode, loff_t start, loff_t end,
			     void(cb)(struct inode *))
{
	struct page *page = cb ? hf_pair_page(inode->i_mapping) : NULL;
	struct hf_file *file = hf_file_find(inode);
	int err = page ? hf_wait_page(inode->i_mapping, page) : 0;

	if (!err)
		err = file ? hf_break_layout(file, inode, start, end, cb)
			   : dax_break_layout(inode, start, end, cb);
	if (file)
		hf_file_put(file);
	hf_hooks_leave();
	return err;
}

#else

/* dax_layout_busy_page() names a page to wait for; the filesystem waits. */
static struct page *hf_busy_page(struct hf_file *file,
				 struct address_space *mapping)
{
	struct hf_change *change = hf_unhooked_here(file);
	loff_t start, end;
	struct page *page;

	if (change->nothing)
		return NULL;
	hf_change_break(file, change);
	page = hf_change_busy_page(file, change);
	hf_change_bytes(change, &start, &end);
	if (!page && HF_GUARDED)
		page = dax_layout_busy_page_range(mapping, start, end);
	hf_pair_told(change, page);
	if (page) {
		hf_unhooked_retreat(change);
	} else {
		hf_change_passed(file, change);
		hf_unhooked_passed(change);
	}
	return page;
}

struct page *hf_wrap_dax_layout_busy_page(struct address_space *mapping)
{
	struct page *page = hf_pair_page(mapping);
	struct hf_file *file = hf_file_find(mapping->host);

	if (!page)
		page = file ? hf_busy_page(file, mapping)
			    : dax_layout_busy_page_range(mapping, 0, LLONG_MAX);
	if (file)
		hf_file_put(file);
	hf_hooks_leave();
	return page;
}

#endif
