/* SPDX-License-Identifier: GPL-2.0 */
/* The functions that stand before probed ones, and the numbers of the probes. */
#ifndef HF_WRAP_H
#define HF_WRAP_H

#include "holdfast.h"

enum hf_probe_nr {
	HF_PROBE_CANARY,
	HF_PROBE_NOTIFY_CHANGE,
	HF_PROBE_VFS_FALLOCATE,
	HF_PROBE_VFS_CLONE_FILE_RANGE,
	HF_PROBE_VFS_DEDUPE_FILE_RANGE_ONE,
	HF_PROBE_VFS_COPY_FILE_RANGE,
	HF_PROBE_VFS_FILEATTR_SET,
	HF_PROBE_FILEMAP_INVALIDATE_LOCK_TWO,
	HF_PROBE_PIN_USER_PAGES,
	HF_PROBE_PIN_USER_PAGES_FAST,
	HF_PROBE_PIN_USER_PAGES_REMOTE,
	HF_PROBE_FIEMAP_FILL_NEXT_EXTENT,
#ifdef HF_PROBE_VERIFY_AREA
	HF_PROBE_REMAP_VERIFY_AREA,
#endif
#ifdef HF_DAX_BREAK_LAYOUT
	HF_PROBE_DAX_BREAK_LAYOUT,
#else
	HF_PROBE_DAX_LAYOUT_BUSY_PAGE,
#endif
};

int hf_wrap_notify_change(HF_IDMAP *idmap, struct dentry *dentry,
			  struct iattr *attr, HF_DELEGATED_INODE *delegated);
int hf_wrap_vfs_fallocate(struct file *filp, int mode, loff_t offset,
			  loff_t length);
loff_t hf_wrap_vfs_clone_file_range(struct file *in, loff_t pos_in,
				    struct file *out, loff_t pos_out,
				    loff_t len, unsigned int flags);
loff_t hf_wrap_vfs_dedupe_file_range_one(struct file *in, loff_t pos_in,
					 struct file *out, loff_t pos_out,
					 loff_t len, unsigned int flags);
ssize_t hf_wrap_vfs_copy_file_range(struct file *in, loff_t pos_in,
				    struct file *out, loff_t pos_out,
				    size_t len, unsigned int flags);
int hf_wrap_vfs_fileattr_set(HF_IDMAP *idmap, struct dentry *dentry,
			     HF_FILEATTR *attr);
void hf_wrap_filemap_invalidate_lock_two(struct address_space *mapping1,
					 struct address_space *mapping2);
#ifdef HF_PIN_NAMES_VMAS
long hf_wrap_pin_user_pages(unsigned long start, unsigned long nr,
			    unsigned int flags, struct page **pages,
			    struct vm_area_struct **vmas);
#else
long hf_wrap_pin_user_pages(unsigned long start, unsigned long nr,
			    unsigned int flags, struct page **pages);
#endif
int hf_wrap_pin_user_pages_fast(unsigned long start, int nr, unsigned int flags,
				struct page **pages);
long hf_wrap_pin_user_pages_remote(struct mm_struct *mm, unsigned long start,
				   unsigned long nr, unsigned int flags,
				   struct page **pages,
				   HF_VMAS_PARAM int *locked);

int hf_wrap_fiemap_fill_next_extent(struct fiemap_extent_info *info,
				    u64 logical, u64 phys, u64 len, u32 flags);

#ifdef HF_PROBE_VERIFY_AREA
int hf_wrap_remap_verify_area(struct file *filp, loff_t pos, loff_t len,
			      bool write);
#endif

#ifdef HF_DAX_BREAK_LAYOUT
int hf_wrap_dax_break_layout(struct inode *inode, loff_t start, loff_t end,
			     void(cb)(struct inode *));
#else
struct page *hf_wrap_dax_layout_busy_page(struct address_space *mapping);
#endif

/* shared.c */
bool hf_asks_for_shared(const struct fiemap_extent_info *info);

/* stray.c */
struct hf_change *hf_stray_begin(struct hf_file *file,
				 const struct hf_change *change);
struct hf_change *hf_stray_here(struct hf_file *file);
void hf_strays_failed(long ret);
void hf_stray_passed(struct hf_change *change);

#endif
