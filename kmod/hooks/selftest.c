// SPDX-License-Identifier: GPL-2.0
/*
 * A call of every hook when the module is loaded. A hook that is not called, or
 * whose wrapper is called by its own call of the function, fails the loading.
 *
 * Each call must reach the wrapper once, and from there the kernel's function
 * once. The calls are harmless: they are of a private tmpfs file, which counts as
 * leased for that time, or they fail by their arguments. They come from the init
 * section, whose calls hf_hook_entry() does not take for a wrapper's.
 *
 * A work item makes them, as changes that only the end of a system call ends
 * (change/unhooked.c) end at once for a kernel thread. It uses the memory of the task that
 * loads the module, for the calls that pin pages.
 */
#include <linux/dax.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fileattr.h>
#include <linux/kthread.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include "core/caller.h"
#include "core/file.h"
#include "core/hook.h"
#include "pages/fiemap.h"
#include "pages/reflink.h"
#include "hooks/poison.h"
#include "hooks/selftest.h"
#include "hooks/unpin.h"

struct hf_selftest {
	struct work_struct work;
	struct file *file;
	struct mm_struct *mm;
	int err;
};

static int __init hf_test_notify_change(struct file *file)
{
	struct iattr attr = {
		.ia_valid = ATTR_SIZE,
		.ia_size = i_size_read(file_inode(file)),
	};
	int err;

	inode_lock(file_inode(file));
	err = notify_change(hf_file_idmap(file), file_dentry(file), &attr,
			    NULL);
	inode_unlock(file_inode(file));
	return err;
}

/* This calls the method, too. */
static int __init hf_test_fallocate(struct file *file)
{
	return vfs_fallocate(file, FALLOC_FL_KEEP_SIZE, 0, PAGE_SIZE);
}

static int __init hf_test_clone(struct file *file)
{
	return vfs_clone_file_range(file, 0, file, 0, 0, 0) == -EOPNOTSUPP
		       ? 0
		       : -EIO;
}

#ifdef HF_DO_CLONE
/* The wrapper answers it. */
static int __init hf_test_do_clone(struct file *file)
{
	return do_clone_file_range(file, 0, file, 0, 0, 0) == -EOPNOTSUPP
		       ? 0
		       : -EIO;
}
#endif

static int __init hf_test_dedupe(struct file *file)
{
	return vfs_dedupe_file_range_one(file, 0, file, 0, 0,
					 REMAP_FILE_DEDUP) == -EINVAL
		       ? 0
		       : -EIO;
}

static int __init hf_test_copy(struct file *file)
{
	return vfs_copy_file_range(file, 0, file, 0, 0, 0);
}

/* Not every tmpfs has attributes. */
static int __init hf_test_fileattr(struct file *file)
{
	HF_FILEATTR attr = {};

	vfs_fileattr_set(hf_file_idmap(file), file_dentry(file), &attr);
	return 0;
}

static int __init hf_test_lock_two(struct file *file)
{
	struct inode *inode = file_inode(file);

	inode_lock(inode);
	filemap_invalidate_lock_two(inode->i_mapping, inode->i_mapping);
	filemap_invalidate_unlock_two(inode->i_mapping, inode->i_mapping);
	inode_unlock(inode);
	return 0;
}

static int __init hf_test_fiemap(struct file *file)
{
	return hf_fiemap_test();
}

/* Nothing is mapped at address 0. */
static int __init hf_test_pin_remote(struct file *file)
{
	struct page *page;
	long ret;

	mmap_read_lock(current->mm);
	ret = hf_pin_user_pages_remote(current->mm, 0, 1, FOLL_LONGTERM, &page,
				       NULL, NULL);
	mmap_read_unlock(current->mm);
	return ret == -EFAULT ? 0 : -EIO;
}

static int __init hf_test_pin(struct file *file)
{
	struct page *page;
	long ret;

	mmap_read_lock(current->mm);
	ret = hf_pin_user_pages(0, 1, FOLL_LONGTERM, &page, NULL);
	mmap_read_unlock(current->mm);
	return ret == -EFAULT ? 0 : -EIO;
}

static int __init hf_test_pin_fast(struct file *file)
{
	struct page *page;

	return pin_user_pages_fast(0, 1, FOLL_LONGTERM, &page) == -EFAULT
		       ? 0
		       : -EIO;
}
/* A pin of the test's page, for the function to end: 0 or -EIO. */
static int __init hf_test_pinned(void)
{
	return hf_page_pin(hf_unpin_test_page) ? 0 : -EIO;
}

static int __init hf_test_unpin_page(struct file *file)
{
	int err = hf_test_pinned();

	if (!err)
		unpin_user_page(hf_unpin_test_page);
	return err;
}

static int __init hf_test_unpin_pages(struct file *file)
{
	int err = hf_test_pinned();

	if (!err)
		unpin_user_pages(&hf_unpin_test_page, 1);
	return err;
}

static int __init hf_test_unpin_dirty(struct file *file)
{
	int err = hf_test_pinned();

	if (!err)
		unpin_user_pages_dirty_lock(&hf_unpin_test_page, 1, true);
	return err;
}

static int __init hf_test_unpin_range(struct file *file)
{
	int err = hf_test_pinned();

	if (!err)
		unpin_user_page_range_dirty_lock(hf_unpin_test_page, 1, true);
	return err;
}

#ifdef HF_UNPIN_FOLIO
static int __init hf_test_unpin_folio(struct file *file)
{
	int err = hf_test_pinned();

	if (!err)
		unpin_user_folio(page_folio(hf_unpin_test_page), 1);
	return err;
}
#endif

#ifdef HF_EXCHANGE_RANGE
static int __init hf_test_verify_area(struct file *file)
{
	return remap_verify_area(file, -1, 0, true) == -EINVAL ? 0 : -EIO;
}
#endif

#ifdef HF_DAX_BREAK_LAYOUT
static int __init hf_test_break_layout(struct file *file)
{
	struct inode *inode = file_inode(file);
	int err;

	filemap_invalidate_lock(inode->i_mapping);
	err = dax_break_layout(inode, 0, LLONG_MAX, NULL);
	filemap_invalidate_unlock(inode->i_mapping);
	return err;
}

/* What the file has allocated may stay. */
static int __init hf_test_invalidate(struct file *file)
{
	struct address_space *mapping = file->f_mapping;
	int err;

	filemap_invalidate_lock(mapping);
	err = invalidate_inode_pages2(mapping);
	filemap_invalidate_unlock(mapping);
	return err == -EBUSY ? 0 : err;
}
#else
static int __init hf_test_busy_page(struct file *file)
{
	struct address_space *mapping = file->f_mapping;
	struct page *page;

	filemap_invalidate_lock(mapping);
	page = dax_layout_busy_page(mapping);
	filemap_invalidate_unlock(mapping);
	return page ? -EIO : 0;
}
#endif

/* No disk has this address, so none is found by it. */
static int __init hf_test_remove_host(struct file *file)
{
	dax_remove_host((struct gendisk *)file);
	return 0;
}

/* There is no such device; this ends the removal that the test before began. */
static int __init hf_test_kill(struct file *file)
{
	kill_dax(NULL);
	return 0;
}

#ifdef HF_XFS_FAILURE_MISCOUNTS
static int __init hf_test_kill_procs(struct file *file)
{
	return mf_dax_kill_procs(file->f_mapping, 0, 0, 0);
}
#endif

/* The wrapper answers it. */
static int __init hf_test_memory_failure(struct file *file)
{
	return memory_failure(HF_POISON_TEST_PFN, 0) == -ENXIO ? 0 : -EIO;
}

struct hf_hook_test {
	const char *name; /* of the hook, as there */
	int (*call)(struct file *file);
};

static const struct hf_hook_test hf_hook_tests[] __initconst = {
	{ "notify_change", hf_test_notify_change },
	{ "vfs_fallocate", hf_test_fallocate },
	{ "->fallocate", hf_test_fallocate },
	{ "vfs_clone_file_range", hf_test_clone },
#ifdef HF_DO_CLONE
	{ "do_clone_file_range", hf_test_do_clone },
#endif
	{ "vfs_dedupe_file_range_one", hf_test_dedupe },
	{ "vfs_copy_file_range", hf_test_copy },
	{ "vfs_fileattr_set", hf_test_fileattr },
	{ "filemap_invalidate_lock_two", hf_test_lock_two },
	{ "fiemap_fill_next_extent", hf_test_fiemap },
	{ "filemap_write_and_wait_range", hf_has_shared_test },
	{ "pin_user_pages", hf_test_pin },
	{ "pin_user_pages_fast", hf_test_pin_fast },
	{ "pin_user_pages_remote", hf_test_pin_remote },
	{ "dax_remove_host", hf_test_remove_host },
	{ "kill_dax", hf_test_kill },
#ifdef HF_XFS_FAILURE_MISCOUNTS
	{ "mf_dax_kill_procs", hf_test_kill_procs },
#endif
	{ "memory_failure", hf_test_memory_failure },
	{ "unpin_user_page", hf_test_unpin_page },
	{ "unpin_user_pages", hf_test_unpin_pages },
	{ "unpin_user_pages_dirty_lock", hf_test_unpin_dirty },
	{ "unpin_user_page_range_dirty_lock", hf_test_unpin_range },
#ifdef HF_UNPIN_FOLIO
	{ "unpin_user_folio", hf_test_unpin_folio },
#endif
#ifdef HF_EXCHANGE_RANGE
	{ "remap_verify_area", hf_test_verify_area },
#endif
#ifdef HF_DAX_BREAK_LAYOUT
	{ "dax_break_layout", hf_test_break_layout },
	{ "invalidate_inode_pages2", hf_test_invalidate },
#else
	{ "dax_layout_busy_page", hf_test_busy_page },
#endif
};

static int __init hf_hook_test(const struct hf_hook_test *test,
			       struct file *file)
{
	struct hf_hook *hook = hf_hook_find(test->name);
	int err;

	if (WARN_ON(!hook))
		return -ENOENT;
	hook->entered = 0;
	hook->passed = 0;
	err = test->call(file);
	if (!err && hook->entered == 1 && hook->passed == !hook->replaces &&
	    !hf_caller_is_noted())
		return 0;
	pr_err("holdfast: the hook on %s does not work: called %u times, let through %u times, error %d; not loading\n",
	       hook->name, hook->entered, hook->passed, err);
	return err ?: -EIO;
}

static void __init hf_selftest_work(struct work_struct *work)
{
	struct hf_selftest *test = container_of(work, struct hf_selftest, work);
	unsigned int i;

	kthread_use_mm(test->mm);
	hf_hooks_count(current);
	for (i = 0; !test->err && i < ARRAY_SIZE(hf_hook_tests); i++)
		test->err = hf_hook_test(&hf_hook_tests[i], test->file);
	hf_hooks_count(NULL);
	kthread_unuse_mm(test->mm);
	if (!test->err)
		test->err = hf_hooks_untested();
}

static int __init hf_hooks_test_file(struct file *file)
{
	struct hf_selftest test = { .file = file, .mm = current->mm };
	struct hf_file *leased = hf_file_get(file_inode(file), true, 1);

	if (IS_ERR(leased))
		return PTR_ERR(leased);
	INIT_WORK_ONSTACK(&test.work, hf_selftest_work);
	queue_work(hf_wq, &test.work);
	flush_work(&test.work);
	destroy_work_on_stack(&test.work);
	hf_file_unbind(leased);
	hf_file_put(leased);
	return test.err;
}

/* Returns 0, or -errno and a message if a hook does not work. */
int __init hf_hooks_test(void)
{
	struct file *file =
		shmem_file_setup("holdfast", PAGE_SIZE, HF_NO_VMA_FLAGS);
	int err;

	if (IS_ERR(file))
		return PTR_ERR(file);
	hf_unpin_test_page = alloc_page(GFP_KERNEL);
	err = hf_unpin_test_page ? hf_hooks_arm(file) : -ENOMEM;
	if (!err) {
		err = hf_hooks_test_file(file);
		hf_hooks_disarm(file);
		hf_hooks_unregister();
	}
	if (hf_unpin_test_page)
		put_page(hf_unpin_test_page);
	hf_unpin_test_page = NULL;
	fput(file);
	return err;
}
