/* SPDX-License-Identifier: GPL-2.0 */
/* Pages that fail: see poison.c. */
#ifndef HF_HOOKS_POISON_H
#define HF_HOOKS_POISON_H

/* No page has this number. The self-test calls the wrapper with it. */
#define HF_POISON_TEST_PFN (~0UL)

int hf_wrap_memory_failure(unsigned long pfn, int flags);

#endif
