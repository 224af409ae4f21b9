/* SPDX-License-Identifier: GPL-2.0 */
/* The device: see dev.c. */
#ifndef HF_DEV_H
#define HF_DEV_H

#include "core/types.h"

extern const struct file_operations hf_fops;

#endif
