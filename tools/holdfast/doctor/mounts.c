// SPDX-License-Identifier: GPL-2.0
/* Filesystems: which of them have DAX, and why the others do not. */
#include <fcntl.h>
#include <linux/types.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "checks.h"
#include "disk.h"

#define HUGE (UINT64_C(2) << 20)
#define WHY_REFUSED \
	"the kernel refuses to register files that have no DAX, and so does Holdfast"
#define WHY_SLOW                                                              \
	"the filesystem then seldom places files so that they can be mapped " \
	"by pages of 2 MiB, and registering takes longer"

/* From xfs_fs.h, which the kernel does not export. */
struct xfs_geometry {
	__u32 sizes[8];
	__u64 counts[4];
	unsigned char uuid[16];
	__u32 sunit, swidth;
	__s32 version;
	__u32 flags;
	__u32 more[6];
	__u64 reserved[17];
};
#define XFS_GEOMETRY	     _IOR('X', 126, struct xfs_geometry)
#define XFS_GEOMETRY_REFLINK (1 << 20)

static bool is_xfs(const struct mntent *mount)
{
	return !strcmp(mount->mnt_type, "xfs");
}

static char *mount_anew(const struct mntent *mount)
{
	return command_text(
		"umount %s && mount -o dax=always %s %s (and in /etc/fstab)",
		mount->mnt_dir, mount->mnt_fsname, mount->mnt_dir);
}

/* The value of a mount option as a number, or 0. */
static uint64_t option_number(const struct mntent *mount, const char *name)
{
	const char *option = hasmntopt(mount, name);

	return option && option[strlen(name)] == '='
		       ? strtoull(option + strlen(name) + 1, NULL, 10)
		       : 0;
}

/* XFS shows its stripe in sectors, ext4 in blocks. */
static void check_stripe(struct doctor *doctor, const struct mntent *mount,
			 uint64_t block)
{
	bool xfs = is_xfs(mount);
	uint64_t stripe = xfs ? option_number(mount, "sunit") * 512
			      : option_number(mount, "stripe") * block;

	if (stripe && !(stripe % HUGE)) {
		found_good(doctor, "%s: files get blocks in pieces of 2 MiB",
			   mount->mnt_dir);
		return;
	}
	found(doctor, NOTE, WHY_SLOW,
	      xfs ? command_text(
			    "mkfs.xfs -d su=2m,sw=1 %s (erases it); or, for new "
			    "files, xfs_io -c 'extsize 2m' %s",
			    mount->mnt_fsname, mount->mnt_dir)
		  : command_text(
			    "umount %s && tune2fs -E stride=512,stripe_width=512 %s",
			    mount->mnt_dir, mount->mnt_fsname),
	      "%s: the filesystem does not know of pieces of 2 MiB",
	      mount->mnt_dir);
}

static void check_reflink(struct doctor *doctor, const struct mntent *mount)
{
	int fd = open(mount->mnt_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct xfs_geometry geometry;

	if (fd < 0)
		return;
	if (is_xfs(mount) && !ioctl(fd, XFS_GEOMETRY, &geometry))
		found_good(doctor, "%s: files %s share blocks (reflink=%d)",
			   mount->mnt_dir,
			   geometry.flags & XFS_GEOMETRY_REFLINK ? "can"
								 : "cannot",
			   !!(geometry.flags & XFS_GEOMETRY_REFLINK));
	close(fd);
}

static void check_place(struct doctor *doctor, const struct mntent *mount,
			const struct disk *disk, uint64_t block)
{
	if (disk->start % HUGE)
		found(doctor, WARNING,
		      "no file of it can be mapped by pages of 2 MiB, so "
		      "registering takes 512 times as many steps",
		      command_text(
			      "parted -a none /dev/%s (and make the partition anew "
			      "at a multiple of 2 MiB; erases it)",
			      disk->name),
		      "%s: its partition %s begins at %llu KiB, which is no "
		      "multiple of 2 MiB",
		      mount->mnt_dir, disk->name,
		      (unsigned long long)disk->start >> 10);
	else
		check_stripe(doctor, mount, block);
	check_reflink(doctor, mount);
}

enum dax_mode {
	DAX_INODE,
	DAX_ALWAYS,
	DAX_NEVER
};

static enum dax_mode mode_of(const struct mntent *mount)
{
	if (hasmntopt(mount, "dax=never"))
		return DAX_NEVER;
	if (!hasmntopt(mount, "dax") || hasmntopt(mount, "dax=inode"))
		return DAX_INODE;
	return DAX_ALWAYS;
}

static void check_mode(struct doctor *doctor, const struct mntent *mount,
		       const struct disk *disk)
{
	switch (mode_of(mount)) {
	case DAX_ALWAYS:
		found_good(doctor, "%s: %s with DAX on %s", mount->mnt_dir,
			   mount->mnt_type, disk->name);
		break;
	case DAX_INODE:
		found(doctor, NOTE, WHY_REFUSED,
		      command_text("xfs_io -c 'chattr +x' %s (for new files)",
				   mount->mnt_dir),
		      "%s: mounted without dax=always: only files with the "
		      "attribute x have DAX",
		      mount->mnt_dir);
		break;
	case DAX_NEVER:
		found(doctor, PROBLEM, WHY_REFUSED, mount_anew(mount),
		      "%s: no DAX: mounted with dax=never, or the kernel turned "
		      "DAX off then (see 'dmesg')",
		      mount->mnt_dir);
		break;
	}
}

/* Whether there is, or can be, DAX on it. */
static bool check_mount(struct doctor *doctor, const struct mntent *mount,
			const struct disk *disk)
{
	unsigned long page = sysconf(_SC_PAGESIZE);
	struct statvfs fs;

	if (!disk->dax && strncmp(disk->name, "pmem", 4))
		return false; /* an ordinary disk */
	if (statvfs(mount->mnt_dir, &fs))
		return false;
	if (!disk->dax)
		found(doctor, PROBLEM, WHY_REFUSED, NULL,
		      "%s: no DAX: %s has none (see its namespace)",
		      mount->mnt_dir, disk->name);
	else if (fs.f_bsize != page)
		found(doctor, PROBLEM, WHY_REFUSED,
		      command_text(
			      "umount %s && mkfs.%s -b %s%lu %s (erases it)",
			      mount->mnt_dir, mount->mnt_type,
			      is_xfs(mount) ? "size=" : "", page,
			      mount->mnt_fsname),
		      "%s: no DAX: its blocks have %lu bytes, and DAX needs %lu",
		      mount->mnt_dir, fs.f_bsize, page);
	else
		check_mode(doctor, mount, disk);
	if (!disk->dax || fs.f_bsize != page || mode_of(mount) == DAX_NEVER)
		return false;
	check_place(doctor, mount, disk, fs.f_bsize);
	return true;
}

/* The first mount of each filesystem is enough. */
static bool is_new(dev_t dev, dev_t **seen, size_t *count)
{
	dev_t *more;

	for (size_t i = 0; i < *count; i++)
		if ((*seen)[i] == dev)
			return false;
	more = reallocarray(*seen, *count + 1, sizeof(**seen));
	if (!more)
		return true;
	more[(*count)++] = dev;
	*seen = more;
	return true;
}

void check_mounts(struct doctor *doctor)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *mount;
	dev_t *seen = NULL;
	size_t count = 0;
	bool any = false;

	while (mounts && (mount = getmntent(mounts))) {
		struct disk disk;
		struct stat st;

		/* Another filesystem may not answer. */
		if (!is_xfs(mount) && strcmp(mount->mnt_type, "ext4"))
			continue;
		if (!stat(mount->mnt_dir, &st) &&
		    is_new(st.st_dev, &seen, &count) &&
		    disk_read(&disk, st.st_dev))
			any |= check_mount(doctor, mount, &disk);
	}
	if (mounts)
		endmntent(mounts);
	free(seen);
	if (!any)
		found(doctor, PROBLEM,
		      "leases protect files of XFS and ext4 that are mapped from "
		      "persistent memory",
		      command_text(
			      "mkfs.xfs -d su=2m,sw=1 /dev/pmem0 && mount -o "
			      "dax=always /dev/pmem0 /mnt/pmem"),
		      "no filesystem with DAX is mounted");
}
