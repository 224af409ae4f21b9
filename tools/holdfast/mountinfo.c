// SPDX-License-Identifier: GPL-2.0
/* Mounts and swap, see mountinfo.h. */
#include <errno.h>

#include "mountinfo.h"

static int each(int (*parse)(struct libmnt_table *table, const char *path),
		const char *path, mount_fn *fn, void *arg)
{
	struct libmnt_table *table = mnt_new_table();
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	int err = table && iter ? parse(table, path) : -ENOMEM;
	struct libmnt_fs *fs;

	while (!err && !mnt_table_next_fs(table, iter, &fs))
		if (!fn(fs, arg))
			break;
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return err;
}

int each_mount(mount_fn *fn, void *arg)
{
	return each(mnt_table_parse_file, "/proc/self/mountinfo", fn, arg);
}

int each_swap(mount_fn *fn, void *arg)
{
	return each(mnt_table_parse_swaps, NULL, fn, arg);
}
