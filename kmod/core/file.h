/* SPDX-License-Identifier: GPL-2.0 */
/* Leased files: see file.c. */
#ifndef HF_CORE_FILE_H
#define HF_CORE_FILE_H

#include "core/types.h"

/* Zombies are reaped and files freed here: neither may wait for the other. */
extern struct workqueue_struct *hf_wq;

int hf_files_init(work_func_t fence);
void hf_files_exit(void);
bool hf_inode_leased(const struct inode *inode);
struct hf_file *hf_file_find(const struct inode *inode);
struct hf_file *hf_file_get(struct inode *inode, bool dram,
			    unsigned long cow_unit);
void hf_file_unbind(struct hf_file *file);
void hf_file_put(struct hf_file *file);
int hf_file_quiesce(struct hf_file *file);
void hf_fence_schedule(struct hf_file *file);

#endif
