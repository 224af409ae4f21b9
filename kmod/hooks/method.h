/* SPDX-License-Identifier: GPL-2.0 */
/* Hooks on a filesystem's own methods: see method.c. */
#ifndef HF_HOOKS_METHOD_H
#define HF_HOOKS_METHOD_H

#include <linux/types.h>

struct file;
struct hf_hook_set;

bool hf_method_set_is_of(const struct hf_hook_set *set,
			 const struct file *target);
struct hf_hook_set *hf_method_set_new(struct file *target);

#endif
