/* SPDX-License-Identifier: GPL-2.0 */
/* Where a wrapper was called from: see caller.c. */
#ifndef HF_CORE_CALLER_H
#define HF_CORE_CALLER_H

#include <linux/types.h>

/* Called by hf_hook_entry(). */
void hf_caller_note(unsigned long caller, unsigned long sp);

unsigned long hf_caller_take(unsigned long return_address);

/* For the self-test. */
bool hf_caller_is_noted(void);

#endif
