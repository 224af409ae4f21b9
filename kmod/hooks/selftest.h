/* SPDX-License-Identifier: GPL-2.0 */
/* A call of every hook when the module is loaded: see selftest.c. */
#ifndef HF_HOOKS_SELFTEST_H
#define HF_HOOKS_SELFTEST_H

#include <linux/init.h>

int hf_hooks_test(void);

#endif
