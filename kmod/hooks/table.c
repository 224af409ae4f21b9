// SPDX-License-Identifier: GPL-2.0
/*
 * The exported functions of the kernel that Holdfast hooks: on which calls, and
 * which change to the kernel itself each stands for. Methods of filesystems are in
 * method.c.
 */
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/fileattr.h>
#include <linux/pagemap.h>
#include "core/file.h"
#include "core/hook.h"
#include "pages/fiemap.h"
#include "pages/reflink.h"
#include "change/pair.h"
#include "hooks/busy.h"
#include "hooks/change.h"
#include "hooks/device.h"
#include "hooks/exchange.h"
#include "hooks/gup.h"
#include "hooks/layout.h"
#include "hooks/method.h"
#include "hooks/poison.h"
#include "hooks/remap.h"
#include "hooks/selftest.h"
#include "hooks/table.h"
#include "hooks/unpin.h"

/* Only changes of size are changes of layout. */
static notrace bool hf_wants_notify_change(struct pt_regs *regs)
{
	struct dentry *dentry = (void *)regs_get_kernel_argument(regs, 1);
	struct iattr *attr = (void *)regs_get_kernel_argument(regs, 2);

	return attr->ia_valid & ATTR_SIZE && hf_inode_leased(d_inode(dentry));
}

static notrace bool hf_wants_dentry(struct pt_regs *regs)
{
	struct dentry *dentry = (void *)regs_get_kernel_argument(regs, 1);

	return hf_inode_leased(d_inode(dentry));
}

static notrace bool hf_wants_file(struct pt_regs *regs)
{
	struct file *filp = (void *)regs_get_kernel_argument(regs, 0);

	return hf_inode_leased(file_inode(filp));
}

static notrace bool hf_wants_files(struct pt_regs *regs)
{
	struct file *out = (void *)regs_get_kernel_argument(regs, 2);

	return hf_wants_file(regs) || hf_inode_leased(file_inode(out));
}

#ifdef HF_EXCHANGE_RANGE
/* The other files of a remap are only read. */
static notrace bool hf_wants_written_file(struct pt_regs *regs)
{
	return regs_get_kernel_argument(regs, 3) & 1 && hf_wants_file(regs);
}

#endif

/* Leased files in XFS are DAX: the wrapper says which calls take these locks. */
static notrace bool hf_wants_mappings(struct pt_regs *regs)
{
	struct address_space *mapping1 =
		(void *)regs_get_kernel_argument(regs, 0);
	struct address_space *mapping2 =
		(void *)regs_get_kernel_argument(regs, 1);

	if (!mapping1 || !mapping2)
		return false;
	return hf_inode_leased(mapping1->host) ||
	       hf_inode_leased(mapping2->host);
}

static notrace bool hf_wants_longterm(struct pt_regs *regs)
{
	return regs_get_kernel_argument(regs, 2) & FOLL_LONGTERM;
}

static notrace bool hf_wants_longterm_remote(struct pt_regs *regs)
{
	return regs_get_kernel_argument(regs, 3) & FOLL_LONGTERM;
}

/*
 * Pages of a file with DAX, outside of interrupts. All that a driver unpins at
 * once was pinned at once, so the first page speaks for the others.
 */
static notrace bool hf_wants_unpinned(struct page *page)
{
	return in_task() && !irqs_disabled() && page &&
	       (hf_page_is_fsdax(page) || page == hf_unpin_test_page);
}

static notrace bool hf_wants_unpinned_page(struct pt_regs *regs)
{
	return hf_wants_unpinned((void *)regs_get_kernel_argument(regs, 0));
}

static notrace bool hf_wants_unpinned_array(struct pt_regs *regs)
{
	struct page **pages = (void *)regs_get_kernel_argument(regs, 0);

	return regs_get_kernel_argument(regs, 1) && hf_wants_unpinned(*pages);
}

#ifdef HF_DAX_BREAK_LAYOUT
static notrace bool hf_wants_inode(struct pt_regs *regs)
{
	struct inode *inode = (void *)regs_get_kernel_argument(regs, 0);

	return hf_inode_leased(inode) || hf_pair_page(inode->i_mapping);
}

static notrace bool hf_wants_leased_mapping(struct pt_regs *regs)
{
	struct address_space *mapping =
		(void *)regs_get_kernel_argument(regs, 0);

	return hf_inode_leased(mapping->host);
}

#else
static notrace bool hf_wants_mapping(struct pt_regs *regs)
{
	struct address_space *mapping =
		(void *)regs_get_kernel_argument(regs, 0);

	return hf_inode_leased(mapping->host) || hf_pair_page(mapping);
}

#endif

/* There are leases, or permissions. */
static notrace bool hf_wants_all(struct pt_regs *regs)
{
	return true;
}

#define HF_HOOK(f, wanted)                                         \
	{                                                          \
		.name = #f, .function = f, .wrapper = hf_wrap_##f, \
		.wants = wanted,                                   \
	}

/* The wrapper asks where it was called from. */
#define HF_HOOK_BY_CALLER(f, wanted)                               \
	{                                                          \
		.name = #f, .function = f, .wrapper = hf_wrap_##f, \
		.wants = wanted, .by_caller = true,                \
	}

/* The wrapper does not call the function itself, or not in the self-test. */
#define HF_HOOK_REPLACED(f, wanted)                                \
	{                                                          \
		.name = #f, .function = f, .wrapper = hf_wrap_##f, \
		.wants = wanted, .replaces = true,                 \
	}

/* Looked up from the first one on, at each call: those that are called most come first. */
static struct hf_hook hf_kernel_functions[] = {
	/*
	 * Long-term pins: allowed on mappings of leased ranges, and where an
	 * implicit lease may be made. In tree: a test for leases where GUP
	 * refuses vma_is_fsdax().
	 */
	HF_HOOK_BY_CALLER(pin_user_pages, hf_wants_longterm),
	HF_HOOK_BY_CALLER(pin_user_pages_fast, hf_wants_longterm),
	/*
	 * The same by VFIO: also clear PG_reserved, with which it would never
	 * unpin (pages/reserved.c). In tree: no PG_reserved on ZONE_DEVICE pages.
	 */
	HF_HOOK_BY_CALLER(pin_user_pages_remote, hf_wants_longterm_remote),
	/*
	 * The end of pins: so that no process is killed that has let go.
	 * In tree: an end of the registration, in the drivers.
	 */
	HF_HOOK_BY_CALLER(unpin_user_page, hf_wants_unpinned_page),
	HF_HOOK_BY_CALLER(unpin_user_pages, hf_wants_unpinned_array),
	HF_HOOK_BY_CALLER(unpin_user_pages_dirty_lock, hf_wants_unpinned_array),
	HF_HOOK_BY_CALLER(unpin_user_page_range_dirty_lock,
			  hf_wants_unpinned_page),
#ifdef HF_UNPIN_FOLIO
	HF_HOOK_BY_CALLER(unpin_user_folio, hf_wants_unpinned_page),
#endif
	/*
	 * Changes of size of a leased file: learn the range, refuse with
	 * ETXTBSY under an exclusive lease, know when the change is over.
	 * In tree: a break_layout() call with a range in do_truncate().
	 */
	HF_HOOK_BY_CALLER(notify_change, hf_wants_notify_change),
	/*
	 * fallocate() of a leased file: the same.
	 * In tree: the same call in vfs_fallocate().
	 */
	HF_HOOK(vfs_fallocate, hf_wants_file),
	/*
	 * Reflink and dedupe from or to a leased file: the same, for both
	 * files. In tree: the same call in these functions.
	 */
	HF_HOOK(vfs_clone_file_range, hf_wants_files),
#ifdef HF_DO_CLONE
	/*
	 * overlayfs copies a leased file up: by its content.
	 * In tree: overlayfs calls vfs_clone_file_range(), as from 6.8 on.
	 */
	HF_HOOK_REPLACED(do_clone_file_range, hf_wants_files),
#endif
	HF_HOOK(vfs_dedupe_file_range_one, hf_wants_files),
	/*
	 * copy_file_range() from or to a leased file: copy, do not share.
	 * In tree: a test for leases where the function tries to remap.
	 */
	HF_HOOK(vfs_copy_file_range, hf_wants_files),
	/*
	 * FS_IOC_FSSETXATTR of a leased file: the units of allocation and of
	 * copy on write stay. In tree: a test for leases in this function.
	 */
	HF_HOOK(vfs_fileattr_set, hf_wants_dentry),
	/*
	 * XFS_IOC_SWAPEXT of a leased file, and XFS_IOC_EXCHANGE_RANGE of it
	 * with one that is not DAX: wait for the consumers first.
	 * In tree: xfs_break_layouts() in xfs_swap_extents(), and for either
	 * file in xfs_ilock2_io_mmap().
	 */
	HF_HOOK(filemap_invalidate_lock_two, hf_wants_mappings),
	/*
	 * Our own question to a filesystem for extents: the answer is not for
	 * user memory (pages/fiemap.c). In tree: an in-kernel form of ->fiemap().
	 */
	HF_HOOK_REPLACED(fiemap_fill_next_extent, hf_wants_own_fiemap),
	/*
	 * Our own question to XFS whether a file has ever shared blocks: it
	 * ends before the file is flushed (reflink.c). In tree: a method of
	 * the filesystem that says so.
	 */
	HF_HOOK_REPLACED(filemap_write_and_wait_range, hf_wants_own_flush),
	/*
	 * A device with DAX is removed: its leases are revoked, and their
	 * pins waited for, before the page structures go. In tree: a wait
	 * for pins in dev_pagemap_ops.
	 */
	HF_HOOK(dax_remove_host, hf_wants_all),
	/*
	 * The same, a step later: page tables and page cache entries of pages
	 * that go are dropped. In tree: a holder operation of ext4, and one
	 * of XFS that does so, too, without a reverse map.
	 */
	HF_HOOK(kill_dax, hf_wants_all),
#ifdef HF_XFS_FAILURE_MISCOUNTS
	/*
	 * XFS notifies processes that map a removed device, and asks for
	 * 2^32 pages of a file, one by one, unless its blocks are in the last
	 * allocation group. In tree: no overflow of ri_high.rm_startblock + 1
	 * in xfs_dax_notify_dev_failure().
	 */
	HF_HOOK(mf_dax_kill_procs, hf_wants_all),
#endif
	/*
	 * Memory fails: notify the holders of leases of it, which may not
	 * have mapped it. In tree: a notifier of memory_failure().
	 */
	HF_HOOK_REPLACED(memory_failure, hf_wants_all),
#ifdef HF_EXCHANGE_RANGE
	/*
	 * XFS_IOC_EXCHANGE_RANGE of a leased file: learn the range, refuse
	 * with ETXTBSY under an exclusive lease, wait with no lock held.
	 * In tree: a break_layout() call with a range in xfs_exchange_range().
	 */
	HF_HOOK(remap_verify_area, hf_wants_written_file),
#endif
#ifdef HF_DAX_BREAK_LAYOUT
	/*
	 * A filesystem waits for DMA to a leased file: break the leases,
	 * empty their mappings, and wait for the range only.
	 * In tree: leases called from, and a range passed to, this function.
	 */
	HF_HOOK(dax_break_layout, hf_wants_inode),
	/*
	 * The page cache of a leased file is dropped to repair its block
	 * map: EBUSY where pages are pinned, which would be forgotten.
	 * invalidate_inode_pages2_range() is not hooked: fs/dax.c calls it
	 * for holes and shared blocks, which nothing has pinned (shared.c).
	 * In tree: the same question in xchk_setup_inode_bmap().
	 */
	HF_HOOK(invalidate_inode_pages2, hf_wants_leased_mapping),
#else
	/*
	 * A filesystem asks for busy pages of a leased file: break the
	 * leases, empty their mappings, look in the range only, and also
	 * when no process maps the file.
	 * In tree: leases called from, and a range passed to, this function;
	 * no early return for !mapping_mapped().
	 */
	HF_HOOK_REPLACED(dax_layout_busy_page, hf_wants_mapping),
#endif
};

static struct hf_hook_set hf_kernel_hooks = {
	.hooks = hf_kernel_functions,
	.nr = ARRAY_SIZE(hf_kernel_functions),
};

const struct hf_hook_source hf_all_hooks = {
	.kernel = &hf_kernel_hooks,
	.is_of = hf_method_set_is_of,
	.make = hf_method_set_new,
};
