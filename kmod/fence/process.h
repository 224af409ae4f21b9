/* SPDX-License-Identifier: GPL-2.0 */
/* Processes, and what they have open: see process.c. */
#ifndef HF_FENCE_PROCESS_H
#define HF_FENCE_PROCESS_H

#include "core/types.h"

/* As iterate_fd() has it; without a descriptor for what is mapped. */
typedef int (*hf_file_look_t)(const void *arg, struct file *file,
			      unsigned int fd);

struct task_struct *hf_process_next(int *nr);
bool hf_process_uses(struct task_struct *process, const struct mm_struct *mm);
struct mm_struct *hf_process_mm(struct task_struct *process);
bool hf_process_files(struct task_struct *process, hf_file_look_t look,
		      const void *arg);

#endif
