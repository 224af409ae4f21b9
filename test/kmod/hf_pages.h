/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /dev/hf_pages: what the kernel knows of a page, which /proc/kpagecount and
 * /proc/kpageflags do not tell of pages of a device. Eight bytes for each page;
 * the offset is that of /proc/kpageflags: eight times the page's number.
 */
#ifndef HF_PAGES_H
#define HF_PAGES_H

#include <linux/ioctl.h>

#define PAGES_DEVICE "/dev/hf_pages"

#define PAGES_COUNT    0xffffffffULL /* its own reference count */
#define PAGES_RESERVED (1ULL << 32)
#define PAGES_PINNED   (1ULL << 33) /* as far as can be told */
#define PAGES_DAX      (1ULL << 34) /* of a device */

/* The argument is the page's number: it is not poisoned any more. */
#define PAGES_UNPOISON _IO('H', 0)

#endif
