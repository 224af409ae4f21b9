/* SPDX-License-Identifier: GPL-2.0 */
/* Mounts that this process sees, and swap, as libmount reads them. */
#ifndef HOLDFAST_MOUNTINFO_H
#define HOLDFAST_MOUNTINFO_H

#include <libmount/libmount.h>
#include <stdbool.h>

/* Both call @fn until it returns false. 0 or a negative errno value. */
typedef bool mount_fn(struct libmnt_fs *fs, void *arg);
int each_mount(mount_fn *fn, void *arg);
int each_swap(mount_fn *fn, void *arg);

#endif
