/* SPDX-License-Identifier: GPL-2.0 */
/* What is hooked: see table.c. */
#ifndef HF_HOOKS_TABLE_H
#define HF_HOOKS_TABLE_H

#include "core/hook.h"

extern const struct hf_hook_source hf_all_hooks;

#endif
