// SPDX-License-Identifier: GPL-2.0
/*
 * What says where a file's next blocks come from (extent size, that of copy on
 * write, the realtime device) does not change under a lease: EBUSY. All else
 * that FS_IOC_FSSETXATTR sets does.
 */
#define _GNU_SOURCE
#include "extents.h"

#define PATH   PMEM "hints"
#define OTHER  PMEM "hints.other"
#define LENGTH (4 * MIB)

static struct fsxattr attr_get(int fd)
{
	struct fsxattr attr;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &attr))
		tap_bail("FS_IOC_FSGETXATTR: %s", strerror(errno));
	return attr;
}

static int attr_set(int fd, struct fsxattr attr)
{
	return ioctl(fd, FS_IOC_FSSETXATTR, &attr) ? errno : 0;
}

static int set_cowextsize(int fd, uint32_t bytes)
{
	struct fsxattr attr = attr_get(fd);

	attr.fsx_xflags &= ~FS_XFLAG_COWEXTSIZE;
	attr.fsx_xflags |= bytes ? FS_XFLAG_COWEXTSIZE : 0;
	attr.fsx_cowextsize = bytes;
	return attr_set(fd, attr);
}

static int set_extsize(int fd, uint32_t bytes)
{
	struct fsxattr attr = attr_get(fd);

	attr.fsx_xflags &= ~FS_XFLAG_EXTSIZE;
	attr.fsx_xflags |= bytes ? FS_XFLAG_EXTSIZE : 0;
	attr.fsx_extsize = bytes;
	return attr_set(fd, attr);
}

static int set_flag(int fd, uint32_t flag, bool on)
{
	struct fsxattr attr = attr_get(fd);

	attr.fsx_xflags &= ~flag;
	attr.fsx_xflags |= on ? flag : 0;
	return attr_set(fd, attr);
}

static void test_kind(enum holdfast_kind kind, const char *what)
{
	int fd = file_make(PATH, LENGTH), other = file_make(OTHER, LENGTH);
	int lease;

	if (set_cowextsize(fd, MIB))
		tap_bail("cowextsize: %s", strerror(errno));
	lease = lease_make(fd, 0, LENGTH / 2, kind, LONG_BREAK);
	tap_is(set_cowextsize(fd, 8 * MIB), EBUSY, "%s: cowextsize: EBUSY",
	       what);
	tap_is(set_cowextsize(fd, 0), EBUSY, "%s: none: EBUSY", what);
	tap_is(attr_get(fd).fsx_cowextsize, MIB, "%s: it is as it was", what);
	tap_is(set_extsize(fd, 8 * MIB), EBUSY, "%s: extsize: EBUSY", what);
	tap_is(set_flag(fd, FS_XFLAG_REALTIME, true), EBUSY,
	       "%s: realtime: EBUSY", what);
	tap_is(attr_set(fd, attr_get(fd)), 0, "%s: all as it is", what);
	tap_is(set_cowextsize(fd, MIB), 0, "%s: cowextsize as it is", what);
	tap_is(set_flag(fd, FS_XFLAG_NODUMP, true), 0, "%s: another flag",
	       what);
	tap_ok(attr_get(fd).fsx_xflags & FS_XFLAG_NODUMP, "%s: is set", what);
	tap_is(set_cowextsize(other, 8 * MIB), 0, "%s: another file's", what);
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "%s: the lease hears nothing of it", what);
	tap_is(hf_release(lease), 0, "%s: released", what);
	tap_is(set_cowextsize(fd, 8 * MIB), 0, "%s: cowextsize after that",
	       what);
	tap_is(attr_get(fd).fsx_cowextsize, 8 * MIB, "%s: is set", what);
	close(fd);
	close(other);
	unlink(PATH);
	unlink(OTHER);
}

int main(void)
{
	if (!fs_is_xfs()) {
		tap_skip("only XFS takes such hints");
		return tap_done();
	}
	test_kind(HOLDFAST_BREAKABLE, "breakable");
	test_kind(HOLDFAST_EXCLUSIVE, "exclusive");
	return tap_done();
}
