/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels Holdfast runs on. Nothing outside this
 * folder looks at a version.
 *
 * The dividing line is 6.15: until then a DAX page that is idle has a
 * reference count of 1, page tables hold none, and a filesystem asks
 * dax_layout_busy_page() for a busy page and waits by itself; since then an
 * idle page has a count of 0, page tables hold references, and the filesystem
 * calls dax_break_layout().
 */
#ifndef HF_COMPAT_H
#define HF_COMPAT_H

#include <linux/dax.h>
#include <linux/exportfs.h>
#include <linux/fs.h>
#include <linux/io_uring_types.h>
#include <linux/ftrace.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/version.h>
#include <linux/vmstat.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "Holdfast needs Linux 6.1 or later"
#endif
#ifdef CONFIG_PREEMPT_RT
#error "Holdfast was not tried with PREEMPT_RT"
#endif
#ifndef CONFIG_X86_64
#error "Holdfast diverts calls in the x86-64 way only"
#endif
#ifndef CONFIG_DYNAMIC_FTRACE_WITH_REGS
#error "Holdfast hooks functions by ftrace: no kernel without CONFIG_DYNAMIC_FTRACE_WITH_REGS"
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
/* Filesystems call dax_break_layout(), and GUP refuses fs-dax folios itself. */
#define HF_DAX_BREAK_LAYOUT 1
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
/* The mapping of owners that the file's mount uses. */
static inline struct user_namespace *hf_file_idmap(struct file *file)
{
	return file_mnt_user_ns(file);
}

#define HF_IDMAP struct user_namespace
#else
static inline struct mnt_idmap *hf_file_idmap(struct file *file)
{
	return file_mnt_idmap(file);
}

#define HF_IDMAP struct mnt_idmap
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
static inline long hf_gup_get(unsigned long start, unsigned long nr,
			      unsigned int flags, struct page **pages)
{
	return get_user_pages(start, nr, flags, pages, NULL);
}

/* The same, of any process. */
static inline long hf_gup_get_of(struct mm_struct *mm, unsigned long start,
				 unsigned long nr, unsigned int flags,
				 struct page **pages)
{
	return get_user_pages_remote(mm, start, nr, flags, pages, NULL, NULL);
}
#else
static inline long hf_gup_get(unsigned long start, unsigned long nr,
			      unsigned int flags, struct page **pages)
{
	return get_user_pages(start, nr, flags, pages);
}

static inline long hf_gup_get_of(struct mm_struct *mm, unsigned long start,
				 unsigned long nr, unsigned int flags,
				 struct page **pages)
{
	return get_user_pages_remote(mm, start, nr, flags, pages, NULL);
}
#endif

/* pin_user_pages() and its kin could name the VMAs, too. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define HF_PIN_NAMES_VMAS 1
#define HF_VMAS_PARAM	  struct vm_area_struct **vmas,
#define HF_VMAS_GIVEN	  vmas

static inline long hf_pin_user_pages(unsigned long start, unsigned long nr,
				     unsigned int flags, struct page **pages,
				     struct vm_area_struct **vmas)
{
	return pin_user_pages(start, nr, flags, pages, vmas);
}

static inline long
hf_pin_user_pages_remote(struct mm_struct *mm, unsigned long start,
			 unsigned long nr, unsigned int flags,
			 struct page **pages, struct vm_area_struct **vmas,
			 int *locked)
{
	return pin_user_pages_remote(mm, start, nr, flags, pages, vmas, locked);
}
#else
#define HF_VMAS_PARAM
#define HF_VMAS_GIVEN NULL

static inline long hf_pin_user_pages(unsigned long start, unsigned long nr,
				     unsigned int flags, struct page **pages,
				     struct vm_area_struct **vmas)
{
	return pin_user_pages(start, nr, flags, pages);
}

static inline long
hf_pin_user_pages_remote(struct mm_struct *mm, unsigned long start,
			 unsigned long nr, unsigned int flags,
			 struct page **pages, struct vm_area_struct **vmas,
			 int *locked)
{
	return pin_user_pages_remote(mm, start, nr, flags, pages, locked);
}
#endif

/* break_layout(): up to 6.2 in linux/fs.h */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#include <linux/filelock.h>
#endif

/* Gives out pNFS layouts of a file's blocks, or NULL. */
#ifndef CONFIG_EXPORTFS_BLOCK_OPS
static notrace inline void *hf_map_blocks(const struct super_block *sb)
{
	return NULL;
}
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#include <linux/exportfs_block.h>

static notrace inline void *hf_map_blocks(const struct super_block *sb)
{
	const struct exportfs_block_ops *ops = sb->s_export_op->block_ops;

	return ops ? ops->map_blocks : NULL;
}
#else
static notrace inline void *hf_map_blocks(const struct super_block *sb)
{
	return sb->s_export_op->map_blocks;
}
#endif

/* Of a page of a device, with a reference, or NULL. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
static inline struct dev_pagemap *hf_pagemap_get(unsigned long pfn)
{
	return get_dev_pagemap(pfn, NULL);
}
#else
static inline struct dev_pagemap *hf_pagemap_get(unsigned long pfn)
{
	return get_dev_pagemap(pfn);
}
#endif

/* The flags of a VMA have become a type of their own. */
#ifdef EMPTY_VMA_FLAGS
#define HF_NO_VMA_FLAGS EMPTY_VMA_FLAGS
#else
#define HF_NO_VMA_FLAGS 0
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
static inline unsigned long *hf_page_flags(struct page *page)
{
	return &page->flags;
}
#else
static inline unsigned long *hf_page_flags(struct page *page)
{
	return &page->flags.f;
}
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
/* There is unpin_user_folio(). */
#define HF_UNPIN_FOLIO 1
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0) && \
	defined(CONFIG_MEMORY_FAILURE)
/* xfs_dax_notify_dev_failure() miscounts the pages of a file: see hooks/table.c. */
#define HF_XFS_FAILURE_MISCOUNTS 1
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
/* overlayfs calls do_clone_file_range(), a part of vfs_clone_file_range(). */
#define HF_DO_CLONE 1
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
/* XFS exchanges ranges, and remap_verify_area() is exported for it. */
#define HF_EXCHANGE_RANGE 1
#endif

/* Whether an io_uring has buffers or files of its own. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline bool hf_ring_has_resources(const struct io_ring_ctx *ring)
{
	return READ_ONCE(ring->nr_user_bufs) || READ_ONCE(ring->nr_user_files);
}
#else
static inline bool hf_ring_has_resources(const struct io_ring_ctx *ring)
{
	return READ_ONCE(ring->buf_table.nr) ||
	       READ_ONCE(ring->file_table.data.nr);
}
#endif

/* How pNFS asks a filesystem for blocks. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#include <linux/exportfs_block.h>
static inline const struct exportfs_block_ops *
hf_block_ops(const struct super_block *sb)
{
	return sb->s_export_op ? sb->s_export_op->block_ops : NULL;
}
#else
#include <linux/exportfs.h>
static inline const struct export_operations *
hf_block_ops(const struct super_block *sb)
{
	return sb->s_export_op;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define HF_FILEATTR struct fileattr
#else
#define HF_FILEATTR struct file_kattr
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define HF_DELEGATED_INODE struct inode *
#else
#define HF_DELEGATED_INODE struct delegated_inode
#endif

/*
 * References that a page may have, 1024 of them a pin. The kernel does not limit how
 * often a page is mapped and pinned, and takes a count beyond INT_MAX for an
 * overflow. The count is checked after pages have been pinned, by many callers at a
 * time, which may pin 2^18 times each (a fixed buffer of 1 GiB).
 */
#define HF_PAGE_REFS_MAX BIT(29)

static inline bool hf_page_is_full(struct page *page)
{
	return (unsigned int)folio_ref_count(page_folio(page)) >
	       HF_PAGE_REFS_MAX;
}

#ifdef HF_DAX_BREAK_LAYOUT
/* A page cache entry is a folio, which counts the references to all of its pages. */
#define HF_ENTRY_IS_FOLIO true

/* References that are not page tables'. */
static inline unsigned int hf_folio_held(struct folio *folio)
{
	unsigned int mapped, refs;

	/* Mappings come and go without a lock that we could take. */
	do {
		mapped = folio_mapcount(folio);
		refs = folio_ref_count(folio);
	} while (mapped != (unsigned int)folio_mapcount(folio));
	return refs > mapped ? refs - mapped : 0;
}

/* Something other than page tables holds the page. */
static inline bool hf_page_busy(struct page *page)
{
	struct folio *folio = page_folio(page);

	return hf_folio_held(folio) ||
	       (folio_test_large(folio) && atomic_read(&folio->_pincount) > 0);
}

/* It is pinned; folio_maybe_dma_pinned() takes 1024 mappings of it for a pin. */
static inline bool hf_page_pinned(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (folio_test_large(folio))
		return atomic_read(&folio->_pincount) > 0;
	return hf_folio_held(folio) >= GUP_PIN_COUNTING_BIAS;
}

static inline bool hf_page_is_fsdax(struct page *page)
{
	return is_fsdax_page(page);
}

/* Forgets the pages of a file. Called with its invalidate_lock held exclusively. */
static inline void hf_dax_forget(struct address_space *mapping)
{
	dax_delete_mapping_range(mapping, 0, LLONG_MAX);
}

/* Which page of a file it is; false: of more than one, or of none. */
static inline bool hf_page_place(struct page *page,
				 struct address_space **mapping, pgoff_t *index)
{
	struct folio *folio = page_folio(page);

	*mapping = READ_ONCE(folio->mapping);
	*index = folio->index + folio_page_idx(folio, page);
	return *mapping;
}

/* What the kernel wakes with wake_up_var() when the page becomes idle. */
static inline void *hf_page_idle_var(struct page *page)
{
	return &page_folio(page)->page;
}

/* What a pin of a page is beyond a reference. */
static inline void hf_folio_refs_to_pins(struct folio *folio, unsigned int nr)
{
	if (folio_test_large(folio))
		atomic_add(nr, &folio->_pincount);
	else
		folio_ref_add(folio, nr * (GUP_PIN_COUNTING_BIAS - 1));
}

/* Pages whose blocks were shared look like others. */
static inline void hf_page_own(struct page *page, struct address_space *mapping,
			       pgoff_t index)
{
}

static inline bool hf_page_looks_shared(struct page *page)
{
	return false;
}

#else
/* Pages of an entry, also of a large one, are on their own. */
#define HF_ENTRY_IS_FOLIO false

static inline bool hf_page_busy(struct page *page)
{
	return (unsigned int)page_ref_count(page) > 1;
}

/* As far as a page can tell: see pin_user_pages(). */
static inline bool hf_page_pinned(struct page *page)
{
	return folio_maybe_dma_pinned(page_folio(page));
}

static inline bool hf_page_is_fsdax(struct page *page)
{
	return is_zone_device_page(page) &&
	       page->pgmap->type == MEMORY_DEVICE_FS_DAX;
}

static inline void hf_dax_forget(struct address_space *mapping)
{
	truncate_inode_pages(mapping, 0);
}

static inline bool hf_page_place(struct page *page,
				 struct address_space **mapping, pgoff_t *index)
{
	*mapping = READ_ONCE(page->mapping);
	*index = page->index;
	/* Flags are of blocks that were shared: see hf_page_own(). */
	return *mapping && !((unsigned long)*mapping & PAGE_MAPPING_FLAGS);
}

static inline void *hf_page_idle_var(struct page *page)
{
	return &page->_refcount;
}

/* The same as above; no fs-dax folio is large yet. */
static inline void hf_folio_refs_to_pins(struct folio *folio, unsigned int nr)
{
	folio_ref_add(folio, nr * (GUP_PIN_COUNTING_BIAS - 1));
}

/*
 * fs/dax.c marks a page whose block is or was shared, also a copy that a write
 * fault made of one, in a way in which GUP takes it for anonymous: of a read-only
 * mapping it would try for ever to pin it. The caller has the page referenced, in
 * one piece with such a one, and by a write fault, so the block is the file's
 * alone. Where the page is, too (an entry of another file can stay until that
 * is punched), make it what dax_associate_entry() makes of an unshared one:
 * dax_disassociate_entry() knows both.
 */
static inline void hf_page_own(struct page *page, struct address_space *mapping,
			       pgoff_t index)
{
#ifdef PAGE_MAPPING_DAX_COW
	void *shared = (void *)PAGE_MAPPING_DAX_COW;
#else
	void *shared = PAGE_MAPPING_DAX_SHARED;
#endif

	/* While it is shared, the index counts by whom. */
	if (READ_ONCE(page->mapping) == shared && page->index == 1) {
		page->index = index;
		WRITE_ONCE(page->mapping, mapping);
	}
}

/* Whether a page of a file still looks so. */
static inline bool hf_page_looks_shared(struct page *page)
{
	return hf_page_is_fsdax(page) &&
	       (unsigned long)READ_ONCE(page->mapping) & PAGE_MAPPING_FLAGS;
}

#endif

/*
 * As GUP pins a page, for unpin_user_page(). The caller makes sure that the page,
 * whose count may be that of an idle one, stays what it is. False: it has too many
 * references.
 */
static inline bool hf_page_pin(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (hf_page_is_full(page))
		return false;
	folio_ref_inc(folio);
	hf_folio_refs_to_pins(folio, 1);
	node_stat_mod_folio(folio, NR_FOLL_PIN_ACQUIRED, 1);
	return true;
}

#endif
