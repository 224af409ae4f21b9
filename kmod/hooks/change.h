/* SPDX-License-Identifier: GPL-2.0 */
/* Changes of size, blocks and units of leased files: see change.c. */
#ifndef HF_HOOKS_CHANGE_H
#define HF_HOOKS_CHANGE_H

#include <linux/fs.h>
#include "compat/compat.h"

int hf_wrap_vfs_fallocate(struct file *filp, int mode, loff_t offset,
			  loff_t length);
long hf_wrap_fallocate(struct file *filp, int mode, loff_t offset,
		       loff_t length);
int hf_wrap_notify_change(HF_IDMAP *idmap, struct dentry *dentry,
			  struct iattr *attr, HF_DELEGATED_INODE *delegated);
int hf_wrap_vfs_fileattr_set(HF_IDMAP *idmap, struct dentry *dentry,
			     HF_FILEATTR *attr);

#endif
